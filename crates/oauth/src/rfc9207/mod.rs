//! Authorization Server Issuer Identification (RFC 9207): every answer says who gives it, so that a client of several servers
//! is not mixed up.

use url::form_urlencoded::Serializer;

/// Where a browser is sent with an answer: the redirect URI, with `parameters`, the `state` of the request and `iss` (RFC
/// 9207 2) behind what its query holds already (RFC 6749 4.1.2). The redirect URI was checked before.
pub fn answer(redirect_uri: &str, parameters: &[(&str, &str)], state: Option<&str>, issuer: &str) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(parameters);
    if let Some(state) = state {
        query.append_pair("state", state);
    }
    query.append_pair("iss", issuer);
    let joint = match redirect_uri.split_once('?') {
        None => "?",
        Some((_, rest)) if rest.is_empty() || rest.ends_with('&') => "",
        Some(_) => "&",
    };
    [redirect_uri, joint, &query.finish()].concat()
}

#[cfg(test)]
mod tests {
    use super::answer;

    const ISSUER: &str = "https://shop.example.com";

    #[test]
    fn every_answer_names_the_issuer() {
        assert_eq!(
            answer("https://app.example.com/cb", &[("code", "x y")], Some("a&b"), ISSUER),
            "https://app.example.com/cb?code=x+y&state=a%26b&iss=https%3A%2F%2Fshop.example.com"
        );
        assert!(answer("https://app.example.com/cb", &[("error", "access_denied")], None, ISSUER).contains("iss="));
    }

    #[test]
    fn a_query_of_the_redirect_uri_is_kept() {
        for (uri, start) in [
            ("https://a.example/cb?x=1", "https://a.example/cb?x=1&code=c&iss="),
            ("https://a.example/cb?", "https://a.example/cb?code=c&iss="),
            ("com.example.app:/cb", "com.example.app:/cb?code=c&iss="),
        ] {
            let url = answer(uri, &[("code", "c")], None, ISSUER);
            assert!(url.starts_with(start), "{url}");
        }
    }

    #[test]
    fn nothing_that_a_client_sends_breaks_out_of_its_parameter() {
        let url = answer("https://a.example/cb", &[("code", "c")], Some("x&iss=https://evil\r\nSet-Cookie: a=b#"), ISSUER);
        assert!(url.bytes().all(|b| matches!(b, 0x21..=0x7e)), "{url}");
        let parsed = url::Url::parse(&url).unwrap();
        let issuers: Vec<_> = parsed.query_pairs().filter(|(name, _)| name == "iss").collect();
        assert_eq!((issuers.len(), &*issuers[0].1, parsed.fragment()), (1, ISSUER, None));
    }
}
