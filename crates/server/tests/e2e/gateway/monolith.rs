//! An old application behind: it learns who calls by a token of its own kind, keeps its cookies, and reads signatures that we do not.

use super::{PASSWORD, SignedIn, site};
use crate::support::{
    Server, Site,
    python::claims,
    upstream::{Received, Upstream},
};
use serde_json::{Value, json};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const ROUTES: &str = "[[route]]\nmethods = [\"GET\", \"POST\"]\npath = \"/*rest\"\nrequire = [\"anonymous\"]\n";

/// Upstreams of all kinds at one address, by path.
fn serve(upstream: &Upstream) -> (Server, Site) {
    let url = upstream.url();
    let rest = format!(
        "[routes]\nfiles = [\"routes.toml\"]\n[[upstream]]\nname = \"shop\"\nurl = \"{url}\"\n\
         [[upstream]]\nname = \"magento\"\nurl = \"{url}\"\npath = \"/magento\"\nidentity = \"magento-jwt\"\n\
         identity_key = \"file:key\"\ncredentials = \"pass\"\ncookies = [\"PHPSESSID\"]\n\
         [[upstream]]\nname = \"ibexa\"\nurl = \"{url}\"\npath = \"/ibexa\"\nidentity = \"ibexa-jwt\"\n\
         identity_key = \"file:key\"\nidentity_directories = \"admins\"\n"
    );
    let site = site("", &rest, ROUTES);
    site.write("key", &format!("{KEY}\n"));
    site.user("customers/jane", PASSWORD, &[]);
    site.ok(&["user", "add", "admins/admin", "--id", "14", "--password-stdin"], PASSWORD);
    (site.serve(), site)
}

/// Sends a request and returns what arrived. A POST goes the long road, a GET the short one.
fn passed(server: &Server, upstream: &Upstream, method: &str, path: &str, headers: &str) -> Received {
    let before = upstream.received().len();
    let body = if method == "POST" { "a=b" } else { "" };
    let reply = server.send(method, path, headers, body);
    assert_eq!(reply.status, 200, "{method} {path} {headers}: {reply:?}");
    let received = upstream.received();
    assert_eq!(received.len(), before + 1);
    received.last().unwrap().clone()
}

/// The one `Authorization` that arrived, a bearer token.
fn token(received: &Received) -> &str {
    let all: Vec<&str> = received.all("authorization").collect();
    assert_eq!(all.len(), 1, "{received:?}");
    all[0].strip_prefix("Bearer ").unwrap()
}

/// The claims as the application would verify them, by an independent library.
fn verify(site: &Site, kind: &str, key: &str, token: &str) -> Result<Value, String> {
    let key = site.write("their-key", key);
    claims("verify_user_token.py", &[kind.as_ref(), key.as_os_str()], token)
}

#[test]
fn an_old_application_accepts_the_token_that_names_the_caller() {
    let upstream = Upstream::start();
    let (server, site) = serve(&upstream);
    let (jane, admin) = (SignedIn::new(&server, "jane"), SignedIn::new(&server, "admin"));
    for method in ["GET", "POST"] {
        for (session, utypid, uid) in [(&jane, 3, 1), (&admin, 2, 14)] {
            let headers = format!("{}{}", session.cookie, session.token);
            let received = passed(&server, &upstream, method, "/magento/a", &headers);
            let claims = verify(&site, "magento", KEY, token(&received)).unwrap();
            assert_eq!((&claims["uid"], &claims["utypid"]), (&json!(uid), &json!(utypid)));
            assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);
            assert!(verify(&site, "magento", &KEY.replace('0', "1"), token(&received)).is_err());
        }
        let received = passed(&server, &upstream, method, "/ibexa/a", &format!("{}{}", admin.cookie, admin.token));
        let claims = verify(&site, "ibexa", KEY, token(&received)).unwrap();
        assert_eq!((&claims["username"], &claims["roles"]), (&json!("admin"), &json!(["ROLE_USER"])));
        // The log has neither token nor key.
        assert!(!server.log().contains(token(&received)) && !server.log().contains(KEY));
    }
    // A customer is nobody to an application that has the admins alone.
    let received = passed(&server, &upstream, "GET", "/ibexa/a", &jane.cookie);
    assert_eq!((received.header("authorization"), received.header("doorward-identity")), (None, Some("customer/1")));
}

/// One signature serves a session; both roads read the same slot.
#[test]
fn the_token_is_signed_once_for_a_session() {
    let upstream = Upstream::start();
    let (server, _site) = serve(&upstream);
    let jane = SignedIn::new(&server, "jane");
    let headers = format!("{}{}", jane.cookie, jane.token);
    let of = |method| token(&passed(&server, &upstream, method, "/magento/a", &headers)).to_owned();
    assert_eq!(of("GET"), of("POST"));
}

#[test]
fn nobody_brings_a_token_of_their_own_past_us() {
    let upstream = Upstream::start();
    let (server, site) = serve(&upstream);
    let jane = SignedIn::new(&server, "jane");
    // The vector of magento-webapi 6.5, forged by somebody who has the key, and other schemes: all of them are the client's.
    let vector = "eyJraWQiOiIxIiwiYWxnIjoiSFMyNTYifQ.eyJ1aWQiOjEsInV0eXBpZCI6MywiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDM2MDB9\
                  .c3qqD3fBPiUEg9JS4Kzr_CdtC4CsyvVRW-yAkyfxUqo";
    for theirs in [format!("Bearer {vector}"), "Basic YTpi".into(), "OAuth oauth_signature=\"x\"".into(), "Digest x=y".into()] {
        let theirs = format!("Authorization: {theirs}\r\n");
        for method in ["GET", "POST"] {
            for path in ["/magento/a", "/ibexa/a"] {
                let received = passed(&server, &upstream, method, path, &theirs);
                assert_eq!(received.header("authorization"), None, "{method} {path} {theirs}");
                assert_eq!(received.header("doorward-identity"), Some("guest"));
            }
            let headers = format!("{theirs}{}{}", jane.cookie, jane.token);
            let received = passed(&server, &upstream, method, "/magento/a", &headers);
            assert_eq!(verify(&site, "magento", KEY, token(&received)).unwrap()["uid"], 1, "{theirs}");
        }
    }
}

#[test]
fn an_application_that_reads_its_own_cookies_keeps_them() {
    let upstream = Upstream::answering(|_| {
        "HTTP/1.1 200 OK\r\nSet-Cookie: PHPSESSID=new; Path=/\r\nSet-Cookie: doorward_customers=stolen\r\n\
         Content-Length: 2\r\n\r\nok"
            .to_owned()
    });
    let (server, _site) = serve(&upstream);
    let reply = server.get("/magento/a", "Cookie: PHPSESSID=old; cart=7\r\n");
    assert_eq!(upstream.last().header("cookie"), Some("PHPSESSID=old; cart=7"));
    assert_eq!(reply.all("set-cookie").collect::<Vec<_>>(), ["PHPSESSID=new; Path=/"]);
}

/// It is no credential that we read: it passes where others are stripped, and makes nobody of its sender.
#[test]
fn an_oauth_1_signature_passes_unverified_from_a_guest() {
    let upstream = Upstream::start();
    let (server, _site) = serve(&upstream);
    let signature = "OAuth oauth_consumer_key=\"k\", oauth_nonce=\"n\", oauth_signature=\"hGeciVMpOvmRrUV5n2WlX3NHhH8%3D\"";
    for method in ["GET", "POST"] {
        for scheme in ["OAuth", "oauth"] {
            let sent = signature.replacen("OAuth", scheme, 1);
            let received = passed(&server, &upstream, method, "/a", &format!("Authorization: {sent}\r\n"));
            assert_eq!(received.all("authorization").collect::<Vec<_>>(), [sent]);
            assert_eq!(received.header("doorward-identity"), Some("guest"));
        }
    }
}
