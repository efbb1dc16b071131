//! What `doorward check` says of certificates.

use super::{
    TLS,
    authority::{Authority, params},
    clients::revoke,
    site,
};
use crate::support::upstream::Upstream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[expect(clippy::disallowed_methods, reason = "the binary asks the clock of the machine, too")]
fn in_days(days: u64) -> (i32, u8, u8) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let then = UNIX_EPOCH + now + Duration::from_secs(days * 24 * 3600);
    let date = time::OffsetDateTime::from(then).date();
    (date.year(), date.month().into(), date.day())
}

#[test]
fn speaks_of_an_end_that_is_near_and_of_chains_that_do_not_close() {
    let upstream = Upstream::start();
    let (site, root) = site(&upstream, TLS, "");
    let sound = site.ok(&["check"], "");
    assert!(sound.out.contains("0 warnings"), "{sound:?}");
    let mut soon = params(&["shop.test"]);
    let (year, month, day) = in_days(10);
    soon.not_after = rcgen::date_time_ymd(year, month, day);
    root.issue("server", &soon, &root.pem);
    let warned = site.ok(&["check"], "");
    assert!(warned.err.contains(&format!("\"server.pem\": its certificate expires on {year}-{month:02}-{day:02}")), "{warned:?}");
    let middle = root.below("middle");
    middle.issue("server", &params(&["shop.test"]), "");
    let machine_has_roots = !site.ok(&["check"], "").out.contains("0 warnings");
    if machine_has_roots {
        assert!(site.ok(&["check"], "").err.contains("its chain does not close: `CN=middle`"));
    }
    middle.issue("server", &params(&["shop.test"]), &root.pem);
    let disordered = site.ok(&["check"], "");
    assert!(disordered.err.contains("its certificate number 1 was not issued by the next one"), "{disordered:?}");
    let server = site.serve();
    server.logged("was not issued by the next one");
}

#[test]
fn speaks_of_authorities_of_clients_that_end_soon_and_of_lists_that_are_out_of_date() {
    let upstream = Upstream::start();
    let firewalls = "[[firewall]]\nname = \"partners\"\nauthentication = \"certificate\"\n";
    let (site, _) = site(&upstream, &format!("{TLS}client_ca = \"clients.pem\"\nclient_crl = \"list.pem\"\n"), firewalls);
    let clients = Authority::root(site.path(), "clients");
    revoke(&site, &clients, &[], 2090);
    assert!(site.ok(&["check"], "").out.contains("0 warnings"));
    revoke(&site, &clients, &[], 2021);
    let warned = site.ok(&["check"], "");
    assert!(warned.err.contains("\"list.pem\": its list of `CN=clients` is out of date since 2021-01-01"), "{warned:?}");
    revoke(&site, &clients, &[], 2090);
    let (year, month, day) = in_days(10);
    let soon = Authority::ending(site.path(), "clients", (year, month, day));
    revoke(&site, &soon, &[], 2090);
    let warned = site.ok(&["check"], "");
    assert!(
        warned.err.contains(&format!("\"clients.pem\": its certificate expires on {year}-{month:02}-{day:02}")),
        "{warned:?}"
    );
}

#[test]
fn names_the_file_and_what_is_wrong_with_it() {
    let upstream = Upstream::start();
    let (site, root) = site(&upstream, TLS, "");
    let other = Authority::root(site.path(), "other");
    other.server("other", &["shop.test"]);
    let (server, other) = ("server.pem", std::fs::read_to_string(site.path().join("other.key")).unwrap());
    let good = std::fs::read_to_string(site.path().join(server)).unwrap();
    let key = std::fs::read_to_string(site.path().join("server.key")).unwrap();
    for (certificate, key, expected) in [
        (&*good, &*other, "\"server.key\" is not the key of the first certificate in \"server.pem\""),
        (&good, "nonsense", "\"server.key\" holds no private key in PEM"),
        ("nonsense", &key, "\"server.pem\" holds no certificate in PEM"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &key, "\"server.pem\" holds something that is no"),
        (&good, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "an encrypted key"),
    ] {
        site.write(server, certificate);
        site.write("server.key", key);
        let output = site.run(&["check"], "");
        assert!(output.code == 1 && output.err.contains(expected), "{expected}: {output:?}");
        assert!(!output.err.contains("PRIVATE KEY-----\nM"), "a key is shown");
    }
    std::fs::remove_file(site.path().join("server.key")).unwrap();
    let output = site.run(&["check"], "");
    assert!(output.code == 1 && output.err.contains("`server.key` cannot be read"), "{output:?}");
    root.server("server", &["shop.test"]);
    site.ok(&["check"], "");
}

#[test]
fn says_who_is_asked_for_a_certificate_that_should_not_be_and_who_is_never_asked() {
    let upstream = Upstream::start();
    let tls = format!("{TLS}client_ca = \"clients.pem\"\n");
    let certificate = "authentication = \"certificate\"";
    for (firewalls, expected) in [
        (String::new(), Some("no firewall looks at certificates, so no client is asked for one")),
        ("[[firewall]]\nname = \"main\"\n".into(), Some("no firewall looks at certificates, so no client is asked for one")),
        (
            format!("[[firewall]]\nname = \"partners\"\npath = '^/partners'\n{certificate}\n[[firewall]]\nname = \"main\"\n"),
            Some("firewall `partners` has no `host`, so every browser is asked for a certificate at every host"),
        ),
        (
            format!("[[firewall]]\nname = \"partners\"\nwhen = \"certificate\"\n{certificate}\n[[firewall]]\nname = \"main\"\n"),
            Some("firewall `partners` has no `host`, so every browser is asked for a certificate at every host"),
        ),
        (format!("[[firewall]]\nname = \"partners\"\nhost = '^api'\n{certificate}\n[[firewall]]\nname = \"main\"\n"), None),
        // Nobody signs in otherwise.
        (format!("[[firewall]]\nname = \"partners\"\n{certificate}\n"), None),
    ] {
        let (site, _) = site(&upstream, &tls, &firewalls);
        Authority::root(site.path(), "clients");
        let said = site.ok(&["check"], "");
        match expected {
            Some(expected) => assert!(said.out.contains("1 warning") && said.err.contains(expected), "{firewalls}: {said:?}"),
            None => assert!(said.out.contains("0 warnings"), "{firewalls}: {said:?}"),
        }
    }
}
