//! A decision's input, written down: everything that [`decide`] reads besides policy and roles. It holds no secret, so it
//! can be kept, and judged again under another policy.

use crate::{
    Account, Carries, Evidence, Facts, Kind, Membership, Offer, Permit, Policy, Provenance, Refusal, acl::RoleBook,
    decide::decide, policy::Own,
};
use http::Method;
use serde::{Deserialize, Serialize};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// One request as a decision sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The effective method.
    pub method: String,
    /// The canonical host.
    pub host: String,
    /// The site, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// The canonical path. Where a segment is a secret (a session id), the writer puts `{id}` in its place.
    pub path: String,
    /// Whether the caller speaks TLS to us.
    pub secure: bool,
    /// The believed client address.
    pub client: IpAddr,
    /// The kinds of credential that are present.
    pub carries: Carries,
    /// An AJAX call.
    pub ajax: bool,
    /// A browser going to a page.
    pub navigation: bool,
    /// Where the request was made from.
    pub provenance: Provenance,
    /// The request wants to become another protocol.
    pub upgrade: bool,
    /// Whether the dialect can write what `Accept` asks for.
    pub acceptable: bool,
    /// `X-Expected-User`.
    pub expected_user: Option<String>,
    /// The name of the endpoint of ours, if it is for one.
    pub endpoint: Option<String>,
    /// What authentication said.
    pub offer: Offered,
}

/// An [`Offer`] in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Offered {
    /// No credential.
    Absent,
    /// A wrong one.
    Refused,
    /// It was not looked at: too many had failed.
    Limited,
    /// It could not be known.
    Unavailable,
    /// A good one.
    Verified {
        /// Its directory.
        directory: String,
        /// The directory's kind.
        kind: Kind,
        /// The account's id.
        id: u64,
        /// The account's login.
        login: String,
        /// Roles given by name.
        roles: Vec<String>,
        /// What a customer belongs to.
        membership: Option<Membership>,
        /// Whether a browser sends the credential by itself.
        ambient: bool,
        /// Whether a CSRF token of the session came along.
        csrf_valid: bool,
        /// What the credential is good for, if it was given to somebody else.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scopes: Option<Vec<String>>,
    },
}

impl Question {
    /// Writes down what a decision reads. `path` is the path as it may be shown.
    pub fn of(facts: &Facts<'_>, path: &str, own: Option<Own>, offer: &Offer) -> Self {
        Self {
            method: facts.method.to_string(),
            host: facts.host.to_owned(),
            site: None,
            path: path.to_owned(),
            secure: facts.secure,
            client: facts.client,
            carries: facts.carries,
            ajax: facts.ajax,
            navigation: facts.navigation,
            provenance: facts.provenance,
            upgrade: facts.upgrade,
            acceptable: facts.acceptable,
            expected_user: facts.expected_user.map(str::to_owned),
            endpoint: own.map(|own| own.name.to_owned()),
            offer: Offered::of(offer),
        }
    }

    /// The same on a site.
    #[must_use]
    pub fn on(mut self, site: Option<&str>) -> Self {
        self.site = site.map(str::to_owned);
        self
    }

    /// Judges it again, on its site: a site that is no more gives no verdict. `own` gives the endpoint of ours by its name; one that is not known is refused, as is a method
    /// that is none: what cannot be read is no permit.
    pub fn judge(&self, policy: &Policy, roles: &RoleBook, own: impl Fn(&str) -> Option<Own>) -> Option<Result<Permit, Refusal>> {
        let method = Method::from_bytes(self.method.as_bytes()).ok()?;
        let own = match &self.endpoint {
            Some(name) => Some(own(name)?),
            None => None,
        };
        let facts = Facts {
            method: &method,
            host: &self.host,
            path: &self.path,
            secure: self.secure,
            client: self.client,
            carries: self.carries,
            ajax: self.ajax,
            navigation: self.navigation,
            provenance: self.provenance,
            upgrade: self.upgrade,
            acceptable: self.acceptable,
            expected_user: self.expected_user.as_deref(),
        };
        let policy = self.policy(policy)?;
        Some(decide(policy, roles, &facts, &policy.find(&facts, own), &self.offer.offer()))
    }

    /// The policy of its site. Where no site was written down, that of the one which a request like it comes to.
    fn policy<'p>(&self, policy: &'p Policy) -> Option<&'p Policy> {
        let chosen = policy.site_of((&self.host, None), &self.path, self.secure, self.site.as_deref());
        match chosen.ok()? {
            Some((site, _)) => Some(&site.policy),
            None => self.site.is_none().then_some(policy),
        }
    }
}

impl Offered {
    fn of(offer: &Offer) -> Self {
        match offer {
            Offer::Absent => Offered::Absent,
            Offer::Refused(_) => Offered::Refused,
            Offer::Limited(_) => Offered::Limited,
            Offer::Unavailable(_) => Offered::Unavailable,
            Offer::Verified(Evidence { account, ambient, csrf_valid, scopes }) => Offered::Verified {
                directory: account.directory.to_string(),
                kind: account.kind,
                id: account.id,
                login: account.login.to_string(),
                roles: account.roles.iter().map(ToString::to_string).collect(),
                membership: account.membership,
                ambient: *ambient,
                csrf_valid: *csrf_valid,
                scopes: scopes.as_ref().map(|scopes| scopes.iter().map(ToString::to_string).collect()),
            },
        }
    }

    pub(crate) fn offer(&self) -> Offer {
        match self {
            Offered::Absent => Offer::Absent,
            Offered::Refused => Offer::Refused("a credential that was refused when this was written down"),
            Offered::Limited => Offer::Limited(Duration::from_secs(1)),
            Offered::Unavailable => Offer::Unavailable("the store was away when this was written down".into()),
            Offered::Verified { directory, kind, id, login, roles, membership, ambient, csrf_valid, scopes } => {
                Offer::Verified(Evidence {
                    account: Arc::new(Account {
                        directory: directory.as_str().into(),
                        kind: *kind,
                        id: *id,
                        login: login.as_str().into(),
                        roles: roles.iter().map(|role| role.as_str().into()).collect(),
                        membership: *membership,
                    }),
                    ambient: *ambient,
                    csrf_valid: *csrf_valid,
                    scopes: scopes.as_ref().map(|scopes| scopes.iter().map(|scope| scope.as_str().into()).collect()),
                })
            }
        }
    }
}
