//! Store views and websites of a shop (magento-webapi 3.6, 4.6): a path under the Magento prefix may name one, and a
//! customer is known on one website or on all.

use crate::{acl::Exclusions, identity::Membership};
use std::sync::Arc;

/// One view of a shop, which paths name by its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreView {
    /// What stands in paths: `/rest/{code}/V1/...`.
    pub code: Arc<str>,
    /// Its number; at least 1.
    pub id: u32,
    /// What people call it.
    pub name: Arc<str>,
    /// The code of its website.
    pub website: Arc<str>,
    /// The website's number; at least 1.
    pub website_id: u32,
    /// The host at which it is meant where nothing else says so: in lower case, without port.
    pub host: Option<Arc<str>>,
}

/// Where a customer's account counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// On the website that it was made on.
    #[default]
    Website,
    /// On all websites.
    Global,
}

/// What a request under the Magento prefix is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreScope<'s> {
    /// One view: the named one, or the first of the configuration.
    View(&'s StoreView),
    /// `all`: every view, and no customer's (magento-webapi 4.6).
    All,
}

/// All store views, in the order of the configuration; there always is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stores {
    first: StoreView,
    others: Vec<StoreView>,
    sharing: Sharing,
}

/// The code for all store views.
pub const ALL_STORES: &str = "all";

/// The one view of a shop that says nothing: `default` of the website `base`.
impl Default for Stores {
    fn default() -> Self {
        let first = StoreView {
            code: "default".into(),
            id: 1,
            name: "Default Store View".into(),
            website: "base".into(),
            website_id: 1,
            host: None,
        };
        Self { first, others: Vec::new(), sharing: Sharing::default() }
    }
}

impl Stores {
    /// These views. The first stands for paths that name none.
    pub fn new(first: StoreView, others: Vec<StoreView>, sharing: Sharing) -> Self {
        Self { first, others, sharing }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &StoreView> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The view for paths that name none.
    pub fn default_view(&self) -> &StoreView {
        &self.first
    }

    /// The view that stands for all that name none at this host: the first that has it, or the first of all.
    pub fn at_host(&self, host: &str) -> &StoreView {
        self.of_host(host).unwrap_or(&self.first)
    }

    /// The first view that has this host.
    pub fn of_host(&self, host: &str) -> Option<&StoreView> {
        self.iter().find(|view| view.host.as_deref() == Some(host))
    }

    /// The view with this code.
    pub fn by_code(&self, code: &str) -> Option<&StoreView> {
        self.iter().find(|view| &*view.code == code)
    }

    /// The view that an account was made in or, where that one is gone, the first one of its website.
    pub fn home_of(&self, membership: &Membership) -> Option<&StoreView> {
        let of_website = |view: &&StoreView| view.website_id == membership.website;
        self.by_id(membership.store).filter(of_website).or_else(|| self.iter().find(of_website))
    }

    /// The view with this number.
    pub fn by_id(&self, id: u32) -> Option<&StoreView> {
        self.iter().find(|view| view.id == id)
    }

    /// Where customers count.
    pub fn sharing(&self) -> Sharing {
        self.sharing
    }

    /// Splits a path below the Magento prefix into what it is about and the rest: `/fr/V1/x` is `fr` and `/V1/x`. A
    /// code that nobody has stays in the path, where no route matches it. Where the path names none, the host says which
    /// one is meant.
    pub fn locate<'p>(&self, host: &str, path: &'p str) -> (StoreScope<'_>, &'p str) {
        let (named, rest) = self.split(path);
        (named.unwrap_or_else(|| StoreScope::View(self.at_host(host))), rest)
    }

    /// What a path names, and the rest.
    pub fn split<'p>(&self, path: &'p str) -> (Option<StoreScope<'_>>, &'p str) {
        let first = path.strip_prefix('/').and_then(|rest| rest.find('/').and_then(|at| rest.split_at_checked(at)));
        let Some((code, rest)) = first else { return (None, path) };
        if code == ALL_STORES {
            return (Some(StoreScope::All), rest);
        }
        self.by_code(code).map_or((None, path), |view| (Some(StoreScope::View(view)), rest))
    }

    /// Whether a customer's group keeps the customer out of what is meant: the view's website or, where none is named (`None`),
    /// the customer's own, unless all websites share their customers.
    pub fn excludes(&self, exclusions: &Exclusions, scope: Option<StoreScope<'_>>, membership: Option<&Membership>) -> bool {
        let own = || membership.map_or(self.first.website_id, |member| member.website);
        let website = match scope {
            Some(StoreScope::View(view)) => Some(view.website_id),
            Some(StoreScope::All) => None,
            None => (self.sharing == Sharing::Website).then(own),
        };
        website.is_some_and(|website| exclusions.exclude(membership, website))
    }

    /// Whether a customer counts there (magento-webapi 4.6). One that belongs nowhere belongs to the first website.
    pub fn shares(&self, scope: StoreScope<'_>, membership: Option<&Membership>) -> bool {
        match (scope, self.sharing) {
            (StoreScope::All, _) => false,
            (StoreScope::View(_), Sharing::Global) => true,
            (StoreScope::View(view), Sharing::Website) => {
                view.website_id == membership.map_or(self.first.website_id, |member| member.website)
            }
        }
    }
}

/// The host of an origin such as `https://shop.example.com:8443`, without the port.
pub fn host_of(origin: &str) -> &str {
    parts(origin).1
}

/// The same origin at another host; scheme and port stay.
pub fn moved_to(origin: &str, host: &str) -> String {
    let (scheme, _, port) = parts(origin);
    format!("{scheme}://{host}{port}")
}

/// Scheme, host and `:port` or nothing. The colons of an IPv6 address stand in brackets.
fn parts(origin: &str) -> (&str, &str, &str) {
    let (scheme, authority) = origin.split_once("://").unwrap_or(("https", origin));
    let port = authority.rfind(':').filter(|at| authority.get(*at..).is_some_and(|rest| !rest.contains(']')));
    let (host, port) = port.and_then(|at| authority.split_at_checked(at)).unwrap_or((authority, ""));
    (scheme, host, port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(code: &str, id: u32, website_id: u32) -> StoreView {
        StoreView {
            code: code.into(),
            id,
            name: code.into(),
            website: format!("site{website_id}").into(),
            website_id,
            host: None,
        }
    }

    fn stores(sharing: Sharing) -> Stores {
        Stores::new(view("default", 1, 1), vec![view("fr", 2, 1), view("us", 3, 2)], sharing)
    }

    #[test]
    fn a_path_may_name_its_store() {
        let stores = stores(Sharing::Website);
        for (path, code, rest) in [
            ("/V1/customers/me", "default", "/V1/customers/me"),
            ("/default/V1/customers/me", "default", "/V1/customers/me"),
            ("/us/V1/x", "us", "/V1/x"),
            ("/nosuch/V1/x", "default", "/nosuch/V1/x"),
            ("/US/V1/x", "default", "/US/V1/x"),
            ("/us", "default", "/us"),
            ("", "default", ""),
        ] {
            let (scope, left) = stores.locate("shop.test", path);
            let StoreScope::View(found) = scope else { panic!("{path}") };
            assert_eq!((&*found.code, left), (code, rest), "{path}");
        }
        assert_eq!(stores.locate("shop.test", "/all/V1/x"), (StoreScope::All, "/V1/x"));
    }

    #[test]
    fn a_customer_counts_on_its_own_website_or_on_all() {
        let member = |website| Some(Membership { website, store: 1, group: 1 });
        for (sharing, path, website, counts) in [
            (Sharing::Website, "/V1/x", member(1), true),
            (Sharing::Website, "/fr/V1/x", member(1), true),
            (Sharing::Website, "/us/V1/x", member(1), false),
            (Sharing::Website, "/us/V1/x", member(2), true),
            (Sharing::Website, "/V1/x", None, true),
            (Sharing::Website, "/us/V1/x", None, false),
            (Sharing::Global, "/us/V1/x", member(1), true),
            (Sharing::Global, "/all/V1/x", member(1), false),
            (Sharing::Website, "/all/V1/x", member(1), false),
        ] {
            let stores = stores(sharing);
            let (scope, _) = stores.locate("shop.test", path);
            assert_eq!(stores.shares(scope, website.as_ref()), counts, "{sharing:?} {path} {website:?}");
        }
    }

    #[test]
    fn a_host_may_stand_for_a_store() {
        let at = |view: StoreView, host: &str| StoreView { host: Some(host.into()), ..view };
        let views = vec![at(view("us", 2, 2), "us.shop.test"), at(view("us_es", 3, 2), "us.shop.test")];
        let stores = Stores::new(view("default", 1, 1), views, Sharing::Website);
        for (host, path, code, rest) in [
            ("us.shop.test", "/V1/x", "us", "/V1/x"),
            ("us.shop.test", "/us_es/V1/x", "us_es", "/V1/x"),
            ("us.shop.test", "/default/V1/x", "default", "/V1/x"),
            ("us.shop.test", "/nosuch/V1/x", "us", "/nosuch/V1/x"),
            ("shop.test", "/V1/x", "default", "/V1/x"),
            ("shop.test", "/us/V1/x", "us", "/V1/x"),
        ] {
            let (StoreScope::View(found), left) = stores.locate(host, path) else { panic!("{host} {path}") };
            assert_eq!((&*found.code, left), (code, rest), "{host} {path}");
        }
        assert_eq!(stores.locate("us.shop.test", "/all/V1/x").0, StoreScope::All);
        let home = |website, store| stores.home_of(&Membership { website, store, group: 1 }).map(|view| &*view.code);
        assert_eq!(
            [home(2, 3), home(2, 9), home(2, 1), home(1, 1), home(7, 1)],
            [Some("us_es"), Some("us"), Some("us"), Some("default"), None]
        );
    }

    #[test]
    fn an_origin_moves_to_another_host_with_its_port() {
        for (origin, host, moved) in [
            ("https://shop.test", "shop.test", "https://us.test"),
            ("http://shop.test:8080", "shop.test", "http://us.test:8080"),
            ("http://[::1]", "[::1]", "http://us.test"),
            ("http://[::1]:8080", "[::1]", "http://us.test:8080"),
        ] {
            assert_eq!((host_of(origin), &*moved_to(origin, "us.test")), (host, moved));
        }
    }

    #[test]
    fn a_group_may_be_kept_out_of_a_website() {
        let member = |group, website| Membership { website, store: 1, group };
        let exclusions = Exclusions { websites: [(7, [2].into()), (1, [1].into())].into(), usual_group: 1 };
        for (sharing, path, member, out) in [
            (Sharing::Website, Some("/us/V1/x"), Some(member(7, 2)), true),
            (Sharing::Website, Some("/us/V1/x"), Some(member(8, 2)), false),
            (Sharing::Website, Some("/V1/x"), Some(member(7, 2)), false),
            (Sharing::Website, None, Some(member(7, 2)), true),
            (Sharing::Website, None, Some(member(7, 1)), false),
            (Sharing::Website, None, None, true),
            (Sharing::Global, None, Some(member(7, 2)), false),
            (Sharing::Global, Some("/us/V1/x"), Some(member(7, 1)), true),
            (Sharing::Global, Some("/fr/V1/x"), Some(member(7, 1)), false),
            (Sharing::Global, Some("/fr/V1/x"), None, true),
            (Sharing::Global, Some("/all/V1/x"), Some(member(7, 1)), false),
        ] {
            let stores = stores(sharing);
            let scope = path.map(|path| stores.locate("shop.test", path).0);
            assert_eq!(stores.excludes(&exclusions, scope, member.as_ref()), out, "{sharing:?} {path:?} {member:?}");
        }
    }
}
