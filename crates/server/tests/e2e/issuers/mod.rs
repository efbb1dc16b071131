//! JSON Web Tokens of other issuers, whose keys are fetched or in a file.

mod access;
mod idp;
mod introspection;
mod nodes;
mod outages;

use crate::{
    support::{Server, Site, client::Reply, eventually, upstream::Upstream},
    tls::Authority,
};
use doorward_crypto::jwt::{SigningKey, set};
use idp::{Idp, Says, key, token};
use serde_json::json;

/// With a firewall for bearer tokens, and roles that an issuer may give.
const CONFIG: &str = r#"[server]
listen = "127.0.0.1:0"
[[directory]]
name = "admins"
kind = "admin"
[[directory]]
name = "customers"
kind = "customer"
[[firewall]]
name = "api"
authentication = "jwt"
[[access_control]]
path = '^/editors'
roles = ["ROLE_EDITOR"]
[routes]
files = ["routes.toml"]
unmatched = "authenticated"
[[upstream]]
name = "test"
url = "{upstream}"
"#;

/// An issuer, without its keys.
const ISSUER: &str = r#"[[issuer]]
issuer = "https://idp.example.com"
audience = "shop"
directory = "admins"
"#;

/// A place where `jane` is an admin and `ROLE_EDITOR` a role, with these files of keys.
fn site(upstream: &Upstream, issuers: &str, keys: &[(&str, String)]) -> Site {
    site_before(&upstream.url(), issuers, keys)
}

/// The same before a service at this URL.
fn site_before(upstream: &str, issuers: &str, keys: &[(&str, String)]) -> Site {
    let site = Site::quick(&format!("{}{issuers}", CONFIG.replace("{upstream}", upstream)));
    site.write("routes.toml", "[[resource]]\nid = \"Example_Api::edit\"\ntitle = \"Edit\"\n");
    keys.iter().for_each(|(name, json)| drop(site.write(name, json)));
    site.user("admins/jane", "a quiet brown fox", &[]);
    site.ok(&["role", "add", "ROLE_EDITOR", "--allow", "Example_Api::edit"], "");
    site
}

/// `[[issuer]]` whose keys are fetched, with further keys.
fn fetched(idp: &Idp, more: &str) -> String {
    format!("{ISSUER}jwks_url = \"{}\"\n{more}", idp.url)
}

fn get(server: &Server, path: &str, token: &str) -> Reply {
    server.get(path, &format!("Authorization: Bearer {token}\r\n"))
}

fn published(keys: &[&SigningKey]) -> String {
    set(keys.iter().map(|key| key.verifying())).to_string()
}

#[test]
fn an_issuer_by_https_and_a_private_authority_vouches_for_accounts_of_ours() {
    let (upstream, idp_key) = (Upstream::start(), key());
    let certificates = tempfile::tempdir().unwrap();
    let authority = Authority::root(certificates.path(), "ca");
    let idp = Idp::secure(Says::keys(&[&idp_key]), &authority, certificates.path());
    let more = format!(
        "ca = \"{}\"\nroles_claim = \"realm_access.roles\"\n[issuer.roles]\n\"editors\" = \"ROLE_EDITOR\"\n",
        authority.file().display()
    );
    let site = site(&upstream, &fetched(&idp, &more), &[]);
    let server = site.serve();
    let plain = token(&idp_key, "jane", json!({}));
    assert_eq!(get(&server, "/thing", &plain).status, 200, "{}", server.log());
    let received = upstream.last();
    assert_eq!(received.header("doorward-identity"), Some("admin/1"));
    assert_eq!(received.header("doorward-login"), Some("jane"));
    assert_eq!(received.header("doorward-roles"), Some("ROLE_USER,ROLE_ADMIN"));
    assert_eq!(received.header("authorization"), None);
    // What is mapped gives a role, for that token; what is not gives none.
    let roles = |names: &[&str]| token(&idp_key, "jane", json!({ "realm_access": { "roles": names } }));
    let editor = roles(&["other", "editors"]);
    assert_eq!(get(&server, "/editors", &editor).status, 200);
    assert_eq!(upstream.last().header("doorward-roles"), Some("ROLE_USER,ROLE_ADMIN,ROLE_EDITOR"));
    assert_eq!(get(&server, "/editors", &plain).status, 403);
    assert_eq!(get(&server, "/editors", &roles(&["ROLE_EDITOR"])).status, 403);
    // Nobody is made.
    for (token, status) in [
        (token(&idp_key, "nobody", json!({})), 401),
        (token(&idp_key, "jane", json!({ "aud": "another" })), 401),
        (token(&idp_key, "jane", json!({ "iss": "https://evil.example.com" })), 401),
        (token(&key(), "jane", json!({})), 401),
    ] {
        assert_eq!(get(&server, "/thing", &token).status, status);
    }
    assert_eq!(site.run(&["user", "show", "admins/nobody"], "").code, 1);
    let series = "doorward_issuer_fetches_total{issuer=\"https://idp.example.com\",outcome=\"ok\"}";
    assert!(server.metric(series).is_some_and(|fetches| fetches >= 1.0));
    assert!(server.metric("doorward_issuer_keys_age_seconds{issuer=\"https://idp.example.com\"}").is_some());
    assert!(!server.log().contains(&plain), "no token is logged");
    // Disabled: at once, although the token was remembered.
    site.ok(&["user", "disable", "admins/jane"], "");
    assert_eq!(get(&server, "/editors", &editor).status, 401);
}

#[test]
fn who_is_not_vouched_for_is_not_believed_about_keys() {
    let (upstream, idp_key) = (Upstream::start(), key());
    let certificates = tempfile::tempdir().unwrap();
    let authority = Authority::root(certificates.path(), "ca");
    let another = Authority::root(certificates.path(), "another");
    let idp = Idp::secure(Says::keys(&[&idp_key]), &authority, certificates.path());
    let more = format!("ca = \"{}\"\n", another.file().display());
    let server = site(&upstream, &fetched(&idp, &more), &[]).serve();
    let reply = get(&server, "/thing", &token(&idp_key, "jane", json!({})));
    assert_eq!((reply.status, reply.header("www-authenticate")), (503, None), "{reply:?}");
    let line = server.logged("the keys of an issuer cannot be fetched");
    assert!(line.contains("https://idp.example.com") && line.contains("cannot be trusted"), "{line}");
}

/// ASVS 10.3.3.
#[test]
fn an_account_that_is_linked_with_a_subject_is_found_by_that_whatever_its_login() {
    let (upstream, idp_key) = (Upstream::start(), key());
    let idp = Idp::plain(Says::keys(&[&idp_key]));
    let site = site(&upstream, &fetched(&idp, "user = \"link\"\n"), &[]);
    let server = site.serve();
    let of = |subject: &str| token(&idp_key, "jane", json!({ "sub": subject }));
    let mine = of("f:1");
    assert_eq!(get(&server, "/thing", &mine).status, 401, "her login alone says nothing");
    let issuer = ["--issuer", "https://idp.example.com"];
    site.ok(&[&["identity", "add", "admins/jane", "--subject", "f:1"][..], &issuer].concat(), "");
    assert_eq!(get(&server, "/thing", &mine).status, 200, "{}", server.log());
    assert_eq!(upstream.last().header("doorward-login"), Some("jane"));
    assert_eq!(get(&server, "/thing", &of("f:2")).status, 401);
    site.ok(&[&["identity", "delete", "admins/jane"][..], &issuer].concat(), "");
    assert_eq!(get(&server, "/thing", &mine).status, 401);
}

/// The operator hears of roles that would be given in vain, at each place where the configuration is read.
#[test]
fn a_role_that_an_issuer_or_a_provider_gives_and_nobody_made_is_told_of() {
    let upstream = Upstream::start();
    let roles = "roles_claim = \"groups\"\n[issuer.roles]\na = [\"ROLE_EDITOR\", \"ROLE_LATER\"]\nb = \"ROLE_LATER\"\n";
    let provider = "[[provider]]\nname = \"company\"\nissuer = \"https://idp.example.com\"\nclient_id = \"shop\"\n\
                    directory = \"admins\"\nroles_claim = \"groups\"\n[provider.roles]\na = [\"ROLE_EDITOR\", \"lead\"]\n";
    let issuers = format!("{ISSUER}keys = \"idp.json\"\n{roles}{provider}");
    let site = site(&upstream, &issuers, &[("idp.json", published(&[&key()]))]);
    let told =
        ["the issuer `https://idp.example.com` gives the role `ROLE_LATER`", "the provider `company` gives the role `lead`"];
    let judge = |said: &str| {
        for message in told {
            assert_eq!(said.matches(message).count(), 1, "{message}: {said}");
        }
        assert!(!said.contains("`ROLE_EDITOR`, which"), "{said}");
    };
    let check = |site: &Site| {
        let output = site.run(&["check"], "");
        assert_eq!(output.code, 0, "they are warnings: {output:?}");
        format!("{}{}", output.out, output.err)
    };
    judge(&check(&site));
    let server = site.serve();
    judge(&server.log());
    for role in ["ROLE_LATER", "lead"] {
        site.ok(&["role", "add", role, "--allow", "Example_Api::edit"], "");
    }
    let said = check(&site);
    assert!(!said.contains("which does not exist"), "{said}");
}

#[test]
fn keys_in_a_file_are_read_again_when_they_change() {
    let (upstream, one, two) = (Upstream::start(), key(), key());
    let site = site(&upstream, &format!("{ISSUER}keys = \"idp.json\"\n"), &[("idp.json", published(&[&one]))]);
    let server = site.serve();
    let (first, second) = (token(&one, "jane", json!({})), token(&two, "jane", json!({})));
    assert_eq!((get(&server, "/thing", &first).status, get(&server, "/thing", &second).status), (200, 401));
    site.write("idp.json", &published(&[&two]));
    server.signal("HUP");
    eventually("the new key", || (get(&server, "/thing", &second).status == 200).then_some(()));
    assert_eq!(get(&server, "/thing", &first).status, 401, "what was remembered of the old key is forgotten");
}

#[test]
fn two_issuers_do_not_mix() {
    let (upstream, one, two) = (Upstream::start(), key(), key());
    let first = Idp::plain(Says::keys(&[&one]));
    let second = format!("{}keys = \"second.json\"\n", ISSUER.replace("idp.example", "second.example"));
    // Under the `kid` of the other's key.
    let mut keys = set([two.verifying()]);
    keys["keys"][0]["kid"] = json!(**one.verifying().kid().unwrap());
    let issuers = format!("{}{}", fetched(&first, ""), second.replace("admins", "customers"));
    let site = site(&upstream, &issuers, &[("second.json", keys.to_string())]);
    site.user("customers/jane", "a quiet brown fox", &[]);
    let server = site.serve();
    let of_second = json!({ "iss": "https://second.example.com" });
    assert_eq!(get(&server, "/thing", &token(&one, "jane", json!({}))).status, 200);
    assert_eq!(upstream.last().header("doorward-identity"), Some("admin/1"));
    assert_eq!(get(&server, "/thing", &token(&one, "jane", of_second.clone())).status, 401);
    assert_eq!(get(&server, "/thing", &token(&two, "jane", json!({}))).status, 401);
    // A library of others signs with the second key under the name that its issuer publishes: here, without one.
    assert_eq!(get(&server, "/thing", &token(&two, "jane", of_second)).status, 401, "its issuer has no key of that name");
}

#[test]
fn another_audience_counts_from_the_reload_on() {
    let (upstream, idp_key) = (Upstream::start(), key());
    let idp = Idp::plain(Says::keys(&[&idp_key]));
    let site = site(&upstream, &fetched(&idp, ""), &[]);
    let server = site.serve();
    let token = token(&idp_key, "jane", json!({}));
    assert_eq!(get(&server, "/thing", &token).status, 200);
    let config = std::fs::read_to_string(site.path().join("doorward.toml")).unwrap();
    site.write("doorward.toml", &config.replace("audience = \"shop\"", "audience = \"another\""));
    server.signal("HUP");
    eventually("the new audience", || (get(&server, "/thing", &token).status == 401).then_some(()));
}

#[test]
fn explain_names_the_issuer_and_asks_nobody() {
    let (upstream, one, two) = (Upstream::start(), key(), key());
    let idp = Idp::plain(Says::keys(&[&two]));
    let second = format!("{}keys = \"second.json\"\n", ISSUER.replace("idp.example", "second.example"));
    let site = site(&upstream, &format!("{}{second}", fetched(&idp, "")), &[("second.json", published(&[&one]))]);
    site.ok(&["check", "--config", "doorward.toml"], "");
    let explain = |token: &str| {
        let header = format!("Authorization: Bearer {token}");
        let output = site.run(&["explain", "--config", "doorward.toml", "GET", "/thing", "--header", &header, "--json"], "");
        let said = output.json();
        (output.code, said["credential"].as_str().unwrap().to_owned())
    };
    let of_second = |login: &str| token(&one, login, json!({ "iss": "https://second.example.com" }));
    let (code, credential) = explain(&of_second("jane"));
    assert_eq!(code, 0, "{credential}");
    assert_eq!(credential, "a JSON Web Token of `admins/jane`, made by the issuer `https://second.example.com`");
    let (code, credential) = explain(&of_second("nobody"));
    assert_eq!(code, 1);
    assert!(credential.contains("naming the issuer `https://second.example.com`"), "{credential}");
    assert!(credential.contains("the directory has no such account"), "{credential}");
    let (code, credential) = explain(&token(&two, "jane", json!({})));
    assert_eq!(code, 1);
    assert!(credential.contains("https://idp.example.com") && credential.contains("`explain` asks nobody"), "{credential}");
    assert_eq!(idp.asked(), 0);
}
