use super::*;
use crate::testing::{Bench, PASSWORD, attempt};
use doorward_core::ports::{AccountChange, TokenStore};

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

impl Bench {
    async fn token_of(&self, record: &AccountRecord) -> String {
        self.auth.tokens().issue(record, self.clock.now()).await.unwrap().token
    }

    fn format(&self, format: TokenFormat) {
        self.auth.tokens().set_settings(TokenSettings { format, ..TokenSettings::default() });
    }

    async fn whose(&self, token: &str) -> Result<String, TokenError> {
        whose(self.auth.tokens(), token).await
    }
}

async fn whose(tokens: &Tokens, token: &str) -> Result<String, TokenError> {
    let live = tokens.find(token).await?;
    Ok(format!("{}/{}", live.account().kind.as_str(), live.account().id))
}

const BOTH: [TokenFormat; 2] = [TokenFormat::Jwt, TokenFormat::Opaque];

#[tokio::test]
async fn a_token_is_its_accounts_until_it_expires() {
    for format in BOTH {
        let bench = Bench::new().await;
        bench.format(format);
        let jane = bench.add(Kind::Customer, "jane").await;
        let token = bench.token_of(&jane).await;
        assert_eq!(user_token::is_opaque(&token), format == TokenFormat::Opaque);
        bench.clock.advance(HOUR - SECOND);
        for _ in 0..2 {
            assert_eq!(bench.whose(&token).await, Ok("customer/1".into()));
        }
        assert_eq!(bench.auth.tokens().len(), 1);
        bench.clock.advance(SECOND);
        assert_eq!(bench.whose(&token).await, Err(TokenError::Refused(BadToken::Expired.text())), "{format:?}: remembered");
        let another = bench.another().await;
        assert_eq!(
            whose(another.tokens(), &token).await,
            Err(TokenError::Refused(BadToken::Expired.text())),
            "{format:?}: read anew"
        );
    }
}

#[tokio::test]
async fn what_ends_tokens_ends_them_on_every_node_and_nobody_elses() {
    let ends: [(&str, AccountChange); 3] = [
        ("end", AccountChange::EndTokens(Time(0))),
        ("disable", AccountChange::Disable),
        ("password", AccountChange::Password("$argon2id$other".into())),
    ];
    for format in BOTH {
        for (name, change) in ends.clone() {
            let bench = Bench::new().await;
            bench.format(format);
            let (jane, june) = (bench.add(Kind::Customer, "jane").await, bench.add(Kind::Customer, "june").await);
            let (token, other) = (bench.token_of(&jane).await, bench.token_of(&june).await);
            let another = bench.another().await;
            assert!(bench.whose(&token).await.is_ok() && whose(another.tokens(), &token).await.is_ok());
            let watched = bench.auth.tokens().find(&token).await.unwrap().ended().clone();
            // In the same second: that token is dead, too (magento-webapi 6.5).
            let change = if name == "end" { AccountChange::EndTokens(bench.clock.now()) } else { change };
            bench.change(Kind::Customer, jane.account.id, change).await;
            assert!(watched.is_cancelled(), "{format:?} {name}: streams end");
            assert!(matches!(bench.whose(&token).await, Err(TokenError::Refused(_))), "{format:?} {name}");
            another.apply_changes().await.unwrap();
            assert!(matches!(whose(another.tokens(), &token).await, Err(TokenError::Refused(_))), "{format:?} {name}: elsewhere");
            assert!(bench.whose(&other).await.is_ok(), "{format:?} {name}: of another account");
            if name == "disable" {
                bench.change(Kind::Customer, jane.account.id, AccountChange::Enable).await;
                assert!(bench.whose(&token).await.is_err(), "{format:?}: it does not come back");
            }
        }
    }
}

#[tokio::test]
async fn a_new_token_after_the_end_counts() {
    for format in BOTH {
        let bench = Bench::new().await;
        bench.format(format);
        let jane = bench.add(Kind::Customer, "jane").await;
        bench.change(Kind::Customer, 1, AccountChange::EndTokens(bench.clock.now())).await;
        bench.clock.advance(SECOND);
        let jane = bench.store.inner.account(Kind::Customer, jane.account.id).await.unwrap().unwrap();
        let token = bench.token_of(&jane).await;
        assert!(bench.whose(&token).await.is_ok(), "{format:?}");
    }
}

#[tokio::test]
async fn no_token_for_a_proof_that_is_no_longer_so() {
    for format in BOTH {
        let bench = Bench::new().await;
        bench.format(format);
        bench.add(Kind::Customer, "jane").await;
        let verified = bench.auth.verify(&bench.both(), attempt("jane", PASSWORD)).await.unwrap();
        bench.clock.advance(Duration::from_millis(5));
        bench.change(Kind::Customer, 1, AccountChange::Password("$argon2id$other".into())).await;
        bench.clock.advance(10 * SECOND);
        match bench.auth.tokens().issue(&verified.record, verified.began).await {
            Ok(issued) => assert!(bench.whose(&issued.token).await.is_err(), "{format:?}: dead from the start"),
            Err(error) => assert!(matches!(error, StoreError::Missing(_)), "{format:?}"),
        }
    }
}

#[tokio::test]
async fn roles_change_under_a_token() {
    let bench = Bench::new().await;
    let anna = bench.add(Kind::Admin, "anna").await;
    let token = bench.token_of(&anna).await;
    let live = bench.auth.tokens().find(&token).await.unwrap();
    let watched = live.ended().clone();
    bench
        .store
        .inner
        .put_role("clerk", doorward_core::acl::Holds::Selection(Default::default()), bench.clock.now())
        .await
        .unwrap();
    bench.change(Kind::Admin, anna.account.id, AccountChange::Roles(vec!["clerk".into()])).await;
    assert_eq!(*bench.auth.tokens().find(&token).await.unwrap().account().roles, ["clerk".into()]);
    assert!(!watched.is_cancelled(), "the token stays");
}

#[tokio::test]
async fn a_store_that_is_away_is_no_refusal() {
    let bench = Bench::new().await;
    let jane = bench.add(Kind::Customer, "jane").await;
    let token = bench.token_of(&jane).await;
    assert!(bench.whose(&token).await.is_ok());
    bench.store.away.store(true, SeqCst);
    assert!(bench.whose(&token).await.is_ok(), "it is remembered");
    bench.auth.set_deaf(true);
    assert!(matches!(bench.whose(&token).await, Err(TokenError::Unavailable(_))), "nothing is trusted unheard");
    bench.auth.set_deaf(false);
    let unknown = user_token::opaque(&doorward_crypto::system::SystemEntropy);
    assert!(matches!(bench.whose(&unknown).await, Err(TokenError::Unavailable(_))));
    bench.store.away.store(false, SeqCst);
    assert_eq!(bench.whose(&unknown).await, Err(TokenError::Refused(ENDED)));
}

#[tokio::test]
async fn a_new_key_signs_and_the_old_one_verifies_until_it_retires() {
    let bench = Bench::new().await;
    let jane = bench.add(Kind::Customer, "jane").await;
    let another = bench.another().await;
    let old = bench.token_of(&jane).await;
    bench.clock.advance(SECOND);
    assert!(whose(another.tokens(), &old).await.is_ok(), "a node that knew no key asks for it");
    let first = bench.store.keys(TOKEN_KEYS).await.unwrap().remove(0);
    let now = bench.clock.now();
    bench.store.add_key(new_token_key(&doorward_crypto::system::SystemEntropy, now, now + 5 * SECOND)).await.unwrap();
    bench.store.retire_key(TOKEN_KEYS, &first.id, now + HOUR).await.unwrap();
    for auth in [&bench.auth, &another] {
        auth.apply_changes().await.unwrap();
    }
    let kid = |token: &str| user_token::kid(token).unwrap();
    assert_eq!(kid(&bench.token_of(&jane).await), *first.id, "the new one does not sign yet");
    bench.clock.advance(5 * SECOND);
    let new = bench.token_of(&jane).await;
    assert_ne!(kid(&new), *first.id);
    for auth in [&bench.auth, &another] {
        for token in [&old, &new] {
            assert!(whose(auth.tokens(), token).await.is_ok());
        }
    }
    let watched = bench.auth.tokens().find(&old).await.unwrap().ended().clone();
    bench.store.retire_key(TOKEN_KEYS, &first.id, bench.clock.now()).await.unwrap();
    for auth in [&bench.auth, &another] {
        auth.apply_changes().await.unwrap();
        assert_eq!(whose(auth.tokens(), &old).await, Err(TokenError::Refused("no key of ours signed it")));
        assert!(whose(auth.tokens(), &new).await.is_ok());
    }
    assert!(watched.is_cancelled());
}

#[tokio::test]
async fn a_token_that_magento_issued_counts_once_its_key_is_here() {
    let bench = Bench::new().await;
    bench.add(Kind::Customer, "jane").await;
    let vector = "eyJraWQiOiIxIiwiYWxnIjoiSFMyNTYifQ.eyJ1aWQiOjEsInV0eXBpZCI6MywiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDM2MDB9\
                  .c3qqD3fBPiUEg9JS4Kzr_CdtC4CsyvVRW-yAkyfxUqo";
    assert!(bench.whose(vector).await.is_err());
    let key = doorward_core::ports::StoredKey {
        purpose: TOKEN_KEYS.into(),
        id: "1".into(),
        secret: b"0123456789abcdef0123456789abcdef".as_slice().into(),
        algorithm: Some("HS256".into()),
        created: bench.clock.now(),
        active_from: None,
        retired: None,
    };
    bench.store.add_key(key).await.unwrap();
    bench.auth.apply_changes().await.unwrap();
    assert_eq!(bench.whose(vector).await, Ok("customer/1".into()), "the account came here after the token");
    let own = bench.auth.tokens().issue(&bench.add(Kind::Customer, "june").await, bench.clock.now()).await.unwrap();
    assert_ne!(user_token::kid(&own.token).as_deref(), Ok("1"), "a key that was taken in signs nothing");
}

#[tokio::test]
async fn an_integrations_token_lasts_and_counts_only_where_it_is_wanted() {
    let bench = Bench::new().await;
    let erp = bench.add(Kind::Integration, "erp").await;
    let issued = bench.auth.tokens().issue(&erp, bench.clock.now()).await.unwrap();
    assert!(issued.expires.is_none() && user_token::is_opaque(&issued.token));
    assert_eq!(bench.whose(&issued.token).await, Err(TokenError::Refused(INTEGRATION)));
    bench.auth.tokens().set_settings(TokenSettings { integration_bearer: true, ..TokenSettings::default() });
    bench.clock.advance(10_000 * HOUR);
    assert_eq!(bench.whose(&issued.token).await, Ok("integration/1".into()));
    bench.auth.tokens().set_settings(TokenSettings::default());
    assert!(bench.whose(&issued.token).await.is_err(), "what is remembered is asked, too");
}

#[tokio::test]
async fn a_program_has_no_password() {
    let bench = Bench::new().await;
    bench.add(Kind::Integration, "erp").await;
    let mut programs = (*bench.admins).clone();
    programs.kind = Kind::Integration;
    assert!(bench.auth.verify(&[Arc::new(programs)], attempt("erp", PASSWORD)).await.is_err());
}

#[tokio::test]
async fn expired_tokens_end_their_streams_and_are_forgotten() {
    let bench = Bench::new().await;
    bench.format(TokenFormat::Opaque);
    let jane = bench.add(Kind::Customer, "jane").await;
    let token = bench.token_of(&jane).await;
    let watched = bench.auth.tokens().find(&token).await.unwrap().ended().clone();
    bench.clock.advance(HOUR - SECOND);
    bench.auth.tokens().sweep();
    assert!(!watched.is_cancelled());
    bench.clock.advance(SECOND);
    bench.auth.tokens().sweep();
    assert!(watched.is_cancelled() && bench.auth.tokens().is_empty());
    assert_eq!(bench.store.token_count_of(Kind::Customer, jane.account.id).await, Ok(1));
    bench.auth.purge().await;
    assert_eq!(bench.store.token_count_of(Kind::Customer, jane.account.id).await, Ok(0));
}

#[tokio::test]
async fn no_token_is_shown() {
    for format in BOTH {
        let bench = Bench::new().await;
        bench.format(format);
        let jane = bench.add(Kind::Customer, "jane").await;
        let issued = bench.auth.tokens().issue(&jane, bench.clock.now()).await.unwrap();
        let live = bench.auth.tokens().find(&issued.token).await.unwrap();
        assert!(!format!("{issued:?} {live:?}").contains(&issued.token));
    }
}

#[tokio::test]
async fn a_token_counts_only_as_its_hash() {
    let bench = Bench::new().await;
    bench.format(TokenFormat::Opaque);
    let jane = bench.add(Kind::Customer, "jane").await;
    let token = bench.token_of(&jane).await;
    let hash = doorward_crypto::sha256_hex(token.as_bytes());
    let stored = bench.store.token(&TokenKey(sha256(token.as_bytes()))).await.unwrap();
    assert!(stored.is_some(), "what is stored is the hash");
    assert!(bench.whose(&hash).await.is_err() && bench.whose(&hash[..32]).await.is_err(), "which opens nothing");
    assert!(bench.whose(&token).await.is_ok());
}
