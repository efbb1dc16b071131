//! `referer`: where a storefront's link to the sign-in page says that it comes from, as an encoded URL in the path
//! (`/customer/account/login/referer/aHR0cHM6.../`) or in the query. Only our own origin at this host is believed, and of its URL
//! only what follows the origin is kept, so nothing that it says leads to another site.

use super::Place;
use crate::api::Call;
use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use url::Url;

/// Base64 with `-` and `_`, padded or not.
const ENCODING: GeneralPurpose =
    GeneralPurpose::new(&URL_SAFE, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));
/// The longest that is read, in bytes.
const LONGEST: usize = 4096;

/// The path, query and fragment of the referer of a request, if it is one of ours.
pub(super) fn of(call: &Call<'_>) -> Option<String> {
    let page = call.request.path.strip_prefix(Place::of(call).base)?;
    let segment = || page.strip_prefix("/customer/account/")?.split('/').skip_while(|part| *part != "referer").nth(1);
    let query = call.request.query.unwrap_or_default();
    let named = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "referer").map(|(_, value)| value);
    let encoded = segment().map(str::to_owned).or_else(|| named.map(Into::into))?;
    inside(&decode(&encoded)?, &call.policy.origin_at(call.request.host)?)
}

/// Magento writes `~`, and earlier `,`, where Base64 has `=`.
fn decode(encoded: &str) -> Option<String> {
    if encoded.len() > LONGEST {
        return None;
    }
    let text = encoded.trim_end_matches(['~', ',', '=']);
    String::from_utf8(ENCODING.decode(text).ok()?).ok()
}

/// What follows the origin in a URL of this very origin.
fn inside(wanted: &str, origin: &str) -> Option<String> {
    let (wanted, own) = (Url::parse(wanted).ok()?, Url::parse(origin).ok()?);
    let same = wanted.origin() == own.origin() && own.origin().is_tuple();
    let plain = wanted.username().is_empty() && wanted.password().is_none();
    (same && plain).then(|| wanted.as_str().split_at(wanted[..url::Position::BeforePath].len()).1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_storefronts_write() {
        for (encoded, url) in [
            ("aHR0cHM6Ly9zaG9wLnRlc3QvYT9iPWM~", Some("https://shop.test/a?b=c")),
            ("aHR0cHM6Ly9zaG9wLnRlc3QvYT9iPWM,", Some("https://shop.test/a?b=c")),
            ("aHR0cHM6Ly9zaG9wLnRlc3QvYT9iPWM", Some("https://shop.test/a?b=c")),
            ("aHR0cHM6Ly9zaG9wLnRlc3QvYT9iPWM=", Some("https://shop.test/a?b=c")),
            ("aHR0cHM6Ly9zaG9wLnRlc3QvPz8_Pj4-", Some("https://shop.test/???>>>")),
            ("aHR0 cHM6", None),
            ("__8", None),
            ("", Some("")),
        ] {
            assert_eq!(decode(encoded).as_deref(), url, "{encoded}");
        }
        assert_eq!(decode(&"YQ".repeat(4096)), None);
    }

    #[test]
    fn only_our_own_origin_is_believed() {
        let origin = "https://shop.test";
        for (wanted, kept) in [
            ("https://shop.test/checkout/?step=2#pay", Some("/checkout/?step=2#pay")),
            ("https://SHOP.test:443", Some("/")),
            ("HTTPS://shop.test/a/../b", Some("/b")),
            ("https://shop.test//evil.example/x", Some("//evil.example/x")),
            ("http://shop.test/", None),
            ("https://shop.test:8443/", None),
            ("https://evil.example/", None),
            ("https://shop.test.evil.example/", None),
            ("https://shop.test@evil.example/", None),
            ("https://user:word@shop.test/", None),
            ("https://us.shop.test/", None),
            ("//shop.test/a", None),
            ("/a", None),
            ("javascript:alert(1)//https://shop.test", None),
            ("data:text/html,x", None),
            ("", None),
        ] {
            assert_eq!(inside(wanted, origin).as_deref(), kept, "{wanted}");
        }
    }
}
