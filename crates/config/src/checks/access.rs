//! Access control: paths that `ips` opens and nothing closes, and rules that never match.

use crate::{Diagnostic, load::Draft, patterns, reader::Reader, sections::access::Placed};
use doorward_core::{access::AccessRule, facts::covers};
use http::Method;

pub(super) fn check(r: &mut Reader<'_>, draft: &Draft) {
    for (index, Placed { rule, header, ips }) in draft.access.iter().enumerate() {
        let earlier = draft.access[..index].iter().map(|placed| &placed.rule).find(|earlier| shadows(earlier, rule));
        if let Some(earlier) = earlier {
            let message = "this rule can never match";
            let hint = format!("line {} matches all that it would; the first match wins", earlier.source.line);
            r.out.push(Diagnostic::warning(&r.file, header.clone(), message).hint(hint));
        }
        if !selects_by_address(rule) || earlier.is_some_and(|earlier| !selects_by_address(earlier)) {
            continue;
        }
        let later = &draft.access[index + 1..];
        for open in methods(rule).iter().filter_map(|method| unclosed(later, rule, method.as_ref())).take(1) {
            let hint = match open {
                Open::Nothing => {
                    "close it for everyone else with a later rule of the same path, without `ips`: roles = [\"ROLE_NO_ACCESS\"]"
                        .into()
                }
                Open::Public(line) => format!("line {line} opens it to everyone else"),
            };
            let message = "`ips` only selects: everyone from elsewhere passes here, and no later rule closes it";
            r.error_with(ips.clone(), message, hint);
        }
    }
}

/// Why a path stays open.
enum Open {
    Nothing,
    Public(u32),
}

/// Whether a rule lets some addresses pass it by. Two networks that are everything select nobody.
fn selects_by_address(rule: &AccessRule) -> bool {
    let any = |v6: bool| rule.ips.iter().any(|net| net.prefix_len() == 0 && net.addr().is_ipv6() == v6);
    !(rule.ips.is_empty() || any(false) && any(true))
}

/// The rule's methods, each of which must be closed; `None` stands for all.
fn methods(rule: &AccessRule) -> Vec<Option<Method>> {
    if rule.methods.is_empty() { vec![None] } else { rule.methods.iter().cloned().map(Some).collect() }
}

/// What the first later rule that surely covers `rule` for `method` says to other addresses, if it leaves them in.
fn unclosed(later: &[Placed], rule: &AccessRule, method: Option<&Method>) -> Option<Open> {
    let covering = later.iter().map(|placed| &placed.rule).find(|later| {
        !selects_by_address(later)
            && patterns::covers(later.path.as_ref(), rule.path.as_ref())
            && patterns::same_or_any(later.host.as_ref(), rule.host.as_ref())
            && (later.methods.is_empty() || method.is_some_and(|method| covers(&later.methods, method)))
    });
    match covering {
        None => Some(Open::Nothing),
        // Scopes refuse guests.
        Some(closing)
            if closing.scopes.is_empty()
                && (closing.roles.is_empty() || closing.roles.iter().any(|role| &**role == "PUBLIC_ACCESS")) =>
        {
            Some(Open::Public(closing.source.line))
        }
        Some(_) => None,
    }
}

/// Whether everything that `rule` would match is matched by `earlier`, for certain.
fn shadows(earlier: &AccessRule, rule: &AccessRule) -> bool {
    let addresses = !selects_by_address(earlier)
        || (!rule.ips.is_empty() && rule.ips.iter().all(|net| earlier.ips.iter().any(|wide| wide.contains(net))));
    addresses
        && (earlier.methods.is_empty()
            || (!rule.methods.is_empty() && rule.methods.iter().all(|method| covers(&earlier.methods, method))))
        && patterns::covers(earlier.path.as_ref(), rule.path.as_ref())
        && patterns::same_or_any(earlier.host.as_ref(), rule.host.as_ref())
}
