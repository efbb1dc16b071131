//! Keys that are fetched.

use super::*;

#[tokio::test]
async fn keys_are_fetched_in_the_background_or_for_the_first_token() {
    let idp = key();
    let server = Server::of(&[&idp]);
    let world = World::new(vec![settings(fetched(&server))]).await;
    assert_eq!(server.asked(), 0, "nobody waits for it at the start");
    let token = world.sign(&idp, json!({}));
    assert_eq!(world.whose(&token).await, JANE);
    assert_eq!(server.asked(), 1);
    world.beat().await;
    assert_eq!(server.asked(), 1);
    world.bench.clock.advance(REFRESH);
    world.beat().await;
    assert_eq!(server.asked(), 2);
    let state = world.tokens().issuer_keys();
    assert_eq!((state[0].fetches, state[0].failures, state[0].fetched), (2, 0, Some(world.bench.clock.now())));
}

#[tokio::test]
async fn unknown_keys_are_asked_for_seldom_and_once_for_all_who_wait() {
    let (idp, next, stranger) = (key(), key(), key());
    let server = Server::of(&[&idp]);
    let world = World::new(vec![settings(fetched(&server))]).await;
    world.beat().await;
    assert_eq!(server.asked(), 1);
    let foreign = world.sign(&stranger, json!({}));
    for _ in 0..100 {
        assert_eq!(world.whose(&foreign).await, "Invalid");
    }
    assert_eq!(server.asked(), 1, "it was asked just now");
    world.bench.clock.advance(RETRY);
    // A hundred at once, while the server takes its time.
    server.room.forget_permits(1000);
    server.says(&[&idp, &next]);
    let tokens: Vec<String> = (0..100).map(|n| world.sign(&next, json!({ "jti": n.to_string() }))).collect();
    let all = futures_util::future::join_all(tokens.iter().map(|token| world.whose(token)));
    let release = async {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        server.room.add_permits(1000);
    };
    let (found, ()) = tokio::join!(all, release);
    assert!(found.iter().all(|found| found == JANE), "{found:?}");
    assert_eq!(server.asked(), 2);
    // One that says of itself that it has ended, and one without the form, are asked about no server.
    world.bench.clock.advance(RETRY);
    assert_eq!(world.whose(&world.sign(&stranger, json!({"exp": 1}))).await, "Expired");
    assert_eq!(world.whose("a.b.c").await, "Invalid");
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn a_key_that_its_issuer_takes_back_vouches_for_nothing_any_more() {
    let (idp, next) = (key(), key());
    let server = Server::of(&[&idp]);
    let world = World::new(vec![settings(fetched(&server))]).await;
    let (old, new) = (world.sign(&idp, json!({})), world.sign(&next, json!({})));
    let ended = world.find(&old).await.unwrap().ended().clone();
    server.says(&[&idp, &next]);
    world.bench.clock.advance(RETRY);
    assert_eq!((&*world.whose(&new).await, &*world.whose(&old).await), (JANE, JANE));
    assert!(!ended.is_cancelled());
    server.says(&[&next]);
    world.bench.clock.advance(REFRESH);
    world.beat().await;
    assert!(ended.is_cancelled(), "streams of it end");
    assert_eq!((&*world.whose(&new).await, &*world.whose(&old).await), (JANE, "Invalid"));
}

#[tokio::test]
async fn an_outage_is_outlived_for_a_time_and_then_nobody_knows() {
    let (idp, stranger) = (key(), key());
    let server = Server::of(&[&idp]);
    let world = World::new(vec![settings(fetched(&server))]).await;
    let token = world.sign(&idp, json!({}));
    let ended = world.find(&token).await.unwrap().ended().clone();
    server.is_away();
    world.bench.clock.advance(REFRESH);
    world.beat().await;
    assert_eq!(server.asked(), 2);
    assert_eq!(world.whose(&token).await, JANE, "the old keys count");
    assert_eq!(world.whose(&world.sign(&idp, json!({"jti": "1"}))).await, JANE);
    assert_eq!(world.whose(&world.sign(&stranger, json!({}))).await, "unknown", "it may be a new key");
    // Pauses grow: 10, 20, 40 s and so on, up to the usual one.
    let mut times = Vec::new();
    for second in 0..2000 {
        let before = server.asked();
        world.bench.clock.advance(SECOND);
        world.tokens().tend_issuers();
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        if server.asked() > before {
            times.push(second + 1);
        }
    }
    assert_eq!(times, [10, 30, 70, 150, 310, 630, 1270]);
    world.bench.clock.advance(STALE);
    world.beat().await;
    assert!(ended.is_cancelled());
    assert_eq!(world.whose(&token).await, "unknown");
    let why = world.find(&token).await.unwrap_err().to_string();
    assert!(why.contains(IDP) && why.contains("too old") && why.contains("it hung up"), "{why}");
    let failures = world.tokens().issuer_keys()[0].failures;
    assert!(failures >= 8, "{failures}");
    // It is back.
    server.says(&[&idp]);
    world.bench.clock.advance(REFRESH);
    world.beat().await;
    assert_eq!(world.whose(&token).await, JANE);
}

#[tokio::test]
async fn an_answer_that_is_no_key_set_takes_no_key_away() {
    let idp = key();
    let server = Server::of(&[&idp]);
    let world = World::new(vec![settings(fetched(&server))]).await;
    let token = world.sign(&idp, json!({}));
    assert_eq!(world.whose(&token).await, JANE);
    for wrong in ["", "<html>", "{}", r#"{"keys":1}"#, r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#, r#"{"keys":[],"keys":[]}"#] {
        *server.says.lock().unwrap() = Ok(wrong.into());
        world.bench.clock.advance(REFRESH);
        world.beat().await;
        assert_eq!(world.whose(&token).await, JANE, "{wrong}");
        assert!(world.tokens().issuer_keys()[0].failures > 0);
    }
    // A set without a key is one.
    server.says(&[]);
    world.bench.clock.advance(REFRESH);
    world.beat().await;
    assert_eq!(world.whose(&token).await, "Invalid");
}

#[tokio::test]
async fn who_never_was_reached_is_no_reason_to_refuse() {
    let idp = key();
    let server = Server::of(&[]);
    server.is_away();
    let world = World::new(vec![settings(fetched(&server))]).await;
    let token = world.sign(&idp, json!({}));
    for _ in 0..10 {
        assert_eq!(world.whose(&token).await, "unknown");
    }
    assert_eq!(server.asked(), 1, "it is left alone for a while");
    server.says(&[&idp]);
    world.bench.clock.advance(RETRY);
    assert_eq!(world.whose(&token).await, JANE);
}
