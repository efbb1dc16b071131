//! Digests and the ways in which stored hashes are written.

use aws_lc_rs::digest;
use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use md5::Digest as _;
use std::fmt::Write as _;
use zeroize::Zeroizing;

/// A digest by which passwords were stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// By its name, in lower case, with or without a dash.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "md5" => Hash::Md5,
            "sha1" | "sha" | "sha-1" => Hash::Sha1,
            "sha256" | "sha-256" => Hash::Sha256,
            "sha384" | "sha-384" => Hash::Sha384,
            "sha512" | "sha-512" => Hash::Sha512,
            _ => return None,
        })
    }

    /// How many bytes it makes.
    pub(super) fn length(self) -> usize {
        match self {
            Hash::Md5 => 16,
            Hash::Sha1 => 20,
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
            Hash::Sha512 => 64,
        }
    }

    /// The digest of the parts, one after the other.
    pub(super) fn of(self, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        let algorithm = match self {
            Hash::Md5 => {
                let mut context = md5::Md5::new();
                parts.iter().for_each(|part| context.update(part));
                return Zeroizing::new(context.finalize().to_vec());
            }
            Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &digest::SHA256,
            Hash::Sha384 => &digest::SHA384,
            Hash::Sha512 => &digest::SHA512,
        };
        let mut context = digest::Context::new(algorithm);
        parts.iter().for_each(|part| context.update(part));
        Zeroizing::new(context.finish().as_ref().to_vec())
    }
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2 * bytes.len()));
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Bytes from hex of either case.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(pair.first()?)? << 4 | digit(pair.get(1)?)?)).collect()
}

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
const BCRYPT: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::BCRYPT, LENIENT);

/// The characters of `crypt` (3), in their order.
pub(super) const CRYPT64: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Bytes from base64: standard, with `.` for `+` (passlib), with `-` and `_` (RFC 4648 5), padded or not.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let plain: String = text
        .chars()
        .map(|c| match c {
            '.' | '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    STANDARD.decode(plain).ok()
}

/// Bytes from bcrypt's base64.
pub(super) fn bcrypt64(text: &str) -> Option<Vec<u8>> {
    BCRYPT.decode(text).ok()
}

/// Bytes from the base64 of phpass and `$7$`: six bits a character, lowest first.
pub(super) fn crypt64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    for group in text.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for (at, byte) in group.iter().enumerate() {
            bits |= crypt64_digit(*byte)? << (6 * at);
        }
        let [first, second, third, _] = bits.to_le_bytes();
        out.extend([first, second, third].iter().take(group.len() * 6 / 8));
    }
    Some(out)
}

/// The value of one character of [`CRYPT64`].
pub(super) fn crypt64_digit(byte: u8) -> Option<u32> {
    CRYPT64.iter().position(|known| *known == byte).and_then(|at| u32::try_from(at).ok())
}

/// A whole number without a sign.
pub(super) fn number(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}
