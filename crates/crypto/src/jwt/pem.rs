//! Private keys in PEM (RFC 7468 10).

use super::BadKey;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// The PKCS#8 document of a text that holds one private key.
///
/// # Errors
/// When it holds none, several, or one of another form, such as an encrypted one.
pub fn pkcs8_of_pem(text: &str) -> Result<Zeroizing<Vec<u8>>, BadKey> {
    const OTHER: BadKey = BadKey::Unsupported("one `BEGIN PRIVATE KEY` is wanted (`openssl pkcs8 -topk8 -nocrypt` makes it)");
    let (_, rest) = text.split_once(BEGIN).ok_or(OTHER)?;
    let (body, behind) = rest.split_once(END).ok_or(OTHER)?;
    if behind.contains("-----BEGIN ") {
        return Err(OTHER);
    }
    let body: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    STANDARD.decode(body.as_bytes()).map(Zeroizing::new).map_err(|_| BadKey::Unsound("its text is not Base64"))
}

#[cfg(test)]
mod tests {
    use super::{super::SigningKey, *};

    /// RFC 8410 10.3.
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
                       -----END PRIVATE KEY-----\n";

    #[test]
    fn reads_the_key_of_rfc_8410() {
        for text in [KEY.to_owned(), KEY.replace('\n', "\r\n"), format!("a comment\n{KEY}")] {
            assert!(SigningKey::from_pkcs8(&pkcs8_of_pem(&text).unwrap()).is_ok(), "{text}");
        }
    }

    #[test]
    fn refuses_every_other_text() {
        for text in [
            String::new(),
            KEY.replace("PRIVATE KEY", "PUBLIC KEY"),
            KEY.replace("PRIVATE KEY", "RSA PRIVATE KEY"),
            KEY.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
            KEY.replace("-----END PRIVATE KEY-----", ""),
            KEY.replace("MC4C", "M!4C"),
            format!("{KEY}{KEY}"),
        ] {
            assert!(pkcs8_of_pem(&text).is_err(), "{text}");
        }
    }
}
