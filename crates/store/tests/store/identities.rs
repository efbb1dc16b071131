//! Who people are at OpenID providers, told of any store.

use crate::{admin, key, session};
use doorward_core::{
    Kind, Time,
    ports::{AccountRecord, EndedThere, Identities, IdentityFilter, NewAccount, ProviderSession, Store, StoreError, Subject},
};
use doorward_store::{Options, Sqlite};
use std::sync::Arc;

const NOW: Time = Time(1_700_000_000_000);
const IDP: &str = "https://idp.example.com";

async fn both(case: impl AsyncFn(&dyn Store, &dyn Identities)) {
    let folder = tempfile::tempdir().unwrap();
    let (file, memory) = (Sqlite::open(&folder.path().join("store.db"), Options::default()).unwrap(), Sqlite::memory().unwrap());
    case(&file, file.identities()).await;
    case(&memory, memory.identities()).await;
}

fn who(issuer: &str, subject: &str) -> Subject {
    Subject { issuer: issuer.into(), subject: subject.into() }
}

fn came(who: &Subject, sid: Option<&str>) -> ProviderSession {
    ProviderSession { who: who.clone(), client: "shop".into(), sid: sid.map(Arc::from) }
}

fn ended(subject: Option<&str>, sid: Option<&str>) -> EndedThere {
    EndedThere { issuer: IDP.into(), client: "shop".into(), subject: subject.map(Arc::from), sid: sid.map(Arc::from) }
}

async fn owner(store: &dyn Store, who: &Subject) -> Option<AccountRecord> {
    store.identities().account_of("admins", who).await.unwrap()
}

#[tokio::test]
async fn an_identity_is_issuer_and_subject_together_letter_for_letter() {
    both(async |store, identities| {
        let anna = store.add_account(admin("anna"), NOW).await.unwrap();
        identities.link_identity(&who(IDP, "Abc"), Kind::Admin, anna.account.id, NOW).await.unwrap();
        assert_eq!(owner(store, &who(IDP, "Abc")).await.unwrap().account.login, "anna".into());
        for other in [who(IDP, "abc"), who("https://idp.example.com/", "Abc"), who("https://other.example.com", "Abc")] {
            assert!(owner(store, &other).await.is_none(), "{other:?}");
        }
        assert!(identities.account_of("customers", &who(IDP, "Abc")).await.unwrap().is_none(), "of another directory");
    })
    .await;
}

#[tokio::test]
async fn a_link_is_never_overwritten() {
    both(async |store, identities| {
        let anna = store.add_account(admin("anna"), NOW).await.unwrap().account.id;
        let bert = store.add_account(admin("bert"), NOW).await.unwrap().account.id;
        let (first, second) = (who(IDP, "1"), who(IDP, "2"));
        identities.link_identity(&first, Kind::Admin, anna, NOW).await.unwrap();
        identities.link_identity(&first, Kind::Admin, anna, NOW).await.unwrap();
        for (who, account) in [(&first, bert), (&second, anna)] {
            let refused = identities.link_identity(who, Kind::Admin, account, NOW).await;
            assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
        }
        identities.link_identity(&who("https://other.example.com", "2"), Kind::Admin, anna, NOW).await.unwrap();
        let missing = identities.link_identity(&second, Kind::Admin, 99, NOW).await;
        assert!(matches!(missing, Err(StoreError::Missing(_))), "{missing:?}");
        let all = identities.linked_identities(IdentityFilter { account: None, limit: 9 }).await.unwrap();
        assert_eq!(all.iter().map(|one| (&*one.who.subject, &*one.login)).collect::<Vec<_>>(), [("1", "anna"), ("2", "anna")]);
        let filter = IdentityFilter { account: Some(("admins".into(), "BERT".into())), limit: 9 };
        assert_eq!(identities.linked_identities(filter).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn an_account_comes_with_its_identity_or_not_at_all() {
    both(async |store, identities| {
        let new = |login: &str| NewAccount { password: None, ..admin(login) };
        let anna = identities.add_account_of(&who(IDP, "1"), new("idp:1"), NOW).await.unwrap();
        assert_eq!(owner(store, &who(IDP, "1")).await.unwrap(), anna);
        let refused = identities.add_account_of(&who(IDP, "1"), new("another"), NOW).await;
        assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
        assert_eq!(store.account_by_login("admins", None, "another").await.unwrap(), None);
        store.delete_account(Kind::Admin, anna.account.id, NOW).await.unwrap();
        assert!(owner(store, &who(IDP, "1")).await.is_none(), "it went with the account");
        let next = identities.add_account_of(&who(IDP, "1"), new("idp:1"), NOW).await.unwrap();
        assert!(next.account.id > anna.account.id);
    })
    .await;
}

#[tokio::test]
async fn sessions_end_with_those_that_they_came_of() {
    both(async |store, identities| {
        let anna = store.add_account(admin("anna"), NOW).await.unwrap();
        let subject = who(IDP, "1");
        let early = identities.create_provider_session(&session(&anna, key(9, 0, 0), NOW.0), None, &came(&subject, None)).await;
        assert!(matches!(early, Err(StoreError::Missing(_))), "not linked: {early:?}");
        assert!(store.session(&key(9, 0, 0)).await.unwrap().is_none());
        identities.link_identity(&subject, Kind::Admin, anna.account.id, NOW).await.unwrap();
        let begin = async |n: u32, sid: Option<&str>| {
            let session = session(&anna, key(n, 0, 0), NOW.0);
            identities.create_provider_session(&session, None, &came(&subject, sid)).await.unwrap();
        };
        let live = async || {
            let mut live = Vec::new();
            for n in 1..=4 {
                if store.session(&key(n, 0, 0)).await.unwrap().is_some() {
                    live.push(n);
                }
            }
            live
        };
        begin(1, Some("a")).await;
        begin(2, Some("b")).await;
        begin(3, None).await;
        store.create_session(&session(&anna, key(4, 0, 0), NOW.0), None).await.unwrap();
        let end = async |n: u8, ended: EndedThere| {
            identities.end_provider_sessions(&ended, &[n; 32], Time(NOW.0 + 1), NOW).await.unwrap()
        };
        assert_eq!(end(1, ended(None, None)).await, Some(0));
        assert_eq!(end(2, ended(Some("2"), Some("a"))).await, Some(0), "both must fit");
        assert_eq!(end(3, EndedThere { client: "other".into(), ..ended(Some("1"), None) }).await, Some(0));
        assert_eq!(end(4, ended(None, Some("a"))).await, Some(1));
        assert_eq!(live().await, [2, 3, 4]);
        begin(1, Some("a")).await;
        assert_eq!(end(4, ended(None, Some("a"))).await, None, "the same word counts once");
        assert_eq!(live().await, [1, 2, 3, 4]);
        assert_eq!(end(5, ended(Some("1"), None)).await, Some(3));
        assert_eq!(live().await, [4], "what did not come from there stays");
        begin(1, None).await;
        assert!(identities.unlink_identity("admins", &subject).await.unwrap());
        assert!(!identities.unlink_identity("admins", &subject).await.unwrap());
        assert_eq!(live().await, [4]);
    })
    .await;
}
