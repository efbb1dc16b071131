//! Which view of the shop a page is about (magento-webapi 3.6): the one whose code begins the path, else the one of the host,
//! else the one that the cookie `store` names, else the first.
//!
//! Anybody may name any view, so nothing is granted by it: it says on which website an account is looked up. The cookie is
//! asked last because whoever can plant one could otherwise move people of a shop to another website of it.

use crate::api::{Asked, Call, cookie};
use doorward_core::{
    policy::{Directory, Policy},
    ports::AccountRecord,
    stores::{StoreScope, StoreView},
};
use std::sync::Arc;

/// The cookie by which a storefront remembers the view that somebody chose.
const COOKIE: &str = "store";

/// Where a page stands.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The view that it is about.
    pub(crate) view: &'a StoreView,
    /// What comes before paths that lead to other pages of the same place: `""`, or `/CODE` or the site's as the path had it.
    pub(crate) base: &'a str,
}

/// What a path begins with before the page.
pub(super) struct Split<'a, 'p> {
    /// The view that it names. Only a shop has views.
    pub(super) view: Option<&'a StoreView>,
    /// `/CODE` of the view, or what names the site; `""` where the path begins with neither.
    pub(super) base: &'p str,
    /// What comes after that.
    pub(super) rest: &'p str,
}

/// Splits a path behind what names a view of the shop, or behind what names the site where that is more of it.
pub(super) fn split<'a, 'p>(policy: &'a Policy, path: &'p str) -> Split<'a, 'p> {
    let below = |base: &Arc<str>| path.strip_prefix(&**base).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let of_site = policy.sites.bases.iter().filter_map(below).min_by_key(|rest| rest.len());
    let of_view = match policy.routes.magento_prefix.as_ref().map(|_| policy.routes.stores.split(path)) {
        Some((Some(StoreScope::View(view)), rest)) => Some((view, rest)),
        // `all` is no view that anybody looks at.
        _ => None,
    };
    let (view, rest) = match (of_view, of_site) {
        (Some((_, of_view)), Some(of_site)) if of_site.len() < of_view.len() => (None, of_site),
        (Some((view, rest)), _) => (Some(view), rest),
        (None, of_site) => (None, of_site.unwrap_or(path)),
    };
    Split { view, base: path.strip_suffix(rest).unwrap_or_default(), rest }
}

impl<'a> Place<'a> {
    /// Where the page of this call stands.
    pub(crate) fn of(call: &Call<'a>) -> Self {
        Self::at(call.policy, call.request)
    }

    fn at(policy: &'a Policy, request: Asked<'a>) -> Self {
        let stores = &policy.routes.stores;
        let Split { view: named, base, .. } = split(policy, request.path);
        let base = if super::at(policy, request.path).is_none() { base } else { "" };
        if let Some(view) = named.filter(|_| !base.is_empty()) {
            return Self { view, base };
        }
        let chosen = || {
            let code = cookie::value(request.headers, COOKIE)?;
            stores.by_code(code).filter(|_| policy.routes.magento_prefix.is_some())
        };
        let view = stores.of_host(request.host).or_else(chosen).unwrap_or_else(|| stores.default_view());
        Self { view, base }
    }

    /// The path of another page of this place.
    pub(crate) fn path(&self, page: &str) -> String {
        format!("{}{page}", self.base)
    }

    /// What names the site that the path begins with; `""` where it names none.
    pub(super) fn site_base(&self, policy: &Policy) -> &'a str {
        if policy.sites.bases.iter().any(|base| **base == *self.base) { self.base } else { "" }
    }

    /// Where an account signs in. Its website may be another one than that of this place: then a path of its own leads there.
    pub(super) fn sign_in(&self, policy: &Policy, directory: &Directory, record: Option<&AccountRecord>) -> String {
        let membership = record.and_then(|record| record.account.membership.as_ref());
        let elsewhere = membership.filter(|home| directory.website.is_some() && home.website != self.view.website_id);
        let page = format!("/login/{}", directory.name);
        match elsewhere.and_then(|home| policy.routes.stores.home_of(home)) {
            Some(view) if policy.routes.magento_prefix.is_some() => format!("/{}{page}", view.code),
            _ => self.path(&page),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::world::World;
    use doorward_core::stores::{Sharing, Stores};

    /// A name may be that of a site and of a view; then the page is about that view.
    #[tokio::test]
    async fn a_path_is_split_behind_the_view_or_the_site_whichever_is_longer() {
        let view = |code: &str, id: u32| StoreView {
            code: code.into(),
            id,
            name: code.into(),
            website: code.into(),
            website_id: id,
            host: None,
        };
        let shop = World::with(|policy| {
            policy.routes.magento_prefix = Some("/rest".into());
            policy.routes.stores = Stores::new(view("default", 1), vec![view("de", 2)], Sharing::Website);
            policy.sites.bases = ["/de", "/desk", "/desk/inner", "/de/own"].map(Arc::from).to_vec();
        })
        .await;
        for (path, view, base, rest) in [
            ("/de/login", Some("de"), "/de", "/login"),
            ("/de/own/login", None, "/de/own", "/login"),
            ("/desk/login", None, "/desk", "/login"),
            ("/desk/inner/login", None, "/desk/inner", "/login"),
            ("/desk", None, "/desk", ""),
            ("/desks/login", None, "", "/desks/login"),
            ("/default/login", Some("default"), "/default", "/login"),
            ("/login", None, "", "/login"),
        ] {
            let split = split(&shop.policy, path);
            assert_eq!((split.view.map(|view| &*view.code), split.base, split.rest), (view, base, rest), "{path}");
        }
    }
}
