//! What clients call the API behind a firewall that reads access tokens, and where they read about it (RFC 9728).

use crate::{
    Policy,
    firewall::{Authentication, Firewall},
};
use std::{borrow::Cow, sync::Arc};

/// Where the documents are (RFC 9728 3): this, and then the path of the resource.
pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Another authorization server whose tokens count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedIssuer {
    /// `iss`, exactly.
    pub issuer: Arc<str>,
    /// The directory whose accounts it vouches for.
    pub directory: Arc<str>,
}

/// What a document is about.
#[derive(Debug)]
pub struct Protected<'p> {
    /// The resource identifier (RFC 9728 1.2).
    pub resource: Cow<'p, str>,
    /// The firewalls that guard it.
    pub firewalls: Vec<&'p Arc<Firewall>>,
}

impl Policy {
    /// What clients call what a firewall guards, at a host that is served: the first of its audiences that is a URL there, or
    /// else the origin. `None` where no access tokens are read. It is never made of what only the client says.
    pub fn resource_of<'p>(&'p self, firewall: &'p Firewall, host: &str) -> Option<Cow<'p, str>> {
        if firewall.authentication != Authentication::OAuth {
            return None;
        }
        let origin = self.place_at(host)?;
        let usual = self.oauth.as_ref().map(|oauth| oauth.usual_audience());
        let named = match &*firewall.access.audience {
            [] => usual.into_iter().find(|audience| is_at(audience, &origin)),
            audience => audience.iter().find(|audience| is_at(audience, &origin)),
        };
        Some(named.map_or(origin, |audience| Cow::Borrowed(&**audience)))
    }

    /// Where clients read about what a firewall guards (RFC 9728 3.1, 5.1).
    pub fn metadata_url(&self, firewall: &Firewall, host: &str) -> Option<String> {
        let origin = self.place_at(host)?;
        let resource = self.resource_of(firewall, host)?;
        Some(format!("{origin}{WELL_KNOWN}{}", path_of(&resource, &origin)))
    }

    /// What the document at this place is about; `None` where there is none.
    pub fn protected_at(&self, host: &str, path: &str) -> Option<Protected<'_>> {
        let wanted = path.strip_prefix(WELL_KNOWN)?;
        let origin = self.place_at(host)?;
        let here = |firewall: &&Arc<Firewall>| firewall.host.as_ref().is_none_or(|pattern| pattern.is_match(host));
        let about = |firewall: &'_ Arc<Firewall>| {
            self.resource_of(firewall, host).is_some_and(|resource| path_of(&resource, &origin) == wanted)
        };
        let firewalls: Vec<&Arc<Firewall>> = self.firewalls.iter().filter(here).filter(|firewall| about(firewall)).collect();
        let resource = self.resource_of(firewalls.first()?, host)?;
        Some(Protected { resource, firewalls })
    }

    /// What clients may ask for at this host, each once: all that rules there demand.
    pub fn scopes_at(&self, host: &str) -> Vec<&Arc<str>> {
        let here = self.access.iter().filter(|rule| rule.host.as_ref().is_none_or(|pattern| pattern.is_match(host)));
        let routes = self.routes.native.iter().flat_map(|rule| &rule.scopes);
        let mut all: Vec<&Arc<str>> = Vec::new();
        for scope in here.flat_map(|rule| &rule.scopes).chain(routes) {
            if !all.contains(&scope) {
                all.push(scope);
            }
        }
        all.sort_unstable();
        all
    }
}

/// Whether a text is a URL of this origin that a document can be about: without query.
fn is_at(text: &str, origin: &str) -> bool {
    let rest = text.strip_prefix(origin);
    rest.is_some_and(|rest| (rest.is_empty() || rest.starts_with('/')) && !rest.contains(['?', '#']))
}

/// What is inserted behind the well-known part (RFC 9728 3.1: no slash that merely ends the host).
fn path_of<'r>(resource: &'r str, origin: &str) -> &'r str {
    let path = resource.strip_prefix(origin).unwrap_or_default();
    if path == "/" { "" } else { path }
}
