//! Access tokens that are bound to a client's certificate (RFC 8705 3), from an issuer that we believe.

use super::{
    authority::{Authority, params},
    proxies, site as everything,
    tools::{Got, curl},
};
use crate::{
    oauth::dpop::Holder,
    support::{Server, Site, upstream::Upstream},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use doorward_core::ports::Clock;
use doorward_crypto::{
    jwt::{Algorithm, SigningKey, set},
    sha256,
    system::{SystemClock, SystemEntropy},
};
use serde_json::{Value, json};

const TLS: &str = "[server.tls]\ncertificate = \"server.pem\"\nprivate_key = \"server.key\"\nclient_ca = \"clients.pem\"\n";
const ISSUER: &str =
    "[[issuer]]\nissuer = \"https://idp.example.com\"\naudience = \"shop\"\ndirectory = \"admins\"\nkeys = \"idp.json\"\n";

fn issuer() -> SigningKey {
    SigningKey::from_pkcs8(&SigningKey::generate(Algorithm::EdDsa, &SystemEntropy).unwrap()).unwrap()
}

/// A token for `jane` with this `cnf`.
fn token(issuer: &SigningKey, cnf: Value) -> String {
    let now = SystemClock.now().seconds();
    let mut claims = json!({
        "iss": "https://idp.example.com", "aud": "shop", "iat": now, "exp": now + 3600, "sub": "1", "client_id": "app", "jti": "1",
        "preferred_username": "jane",
    });
    if !cnf.is_null() {
        claims["cnf"] = cnf;
    }
    issuer.sign_typed("at+jwt", &claims).unwrap()
}

/// `x5t#S256` of the certificate in a file.
fn thumbprint(site: &Site, name: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(&STANDARD.decode(der(site, name)).unwrap()))
}

/// Its DER in Base64.
fn der(site: &Site, name: &str) -> String {
    let pem = std::fs::read_to_string(site.path().join(format!("{name}.pem"))).unwrap();
    pem.lines().filter(|line| !line.starts_with("-----")).collect()
}

/// curl to `api.test` with this token and the certificate of this name, if any.
fn call(site: &Site, server: &Server, path: &str, token: &str, client: Option<&str>) -> Got {
    let file = |name: String| site.path().join(name).to_string_lossy().into_owned();
    let mut arguments =
        vec!["--cacert".to_owned(), file("root.pem".into()), "-H".into(), format!("Authorization: Bearer {token}")];
    if let Some(client) = client {
        arguments.extend(["--cert".into(), file(format!("{client}.pem")), "--key".into(), file(format!("{client}.key"))]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    curl(server, "api.test", path, &arguments)
}

#[test]
fn a_token_that_is_bound_to_a_certificate_counts_with_that_one_alone() {
    let (upstream, issuer) = (Upstream::start(), issuer());
    let firewalls = "[[firewall]]\nname = \"strict\"\nhost = '^api\\.test$'\npath = '^/strict'\nauthentication = \"oauth\"\nproof = \"certificate\"\n\
                     [[firewall]]\nname = \"api\"\nauthentication = \"oauth\"\n";
    let (site, root) = everything(&upstream, TLS, &format!("{ISSUER}{firewalls}"));
    root.server("server", &["shop.test", "api.test"]);
    site.write("idp.json", &set([issuer.verifying()]).to_string());
    let clients = Authority::root(site.path(), "clients");
    clients.issue("mine", &params(&["mine"]), "");
    clients.issue("thief", &params(&["thief"]), "");
    site.user("admins/jane", "a quiet brown fox", &[]);
    let server = site.serve();
    let bound = token(&issuer, json!({ "x5t#S256": thumbprint(&site, "mine") }));
    for path in ["/strict", "/x"] {
        // Twice: what is remembered of the token says nothing of who sends it.
        for _ in 0..2 {
            let got = call(&site, &server, path, &bound, Some("mine"));
            assert_eq!(got.status(), 200, "{got:?}\n{}", server.log());
            assert_eq!(upstream.last().header("doorward-login"), Some("jane"));
            for other in [Some("thief"), None] {
                let got = call(&site, &server, path, &bound, other);
                assert_eq!(got.status(), 401, "{other:?} {got:?}");
                assert!(got.header("www-authenticate").unwrap().starts_with("Bearer error=\"invalid_token\", "), "{got:?}");
            }
        }
    }
    // Where it is demanded, nothing else will do.
    let key = token(&issuer, json!({ "jkt": Holder::new().thumbprint() }));
    let plain = token(&issuer, Value::Null);
    for (what, token, path, status) in [
        ("bound to nothing", &plain, "/strict", 401),
        ("bound to nothing", &plain, "/x", 200),
        ("bound to a key", &key, "/strict", 401),
        ("bound to a key", &key, "/x", 401),
        ("bound to another thing", &token(&issuer, json!({ "jku": "https://x" })), "/x", 401),
    ] {
        assert_eq!(call(&site, &server, path, token, Some("mine")).status(), status, "{what} {path}");
    }
}

#[test]
fn a_certificate_that_a_trusted_proxy_passes_on_counts_as_one_that_was_shown() {
    let (upstream, issuer) = (Upstream::start(), issuer());
    for (trusted, header, status) in
        [("127.0.0.1", "Client-Cert", 200), ("127.0.0.1", "SSL_CLIENT_S_DN", 401), ("192.0.2.1", "Client-Cert", 401)]
    {
        let site = proxies::site(&upstream, trusted, header, "subject");
        let config = std::fs::read_to_string(site.path().join("doorward.toml")).unwrap();
        let config = config.replace("authentication = \"certificate\"", "authentication = \"oauth\"\nproof = \"certificate\"");
        site.write("doorward.toml", &format!("{config}{ISSUER}"));
        site.write("idp.json", &set([issuer.verifying()]).to_string());
        let clients = Authority::root(site.path(), "clients");
        clients.issue("mine", &params(&["mine"]), "");
        clients.issue("thief", &params(&["thief"]), "");
        site.user("admins/jane", "a quiet brown fox", &[]);
        let server = site.serve();
        let bound = token(&issuer, json!({ "x5t#S256": thumbprint(&site, "mine") }));
        let ask = |name: &str| {
            let shown = if header == "Client-Cert" { format!(":{}:", der(&site, name)) } else { format!("CN={name}") };
            let lines = format!("Authorization: Bearer {bound}\r\n{header}: {shown}\r\nSSL_CLIENT_VERIFY: SUCCESS\r\n");
            server.exchange(&format!("GET /x HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n{lines}\r\n")).status
        };
        assert_eq!((ask("mine"), ask("thief")), (status, 401), "{trusted} {header}\n{}", server.log());
    }
}
