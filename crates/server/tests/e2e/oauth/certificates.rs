//! Clients that show certificates at the authorization server (RFC 8705), and tokens that are bound to one.

use super::{
    add,
    dpop::Holder,
    people::{Play, REDIRECT, cookie, exchange, parameter, request},
    post, refused,
};
use crate::{
    support::{Server, Site, eventually, upstream::Upstream},
    tls::{Authority, authority::params, revoke, tools::curl},
};
use rcgen::{CertificateParams, DnType, SanType, SerialNumber};
use serde_json::{Value, json};

const CONFIG: &str = r#"[server]
listen = "127.0.0.1:0"
public_url = "https://shop.test"
hosts = ["shop.test", "mtls.test"]
[server.tls]
certificate = "server.pem"
private_key = "server.key"
client_ca = "clients.pem"
[operations]
listen = "127.0.0.1:0"
[[directory]]
name = "admins"
kind = "admin"
[oauth]
mtls_url = "https://mtls.test"
"#;

/// A program with names of every kind.
fn program() -> CertificateParams {
    let mut params = params(&[]);
    params.distinguished_name.push(DnType::OrganizationName, "Example, Inc");
    params.distinguished_name.push(DnType::CommonName, "report");
    params.subject_alt_names = vec![
        SanType::DnsName("report.example.com".try_into().unwrap()),
        SanType::URI("spiffe://example.com/report".try_into().unwrap()),
        SanType::IpAddress("192.0.2.7".parse().unwrap()),
        SanType::Rfc822Name("report@example.com".try_into().unwrap()),
    ];
    params.serial_number = Some(SerialNumber::from(vec![0x04, 0xd2]));
    params
}

fn site(more: &str) -> (Site, Authority) {
    let site = Site::new(&format!("{CONFIG}{more}"));
    Authority::root(site.path(), "root").server("server", &["shop.test", "mtls.test"]);
    let clients = Authority::root(site.path(), "clients");
    clients.issue("report", &program(), "");
    clients.issue("other", &params(&["other.example.com"]), "");
    (site, clients)
}

/// A request of curl with the certificate of this name, if any: status and document.
fn call(site: &Site, server: &Server, host: &str, path: &str, client: Option<&str>, arguments: &[&str]) -> (u16, Value) {
    let file = |name: &str| site.path().join(name).to_string_lossy().into_owned();
    let mut all = vec!["--cacert".to_owned(), file("root.pem")];
    if let Some(client) = client {
        all.extend(["--cert".into(), file(&format!("{client}.pem")), "--key".into(), file(&format!("{client}.key"))]);
    }
    all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let got = curl(server, host, path, &all);
    let body = got.text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (got.status(), serde_json::from_str(body).unwrap_or(Value::Null))
}

fn ask(site: &Site, server: &Server, host: &str, client: Option<&str>, id: &str) -> (u16, Value) {
    call(site, server, host, "/token", client, &["-d", &format!("grant_type=client_credentials&client_id={id}")])
}

#[test]
fn a_certificate_proves_a_client_by_the_one_name_that_is_registered() {
    let (site, _clients) = site("");
    let add = |id: &str, option: &str, name: &str| {
        site.ok(&["client", "add", id, "--auth-method", "tls_client_auth", option, name], "");
    };
    // Another spelling of the same name (RFC 4514).
    add("subject", "--tls-subject-dn", "cn=report, o=Example\\2c Inc");
    add("dns", "--tls-san-dns", "REPORT.example.com");
    add("uri", "--tls-san-uri", "spiffe://example.com/report");
    add("ip", "--tls-san-ip", "192.0.2.7");
    add("email", "--tls-san-email", "report@example.com");
    add("elsewhere", "--tls-subject-dn", "CN=report");
    let server = site.serve();
    for id in ["subject", "dns", "uri", "ip", "email"] {
        let (status, said) = ask(&site, &server, "mtls.test", Some("report"), id);
        assert_eq!((status, &said["token_type"]), (200, &"Bearer".into()), "{id}: {said}");
        for (host, client) in [("mtls.test", Some("other")), ("mtls.test", None), ("shop.test", Some("report"))] {
            let (status, said) = ask(&site, &server, host, client, id);
            assert_eq!((status, &said["error"]), (401, &"invalid_client".into()), "{id} at {host} with {client:?}: {said}");
        }
    }
    assert_eq!(ask(&site, &server, "mtls.test", Some("report"), "elsewhere").0, 401);
    assert!(server.logged("its certificate has another name").contains("token_refused"));
    // RFC 9449 4.3: a proof is for the URL at which it is shown.
    let holder = Holder::new();
    for (url, status, member, word) in
        [("https://mtls.test/token", 200, "token_type", "DPoP"), ("https://shop.test/token", 400, "error", "invalid_dpop_proof")]
    {
        let proof = format!("DPoP: {}", holder.proof("POST", url, None, json!({})));
        let arguments = ["-H", &*proof, "-d", "grant_type=client_credentials&client_id=dns"];
        let (came, said) = call(&site, &server, "mtls.test", "/token", Some("report"), &arguments);
        assert_eq!((came, &said[member]), (status, &word.into()), "{url}: {said}");
    }
    // RFC 8414, RFC 8705 3.3 and 5.
    let said = call(&site, &server, "shop.test", "/.well-known/oauth-authorization-server", None, &[]).1;
    assert!(said["token_endpoint_auth_methods_supported"].as_array().unwrap().contains(&"tls_client_auth".into()), "{said}");
    assert_eq!(said["tls_client_certificate_bound_access_tokens"], true);
    assert_eq!(said["mtls_endpoint_aliases"]["token_endpoint"], "https://mtls.test/token");
    assert_eq!(said["mtls_endpoint_aliases"].get("authorization_endpoint"), None);
    let shown = site.ok(&["client", "show", "subject"], "").out;
    assert!(shown.contains("certified subject_dn:CN=report,O=Example\\, Inc"), "{shown}");
}

#[test]
fn a_certificate_that_was_revoked_proves_nothing() {
    let (site, clients) = site("");
    revoke(&site, &clients, &[vec![0x7]], 2100);
    site.write("doorward.toml", &CONFIG.replace("client_ca =", "client_crl = [\"list.pem\"]\nclient_ca ="));
    site.ok(&["client", "add", "report", "--auth-method", "tls_client_auth", "--tls-san-dns", "report.example.com"], "");
    let server = site.serve();
    assert_eq!(ask(&site, &server, "mtls.test", Some("report"), "report").0, 200);
    revoke(&site, &clients, &[vec![0x04, 0xd2]], 2100);
    server.signal("HUP");
    eventually("the certificate counts no more", || {
        (ask(&site, &server, "mtls.test", Some("report"), "report").0 != 200).then_some(())
    });
}

#[test]
fn tokens_are_bound_to_the_certificate_where_the_client_says_so() {
    let (site, _clients) = site("");
    let add = ["client", "add", "report", "--auth-method", "tls_client_auth", "--tls-san-dns", "report.example.com"];
    site.ok(&[&add[..], &["--certificate-bound"]].concat(), "");
    let made = site.ok(&["client", "add", "post", "--auth-method", "client_secret_post", "--certificate-bound", "--json"], "");
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    let server = site.serve();
    let (_, tokens) = ask(&site, &server, "mtls.test", Some("report"), "report");
    let token = tokens["access_token"].as_str().unwrap();
    let der = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in", "report.pem"])
        .current_dir(site.path())
        .output()
        .unwrap();
    let hex = String::from_utf8(der.stdout).unwrap().split_once('=').unwrap().1.trim().replace(':', "");
    let bytes: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect();
    let thumbprint = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes);
    assert_eq!(super::part(token, 1)["cnf"], json!({ "x5t#S256": thumbprint }));
    let form = format!("client_id=report&token={token}");
    let (_, said) = call(&site, &server, "mtls.test", "/introspect", Some("report"), &["-d", &form]);
    assert_eq!((&said["active"], &said["cnf"]["x5t#S256"]), (&true.into(), &thumbprint.as_str().into()), "{said}");
    // A client of another method is bound to whatever it shows, and gets nothing that is not bound.
    let form = format!("grant_type=client_credentials&client_id=post&client_secret={secret}");
    let (status, said) = call(&site, &server, "mtls.test", "/token", Some("other"), &["-d", &form]);
    assert_eq!(status, 200, "{said}");
    assert_ne!(super::part(said["access_token"].as_str().unwrap(), 1)["cnf"]["x5t#S256"], thumbprint.as_str());
    let (status, said) = call(&site, &server, "mtls.test", "/token", None, &["-d", &form]);
    assert_eq!((status, &said["error"]), (400, &"invalid_request".into()));
    site.ok(&["client", "update", "post", "--not-certificate-bound"], "");
    assert_eq!(call(&site, &server, "mtls.test", "/token", None, &["-d", &form]).0, 200);
}

#[test]
fn a_client_by_certificate_is_registered_soundly() {
    let (site, _clients) = site("");
    for (arguments, code, said) in [
        (vec!["--auth-method", "tls_client_auth"], 2, "needs a name"),
        (vec!["--tls-san-dns", "a.example.com"], 2, "needs a name"),
        (vec!["--auth-method", "tls_client_auth", "--tls-san-dns", "*.example.com"], 2, "is no DNS name"),
        (vec!["--auth-method", "tls_client_auth", "--tls-subject-dn", "/C=FR/CN=x"], 2, "RFC 4514"),
        (vec!["--auth-method", "tls_client_auth", "--tls-san-ip", "1.2.3"], 2, "is no address"),
        (vec!["--auth-method", "tls_client_auth", "--tls-san-ip", "::1", "--tls-san-dns", "a"], 2, "cannot be used with"),
        (vec!["--public", "--grant", "device_code", "--tls-san-dns", "a"], 2, "needs a name"),
    ] {
        let output = site.run(&[&["client", "add", "x"], &arguments[..]].concat(), "");
        assert_eq!(output.code, code, "{arguments:?}: {output:?}");
        assert!(output.err.contains(said), "{arguments:?}: {output:?}");
    }
    site.write("doorward.toml", &CONFIG.replace("mtls_url = \"https://mtls.test\"\n", ""));
    let output = site.run(&["client", "add", "x", "--auth-method", "tls_client_auth", "--tls-san-dns", "a"], "");
    assert!(output.code == 1 && output.err.contains("mtls_url"), "{output:?}");
}

/// The line of a proxy that passes this certificate on (RFC 9440).
fn line(site: &Site, name: &str) -> String {
    let pem = std::fs::read_to_string(site.path().join(format!("{name}.pem"))).unwrap();
    let body: String = pem.lines().skip(1).take_while(|line| !line.starts_with('-')).collect();
    format!("Client-Cert: :{body}:\r\n")
}

#[test]
fn a_token_or_refresh_token_of_a_public_client_that_was_stolen_is_worth_nothing_without_its_certificate() {
    let play = Play::behind_a_proxy();
    let clients = Authority::root(play.site.path(), "clients");
    clients.issue("report", &program(), "");
    clients.issue("other", &params(&["other.example.com"]), "");
    let (own, other) = (line(&play.site, "report"), line(&play.site, "other"));
    let scopes = ["--scope", "openid", "--scope", "offline_access"];
    add(&play.site, "app", &[&["--public", "--certificate-bound", "--redirect-uri", REDIRECT][..], &scopes].concat());
    let jane = play.jane();
    let code = || {
        let query = request(&[("client_id", "app"), ("scope", "openid offline_access")]);
        parameter(&play.decide(&query, &jane, "allow"), "code").unwrap()
    };
    let ask = |line: &str, body: &str| post(&play.server, "/token", line, &format!("{body}&client_id=app"));
    refused(&ask("", &exchange(&code())), 400, "invalid_request");
    let tokens = ask(&own, &exchange(&code())).json();
    let bound = super::part(tokens["access_token"].as_str().unwrap(), 1)["cnf"]["x5t#S256"].clone();
    assert!(bound.is_string(), "{tokens}");
    // RFC 8705 4: the refresh token is bound, too.
    let renew = format!("grant_type=refresh_token&refresh_token={}", tokens["refresh_token"].as_str().unwrap());
    refused(&ask("", &renew), 400, "invalid_request");
    refused(&ask(&other, &renew), 400, "invalid_grant");
    let renewed = ask(&own, &renew).json();
    let token = renewed["access_token"].as_str().unwrap();
    assert_eq!(super::part(token, 1)["cnf"]["x5t#S256"], bound, "{renewed}");
    // RFC 8705 3: whoever uses it shows the certificate.
    for (line, status) in [(&*own, 200), (&*other, 401), ("", 401)] {
        let reply = play.server.get("/userinfo", &format!("Authorization: Bearer {token}\r\n{line}"));
        assert_eq!(reply.status, status, "{line}: {reply:?}");
    }
    assert_eq!(play.open("/account/applications", Some(&jane)).status, 200, "{}", cookie(Some(&jane)));
}

#[test]
fn a_token_of_ours_that_is_bound_to_a_certificate_counts_with_that_one_alone() {
    let upstream = Upstream::start();
    let (site, _clients) = site(&format!(
        "[[directory]]\nname = \"programs\"\nkind = \"integration\"\n\
         [[integration]]\nname = \"report\"\nresources = [\"Example_Api::orders\"]\n\
         [[firewall]]\nname = \"api\"\nhost = '^mtls\\.test$'\npath = '^/v1/'\nauthentication = \"oauth\"\nproof = \"certificate\"\n\
         [[firewall]]\nname = \"main\"\ndirectory = \"admins\"\n\
         [routes]\nfiles = [\"routes.toml\"]\n[[upstream]]\nname = \"test\"\nurl = \"{}\"\n",
        upstream.url()
    ));
    site.write("routes.toml", super::resource::ROUTES);
    let add = ["client", "add", "report", "--auth-method", "tls_client_auth", "--tls-san-dns", "report.example.com"];
    site.ok(&[&add[..], &["--certificate-bound"]].concat(), "");
    let server = site.serve();
    let (_, tokens) = ask(&site, &server, "mtls.test", Some("report"), "report");
    let bearer = format!("Authorization: Bearer {}", tokens["access_token"].as_str().unwrap());
    // Twice: what is remembered of the token says nothing of who sends it.
    for _ in 0..2 {
        for (client, status) in [(Some("report"), 200), (Some("other"), 401), (None, 401)] {
            let got = call(&site, &server, "mtls.test", "/v1/report", client, &["-H", &bearer]);
            assert_eq!(got.0, status, "{client:?} {}", server.log());
        }
    }
    assert_eq!(upstream.last().header("doorward-identity"), Some("integration/1"));
    // Without the wish to be bound its tokens are not, and where that is demanded they do not count.
    site.ok(&["client", "update", "report", "--not-certificate-bound"], "");
    let (_, tokens) = ask(&site, &server, "mtls.test", Some("report"), "report");
    let bearer = format!("Authorization: Bearer {}", tokens["access_token"].as_str().unwrap());
    assert_eq!(call(&site, &server, "mtls.test", "/v1/report", Some("report"), &["-H", &bearer]).0, 401);
}
