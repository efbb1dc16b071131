//! Which beginnings of paths name a site, as far as they can be listed.

use super::{Condition, MatchRule, Place};
use std::sync::Arc;

/// Beginnings of paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bases {
    /// Whole segments from the root on, without a slash at the end: `/admin`.
    pub listed: Vec<Arc<str>>,
    /// Whether there are others: those that a pattern matches, or that can be spelled in several ways.
    pub others: bool,
}

impl MatchRule {
    /// The beginnings of paths by which this rule names a site.
    pub fn bases(&self, site: &str) -> Bases {
        match self {
            MatchRule::One(Condition::MapUri(map)) => {
                mapped(map.iter().filter(|(_, name)| **name == *site).map(|(segment, _)| &**segment))
            }
            MatchRule::One(Condition::UriElement(count)) => elements(site, *count),
            MatchRule::One(condition) => Bases { listed: Vec::new(), others: condition.reads_path() },
            MatchRule::All(conditions, name) if **name == *site => all(conditions),
            MatchRule::Any(conditions, name) if **name == *site => any(conditions),
            MatchRule::All(..) | MatchRule::Any(..) => Bases::default(),
        }
    }
}

impl Bases {
    /// These and others.
    pub fn extend(&mut self, more: Bases) {
        for base in more.listed {
            if !self.listed.contains(&base) {
                self.listed.push(base);
            }
        }
        self.others |= more.others;
    }
}

/// A segment of other characters has several spellings.
fn mapped<'a>(segments: impl Iterator<Item = &'a str>) -> Bases {
    let mut bases = Bases::default();
    for segment in segments {
        match is_plain(segment) {
            true => bases.listed.push(format!("/{segment}").into()),
            false => bases.others = true,
        }
    }
    bases
}

/// The segments whose joint name is the site's. Where it has more `_` than there are joints, nobody knows which of them are.
fn elements(site: &str, count: usize) -> Bases {
    let segments: Vec<&str> = if count == 1 { vec![site] } else { site.split('_').collect() };
    if segments.len() < count || !segments.iter().all(|segment| is_plain(segment)) {
        return Bases::default();
    }
    match segments.len() == count {
        true => Bases { listed: vec![format!("/{}", segments.join("/")).into()], others: false },
        false => Bases { listed: Vec::new(), others: true },
    }
}

/// One condition has to list them, and all others to hold below.
fn all(conditions: &[Condition]) -> Bases {
    let reading: Vec<&Condition> = conditions.iter().filter(|condition| condition.reads_path()).collect();
    let Some(mut bases) = reading.iter().find_map(|condition| keys(condition)) else {
        return Bases { listed: Vec::new(), others: !reading.is_empty() };
    };
    bases.listed.retain(|base| {
        let below = format!("{base}/x");
        let place = Place { host: "", port: 0, path: Some(&below), header: None };
        reading.iter().all(|condition| condition.name(&place).is_some())
    });
    bases
}

fn any(conditions: &[Condition]) -> Bases {
    let mut bases = Bases::default();
    for condition in conditions.iter().filter(|condition| condition.reads_path()) {
        bases.extend(keys(condition).unwrap_or(Bases { listed: Vec::new(), others: true }));
    }
    bases
}

/// All that a map has.
fn keys(condition: &Condition) -> Option<Bases> {
    match condition {
        Condition::MapUri(map) => Some(mapped(map.iter().map(|(segment, _)| &**segment))),
        _ => None,
    }
}

/// Unreserved characters alone, which are never escaped in canonical paths; and no dot segment.
fn is_plain(segment: &str) -> bool {
    let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    !segment.is_empty() && !segment.bytes().all(|byte| byte == b'.') && segment.chars().all(unreserved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    fn map(keys: &[(&str, &str)]) -> Condition {
        Condition::MapUri(keys.iter().map(|(key, name)| ((*key).into(), (*name).into())).collect())
    }

    #[test]
    fn only_what_has_one_spelling_is_listed() {
        let pattern = || Condition::RegexUri(Regex::new("^/(my_sa)").unwrap(), 1);
        let host = || Condition::HostElement(1);
        let all = |conditions| MatchRule::All(conditions, "my_sa".into());
        let any = |conditions| MatchRule::Any(conditions, "my_sa".into());
        let cases: Vec<(MatchRule, &[&str], bool)> = vec![
            (MatchRule::One(map(&[("a", "my_sa"), ("b", "other"), ("c.d", "my_sa")])), &["/a", "/c.d"], false),
            (MatchRule::One(map(&[("a b", "my_sa"), ("c+d", "my_sa"), ("e", "my_sa")])), &["/e"], true),
            (MatchRule::One(Condition::UriElement(1)), &["/my_sa"], false),
            (MatchRule::One(Condition::UriElement(2)), &["/my/sa"], false),
            (MatchRule::One(Condition::UriElement(3)), &[], false),
            (MatchRule::One(pattern()), &[], true),
            (MatchRule::One(host()), &[], false),
            (all(vec![map(&[("en", ""), ("fr", "")]), host()]), &["/en", "/fr"], false),
            (all(vec![map(&[("en", ""), ("my_sa", "")]), pattern()]), &["/my_sa"], false),
            (all(vec![pattern(), host()]), &[], true),
            (all(vec![host()]), &[], false),
            (any(vec![map(&[("en", "")]), host(), map(&[("fr", "")])]), &["/en", "/fr"], false),
            (any(vec![map(&[("en", "")]), pattern()]), &["/en"], true),
            (MatchRule::All(vec![map(&[("en", "")])], "other".into()), &[], false),
        ];
        for (rule, listed, others) in cases {
            let bases = rule.bases("my_sa");
            assert_eq!(
                (bases.listed.iter().map(|base| &**base).collect::<Vec<_>>(), bases.others),
                (listed.to_vec(), others),
                "{rule:?}"
            );
        }
        let bases = MatchRule::One(Condition::UriElement(2)).bases("my_site_company");
        assert_eq!(bases, Bases { listed: Vec::new(), others: true }, "/my/site_company or /my_site/company");
    }
}
