use super::*;
use crate::testing::*;
use doorward_core::Kind;
use doorward_crypto::password::{Cost, PoolLimits, hash_password};
use doorward_crypto::system::SystemEntropy;

fn why(outcome: Result<SignedIn, SignInError>) -> Why {
    match outcome {
        Err(SignInError::Invalid { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn signing_in_makes_a_session_under_a_new_id_each_time() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    let both = bench.both();
    let first = bench.auth.sign_in(&both, attempt("Admin", PASSWORD), None).await.unwrap();
    assert_eq!(&*first.directory.name, "admins");
    assert_eq!(first.live.account().id, admin.account.id);
    let session = first.live.session();
    assert_eq!((&*session.device, &*session.site, session.factors.len()), ("curl", "default", 1));
    assert_eq!((session.created, session.authenticated, session.account_version), (START, START, admin.version));
    assert!(bench.auth.live(&bench.admins, &first.id).is_some());

    // Fixation: whatever came in, what goes out is new, and the old one is over with everything that it opened.
    let ended = first.live.ended();
    let second = bench.auth.sign_in(&both, attempt("admin", PASSWORD), Some(first.live.key())).await.unwrap();
    assert_ne!(first.id, second.id);
    assert!(ended.is_cancelled());
    assert!(bench.auth.find(&bench.admins, &first.id).await.unwrap().is_none());
    assert!(bench.auth.find(&bench.admins, &second.id).await.unwrap().is_some());
    assert_eq!(bench.auth.store().session_count().await.unwrap(), 1);
}

#[tokio::test]
async fn the_first_directory_that_has_the_login_decides() {
    let bench = Bench::new().await;
    bench.add(Kind::Customer, "anna").await;
    let admin = bench.add(Kind::Admin, "anna").await;
    let other = hash_password("another password", COST, &SystemEntropy);
    bench.change(Kind::Admin, admin.account.id, AccountChange::Password(other.into())).await;
    let both = bench.both();
    // Right for the second directory, but the first has the login.
    assert_eq!(why(bench.auth.sign_in(&both, attempt("anna", "another password"), None).await), Why::WrongPassword);
    assert_eq!(&*bench.auth.sign_in(&both, attempt("anna", PASSWORD), None).await.unwrap().directory.name, "customers");
    let reversed = [Arc::clone(&both[1]), Arc::clone(&both[0])];
    let signed_in = bench.auth.sign_in(&reversed, attempt("anna", "another password"), None).await.unwrap();
    assert_eq!(&*signed_in.directory.name, "admins");
    assert_eq!(why(bench.auth.sign_in(&[], attempt("anna", PASSWORD), None).await), Why::UnknownLogin);
}

#[tokio::test]
async fn every_refusal_does_the_work_of_one_hash_and_says_the_same() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let disabled = bench.add(Kind::Admin, "disabled").await;
    bench.change(Kind::Admin, disabled.account.id, AccountChange::Disable).await;
    let bare = doorward_core::ports::NewAccount {
        directory: "admins".into(),
        kind: Kind::Admin,
        id: None,
        login: "bare".into(),
        email: None,
        password: None,
        roles: Vec::new(),
        per_website: false,
        membership: None,
        confirmed: true,
        profile: "{}".into(),
    };
    bench.auth.store().add_account(bare, START).await.unwrap();
    let both = bench.both();
    let long = "x".repeat(LONGEST_LOGIN + 1);
    let mut done = 0;
    for (login, password, reason, known) in [
        ("nobody", PASSWORD, Why::UnknownLogin, false),
        ("", PASSWORD, Why::UnknownLogin, false),
        (&long, PASSWORD, Why::UnknownLogin, false),
        ("admin", "wrong", Why::WrongPassword, true),
        ("admin", "", Why::WrongPassword, true),
        ("disabled", PASSWORD, Why::Disabled, true),
        ("disabled", "wrong", Why::Disabled, true),
        ("bare", "", Why::NoPassword, true),
    ] {
        let error = bench.auth.sign_in(&both, attempt(login, password), None).await.unwrap_err();
        assert_eq!(error.to_string(), "invalid credentials");
        assert!(!format!("{error:?}").contains(PASSWORD));
        let SignInError::Invalid { why, account } = error else { panic!("{error:?}") };
        assert_eq!((why, account.is_some()), (reason, known), "{login}");
        done += 1;
        assert_eq!(bench.auth.pool().stats().done, done, "{login}");
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_unavailable_and_never_wrong() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    bench.store.away.store(true, std::sync::atomic::Ordering::SeqCst);
    for _ in 0..200 {
        let error = bench.auth.sign_in(&bench.both(), attempt("admin", PASSWORD), None).await.unwrap_err();
        assert!(matches!(error, SignInError::Unavailable(_)), "{error:?}");
    }
    bench.store.away.store(false, std::sync::atomic::Ordering::SeqCst);
    // Nobody was counted as failing meanwhile.
    bench.auth.sign_in(&bench.both(), attempt("admin", PASSWORD), None).await.unwrap();
}

#[tokio::test]
async fn an_account_disabled_between_proof_and_session_gets_none() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    let verify = || bench.auth.verify(std::slice::from_ref(&bench.admins), attempt("admin", PASSWORD));
    let id = admin.account.id;
    for change in [AccountChange::Disable, AccountChange::Password(hash_password(PASSWORD, COST, &SystemEntropy).into())] {
        let verified = verify().await.unwrap();
        bench.change(Kind::Admin, id, change).await;
        assert_eq!(why(bench.auth.start(verified, None).await), Why::Changed);
        bench.change(Kind::Admin, id, AccountChange::Enable).await;
    }
    let verified = verify().await.unwrap();
    bench.auth.store().delete_account(Kind::Admin, id, START).await.unwrap();
    assert_eq!(why(bench.auth.start(verified, None).await), Why::Changed);
    assert_eq!(bench.auth.store().session_count().await.unwrap(), 0);
}

#[tokio::test]
async fn a_refused_sign_in_leaves_the_old_session() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    let both = bench.both();
    let old = bench.auth.sign_in(&both, attempt("admin", PASSWORD), None).await.unwrap();
    assert_eq!(why(bench.auth.sign_in(&both, attempt("admin", "wrong"), Some(old.live.key())).await), Why::WrongPassword);
    let other = bench.add(Kind::Admin, "other").await;
    let verified = bench.auth.verify(&both, attempt("other", PASSWORD)).await.unwrap();
    bench.change(Kind::Admin, other.account.id, AccountChange::Disable).await;
    assert_eq!(why(bench.auth.start(verified, Some(old.live.key())).await), Why::Changed);
    assert!(!old.live.has_ended());
    assert_eq!(bench.another().await.find(&bench.admins, &old.id).await.unwrap().unwrap().account().id, admin.account.id);
}

#[tokio::test]
async fn a_hash_of_another_cost_is_made_anew_and_sessions_stay() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    let id = admin.account.id;
    let old: Arc<str> = hash_password(PASSWORD, Cost { memory_kib: 128, ..COST }, &SystemEntropy).into();
    bench.change(Kind::Admin, id, AccountChange::Password(Arc::clone(&old))).await;
    bench.clock.advance(MINUTE);
    let signed_in = bench.auth.sign_in(&bench.both(), attempt("admin", PASSWORD), None).await.unwrap();
    let now = bench.auth.store().account(Kind::Admin, id).await.unwrap().unwrap().password.unwrap();
    assert!(now.starts_with("$argon2id$v=19$m=64,t=1,p=1$") && now != old);
    bench.auth.apply_changes().await.unwrap();
    assert!(bench.auth.live(&bench.admins, &signed_in.id).is_some());
    // The same cost again: nothing to do.
    bench.auth.sign_in(&bench.both(), attempt("admin", PASSWORD), None).await.unwrap();
    assert_eq!(bench.auth.store().account(Kind::Admin, id).await.unwrap().unwrap().password.unwrap(), now);
}

#[tokio::test]
async fn what_another_program_stored_is_made_anew_by_whoever_proves_it() {
    let bench = Bench::new().await;
    let id = bench.add(Kind::Customer, "anna").await.account.id;
    let stored = |text: &str| AccountChange::Password(text.into());
    let now = async || bench.auth.store().account(Kind::Customer, id).await.unwrap().unwrap().password.unwrap();
    // MD5 of salt and password; SHA-1 as LDAP stores it.
    let magento = "0ceaae6edee1de4fd3e8e8f4a4fb99a1:Xy:0";
    for text in [magento, "{SHA}mQlB9CERGnS7gc3wR4NifYIvi2k="] {
        bench.change(Kind::Customer, id, stored(text)).await;
        assert_eq!(why(bench.auth.sign_in(&bench.both(), attempt("anna", "wrong"), None).await), Why::WrongPassword);
        assert_eq!(&*now().await, text, "a wrong password changes nothing");
        // `verify` is what every way of signing in goes through.
        bench.auth.verify(&bench.both(), attempt("anna", PASSWORD)).await.unwrap();
        assert!(now().await.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{text}");
        bench.auth.sign_in(&bench.both(), attempt("anna", PASSWORD), None).await.unwrap();
    }
    // What cannot be verified is a wrong password.
    bench.change(Kind::Customer, id, stored("$1$salt$hash")).await;
    assert_eq!(why(bench.auth.sign_in(&bench.both(), attempt("anna", PASSWORD), None).await), Why::WrongPassword);
}

#[tokio::test]
async fn a_full_hash_queue_is_busy_and_does_not_count_as_failing() {
    let bench = Bench::with_pool(PoolLimits { workers: 1, queue: 1, per_address: 1 }).await;
    bench.add(Kind::Admin, "admin").await;
    let both = bench.both();
    let mut busy = 0;
    for _ in 0..20 {
        let all = (0..8).map(|_| bench.auth.sign_in(&both, attempt("admin", PASSWORD), None));
        for outcome in futures_util::future::join_all(all).await {
            match outcome {
                Ok(_) => {}
                Err(SignInError::Busy { retry_after }) => {
                    busy += 1;
                    assert!(retry_after.as_secs() >= 1);
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    assert!(busy > 0);
    bench.auth.sign_in(&both, attempt("admin", PASSWORD), None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn too_many_failures_lock_the_right_password_out_until_the_lock_ends() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let both = bench.both();
    for _ in 0..6 {
        assert_eq!(why(bench.auth.sign_in(&both, attempt("admin", "wrong"), None).await), Why::WrongPassword);
    }
    let (done, began) = (bench.auth.pool().stats().done, tokio::time::Instant::now());
    assert_eq!(why(bench.auth.sign_in(&both, attempt("ADMIN", PASSWORD), None).await), Why::Locked);
    assert_eq!(bench.auth.pool().stats().done, done, "a locked attempt costs no hash");
    let typical = bench.auth.pool().stats().typical;
    assert!(typical > Duration::ZERO && began.elapsed() >= typical, "but it takes as long");
    // Another address is not locked, nor is another account.
    bench.auth.sign_in(&both, attempt_from("192.0.2.9", "admin", PASSWORD), None).await.unwrap();
    bench.clock.advance(30 * MINUTE);
    bench.auth.sign_in(&both, attempt("admin", PASSWORD), None).await.unwrap();
}

#[tokio::test]
async fn many_right_passwords_at_once_all_get_in() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let both = bench.both();
    let all = (0..60).map(|_| bench.auth.sign_in(&both, attempt("admin", PASSWORD), None));
    for outcome in futures_util::future::join_all(all).await {
        outcome.unwrap();
    }
}

#[tokio::test]
async fn a_hundred_guesses_at_once_get_no_more_tries_than_in_a_row() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let both = bench.both();
    let all = (0..60).map(|_| bench.auth.sign_in(&both, attempt("admin", "wrong"), None));
    let outcomes: Vec<_> = futures_util::future::join_all(all).await.into_iter().map(why).collect();
    assert_eq!(outcomes.iter().filter(|why| **why == Why::WrongPassword).count(), 6);
    assert_eq!(outcomes.iter().filter(|why| **why == Why::Locked).count(), 54);
    assert_eq!(bench.auth.pool().stats().done, 6);
}

#[tokio::test(start_paused = true)]
async fn a_known_device_gets_in_while_others_attack() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    let both = bench.both();
    let token = bench.auth.sign_in(&both, attempt("admin", PASSWORD), None).await.unwrap().device_token;
    for n in 0..40 {
        let address = format!("198.51.100.{n}");
        assert!(bench.auth.sign_in(&both, attempt_from(&address, "admin", "wrong"), None).await.is_err());
    }
    let began = tokio::time::Instant::now();
    let known = Attempt { device_token: Some(&token), ..attempt("admin", PASSWORD) };
    let verified = bench.auth.verify(&both, known).await.unwrap();
    assert!(verified.known_device);
    assert_eq!(began.elapsed(), Duration::ZERO, "not slowed");
    assert_eq!(bench.auth.start(verified, None).await.unwrap().device_token, token);
    // An unknown device is slowed, but gets in too.
    bench.auth.sign_in(&both, attempt_from("203.0.113.1", "admin", PASSWORD), None).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
    // A guessing device locks itself alone.
    let guess = Attempt { device_token: Some(&token), ..attempt("admin", "wrong") };
    for _ in 0..6 {
        assert_eq!(why(bench.auth.sign_in(&both, guess, None).await), Why::WrongPassword);
    }
    assert_eq!(why(bench.auth.sign_in(&both, known, None).await), Why::Locked);
    bench.auth.sign_in(&both, attempt("admin", PASSWORD), None).await.unwrap();
    bench.change(Kind::Admin, admin.account.id, AccountChange::Unlock).await;
    bench.auth.sign_in(&both, known, None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_network_that_fails_a_hundred_times_is_told_when_to_come_back() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let both = bench.both();
    for n in 0..100 {
        let (address, login) = (format!("2001:db8::{n:x}"), format!("nobody{n}"));
        assert_eq!(why(bench.auth.sign_in(&both, attempt_from(&address, &login, "x"), None).await), Why::UnknownLogin);
    }
    let hashed = bench.auth.pool().stats().done;
    bench.clock.advance(MINUTE);
    let error = bench.auth.sign_in(&both, attempt_from("2001:db8::ffff", "admin", PASSWORD), None).await.unwrap_err();
    assert_eq!(error, SignInError::TooMany { retry_after: 9 * MINUTE });
    assert_eq!(bench.auth.pool().stats().done, hashed);
    bench.auth.sign_in(&both, attempt_from("2001:db8:0:1::1", "admin", PASSWORD), None).await.unwrap();
    bench.clock.advance(9 * MINUTE);
    bench.auth.sign_in(&both, attempt_from("2001:db8::ffff", "admin", PASSWORD), None).await.unwrap();
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let signed_in = bench.auth.sign_in(&bench.both(), attempt("admin", PASSWORD), None).await.unwrap();
    let text = format!("{:?} {:?}", signed_in, attempt("admin", PASSWORD));
    for secret in [PASSWORD, &signed_in.id, &signed_in.device_token] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn every_way_of_signing_in_counts_for_all_and_brings_its_own_limit() {
    let bench = Bench::new().await;
    bench.add(Kind::Customer, "jane").await;
    let both = bench.both();
    let token = Some(crate::Limit { max_failures: 3, lock: 30 * MINUTE });
    let why = |outcome: Result<_, SignInError>| match outcome {
        Ok(crate::Verified { .. }) => "in",
        Err(error) => error.code(),
    };
    for _ in 0..3 {
        assert_eq!(why(bench.auth.verify(&both, attempt("jane", "wrong")).await), "wrong_password");
    }
    let right = attempt("JANE", PASSWORD);
    assert_eq!(why(bench.auth.verify_within(&both, right, token).await), "locked", "three are too many for this way");
    assert_eq!(why(bench.auth.verify(&both, right).await), "in", "and not for that one");
    for _ in 0..3 {
        assert_eq!(why(bench.auth.verify_within(&both, attempt("jane", "wrong"), token).await), "wrong_password");
    }
    assert_eq!(why(bench.auth.verify(&both, right).await), "locked", "who is locked by one way is locked for all");
    bench.clock.advance(30 * MINUTE);
    assert_eq!(why(bench.auth.verify_within(&both, right, token).await), "in");
}

#[tokio::test]
async fn who_is_yet_to_confirm_is_told_so_after_the_right_password_and_not_counted() {
    let bench = Bench::new().await;
    let made = bench.add(Kind::Admin, "anna").await;
    let new = doorward_core::ports::NewAccount {
        directory: "customers".into(),
        kind: Kind::Customer,
        id: None,
        login: "jane".into(),
        email: None,
        password: made.password,
        roles: Vec::new(),
        per_website: false,
        membership: None,
        confirmed: false,
        profile: "{}".into(),
    };
    bench.auth.store().add_account(new, START).await.unwrap();
    let code = async |password| bench.auth.verify(&bench.both(), attempt("jane", password)).await.unwrap_err().code();
    for _ in 0..20 {
        assert_eq!(code(PASSWORD).await, "unconfirmed");
    }
    assert_eq!(code("wrong").await, "wrong_password");
}

#[tokio::test]
async fn a_group_that_is_kept_out_of_a_website_signs_in_nowhere_on_it() {
    use doorward_core::ports::GroupDraft;
    let bench = Bench::new().await;
    bench.add(Kind::Customer, "jane").await;
    bench.add(Kind::Admin, "admin").await;
    let exclude = async |websites: &str| {
        let document = format!(r#"{{"extension_attributes":{{"exclude_website_ids":{websites}}}}}"#);
        let draft = GroupDraft { code: "General".into(), tax_class: 3, document: serde_json::from_str(&document).unwrap() };
        bench.auth.store().customers().put_group(Some(1), draft).await.unwrap();
    };
    // Of whom nothing was said is of the usual group.
    let enter = async |login: &str, password: &str, website| {
        let attempt = Attempt { website, ..attempt(login, password) };
        match bench.auth.sign_in(&bench.both(), attempt, None).await {
            Ok(_) => None,
            Err(SignInError::Invalid { why, .. }) => Some(why),
            Err(error) => panic!("{error:?}"),
        }
    };
    exclude("[2]").await;
    assert_eq!(enter("jane", PASSWORD, Some(1)).await, None);
    assert_eq!(enter("jane", PASSWORD, Some(2)).await, Some(Why::Excluded));
    assert_eq!(enter("jane", "wrong", Some(2)).await, Some(Why::WrongPassword));
    assert_eq!(enter("admin", PASSWORD, Some(2)).await, None, "groups are customers'");
    // Where no website is named the first one is meant.
    exclude("[1]").await;
    assert_eq!(enter("jane", PASSWORD, None).await, Some(Why::Excluded));
    // It counts as a failure, so that nobody learns by it that a password is right.
    for _ in 0..12 {
        enter("jane", PASSWORD, Some(1)).await;
    }
    assert_eq!(enter("jane", PASSWORD, Some(1)).await, Some(Why::Locked));
    exclude("[]").await;
    bench.clock.advance(MINUTE * 31);
    assert_eq!(enter("jane", PASSWORD, Some(1)).await, None);
}
