use super::*;
use crate::testing::{MINUTE, START, directory};
use doorward_core::Kind;

fn throttle(limits: ThrottleLimits) -> Arc<Throttle> {
    Arc::new(Throttle::new(limits))
}

fn subject(login: &str, address: &str) -> Subject {
    Subject::new(&directory(Kind::Admin), login, address.parse().unwrap(), None)
}

fn by_device(login: &str, device: u8) -> Subject {
    Subject::new(&directory(Kind::Admin), login, "192.0.2.1".parse().unwrap(), Some([device; 16]))
}

async fn fail(throttle: &Arc<Throttle>, subject: &Subject, now: Time) -> &'static str {
    match throttle.enter(subject, now).await {
        Gate::Open(pass) => {
            pass.settle(Outcome::Failed);
            "open"
        }
        Gate::Slowed(_, pass, _) => {
            pass.settle(Outcome::Failed);
            "slowed"
        }
        Gate::Locked => "locked",
        Gate::Crowded => "crowded",
        Gate::Busy => "busy",
    }
}

async fn succeed(throttle: &Arc<Throttle>, subject: &Subject, now: Time) {
    match throttle.enter(subject, now).await {
        Gate::Open(pass) | Gate::Slowed(_, pass, _) => pass.settle(Outcome::Succeeded),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_account_from_one_network_locks_after_its_limit() {
    let throttle = throttle(ThrottleLimits::default());
    let anna = subject("anna", "192.0.2.1");
    for _ in 0..6 {
        assert_eq!(fail(&throttle, &anna, START).await, "open");
    }
    for (login, address, expected) in [
        ("anna", "192.0.2.1", "locked"),
        ("ANNA", "192.0.2.1", "locked"),
        ("anna", "::ffff:192.0.2.1", "locked"),
        ("anna", "192.0.2.2", "open"),
        ("bob", "192.0.2.1", "open"),
    ] {
        assert_eq!(fail(&throttle, &subject(login, address), START + 29 * MINUTE).await, expected, "{login} {address}");
    }
    let other_directory = Subject::new(&directory(Kind::Customer), "anna", "192.0.2.1".parse().unwrap(), None);
    assert_eq!(fail(&throttle, &other_directory, START).await, "open");
    // After the lock all tries are there again.
    for _ in 0..6 {
        assert_eq!(fail(&throttle, &anna, START + 30 * MINUTE).await, "open");
    }
    assert_eq!(fail(&throttle, &anna, START + 30 * MINUTE).await, "locked");
}

#[tokio::test]
async fn one_ipv6_network_is_one_whatever_its_host_part() {
    let throttle = throttle(ThrottleLimits::default());
    for n in 0..6 {
        assert_eq!(fail(&throttle, &subject("anna", &format!("2001:db8::{n}")), START).await, "open");
    }
    assert_eq!(fail(&throttle, &subject("anna", "2001:db8::ffff"), START).await, "locked");
    assert_eq!(fail(&throttle, &subject("anna", "2001:db8:0:1::1"), START).await, "open");
}

#[tokio::test]
async fn success_and_time_and_an_operator_forget_failures() {
    let throttle = throttle(ThrottleLimits::default());
    let anna = subject("anna", "192.0.2.1");
    for round in 0..5 {
        for _ in 0..5 {
            assert_eq!(fail(&throttle, &anna, START).await, "open", "round {round}");
        }
        succeed(&throttle, &anna, START).await;
    }
    for _ in 0..5 {
        fail(&throttle, &subject("bob", "192.0.2.1"), START).await;
    }
    for _ in 0..5 {
        assert_eq!(fail(&throttle, &subject("bob", "192.0.2.1"), START + 30 * MINUTE).await, "open");
    }
    for _ in 0..7 {
        fail(&throttle, &subject("eve", "192.0.2.1"), START).await;
    }
    throttle.unlock("admins", "Eve");
    assert_eq!(fail(&throttle, &subject("eve", "192.0.2.1"), START).await, "open");
    throttle.unlock("customers", "eve");
    throttle.unlock("admins", "nobody");
}

#[tokio::test]
async fn what_was_not_judged_does_not_count_and_what_was_dropped_does() {
    let throttle = throttle(ThrottleLimits::default());
    let anna = subject("anna", "192.0.2.1");
    for _ in 0..50 {
        let Gate::Open(pass) = throttle.enter(&anna, START).await else { panic!("closed") };
        pass.settle(Outcome::Unjudged);
    }
    for _ in 0..6 {
        drop(throttle.enter(&anna, START).await);
    }
    assert_eq!(fail(&throttle, &anna, START).await, "locked");
}

#[tokio::test]
async fn a_network_is_told_when_to_come_back() {
    let throttle = throttle(ThrottleLimits { network_failures: 3, ..ThrottleLimits::default() });
    let address: IpAddr = "192.0.2.1".parse().unwrap();
    for n in 0..3 {
        assert_eq!(throttle.begin(address, START), Ok(()));
        fail(&throttle, &subject(&format!("login{n}"), "192.0.2.1"), START).await;
    }
    assert_eq!(throttle.begin(address, START + MINUTE), Err(9 * MINUTE));
    assert_eq!(throttle.begin("::ffff:192.0.2.1".parse().unwrap(), START + MINUTE), Err(9 * MINUTE));
    assert_eq!(throttle.begin("192.0.2.2".parse().unwrap(), START + MINUTE), Ok(()));
    assert_eq!(throttle.begin(address, START + 10 * MINUTE), Ok(()));
}

#[tokio::test]
async fn refusals_without_a_hash_count_against_the_network_too() {
    let throttle = throttle(ThrottleLimits { network_failures: 10, ..ThrottleLimits::default() });
    for _ in 0..10 {
        fail(&throttle, &subject("anna", "192.0.2.1"), START).await;
    }
    assert!(throttle.begin("192.0.2.1".parse().unwrap(), START).is_err());
}

#[tokio::test]
async fn an_account_attacked_from_everywhere_is_slowed_and_never_closed() {
    let throttle = throttle(ThrottleLimits::default());
    for n in 0..30 {
        assert_eq!(fail(&throttle, &subject("anna", &format!("192.0.2.{n}")), START).await, "open", "{n}");
    }
    let mut delays = Vec::new();
    for n in 0..40 {
        let Gate::Slowed(delay, pass, place) = throttle.enter(&subject("anna", &format!("198.51.100.{n}")), START).await else {
            panic!("not slowed")
        };
        drop(place);
        pass.settle(Outcome::Failed);
        delays.push(delay.as_secs());
    }
    assert!(delays.is_sorted() && delays.first() == Some(&1) && delays.last() == Some(&16), "{delays:?}");
    // Few wait at once; the rest is refused, and a place given back serves the next.
    let mut waiting = Vec::new();
    for n in 0..4 {
        let gate = throttle.enter(&subject("anna", &format!("203.0.113.{n}")), START).await;
        assert!(matches!(gate, Gate::Slowed(..)));
        waiting.push(gate);
    }
    assert_eq!(fail(&throttle, &subject("anna", "203.0.113.9"), START).await, "crowded");
    waiting.pop();
    assert_eq!(fail(&throttle, &subject("anna", "203.0.113.9"), START).await, "slowed");
    // Known devices are counted alone, and other accounts not at all.
    assert_eq!(fail(&throttle, &by_device("anna", 1), START).await, "open");
    assert_eq!(fail(&throttle, &subject("bob", "203.0.113.9"), START).await, "open");
    // The account's window ends.
    assert_eq!(fail(&throttle, &subject("anna", "203.0.113.10"), START + 30 * MINUTE).await, "open");
}

#[tokio::test]
async fn a_device_locks_itself_alone() {
    let throttle = throttle(ThrottleLimits::default());
    for _ in 0..6 {
        assert_eq!(fail(&throttle, &by_device("anna", 1), START).await, "open");
    }
    assert_eq!(fail(&throttle, &by_device("anna", 1), START).await, "locked");
    assert_eq!(fail(&throttle, &by_device("anna", 2), START).await, "open");
    assert_eq!(fail(&throttle, &subject("anna", "192.0.2.1"), START).await, "open");
}

#[tokio::test]
async fn more_at_once_than_may_fail_wait_and_then_lock_or_pass() {
    let throttle = throttle(ThrottleLimits::default());
    let anna = subject("anna", "192.0.2.1");
    let mut open = Vec::new();
    for _ in 0..6 {
        open.push(throttle.enter(&anna, START).await);
    }
    let mut seventh = Box::pin(throttle.enter(&anna, START));
    assert!(futures_util::FutureExt::now_or_never(&mut seventh).is_none());
    // One succeeds: the next is let in.
    let Some(Gate::Open(pass)) = open.pop() else { panic!("closed") };
    pass.settle(Outcome::Succeeded);
    let seventh = seventh.await;
    assert!(matches!(seventh, Gate::Open(_)));
    // All fail: the next is locked.
    let mut eighth = Box::pin(throttle.enter(&anna, START));
    assert!(futures_util::FutureExt::now_or_never(&mut eighth).is_none());
    drop((open, seventh));
    assert!(matches!(eighth.await, Gate::Locked));
}

#[tokio::test]
async fn those_that_wait_are_few() {
    let throttle = throttle(ThrottleLimits::default());
    let anna = subject("anna", "192.0.2.1");
    let mut open = Vec::new();
    for _ in 0..6 {
        open.push(throttle.enter(&anna, START).await);
    }
    let mut waiting: Vec<_> = (0..MOST_WAITING).map(|_| Box::pin(throttle.enter(&anna, START))).collect();
    for one in &mut waiting {
        assert!(futures_util::FutureExt::now_or_never(one).is_none());
    }
    assert!(matches!(throttle.enter(&anna, START).await, Gate::Busy));
    waiting.pop();
    let mut next = Box::pin(throttle.enter(&anna, START));
    assert!(futures_util::FutureExt::now_or_never(&mut next).is_none());
}

#[tokio::test]
async fn tables_do_not_grow_beyond_their_bound() {
    let throttle = throttle(ThrottleLimits { entries: 100, ..ThrottleLimits::default() });
    for n in 0..2000_u32 {
        let address = format!("10.0.{}.{}", n / 250, n % 250);
        fail(&throttle, &subject(&format!("login{n}"), &address), START).await;
    }
    assert_eq!(throttle.len(), 300);
    assert_eq!(fail(&throttle, &subject(&"x".repeat(100_000), "192.0.2.1"), START).await, "open");
    assert_eq!(throttle.len(), 300);
}
