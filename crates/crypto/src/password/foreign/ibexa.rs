//! Ibexa's and eZ Publish's own hashes, by `password_hash_type`. Types 6 and 7 are stored as PHP made them; type 5 is
//! the password itself, which is hashed when it is imported and never stored.

use super::{
    Unusable,
    encoding::{Hash, unhex},
};
use crate::digest::same;

const NAME: &str = "an Ibexa hash";

#[derive(Clone)]
pub(super) struct Ibexa {
    expected: Vec<u8>,
    form: Form,
}

#[derive(Clone)]
enum Form {
    /// 1: MD5 of the password.
    Password,
    /// 2: MD5 of login and password, a line each.
    User(Box<str>),
    /// 3: MD5 of login, password and site, a line each.
    Site(Box<str>, Box<str>),
    /// 4: MySQL's `PASSWORD()` since 4.1: SHA-1 twice.
    MySql,
}

/// `{ibexa-1}md5`, `{ibexa-2}md5:login`, `{ibexa-3}md5:site:login`, `{ibexa-4}*sha1`.
pub(super) fn parse(scheme: &str, rest: &str) -> Result<Ibexa, Unusable> {
    let broken = Unusable::Broken(NAME);
    let (digits, form) = match scheme {
        "ibexa-1" => (rest, Form::Password),
        "ibexa-2" => {
            let (digits, login) = rest.split_once(':').ok_or(broken)?;
            (digits, Form::User(login.into()))
        }
        "ibexa-3" => {
            let (digits, rest) = rest.split_once(':').ok_or(broken)?;
            let (site, login) = rest.split_once(':').ok_or(broken)?;
            (digits, Form::Site(site.into(), login.into()))
        }
        "ibexa-4" => (rest.strip_prefix('*').ok_or(broken)?, Form::MySql),
        _ => return Err(Unusable::Unknown),
    };
    let length = if matches!(form, Form::MySql) { 20 } else { 16 };
    let expected = unhex(digits).filter(|bytes| bytes.len() == length).ok_or(broken)?;
    Ok(Ibexa { expected, form })
}

impl Ibexa {
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let made = match &self.form {
            Form::Password => Hash::Md5.of(&[password]),
            Form::User(login) => Hash::Md5.of(&[login.as_bytes(), b"\n", password]),
            Form::Site(site, login) => Hash::Md5.of(&[login.as_bytes(), b"\n", password, b"\n", site.as_bytes()]),
            Form::MySql => Hash::Sha1.of(&[&Hash::Sha1.of(&[password])]),
        };
        same(&made, &self.expected)
    }
}
