//! Certificates for one test, made on the spot.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// An authority of our own; its certificate is `NAME.pem` in a folder.
pub(crate) struct Authority {
    pub(crate) pem: String,
    pub(crate) issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
    name: String,
}

/// Parameters for a server's or client's certificate with these names.
pub(crate) fn params(names: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(name) = names.first() {
        params.distinguished_name.push(DnType::CommonName, *name);
    }
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = params(&[]);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

impl Authority {
    /// One that vouches for itself.
    pub(crate) fn root(folder: &Path, name: &str) -> Self {
        let (params, key) = (authority(name), KeyPair::generate().unwrap());
        let pem = params.self_signed(&key).unwrap().pem();
        Self::keep(folder, name, pem, params, key)
    }

    /// One that vouches for itself until then.
    pub(crate) fn ending(folder: &Path, name: &str, (year, month, day): (i32, u8, u8)) -> Self {
        let (mut params, key) = (authority(name), KeyPair::generate().unwrap());
        params.not_after = rcgen::date_time_ymd(year, month, day);
        let pem = params.self_signed(&key).unwrap().pem();
        Self::keep(folder, name, pem, params, key)
    }

    /// One that this one vouches for.
    pub(crate) fn below(&self, name: &str) -> Self {
        let (params, key) = (authority(name), KeyPair::generate().unwrap());
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        Self::keep(&self.folder, name, pem, params, key)
    }

    fn keep(folder: &Path, name: &str, pem: String, params: CertificateParams, key: KeyPair) -> Self {
        fs::write(folder.join(format!("{name}.pem")), &pem).unwrap();
        Self { pem, issuer: Issuer::new(params, key), folder: folder.to_owned(), name: name.to_owned() }
    }

    /// The file with its certificate.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join(format!("{}.pem", self.name))
    }

    /// Writes `FILE.pem` (the certificate, then `above`) and `FILE.key`.
    pub(crate) fn issue(&self, file: &str, params: &CertificateParams, above: &str) {
        let key = KeyPair::generate().unwrap();
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        // The key first: who looks in between must find a pair that does not match rather than an old key.
        fs::write(self.folder.join(format!("{file}.key")), key.serialize_pem()).unwrap();
        fs::write(self.folder.join(format!("{file}.pem")), pem + above).unwrap();
    }

    /// The same for a server of these names, that lasts.
    pub(crate) fn server(&self, file: &str, names: &[&str]) {
        self.issue(file, &params(names), &self.pem);
    }
}
