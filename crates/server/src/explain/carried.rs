//! What the account of `--as` carries, and who would judge it if it carried something else.

use super::admitted;
use crate::cli::{
    Failure,
    args::{ExplainArgs, With},
};
use doorward_config::Config;
use doorward_core::{
    Carries, Policy,
    firewall::{Authentication, Firewall, Mismatch, When},
};
use doorward_gateway::Admitted;
use std::sync::Arc;

/// What the presumed account carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carried {
    /// The cookie of a session.
    Cookie,
    /// A token of the Magento dialect.
    Token,
    /// A JSON Web Token.
    WebToken,
    /// An access token.
    AccessToken,
    /// Login and password.
    Basic,
    /// A client's certificate.
    Certificate,
}

/// What the account carries: what `--with` says or, without it, a session's cookie, unless the firewall that judges those who
/// carry one reads something else.
pub(super) fn choose(arguments: &ExplainArgs, config: &Config) -> Result<Carried, Failure> {
    let firewall = |carries: Carries| -> Result<Option<Arc<Firewall>>, Failure> {
        let Ok(mut request) = admitted(arguments, config, Vec::new())? else { return Ok(None) };
        request.carries = carries;
        Ok(config.policy.find(&request.facts(), None).firewall.cloned())
    };
    let method = |firewall: &Option<Arc<Firewall>>| firewall.as_ref().map(|firewall| firewall.authentication);
    let given = arguments.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    Ok(match arguments.with {
        Some(With::Cookie) => Carried::Cookie,
        Some(With::Basic) => Carried::Basic,
        Some(With::Certificate) => Carried::Certificate,
        Some(With::Bearer) => match method(&firewall(Carries { bearer: true, ..Carries::default() })?) {
            Some(Authentication::Session) => Carried::Token,
            Some(Authentication::OAuth) => Carried::AccessToken,
            _ => Carried::WebToken,
        },
        None => match method(&firewall(Carries { cookie: true, ..Carries::default() })?) {
            Some(Authentication::Jwt) if !given => Carried::WebToken,
            Some(Authentication::OAuth) if !given => Carried::AccessToken,
            Some(Authentication::Basic) if !given => Carried::Basic,
            Some(Authentication::Certificate) => Carried::Certificate,
            _ => Carried::Cookie,
        },
    })
}

/// Firewalls that would judge before the one that does, if the request carried what they are for.
pub(super) fn others(policy: &Policy, request: &Admitted) -> Vec<String> {
    let facts = request.facts();
    let won = policy.find(&facts, None).firewall;
    let before = policy.firewalls.iter().take_while(|firewall| won.is_none_or(|won| !Arc::ptr_eq(won, firewall)));
    let kinds = before.filter(|firewall| firewall.mismatch(&facts) == Some(Mismatch::When)).filter_map(|firewall| {
        let kind = match firewall.when? {
            When::Bearer => "bearer",
            When::Basic => "basic",
            When::Certificate => "certificate",
            When::Cookie => "cookie",
        };
        Some(format!("what `{}` is for is not carried: --with {kind} judges there", firewall.name))
    });
    kinds.collect()
}
