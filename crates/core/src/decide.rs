//! The decision.
//!
//! [`decide`] is the only place that makes a [`Permit`], and a permit is the only thing with which a request can be
//! sent upstream. It reads nothing but its arguments. Order (product, 'The way of one request'; ibexa-rest 0):
//! no route, wrong credential, guards, expected user, access control, route rule; of each rule first permissions, then scopes:
//! a token is told to reach further only where that would help.

use crate::{
    Account, Facts, Found, Identity, Kind, Policy, Provenance, Reason, Refusal, Source, Target,
    acl::RoleBook,
    firewall::{Authentication, Firewall, Invalid},
    policy::Unmatched,
    route::{Parameter, Requirement, RouteRule},
    scopes::Reach,
};
use std::{sync::Arc, time::Duration};

/// What authentication has to say. Three-valued on purpose: 'did not try' and 'tried and failed' never mix.
#[derive(Clone, Debug)]
pub enum Offer {
    /// No credential that the firewall's method reads.
    Absent,
    /// A credential that proves an account.
    Verified(Evidence),
    /// A credential that is present but wrong. It is refused or makes a guest; it never falls through.
    Refused(&'static str),
    /// It was not looked at: too many failed from there. To be tried again after so long.
    Limited(Duration),
    /// It cannot be known: the store is away. Never 401, never a deleted cookie.
    Unavailable(Arc<str>),
}

/// What a verified credential proves.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Whose it is.
    pub account: Arc<Account>,
    /// Whether a browser sends it by itself (cookie, Basic, certificate).
    pub ambient: bool,
    /// Whether the request carries a CSRF token of this session. Only asked where a guard wants it.
    pub csrf_valid: bool,
    /// What a credential is good for that was given to somebody else; `None` for one of the account's own.
    pub scopes: Option<Arc<[Arc<str>]>>,
}

/// Proof that a request may pass. Only [`decide`] makes one.
#[derive(Clone, Debug)]
pub struct Permit {
    identity: Identity,
    method: Authentication,
    proof: &'static str,
    rule: Option<Arc<RouteRule>>,
}

impl Permit {
    /// Who passes.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The method of the firewall that judged.
    pub fn method(&self) -> Authentication {
        self.method
    }

    /// By what the caller was known: what upstreams read in `Doorward-Method`. It is the method's word, or `token` where a
    /// bearer token of ours proved the identity under a session firewall.
    pub fn proof(&self) -> &'static str {
        self.proof
    }

    /// The route rule that let it pass, unless `unmatched` did or it is for an endpoint of ours.
    pub fn rule(&self) -> Option<&Arc<RouteRule>> {
        self.rule.as_ref()
    }

    /// Parameters that must be set before the request may be sent (magento-webapi 3.4).
    pub fn parameters(&self) -> &[Parameter] {
        self.rule.as_ref().map_or(&[], |rule| &rule.parameters)
    }
}

/// Judges one request: a permit or a refusal, nothing between.
pub fn decide(policy: &Policy, roles: &RoleBook, facts: &Facts<'_>, found: &Found<'_>, offer: &Offer) -> Result<Permit, Refusal> {
    let presumed_known = matches!(offer, Offer::Verified(_));
    if let Target::Unprocessed(what) = found.target {
        return Err(Refusal::new(Reason::Unprocessed(what, facts.method.clone()), presumed_known));
    }
    if matches!(found.target, Target::Unmatched) && policy.unmatched == Unmatched::Deny {
        return Err(Refusal::new(Reason::NoRoute, presumed_known));
    }
    let Some(firewall) = found.firewall else {
        return Err(Refusal::new(Reason::NoFirewall, presumed_known));
    };
    let identity = identify(facts, found, firewall, offer)?;
    let known = identity.account().is_some();
    let refuse = |reason| Err(Refusal::new(reason, known));
    let reach = Reach::of(&identity, offer);
    let out_of_reach = |rule: &Source, lacking: &Arc<str>| {
        refuse(Reason::InsufficientScope { rule: rule.clone(), required: found.scopes(), lacking: Arc::clone(lacking) })
    };

    if let Some(expected) = facts.expected_user
        && identity.account().is_none_or(|account| &*account.login != expected)
    {
        return refuse(Reason::UserChanged);
    }
    if let Some(rule) = found.access {
        if !rule.admits(&identity) {
            return refuse(Reason::AccessControl(rule.source.clone()));
        }
        if let Some(lacking) = reach.lacking(&rule.scopes) {
            return out_of_reach(&rule.source, lacking);
        }
    }
    let rule = match found.target {
        Target::Own(_) => None,
        Target::Unmatched => match policy.unmatched {
            Unmatched::Authenticated if !known => return refuse(Reason::GuestOnUnmatched),
            Unmatched::Deny => return refuse(Reason::NoRoute),
            Unmatched::Authenticated | Unmatched::Allow => None,
        },
        Target::Unprocessed(what) => return refuse(Reason::Unprocessed(what, facts.method.clone())),
        Target::Route(rule) => {
            if let Some(lacking) = rule.require.iter().find(|r| !granted(policy, roles, found, &identity, r)) {
                if let Some(why) = unknowable(roles, &identity, lacking) {
                    return refuse(Reason::Unavailable(Arc::clone(why)));
                }
                return refuse(Reason::NotGranted {
                    rule: rule.source.clone(),
                    required: rule.require.clone(),
                    lacking: lacking.clone(),
                });
            }
            if let Some(lacking) = reach.lacking(&rule.scopes) {
                return out_of_reach(&rule.source, lacking);
            }
            // After permissions, as magento-webapi 0.7 has it.
            if rule.secure && !facts.secure {
                return refuse(Reason::Insecure(rule.source.clone()));
            }
            // A forced parameter that only customers have has no value for anybody else (magento-webapi 3.4, 4.6).
            let demanded = rule.parameters.iter().find(|p| p.force && p.placeholder().is_some());
            let customer = identity.account().is_some_and(|account| account.kind == Kind::Customer);
            if let Some(parameter) = demanded.filter(|_| !customer) {
                return refuse(Reason::NoParameter(Arc::clone(&parameter.name)));
            }
            Some(Arc::clone(rule))
        }
    };
    let by_token = known
        && firewall.authentication == Authentication::Session
        && matches!(offer, Offer::Verified(evidence) if !evidence.ambient);
    let proof = if by_token { "token" } else { firewall.authentication.as_str() };
    Ok(Permit { identity, method: firewall.authentication, proof, rule })
}

/// What a service within the same program demands of who passed, beyond the rules: one more resource. `place` names the
/// demand in the log. It is judged as a rule's requirement is (magento-webapi 4.5).
///
/// # Errors
/// The refusal: the resource was not granted, or nobody can say.
pub fn demand(policy: &Policy, roles: &RoleBook, identity: &Identity, resource: &Arc<str>, place: Source) -> Result<(), Refusal> {
    let lacking = Requirement::Resource(Arc::clone(resource));
    let account = identity.account();
    if account.is_some_and(|account| roles.granting(&policy.resources, account, resource).is_some()) {
        return Ok(());
    }
    let reason = match unknowable(roles, identity, &lacking) {
        Some(why) => Reason::Unavailable(Arc::clone(why)),
        None => Reason::NotGranted { rule: place, required: vec![lacking.clone()], lacking },
    };
    Err(Refusal::new(reason, account.is_some()))
}

/// Whether a session counts for this request: under the `ajax` guard only on AJAX calls; a navigation and another site
/// never count (magento-webapi 2).
pub fn session_counts(firewall: &Firewall, facts: &Facts<'_>) -> bool {
    !firewall.guards.ajax || (facts.ajax && !facts.navigation && facts.provenance != Provenance::Foreign)
}

/// Turns an offer into an identity, through the firewall's guards.
fn identify(facts: &Facts<'_>, found: &Found<'_>, firewall: &Firewall, offer: &Offer) -> Result<Identity, Refusal> {
    // Where everyone may call, whoever cannot be known is a guest.
    let open = found.is_open();
    let lenient = open || firewall.invalid == Invalid::Guest;
    let evidence = match offer {
        Offer::Absent => return Ok(Identity::Guest),
        Offer::Refused(_) if lenient => return Ok(Identity::Guest),
        Offer::Refused(how) => return Err(Refusal::new(Reason::InvalidCredential(how), false)),
        Offer::Limited(_) if open => return Ok(Identity::Guest),
        // Even where a wrong one makes a guest: nobody knows whether it is wrong.
        Offer::Limited(after) => return Err(Refusal::new(Reason::TooMany(*after), false)),
        Offer::Unavailable(_) if open => return Ok(Identity::Guest),
        Offer::Unavailable(why) => return Err(Refusal::new(Reason::Unavailable(Arc::clone(why)), false)),
        Offer::Verified(evidence) => evidence,
    };
    // The guards are about what a browser sends by itself.
    if evidence.ambient && !session_counts(firewall, facts) {
        return if lenient { Ok(Identity::Guest) } else { Err(Refusal::new(Reason::NotAjax, true)) };
    }
    let refuse = |reason| if open { Ok(Identity::Guest) } else { Err(Refusal::new(reason, true)) };
    let own = match found.target {
        Target::Own(own) => Some(own),
        _ => None,
    };
    let unsafe_method = !facts.is_safe();
    if evidence.ambient && firewall.guards.csrf && unsafe_method && own.is_none_or(|own| own.csrf) && !evidence.csrf_valid {
        return refuse(Reason::Csrf);
    }
    // The second line, for everything that a browser sends by itself ('Settled semantics', Guards).
    if evidence.ambient
        && (unsafe_method || facts.upgrade)
        && own.is_none_or(|own| own.provenance)
        && facts.provenance == Provenance::Foreign
    {
        return refuse(Reason::ForeignOrigin);
    }
    Ok(Identity::Known(Arc::clone(&evidence.account)))
}

/// Whether one requirement is granted (magento-webapi 4.5, 4.6).
fn granted(policy: &Policy, roles: &RoleBook, found: &Found<'_>, identity: &Identity, requirement: &Requirement) -> bool {
    match (requirement, identity) {
        (Requirement::Anonymous, _) => true,
        (_, Identity::Guest) => false,
        (Requirement::OwnAccount, Identity::Known(account)) => {
            // `self` is no resource: only who holds everything passes it besides customers, and they only where their
            // website is meant and their group is not kept out of it.
            match account.kind {
                Kind::Customer => {
                    let (stores, membership) = (&policy.routes.stores, account.membership.as_ref());
                    found.store.is_none_or(|scope| stores.shares(scope, membership))
                        && !stores.excludes(roles.exclusions(), found.store, membership)
                }
                Kind::Admin | Kind::Integration => roles.is_full(&policy.resources, account),
            }
        }
        (Requirement::Resource(id), Identity::Known(account)) => roles.granting(&policy.resources, account, id).is_some(),
    }
}

/// Why it cannot be known whether a requirement that is lacking is granted, if so: the roles are not known.
fn unknowable<'r>(roles: &'r RoleBook, identity: &Identity, lacking: &Requirement) -> Option<&'r Arc<str>> {
    match lacking {
        Requirement::Anonymous => None,
        Requirement::OwnAccount | Requirement::Resource(_) => identity.account().and_then(|account| roles.why_unknown(account)),
    }
}

#[cfg(test)]
pub(crate) mod tests;
