//! Providers that are not there, and configurations that are not sound.

use super::{CONFIG, SECRET, said, site};
use crate::support::{Site, upstream::Upstream};
use std::net::TcpListener;

#[test]
fn a_provider_that_is_away_stops_neither_the_start_nor_passwords() {
    let upstream = Upstream::start();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let site = site(&upstream, &issuer, "");
    site.user("admins/jane", "a quiet brown fox", &["sellers"]);
    let server = site.serve();
    let reply = server.get("/oauth2/connect/idp", "Sec-Fetch-Site: same-origin\r\n");
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("30")), "{reply:?}");
    assert!(reply.body.contains("Example cannot be reached"), "{}", reply.body);
    assert_eq!(server.get("/login", "").status, 200);
    server.sign_in("jane", "a quiet brown fox");
    assert!(server.metric("doorward_provider_sign_ins_total{provider=\"idp\",outcome=\"unavailable\"}") > Some(0.0));
    assert!(!server.log().contains(SECRET));
}

#[test]
fn an_unsound_provider_is_told_of_at_its_line() {
    let upstream = Upstream::start();
    let config = CONFIG.replace("{upstream}", &upstream.url());
    let check = |config: &str| {
        let site = Site::new(config);
        site.write("routes.toml", super::ROUTES);
        site.write("client.secret", SECRET);
        said(&site.run(&["check"], ""))
    };
    let sound = config.replace("{issuer}", "https://idp.example.com");
    for (from, to, says) in [
        ("https://idp.example.com", "http://idp.example.com", "plain HTTP"),
        ("https://idp.example.com", "https://idp.example.com/?x=1", "has a query"),
        ("name = \"idp\"", "name = \"I/D\"", "no name that can stand in a path"),
        ("client_id = \"shop\"\n", "", "client_id"),
        ("directory = \"admins\"\n", "directory = \"admin\"\n", "did you mean \"admins\"?"),
        ("directory = \"admins\"\n", "directory = \"admins\"\nscopes = [\"email\"]\n", "openid"),
        ("directory = \"admins\"\n", "directory = \"admins\"\nprefix = \"x:\"\n", "`link = \"create\"`"),
        ("directory = \"admins\"\n", "directory = \"admins\"\nlink = \"create\"\nprefix = \"\"\n", "no prefix"),
        ("directory = \"admins\"\n", "directory = \"admins\"\nroles_claim = \"groups\"\n", "`roles` is missing"),
        ("directory = \"admins\"\n", "directory = \"admins\"\nca = \"missing.pem\"\n", "missing.pem"),
        ("file:client.secret", "hush hush", "stands in this file"),
        ("file:client.secret", "", "holds no secret"),
        ("title = \"Example\"", "titel = \"Example\"", "did you mean `title`?"),
    ] {
        // The directory's own `name` comes first; the provider's is meant.
        let (head, provider) = sound.split_once("[[provider]]").unwrap();
        assert!(provider.contains(from), "{from}");
        let told = check(&format!("{head}[[provider]]{}", provider.replace(from, to)));
        assert!(told.contains(says) && !told.contains("hush hush"), "{says}: {told}");
    }
    let told = check(&sound);
    assert!(told.contains("is sound") && told.contains("1 warning"), "{told}");
    let twice = format!("{sound}{}", sound.split_once("[[provider]]").unwrap().1.replace("name = \"idp\"", "name = \"two\""));
    let (head, rest) = twice.rsplit_once("\nname = \"two\"").unwrap();
    assert!(check(&format!("{head}\n[[provider]]\nname = \"two\"{rest}")).contains("nobody could tell their sessions apart"));
}
