//! The hash of a site's name in the names of its cookies, as Ibexa writes it (ibexa-rest 1.6). It keeps nothing secret.

use md5::{Digest, Md5};
use std::fmt::Write;

/// MD5 of the name, in lower-case hex.
pub fn of(site: &str) -> String {
    Md5::digest(site.as_bytes()).iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn is_the_md5_of_the_name() {
        assert_eq!(super::of("default"), "c21f969b5f03d33d43e04f8f136e7682");
        assert_eq!(super::of("admin"), "21232f297a57a5a743894a0e4a801fc3");
    }
}
