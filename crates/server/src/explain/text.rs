//! An explanation for people.

use super::{
    Explanation,
    steps::{RequirementStep, StoreStep},
};
use std::fmt::{self, Display};

/// One step a line, in the order in which a request takes them.
pub(super) struct Pretty<'a>(pub(super) &'a Explanation);

impl Display for Pretty<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let e = self.0;
        line(f, "policy", &e.policy)?;
        for assumption in &e.assumptions {
            line(f, "assumed", assumption)?;
        }
        line(f, "method", &e.method)?;
        if !e.host.is_empty() {
            line(f, "host", &e.host)?;
            line(f, "path", &e.path)?;
        }
        if let Some(site) = &e.site {
            let why = match (&site.matcher, site.by) {
                (Some(at), kind) => format!("{kind} ({at}) names it"),
                (None, "header") => "X-SiteAccess names it".to_owned(),
                (None, _) => "nothing names another one, so it is the default".to_owned(),
            };
            line(f, "site", &format!("`{}` ({}): {why}", site.name, site.source))?;
        }
        for step in &e.firewalls {
            let verdict = match (step.matched, &step.mismatch) {
                (true, _) => "matches".to_owned(),
                (false, Some(mismatch)) => format!("does not match: {mismatch:?}").to_lowercase(),
                (false, None) => "is not asked: an earlier one matched".to_owned(),
            };
            line(f, "firewall", &format!("`{}` ({}) {verdict}", step.name, step.source))?;
        }
        if !e.credential.is_empty() {
            line(f, "credential", &e.credential)?;
            if let Some(old) = &e.old_session {
                let what = format!(
                    "`{}` would be exchanged for a session of `{}`: upstream `{}` is asked once, at {}",
                    old.cookie, old.directory, old.upstream, old.url
                );
                line(f, "old session", &format!("{what}; nobody is asked here, so the caller stays a guest"))?;
            }
            for ignored in &e.ignored {
                line(f, "ignored", ignored)?;
            }
            line(f, "identity", &e.identity)?;
        }
        for guard in &e.guards {
            line(f, "guard", &format!("{} {}: {}", guard.guard, if guard.passed { "passes" } else { "fails" }, guard.why))?;
        }
        if let Some(rule) = &e.access_control {
            let verdict = if rule.admits { "admits" } else { "refuses" };
            let roles = if rule.roles.is_empty() { "no role".to_owned() } else { rule.roles.join(" or ") };
            line(f, "access", &format!("{} demands {roles}: {verdict}", rule.source))?;
            scopes(f, &rule.scopes)?;
        }
        if let Some(store) = &e.store_view {
            line(f, "store view", &store_words(store))?;
        }
        self.target(f)?;
        if let Some(upstream) = &e.upstream {
            line(f, "upstream", &format!("`{}` {}", word(&upstream["name"]), word(&upstream["url"])))?;
        }
        match e.outcome {
            "permit" => write!(f, "{:<12}permit", "answer"),
            _ => write!(f, "{:<12}refusal, {} ({}): {}", "answer", e.status.unwrap_or(0), e.reason, e.detail),
        }
    }
}

impl Pretty<'_> {
    fn target(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(target) = &self.0.target else { return Ok(()) };
        match (&target.source, target.kind) {
            (Some(source), _) => line(f, "route", &format!("{} ({source})", target.name))?,
            (None, "unprocessed") => line(f, "route", &format!("none is looked for: {}", target.name))?,
            (None, "endpoint") => line(f, "endpoint", &format!("{}, answered by Doorward itself", target.name))?,
            (None, _) => line(f, "route", &format!("none matches; unmatched = \"{}\"", target.name))?,
        }
        for step in &self.0.requirements {
            let verdict = if step.granted { "granted" } else { "lacking" };
            line(f, "requires", &format!("{}: {verdict}, {}", step.requirement, step.by))?;
        }
        scopes(f, &self.0.scopes)?;
        for near in &self.0.near_misses {
            line(f, "near miss", &format!("{} {} ({}): {}", near.methods.join(","), near.template, near.source, near.why))?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(f, "{name:<12}{value}")
}

fn scopes(f: &mut fmt::Formatter<'_>, steps: &[RequirementStep]) -> fmt::Result {
    for step in steps {
        let verdict = if step.granted { "granted" } else { "lacking" };
        line(f, "scope", &format!("{}: {verdict}, {}", step.requirement, step.by))?;
    }
    Ok(())
}

fn store_words(store: &StoreStep) -> String {
    let named = |code: &Option<String>, id: Option<u32>| match (code, id) {
        (Some(code), Some(id)) => format!("`{code}` ({id})"),
        _ => String::new(),
    };
    match (&store.website, store.shared) {
        (None, None) => "all of them".to_owned(),
        (None, Some(_)) => "all of them; no customer is shared there".to_owned(),
        (website, shared) => {
            let view = named(&Some(store.code.clone()), store.id);
            let words = match shared {
                Some(true) => "; it shares the caller",
                Some(false) => "; it does not share the caller",
                None => "",
            };
            format!("{view} of website {}{words}", named(website, store.website_id))
        }
    }
}

fn word(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_default()
}
