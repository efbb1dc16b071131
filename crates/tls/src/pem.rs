//! Certificates and keys as they stand in files: PEM (RFC 7468). Errors continue the name of the file that they are about.

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::fmt;
use x509_parser::prelude::{FromDer, X509Certificate};

/// A certificate and those that vouch for it, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain(pub(crate) Vec<CertificateDer<'static>>);

impl Chain {
    /// Reads every certificate of a file; what else is in there is left out.
    ///
    /// # Errors
    /// There is none, or one of them cannot be read.
    pub fn read(text: &str) -> Result<Self, String> {
        let certificates = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|error| format!("cannot be read: {error}"))?;
        if certificates.is_empty() {
            return Err("holds no certificate in PEM (`-----BEGIN CERTIFICATE-----`)".into());
        }
        for (index, certificate) in certificates.iter().enumerate() {
            if parsed(certificate).is_none() {
                return Err(format!("holds something that is no certificate (number {})", index + 1));
            }
        }
        Ok(Self(certificates))
    }
}

/// A private key.
#[derive(PartialEq, Eq)]
pub struct Key(pub(crate) PrivateKeyDer<'static>);

impl Key {
    /// Reads the first private key of a file (PKCS #8, PKCS #1 or SEC 1).
    ///
    /// # Errors
    /// There is none, or it is encrypted.
    pub fn read(text: &str) -> Result<Self, String> {
        match PrivateKeyDer::from_pem_slice(text.as_bytes()) {
            Ok(key) => Ok(Self(key)),
            Err(_) if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED") => {
                Err("holds an encrypted key\ndecrypt it (`openssl pkey -in KEY -out PLAIN`) and let nobody else read the file"
                    .into())
            }
            Err(_) => Err("holds no private key in PEM (`-----BEGIN PRIVATE KEY-----`)".into()),
        }
    }
}

impl Clone for Key {
    fn clone(&self) -> Self {
        Self(self.0.clone_key())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// A certificate taken apart, when it is nothing but one.
pub(crate) fn parsed<'c>(certificate: &'c CertificateDer<'_>) -> Option<X509Certificate<'c>> {
    X509Certificate::from_der(certificate).ok().filter(|(rest, _)| rest.is_empty()).map(|(_, certificate)| certificate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_a_file_lacks() {
        assert!(Chain::read("").unwrap_err().contains("holds no certificate"));
        let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(Chain::read(nonsense).unwrap_err().contains("no certificate (number 1)"));
        assert!(Chain::read(&nonsense.replace("AAAA", "!")).unwrap_err().starts_with("cannot be read"));
        assert!(Key::read("").unwrap_err().contains("holds no private key"));
        assert!(Key::read("-----BEGIN ENCRYPTED PRIVATE KEY-----\n").unwrap_err().contains("encrypted"));
    }

    #[test]
    fn a_key_is_never_shown() {
        let pair = rcgen::KeyPair::generate().unwrap();
        assert_eq!(format!("{:?}", Key::read(&pair.serialize_pem()).unwrap()), "Key(..)");
    }
}
