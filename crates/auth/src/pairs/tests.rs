use super::*;
use crate::{Why, testing::*};
use doorward_core::ports::{AccountChange, Clock, Store};
use doorward_crypto::{
    password::{Cost, PoolLimits, hash_password},
    system::SystemEntropy,
};

const HERE: &str = "192.0.2.1";
const ELSEWHERE: &str = "198.51.100.7";
const SECOND: Duration = Duration::from_secs(1);

fn names() -> [Arc<str>; 2] {
    ["customers".into(), "admins".into()]
}

fn asked<'a>(directories: &'a [Arc<str>], login: &'a str, password: &'a str, address: &str) -> PairAsked<'a> {
    PairAsked { directories, login, password, address: address.parse().unwrap(), website: None }
}

/// The right pair of `admin`, from here.
fn right(directories: &[Arc<str>]) -> PairAsked<'_> {
    asked(directories, "admin", PASSWORD, HERE)
}

async fn why(bench: &Bench, asked: PairAsked<'_>) -> Why {
    match bench.auth.verify_pair(asked).await.map_err(|unproved| unproved.error) {
        Err(SignInError::Invalid { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

/// The background has done what it has to.
async fn until(mut done: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came");
}

impl Auth {
    /// What a request does.
    async fn verify_pair(self: &Arc<Self>, asked: PairAsked<'_>) -> Result<Arc<LivePair>, Unproved> {
        match self.remembered(&asked) {
            Some(live) => Ok(live),
            None => Pairs::verify(self, asked).await,
        }
    }

    fn hashes(&self) -> u64 {
        self.pool().stats().done
    }
}

#[tokio::test]
async fn a_pair_that_was_right_costs_no_hash_for_a_while() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    let names = names();
    assert!(bench.auth.remembered(&right(&names)).is_none());
    let first = bench.auth.verify_pair(right(&names)).await.unwrap();
    assert_eq!(first.account(), admin.account);
    for _ in 0..100 {
        let again = bench.auth.remembered(&right(&names)).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
    }
    assert_eq!((bench.auth.hashes(), bench.auth.stats().pairs), (1, 1));
    assert!(first.take_news() && !first.take_news(), "one sign-in");

    bench.clock.advance(61 * SECOND);
    assert!(bench.auth.remembered(&right(&names)).is_none());
    let anew = bench.auth.verify_pair(right(&names)).await.unwrap();
    assert!(Arc::ptr_eq(&first, &anew) && !first.ended().is_cancelled(), "what it has open stays open");
    assert_eq!(bench.auth.hashes(), 2);
    assert!(anew.take_news(), "another sign-in");
}

#[tokio::test]
async fn security_39_nothing_is_trusted_that_differs_in_anything() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let names = names();
    bench.auth.verify_pair(right(&names)).await.unwrap();
    let upper = PASSWORD.to_uppercase();
    let joined = format!("n{PASSWORD}");
    for (directories, login, password, address) in [
        (&names[1..], "admin", PASSWORD, HERE),
        (&names[..], "admin", PASSWORD, ELSEWHERE),
        (&names[..], "admin", &upper, HERE),
        (&names[..], "admi", &joined, HERE),
        (&names[..], "", "admina quiet brown fox", HERE),
    ] {
        assert!(bench.auth.remembered(&asked(directories, login, password, address)).is_none(), "{login} {address}");
    }
    assert!(bench.auth.remembered(&right(&names)).is_some());
    // Another process has another key.
    assert!(bench.another().await.remembered(&right(&names)).is_none());
}

#[tokio::test]
async fn zero_remembers_nothing_and_still_ends_what_is_open() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    bench.auth.set_pair_settings(PairSettings { lasts: Duration::ZERO, ..PairSettings::default() });
    let names = names();
    let mut live = None;
    for hashes in 1..=3 {
        live = Some(bench.auth.verify_pair(right(&names)).await.unwrap());
        assert!(bench.auth.remembered(&right(&names)).is_none());
        assert_eq!(bench.auth.hashes(), hashes);
    }
    let ended = live.unwrap().ended().clone();
    bench.change(Kind::Admin, admin.account.id, AccountChange::Disable).await;
    assert!(ended.is_cancelled());
}

#[tokio::test]
async fn many_requests_of_one_pair_wait_for_one_hash() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let names = names();
    let (mut news, mut failures) = (0, 0);
    for outcome in futures_util::future::join_all((0..64).map(|_| bench.auth.verify_pair(right(&names)))).await {
        news += usize::from(outcome.unwrap().take_news());
    }
    assert_eq!((bench.auth.hashes(), news), (1, 1));
    // The same guess is one guess, however often it comes at once.
    let wrong = asked(&names, "admin", "wrong", HERE);
    for outcome in futures_util::future::join_all((0..64).map(|_| bench.auth.verify_pair(wrong))).await {
        failures += usize::from(outcome.unwrap_err().news);
    }
    assert_eq!((bench.auth.hashes(), failures, bench.auth.throttle().failures()), (2, 1, 1));
}

#[tokio::test]
async fn security_57_wrong_pairs_are_never_remembered_as_right_and_count_as_failures_of_every_way() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let names = names();
    for n in 0..5 {
        assert_eq!(why(&bench, asked(&names, "admin", &format!("wrong{n}"), HERE)).await, Why::WrongPassword);
    }
    assert_eq!(bench.auth.stats().pairs, 0);
    // The sixth failure comes by another way, and locks both.
    let other = bench.auth.sign_in(&bench.both(), attempt("admin", "wrong"), None).await;
    assert!(matches!(other, Err(SignInError::Invalid { why: Why::WrongPassword, .. })));
    let hashes = bench.auth.hashes();
    assert_eq!(why(&bench, right(&names)).await, Why::Locked);
    assert_eq!(bench.auth.hashes(), hashes, "not looked at");
    bench.auth.verify_pair(asked(&names, "admin", PASSWORD, ELSEWHERE)).await.unwrap();
}

/// A proxy asks for a verdict, and then lets us say the refusal: the same guess comes twice.
#[tokio::test]
async fn the_same_guess_within_moments_counts_once_and_is_told_once() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let names = names();
    let wrong = |password| bench.auth.verify_pair(asked(&names, "admin", password, HERE));
    for (password, times, counted) in [("wrong", 3, 1), ("other", 2, 2), ("wrong", 2, 2)] {
        for _ in 0..times {
            let unproved = wrong(password).await.unwrap_err();
            assert!(matches!(unproved.error, SignInError::Invalid { why: Why::WrongPassword, .. }), "{unproved:?}");
        }
        assert_eq!((bench.auth.hashes(), bench.auth.throttle().failures()), (counted, counted));
    }
    // From elsewhere, or later, it is another one; and the audit log hears of each once.
    assert!(bench.auth.verify_pair(asked(&names, "admin", "wrong", ELSEWHERE)).await.unwrap_err().news);
    assert!(!wrong("wrong").await.unwrap_err().news);
    bench.clock.advance(11 * SECOND);
    assert!(wrong("wrong").await.unwrap_err().news);
    assert_eq!((bench.auth.hashes(), bench.auth.throttle().failures()), (4, 4));
    // Whoever is locked is so for one more guess, not for two.
    for n in 0..3 {
        why(&bench, asked(&names, "admin", &format!("wrong{n}"), HERE)).await;
    }
    let before = bench.auth.throttle().failures();
    for _ in 0..2 {
        assert_eq!(why(&bench, right(&names)).await, Why::Locked);
    }
    assert_eq!(bench.auth.throttle().failures(), before + 1);
}

#[tokio::test]
async fn a_refusal_is_forgotten_as_soon_as_the_pair_may_be_right() {
    let bench = Bench::new().await;
    let names = names();
    assert_eq!(why(&bench, right(&names)).await, Why::UnknownLogin);
    let admin = bench.add(Kind::Admin, "admin").await;
    bench.auth.apply_changes().await.unwrap();
    bench.auth.verify_pair(right(&names)).await.unwrap();

    assert_eq!(why(&bench, asked(&names, "admin", "another password", HERE)).await, Why::WrongPassword);
    let other = hash_password("another password", COST, &SystemEntropy);
    bench.change(Kind::Admin, admin.account.id, AccountChange::Password(other.into())).await;
    bench.auth.verify_pair(asked(&names, "admin", "another password", HERE)).await.unwrap();

    // What was judged before the change and noted after it is not remembered.
    let pairs = bench.auth.pairs();
    let (key, epoch) = (pairs.key(&right(&names)), pairs.refusals.epoch());
    let error = SignInError::Invalid { why: Why::WrongPassword, account: None };
    let failed = Arc::new(Failed { error, told: AtomicBool::new(false) });
    pairs.forget_refusals();
    pairs.refusals.note(key, &failed, epoch, bench.clock.now());
    assert!(pairs.refused(&key, bench.clock.now()).is_none());
    pairs.refusals.note(key, &failed, epoch + 1, bench.clock.now());
    assert!(pairs.refused(&key, bench.clock.now()).is_some());
    // Where too many wait nothing was looked at.
    let crowded = pairs.key(&asked(&names, "admin", "crowded", HERE));
    let error = SignInError::Invalid { why: Why::Crowded, account: None };
    pairs.refusals.note(crowded, &Arc::new(Failed { error, told: AtomicBool::new(false) }), epoch + 1, bench.clock.now());
    assert!(pairs.refused(&crowded, bench.clock.now()).is_none());
    // A node that may have missed what happened asks anew.
    bench.auth.set_deaf(true);
    assert!(pairs.refused(&key, bench.clock.now()).is_none());
}

/// Credential stuffing: whoever is locked must not go on guessing among what is remembered of others.
#[tokio::test]
async fn what_is_remembered_is_no_way_around_a_lock() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let names = names();
    let live = bench.auth.verify_pair(right(&names)).await.unwrap();
    for n in 0..6 {
        assert!(bench.auth.remembered(&right(&names)).is_some(), "after {n} failures");
        why(&bench, asked(&names, "admin", &format!("wrong{n}"), HERE)).await;
    }
    assert!(bench.auth.remembered(&right(&names)).is_none());
    assert_eq!(why(&bench, right(&names)).await, Why::Locked);
    assert!(!live.ended().is_cancelled(), "what was opened before stays open");
    bench.auth.throttle().unlock("admins", "admin");
    assert!(bench.auth.remembered(&right(&names)).is_some());
}

#[tokio::test]
async fn what_is_remembered_is_no_way_around_the_limit_of_a_network() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let names = names();
    bench.auth.verify_pair(right(&names)).await.unwrap();
    for n in 0..100 {
        why(&bench, asked(&names, &format!("nobody{n}"), "x", HERE)).await;
    }
    assert!(bench.auth.remembered(&right(&names)).is_none());
    let error = bench.auth.verify_pair(right(&names)).await.unwrap_err().error;
    assert!(matches!(error, SignInError::TooMany { .. }), "{error:?}");
}

#[tokio::test]
async fn a_change_of_the_account_is_noticed_at_once() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    let names = names();
    let live = bench.auth.verify_pair(right(&names)).await.unwrap();
    bench.store.put_role("keepers", std::collections::BTreeSet::from(["A::b".into()]).into(), bench.clock.now()).await.unwrap();
    bench.change(Kind::Admin, admin.account.id, AccountChange::Roles(vec!["keepers".into()])).await;
    let after = bench.auth.remembered(&right(&names)).unwrap();
    assert!(Arc::ptr_eq(&live, &after));
    assert_eq!(after.account().roles, ["keepers".into()]);

    let ended = live.ended().clone();
    bench.change(Kind::Admin, admin.account.id, AccountChange::Disable).await;
    assert!(ended.is_cancelled() && bench.auth.remembered(&right(&names)).is_none());
    assert_eq!(why(&bench, right(&names)).await, Why::Disabled);

    bench.change(Kind::Admin, admin.account.id, AccountChange::Enable).await;
    let live = bench.auth.verify_pair(right(&names)).await.unwrap();
    let other = hash_password("another password", COST, &SystemEntropy);
    bench.change(Kind::Admin, admin.account.id, AccountChange::Password(other.into())).await;
    assert!(live.ended().is_cancelled());
    assert_eq!(why(&bench, right(&names)).await, Why::WrongPassword);
    bench.auth.verify_pair(asked(&names, "admin", "another password", HERE)).await.unwrap();

    bench.store.delete_account(Kind::Admin, admin.account.id, bench.clock.now()).await.unwrap();
    bench.auth.apply_changes().await.unwrap();
    assert_eq!(why(&bench, asked(&names, "admin", "another password", HERE)).await, Why::UnknownLogin);
}

#[tokio::test]
async fn a_right_pair_has_its_hash_made_anew_and_stays_remembered() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    let dearer = hash_password(PASSWORD, Cost { memory_kib: 128, ..COST }, &SystemEntropy);
    bench.change(Kind::Admin, admin.account.id, AccountChange::Password(dearer.into())).await;
    let names = names();
    let live = bench.auth.verify_pair(right(&names)).await.unwrap();
    let stored = bench.store.account(Kind::Admin, admin.account.id).await.unwrap().unwrap();
    assert!(!bench.auth.pool().cost().differs_from(&stored.password.unwrap()));
    bench.auth.apply_changes().await.unwrap();
    assert!(Arc::ptr_eq(&live, &bench.auth.remembered(&right(&names)).unwrap()));
}

#[tokio::test]
async fn a_node_that_cannot_hear_asks_the_store_each_time() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    let names = names();
    let live = bench.auth.verify_pair(right(&names)).await.unwrap();
    bench.auth.set_deaf(true);
    assert!(bench.auth.remembered(&right(&names)).is_none());
    let again = bench.auth.verify_pair(right(&names)).await.unwrap();
    assert!(Arc::ptr_eq(&live, &again));
    assert_eq!(bench.auth.hashes(), 1, "the store is asked, and nothing is hashed");

    bench.store.away.store(true, SeqCst);
    let error = bench.auth.verify_pair(right(&names)).await.unwrap_err().error;
    assert!(matches!(error, SignInError::Unavailable(_)), "{error:?}");
    assert!(!live.ended().is_cancelled());
    bench.store.away.store(false, SeqCst);

    // Nobody tells this node.
    bench.store.change_account(Kind::Admin, admin.account.id, AccountChange::Disable, bench.clock.now()).await.unwrap();
    assert_eq!(why(&bench, right(&names)).await, Why::Disabled);
    assert!(live.ended().is_cancelled());
}

#[tokio::test]
async fn a_pair_is_renewed_before_its_end_and_no_request_waits() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let names = names();
    let live = bench.auth.verify_pair(right(&names)).await.unwrap();
    live.take_news();
    bench.clock.advance(44 * SECOND);
    bench.auth.remembered(&right(&names)).unwrap();
    assert!(bench.auth.pairs().flights().is_empty());
    bench.clock.advance(SECOND);
    for _ in 0..64 {
        bench.auth.remembered(&right(&names)).unwrap();
    }
    until(|| bench.auth.hashes() == 2 && bench.auth.pairs().flights().is_empty()).await;
    bench.clock.advance(30 * SECOND);
    assert!(bench.auth.remembered(&right(&names)).is_some(), "75 seconds after the first hash");
    assert_eq!(bench.auth.hashes(), 2, "one flight at a time");
    assert!(!live.take_news(), "nobody signed in");
}

#[tokio::test]
async fn a_renewal_that_finds_the_store_away_is_tried_again_and_never_trusted() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let names = names();
    bench.auth.verify_pair(right(&names)).await.unwrap();
    bench.clock.advance(45 * SECOND);
    bench.store.away.store(true, SeqCst);
    bench.auth.remembered(&right(&names)).unwrap();
    until(|| bench.auth.pairs().flights().is_empty()).await;
    bench.clock.advance(10 * SECOND);
    bench.store.away.store(false, SeqCst);
    // Its failure is noted a moment after the flight is over.
    until(|| {
        bench.auth.remembered(&right(&names)).unwrap();
        bench.auth.hashes() == 2
    })
    .await;
    bench.store.away.store(true, SeqCst);
    bench.clock.advance(61 * SECOND);
    assert!(bench.auth.remembered(&right(&names)).is_none());
}

#[tokio::test]
async fn a_renewal_forgets_no_failures() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let names = names();
    bench.auth.verify_pair(right(&names)).await.unwrap();
    for n in 0..5 {
        why(&bench, asked(&names, "admin", &format!("wrong{n}"), HERE)).await;
    }
    let hashes = bench.auth.hashes();
    bench.clock.advance(50 * SECOND);
    bench.auth.remembered(&right(&names)).unwrap();
    until(|| bench.auth.hashes() == hashes + 1 && bench.auth.pairs().flights().is_empty()).await;
    why(&bench, asked(&names, "admin", "wrong5", HERE)).await;
    assert_eq!(why(&bench, right(&names)).await, Why::Locked);
}

#[tokio::test]
async fn a_client_that_hangs_up_fails_nothing() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let names = names();
    for _ in 0..10 {
        let mut verifying = Pairs::verify(&bench.auth, right(&names));
        assert!(futures_util::poll!(&mut verifying).is_pending());
        drop(verifying);
    }
    until(|| bench.auth.remembered(&right(&names)).is_some()).await;
    assert_eq!((bench.auth.hashes(), bench.auth.throttle().failures()), (1, 0));
    assert!(bench.auth.remembered(&right(&names)).unwrap().take_news(), "the first who sees it tells");
}

#[tokio::test]
async fn no_more_are_remembered_than_allowed_and_what_is_forgotten_ends() {
    let bench = Bench::with_pool(PoolLimits { workers: 2, queue: 64, per_address: 64 }).await;
    bench.add(Kind::Admin, "admin").await;
    bench.auth.set_pair_settings(PairSettings { most: 8, ..PairSettings::default() });
    let names = names();
    let first = bench.auth.verify_pair(asked(&names, "admin", PASSWORD, "192.0.2.1")).await.unwrap();
    for n in 2..=20 {
        bench.clock.advance(Duration::from_millis(1));
        bench.auth.verify_pair(asked(&names, "admin", PASSWORD, &format!("192.0.2.{n}"))).await.unwrap();
        assert!(bench.auth.stats().pairs <= 8);
    }
    assert!(first.ended().is_cancelled(), "nobody could tell its streams of a change any more");
    assert!(bench.auth.remembered(&asked(&names, "admin", PASSWORD, "192.0.2.20")).is_some());
}

#[tokio::test]
async fn pairs_of_a_directory_that_is_gone_end() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let names = names();
    let live = bench.auth.verify_pair(right(&names)).await.unwrap();
    bench.auth.set_directories(bench.both().to_vec());
    assert!(!live.ended().is_cancelled());
    bench.auth.verify_pair(right(&names)).await.unwrap();
    assert_eq!(bench.auth.hashes(), 1);
    bench.auth.set_directories(vec![Arc::clone(&bench.customers)]);
    assert!(live.ended().is_cancelled());
    assert_eq!(why(&bench, right(&names)).await, Why::UnknownLogin);
}

#[tokio::test]
async fn what_changed_while_a_pair_was_verified_is_not_missed() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    let (memory, names) = (&bench.auth.pairs().memory, names());
    let key = bench.auth.pairs().key(&right(&names));
    let of = |epoch| {
        let fresh = LivePair::new(&admin, 0, bench.clock.now(), MINUTE, true);
        memory.admit(key, fresh, epoch, 8)
    };
    let epoch = memory.epoch();
    memory.doubt_those(|_| true);
    let live = of(epoch);
    assert!(!live.is_sure(), "judged before the change");
    assert!(!of(epoch).is_sure(), "once more before the change");
    assert!(of(memory.epoch()).is_sure() && live.is_sure(), "judged after it");
    assert!(bench.auth.remembered(&right(&names)).is_some());
}

#[tokio::test]
async fn what_was_right_on_one_website_is_not_remembered_for_another() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let names = names();
    let on = |website| PairAsked { website, ..right(&names) };
    bench.auth.verify_pair(on(Some(1))).await.unwrap();
    assert!(bench.auth.remembered(&on(Some(1))).is_some());
    for other in [None, Some(0), Some(2)] {
        assert!(bench.auth.remembered(&on(other)).is_none(), "{other:?}");
    }
}

#[test]
fn no_password_is_shown() {
    let names = names();
    let asked = right(&names);
    assert!(!format!("{asked:?}").contains(PASSWORD));
}
