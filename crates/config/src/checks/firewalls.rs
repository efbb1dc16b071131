//! Firewalls: requests that none matches, and firewalls that never match.

use crate::{load::Draft, patterns, reader::Reader};
use doorward_core::{
    facts::covers,
    firewall::{Authentication, Firewall},
};

pub(super) fn check(r: &mut Reader<'_>, draft: &Draft) {
    for (index, (firewall, place)) in draft.firewalls.iter().enumerate() {
        let Some(place) = place else { continue };
        if let Some((earlier, _)) = draft.firewalls[..index].iter().find(|(earlier, _)| shadows(earlier, firewall)) {
            let message = format!("firewall `{}` can never match", firewall.name);
            let hint =
                format!("`{}` in line {} matches all that it would; the first match wins", earlier.name, earlier.source.line);
            r.warn(place.clone(), message, hint);
        }
    }
    for (upstream, place) in &draft.upstreams {
        let Some(exchange) = &upstream.exchange else { continue };
        let asks = |firewall: &Firewall| {
            firewall.authentication == Authentication::Session && firewall.directories.contains(&exchange.directory)
        };
        if !draft.firewalls.iter().any(|(firewall, _)| asks(firewall)) {
            let message =
                format!("no session firewall asks the directory `{}`, so nothing is ever exchanged", exchange.directory);
            r.warn(place.clone(), message, "name the directory in the firewall of the requests that carry old sessions");
        }
    }
    if let Some((_, Some(place))) = draft.firewalls.last()
        && !draft.firewalls.iter().any(|(firewall, _)| is_catch_all(firewall))
    {
        let hint = "end with a firewall that has a name alone";
        r.warn(place.clone(), "some requests match no firewall, and are refused", hint);
    }
}

/// Whether it matches every request.
pub(super) fn is_catch_all(firewall: &Firewall) -> bool {
    is_unconditional(firewall) && patterns::covers(firewall.path.as_ref(), None)
}

/// Whether nothing but the path decides.
pub(super) fn is_unconditional(firewall: &Firewall) -> bool {
    firewall.host.is_none() && firewall.methods.is_empty() && firewall.when.is_none()
}

fn shadows(earlier: &Firewall, firewall: &Firewall) -> bool {
    (earlier.when.is_none() || earlier.when == firewall.when)
        && (earlier.methods.is_empty()
            || (!firewall.methods.is_empty() && firewall.methods.iter().all(|method| covers(&earlier.methods, method))))
        && patterns::covers(earlier.path.as_ref(), firewall.path.as_ref())
        && patterns::same_or_any(earlier.host.as_ref(), firewall.host.as_ref())
}
