//! Scopes that rules demand: whether any token can have them, and whether any request there can carry one.

use super::{
    firewalls::is_unconditional,
    routes::{is_route_of, sample_of},
};
use crate::{
    Diagnostic, Place,
    load::{Draft, file_of},
    reader::Reader,
};
use doorward_core::{
    Source,
    facts::covers,
    firewall::{Authentication, Firewall},
};
use http::Method;
use regex::Regex;
use std::sync::Arc;

pub(super) fn check(r: &mut Reader<'_>, draft: &Draft) {
    for rule in draft.routes.native.iter().filter(|rule| !rule.scopes.is_empty()) {
        given(r, draft, &rule.source, &rule.scopes);
        let reads = |firewall: &Firewall| {
            let path = sample_of(&rule.template).is_none_or(|path| is_route_of(firewall, &path, &rule.methods));
            firewall.authentication == Authentication::OAuth && path
        };
        if !first_that_speaks(draft, &rule.template, &rule.methods, reads) {
            nobody_reads(r, &rule.source, "route");
        }
    }
    for placed in draft.access.iter().filter(|placed| !placed.rule.scopes.is_empty()) {
        let rule = &placed.rule;
        given(r, draft, &rule.source, &rule.scopes);
        let reads = |(firewall, _): &(Arc<Firewall>, _)| {
            firewall.authentication == Authentication::OAuth && may_meet(firewall, rule.path.as_ref(), &rule.methods)
        };
        if !draft.firewalls.iter().any(reads) {
            nobody_reads(r, &rule.source, "rule");
        }
    }
}

/// Other authorization servers give what they like; ours gives what the file names.
fn given(r: &mut Reader<'_>, draft: &Draft, at: &Source, scopes: &[Arc<str>]) {
    if draft.foreign_tokens {
        return;
    }
    let ours = |scope: &str| draft.oauth.as_ref().is_some_and(|oauth| oauth.scope(scope).is_some());
    for scope in scopes.iter().filter(|scope| !ours(scope)) {
        let hint = "name it in [oauth.scopes], or add the [[issuer]] whose tokens have it";
        warn(r, at, format!("no access token can have the scope `{scope}`: nobody gives it"), hint);
    }
}

fn nobody_reads(r: &mut Reader<'_>, at: &Source, what: &str) {
    let message = format!("no firewall with `authentication = \"oauth\"` covers this {what}, so no access token is read there");
    warn(r, at, message, "give it such a firewall; `scopes` ask nothing of sessions and other credentials of one's own");
}

fn warn(r: &mut Reader<'_>, at: &Source, message: String, hint: &str) {
    let file = file_of(r, at);
    r.out.push(Diagnostic::warning(&file, Place::Line(at.line), message).hint(hint));
}

/// Whether a firewall that `reads` can come to speak about requests of this template.
fn first_that_speaks(draft: &Draft, template: &str, methods: &[Method], reads: impl Fn(&Firewall) -> bool) -> bool {
    let Some(path) = sample_of(template) else { return true };
    for (firewall, _) in &draft.firewalls {
        if reads(firewall) {
            return true;
        }
        if is_unconditional(firewall) && is_route_of(firewall, &path, methods) {
            return false;
        }
    }
    false
}

/// Whether some path of the rule can be one of the firewall, as far as samples tell.
fn may_meet(firewall: &Firewall, path: Option<&Regex>, methods: &[Method]) -> bool {
    let methods = methods.is_empty() || firewall.methods.is_empty() || methods.iter().any(|one| covers(&firewall.methods, one));
    let paths = match (firewall.path.as_ref(), path) {
        (None, _) | (_, None) => true,
        (Some(own), Some(path)) => {
            let meets = |one: &Regex, other: &Regex| crate::patterns::samples(one).iter().any(|text| other.is_match(text));
            meets(own, path) || meets(path, own)
        }
    };
    methods && paths
}
