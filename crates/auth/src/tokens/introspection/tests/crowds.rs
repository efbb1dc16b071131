//! Many who ask at once.

use super::*;

/// Lets everything run that can.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// Asks in the background.
fn asking(world: &Arc<World>, from: u8, token: String) -> tokio::task::JoinHandle<String> {
    let world = Arc::clone(world);
    tokio::spawn(async move { world.whose_from(from, &token).await })
}

/// Nobody's patience with it ends in a test.
fn patient(idp: &Arc<Idp>) -> IntrospectionSettings {
    IntrospectionSettings { timeout: 3600 * SECOND, ..settings(idp) }
}

#[tokio::test]
async fn a_crowd_with_one_token_asks_once() {
    let world = Arc::new(World::new().await);
    world.tokens().set_introspection(vec![patient(&world.idp)]);
    world.idp.room.forget_permits(1_000_000);
    let crowd: Vec<_> = (0..50).map(|_| asking(&world, 1, "t".into())).collect();
    settle().await;
    assert_eq!(world.idp.asked(), 1);
    // Whoever asks goes away: another one asks.
    crowd[0].abort();
    settle().await;
    world.idp.room.add_permits(1_000);
    for (number, asked) in crowd.into_iter().enumerate() {
        assert!(asked.await.map_or(number == 0, |word| word == JANE), "{number}");
    }
    assert!(world.idp.asked() <= 2, "{}", world.idp.asked());
}

#[tokio::test]
async fn a_flood_from_one_network_leaves_anothers_request_answered() {
    let world = Arc::new(World::new().await);
    world.tokens().set_introspection(vec![patient(&world.idp)]);
    world.idp.room.forget_permits(1_000_000);
    // A slow server, and somebody who makes tokens up.
    world.idp.says(json!({ "active": false }));
    let flood: Vec<_> = (0..200).map(|number| asking(&world, 1, format!("made-up-{number}"))).collect();
    settle().await;
    assert_eq!(world.idp.asked(), places::MOST_OF_ONE);
    // Somebody else is asked about at once, and so is a token that the flood has, too.
    let (jane, same) = (asking(&world, 2, "t".into()), asking(&world, 2, "made-up-199".into()));
    settle().await;
    assert_eq!(world.idp.asked(), places::MOST_OF_ONE + 2);
    world.idp.says(world.active(json!({})));
    world.idp.room.add_permits(1_000);
    assert_eq!((jane.await.unwrap(), same.await.unwrap()), (JANE.to_owned(), JANE.to_owned()));
    // Those that could wait get their answer, and the rest is no answer at all: neither yes nor no.
    let mut words: Vec<String> = Vec::new();
    for one in flood {
        words.push(one.await.unwrap());
    }
    let told = |wanted: &str| words.iter().filter(|word| *word == wanted).count();
    let beyond = 200 - places::MOST_OF_ONE - places::MOST_WAITING;
    assert_eq!((told(JANE), told("unknown")), (200 - beyond, beyond));
    assert_eq!(world.tokens().introspections()[0].crowded, beyond as u64);
}

#[tokio::test]
async fn tokens_that_are_none_crowd_out_no_answer_that_says_yes() {
    let world = World::new().await;
    assert_eq!(world.whose("t").await, JANE);
    world.idp.says(json!({ "active": false }));
    for number in 0..5000 {
        assert_eq!(world.whose(&format!("made-up-{number}")).await, "Invalid");
    }
    let asked = world.idp.asked();
    assert_eq!(world.whose("t").await, JANE);
    // What is none is remembered, too, as far as there is room.
    assert_eq!((world.whose("made-up-4999").await, world.idp.asked()), ("Invalid".to_owned(), asked));
    assert_eq!((world.whose("made-up-0").await, world.idp.asked()), ("Invalid".to_owned(), asked + 1));
    // Whoever sent so many has fewer places from then on.
    let world = Arc::new(world);
    world.tokens().set_introspection(vec![patient(&world.idp)]);
    for number in 0..places::MANY {
        assert_eq!(world.whose(&format!("more-{number}")).await, "Invalid");
    }
    world.idp.room.forget_permits(1_000_000);
    let asked = world.idp.asked();
    let more: Vec<_> = (0..20).map(|number| asking(&world, 1, format!("again-{number}"))).collect();
    settle().await;
    assert_eq!(world.idp.asked() - asked, places::MOST_OF_A_GUESSER);
    let other = asking(&world, 2, "t2".into());
    settle().await;
    assert_eq!(world.idp.asked() - asked, places::MOST_OF_A_GUESSER + 1);
    more.iter().chain([&other]).for_each(|one| one.abort());
}
