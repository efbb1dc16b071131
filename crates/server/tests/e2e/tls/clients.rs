//! Clients that show certificates: curl and OpenSSL, with authorities of our own.

use super::{
    authority::{Authority, params},
    site,
    tools::{Got, Open, curl, s_client},
};
use crate::support::{Server, Site, eventually, upstream::Upstream};
use rcgen::{
    CertificateParams, CertificateRevocationListParams, DnType, DnValue, KeyIdMethod, RevokedCertParams, SanType, SerialNumber,
    date_time_ymd,
};

const TLS: &str = "[server.tls]\ncertificate = \"server.pem\"\nprivate_key = \"server.key\"\nclient_ca = \"clients.pem\"\n";
const FIREWALLS: &str = "[[firewall]]\nname = \"partners\"\nhost = '^api\\.test$'\nauthentication = \"certificate\"\n\
                         [[firewall]]\nname = \"shop\"\n";

/// A shop at `shop.test` with sessions, partners at `api.test` with certificates; and the partners' authority.
fn partners(upstream: &Upstream, tls: &str, certificate: &str, firewalls: &str) -> (Site, Authority) {
    let (site, root) = site(upstream, &format!("{TLS}{tls}"), &format!("{certificate}{firewalls}"));
    root.server("server", &["shop.test", "api.test"]);
    let clients = Authority::root(site.path(), "clients");
    (site, clients)
}

/// A client named `jane`, in every way in which certificates name somebody.
fn jane() -> CertificateParams {
    let mut jane = params(&[]);
    jane.distinguished_name.push(DnType::OrganizationName, "Example, Inc");
    jane.distinguished_name.push(DnType::CommonName, "jane");
    let email = DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]);
    jane.distinguished_name.push(email, DnValue::Ia5String("old@example.com".try_into().unwrap()));
    jane.subject_alt_names = vec![
        SanType::Rfc822Name("jane@example.com".try_into().unwrap()),
        SanType::DnsName("jane.example.com".try_into().unwrap()),
        SanType::URI("spiffe://example.com/jane".try_into().unwrap()),
    ];
    jane.serial_number = Some(SerialNumber::from(vec![0x04, 0xd2]));
    jane
}

/// curl to `api.test` with the certificate of this name, if any.
fn call(site: &Site, server: &Server, client: Option<&str>, more: &[&str]) -> Got {
    let file = |name: String| site.path().join(name).to_string_lossy().into_owned();
    let root = file("root.pem".into());
    let mut arguments = vec!["--cacert".to_owned(), root];
    if let Some(client) = client {
        arguments.extend(["--cert".into(), file(format!("{client}.pem")), "--key".into(), file(format!("{client}.key"))]);
    }
    arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    curl(server, "api.test", "/x", &arguments)
}

/// The serial numbers that the authority revoked, in `list.pem`, which is out of date in this year.
pub(crate) fn revoke(site: &Site, authority: &Authority, serials: &[Vec<u8>], until: i32) {
    let revoked = serials.iter().map(|serial| RevokedCertParams {
        serial_number: SerialNumber::from(serial.clone()),
        revocation_time: date_time_ymd(2026, 1, 1),
        reason_code: None,
        invalidity_date: None,
    });
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 1),
        next_update: date_time_ymd(until, 1, 1),
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    site.write("list.pem", &list.signed_by(&authority.issuer).unwrap().pem().unwrap());
}

#[test]
fn a_certificate_is_asked_for_only_where_it_can_count() {
    let upstream = Upstream::start();
    let (site, _clients) = partners(&upstream, "", "", FIREWALLS);
    let server = site.serve();
    for (arguments, asked) in [
        (&["-servername", "api.test"][..], true),
        (&["-servername", "API.test"], true),
        (&["-servername", "shop.test"], false),
        (&["-servername", "unknown.test"], false),
        (&["-noservername"], false),
    ] {
        let said = s_client(&server, arguments);
        assert_eq!(said.contains("Acceptable client certificate CA names\nCN = clients"), asked, "{arguments:?}: {said}");
    }
}

#[test]
fn each_mapping_finds_its_account_and_no_other() {
    let upstream = Upstream::start();
    let (site, clients) = partners(&upstream, "", "[certificate]\nmap = \"cn\"\n", FIREWALLS);
    clients.issue("jane", &jane(), "");
    let der = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in", "jane.pem"])
        .current_dir(site.path())
        .output()
        .unwrap();
    let fingerprint = String::from_utf8(der.stdout).unwrap();
    let fingerprint = fingerprint.split_once('=').unwrap().1.trim().replace(':', "").to_lowercase();
    let maps = [
        ("cn", "jane"),
        ("email", "jane@example.com"),
        ("dns", "jane.example.com"),
        ("uri", "spiffe://example.com/jane"),
        ("serial", "4d2/CN=clients"),
        ("subject", "emailAddress=old@example.com,CN=jane,O=Example\\, Inc"),
        ("fingerprint", &fingerprint),
    ];
    for (_, login) in maps {
        site.user(&format!("admins/{login}"), "a quiet brown fox", &[]);
    }
    let server = site.serve();
    let config = std::fs::read_to_string(site.path().join("doorward.toml")).unwrap();
    for (map, login) in maps {
        site.write("doorward.toml", &config.replace("map = \"cn\"", &format!("map = \"{map}\"")));
        server.signal("HUP");
        eventually(&format!("an account by {map}"), || {
            let got = call(&site, &server, Some("jane"), &[]);
            assert_eq!(got.status(), 200, "{map}: {got:?}");
            let received = upstream.last();
            assert_eq!(received.header("doorward-method"), Some("certificate"), "{received:?}");
            let named = percent_encoded(received.header("doorward-login")?);
            (named == percent_encoded(login)).then_some(())
        });
    }
}

/// As the header has it, near enough: only what the logins of this test hold.
fn percent_encoded(login: &str) -> String {
    login.replace("%2C", ",").replace("%5C", "\\").replace("%20", " ").replace("%2F", "/")
}

#[test]
fn whoever_is_not_trusted_does_not_get_through_the_handshake() {
    let upstream = Upstream::start();
    let (site, clients) = partners(&upstream, "client_crl = \"list.pem\"\n", "[certificate]\nmap = \"cn\"\n", FIREWALLS);
    revoke(&site, &clients, &[vec![0x11]], 2090);
    site.user("admins/jane", "a quiet brown fox", &[]);
    clients.issue("jane", &jane(), "");
    let mut bob = params(&["bob"]);
    bob.serial_number = Some(SerialNumber::from(vec![0x11]));
    clients.issue("bob", &bob, "");
    let mut old = jane();
    old.not_after = date_time_ymd(2020, 1, 1);
    clients.issue("old", &old, "");
    Authority::root(site.path(), "strangers").issue("stranger", &jane(), "");
    let server = site.serve();
    assert_eq!(call(&site, &server, Some("jane"), &[]).status(), 200);
    let before = upstream.received().len();
    for client in ["bob", "old", "stranger"] {
        for version in [&["--tls-max", "1.2"][..], &["--tlsv1.3"]] {
            let got = call(&site, &server, Some(client), version);
            assert!(got.status() == 0 && matches!(got.code, 35 | 55 | 56 | 60), "{client} {version:?}: {got:?}");
        }
    }
    for why in ["Revoked", "certificate expired", "UnknownIssuer"] {
        let line = server.logged(why);
        assert!(line.contains("handshake_failed"), "{line}");
    }
    assert_eq!(upstream.received().len(), before);

    // A connection that stands when its certificate is revoked, or when nobody can know.
    let mut open = Open::with(&server, "api.test", &site.path().join("root.pem"), Some((site.path(), "jane")));
    assert_eq!(open.get("api.test", "/before"), 200);
    revoke(&site, &clients, &[vec![0x11], vec![0x04, 0xd2]], 2090);
    // As authorities publish them.
    let binary = ["crl", "-in", "list.pem", "-outform", "DER", "-out", "list.pem"];
    assert!(std::process::Command::new("openssl").args(binary).current_dir(site.path()).status().unwrap().success());
    server.signal("HUP");
    eventually("the new list", || (call(&site, &server, Some("jane"), &[]).status() == 0).then_some(()));
    assert_eq!(open.get("api.test", "/after"), 401);
    revoke(&site, &clients, &[], 2090);
    server.signal("HUP");
    eventually("jane again", || (call(&site, &server, Some("jane"), &[]).status() == 200).then_some(()));
    revoke(&site, &clients, &[], 2021);
    server.signal("HUP");
    server.logged("is out of date since 2021-01-01");
    // Nobody knows whether it was revoked.
    eventually("the old list", || (call(&site, &server, Some("jane"), &[]).status() == 0).then_some(()));
    revoke(&site, &clients, &[], 2090);
    server.signal("HUP");
    eventually("jane", || (call(&site, &server, Some("jane"), &[]).status() == 200).then_some(()));
}

#[test]
fn a_certificate_of_nobody_is_refused_or_makes_a_guest() {
    let upstream = Upstream::start();
    let (site, clients) = partners(&upstream, "", "[certificate]\nmap = \"cn\"\n", FIREWALLS);
    clients.issue("jane", &jane(), "");
    let server = site.serve();
    let unknown = call(&site, &server, Some("jane"), &[]);
    assert_eq!(unknown.status(), 401, "{unknown:?}");
    server.logged("no directory of the firewall has an account of the name in the certificate");
    assert_eq!(call(&site, &server, None, &[]).status(), 200, "without one they are a guest, whom this route lets in");
    assert_eq!(upstream.last().header("doorward-identity"), Some("guest"));
    site.user("admins/jane", "a quiet brown fox", &[]);
    assert_eq!(call(&site, &server, Some("jane"), &[]).status(), 200);
    assert_eq!(upstream.last().header("doorward-identity"), Some("admin/1"));
    assert_eq!(call(&site, &server, Some("jane"), &[]).status(), 200);
    site.ok(&["user", "disable", "admins/jane"], "");
    assert_eq!(call(&site, &server, Some("jane"), &[]).status(), 401, "at once");
    let config = std::fs::read_to_string(site.path().join("doorward.toml")).unwrap();
    let lenient = config.replace("authentication = \"certificate\"\n", "authentication = \"certificate\"\ninvalid = \"guest\"\n");
    site.write("doorward.toml", &lenient);
    server.signal("HUP");
    eventually("a guest", || (call(&site, &server, Some("jane"), &[]).status() == 200).then_some(()));
    assert_eq!(upstream.last().header("doorward-identity"), Some("guest"));
    // Reviewers read of it, once for all requests.
    server.logged("sign_in_failed");
    let log = server.log();
    let audits: Vec<&str> = log.lines().filter(|line| line.contains("certificate pop")).collect();
    let of = |words: [&str; 2]| audits.iter().filter(|line| words.iter().all(|word| line.contains(word))).count();
    assert_eq!((of(["sign_in", "success"]), of(["sign_in_failed", "unknown_login"])), (1, 1), "{audits:?}");
}

#[test]
fn a_host_with_other_rules_than_the_handshakes_is_misdirected() {
    let upstream = Upstream::start();
    let (site, clients) = partners(&upstream, "", "[certificate]\nmap = \"cn\"\n", FIREWALLS);
    clients.issue("jane", &jane(), "");
    site.user("admins/jane", "a quiet brown fox", &[]);
    let server = site.serve();
    for version in ["--http2", "--http1.1"] {
        let to_shop = call(&site, &server, Some("jane"), &["-H", "Host: shop.test", version]);
        assert_eq!(to_shop.status(), 421, "{to_shop:?}");
        let root = site.path().join("root.pem").to_string_lossy().into_owned();
        let to_api = curl(&server, "shop.test", "/x", &["--cacert", &root, "-H", "Host: api.test", version]);
        assert_eq!(to_api.status(), 421, "nobody was asked there: {to_api:?}");
    }
    assert_eq!(upstream.received().len(), 0);
    server.logged("reason=handshake");
}

#[test]
fn a_browser_sends_certificates_by_itself_so_its_origin_counts() {
    let upstream = Upstream::start();
    let (site, clients) = partners(&upstream, "", "[certificate]\nmap = \"cn\"\n", FIREWALLS);
    clients.issue("jane", &jane(), "");
    site.user("admins/jane", "a quiet brown fox", &[]);
    let server = site.serve();
    for (headers, status) in [
        (&["-X", "POST"][..], 200),
        (&["-X", "POST", "-H", "Origin: https://evil.example"], 403),
        (&["-X", "POST", "-H", "Origin: null"], 403),
        (&["-X", "POST", "-H", "Sec-Fetch-Site: cross-site"], 403),
        (&["-X", "POST", "-H", "Sec-Fetch-Site: same-origin"], 200),
        (&["-H", "Sec-Fetch-Site: cross-site"], 200),
    ] {
        let got = call(&site, &server, Some("jane"), headers);
        assert_eq!(got.status(), status, "{headers:?}: {got:?}");
    }
}

#[test]
fn no_session_is_resumed_where_certificates_are_asked_for() {
    let upstream = Upstream::start();
    let (site, clients) = partners(&upstream, "", "[certificate]\nmap = \"cn\"\n", FIREWALLS);
    clients.issue("jane", &jane(), "");
    let server = site.serve();
    let (certificate, key) = (site.path().join("jane.pem"), site.path().join("jane.key"));
    let (certificate, key) = (certificate.to_string_lossy(), key.to_string_lossy());
    let api = ["-tls1_2", "-reconnect", "-servername", "api.test", "-cert", &certificate, "-key", &key];
    let said = s_client(&server, &api);
    assert!(said.matches("New, TLSv1.2").count() >= 2 && !said.contains("Reused, "), "{said}");
    let said = s_client(&server, &["-tls1_2", "-reconnect", "-servername", "shop.test"]);
    assert!(said.contains("Reused, "), "where none is asked for they are: {said}");
}

#[test]
fn explain_judges_with_a_certificate_as_the_server_does() {
    let upstream = Upstream::start();
    let (site, _clients) = partners(&upstream, "", "[certificate]\nmap = \"cn\"\n", FIREWALLS);
    site.user("admins/jane", "a quiet brown fox", &[]);
    let said = site.ok(&["explain", "GET", "https://api.test/x", "--as", "admins/jane"], "");
    assert!(said.out.contains("a certificate that names `admins/jane`"), "{said:?}");
    assert!(said.out.contains("admins/jane shows a good certificate that names it"), "{said:?}");
    site.ok(&["user", "disable", "admins/jane"], "");
    let said = site.run(&["explain", "GET", "https://api.test/x", "--as", "admins/jane"], "");
    assert!(said.code == 1 && said.out.contains("the account is disabled"), "{said:?}");
    let said = site.ok(&["explain", "GET", "https://api.test/x"], "");
    assert!(said.out.contains("there is no certificate"), "{said:?}");
}
