//! The compact serialization (RFC 7515 7.1): three parts in base64url, strictly.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// A token in its parts, still encoded.
pub(crate) struct Parts<'a> {
    pub(crate) header: &'a str,
    pub(crate) payload: &'a str,
    pub(crate) signature: &'a str,
    /// What was signed: header and payload with the dot between.
    pub(crate) signed: &'a str,
}

/// The parts of a token of `longest` bytes at most. `None` unless there are exactly three.
pub(crate) fn split(token: &str, longest: usize) -> Option<Parts<'_>> {
    if token.len() > longest {
        return None;
    }
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    (!payload.contains('.')).then_some(Parts { header, payload, signature, signed })
}

/// The bytes of a part. `None` for padding, white space, bits that are left over, and every other alphabet.
pub(crate) fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

/// Bytes as a part.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token of a header that is encoded already, and a payload that `sign` signs.
pub(crate) fn join(header: &str, payload: &[u8], sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let mut token = unsigned(header, payload);
    let signature = sign(token.as_bytes());
    push(&mut token, &signature);
    token
}

/// Header and payload with the dot between: what is signed.
pub(crate) fn unsigned(header: &str, payload: &[u8]) -> String {
    let mut token = String::with_capacity(header.len() + payload.len() * 4 / 3 + 100);
    token.push_str(header);
    push(&mut token, payload);
    token
}

/// Puts one more part behind a dot.
pub(crate) fn push(token: &mut String, part: &[u8]) {
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(part, token);
}
