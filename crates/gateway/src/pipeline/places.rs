//! Where endpoints of ours are, for whoever configures a proxy that sends us no more than that. The places may hold more than
//! our endpoints: what is not ours there is judged and passed on as everything else.

use super::ours::TOKEN_KEYS_PATH;
use crate::pages;
use doorward_core::{Kind, Policy};

/// A part of all paths.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// This path alone.
    Is(String),
    /// This path and all below it.
    Under(String),
}

impl Place {
    /// The path, or the one that all others begin with.
    pub fn path(&self) -> &str {
        let (Place::Is(path) | Place::Under(path)) = self;
        path
    }

    /// The same place below a part of the path.
    fn below(&self, base: &str) -> Self {
        match self {
            Place::Is(path) => Place::Is(format!("{base}{path}")),
            Place::Under(path) => Place::Under(format!("{base}{path}")),
        }
    }

    /// Whether a canonical path is there.
    pub fn holds(&self, path: &str) -> bool {
        match self {
            Place::Is(place) => place == path,
            Place::Under(place) => path.strip_prefix(&**place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        }
    }
}

/// Places that hold every endpoint of ours, and every route whose permit demands that its request is changed: only we can do
/// that. Each is there once, in order. `jwks_path` is where the assertion keys are published.
pub fn own_places(policy: &Policy, jwks_path: Option<&str>) -> Vec<Place> {
    let mut places: Vec<Place> = jwks_path.map(|path| Place::Is(path.to_owned())).into_iter().collect();
    if let Some(oauth) = &policy.oauth {
        places.extend(oauth.paths.iter().map(|(path, _)| Place::Is(path.to_string())));
    }
    if policy.serve.jwt {
        places.push(Place::Is(TOKEN_KEYS_PATH.to_owned()));
    }
    of_pages(policy, &mut places);
    for provider in &policy.providers {
        places.extend(["connect", "check", "backchannel"].map(|what| Place::Is(format!("/oauth2/{what}/{}", provider.name))));
    }
    for prefix in &policy.ibexa_prefixes {
        of_sign_in(policy, prefix, &mut places);
    }
    let rules = policy.routes.magento.iter();
    if rules.into_iter().any(|rule| rule.own.is_some() || !rule.parameters.is_empty())
        && let Some(prefix) = &policy.routes.magento_prefix
    {
        places.push(Place::Under(prefix.to_string()));
    }
    places.sort();
    places.dedup();
    places
}

fn of_pages(policy: &Policy, places: &mut Vec<Place>) {
    if !policy.serve.pages {
        return;
    }
    let mut everywhere = vec![Place::Under("/login".into()), Place::Is("/logout".into())];
    for directory in policy.directories.iter().filter(|directory| directory.kind != Kind::Integration) {
        everywhere.extend(["password", "confirm"].map(|page| Place::Under(format!("/{page}/{}", directory.name))));
    }
    for base in policy.sites.all.iter().flat_map(|site| &site.policy.sites.bases) {
        places.extend(everywhere.iter().map(|place| place.below(base)));
    }
    if policy.routes.magento_prefix.is_some() {
        everywhere.extend(pages::SHOP.map(|path| Place::Under(path.to_owned())));
        let admin = &policy.routes.door.admin_path;
        let ends = ["", "/", "/auth/logout", "/auth/logout/"];
        places.extend(ends.map(|end| Place::Is(format!("{admin}{end}"))));
        for view in policy.routes.stores.iter() {
            places.extend(everywhere.iter().map(|place| place.below(&format!("/{}", view.code))));
        }
    }
    places.append(&mut everywhere);
}

fn of_sign_in(policy: &Policy, prefix: &str, places: &mut Vec<Place>) {
    let serve = policy.serve;
    let all = [
        (serve.root, Place::Is(format!("{prefix}/"))),
        (serve.sessions, Place::Under(format!("{prefix}/user/sessions"))),
        (serve.users, Place::Is(format!("{prefix}/user/current"))),
        (serve.users, Place::Under(format!("{prefix}/user/users"))),
        (serve.jwt, Place::Is(format!("{prefix}/user/token/jwt"))),
    ];
    places.extend(all.into_iter().filter_map(|(served, place)| served.then_some(place)));
}
