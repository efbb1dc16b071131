//! The steps of an explanation, and how each is found.

use super::{Explanation, credential::Memory, near::near_miss};
use doorward_core::{
    Account, Facts, Found, Identity, Kind, Offer, Policy, Provenance, Reason, Target,
    decide::session_counts,
    firewall::{Firewall, Mismatch},
    route::Requirement,
    scopes::Reach,
    stores::{ALL_STORES, StoreScope},
};
use doorward_gateway::Admitted;
use serde::Serialize;
use std::sync::Arc;

/// Near misses that are shown.
const NEAR: usize = 3;

/// A firewall, and whether it is the one.
#[derive(Debug, Serialize)]
pub(super) struct FirewallStep {
    pub(super) name: String,
    pub(super) source: String,
    pub(super) matched: bool,
    /// Why not; absent for the one that won and for those that were not asked any more.
    pub(super) mismatch: Option<Mismatch>,
    pub(super) asked: bool,
}

/// A session of an application behind that could be exchanged.
#[derive(Debug, Serialize)]
pub(super) struct OldSessionStep {
    pub(super) cookie: String,
    pub(super) upstream: String,
    pub(super) url: String,
    pub(super) directory: String,
}

/// What a session must pass besides its cookie.
#[derive(Debug, Serialize)]
pub(super) struct GuardStep {
    pub(super) guard: &'static str,
    pub(super) passed: bool,
    pub(super) why: String,
}

/// The access-control rule that matched.
#[derive(Debug, Serialize)]
pub(super) struct AccessStep {
    pub(super) source: String,
    pub(super) roles: Vec<String>,
    pub(super) admits: bool,
    /// What an access token must be good for.
    pub(super) scopes: Vec<RequirementStep>,
}

/// What a path under the Magento prefix is about.
#[derive(Debug, Serialize)]
pub(super) struct StoreStep {
    /// Its code; `all` is no view.
    pub(super) code: String,
    pub(super) id: Option<u32>,
    pub(super) website: Option<String>,
    pub(super) website_id: Option<u32>,
    /// Whether a customer who calls counts there; absent for others.
    pub(super) shared: Option<bool>,
}

/// Where the request leads.
#[derive(Debug, Serialize)]
pub(super) struct TargetStep {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) source: Option<String>,
}

/// Something that a rule demands.
#[derive(Debug, Serialize)]
pub(super) struct RequirementStep {
    pub(super) requirement: String,
    pub(super) granted: bool,
    pub(super) by: String,
}

pub(super) fn firewalls(policy: &Policy, facts: &Facts<'_>, won: Option<&Arc<Firewall>>) -> Vec<FirewallStep> {
    let mut asked = true;
    policy
        .firewalls
        .iter()
        .map(|firewall| {
            let matched = won.is_some_and(|won| Arc::ptr_eq(won, firewall));
            let step = FirewallStep {
                name: firewall.name.to_string(),
                source: firewall.source.to_string(),
                matched,
                mismatch: if asked { firewall.mismatch(facts) } else { None },
                asked,
            };
            asked &= !matched;
            step
        })
        .collect()
}

/// What the guards of the firewall say. A guard that lets a session count as none says so.
pub(super) fn guards(found: &Found<'_>, facts: &Facts<'_>, offer: &Offer, reason: &Option<&Reason>) -> Vec<GuardStep> {
    let (Some(firewall), Offer::Verified(evidence)) = (found.firewall, offer) else { return Vec::new() };
    let mut steps = Vec::new();
    if firewall.guards.ajax {
        let passed = session_counts(firewall, facts);
        let why =
            if passed { "X-Requested-With is XMLHttpRequest" } else { "this is no AJAX call, so the session does not count" };
        steps.push(GuardStep { guard: "ajax", passed, why: why.to_owned() });
    }
    if firewall.guards.csrf {
        let (passed, why) = match (facts.is_safe(), evidence.csrf_valid) {
            (false, false) if found.is_open() => (false, "there is no token, so the caller of this open route is a guest"),
            (true, _) => (true, "the method is safe, so no token is asked for"),
            (false, true) => (true, "the token is the session's"),
            (false, false) if !matches!(reason, Some(Reason::Csrf)) => (true, "no token is asked for here"),
            (false, false) => (false, "X-CSRF-Token is absent or not the session's"),
        };
        steps.push(GuardStep { guard: "csrf", passed, why: why.to_owned() });
    }
    if !facts.is_safe() || facts.upgrade {
        let open_to_others = found.is_open() && facts.provenance == Provenance::Foreign;
        let passed = !matches!(reason, Some(Reason::ForeignOrigin)) && !open_to_others;
        let why = match facts.provenance {
            Provenance::Unstated => "neither Sec-Fetch-Site nor Origin was sent",
            Provenance::Ours => "it comes from our own or an allowed origin",
            Provenance::Foreign => "it comes from another origin",
        };
        steps.push(GuardStep { guard: "origin", passed, why: why.to_owned() });
    }
    steps
}

pub(super) fn store_view(policy: &Policy, scope: StoreScope<'_>, identity: &Identity) -> StoreStep {
    let customer = identity.account().filter(|account| account.kind == Kind::Customer);
    let shared = customer.map(|account| policy.routes.stores.shares(scope, account.membership.as_ref()));
    match scope {
        StoreScope::All => StoreStep { code: ALL_STORES.to_owned(), id: None, website: None, website_id: None, shared },
        StoreScope::View(view) => StoreStep {
            code: view.code.to_string(),
            id: Some(view.id),
            website: Some(view.website.to_string()),
            website_id: Some(view.website_id),
            shared,
        },
    }
}

pub(super) fn target(
    explanation: &mut Explanation,
    policy: &Policy,
    admitted: &Admitted,
    found: &Found<'_>,
    identity: &Identity,
    memory: &Memory,
) {
    explanation.target = Some(match found.target {
        Target::Own(own) => TargetStep { kind: "endpoint", name: own.name.to_owned(), source: None },
        Target::Route(rule) => {
            let requirements = rule.require.iter().map(|requirement| granted(policy, memory, found.store, identity, requirement));
            explanation.requirements = requirements.collect();
            TargetStep { kind: "route", name: rule.template.to_string(), source: Some(rule.source.to_string()) }
        }
        Target::Unprocessed(_) => {
            TargetStep { kind: "unprocessed", name: "no part of the API takes it".to_owned(), source: None }
        }
        Target::Unmatched => {
            let near = policy.routes.near_misses(&admitted.method, &admitted.path, NEAR);
            explanation.near_misses = near.iter().map(near_miss).collect();
            let name =
                serde_json::to_value(policy.unmatched).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
            TargetStep { kind: "unmatched", name, source: None }
        }
    });
}

/// Whether and by what one requirement is granted; the words follow `decide`.
fn granted(
    policy: &Policy,
    memory: &Memory,
    store: Option<StoreScope<'_>>,
    identity: &Identity,
    requirement: &Requirement,
) -> RequirementStep {
    let held = |account: &Account| memory.roles.granting(&policy.resources, account, requirement.as_str()).map(str::to_owned);
    let (granted, by) = match (requirement, identity.account()) {
        (Requirement::Anonymous, _) => (true, "open to every caller".to_owned()),
        (_, None) => (false, "the caller is a guest".to_owned()),
        (Requirement::OwnAccount, Some(account)) if account.kind == Kind::Customer => {
            let (stores, membership) = (&policy.routes.stores, account.membership.as_ref());
            if !store.is_none_or(|scope| stores.shares(scope, membership)) {
                (false, "the caller is a customer elsewhere".to_owned())
            } else if stores.excludes(memory.roles.exclusions(), store, membership) {
                (false, "the caller's group is excluded from this website".to_owned())
            } else {
                (true, "the caller is a customer".to_owned())
            }
        }
        (Requirement::OwnAccount, Some(account)) if memory.roles.is_full(&policy.resources, account) => {
            (true, "a role of the caller grants everything".to_owned())
        }
        (Requirement::OwnAccount, Some(_)) => (false, "it is for customers".to_owned()),
        (Requirement::Resource(_), Some(account)) => match held(account) {
            Some(role) => (true, format!("role `{role}` grants it")),
            None if account.roles.is_empty() => (false, "the caller has no role that grants resources".to_owned()),
            None => (false, format!("none of the caller's roles grants it: {}", account.roles.join(", "))),
        },
    };
    RequirementStep { requirement: requirement.to_string(), granted, by }
}

/// Whether the credential reaches as far as each scope that is demanded; the words follow `decide`.
pub(super) fn scopes(demanded: &[Arc<str>], reach: Reach<'_>) -> Vec<RequirementStep> {
    let step = |scope: &Arc<str>| {
        let granted = reach.lacking(std::slice::from_ref(scope)).is_none();
        let by = match reach {
            Reach::Guest => "the caller is a guest".to_owned(),
            Reach::Whole => "scopes restrict access tokens only".to_owned(),
            Reach::Scopes(_) if granted => "the access token has it".to_owned(),
            Reach::Scopes([]) => "the access token has no scope".to_owned(),
            Reach::Scopes(held) => format!("the access token has only {}", held.join(" ")),
        };
        RequirementStep { requirement: scope.to_string(), granted, by }
    };
    demanded.iter().map(step).collect()
}
