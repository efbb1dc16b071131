//! Which account somebody is for whom a provider vouches, and who is none.

use super::{Acquaintance, Arrival, GivenRoles, Mapping};
use crate::{
    SignedIn, Why,
    sign_in::SignInError,
    testing::{Bench, MINUTE, attempt, directory},
};
use doorward_core::{
    Kind,
    acl::Holds,
    policy::Directory,
    ports::{AccountChange, AccountRecord, Clock, EndedThere, Identities, IdentityFilter, Store, Subject},
};
use std::{collections::BTreeSet, sync::Arc};

const IDP: &str = "https://idp.example.com";

/// Somebody who arrives, and what may be varied of it.
struct Traveller {
    who: Subject,
    email: Option<&'static str>,
    mapping: Mapping,
    /// Given, and managed.
    roles: Option<[Vec<Arc<str>>; 2]>,
    sid: Option<Arc<str>>,
}

fn traveller(subject: &str, mapping: Mapping) -> Traveller {
    let who = Subject { issuer: IDP.into(), subject: subject.into() };
    Traveller { who, email: None, mapping, roles: None, sid: None }
}

fn created() -> Mapping {
    Mapping::Create("idp:".into())
}

impl Traveller {
    async fn arrive_at(&self, bench: &Bench, directory: &Arc<Directory>) -> Result<(SignedIn, Acquaintance), SignInError> {
        let client: Arc<str> = "shop".into();
        let arrival = Arrival {
            who: &self.who,
            client: &client,
            sid: self.sid.as_ref(),
            email: self.email,
            name: (Some("Ann"), None),
            authenticated: None,
            factors: &["otp".into()],
            roles: self.roles.as_ref().map(|[given, managed]| GivenRoles { given, managed }),
            mapping: &self.mapping,
            address: "192.0.2.1".parse().unwrap(),
            device_token: None,
            user_agent: None,
            site: "default",
            view: None,
        };
        let (verified, how) = bench.auth.verify_elsewhere(directory, arrival).await?;
        Ok((bench.auth.start(verified, None).await?, how))
    }

    async fn arrive(&self, bench: &Bench) -> Result<(SignedIn, Acquaintance), SignInError> {
        self.arrive_at(bench, &bench.customers).await
    }

    async fn why(&self, bench: &Bench) -> Why {
        match self.arrive(bench).await {
            Err(SignInError::Invalid { why, .. }) => why,
            other => panic!("{:?}", other),
        }
    }
}

async fn with_email(bench: &Bench, login: &str, email: &str) -> AccountRecord {
    let record = bench.add(Kind::Customer, login).await;
    let change = AccountChange::Email(Some(email.into()));
    bench.store.change_account(Kind::Customer, record.account.id, change, bench.clock.now()).await.unwrap()
}

#[tokio::test]
async fn by_subject_only_who_is_linked_is_somebody() {
    let bench = Bench::new().await;
    let ann = bench.add(Kind::Customer, "ann").await.account.id;
    let somebody = traveller("1", Mapping::Subject);
    assert_eq!(somebody.why(&bench).await, Why::NotLinked);
    bench.store.identities().link_identity(&somebody.who, Kind::Customer, ann, bench.clock.now()).await.unwrap();
    let (signed_in, how) = somebody.arrive(&bench).await.unwrap();
    assert_eq!((signed_in.live.account().id, how), (ann, Acquaintance::Known));
    // The same name at another provider, and the same identity in another directory.
    let mut other = traveller("1", Mapping::Subject);
    other.who.issuer = "https://other.example.com".into();
    assert_eq!(other.why(&bench).await, Why::NotLinked);
    assert!(somebody.arrive_at(&bench, &bench.admins).await.is_err());
}

#[tokio::test]
async fn by_e_mail_a_verified_address_finds_an_account_once() {
    let bench = Bench::new().await;
    let ann = with_email(&bench, "ann", "ann@shop.test").await.account.id;
    let mut somebody = traveller("1", Mapping::Email);
    assert_eq!(somebody.why(&bench).await, Why::NoEmail, "an address that was not verified is none");
    somebody.email = Some("bob@shop.test");
    assert_eq!(somebody.why(&bench).await, Why::NotLinked);
    somebody.email = Some("ANN@shop.test");
    let (signed_in, how) = somebody.arrive(&bench).await.unwrap();
    assert_eq!((signed_in.live.account().id, how), (ann, Acquaintance::Linked));
    // From now on the subject decides, whatever the address.
    somebody.email = None;
    assert_eq!(somebody.arrive(&bench).await.unwrap().1, Acquaintance::Known);
    with_email(&bench, "bob", "bob@shop.test").await;
    somebody.email = Some("bob@shop.test");
    assert_eq!(somebody.arrive(&bench).await.unwrap().0.live.account().id, ann);
}

#[tokio::test]
async fn an_address_that_somebody_else_gets_there_takes_over_nothing() {
    let bench = Bench::new().await;
    let ann = with_email(&bench, "ann", "ann@shop.test").await.account.id;
    let (mut first, mut second) = (traveller("1", Mapping::Email), traveller("2", Mapping::Email));
    (first.email, second.email) = (Some("ann@shop.test"), Some("ann@shop.test"));
    first.arrive(&bench).await.unwrap();
    assert_eq!(second.why(&bench).await, Why::LinkedOtherwise);
    let all = bench.store.identities().linked_identities(IdentityFilter { account: None, limit: 9 }).await.unwrap();
    assert_eq!(all.iter().map(|one| (&*one.who.subject, one.account)).collect::<Vec<_>>(), [("1", ann)]);
}

#[tokio::test]
async fn an_address_of_several_accounts_finds_none() {
    let bench = Bench::new().await;
    with_email(&bench, "ann", "ann@shop.test").await;
    with_email(&bench, "other", "ann@shop.test").await;
    let mut somebody = traveller("1", Mapping::Email);
    somebody.email = Some("ann@shop.test");
    assert_eq!(somebody.why(&bench).await, Why::NotLinked);
}

#[tokio::test]
async fn an_account_that_waits_for_its_confirmation_is_not_handed_over() {
    let bench = Bench::new().await;
    let ann = with_email(&bench, "ann", "x@shop.test").await.account.id;
    bench.change(Kind::Customer, ann, AccountChange::UnconfirmedEmail("victim@shop.test".into())).await;
    let mut victim = traveller("1", Mapping::Email);
    victim.email = Some("victim@shop.test");
    assert_eq!(victim.why(&bench).await, Why::Unconfirmed);
    let none = bench.store.identities().account_of("customers", &victim.who).await.unwrap();
    assert!(none.is_none(), "nothing was linked");
}

#[tokio::test]
async fn an_account_is_made_once_with_the_prefix_and_without_a_password() {
    let bench = Bench::new().await;
    let mut somebody = traveller("aBc|1", created());
    somebody.email = Some("ann@shop.test");
    let (first, how) = somebody.arrive(&bench).await.unwrap();
    assert_eq!(how, Acquaintance::Created);
    let (second, how) = somebody.arrive(&bench).await.unwrap();
    assert_eq!((second.live.account().id, how), (first.live.account().id, Acquaintance::Known));
    let id = first.live.account().id;
    let record = bench.store.account(Kind::Customer, id).await.unwrap().unwrap();
    assert_eq!((&*record.account.login, record.email.as_deref()), ("idp:aBc|1", Some("ann@shop.test")));
    assert!(record.password.is_none() && record.confirmed);
    let by_password = bench.auth.sign_in(&bench.both(), attempt("idp:aBc|1", ""), None).await;
    assert!(matches!(by_password, Err(SignInError::Invalid { why: Why::NoPassword, .. })), "{by_password:?}");
    // A subject that differs by a letter's case is somebody else, whom no account may be made for.
    assert_eq!(traveller("ABC|1", created()).why(&bench).await, Why::Taken);
}

#[tokio::test]
async fn an_account_that_moved_in_with_its_prefix_is_found_again() {
    let bench = Bench::new().await;
    let old = bench.add(Kind::Customer, "idp:7").await.account.id;
    let (signed_in, how) = traveller("7", created()).arrive(&bench).await.unwrap();
    assert_eq!((signed_in.live.account().id, how), (old, Acquaintance::Linked));
}

#[tokio::test]
async fn nobody_gets_a_second_account_of_an_address() {
    let bench = Bench::new().await;
    with_email(&bench, "ann", "ann@shop.test").await;
    let mut somebody = traveller("1", created());
    somebody.email = Some("Ann@shop.test");
    assert_eq!(somebody.why(&bench).await, Why::Taken);
    somebody.email = None;
    assert!(somebody.arrive(&bench).await.is_ok(), "an address that was not verified is nobody's");
}

#[tokio::test]
async fn disabled_locked_and_deleted_accounts_stay_out() {
    let bench = Bench::new().await;
    let somebody = traveller("1", created());
    let id = somebody.arrive(&bench).await.unwrap().0.live.account().id;
    bench.change(Kind::Customer, id, AccountChange::Disable).await;
    assert_eq!(somebody.why(&bench).await, Why::Disabled);
    bench.change(Kind::Customer, id, AccountChange::Enable).await;
    for _ in 0..directory(Kind::Customer).max_failures {
        assert!(bench.auth.sign_in(&bench.both(), attempt("idp:1", "wrong"), None).await.is_err());
    }
    assert_eq!(somebody.why(&bench).await, Why::Locked);
    bench.clock.advance(31 * MINUTE);
    assert!(somebody.arrive(&bench).await.is_ok());
    bench.store.delete_account(Kind::Customer, id, bench.clock.now()).await.unwrap();
    let (again, how) = somebody.arrive(&bench).await.unwrap();
    assert_eq!(how, Acquaintance::Created);
    assert!(again.live.account().id > id, "an id is never used again");
}

#[tokio::test]
async fn roles_that_the_provider_manages_come_and_go_and_others_stay() {
    let bench = Bench::new().await;
    for role in ["editor", "clerk", "own"] {
        bench.store.put_role(role, Holds::Selection(BTreeSet::new()), bench.clock.now()).await.unwrap();
    }
    let managed: Vec<Arc<str>> = vec!["editor".into(), "clerk".into(), "unmade".into()];
    let mut somebody = traveller("1", created());
    somebody.roles = Some([vec!["editor".into(), "unmade".into()], managed.clone()]);
    let (first, _) = somebody.arrive(&bench).await.unwrap();
    let roles = |signed_in: &SignedIn| signed_in.live.account().roles.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(roles(&first), ["editor"]);
    let id = first.live.account().id;
    bench.change(Kind::Customer, id, AccountChange::Roles(vec!["editor".into(), "own".into()])).await;
    somebody.roles = Some([vec!["clerk".into()], managed]);
    let (second, _) = somebody.arrive(&bench).await.unwrap();
    assert_eq!(roles(&second), ["own", "clerk"]);
    assert_eq!(roles(&first), ["own", "clerk"], "sessions have them at once");
}

#[tokio::test]
async fn a_session_ends_with_the_one_that_it_came_of() {
    let bench = Bench::new().await;
    let mut somebody = traveller("1", created());
    somebody.sid = Some("s1".into());
    let (first, _) = somebody.arrive(&bench).await.unwrap();
    somebody.sid = Some("s2".into());
    let (second, _) = somebody.arrive(&bench).await.unwrap();
    let factors = bench.store.session(&first.live.key()).await.unwrap().unwrap().0.factors;
    assert_eq!(factors, ["provider".into(), Arc::<str>::from("otp")]);
    let there = EndedThere { issuer: IDP.into(), client: "shop".into(), subject: None, sid: Some("s1".into()) };
    let ended = bench.auth.end_elsewhere(&there, &[1; 32], bench.clock.now() + MINUTE).await.unwrap();
    assert_eq!(ended, Some(1));
    assert!(first.live.ended().is_cancelled() && !second.live.ended().is_cancelled());
    assert!(bench.auth.find(&bench.customers, &first.id).await.unwrap().is_none());
    let again = bench.auth.end_elsewhere(&there, &[1; 32], bench.clock.now() + MINUTE).await.unwrap();
    assert_eq!(again, None, "the same word counts once");
}

#[tokio::test]
async fn an_identity_that_is_taken_away_meanwhile_begins_no_session() {
    let bench = Bench::new().await;
    let somebody = traveller("1", created());
    let (first, _) = somebody.arrive(&bench).await.unwrap();
    assert!(bench.store.inner.unlink_identity("customers", &somebody.who).await.unwrap());
    bench.auth.apply_changes().await.unwrap();
    assert!(first.live.ended().is_cancelled());
}
