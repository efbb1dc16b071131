use super::*;
use crate::api::world::World;
use doorward_core::{Source, Target, access::AccessRule, firewall::AccessRules};
use std::sync::Arc;

#[test]
fn a_realm_is_a_quoted_string() {
    for (realm, header) in [
        ("Secured Area", r#"Basic realm="Secured Area", charset="UTF-8""#),
        (r#"a "b" \c"#, r#"Basic realm="a \"b\" \\c", charset="UTF-8""#),
        ("\n", r#"Basic realm="", charset="UTF-8""#),
    ] {
        assert_eq!(basic(realm), header);
    }
}

/// A firewall for access tokens in place of the world's own, and a rule that demands scopes.
fn policy(world: &World, realm: &str) -> (Policy, Arc<Firewall>, Arc<AccessRule>) {
    let mut policy = Policy::clone(&world.policy);
    let firewall =
        Firewall { authentication: Authentication::OAuth, realm: realm.into(), ..Firewall::clone(&policy.firewalls[0]) };
    let firewall = Arc::new(firewall);
    policy.firewalls = vec![Arc::clone(&firewall)];
    policy.origins = vec!["https://shop.example.com".into()];
    policy.hosts = Some(vec!["shop.example.com".into(), "api.example.com".into()]);
    let rule = AccessRule {
        path: None,
        host: None,
        methods: Vec::new(),
        ips: Vec::new(),
        roles: Vec::new(),
        scopes: vec!["orders:read".into(), "x".into()],
        source: Source::new("f", 1),
    };
    (policy, firewall, Arc::new(rule))
}

/// RFC 6750 3 and 3.1, RFC 9728 5.1: byte for byte, in each dialect.
#[tokio::test]
async fn a_challenge_for_access_tokens_says_what_helps_the_caller_and_no_more() {
    let world = World::new().await;
    let none = Refusal::new(Reason::NoFirewall, false);
    let invalid = Refusal::new(Reason::InvalidCredential("the signature is wrong"), false);
    let lacking = |known| {
        let (rule, required) = (Source::new("secret.toml", 9), vec!["orders:read".into(), "x".into()]);
        Refusal::new(Reason::InsufficientScope { rule, required, lacking: "x".into() }, known)
    };
    let refused = Refusal::new(Reason::AccessControl(Source::new("secret.toml", 9)), true);
    let scope = r#"scope="orders:read x""#;
    let at = |host: &str| format!(r#"resource_metadata="https://{host}/.well-known/oauth-protected-resource""#);
    let (shop, api) = (at("shop.example.com"), at("api.example.com"));
    let cases = [
        ("", "shop.example.com", &none, None, false, Some(format!("Bearer {shop}"))),
        ("", "api.example.com", &none, None, false, Some(format!("Bearer {api}"))),
        // A host that nobody configured is believed nowhere.
        ("", "evil.example.net", &none, None, false, Some(format!("Bearer {shop}"))),
        ("", "shop.example.com", &none, None, true, Some(format!("Bearer {scope}, {shop}"))),
        ("", "shop.example.com", &lacking(false), None, true, Some(format!("Bearer {scope}, {shop}"))),
        ("", "shop.example.com", &invalid, Some(Fault::Invalid), false, Some(format!(r#"Bearer error="invalid_token", {shop}"#))),
        ("", "shop.example.com", &invalid, Some(Fault::Account), false, Some(format!(r#"Bearer error="invalid_token", {shop}"#))),
        (
            "",
            "shop.example.com",
            &invalid,
            Some(Fault::Expired),
            true,
            Some(format!(r#"Bearer error="invalid_token", error_description="The token has expired", {scope}, {shop}"#)),
        ),
        (
            "",
            "shop.example.com",
            &lacking(true),
            None,
            true,
            Some(format!(r#"Bearer error="insufficient_scope", {scope}, {shop}"#)),
        ),
        ("My API", "shop.example.com", &none, None, false, Some(format!(r#"Bearer realm="My API", {shop}"#))),
        // What stands in the configuration ends nothing and begins nothing.
        (r#"a", error="x\"#, "shop.example.com", &none, None, false, Some(format!(r#"Bearer realm="a\", error=\"x\\", {shop}"#))),
        ("a\r\nSet-Cookie: x=y", "shop.example.com", &none, None, false, Some("Bearer".to_owned())),
        ("", "shop.example.com", &refused, None, true, None),
    ];
    for (realm, host, refusal, fault, scoped, expected) in cases {
        let (policy, firewall, rule) = policy(&world, realm);
        let found = Found { firewall: Some(&firewall), target: Target::Unmatched, access: scoped.then_some(&rule), store: None };
        for dialect in [Dialect::Ibexa, Dialect::Magento, Dialect::Problem] {
            let reader = Reader { dialect, accept: None, request_id: "0af1".into(), head: false };
            let response = refuse_under(
                &Challenged { policy: &policy, found: &found, host, wrong: Wrong { fault, by_proof: false } },
                refusal,
                &reader,
            );
            let known = refusal.public == Public::Forbidden && dialect == Dialect::Problem;
            assert_eq!(response.status(), if known { 403 } else { 401 }, "{refusal:?}");
            let found: Vec<&[u8]> = response.headers().get_all(WWW_AUTHENTICATE).iter().map(HeaderValue::as_bytes).collect();
            // Where the caller is asked who it is, it may also show a proof.
            let other = (refusal.public == Public::Unauthenticated).then_some(&b"DPoP algs=\"EdDSA ES256 ES384 RS256\""[..]);
            let expected: Vec<&[u8]> = expected.iter().map(|text| text.as_bytes()).chain(other).collect();
            assert_eq!(found, expected, "{dialect:?} {refusal:?} {fault:?}");
        }
    }
}

/// RFC 9728 3 and 3.1: where a document is, and what it is about.
#[tokio::test]
async fn a_resource_is_an_audience_at_the_host_that_is_asked() {
    let world = World::new().await;
    let (policy, firewall, _) = policy(&world, "");
    let with = |audience: &[&str]| {
        let audience = audience.iter().map(|name| Arc::from(*name)).collect();
        let firewall =
            Arc::new(Firewall { access: AccessRules { audience, ..AccessRules::default() }, ..Firewall::clone(&firewall) });
        Policy { firewalls: vec![firewall], ..policy.clone() }
    };
    const SHOP: &str = "shop.example.com";
    let well_known = "/.well-known/oauth-protected-resource";
    for (audience, resource, suffix) in [
        (&[][..], "https://shop.example.com", ""),
        (&["urn:api", "https://shop.example.com/rest"], "https://shop.example.com/rest", "/rest"),
        (&["https://shop.example.com/"], "https://shop.example.com/", ""),
        (&["https://shop.example.com.evil.net/"], "https://shop.example.com", ""),
        (&["https://other.example.com/rest", "http://shop.example.com/rest"], "https://shop.example.com", ""),
        (&["https://shop.example.com/rest?x=1"], "https://shop.example.com", ""),
    ] {
        let policy = with(audience);
        let firewall = &policy.firewalls[0];
        let url = policy.metadata_url(firewall, SHOP).unwrap();
        assert_eq!(url, format!("https://shop.example.com{well_known}{suffix}"), "{audience:?}");
        let path = format!("{well_known}{suffix}");
        assert_eq!(policy.protected_at(SHOP, &path).unwrap().resource, resource, "{audience:?}");
        for other in ["/other", "/", "/rest/"] {
            assert!(policy.protected_at(SHOP, &format!("{well_known}{other}")).is_none(), "{audience:?} {other}");
        }
    }
    // Nobody reads access tokens there.
    let session = Firewall { authentication: Authentication::Session, ..Firewall::clone(&firewall) };
    let policy = Policy { firewalls: vec![Arc::new(session)], ..policy };
    assert!(policy.protected_at(SHOP, well_known).is_none() && policy.metadata_url(&policy.firewalls[0], SHOP).is_none());
}

/// RFC 9449 7.1: whoever came with a proof is answered in its scheme, and so is everyone where proofs are demanded.
#[tokio::test]
async fn a_challenge_for_proofs_says_the_same_in_its_own_scheme() {
    let world = World::new().await;
    let (policy, firewall, rule) = policy(&world, "");
    let strict = Arc::new(Firewall {
        access: AccessRules { proof: Some(Demand::Dpop), ..AccessRules::default() },
        ..Firewall::clone(&firewall)
    });
    let invalid = Refusal::new(Reason::InvalidCredential("x"), false);
    let (rest, algs) = (
        r#"scope="orders:read x", resource_metadata="https://shop.example.com/.well-known/oauth-protected-resource""#,
        r#"algs="EdDSA ES256 ES384 RS256""#,
    );
    let none = Refusal::new(Reason::NoFirewall, false);
    for (firewall, refusal, fault, by_proof, error) in [
        (&firewall, &invalid, Some(Fault::Proof), true, "error=\"invalid_dpop_proof\", "),
        (&firewall, &invalid, Some(Fault::Nonce), true, "error=\"use_dpop_nonce\", "),
        (&strict, &invalid, Some(Fault::Invalid), false, "error=\"invalid_token\", "),
        (&strict, &none, None, false, ""),
    ] {
        let found = Found { firewall: Some(firewall), target: Target::Unmatched, access: Some(&rule), store: None };
        let challenged =
            Challenged { policy: &policy, found: &found, host: "shop.example.com", wrong: Wrong { fault, by_proof } };
        let reader = Reader { dialect: Dialect::Problem, accept: None, request_id: "0af1".into(), head: false };
        let response = refuse_under(&challenged, refusal, &reader);
        let all: Vec<&HeaderValue> = response.headers().get_all(WWW_AUTHENTICATE).iter().collect();
        assert_eq!(all, [&format!("DPoP {error}{rest}, {algs}")], "{fault:?}");
    }
}
