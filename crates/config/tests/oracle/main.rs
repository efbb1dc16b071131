//! The rules of a whole shop, judged twice: by Doorward and by an obvious reading of what Magento does.

#![expect(clippy::unwrap_used, clippy::panic, reason = "clippy takes the helpers of an integration test for more than tests")]

mod magento;

use doorward_config::{
    Diagnostics, Files,
    rules::{self, Loaded, USERS},
};
use doorward_core::{
    Account, Carries, Evidence, Facts, Found, Identity, Kind, Offer, Policy, Provenance, Reason, Source, Stores, Target,
    acl::{self, Holds, RoleBook, RoleRow},
    decide,
    firewall::{Authentication, Entry, Firewall, Guards, Invalid},
    policy::{Serve, Unmatched},
    route::{RouteRule, RouteTable, ShopDoor, magento::Table},
};
use http::Method;
use magento::{ADMIN, ALL, Acl, Caller, Router, Tree};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

/// Magento's own files. They are not part of this repository.
static DATA: LazyLock<PathBuf> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut places: Vec<PathBuf> = std::env::var_os("DOORWARD_SHARED").map(PathBuf::from).into_iter().collect();
    places.extend(["../../../shared", "../../../../shared"].iter().map(|up| root.join(up)));
    let found = places.iter().map(|place| place.join("data/magento")).find(|place| place.is_dir());
    found.unwrap_or_else(|| panic!("set DOORWARD_SHARED to the folder that holds data/magento; looked in {places:?}"))
});

fn load(folders: &[&Path]) -> (Loaded, Diagnostics) {
    let (mut files, mut out) = (Files::new("/"), Diagnostics::default());
    let loaded = rules::load(folders, &mut files, &mut out);
    out.sort();
    (loaded, out)
}

/// The shop, and the test modules with routes that require several resources.
static SHOP: LazyLock<Loaded> = LazyLock::new(|| {
    let (loaded, out) = load(&[&DATA, &DATA.join("_api-functional")]);
    assert!(!out.has_errors(), "{out:?}");
    loaded
});

fn named(loaded: &Loaded, name: &str) -> Vec<PathBuf> {
    loaded.files.iter().filter(|path| path.ends_with(name)).cloned().collect()
}

/// Method and url to resources.
type Routes = BTreeMap<(String, String), BTreeSet<String>>;

fn routes(rules: &[RouteRule]) -> Routes {
    let words = |rule: &RouteRule| rule.require.iter().map(|word| word.as_str().to_owned()).collect();
    rules.iter().map(|rule| ((rule.methods[0].to_string(), rule.template.to_string()), words(rule))).collect()
}

fn tree(loaded: &Loaded) -> Tree {
    loaded.resources.iter().map(|node| (node.id.to_string(), node.parent.as_deref().map(str::to_owned))).collect()
}

#[test]
fn a_shop_merges_to_414_routes_and_263_resources() {
    let (loaded, out) = load(&[&DATA]);
    let warnings: Vec<&str> = out.iter().map(|diagnostic| diagnostic.message()).collect();
    assert_eq!(warnings, ["the resource `Magento_AdobeStockImage::actions_view` is declared in no rule file"]);
    assert_eq!((named(&loaded, "webapi.xml").len(), named(&loaded, "acl.xml").len()), (34, 65));
    assert_eq!(loaded.magento.len(), 414);
    let declared = |id: &&str| *id != USERS;
    assert_eq!(loaded.resources.iter().map(|node| &*node.id).filter(declared).count(), 262);
    assert_eq!(loaded.disabled.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["Magento_Config::advanced"]);
    let with = |word: &str| loaded.magento.iter().filter(|rule| rule.require.iter().any(|own| own.as_str() == word)).count();
    assert_eq!((with("anonymous"), with("self")), (59, 38));
}

#[test]
fn the_merge_is_that_of_an_obvious_reading() {
    let shop = &*SHOP;
    assert_eq!(routes(&shop.magento), magento::merge(&named(shop, "webapi.xml")));
    let mut ids: BTreeSet<String> = shop.resources.iter().map(|node| node.id.to_string()).collect();
    ids.remove(USERS);
    ids.extend(shop.disabled.iter().map(ToString::to_string));
    assert_eq!(ids, magento::ids(&named(shop, "acl.xml")));
    assert!(shop.magento.iter().any(|rule| rule.require.len() > 1), "some route requires several resources");
}

#[test]
fn modules_are_merged_in_their_order() {
    let position = |module: &str| SHOP.files.iter().position(|file| file.parent().is_some_and(|folder| folder.ends_with(module)));
    assert!(position("Store") < position("Customer") && position("Customer") < position("Sales"));
    // TwoFactorAuth is in the list of no one and replaces a route of Integration: it loads last.
    assert!(position("Integration") < position("TwoFactorAuth"));
    assert!(SHOP.files[0].ends_with("Store/webapi.xml"), "{:?}", SHOP.files[0]);
    assert!(SHOP.resources.iter().take(2).map(|node| &*node.id).eq([ALL, ADMIN]), "in the order of sortOrder");
}

/// A small generator of numbers, so that a failure can be repeated.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

fn callers(tree: &Tree) -> Vec<Caller> {
    let select = |ids: &[&str]| Caller::Admin(ids.iter().map(|id| (*id).to_owned()).collect());
    let mut callers = vec![Caller::Guest, Caller::Customer { id: 42 }];
    callers.extend([select(&[]), select(&[ALL]), select(&[ADMIN]), select(&["Magento_Gone::gone"])]);
    // One resource each: leaves, and parents without their children.
    callers.extend(tree.iter().map(|(id, _)| select(&[id])));
    callers.push(Caller::Admin(tree.iter().map(|(id, _)| id.clone()).filter(|id| id != ALL).collect()));
    let mut numbers = Numbers(0x5EED);
    for round in 0..60 {
        let density = 1 + round % 9;
        let chosen = tree.iter().filter(|(id, _)| id != ALL && numbers.below(10) < density).map(|(id, _)| id.clone());
        callers.push(Caller::Admin(chosen.collect()));
    }
    callers
}

fn offer(caller: &Caller) -> Offer {
    let account = |kind, id, roles| {
        let account = Account { directory: "d".into(), kind, id, login: "somebody".into(), roles, membership: None };
        Offer::Verified(Evidence { account: Arc::new(account), ambient: true, csrf_valid: true, scopes: None })
    };
    match caller {
        Caller::Guest => Offer::Absent,
        Caller::Customer { id } => account(Kind::Customer, *id, vec![]),
        Caller::Admin(_) => account(Kind::Admin, 1, vec!["R".into()]),
    }
}

fn book(caller: &Caller) -> RoleBook {
    let held = match caller {
        Caller::Admin(selection) => selection.iter().map(|id| Arc::from(id.as_str())).collect(),
        _ => BTreeSet::new(),
    };
    RoleBook::new([(Arc::from("R"), held)])
}

fn policy(shop: &Loaded) -> Policy {
    let firewall = Firewall {
        name: "main".into(),
        host: None,
        path: None,
        methods: vec![],
        when: None,
        authentication: Authentication::Session,
        realm: "".into(),
        access: Default::default(),
        directories: vec!["d".into()],
        guards: Guards { csrf: false, ajax: false },
        invalid: Invalid::Guest,
        entry: Entry::Status,
        source: Source::new("doorward.toml", 1),
    };
    Policy {
        hash: "0".into(),
        hosts: None,
        origins: vec![],
        cors: doorward_core::Cors::default(),
        sites: doorward_core::Sites::default(),
        ibexa_prefixes: vec![],
        serve: Serve { sessions: true, tokens: false, accounts: false, root: true, users: true, pages: true, jwt: true },
        directories: vec![],
        firewalls: vec![Arc::new(firewall)],
        access: vec![],
        routes: RouteTable {
            stores: Stores::default(),
            door: ShopDoor::default(),
            native: shop.native_table().unwrap(),
            magento: shop.magento_table().unwrap(),
            magento_prefix: Some("/rest".into()),
        },
        resources: shop.resources.clone(),
        unmatched: Unmatched::Deny,
        upstreams: vec![],
        oauth: None,
        issuers: Vec::new(),
        providers: Vec::new(),
    }
}

fn facts<'f>(method: &'f Method, path: &'f str) -> Facts<'f> {
    Facts {
        method,
        host: "shop.example.com",
        path,
        secure: true,
        client: [127, 0, 0, 1].into(),
        carries: Carries::default(),
        ajax: true,
        navigation: false,
        provenance: Provenance::Ours,
        upgrade: false,
        acceptable: true,
        expected_user: None,
    }
}

#[test]
fn every_route_is_decided_for_every_kind_of_caller_as_magento_decides() {
    let policy = policy(&SHOP);
    let (tree, routes) = (tree(&SHOP), routes(&SHOP.magento));
    let (mut permits, mut refusals) = (0, 0);
    for caller in callers(&tree) {
        let acl = match &caller {
            Caller::Admin(selection) => Some(Acl::of(&tree, selection)),
            _ => None,
        };
        let (offer, book) = (offer(&caller), book(&caller));
        for rule in policy.routes.magento.iter() {
            let key = (rule.methods[0].to_string(), rule.template.to_string());
            let path = format!("/rest{}", rule.template);
            let facts = facts(&rule.methods[0], &path);
            let found = policy.find(&facts, None);
            assert!(matches!(found.target, Target::Route(own) if own == rule), "a url as it stands is its own path: {key:?}");
            let outcome = decide(&policy, &book, &facts, &found, &offer);
            let granted = magento::permits(&caller, acl.as_ref(), &routes[&key]);
            // Granted, and yet nobody but a customer has a value for what the rule forces (magento-webapi 4.6).
            let known = ["%customer_id%", "%cart_id%", "%customer_group_id%", "%customer_website_id%", "%customer_store_id%"];
            let forced = rule.parameters.iter().any(|p| p.force && p.value.as_deref().is_some_and(|v| known.contains(&v)));
            let lacking = granted && forced && !matches!(caller, Caller::Customer { .. });
            assert_eq!(outcome.is_ok(), granted && !lacking, "{key:?} {caller:?}");
            match outcome {
                Ok(permit) => {
                    assert_eq!(permit.rule(), Some(rule));
                    assert_eq!(matches!(permit.identity(), Identity::Guest), matches!(caller, Caller::Guest));
                    permits += 1;
                }
                Err(refusal) => {
                    let expected = match refusal.reason {
                        Reason::NotGranted { .. } => !lacking,
                        Reason::NoParameter(_) => lacking,
                        _ => false,
                    };
                    assert!(expected, "{key:?}: {:?}", refusal.reason);
                    refusals += 1;
                }
            }
        }
    }
    assert!(permits > 10_000 && refusals > 10_000, "{permits} permits, {refusals} refusals");
}

#[test]
fn every_resource_is_granted_to_every_kind_of_role_as_magento_grants() {
    let tree = tree(&SHOP);
    let unknown = ["Magento_AdobeStockImage::actions_view", "Magento_Config::advanced", "self", ""];
    let ids: Vec<&str> = tree.iter().map(|(id, _)| id.as_str()).chain(unknown).collect();
    for caller in callers(&tree) {
        let Caller::Admin(selection) = &caller else { continue };
        let (acl, book) = (Acl::of(&tree, selection), book(&caller));
        for id in &ids {
            let granted = book.role_grants(&SHOP.resources, "R", id);
            assert_eq!(granted, acl.is_allowed(id), "{id} of {selection:?}");
        }
    }
}

/// Compares what rows grant of every id, one of them unknown; answers how much was granted.
fn compare_rows(tree: &Tree, resources: &acl::Tree, rows: &[(&str, bool)]) -> usize {
    let acl = Acl::of_rows(tree, rows);
    let held = rows.iter().map(|(id, allow)| RoleRow { resource: Arc::from(*id), allow: *allow }).collect();
    let book = RoleBook::new([(Arc::from("R"), Holds::Rows(held))]);
    let ids = tree.iter().map(|(id, _)| id.as_str()).chain(["Magento_Gone::gone", "self"]);
    ids.filter(|id| {
        let granted = book.role_grants(resources, "R", id);
        assert_eq!(granted, acl.is_allowed(id), "{id} of {rows:?}");
        granted
    })
    .count()
}

#[test]
fn every_short_list_of_rows_grants_what_magento_grants() {
    let nodes = [
        (ALL, None),
        (ADMIN, None),
        ("A_B::a", Some(ADMIN)),
        ("A_B::b", Some("A_B::a")),
        ("A_B::c", Some("A_B::b")),
        ("A_B::d", Some(ADMIN)),
    ];
    let tree: Tree = nodes.iter().map(|(id, parent)| ((*id).to_owned(), parent.map(str::to_owned))).collect();
    let resources = acl::Tree::new(nodes.iter().map(|(id, parent)| acl::Resource {
        id: Arc::from(*id),
        title: "".into(),
        parent: parent.map(Arc::from),
        source: Source::new("acl.xml", 1),
    }));
    let row = |number: usize| (nodes.get(number / 2).map_or("Magento_Gone::gone", |(id, _)| *id), number.is_multiple_of(2));
    let (kinds, mut granted) = (2 * (nodes.len() + 1), 0);
    for length in 0..=3_u32 {
        for number in 0..kinds.pow(length) {
            let rows: Vec<_> = (0..length).map(|at| row(number / kinds.pow(at) % kinds)).collect();
            granted += compare_rows(&tree, &resources, &rows);
        }
    }
    assert!(granted > 1_000, "{granted}");
}

#[test]
fn rows_of_a_whole_shop_grant_what_magento_grants() {
    let tree = tree(&SHOP);
    let mut numbers = Numbers(0xACE);
    let mut granted = 0;
    for round in 0..80_usize {
        // From a few rows to more than there are resources, denied seldom or often.
        let length = 1 + numbers.below(if round.is_multiple_of(2) { 12 } else { 2 * tree.len() });
        let rows: Vec<(&str, bool)> =
            (0..length).map(|_| (tree[numbers.below(tree.len())].0.as_str(), numbers.below(1 + round % 7) == 0)).collect();
        granted += compare_rows(&tree, &SHOP.resources, &rows);
    }
    assert!(granted > 1_000, "{granted}");
}

/// Magento's form never saves such a role. Where it would grant ids that nobody knows, Doorward grants nothing.
#[test]
fn everything_beside_other_resources_is_no_more_than_they_are() {
    let tree = tree(&SHOP);
    for (other, _) in tree.iter().filter(|(id, _)| id != ALL) {
        let caller = Caller::Admin([ALL.to_owned(), other.clone()].into());
        let Caller::Admin(selection) = &caller else { continue };
        let (acl, book) = (Acl::of(&tree, selection), book(&caller));
        for (id, _) in &tree {
            assert_eq!(book.role_grants(&SHOP.resources, "R", id), acl.is_allowed(id), "{id} of {selection:?}");
        }
        assert!(acl.is_allowed("Magento_Gone::gone") && !book.role_grants(&SHOP.resources, "R", "Magento_Gone::gone"));
    }
}

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"];

struct Matching {
    table: Table,
    router: Router,
    /// All static words, by the place where they stand.
    words: Vec<Vec<String>>,
}

static MATCHING: LazyLock<Matching> = LazyLock::new(|| {
    let routes = routes(&SHOP.magento);
    let mut words: Vec<BTreeSet<String>> = vec![BTreeSet::new(); 12];
    for (_, url) in routes.keys() {
        for (segment, words) in url.trim_matches('/').split('/').zip(&mut words) {
            if !magento::is_variable(segment) {
                words.insert(segment.to_owned());
            }
        }
    }
    Matching {
        table: SHOP.magento_table().unwrap(),
        router: Router::new(routes.keys()),
        words: words.into_iter().map(|words| words.into_iter().collect()).collect(),
    }
});

/// Compares the compiled matcher with the scan, for every method; answers how many methods matched.
fn compare(path: &str) -> usize {
    let Matching { table, router, .. } = &*MATCHING;
    let mut matched = 0;
    for method in METHODS {
        let found = table.find(&method.parse().unwrap(), path).map(|rule| &*rule.template);
        assert_eq!(found, router.find(method, path), "{method} {path}");
        matched += usize::from(found.is_some());
    }
    matched
}

#[test]
fn every_url_matches_many_paths_as_magento_matches() {
    const ODD: [&str; 14] = ["1", "0", "10", "-x", "x", "X", "_", "~", "me", "mine", "", "a%2Fb", ":id", "::x"];
    let mut numbers = Numbers(0xD00);
    let mut matched = 0;
    for rule in &SHOP.magento {
        let segments: Vec<&str> = rule.template.trim_matches('/').split('/').collect();
        for _ in 0..40 {
            let mut path = String::new();
            for (index, segment) in segments.iter().enumerate() {
                let words = &MATCHING.words[index];
                path.push('/');
                path.push_str(match (magento::is_variable(segment), numbers.below(12)) {
                    (true, 0..8) | (false, 0) => ODD[numbers.below(ODD.len())],
                    (true, _) | (false, 1) if !words.is_empty() => &words[numbers.below(words.len())],
                    _ => segment,
                });
            }
            path.push_str(["", "", "", "/", "//", "/x"][numbers.below(6)]);
            matched += compare(&path);
        }
    }
    assert!(matched > 5_000, "most of these paths match something: {matched}");
}

#[test]
fn ambiguous_pairs_are_settled_as_magento_settles_them() {
    let mut pairs = 0;
    for (index, one) in SHOP.magento.iter().enumerate() {
        for two in SHOP.magento.iter().skip(index + 1).filter(|two| two.methods == one.methods) {
            let split = |rule: &RouteRule| rule.template.trim_matches('/').split('/').map(str::to_owned).collect::<Vec<_>>();
            let (a, b) = (split(one), split(two));
            let meet = |(a, b): (&String, &String)| match (magento::is_variable(a), magento::is_variable(b)) {
                (false, false) => (a == b).then(|| a.clone()),
                (false, true) => Some(a.clone()),
                (true, false) => Some(b.clone()),
                (true, true) => Some("7".to_owned()),
            };
            let Some(both) = a.iter().zip(&b).map(meet).collect::<Option<Vec<_>>>() else { continue };
            if a.len() == b.len() {
                pairs += 1;
                let path = format!("/{}", both.join("/"));
                assert!(compare(&path) > 0 && compare(&format!("{path}/")) > 0, "{path}");
            }
        }
    }
    assert!(pairs >= 91, "{pairs}");
}

#[test]
fn the_prefix_and_the_store_code_stand_before_the_url() {
    let policy = policy(&SHOP);
    for (path, matches) in [
        ("/rest/V1/customers/me", true),
        ("/rest/default/V1/customers/me", true),
        ("/rest/all/V1/customers/me", true),
        ("/rest/german/V1/customers/me", false),
        ("/rest/all/all/V1/customers/me", false),
        ("/V1/customers/me", false),
        ("/restV1/customers/me", false),
        ("/rest", false),
    ] {
        let found: Found<'_> = policy.find(&facts(&Method::GET, path), None);
        assert_eq!(matches!(found.target, Target::Route(_)), matches, "{path}");
    }
}

fn a_path() -> impl Strategy<Value = String> {
    let word = |index: usize| {
        prop_oneof![
            6 => prop::sample::select(MATCHING.words[index].clone()),
            2 => "[0-9a-z:_%-]{0,3}",
            1 => "[A-Za-z]{1,6}",
        ]
    };
    let rest = prop::collection::vec(any::<prop::sample::Index>(), 1..6);
    (rest, word(1), word(2), word(3), word(4), "/{0,2}").prop_map(|(picks, one, two, three, four, end)| {
        let words = [one, two, three, four];
        let segments: Vec<String> = words.into_iter().take(picks.len()).collect();
        format!("/V1/{}{end}", segments.join("/"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn any_path_matches_as_magento_matches(path in a_path()) {
        compare(&path);
    }
}
