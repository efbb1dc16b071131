//! Libraries of other authors as clients: discovery, tokens by each method, introspection and revocation.

use super::{add, site};
use crate::support::python::claims;
use serde_json::Value;

#[test]
fn authlib_and_requests_oauthlib_find_get_ask_about_and_end_tokens() {
    let site = site("");
    let folder = site.path().to_owned();
    claims("oauth_client.py", &["keys".as_ref(), folder.as_ref()], "").unwrap();
    let scopes = ["--scope", "orders"];
    let basic = add(&site, "basic", &scopes);
    let post = add(&site, "post", &[&scopes[..], &["--auth-method", "client_secret_post"]].concat());
    let signed = add(&site, "signed", &[&scopes[..], &["--auth-method", "private_key_jwt", "--jwks", "jwks.json"]].concat());
    assert_eq!(signed, "", "it has no secret");
    let server = site.serve();
    let issuer = format!("http://{}", server.public);
    let arguments = ["tokens".as_ref(), issuer.as_ref(), basic.as_ref(), post.as_ref(), folder.as_ref()];
    let said = claims("oauth_client.py", &arguments, "").unwrap_or_else(|why| panic!("{why}\n{}", server.log()));
    for id in ["basic", "post", "signed"] {
        let (before, after) = (&said[id]["before"], &said[id]["after"]);
        assert_eq!((&before["active"], &before["client_id"], &before["scope"]), (&true.into(), &id.into(), &"orders".into()));
        assert_eq!(said[id]["claims"]["jti"], before["jti"]);
        assert_eq!(said[id]["revoked"], 200);
        assert_eq!(after, &serde_json::json!({ "active": false }), "{id}");
    }
    assert_eq!(said["other"]["token_type"], "Bearer");
    assert_ne!(said["other"]["scope"], Value::Null);
}
