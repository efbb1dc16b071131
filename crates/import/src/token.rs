//! Opaque bearer tokens that still live (magento-webapi 6.4).

use crate::{
    Flaw, Item, Mapping,
    account::moment_of,
    mapping::Field,
    record::Record,
    roles::{self, kind},
    row::Settings,
};
use doorward_core::{Kind, Time};
use doorward_crypto::sha256;

/// A token as it was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The SHA-256 of the token: it is stored nowhere else.
    pub key: [u8; 32],
    /// The kind of account.
    pub kind: Kind,
    /// The account's id.
    pub account: u64,
    /// When it was issued.
    pub created: Time,
    /// When it ends, if ever.
    pub expires: Option<Time>,
}

/// The token of a row, unless it has ended.
pub(crate) fn token(mapping: &Mapping, record: &Record, settings: &Settings) -> Result<Item, Flaw> {
    let get = |field, name| roles::text(mapping, record, settings, field, name);
    let optional = |field: Field| match mapping.fields.get(&field) {
        Some(expression) => expression.text(record, &settings.variables),
        None => Ok(None),
    };
    let kind = match optional(Field::Kind)? {
        Some(name) => kind(&name).ok_or("the kind of the account is none")?,
        None => settings.kind,
    };
    if kind != settings.kind {
        return Ok(Item::LeftOut("it is of another kind of account than the directory"));
    }
    let text = get(Field::Token, "token")?;
    let sound = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    if !sound {
        return Err("the token is not 32 characters of a-z and 0-9".into());
    }
    let account = roles::number(get(Field::Account, "account")?, "account")?;
    let created = moment_of("created", optional(Field::Created)?)?.ok_or("the time of its creation is missing")?;
    let lifetime = optional(Field::Lifetime)?.map(|text| lifetime(&text).ok_or("the lifetime is none")).transpose()?;
    let expires = lifetime.map(|millis| Time(created.0.saturating_add(millis)));
    if expires.is_some_and(|expires| expires <= settings.now) {
        return Ok(Item::LeftOut("it has ended"));
    }
    Ok(Item::Token(Token { key: sha256(text.as_bytes()), kind, account, created, expires }))
}

/// `4h`, `90m`, `30s`, `2d`, in milliseconds.
fn lifetime(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds * 1000)
}
