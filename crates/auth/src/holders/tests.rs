use super::*;
use crate::testing::Bench;
use doorward_core::ports::{AccountChange, Clock, Store};

fn asked<'a>(directories: &'a [Arc<str>], login: &'a str) -> HolderAsked<'a> {
    HolderAsked { directories, login, website: None }
}

fn names() -> [Arc<str>; 2] {
    ["admins".into(), "customers".into()]
}

#[tokio::test]
async fn security_39_the_first_directory_that_has_the_name_decides_and_is_remembered() {
    let bench = Bench::new().await;
    let customer = bench.add(Kind::Customer, "jane").await;
    let names = names();
    let live = bench.auth.find_holder(asked(&names, "jane")).await.unwrap();
    assert_eq!(live.account().id, customer.account.id);
    assert!(bench.auth.remembered_holder(asked(&names, "jane")).is_some_and(|again| Arc::ptr_eq(&again, &live)));
    let again = bench.auth.find_holder(asked(&names, "jane")).await.unwrap();
    assert!(Arc::ptr_eq(&again, &live), "streams of both are one's");
    assert!(matches!(bench.auth.find_holder(asked(&names[..1], "jane")).await, Err(HolderError::Refused { .. })));
    // Somebody of the first directory comes, perhaps with the name.
    bench.add(Kind::Admin, "joe").await;
    bench.auth.apply_changes().await.unwrap();
    assert!(bench.auth.remembered_holder(asked(&names, "jane")).is_none(), "somebody before may have the name");
    bench.auth.find_holder(asked(&names, "jane")).await.unwrap();
    assert!(bench.auth.remembered_holder(asked(&names, "jane")).is_some(), "it was joe");
    bench.change(Kind::Customer, customer.account.id, AccountChange::Roles(Vec::new())).await;
    assert!(bench.auth.remembered_holder(asked(&names, "jane")).is_some(), "nobody came");
    let admin = bench.add(Kind::Admin, "jane").await;
    bench.auth.apply_changes().await.unwrap();
    let now = bench.auth.find_holder(asked(&names, "jane")).await.unwrap();
    assert_eq!((now.account().kind, now.account().id), (Kind::Admin, admin.account.id));
    assert!(live.ended().is_cancelled(), "what the other opened ends");
    assert!(bench.auth.remembered_holder(asked(&names, "jane")).is_some_and(|again| Arc::ptr_eq(&again, &now)));
    assert!(bench.auth.remembered_holder(asked(&names[1..], "jane")).is_none(), "another question");
}

#[tokio::test]
async fn security_57_a_disabled_account_ends_at_once_and_roles_change_without_an_end() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "jane").await;
    let names = names();
    let live = bench.auth.find_holder(asked(&names, "jane")).await.unwrap();
    let ended = live.ended().clone();
    bench.store.put_role("keepers", std::collections::BTreeSet::from(["A::b".into()]).into(), bench.clock.now()).await.unwrap();
    bench.change(Kind::Admin, admin.account.id, AccountChange::Roles(vec!["keepers".into()])).await;
    let after = bench.auth.find_holder(asked(&names, "jane")).await.unwrap();
    assert!(Arc::ptr_eq(&live, &after) && !ended.is_cancelled());
    assert_eq!(after.account().roles, ["keepers".into()]);
    bench.change(Kind::Admin, admin.account.id, AccountChange::Disable).await;
    assert!(ended.is_cancelled());
    let refused = bench.auth.find_holder(asked(&names, "jane")).await;
    assert!(matches!(refused, Err(HolderError::Refused { why: Why::Disabled, account: Some(_) })), "{refused:?}");
    assert!(bench.auth.remembered_holder(asked(&names, "jane")).is_none());
}

#[tokio::test]
async fn a_node_that_cannot_hear_asks_the_store_and_one_without_a_store_refuses() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "jane").await;
    let names = names();
    bench.auth.find_holder(asked(&names, "jane")).await.unwrap();
    bench.auth.set_deaf(true);
    assert!(bench.auth.remembered_holder(asked(&names, "jane")).is_none());
    // Nobody tells this node.
    bench.store.change_account(Kind::Admin, admin.account.id, AccountChange::Disable, bench.clock.now()).await.unwrap();
    assert!(matches!(bench.auth.find_holder(asked(&names, "jane")).await, Err(HolderError::Refused { .. })));
    bench.store.away.store(true, SeqCst);
    assert!(matches!(bench.auth.find_holder(asked(&names, "jane")).await, Err(HolderError::Unavailable(_))));
}

#[tokio::test]
async fn those_of_a_directory_that_is_gone_end() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "jane").await;
    let names = names();
    let live = bench.auth.find_holder(asked(&names, "jane")).await.unwrap();
    bench.auth.set_directories(bench.both().to_vec());
    assert!(!live.ended().is_cancelled());
    bench.auth.set_directories(vec![Arc::clone(&bench.customers)]);
    assert!(live.ended().is_cancelled());
    assert!(matches!(bench.auth.find_holder(asked(&names, "jane")).await, Err(HolderError::Refused { .. })));
}

#[tokio::test]
async fn uses_are_told_once_an_hour_and_refusals_once_a_minute() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "jane").await;
    let names = names();
    let live = bench.auth.find_holder(asked(&names, "jane")).await.unwrap();
    let told = || live.take_news(bench.clock.now());
    assert!(told() && !told());
    bench.clock.advance(std::time::Duration::from_secs(3599));
    assert!(!told());
    bench.clock.advance(std::time::Duration::from_secs(1));
    assert!(told() && !told());
    let refused = |login: &str| bench.auth.take_refusal(asked(&names, login));
    assert!(refused("joe") && !refused("joe") && refused("jim"));
    bench.clock.advance(std::time::Duration::from_secs(60));
    assert!(refused("joe") && !refused("joe"));
    for index in 0..3000 {
        assert!(refused(&format!("joe{index}")), "what cannot be remembered is told");
    }
}

#[tokio::test]
async fn a_group_that_is_kept_out_of_a_website_is_refused_there_and_remembered_elsewhere() {
    use doorward_core::ports::GroupDraft;
    let bench = Bench::new().await;
    bench.add(Kind::Customer, "jane").await;
    bench.add(Kind::Admin, "admin").await;
    let names = names();
    let exclude = async |websites: &str| {
        let document = format!(r#"{{"extension_attributes":{{"exclude_website_ids":{websites}}}}}"#);
        let draft = GroupDraft { code: "General".into(), tax_class: 3, document: serde_json::from_str(&document).unwrap() };
        bench.auth.store().customers().put_group(Some(1), draft).await.unwrap();
        bench.auth.apply_changes().await.unwrap();
    };
    let on = |login, website| HolderAsked { website, ..asked(&names, login) };
    let enter = async |login, website| match bench.auth.find_holder(on(login, website)).await {
        Ok(_) => None,
        Err(HolderError::Refused { why, .. }) => Some(why),
        Err(error) => panic!("{error:?}"),
    };
    exclude("[2]").await;
    assert_eq!(enter("jane", Some(1)).await, None);
    assert_eq!(enter("jane", Some(2)).await, Some(Why::Excluded));
    assert_eq!(enter("admin", Some(2)).await, None, "groups are customers'");
    assert!(bench.auth.remembered_holder(on("jane", Some(1))).is_some());
    for other in [None, Some(0), Some(2)] {
        assert!(bench.auth.remembered_holder(on("jane", other)).is_none(), "{other:?}");
    }
    // Where no website is named the first one is meant. What is remembered is asked about again.
    exclude("[1]").await;
    assert_eq!(enter("jane", None).await, Some(Why::Excluded));
    assert!(bench.auth.remembered_holder(on("jane", Some(1))).is_none());
    assert_eq!(enter("jane", Some(1)).await, Some(Why::Excluded));
}
