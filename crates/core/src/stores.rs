//! Store views and websites of a shop (magento-webapi 3.6, 4.6): a path under the Magento prefix may name one, and a
//! customer is known on one website or on all.

use crate::identity::Membership;
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
        let first =
            StoreView { code: "default".into(), id: 1, name: "Default Store View".into(), website: "base".into(), website_id: 1 };
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

    /// The view with this number.
    pub fn by_id(&self, id: u32) -> Option<&StoreView> {
        self.iter().find(|view| view.id == id)
    }

    /// Where customers count.
    pub fn sharing(&self) -> Sharing {
        self.sharing
    }

    /// Splits a path below the Magento prefix into what it is about and the rest: `/fr/V1/x` is `fr` and `/V1/x`. A
    /// code that nobody has stays in the path, where no route matches it.
    pub fn locate<'p>(&self, path: &'p str) -> (StoreScope<'_>, &'p str) {
        let named = path.strip_prefix('/').and_then(|rest| rest.find('/').and_then(|at| rest.split_at_checked(at)));
        if let Some((code, rest)) = named {
            if code == ALL_STORES {
                return (StoreScope::All, rest);
            }
            if let Some(view) = self.iter().find(|view| &*view.code == code) {
                return (StoreScope::View(view), rest);
            }
        }
        (StoreScope::View(&self.first), path)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn view(code: &str, id: u32, website_id: u32) -> StoreView {
        StoreView { code: code.into(), id, name: code.into(), website: format!("site{website_id}").into(), website_id }
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
            let (scope, left) = stores.locate(path);
            let StoreScope::View(found) = scope else { panic!("{path}") };
            assert_eq!((&*found.code, left), (code, rest), "{path}");
        }
        assert_eq!(stores.locate("/all/V1/x"), (StoreScope::All, "/V1/x"));
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
            let (scope, _) = stores.locate(path);
            assert_eq!(stores.shares(scope, website.as_ref()), counts, "{sharing:?} {path} {website:?}");
        }
    }
}
