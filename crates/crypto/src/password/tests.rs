use super::{work::Large, *};
use crate::system::SystemEntropy;
use proptest::prelude::*;
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, atomic::Ordering::SeqCst},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

const CHEAP: Cost = Cost { memory_kib: 64, iterations: 1, parallelism: 1 };
/// Slow enough (tens of milliseconds) that others queue up behind it.
const SLOW: Cost = Cost { memory_kib: 16_384, iterations: 4, parallelism: 1 };

fn lane(last: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, last).into()
}

fn pool(cost: Cost, workers: usize, queue: usize, per_address: usize) -> Arc<PasswordPool> {
    Arc::new(PasswordPool::new(cost, PoolLimits { workers, queue, per_address }, Arc::new(SystemEntropy)).unwrap())
}

/// What a worker does with a stored text.
fn verify(buffer: &mut Buffer, password: &str, stored: &str, large: &Large) -> bool {
    let parsed = StoredHash::parse_beside(stored, CHEAP).ok();
    buffer.verify(password, parsed.as_ref(), large, &CryptKeys::default())
}

/// Polls a future once, so that its job stands in the queue in a known order.
fn start<F: Future>(future: &mut std::pin::Pin<Box<F>>) {
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(future.as_mut().poll(&mut context), Poll::Pending));
}

/// Lets the one worker take the first job.
async fn until(pool: &PasswordPool, what: impl Fn(PoolStats) -> bool) {
    for _ in 0..2000 {
        if what(pool.stats()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("never happened: {:?}", pool.stats());
}

#[tokio::test]
async fn a_password_verifies_exactly_as_typed() {
    let pool = pool(CHEAP, 1, 8, 8);
    let long = "correct horse é ".repeat(20);
    for password in ["publish", " publish ", "", "Publish", long.as_str()] {
        let phc = pool.hash(lane(1), password).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{phc}");
        assert_eq!(pool.verify(lane(1), password, Some(&phc)).await, Ok(true));
        assert_eq!(pool.verify(lane(1), &format!("{password}x"), Some(&phc)).await, Ok(false));
    }
    let phc = pool.hash(lane(1), "publish").await.unwrap();
    assert_eq!(pool.verify(lane(1), "Publish", Some(&phc)).await, Ok(false));
    assert_eq!(pool.verify(lane(1), "publish ", Some(&phc)).await, Ok(false));
}

#[tokio::test]
async fn a_hash_of_another_implementation_verifies() {
    // From the reference implementation's test vectors (argon2id, v=19, 'password', 'somesalt', t=2, m=2^8).
    let phc = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    let pool = pool(CHEAP, 1, 8, 8);
    assert_eq!(pool.verify(lane(1), "password", Some(phc)).await, Ok(true));
    assert_eq!(pool.verify(lane(1), "passwore", Some(phc)).await, Ok(false));
}

#[tokio::test]
async fn no_account_means_no_after_the_work_of_one_hash() {
    let pool = pool(CHEAP, 1, 8, 8);
    assert_eq!(pool.verify(lane(1), "publish", None).await, Ok(false));
    assert_eq!(pool.stats().done, 1);
}

#[test]
fn the_dummy_takes_as_long_as_a_real_hash() {
    let mut buffer = Buffer::new(SLOW);
    let large = Large::default();
    let phc = buffer.hash("publish", &SystemEntropy);
    let mut best = |phc: Option<&str>| {
        let phc = phc.map(|phc| StoredHash::parse_beside(phc, SLOW).unwrap());
        let time = |buffer: &mut Buffer| {
            let began = std::time::Instant::now();
            assert!(!buffer.verify("wrong", phc.as_ref(), &large, &CryptKeys::default()));
            began.elapsed()
        };
        (0..5).map(|_| time(&mut buffer)).min().unwrap()
    };
    let (real, dummy) = (best(Some(&phc)), best(None));
    let ratio = dummy.as_secs_f64() / real.as_secs_f64();
    assert!((0.33..3.0).contains(&ratio), "real {real:?}, dummy {dummy:?}");
}

#[tokio::test]
async fn a_hash_of_another_cost_does_not_tell_by_its_time_that_it_is_there() {
    let dear = Cost { memory_kib: 8192, iterations: 4, parallelism: 1 };
    let stored = hash_password("right", dear, &SystemEntropy);
    let pool = pool(CHEAP, 1, 8, 8);
    assert!(!pool.verify(lane(1), "wrong", Some(&stored)).await.unwrap());
    let slowest = pool.stats().typical;
    // Nobody's login, and an account whose hash is of our own cost.
    let own = pool.hash(lane(1), "right").await.unwrap();
    for phc in [None, Some(&*own)] {
        let began = Instant::now();
        assert!(!pool.verify(lane(1), "wrong", phc).await.unwrap());
        assert!(began.elapsed() >= slowest, "{phc:?} took {:?} of {slowest:?}", began.elapsed());
    }
    let began = Instant::now();
    assert!(pool.verify(lane(1), "right", Some(&own)).await.unwrap());
    assert!(began.elapsed() < slowest, "whoever is right does not wait");
}

#[tokio::test]
async fn the_very_first_refusal_takes_as_long_as_the_dearest_hash_that_is_stored() {
    let dear = Cost { memory_kib: 8192, iterations: 4, parallelism: 1 };
    let costs = ["$argon2id$v=19$m=64,t=2,p=1$", "$argon2id$v=19$m=8192,t=4,p=1$", "$argon2id$v=19$m=64,t=1,p=1$", "odd"];
    let pool = pool(CHEAP, 1, 8, 8);
    pool.learn(&costs).await.unwrap();
    let mut buffer = Buffer::new(dear);
    let took = (0..3).map(|_| {
        let began = Instant::now();
        buffer.hash("x", &SystemEntropy);
        began.elapsed()
    });
    let known = pool.stats().typical;
    assert!(known >= took.min().unwrap() / 2, "{known:?}");
    let began = Instant::now();
    assert_eq!(pool.verify(lane(1), "wrong", None).await, Ok(false));
    assert!(began.elapsed() >= known, "nobody's login is refused in {:?}, before {known:?}", began.elapsed());
}

#[tokio::test]
async fn where_all_hashes_are_of_one_cost_nothing_is_hashed_to_learn_it() {
    let pool = pool(CHEAP, 1, 8, 8);
    pool.learn(&["$argon2id$v=19$m=64,t=1,p=1$"]).await.unwrap();
    pool.learn(&[""; 0]).await.unwrap();
    assert_eq!((pool.stats().done, pool.stats().typical), (0, Duration::ZERO));
}

#[test]
fn a_hostile_hash_is_refused_within_bounds() {
    let mut buffer = Buffer::new(CHEAP);
    let large = Large::default();
    let tail = "$c29tZXNhbHRzb21lc2FsdA$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    for head in [
        "$argon2id$v=19$m=4194304,t=1,p=1",
        "$argon2id$v=19$m=4294967295,t=4294967295,p=1",
        "$argon2id$v=19$m=64,t=100000,p=1",
        "$argon2id$v=19$m=65536,t=5,p=1",
        "$argon2id$v=19$m=65536,t=1,p=200",
        "$argon2i$v=19$m=64,t=1,p=1",
        "$argon2d$v=19$m=64,t=1,p=1",
        "$argon2id$v=16$m=64,t=1,p=1",
        "$argon2id$m=64,t=1,p=1",
        "$2y$10$abc",
        "",
    ] {
        let phc = format!("{head}{tail}");
        assert!(!verify(&mut buffer, "password", &phc, &large), "{phc}");
    }
    // Too short to prove anything.
    assert!(!verify(&mut buffer, "password", "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR", &large));
    assert!(!verify(&mut buffer, "password", "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ", &large));
}

#[test]
fn a_hash_of_a_higher_cost_verifies_in_the_shared_buffer() {
    let phc = hash_password("publish", Cost { memory_kib: 256, iterations: 2, parallelism: 2 }, &SystemEntropy);
    let mut buffer = Buffer::new(CHEAP);
    let large = Large::default();
    for _ in 0..2 {
        assert!(verify(&mut buffer, "publish", &phc, &large));
        assert!(!verify(&mut buffer, "publisH", &phc, &large));
    }
    assert!(CHEAP.differs_from(&phc));
    assert!(!CHEAP.differs_from(&hash_password("publish", CHEAP, &SystemEntropy)));
    assert!(CHEAP.differs_from("$2y$10$abc"));
}

#[test]
fn a_password_beyond_the_bound_is_never_right() {
    let long = "x".repeat(LONGEST + 1);
    let phc = hash_password(&long, CHEAP, &SystemEntropy);
    let mut buffer = Buffer::new(CHEAP);
    let large = Large::default();
    assert!(!verify(&mut buffer, &long, &phc, &large));
    let most = "x".repeat(LONGEST);
    let phc = hash_password(&most, CHEAP, &SystemEntropy);
    assert!(verify(&mut buffer, &most, &phc, &large));
}

#[test]
fn an_impossible_cost_becomes_the_nearest_possible() {
    let phc = hash_password("publish", Cost { memory_kib: 0, iterations: 0, parallelism: 0 }, &SystemEntropy);
    assert!(phc.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{phc}");
    assert!(verify(&mut Buffer::new(CHEAP), "publish", &phc, &Large::default()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_more_hashes_at_once_than_workers() {
    let pool = pool(Cost { memory_kib: 1024, iterations: 1, parallelism: 1 }, 2, 200, 200);
    assert_eq!(pool.stats().buffers_kib, 2048);
    let all: Vec<_> = (0..100)
        .map(|n| {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.hash(lane(n), "publish").await })
        })
        .collect();
    for one in all {
        assert!(one.await.unwrap().is_ok());
    }
    let stats = pool.stats();
    assert_eq!((stats.done, stats.queued, stats.running), (100, 0, 0));
    assert!((1..=2).contains(&stats.peak), "{stats:?}");
}

#[tokio::test]
async fn a_full_queue_turns_away_and_says_when_to_come_back() {
    let pool = pool(SLOW, 1, 3, 2);
    let mut running = Box::pin(pool.hash(lane(1), "a"));
    start(&mut running);
    until(&pool, |s| s.running == 1).await;
    let mut waiting: Vec<_> = [1, 1, 2].map(|n| Box::pin(pool.hash(lane(n), "b"))).into();
    for one in &mut waiting {
        // The third of address 1 is one too many for it; another address still gets in.
        start(one);
    }
    let own_bound = pool.hash(lane(1), "c").await.unwrap_err();
    let whole_bound = pool.hash(lane(3), "c").await.unwrap_err();
    assert!(own_bound.retry_after >= Duration::from_secs(1) && whole_bound.retry_after >= Duration::from_secs(1));
    assert_eq!(pool.stats().refused, 2);
    // Who gives up leaves a place.
    drop(waiting.remove(0));
    assert_eq!(pool.stats().queued, 2);
    let mut next = Box::pin(pool.hash(lane(3), "d"));
    start(&mut next);
    assert_eq!(pool.stats().queued, 3);
}

#[tokio::test]
async fn one_address_cannot_starve_another() {
    let pool = pool(SLOW, 1, 64, 32);
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut first = Box::pin(pool.hash(lane(1), "a"));
    start(&mut first);
    until(&pool, |s| s.running == 1).await;
    let mut all = Vec::new();
    // Nine of address 1 stand before the one of address 2.
    for n in [1, 1, 1, 1, 1, 1, 1, 1, 1, 2] {
        let (pool, order) = (Arc::clone(&pool), Arc::clone(&order));
        let mut future = Box::pin(async move {
            pool.hash(lane(n), "a").await.unwrap();
            order.lock().unwrap().push(n);
        });
        start(&mut future);
        all.push(tokio::spawn(future));
    }
    for one in all {
        one.await.unwrap();
    }
    let place = order.lock().unwrap().iter().position(|n| *n == 2).unwrap();
    assert!(place <= 2, "served as number {place}");
}

#[tokio::test]
async fn whoever_stops_waiting_leaves_nothing_behind() {
    let pool = pool(SLOW, 1, 64, 64);
    let mut running = Box::pin(pool.hash(lane(1), "a"));
    start(&mut running);
    until(&pool, |s| s.running == 1).await;
    let mut waiting: Vec<_> = (0..20).map(|n| Box::pin(pool.hash(lane(n % 3), "b"))).collect();
    waiting.iter_mut().for_each(start);
    assert_eq!(pool.stats().queued, 20);
    drop(waiting);
    assert_eq!(pool.stats().queued, 0);
    drop(running);
    until(&pool, |s| s.running == 0).await;
    assert_eq!(pool.stats().done, 1);
    assert!(pool.hash(lane(1), "c").await.is_ok());
}

/// A generator that fails its first callers, as no real one does.
struct Broken(std::sync::atomic::AtomicUsize);

impl doorward_core::ports::Entropy for Broken {
    fn fill(&self, buffer: &mut [u8]) {
        let left = self.0.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        assert!(left.is_err(), "on purpose");
        SystemEntropy.fill(buffer);
    }
}

#[tokio::test]
async fn a_job_that_panics_is_answered_and_costs_no_worker() {
    let (workers, panics) = (2, 5);
    let limits = PoolLimits { workers, queue: 8, per_address: 8 };
    let pool = PasswordPool::new(CHEAP, limits, Arc::new(Broken(panics.into()))).unwrap();
    for _ in 0..panics {
        let busy = pool.hash(lane(1), "publish").await.unwrap_err();
        assert!(busy.retry_after >= Duration::from_secs(1));
    }
    let phc = pool.hash(lane(1), "publish").await.unwrap();
    assert_eq!(pool.verify(lane(1), "publish", Some(&phc)).await, Ok(true));
    let stats = pool.stats();
    assert_eq!((stats.failed, stats.done, stats.running, stats.queued), (panics as u64, 2, 0, 0), "{stats:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_stored_text_makes_it_panic(phc in "\\$?(argon2id)?\\$?(v=19)?\\$?[$a-z0-9=,A-Z+/]{0,80}") {
        prop_assert!(!verify(&mut Buffer::new(CHEAP), "publish", &phc, &Large::default()));
    }
}
