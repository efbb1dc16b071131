use super::*;
use crate::{SignInError, Why, testing::*};
use doorward_core::{
    Kind,
    mail::Invitation,
    password::Flaw,
    policy::Directory,
    ports::{AccountChange, Clock, CustomerChange, Document, LinkPurpose, StoreError},
};
use std::{
    net::IpAddr,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const ANNA: &str = "anna@example.com";
const NEW: &str = "Quite another one 7";

/// A mailbox for everybody.
#[derive(Default)]
struct Mailbox {
    letters: Mutex<Vec<Letter>>,
    closed: AtomicBool,
}

impl Post for Mailbox {
    fn is_open(&self) -> bool {
        !self.closed.load(SeqCst)
    }

    fn send(&self, letter: Letter) {
        self.letters.lock().unwrap().push(letter);
    }

    fn contact(&self) -> Option<Arc<str>> {
        Some("help@example.com".into())
    }
}

impl Mailbox {
    fn names(&self) -> Vec<String> {
        self.letters.lock().unwrap().iter().map(|letter| format!("{} {}", letter.about.name(), letter.to)).collect()
    }

    /// The last invitation, once there are so many letters.
    async fn invitation(&self, count: usize) -> Invitation {
        for _ in 0..2000 {
            if self.letters.lock().unwrap().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let letters = self.letters.lock().unwrap();
        letters
            .iter()
            .rev()
            .find_map(|letter| match &letter.about {
                About::Reset(invitation) | About::Confirm(invitation) => Some(invitation.clone()),
                _ => None,
            })
            .unwrap_or_else(|| panic!("{letters:?}"))
    }
}

async fn bench(rules: AccountRules) -> (Bench, Arc<Mailbox>) {
    let bench = Bench::new().await;
    let post = Arc::new(Mailbox::default());
    bench.auth.send_mail_by(Arc::clone(&post) as _);
    bench.auth.set_account_rules(AccountRules { public_url: "https://shop.example.com".into(), ..rules });
    (bench, post)
}

fn signing_up(email: &str) -> Registration<'_> {
    Registration { email, password: Some("Quiet-brown-fox-1"), membership: None, profile: "{}", addresses: &[], address: HERE }
}

async fn may_sign_in(bench: &Bench, login: &str, password: &str) -> bool {
    bench.auth.sign_in(&bench.both(), attempt(login, password), None).await.is_ok()
}

async fn reset(bench: &Bench, post: &Mailbox, email: &str) -> String {
    let count = post.letters.lock().unwrap().len();
    let answered = bench.auth.request_reset(&bench.customers, None, email, (HERE, "")).await;
    assert_eq!(answered, Ok(Answered::Alike));
    post.invitation(count + 1).await.token.to_string()
}

async fn redeem(bench: &Bench, directory: &Directory, token: &str) -> Result<(), RedeemError> {
    bench.auth.redeem_reset(directory, Whose::Bearer, token, NEW, HERE).await.map(drop)
}

#[tokio::test]
async fn an_account_signs_in_once_its_address_is_confirmed() {
    let (bench, post) = bench(AccountRules { confirm_email: true, welcome_mail: true, ..AccountRules::default() }).await;
    let record = bench.auth.register(&bench.customers, signing_up(ANNA)).await.unwrap();
    assert!(!record.confirmed && record.account.kind == Kind::Customer && record.email.as_deref() == Some(ANNA));
    let invitation = post.invitation(1).await;
    assert_eq!(*invitation.link, format!("https://shop.example.com/confirm/customers/{}", invitation.token));
    assert_eq!(invitation.lifetime, Duration::from_secs(7 * 86_400));
    assert!(!may_sign_in(&bench, ANNA, "Quiet-brown-fox-1").await);

    // Somebody else's, or another purpose's, it is nobody's.
    let token = &*invitation.token;
    for (directory, whose) in
        [(&bench.admins, Whose::Bearer), (&bench.customers, Whose::Named("bert@example.com")), (&bench.customers, Whose::Id(99))]
    {
        assert_eq!(bench.auth.confirm(directory, whose, token).await.map(drop), Err(RedeemError::Unknown));
    }
    assert_eq!(redeem(&bench, &bench.customers, token).await, Err(RedeemError::Unknown));
    let confirmed = bench.auth.confirm(&bench.customers, Whose::Named("ANNA@example.com"), token).await.unwrap();
    assert!(confirmed.confirmed);
    assert!(may_sign_in(&bench, ANNA, "Quiet-brown-fox-1").await);
    assert_eq!(bench.auth.confirm(&bench.customers, Whose::Bearer, token).await.map(drop), Err(RedeemError::Unknown));
    assert_eq!(post.names(), [format!("confirm {ANNA}"), format!("welcome {ANNA}")]);
}

#[tokio::test]
async fn whoever_signs_up_is_told_what_is_wrong() {
    let (bench, post) = bench(AccountRules::default()).await;
    let register = async |email: &'static str, password: Option<&'static str>| {
        bench.auth.register(&bench.customers, Registration { password, ..signing_up(email) }).await.map(|record| record.confirmed)
    };
    let good = Some("Quiet-brown-fox-1");
    assert_eq!(register("anna", good).await, Err(RegisterError::Email));
    assert_eq!(register("a@b.example\r\nBcc: c@d.example", good).await, Err(RegisterError::Email));
    assert_eq!(register(ANNA, Some("short1A")).await, Err(RegisterError::Flaw(Flaw::TooShort(8))));
    assert_eq!(register(ANNA, Some("Password1!")).await, Err(RegisterError::Flaw(Flaw::Common)));
    assert_eq!(register("Anna1@example.com", Some("anna1@Example.com")).await, Err(RegisterError::Flaw(Flaw::IsEmail)));
    assert_eq!(register(ANNA, good).await, Ok(true));
    assert_eq!(register("ANNA@example.com", good).await, Err(RegisterError::Exists));
    assert!(post.names().is_empty());
    // Without a password there is a link to set one, and nothing else to sign in with.
    assert_eq!(register("bert@example.com", None).await, Ok(true));
    let token = post.invitation(1).await.token;
    assert!(!may_sign_in(&bench, "bert@example.com", "").await);
    redeem(&bench, &bench.customers, &token).await.unwrap();
    assert!(may_sign_in(&bench, "bert@example.com", NEW).await);

    post.closed.store(true, SeqCst);
    assert_eq!(register("carl@example.com", None).await, Err(RegisterError::NoMail));
    bench.auth.set_account_rules(AccountRules { confirm_email: true, ..AccountRules::default() });
    assert_eq!(register("carl@example.com", good).await, Err(RegisterError::NoMail));
    assert!(bench.auth.store().account_by_login("customers", None, "carl@example.com").await.unwrap().is_none());
}

#[tokio::test]
async fn a_link_works_once_however_many_use_it_at_the_same_time() {
    let (bench, post) = bench(AccountRules::default()).await;
    bench.auth.register(&bench.customers, signing_up(ANNA)).await.unwrap();
    let token = reset(&bench, &post, ANNA).await;
    let other = bench.another().await;
    let tries: Vec<_> = (0..8)
        .map(|n| {
            let (auth, directory, token) = (if n % 2 == 0 { &bench.auth } else { &other }, &bench.customers, &token);
            let new = format!("Quite another one {n}");
            async move { auth.redeem_reset(directory, Whose::Bearer, token, &new, HERE).await.map(|_| n) }
        })
        .collect();
    let outcomes = futures_util::future::join_all(tries).await;
    let winners: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(RedeemError::Unknown))), "{outcomes:?}");
    assert!(may_sign_in(&bench, ANNA, &format!("Quite another one {}", winners[0])).await);
}

#[tokio::test]
async fn cve_2026_4325_a_link_is_good_for_its_purpose_its_directory_and_its_time() {
    let (bench, post) = bench(AccountRules::default()).await;
    bench.auth.register(&bench.customers, signing_up(ANNA)).await.unwrap();
    let token = reset(&bench, &post, ANNA).await;
    assert_eq!(bench.auth.confirm(&bench.customers, Whose::Bearer, &token).await.map(drop), Err(RedeemError::Unknown));
    assert_eq!(redeem(&bench, &bench.admins, &token).await, Err(RedeemError::Unknown));
    for odd in ["", "a", &token[1..], &token.to_uppercase(), &format!("{token}a")] {
        assert_eq!(redeem(&bench, &bench.customers, odd).await, Err(RedeemError::Unknown), "{odd}");
    }
    let flawed = bench.auth.redeem_reset(&bench.customers, Whose::Bearer, &token, "short", HERE).await;
    assert_eq!(flawed.map(drop), Err(RedeemError::Flaw(Flaw::TooShort(8))), "the link stays");
    bench.clock.advance(Duration::from_secs(2 * 3600) - Duration::from_millis(1));
    let state = bench.auth.link_state(LinkPurpose::Reset, &bench.customers, Whose::Bearer, &token).await.unwrap();
    assert!(matches!(state, LinkState::Good(_)), "{state:?}");
    bench.clock.advance(Duration::from_millis(1));
    assert_eq!(redeem(&bench, &bench.customers, &token).await, Err(RedeemError::Expired));
    assert_eq!(bench.auth.purge_links(bench.clock.now()).await, Ok(0), "whoever comes late is told so");
    bench.clock.advance(Duration::from_secs(86_401));
    assert_eq!(bench.auth.purge_links(bench.clock.now()).await, Ok(1));
    assert_eq!(redeem(&bench, &bench.customers, &token).await, Err(RedeemError::Unknown));
}

#[tokio::test]
async fn a_reset_ends_sessions_tokens_and_locks() {
    let (bench, post) = bench(AccountRules::default()).await;
    let before = bench.auth.register(&bench.customers, signing_up(ANNA)).await.unwrap();
    let session = bench.auth.sign_in(&bench.both(), attempt(ANNA, "Quiet-brown-fox-1"), None).await.unwrap();
    for _ in 0..10 {
        assert!(!may_sign_in(&bench, ANNA, "guess").await);
    }
    let token = reset(&bench, &post, ANNA).await;
    bench.clock.advance(MINUTE);
    let after = bench.auth.redeem_reset(&bench.customers, Whose::Named(ANNA), &token, NEW, HERE).await.unwrap();
    assert!(after.version > before.version && after.not_before == bench.clock.now(), "tokens from before are dead: {after:?}");
    assert!(bench.auth.find(&bench.customers, &session.id).await.unwrap().is_none());
    assert!(may_sign_in(&bench, ANNA, NEW).await, "failed attempts are forgotten");
    assert!(!may_sign_in(&bench, ANNA, "Quiet-brown-fox-1").await);
    assert_eq!(post.names().last().unwrap(), &format!("password_changed {ANNA}"));
}

#[tokio::test]
async fn strangers_are_answered_alike() {
    let (bench, post) = bench(AccountRules { reset_requests: 100, ..AccountRules::default() }).await;
    bench.auth.register(&bench.customers, signing_up(ANNA)).await.unwrap();
    let disabled = bench.auth.register(&bench.customers, signing_up("off@example.com")).await.unwrap();
    bench.change(Kind::Customer, disabled.account.id, AccountChange::Disable).await;
    bench.add(Kind::Admin, "admin@example.com").await;
    let long = format!("{}@example.com", "a".repeat(5000));
    for email in ["nobody@example.com", "off@example.com", "admin@example.com", "", &long, "anna"] {
        assert_eq!(bench.auth.request_reset(&bench.customers, None, email, (HERE, "")).await, Ok(Answered::Alike), "{email}");
    }
    assert_eq!(bench.auth.resend_confirmation(&bench.customers, None, "x@example.com", HERE).await, Ok(Answered::Alike));
    assert_eq!(bench.auth.email_available(&bench.customers, None, ANNA).await, Ok(true));
    reset(&bench, &post, ANNA).await;
    assert_eq!(post.names(), [format!("reset {ANNA}")]);

    bench.auth.set_account_rules(AccountRules { reveal_accounts: true, reset_requests: 100, ..AccountRules::default() });
    assert_eq!(bench.auth.request_reset(&bench.customers, None, "zoe@example.com", (HERE, "")).await, Ok(Answered::Unknown));
    assert_eq!(bench.auth.email_available(&bench.customers, None, ANNA).await, Ok(false));
    bench.clock.advance(MINUTE * 11);
    assert_eq!(bench.auth.resend_confirmation(&bench.customers, None, ANNA, HERE).await, Ok(Answered::NotNeeded));
}

#[tokio::test]
async fn what_cannot_be_known_is_no_answer() {
    let (bench, post) = bench(AccountRules::default()).await;
    bench.auth.register(&bench.customers, signing_up(ANNA)).await.unwrap();
    let token = reset(&bench, &post, ANNA).await;
    bench.store.away.store(true, SeqCst);
    let away = |error: &StoreError| matches!(error, StoreError::Unavailable(_));
    let asked = bench.auth.request_reset(&bench.customers, None, "bert@example.com", (HERE, "")).await;
    assert!(matches!(&asked, Err(RequestError::Unavailable(error)) if away(error)), "{asked:?}");
    assert!(matches!(redeem(&bench, &bench.customers, &token).await, Err(RedeemError::Unavailable(_))));
    bench.store.away.store(false, SeqCst);
    redeem(&bench, &bench.customers, &token).await.unwrap();
    post.closed.store(true, SeqCst);
    let asked = bench.auth.request_reset(&bench.customers, None, ANNA, (HERE, "")).await;
    assert_eq!(asked, Err(RequestError::NoMail));
}

#[tokio::test]
async fn another_link_is_sent_to_whoever_still_has_to_confirm() {
    let (bench, post) = bench(AccountRules { confirm_email: true, ..AccountRules::default() }).await;
    bench.auth.register(&bench.customers, signing_up(ANNA)).await.unwrap();
    let first = post.invitation(1).await.token;
    assert_eq!(bench.auth.resend_confirmation(&bench.customers, None, ANNA, HERE).await, Ok(Answered::Alike));
    let second = post.invitation(2).await.token;
    assert_ne!(first, second);
    assert_eq!(bench.auth.confirm(&bench.customers, Whose::Bearer, &first).await.map(drop), Err(RedeemError::Unknown));
    bench.auth.confirm(&bench.customers, Whose::Bearer, &second).await.unwrap();
    let again = bench.auth.resend_confirmation(&bench.customers, None, ANNA, HERE).await;
    assert_eq!(again, Err(RequestError::TooMany { contact: Some("help@example.com".into()) }));
}

fn caller(account: &doorward_core::Account) -> Caller<'_> {
    Caller { account, address: HERE, device_token: None, user_agent: Some("curl/8") }
}

#[tokio::test]
async fn a_changed_password_keeps_the_present_session_alone_under_a_new_id() {
    let (bench, post) = bench(AccountRules::default()).await;
    let record = bench.auth.register(&bench.customers, signing_up(ANNA)).await.unwrap();
    let old = "Quiet-brown-fox-1";
    let mine = bench.auth.sign_in(&bench.both(), attempt(ANNA, old), None).await.unwrap();
    let other = bench.auth.sign_in(&bench.both(), attempt(ANNA, old), None).await.unwrap();
    let change = async |current: &str, new: &str, keep| {
        bench.auth.change_password(&bench.customers, caller(&record.account), current, new, keep).await
    };
    let wrong = change("wrong", NEW, true).await.unwrap_err();
    assert!(matches!(&wrong, ChangeError::NotVerified(SignInError::Invalid { why: Why::WrongPassword, .. })), "{wrong:?}");
    assert_eq!(change(old, "short", true).await.unwrap_err(), ChangeError::Flaw(Flaw::TooShort(8)));
    assert!(bench.auth.find(&bench.customers, &other.id).await.unwrap().is_some());

    bench.clock.advance(MINUTE);
    let changed = change(old, NEW, true).await.unwrap();
    let session = changed.session.unwrap();
    assert!(changed.record.not_before == bench.clock.now() && ![&mine.id, &other.id].contains(&&session.id));
    for (id, alive) in [(&mine.id, false), (&other.id, false), (&session.id, true)] {
        assert_eq!(bench.auth.find(&bench.customers, id).await.unwrap().is_some(), alive);
    }
    let quiet = change(NEW, "And one more of them 8", false).await.unwrap();
    assert!(quiet.session.is_none() && bench.auth.find(&bench.customers, &session.id).await.unwrap().is_none());
    assert_eq!(post.names(), [format!("password_changed {ANNA}"), format!("password_changed {ANNA}")]);
}

#[tokio::test]
async fn cve_2026_9798_the_current_password_is_proved_where_every_other_is() {
    let (bench, _) = bench(AccountRules::default()).await;
    let record = bench.auth.register(&bench.customers, signing_up(ANNA)).await.unwrap();
    let change = async |current: &str| {
        bench.auth.change_password(&bench.customers, caller(&record.account), current, NEW, false).await.map(drop)
    };
    // Half of the guesses here, half at the sign-in: one counter.
    for _ in 0..5 {
        assert!(change("guess").await.is_err());
        assert!(!may_sign_in(&bench, ANNA, "guess").await);
    }
    let locked = change("Quiet-brown-fox-1").await.unwrap_err();
    assert!(matches!(&locked, ChangeError::NotVerified(SignInError::Invalid { why: Why::Locked, .. })), "{locked:?}");
    bench.clock.advance(MINUTE * 31);
    bench.change(Kind::Customer, record.account.id, AccountChange::Disable).await;
    let disabled = change("Quiet-brown-fox-1").await.unwrap_err();
    assert!(matches!(&disabled, ChangeError::NotVerified(SignInError::Invalid { why: Why::Disabled, .. })), "{disabled:?}");
}

fn profile(lastname: &str) -> Document {
    [("lastname".to_owned(), lastname.into())].into_iter().collect()
}

#[tokio::test]
async fn another_address_is_told_to_the_old_one_and_ends_its_links() {
    let (bench, post) = bench(AccountRules::default()).await;
    let record = bench.auth.register(&bench.customers, signing_up(ANNA)).await.unwrap();
    bench.auth.register(&bench.customers, signing_up("bert@example.com")).await.unwrap();
    let session = bench.auth.sign_in(&bench.both(), attempt(ANNA, "Quiet-brown-fox-1"), None).await.unwrap();
    let link = reset(&bench, &post, ANNA).await;
    let change = async |current: &str, email: &str| {
        let other = CustomerChange { profile: profile("Neu"), ..CustomerChange::default() };
        bench.auth.change_email(&bench.customers, caller(&record.account), current, email, other).await
    };
    assert!(matches!(change("wrong", "neu@example.com").await, Err(ChangeError::NotVerified(_))));
    assert_eq!(change("Quiet-brown-fox-1", "neu").await, Err(ChangeError::Email));
    assert_eq!(change("Quiet-brown-fox-1", "BERT@example.com").await, Err(ChangeError::Exists));
    let unchanged = bench.auth.store().customers().customer(record.account.id).await.unwrap().unwrap();
    assert!(unchanged.profile.get("lastname").is_none(), "what was refused left nothing behind");
    assert_eq!(change("Quiet-brown-fox-1", ANNA).await.unwrap().record.email.as_deref(), Some(ANNA));
    let changed = change("Quiet-brown-fox-1", "neu@example.com").await.unwrap();
    assert_eq!(changed.profile["lastname"], "Neu", "both in one go");
    let changed = changed.record;
    assert_eq!((changed.email.as_deref(), &*changed.account.login), (Some("neu@example.com"), "neu@example.com"));
    assert_eq!(post.names().last().unwrap(), &format!("email_changed {ANNA}"));
    assert_eq!(redeem(&bench, &bench.customers, &link).await, Err(RedeemError::Unknown), "it went to the old address");
    assert!(
        may_sign_in(&bench, "neu@example.com", "Quiet-brown-fox-1").await
            && !may_sign_in(&bench, ANNA, "Quiet-brown-fox-1").await
    );
    let live = bench.auth.find(&bench.customers, &session.id).await.unwrap().unwrap();
    assert_eq!(&*live.account().login, "neu@example.com", "the session goes on");
}

#[tokio::test]
async fn where_addresses_are_confirmed_another_one_is_too() {
    let (bench, post) = bench(AccountRules { confirm_email: true, ..AccountRules::default() }).await;
    let record = bench.auth.register(&bench.customers, signing_up(ANNA)).await.unwrap();
    let token = post.invitation(1).await.token;
    bench.auth.confirm(&bench.customers, Whose::Bearer, &token).await.unwrap();
    let session = bench.auth.sign_in(&bench.both(), attempt(ANNA, "Quiet-brown-fox-1"), None).await.unwrap();
    let change = async |email: &str| {
        let (own, nothing) = (caller(&record.account), CustomerChange::default());
        let changed = bench.auth.change_email(&bench.customers, own, "Quiet-brown-fox-1", email, nothing).await;
        changed.map(|customer| customer.record)
    };
    assert!(change(ANNA).await.unwrap().confirmed, "the same one needs nothing");
    let changed = change("neu@example.com").await.unwrap();
    assert!(!changed.confirmed && &*changed.account.login == "neu@example.com");
    let invitation = post.invitation(3).await;
    assert_eq!(post.names(), [format!("confirm {ANNA}"), format!("email_changed {ANNA}"), "confirm neu@example.com".to_owned()]);
    assert!(bench.auth.find(&bench.customers, &session.id).await.unwrap().is_none(), "no session outlives it");
    assert!(!may_sign_in(&bench, "neu@example.com", "Quiet-brown-fox-1").await);
    bench.auth.confirm(&bench.customers, Whose::Bearer, &invitation.token).await.unwrap();
    assert!(may_sign_in(&bench, "neu@example.com", "Quiet-brown-fox-1").await);
}

/// The link of the account as it was is made by a task of its own, which may come late.
#[tokio::test]
async fn a_link_for_the_old_address_is_not_made_after_the_change() {
    let (bench, post) = bench(AccountRules { confirm_email: true, ..AccountRules::default() }).await;
    let before = bench.auth.register(&bench.customers, signing_up(ANNA)).await.unwrap();
    post.invitation(1).await;
    let change = AccountChange::UnconfirmedEmail("neu@example.com".into());
    let after = bench.auth.store().change_account(Kind::Customer, before.account.id, change, bench.clock.now()).await.unwrap();
    let late = bench.auth.invite(&before, LinkPurpose::Confirm, "").await;
    assert!(matches!(late, Err(StoreError::Missing(_))), "{late:?}");
    assert_eq!(post.names(), [format!("confirm {ANNA}")], "nothing went to the old address");
    bench.auth.invite(&after, LinkPurpose::Confirm, "").await.unwrap();
    let invitation = post.invitation(2).await;
    bench.auth.confirm(&bench.customers, Whose::Bearer, &invitation.token).await.unwrap();
}

#[test]
fn a_link_is_not_shown() {
    let invitation = Invitation { link: "https://x/SECRET".into(), token: "SECRET".into(), lifetime: Duration::ZERO };
    assert!(!format!("{:?}", About::Reset(invitation)).contains("SECRET"));
    let secret = "P-1-secret";
    assert!(!format!("{:?}", Registration { password: Some(secret), ..signing_up(ANNA) }).contains(secret));
}
