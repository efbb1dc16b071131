//! Password hashes as other programs stored them: taken apart once, within bounds, and verified as they would.
//!
//! | family | how the stored text looks |
//! | --- | --- |
//! | Argon2 | PHC `$argon2id$`, `$argon2i$`, `$argon2d$`; Django `argon2$...`; LDAP `{ARGON2}` |
//! | bcrypt | `$2a$`, `$2b$`, `$2y$`; WordPress `$wp$2y$`; Django `bcrypt$`, `bcrypt_sha256$`; passlib `$bcrypt-sha256$v=2,..` |
//! | Magento | `hash:salt:versions`; 64 hex digits: HMAC-SHA256 under a crypt key (magento-webapi 10) |
//! | Ibexa | `{ibexa-1}md5`, `{ibexa-2}md5:login`, `{ibexa-3}md5:site:login`, `{ibexa-4}*sha1`; types 6 and 7 are bcrypt or Argon2 |
//! | PBKDF2 | PHC and passlib `$pbkdf2-sha256$..`, Django `pbkdf2_sha256$..`, LDAP `{PBKDF2-SHA256}..`, Werkzeug `pbkdf2:sha256:..` |
//! | scrypt | PHC and passlib `$scrypt$..`, `$7$..`, Django `scrypt$..`, Werkzeug `scrypt:..` |
//! | phpass | `$P$`, `$H$`, Drupal `$S$`, and `U` before them (over the MD5 of the password) |
//! | SHA-crypt | `$5$`, `$6$` |
//! | digests | LDAP `{SSHA}`, `{SHA256}` and so on, Django `md5$`, `sha1$`, Symfony `{symfony-sha512}..`, MD5 as 32 hex digits |

mod argon2;
mod bcrypt;
mod digests;
mod encoding;
mod ibexa;
mod keys;
mod magento;
mod pbkdf2;
mod phpass;
mod scrypt;
mod sha_crypt;

pub use keys::CryptKeys;

use super::{Cost, work::Memory};
use std::fmt;

/// The largest memory that a stored hash may ask for beyond our own cost, in KiB (what Django stores asks for as much).
const MOST_MEMORY_KIB: u32 = 102_400;
/// The most passes x KiB that a stored hash may ask for: four passes over 64 MiB.
const MOST_WORK: u64 = 4 * 65_536;
/// The longest text that is read, in bytes.
const LONGEST_TEXT: usize = 1024;

/// Why a stored text cannot be verified. No message repeats any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// In no format that is known.
    #[error("the password hash is in no known format")]
    Unknown,
    /// It begins like one of this family and does not go on like one.
    #[error("the password hash begins like {0} and is none")]
    Broken(&'static str),
    /// It asks for more memory or time than is given.
    #[error("the password hash ({0}) asks for more memory or time than is given to one")]
    TooCostly(&'static str),
}

/// A stored password hash, taken apart and within bounds.
#[derive(Clone)]
pub struct StoredHash(Form);

#[derive(Clone)]
enum Form {
    Argon2(argon2::Argon2Hash),
    Bcrypt(bcrypt::Bcrypt),
    Digest(digests::Digest),
    Ibexa(ibexa::Ibexa),
    Magento(magento::Magento),
    Pbkdf2(pbkdf2::Pbkdf2),
    Phpass(phpass::Phpass),
    Scrypt(scrypt::Scrypt),
    ShaCrypt(sha_crypt::ShaCrypt),
}

/// What verifying needs besides the password.
pub(super) struct Tools<'a> {
    pub(super) memory: Memory<'a>,
    pub(super) keys: &'a CryptKeys,
}

impl StoredHash {
    /// Takes a stored text apart.
    ///
    /// # Errors
    /// When its format is unknown, it is broken, or it asks for more than 100 MiB, four passes over 64 MiB, 16 lanes,
    /// bcrypt cost 16, or comparable numbers of rounds.
    pub fn parse(text: &str) -> Result<Self, Unusable> {
        Self::parse_beside(text, Cost::default())
    }

    /// As [`StoredHash::parse`]; what our own cost allows is allowed to Argon2 too.
    pub(super) fn parse_beside(text: &str, own: Cost) -> Result<Self, Unusable> {
        if text.len() > LONGEST_TEXT || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte) || byte >= 0x80) {
            return Err(Unusable::Unknown);
        }
        let form = match text.as_bytes().first() {
            Some(b'$') => dollars(text, own),
            Some(b'{') => braces(text, own),
            _ => bare(text, own),
        };
        form.map(Self)
    }

    /// The family, in a word for reports.
    pub fn family(&self) -> &'static str {
        match &self.0 {
            Form::Argon2(_) => "argon2",
            Form::Bcrypt(_) => "bcrypt",
            Form::Digest(_) => "digest",
            Form::Ibexa(_) => "ibexa",
            Form::Magento(_) => "magento",
            Form::Pbkdf2(_) => "pbkdf2",
            Form::Phpass(_) => "phpass",
            Form::Scrypt(_) => "scrypt",
            Form::ShaCrypt(_) => "sha-crypt",
        }
    }

    /// Whether it can only be verified with a Magento crypt key.
    pub fn needs_crypt_key(&self) -> bool {
        matches!(&self.0, Form::Magento(magento) if magento.needs_key())
    }

    /// How much work it is, to the power of two: hashes of one family and size take about the same time.
    pub(super) fn size(&self) -> u32 {
        let work = match &self.0 {
            Form::Argon2(hash) => u64::from(hash.cost.memory_kib) * u64::from(hash.cost.iterations),
            Form::Bcrypt(hash) => 1 << hash.cost(),
            Form::Magento(hash) => hash.work(),
            Form::Pbkdf2(hash) => hash.work(),
            Form::Phpass(hash) => hash.work(),
            Form::Scrypt(hash) => hash.work(),
            Form::ShaCrypt(hash) => hash.work(),
            Form::Digest(hash) => hash.work(),
            Form::Ibexa(_) => 1,
        };
        work.max(1).ilog2()
    }

    /// The cost of an Argon2id hash of the version that we make; `None` of all others.
    pub(super) fn cost(&self) -> Option<Cost> {
        match &self.0 {
            Form::Argon2(hash) => hash.is_ours().then_some(hash.cost),
            _ => None,
        }
    }

    pub(super) fn verify(&self, password: &[u8], tools: &mut Tools<'_>) -> bool {
        match &self.0 {
            Form::Argon2(hash) => hash.verify(password, &mut tools.memory),
            Form::Bcrypt(hash) => hash.verify(password),
            Form::Digest(hash) => hash.verify(password),
            Form::Ibexa(hash) => hash.verify(password),
            Form::Magento(hash) => hash.verify(password, tools),
            Form::Pbkdf2(hash) => hash.verify(password),
            Form::Phpass(hash) => hash.verify(password),
            Form::Scrypt(hash) => hash.verify(password, &tools.memory),
            Form::ShaCrypt(hash) => hash.verify(password),
        }
    }
}

/// The family and nothing else.
impl fmt::Debug for StoredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoredHash").field(&self.family()).finish()
    }
}

/// `$name$...`
fn dollars(text: &str, own: Cost) -> Result<Form, Unusable> {
    let name = text.split('$').nth(1).unwrap_or_default();
    match name {
        "argon2id" | "argon2i" | "argon2d" => argon2::parse(text, own).map(Form::Argon2),
        "2a" | "2b" | "2y" | "wp" | "bcrypt-sha256" => bcrypt::parse(text).map(Form::Bcrypt),
        "5" | "6" => sha_crypt::parse(text).map(Form::ShaCrypt),
        "7" | "scrypt" => scrypt::parse(text).map(Form::Scrypt),
        "P" | "H" | "S" => phpass::parse(text).map(Form::Phpass),
        _ if name.starts_with("pbkdf2") => pbkdf2::parse(text).map(Form::Pbkdf2),
        _ => Err(Unusable::Unknown),
    }
}

/// `{scheme}...`, whatever the scheme's case.
fn braces(text: &str, own: Cost) -> Result<Form, Unusable> {
    let (scheme, rest) = text.strip_prefix('{').and_then(|text| text.split_once('}')).ok_or(Unusable::Unknown)?;
    let scheme = scheme.to_ascii_lowercase();
    match &*scheme {
        // Another program's format under LDAP's name for it.
        "crypt" | "argon2" | "bcrypt" if rest.starts_with('$') => dollars(rest, own),
        _ if scheme.starts_with("ibexa-") => ibexa::parse(&scheme, rest).map(Form::Ibexa),
        _ if scheme.starts_with("pbkdf2") => pbkdf2::parse_ldap(&scheme, rest).map(Form::Pbkdf2),
        _ => digests::parse_scheme(&scheme, rest).map(Form::Digest),
    }
}

/// Neither: Django's `name$...`, Werkzeug's `name:...`, Magento, bare digests.
fn bare(text: &str, own: Cost) -> Result<Form, Unusable> {
    let rest = |name: &str| text.strip_prefix(name);
    if text.starts_with("U$") {
        return phpass::parse(text).map(Form::Phpass);
    }
    if let Some(phc) = rest("argon2").filter(|phc| phc.starts_with("$argon2")) {
        return argon2::parse(phc, own).map(Form::Argon2);
    }
    if text.starts_with("pbkdf2_") || text.starts_with("pbkdf2:") {
        return pbkdf2::parse(text).map(Form::Pbkdf2);
    }
    if text.starts_with("scrypt$") || text.starts_with("scrypt:") {
        return scrypt::parse(text).map(Form::Scrypt);
    }
    if text.starts_with("bcrypt$") || text.starts_with("bcrypt_sha256$") {
        return bcrypt::parse(text).map(Form::Bcrypt);
    }
    if text.contains('$') {
        return digests::parse_django(text).map(Form::Digest);
    }
    match text.len() {
        32 if !text.contains(':') => digests::parse_scheme("md5", text).map(Form::Digest),
        _ => magento::parse(text).map(Form::Magento),
    }
}

#[cfg(test)]
mod tests;
