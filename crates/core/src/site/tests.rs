use super::*;
use crate::{decide::tests::policy, policy::Unmatched};

fn place<'a>(host: &'a str, path: &'a str) -> Place<'a> {
    Place { host, port: 80, path: Some(path), header: None }
}

fn map<K>(key: K, name: &str) -> Vec<(K, Arc<str>)> {
    vec![(key, name.into())]
}

/// The samples of ibexa-rest 10.
#[test]
fn each_kind_yields_what_ibexas_does() {
    let regex = |text: &str| Regex::new(text).unwrap();
    let host_text = || Condition::HostText(regex(r"^www\.((?-u:[\w-])+)\.com$"));
    let uri_text = || Condition::UriText(regex(r"^/main\-((?-u:[\w-])+)/company"));
    let cases: Vec<(Condition, &str, &str, Option<&str>)> = vec![
        (Condition::MapHost(map("www.page.com".into(), "event")), "www.page.com", "/", Some("event")),
        (Condition::MapHost(map("www.page.com".into(), "event")), "page.com", "/", None),
        (Condition::HostElement(2), "www.example.com", "/", Some("example")),
        (Condition::HostElement(4), "www.example.com", "/", None),
        (host_text(), "www.example.com", "/", Some("example")),
        (host_text(), "www.a.b.com", "/", None),
        (Condition::MapPort(map(80, "event")), "a", "/", Some("event")),
        (Condition::MapPort(map(8080, "event")), "a", "/", None),
        (Condition::UriElement(2), "a", "/my_site/company/pages", Some("my_site_company")),
        (Condition::UriElement(1), "a", "/my_site", Some("my_site")),
        (Condition::UriElement(2), "a", "/my_site/", None),
        (Condition::UriElement(1), "a", "/", None),
        (uri_text(), "a", "/main-event/company/page", Some("event")),
        (uri_text(), "a", "/main-/company", None),
        (Condition::MapUri(map("campaign".into(), "event")), "a", "/campaign/x", Some("event")),
        (Condition::MapUri(map("campaign".into(), "event")), "a", "/campaigns", None),
        (Condition::MapUri(map("a b".into(), "event")), "a", "/a%20b/x", Some("event")),
        (Condition::RegexUri(regex(r"^/(\w+_sa)"), 1), "a", "/my_sa/x", Some("my_sa")),
        (Condition::RegexUri(regex(r"(a)(b)?"), 2), "a", "/ac", None),
        (Condition::RegexHost(regex(r"(\w+)\.(\w+)"), 2), "fr.shop.test", "/", Some("shop")),
    ];
    for (condition, host, path, expected) in cases {
        assert_eq!(condition.name(&place(host, path)).as_deref(), expected, "{condition:?} {host} {path}");
    }
}

#[test]
fn where_no_path_names_a_site_only_the_rest_is_asked() {
    let rest = Place { path: None, ..place("www.example.com", "") };
    assert_eq!(Condition::UriElement(1).name(&rest), None);
    assert_eq!(Condition::HostElement(2).name(&rest).as_deref(), Some("example"));
}

#[test]
fn all_and_any_of_several_conditions() {
    let conditions = || vec![Condition::MapUri(map("en".into(), "true")), Condition::MapHost(map("example.com".into(), "true"))];
    for (host, path, all, any) in [
        ("example.com", "/en/x", true, true),
        ("example.com", "/fr/x", false, true),
        ("other.com", "/en", false, true),
        ("other.com", "/fr", false, false),
    ] {
        let named = |rule: MatchRule| rule.name(&place(host, path)).is_some_and(|name| name == "event");
        assert_eq!(named(MatchRule::All(conditions(), "event".into())), all, "{host}{path}");
        assert_eq!(named(MatchRule::Any(conditions(), "event".into())), any, "{host}{path}");
    }
}

fn site(name: &str, by_path: bool) -> Arc<Site> {
    let (source, policy) = (Source::new("test.toml", 1), Arc::new(policy(Unmatched::Deny)));
    Arc::new(Site { name: name.into(), hosts: Vec::new(), by_path, policy, source })
}

/// `front` everywhere; `office` below `/office` and at `office.test`, and `desk` below `/desk`, with what is their own; `plain`
/// below `/plain`, with nothing; `hall` by its header alone.
fn sites() -> Sites {
    let matcher = |condition: Condition| Matcher { rule: MatchRule::One(condition), source: Source::new("test.toml", 1) };
    let segments = ["office", "desk", "plain"].map(|name| (name.into(), name.into()));
    Sites {
        all: vec![site("front", false), site("office", true), site("desk", true), site("plain", false), site("hall", false)],
        matchers: vec![
            matcher(Condition::MapHost(map("office.test".into(), "office"))),
            matcher(Condition::MapUri(segments.to_vec())),
        ],
        ..Sites::default()
    }
}

/// A site that a path names with what is its own is reached by no header from elsewhere, and left by none; what a header chose
/// before it still does, and all of it where paths name no site.
#[test]
fn a_header_leads_neither_to_a_site_of_another_path_nor_away_from_one() {
    let sites = sites();
    let all = ["front", "office", "desk", "plain", "hall"];
    for (host, path, unnamed, may) in [
        ("shop.test", Some("/x"), "front", &["front", "plain", "hall"][..]),
        ("shop.test", Some("/"), "front", &["front", "plain", "hall"]),
        ("shop.test", Some("/offices"), "front", &["front", "plain", "hall"]),
        ("shop.test", Some("/plain/x"), "plain", &["front", "plain", "hall"]),
        ("shop.test", Some("/office"), "office", &["office"]),
        ("shop.test", Some("/office/x"), "office", &["office"]),
        ("shop.test", Some("/desk/x"), "desk", &["desk"]),
        // Here another matcher of it leads there.
        ("office.test", Some("/x"), "office", &["office"]),
        // The first matcher wins, for headers too.
        ("office.test", Some("/desk/x"), "office", &["office"]),
        // Under the Ibexa prefixes paths name no site.
        ("shop.test", None, "front", &all),
        ("office.test", None, "office", &all),
    ] {
        let at = Place { host, port: 80, path, header: None };
        let chosen = |header| sites.choose(&Place { header, ..at }).map(|(site, why)| (&*site.name, why));
        assert!(chosen(None).is_some_and(|(name, _)| name == unnamed), "{host} {path:?}");
        for name in all {
            match chosen(Some(name)) {
                Some((chosen, Chosen::Header)) => assert!(chosen == name && may.contains(&name), "{host} {path:?} {name}"),
                Some((_, why)) => panic!("{host} {path:?} {name}: {why:?}"),
                None => assert!(!may.contains(&name), "{host} {path:?} {name}"),
            }
        }
        assert!(chosen(Some("nobody")).is_none());
    }
}

/// Where a site may be chosen at some hosts only, its path names it at these alone, and so does a header.
#[test]
fn a_header_names_no_site_of_a_path_at_a_host_where_it_is_not() {
    let mut sites = sites();
    Arc::make_mut(&mut sites.all[2]).hosts = vec!["desk.test".into()];
    let named = |host, path| sites.choose(&Place { host, port: 80, path: Some(path), header: Some("desk") }).is_some();
    for (host, path, may) in
        [("desk.test", "/desk/x", true), ("desk.test", "/x", false), ("shop.test", "/desk/x", false), ("shop.test", "/x", false)]
    {
        assert_eq!(named(host, path), may, "{host} {path}");
    }
}
