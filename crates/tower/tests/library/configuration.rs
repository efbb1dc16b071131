//! What is asked for, by file, text and calls; and asked for anew.

use crate::support::{House, ask, builder};
use doorward_tower::{
    AccessRule, Authentication, Configuration, Directory, Doorward, Error, Firewall, Invalid, Route, Unmatched,
};
use http::StatusCode;
use std::time::Duration;

#[tokio::test]
async fn what_is_wrong_is_said_with_line_and_place() {
    let Err(Error::Unsound(unsound)) = Doorward::from_toml("[[directory]]\nname = \"a\"\nkind = \"admn\"\n").await else {
        panic!("it was taken");
    };
    let problems: Vec<_> = unsound.problems().map(|(file, place, _)| (file.to_owned(), place)).collect();
    assert_eq!(problems, [("doorward.toml".to_owned(), Some((3, 8)))]);
    let text = unsound.to_string();
    assert!(text.contains("doorward.toml:3:8") && text.contains("kind = \"admn\"") && text.contains("admin"), "{text}");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = Doorward::from_file(folder.path().join("doorward.toml")).await.unwrap_err();
    assert!(error.to_string().contains("doorward.toml"), "{error}");
}

#[tokio::test]
async fn what_no_layer_can_do_is_refused() {
    let text = "[server]\nclient_address = \"proxy-protocol\"\ntrusted_proxies = [\"127.0.0.1\"]\n[store]\nurl = \"memory:\"\n\
                [[directory]]\nname = \"a\"\nkind = \"admin\"\n";
    let error = Doorward::from_toml(text).await.unwrap_err();
    assert!(matches!(error, Error::Unable(_)), "{error}");
}

#[test]
fn calls_make_the_text_that_an_operator_would_write() {
    let made = Doorward::builder()
        .public_url("https://shop.test")
        .hosts(["shop.test", "api.shop.test"])
        .sqlite("a \"b\".db")
        .ibexa_prefix("")
        .magento_prefix("/rest")
        .serve(["sessions", "tokens"])
        .certificate_map("cn")
        .client_ca("ca.pem")
        .client_crl(["one.crl", "two.crl"])
        .directory(
            Directory::admins("staff")
                .cookie("no")
                .cookie("ID")
                .lifetime(Duration::from_secs(60))
                .further("same_site = \"strict\""),
        )
        .directory(Directory::integrations("programs"))
        .firewall(Firewall::new("api", Authentication::Basic).host(r"^api\.").when("basic").invalid(Invalid::Guest))
        .firewall(Firewall::new("main", Authentication::Session).guard(["csrf"]).directories(["staff"]).methods(["GET"]))
        .access_control(AccessRule::path("^/x").ips(["10.0.0.0/8"]).roles(["ROLE_ADMIN"]))
        .access_control(AccessRule::path("^/x").methods(["GET"]).host("a").roles(["ROLE_NO_ACCESS"]))
        .firewall(Firewall::new("tokens", Authentication::OAuth).audience(["urn:a"]).proof("dpop").dpop_nonce().realm("API"))
        .route(Route::post("/a").anonymous())
        .rules_file("more.toml")
        .unmatched(Unmatched::Authenticated)
        .further("[jwt]\nlifetime = \"5m\"\n");
    let expected = r#"[server]
public_url = "https://shop.test"
hosts = ["shop.test", "api.shop.test"]
[store]
url = "sqlite:a \"b\".db"
[api]
ibexa_prefix = ""
magento_prefix = "/rest"
serve = ["sessions", "tokens"]
[certificate]
map = "cn"
client_ca = "ca.pem"
client_crl = ["one.crl", "two.crl"]
[routes]
files = ["more.toml", "builder.toml"]
unmatched = "authenticated"
[[directory]]
name = "staff"
kind = "admin"
cookie = "ID"
lifetime = "60s"
same_site = "strict"
[[directory]]
name = "programs"
kind = "integration"
[[firewall]]
name = "api"
authentication = "basic"
host = "^api\\."
when = "basic"
invalid = "guest"
[[firewall]]
name = "main"
authentication = "session"
guard = ["csrf"]
directory = ["staff"]
methods = ["GET"]
[[access_control]]
path = "^/x"
ips = ["10.0.0.0/8"]
roles = ["ROLE_ADMIN"]
[[access_control]]
path = "^/x"
methods = ["GET"]
host = "a"
roles = ["ROLE_NO_ACCESS"]
[[firewall]]
name = "tokens"
authentication = "oauth"
audience = ["urn:a"]
proof = "dpop"
dpop_nonce = true
realm = "API"
[jwt]
lifetime = "5m"
"#;
    assert_eq!(made.to_toml(), expected);
    let unsound = made.configuration().unwrap_err().to_string();
    assert!(unsound.contains("more.toml"), "{unsound}");
}

#[test]
fn a_mistake_in_a_call_is_shown_in_the_text_that_it_made() {
    let unsound = builder().route(Route::get("no slash").anonymous()).configuration().unwrap_err();
    let (file, place, _) = unsound.problems().next().unwrap();
    assert_eq!(file, "builder.toml");
    assert!(place.is_some());
    assert!(unsound.to_string().contains("no slash"), "{unsound}");
    let open = builder().route(Route::get("/nothing/said")).configuration().unwrap_err();
    assert_eq!(open.problems().count(), 1, "a route of which nothing is said is no open one: {open}");
}

#[test]
fn what_is_unwise_is_said() {
    let sound =
        Configuration::from_toml("[[directory]]\nname = \"a\"\nkind = \"admin\"\n[[firewall]]\nname = \"m\"\nguard = []\n");
    assert!(sound.unwrap().warnings().iter().any(|warning| warning.contains("the request's origin")));
}

#[tokio::test]
async fn another_configuration_counts_at_once_or_not_at_all() {
    let house = House::new().await;
    let before = house.door.policy_hash();
    let open = builder().unmatched(Unmatched::Allow);
    assert_eq!(ask(house.echo(), "GET /elsewhere", &[], "").await.status, StatusCode::NOT_FOUND);
    house.door.replace(open.configuration().unwrap()).await.unwrap();
    assert_eq!(ask(house.echo(), "GET /elsewhere", &[], "").await.status, StatusCode::OK);
    assert_ne!(house.door.policy_hash(), before);
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = builder().sqlite(folder.path().join("other.db")).configuration().unwrap();
    let error = house.door.replace(elsewhere).await.unwrap_err();
    assert_eq!(error.to_string(), "nothing changed, because this needs a new start: store.url");
    assert_eq!(ask(house.echo(), "GET /elsewhere", &[], "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn where_it_listens_is_an_origin_of_its_own_and_stays_so() {
    let at = "127.0.0.1:4711".parse().unwrap();
    let door = Doorward::open(builder().configuration().unwrap().listening_at(at)).await.unwrap();
    let background = door.start();
    door.accounts().add(doorward_tower::NewUser::new("people", "jane").password("long enough for jane")).await.unwrap();
    let service = tower::Layer::layer(&door.layer(), crate::support::Echo);
    let jane = crate::support::sign_in(service.clone(), "jane").await;
    let post = async |origin: &str| {
        let headers = [("cookie", &*jane.cookie), ("x-csrf-token", &*jane.token), ("origin", origin)];
        ask(service.clone(), "POST /own", &headers, "").await.status
    };
    for _ in 0..2 {
        assert_eq!(post("http://127.0.0.1:4711").await, StatusCode::OK);
        assert_eq!(post("http://evil.test").await, StatusCode::FORBIDDEN);
        door.replace(builder().configuration().unwrap()).await.unwrap();
    }
    background.stop().await;
}

#[test]
fn no_secret_is_shown_by_debug() {
    let builder = Doorward::builder().directory(Directory::customers("people"));
    let builder = builder.further("[jwt]\nalgorithm = \"HS256\"\nsecret = \"0123456789abcdef0123456789abcdef\"\n");
    let configuration = builder.configuration().unwrap();
    assert!(!format!("{builder:?} {configuration:?}").contains("0123456789"));
}

#[tokio::test]
async fn routes_of_every_method_and_rules_as_text_are_judged_alike() {
    let rules = builder()
        .rules("[[route]]\nmethods = [\"REPORT\"]\npath = \"/things/:id\"\nrequire = [\"anonymous\"]\n")
        .route(Route::put("/things/:id").anonymous())
        .route(Route::patch("/things/:id").own())
        .route(Route::delete("/things/:id").require("Example_Sales::orders").scopes(["things:write"]));
    let house = House::of(&rules).await;
    for (line, status) in [
        ("REPORT /things/7", StatusCode::OK),
        ("PUT /things/7", StatusCode::OK),
        ("PATCH /things/7", StatusCode::UNAUTHORIZED),
        ("DELETE /things/7", StatusCode::UNAUTHORIZED),
        ("POST /things/7", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(ask(house.echo(), line, &[], "").await.status, status, "{line}");
    }
    let unsound = builder().rules("[[route]]\nmethod = [\"GET\"]\n").configuration().unwrap_err().to_string();
    assert!(unsound.contains("builder.toml") && unsound.contains("`methods`"), "{unsound}");
}
