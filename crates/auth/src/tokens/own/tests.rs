use super::*;
use crate::{
    AccessProfile, Auth, KeyRules,
    testing::{Bench, MINUTE},
};
use doorward_core::{
    ports::{AccountChange, Client, ClientChange, ClientMethod, ClientStore as _, Clock as _, Code, Store as _},
    session::{Session, SessionKey},
};
use doorward_crypto::jwt::{self, Algorithm};
use serde_json::json;
use std::{sync::atomic::Ordering::SeqCst, time::Duration};

const ISSUER: &str = "https://shop.example.com";
const SECOND: Duration = Duration::from_secs(1);
const CLIENT: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const PROFILE: AccessProfile = AccessProfile { typ: "at+jwt", scopes, bound: |_| Ok(Bound::default()), introspected: scopes };

fn scopes(claims: &jwt::Claims) -> Result<Vec<Arc<str>>, &'static str> {
    Ok(claims.text("scope").unwrap_or_default().split(' ').map(Into::into).collect())
}

fn client(id: &str, made: Time) -> Client {
    Client {
        id: id.into(),
        name: id.into(),
        method: ClientMethod::SecretBasic,
        secret: None,
        jwks: None,
        certificate: None,
        certificate_bound: false,
        registered: None,
        redirect_uris: Vec::new(),
        post_logout_redirect_uris: Vec::new(),
        grants: Grant::ALL.to_vec(),
        scopes: vec!["orders".into(), "default".into()],
        resources: Vec::new(),
        enabled: true,
        tokens_not_before: made,
        created: made,
        updated: made,
    }
}

/// An authorization server with the client `shop`, to which the customer `jane` allowed something.
struct World {
    bench: Bench,
    jane: AccountRecord,
    session: SessionKey,
}

impl World {
    async fn new() -> Self {
        let bench = Bench::new().await;
        let rules = KeyRules { algorithm: Algorithm::EdDsa, rotation: None, longest: 60 * MINUTE };
        bench.auth.tokens().set_oauth_keys(Some(rules));
        bench.auth.tokens().set_oauth_scopes(["orders", "default"].map(Arc::from).into());
        let jane = bench.add(Kind::Customer, "jane").await;
        bench.store.add_client(&client("shop", bench.clock.now())).await.unwrap();
        bench.clock.advance(SECOND);
        let (now, session) = (bench.clock.now(), SessionKey([7; 32]));
        let began = Session {
            key: session,
            directory: "customers".into(),
            account: jane.account.id,
            account_version: jane.version,
            created: now,
            last_seen: now,
            authenticated: now,
            factors: Vec::new(),
            site: "default".into(),
            device: "curl".into(),
        };
        bench.store.create_session(&began, None).await.unwrap();
        let world = Self { bench, jane, session };
        world.allow("g", None).await;
        world
    }

    /// Lets the client act for her, as long as the session lives where one is named.
    async fn allow(&self, id: &str, session: Option<SessionKey>) {
        self.allow_by(Some(Grant::AuthorizationCode), id, session).await;
    }

    async fn allow_by(&self, grant: Option<Grant>, id: &str, session: Option<SessionKey>) {
        let now = self.bench.clock.now();
        let it = Authorization {
            id: id.into(),
            client: "shop".into(),
            kind: Kind::Customer,
            account: self.jane.account.id,
            account_version: self.jane.version,
            session,
            sid: "sid".into(),
            grant,
            scopes: vec!["orders".into()],
            resources: Vec::new(),
            authenticated: now,
            factors: Vec::new(),
            binding: None,
            created: now,
            expires: now + 6000 * MINUTE,
        };
        let code = Code {
            key: TokenKey(sha256(id.as_bytes())),
            redirect_uri: "https://app.example.com/".into(),
            named: true,
            challenge: [0; 32],
            nonce: None,
            dpop_jkt: None,
            lasts: 6000 * MINUTE,
        };
        assert!(self.bench.store.grants().add_code(&it, &code, None).await.unwrap());
    }

    /// A token for her, in which these claims are others.
    async fn token(&self, changes: Value) -> String {
        self.bench.clock.advance(SECOND);
        let now = self.bench.clock.now().seconds();
        let mut claims = json!({
            "iss": ISSUER, "aud": ISSUER, "sub": format!("customer/{}", self.jane.account.id), "client_id": "shop", "iat": now,
            "exp": now + 360_000, "jti": "1", "scope": "orders", "grant_id": "g",
        });
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => claims.as_object_mut().unwrap().remove(name),
                value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
            };
        }
        let signer = self.bench.auth.tokens().oauth_signer().await.unwrap();
        signer.sign_typed("at+jwt", &claims).unwrap()
    }

    async fn find_at(&self, auth: &Auth, token: &str, audience: &[Arc<str>]) -> Result<Arc<LiveToken>, WebError> {
        let (both, usual) = (self.bench.both(), Arc::from(ISSUER));
        let own = Some(OwnIssuer { issuer: ISSUER, audience: &usual });
        auth.tokens()
            .find_access(token, &AccessAsked { directories: &both, profile: &PROFILE, own, audience, client: CLIENT })
            .await
    }

    async fn find(&self, token: &str) -> Result<Arc<LiveToken>, WebError> {
        self.find_at(&self.bench.auth, token, &[]).await
    }

    async fn counts(&self, token: &str) -> bool {
        match self.find(token).await {
            Ok(_) => true,
            Err(WebError::Refused { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }

    async fn apply(&self) {
        self.bench.auth.apply_changes().await.unwrap();
    }
}

#[tokio::test]
async fn a_token_counts_for_whoever_allowed_it_with_the_roles_of_this_moment() {
    let world = World::new().await;
    let token = world.token(json!({ "scope": "orders gone" })).await;
    let live = world.find(&token).await.unwrap();
    assert_eq!((live.account().id, &*live.account().login), (world.jane.account.id, "jane"));
    assert_eq!(live.account().roles, [Arc::from("ROLE_OAUTH2_ORDERS")], "of what the client may have");
    let holds = doorward_core::acl::Holds::Selection(Default::default());
    world.bench.store.put_role("EDITOR", holds, world.bench.clock.now()).await.unwrap();
    world.bench.change(Kind::Customer, world.jane.account.id, AccountChange::Roles(vec!["EDITOR".into()])).await;
    assert_eq!(live.account().roles, [Arc::from("EDITOR"), Arc::from("ROLE_OAUTH2_ORDERS")]);
    assert!(Arc::ptr_eq(&live, &world.find(&token).await.unwrap()), "streams that it opened go on");
}

/// Roles of that name are what a token's scopes are, and nothing else.
#[tokio::test]
async fn a_role_that_is_called_like_a_scope_counts_for_no_token() {
    let world = World::new().await;
    let (store, now) = (&world.bench.store, world.bench.clock.now());
    for role in ["ROLE_OAUTH2_ADMIN", "ROLE_OAUTH2_ORDERS", "EDITOR"] {
        store.put_role(role, doorward_core::acl::Holds::Selection(Default::default()), now).await.unwrap();
    }
    let roles = ["ROLE_OAUTH2_ADMIN", "EDITOR", "ROLE_OAUTH2_ORDERS"].map(Arc::from);
    world.bench.change(Kind::Customer, world.jane.account.id, AccountChange::Roles(roles.into())).await;
    let whose = async |scope: &str| {
        let token = world.token(json!({ "scope": scope, "jti": scope })).await;
        world.find(&token).await.unwrap().account().roles.join(",")
    };
    assert_eq!(whose("default").await, "EDITOR,ROLE_OAUTH2_DEFAULT");
    assert_eq!(whose("orders").await, "EDITOR,ROLE_OAUTH2_ORDERS");
}

#[tokio::test]
async fn a_scope_that_is_gone_is_none_of_a_token_any_more() {
    let world = World::new().await;
    let tokens = world.bench.auth.tokens();
    let token = world.token(json!({ "scope": "orders default" })).await;
    let live = world.find(&token).await.unwrap();
    let stream = live.ended().clone();
    let of = |live: &LiveToken| live.scopes().unwrap().join(" ");
    assert_eq!(of(&live), "orders default");
    // The same ones again: nothing happened.
    tokens.set_oauth_scopes(["orders", "default"].map(Arc::from).into());
    assert!(live.is_sure() && Arc::ptr_eq(&live, &world.find(&token).await.unwrap()));
    tokens.set_oauth_scopes(vec!["default".into(), "more".into()]);
    assert!(!live.is_sure());
    tokens.tend_own().await;
    assert!(stream.is_cancelled(), "it was good for more when the stream began");
    let less = world.find(&token).await.unwrap();
    assert_eq!((of(&less), less.account().roles.join(",")), ("default".into(), "ROLE_OAUTH2_DEFAULT".into()));
    tokens.set_oauth_scopes(Vec::new());
    assert_eq!(of(&world.find(&token).await.unwrap()), "");
}

#[tokio::test]
async fn a_token_ends_when_its_client_loses_the_way_by_which_it_came() {
    let world = World::new().await;
    let token = world.token(json!({})).await;
    let stream = world.find(&token).await.unwrap().ended().clone();
    let grants = async |grants: &[Grant]| {
        let change = ClientChange { grants: Some(grants.to_vec()), ..ClientChange::default() };
        world.bench.store.change_client("shop", change, world.bench.clock.now()).await.unwrap();
        world.apply().await;
    };
    grants(&[Grant::AuthorizationCode]).await;
    assert!(!stream.is_cancelled() && world.counts(&token).await);
    grants(&[Grant::DeviceCode, Grant::ClientCredentials, Grant::RefreshToken]).await;
    assert!(stream.is_cancelled() && !world.counts(&token).await);
    grants(&[Grant::AuthorizationCode]).await;
    assert!(world.counts(&token).await, "what was allowed has not ended");
    // Of what was allowed before anybody wrote the way down, one of them is enough.
    world.allow_by(None, "old", None).await;
    let old = world.token(json!({ "grant_id": "old", "jti": "old" })).await;
    for (left, stands) in [(Grant::AuthorizationCode, true), (Grant::DeviceCode, true), (Grant::RefreshToken, false)] {
        grants(&[left, Grant::ClientCredentials]).await;
        assert_eq!(world.counts(&old).await, stands, "{left:?}");
    }
}

#[tokio::test]
async fn what_is_no_access_token_of_ours_for_this_place_does_not_count() {
    let world = World::new().await;
    for changes in [
        json!({ "aud": "https://orders.example.com" }),
        json!({ "aud": null }),
        json!({ "exp": 1_000 }),
        json!({ "iat": null }),
        json!({ "nbf": 4_000_000_000_u64 }),
        json!({ "jti": null }),
        json!({ "client_id": "other" }),
        json!({ "client_id": null }),
        json!({ "sub": "customer/999" }),
        json!({ "sub": "admin/1" }),
        json!({ "sub": "shop" }),
        json!({ "grant_id": null }),
        json!({ "grant_id": "other" }),
        json!({ "grant_id": 1 }),
        json!({ "iss": "https://evil.example.com" }),
        json!({ "iss": null }),
    ] {
        let token = world.token(changes.clone()).await;
        assert!(!world.counts(&token).await, "{changes}");
    }
    let signer = world.bench.auth.tokens().oauth_signer().await.unwrap();
    let good = world.token(json!({})).await;
    let said: Value = serde_json::from_slice(&base64_of(good.split('.').nth(1).unwrap())).unwrap();
    for typ in ["JWT", "dpop+jwt"] {
        assert!(!world.counts(&signer.sign_typed(typ, &said).unwrap()).await, "{typ}");
    }
    assert!(world.counts(&good).await);
    // Another firewall wants tokens for something else.
    let orders = [Arc::from("https://orders.example.com")];
    assert!(world.find_at(&world.bench.auth, &good, &orders).await.is_err());
    let both = world.token(json!({ "aud": [ISSUER, "https://orders.example.com"], "jti": "2" })).await;
    assert!(world.find_at(&world.bench.auth, &both, &orders).await.is_ok() && world.counts(&both).await);
    world.bench.auth.tokens().set_oauth_keys(None);
    assert!(!world.counts(&good).await, "there is no such server any more");
}

fn base64_of(part: &str) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

#[tokio::test]
async fn whatever_it_rests_on_ends_it_for_requests_and_for_streams() {
    type Deed<'w> = std::pin::Pin<Box<dyn Future<Output = ()> + 'w>>;
    type End = for<'w> fn(&'w World) -> Deed<'w>;
    let account: fn(&World) -> (Kind, u64) = |world| (Kind::Customer, world.jane.account.id);
    let ends: [(&str, End); 8] = [
        ("revoked", |world| {
            Box::pin(async {
                let until = world.bench.clock.now() + MINUTE;
                world.bench.store.revoke_access_token(&TokenKey(sha256(b"1")), until).await.unwrap();
            })
        }),
        ("grant", |world| Box::pin(async { assert!(world.bench.store.grants().end_authorization("g").await.unwrap()) })),
        ("client disabled", |world| {
            Box::pin(async {
                let change = ClientChange { enabled: Some(false), ..ClientChange::default() };
                drop(world.bench.store.change_client("shop", change, world.bench.clock.now()).await.unwrap());
            })
        }),
        ("client's tokens ended", |world| {
            Box::pin(async {
                let change = ClientChange { end_tokens: true, ..ClientChange::default() };
                drop(world.bench.store.change_client("shop", change, world.bench.clock.now()).await.unwrap());
            })
        }),
        ("client deleted", |world| Box::pin(async { world.bench.store.delete_client("shop").await.unwrap() })),
        ("disabled", |world| Box::pin(async { change(world, AccountChange::Disable).await })),
        ("password", |world| Box::pin(async { change(world, AccountChange::Password("$argon2id$other".into())).await })),
        ("tokens", |world| Box::pin(async { change(world, AccountChange::EndTokens(world.bench.clock.now())).await })),
    ];
    async fn change(world: &World, change: AccountChange) {
        drop(
            world
                .bench
                .store
                .change_account(Kind::Customer, world.jane.account.id, change, world.bench.clock.now())
                .await
                .unwrap(),
        );
    }
    for (what, end) in ends {
        let world = World::new().await;
        let (token, other) = (world.token(json!({})).await, world.bench.another().await);
        let rules = KeyRules { algorithm: Algorithm::EdDsa, rotation: None, longest: 60 * MINUTE };
        other.tokens().set_oauth_keys(Some(rules));
        other.tokens().set_oauth_scopes(vec!["orders".into()]);
        let (here, there) = (world.find(&token).await.unwrap(), world.find_at(&other, &token, &[]).await.unwrap());
        let (stream, distant) = (here.ended().clone(), there.ended().clone());
        world.bench.clock.advance(SECOND);
        end(&world).await;
        world.apply().await;
        other.apply_changes().await.unwrap();
        assert!(stream.is_cancelled() && distant.is_cancelled(), "{what}: {:?}", account(&world));
        assert!(!world.counts(&token).await, "{what}");
        assert!(world.find_at(&other, &token, &[]).await.is_err(), "{what}");
    }
}

#[tokio::test]
async fn one_that_is_remembered_needs_no_store_and_a_deaf_node_believes_nothing() {
    let world = World::new().await;
    let token = world.token(json!({})).await;
    assert!(world.counts(&token).await);
    world.bench.store.away.store(true, SeqCst);
    assert!(world.counts(&token).await);
    world.bench.auth.set_deaf(true);
    assert!(matches!(world.find(&token).await, Err(WebError::Unavailable(_))));
    world.bench.store.away.store(false, SeqCst);
    assert!(world.counts(&token).await, "the store says so");
    world.bench.store.revoke_access_token(&TokenKey(sha256(b"1")), world.bench.clock.now() + MINUTE).await.unwrap();
    assert!(!world.counts(&token).await, "though nobody told");
}

#[tokio::test]
async fn what_ends_with_a_session_ends_when_that_is_idle() {
    let world = World::new().await;
    world.allow("s", Some(world.session)).await;
    let token = world.token(json!({ "grant_id": "s" })).await;
    let live = world.find(&token).await.unwrap();
    let stream = live.ended().clone();
    world.bench.clock.advance(20 * MINUTE);
    // It is used elsewhere, of which this node is not told.
    world.bench.store.touch_sessions(&[(world.session, world.bench.clock.now())]).await.unwrap();
    world.bench.clock.advance(20 * MINUTE);
    world.bench.auth.tokens().tend_own().await;
    assert!(!stream.is_cancelled() && world.counts(&token).await);
    world.bench.clock.advance(20 * MINUTE);
    world.bench.auth.tokens().tend_own().await;
    assert!(stream.is_cancelled() && !world.counts(&token).await);
    assert!(world.counts(&world.token(json!({})).await).await, "what outlives sessions does");
}

#[tokio::test]
async fn a_client_for_itself_is_the_program_of_its_name() {
    let world = World::new().await;
    let programs = Arc::new(Directory { name: "programs".into(), kind: Kind::Integration, ..(*world.bench.admins).clone() });
    world.bench.auth.set_directories(vec![Arc::clone(&programs), Arc::clone(&world.bench.customers)]);
    let own = json!({ "sub": "shop", "grant_id": null, "jti": "2" });
    let (usual, asked) = (Arc::from(ISSUER), [Arc::clone(&world.bench.customers), programs]);
    let find = async |token: &str| {
        let own = Some(OwnIssuer { issuer: ISSUER, audience: &usual });
        let asked = AccessAsked { directories: &asked, profile: &PROFILE, own, audience: &[], client: CLIENT };
        world.bench.auth.tokens().find_access(token, &asked).await
    };
    // Nobody, a person, and a program that is called nearly so.
    for (directory, kind, login) in [("customers", Kind::Customer, "shop"), ("programs", Kind::Integration, "Shop")] {
        assert!(find(&world.token(own.clone()).await).await.is_err(), "before {directory}/{login}");
        add(&world, directory, kind, login).await;
    }
    assert!(find(&world.token(own.clone()).await).await.is_err());
    let record = world.bench.store.account_by_login("programs", None, "Shop").await.unwrap().unwrap();
    world.bench.store.delete_account(Kind::Integration, record.account.id, world.bench.clock.now()).await.unwrap();
    let id = add(&world, "programs", Kind::Integration, "shop").await;
    let token = world.token(own).await;
    let live = find(&token).await.unwrap();
    assert_eq!((live.account().kind, live.account().id), (Kind::Integration, id));
    assert_eq!(live.account().roles, [Arc::from("ROLE_OAUTH2_ORDERS")]);
    let stream = live.ended().clone();
    let change = ClientChange { grants: Some(vec![Grant::AuthorizationCode]), ..ClientChange::default() };
    world.bench.store.change_client("shop", change, world.bench.clock.now()).await.unwrap();
    world.apply().await;
    assert!(stream.is_cancelled() && find(&token).await.is_err(), "it may no longer act for itself");
}

async fn add(world: &World, directory: &str, kind: Kind, login: &str) -> u64 {
    let new = doorward_core::ports::NewAccount {
        directory: directory.into(),
        kind,
        id: None,
        login: login.into(),
        per_website: false,
        email: None,
        password: None,
        roles: Vec::new(),
        membership: None,
        confirmed: true,
        profile: "{}".into(),
    };
    world.bench.store.add_account(new, world.bench.clock.now()).await.unwrap().account.id
}
