//! Matching as Magento does it (magento-webapi 3.7), compiled.
//!
//! Magento compares the request with every url of `webapi.xml` in ascending byte order and keeps the last that matches.
//! Here all urls of one method and one number of segments stand in a trie whose branches are sorted in descending byte
//! order, so the first leaf that is reached is the last of that list. Two things are left out on purpose: PHP's loose
//! comparison of numeric strings (static segments are equal when their bytes are), and the variables of routes that lost.

use super::{
    RouteRule,
    near::{self, NearMiss},
    pattern::Segment,
    processor::bulk_form,
};
use crate::Source;
use http::Method;
use percent_encoding::percent_decode_str;
use std::{collections::HashMap, sync::Arc};

/// Rules of `webapi.xml`, compiled.
#[derive(Clone, Debug, Default)]
pub struct Table {
    entries: Vec<Entry>,
    methods: HashMap<Method, Matcher>,
    /// By method and bulk form; `None` where two urls share one.
    bulk: HashMap<Method, HashMap<String, Option<usize>>>,
}

/// Two rules with the same url and method, which the merge of `webapi.xml` never yields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{second}: `{method} {url}` is declared at {first} already")]
pub struct Conflict {
    /// The method of both.
    pub method: Method,
    /// The url of both.
    pub url: Arc<str>,
    /// Where the first was written.
    pub first: Source,
    /// Where the second was written.
    pub second: Source,
}

/// Methods that Magento's REST knows; HEAD is none of them (magento-webapi 0.3).
pub(super) const METHODS: [Method; 4] = [Method::GET, Method::POST, Method::PUT, Method::DELETE];

impl Table {
    /// Compiles the rules. A rule's other methods than GET, POST, PUT and DELETE never match.
    pub fn build(rules: Vec<RouteRule>) -> Result<Self, Vec<Conflict>> {
        let mut entries: Vec<Entry> = Vec::with_capacity(rules.len());
        let mut exact: HashMap<Method, HashMap<Arc<str>, usize>> = HashMap::new();
        let mut bulk: HashMap<Method, HashMap<String, Option<usize>>> = HashMap::new();
        let mut conflicts = Vec::new();
        for rule in rules {
            for method in rule.methods.iter().filter(|method| METHODS.contains(method)) {
                let earlier = exact.entry(method.clone()).or_default().insert(rule.template.clone(), entries.len());
                if let Some(first) = earlier.and_then(|index| entries.get(index)) {
                    conflicts.push(Conflict {
                        method: method.clone(),
                        url: rule.template.clone(),
                        first: first.rule.source.clone(),
                        second: rule.source.clone(),
                    });
                }
                let forms = bulk.entry(method.clone()).or_default();
                forms.entry(bulk_form(&rule.template)).and_modify(|at| *at = None).or_insert(Some(entries.len()));
            }
            entries.push(Entry { segments: segments(&rule.template), rule: Arc::new(rule) });
        }
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
        let methods = exact.into_iter().map(|(method, exact)| (method, Matcher::new(exact, &entries))).collect();
        Ok(Self { entries, methods, bulk })
    }

    /// The rule for a method and the path below the prefix and store code.
    pub fn find(&self, method: &Method, path: &str) -> Option<&Arc<RouteRule>> {
        let index = self.methods.get(method)?.find(path)?;
        Some(&self.entries.get(index)?.rule)
    }

    /// The rule whose url has this bulk form (magento-webapi 3.8); none where two have it.
    pub fn find_bulk(&self, method: &Method, path: &str) -> Option<&Arc<RouteRule>> {
        let index = (*self.bulk.get(method)?.get(path)?)?;
        Some(&self.entries.get(index)?.rule)
    }

    /// The rules that come closest to a request that none matches, closest first. For people: it reads every rule.
    pub fn near_misses(&self, method: &Method, path: &str, limit: usize) -> Vec<NearMiss> {
        let rules = self.entries.iter().map(|entry| (&entry.rule, &*entry.segments));
        near::misses(rules, |rule| rule.methods.contains(method), path.trim_matches('/'), limit)
    }

    /// All rules, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<RouteRule>> {
        self.entries.iter().map(|entry| &entry.rule)
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Why no request but one that spells it out ever matches this url of `webapi.xml`, if that is so (magento-webapi 3.7,
/// step 2).
pub fn never_matches(url: &str) -> Option<&'static str> {
    if !url.starts_with('/') {
        Some("it does not begin with `/`")
    } else if !has_base(url) && segments(url).iter().any(|segment| matches!(segment, Segment::Variable(_))) {
        Some("its first two segments do not begin with plain words, which is how Magento finds candidates")
    } else {
        None
    }
}

/// The variables that `rule` takes from a path below prefix and store code which it matches, with their values decoded
/// as PHP's `urldecode` does (`+` is a space); the bytes need not be UTF-8.
pub fn variables<'r>(rule: &'r RouteRule, path: &str) -> Vec<(&'r str, Vec<u8>)> {
    let template = rule.template.trim_matches('/').split('/');
    template
        .zip(path.trim_matches('/').split('/'))
        .filter_map(|(segment, value)| {
            let name = variable(segment)?;
            Some((name, percent_decode_str(&value.replace('+', " ")).collect()))
        })
        .collect()
}

/// The name of a segment that is a variable: `:name`, but not `::name`.
fn variable(segment: &str) -> Option<&str> {
    segment.strip_prefix(':').filter(|name| !name.starts_with(':'))
}

fn segments(url: &str) -> Vec<Segment> {
    let read = |text: &str| match variable(text) {
        Some(name) => Segment::Variable(name.into()),
        None => Segment::Static(text.into()),
    };
    url.trim_matches('/').split('/').map(read).collect()
}

/// Whether urls with the base of this path can be told apart at all: `^/\w+/\w+`. It keeps urls whose second segment is
/// a variable from ever matching but by their own text (magento-webapi 3.7, step 2).
fn has_base(path: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    path.strip_prefix('/')
        .and_then(|path| path.split_once('/'))
        .is_some_and(|(first, rest)| !first.is_empty() && first.bytes().all(word) && rest.bytes().next().is_some_and(word))
}

#[derive(Clone, Debug)]
struct Entry {
    rule: Arc<RouteRule>,
    segments: Vec<Segment>,
}

/// All urls of one method.
#[derive(Clone, Debug)]
struct Matcher {
    exact: HashMap<Arc<str>, usize>,
    /// By number of segments.
    tries: HashMap<usize, Node>,
}

impl Matcher {
    fn new(exact: HashMap<Arc<str>, usize>, entries: &[Entry]) -> Self {
        let mut urls: Vec<(&Arc<str>, usize)> = exact.iter().map(|(url, index)| (url, *index)).collect();
        // Descending: the first that matches is the last of Magento's list. Inserting in this order also sorts every
        // node's branches, because what follows a segment is a slash for all siblings but those at the very end.
        urls.sort_by(|a, b| b.cmp(a));
        let mut tries: HashMap<usize, Node> = HashMap::new();
        for (_, index) in urls.into_iter().filter(|(url, _)| has_base(url)) {
            if let Some(entry) = entries.get(index) {
                tries.entry(entry.segments.len()).or_default().insert(&entry.segments, index);
            }
        }
        Self { exact, tries }
    }

    fn find(&self, path: &str) -> Option<usize> {
        if let Some(index) = self.exact.get(path) {
            return Some(*index);
        }
        if !has_base(path) {
            return None;
        }
        let trimmed = path.trim_matches('/');
        let count = trimmed.bytes().filter(|byte| *byte == b'/').count() + 1;
        self.tries.get(&count)?.find(Some(trimmed))
    }
}

/// A place between two segments. Branches are numbered in descending byte order of the urls that go through them.
#[derive(Clone, Debug, Default)]
struct Node {
    statics: HashMap<Arc<str>, (usize, Node)>,
    variables: Vec<(usize, Arc<str>, Node)>,
    rule: Option<usize>,
}

impl Node {
    fn insert(&mut self, segments: &[Segment], index: usize) {
        let Some((segment, below)) = segments.split_first() else {
            // A trailing slash more makes a greater url, which came first and stays.
            self.rule.get_or_insert(index);
            return;
        };
        let rank = self.statics.len() + self.variables.len();
        match segment {
            Segment::Static(text) => {
                self.statics.entry(Arc::clone(text)).or_insert_with(|| (rank, Node::default())).1.insert(below, index);
            }
            Segment::Variable(name) | Segment::Tail(name) => {
                if let Some((_, _, node)) = self.variables.iter_mut().find(|(_, own, _)| own == name) {
                    return node.insert(below, index);
                }
                let mut node = Node::default();
                node.insert(below, index);
                self.variables.push((rank, Arc::clone(name), node));
            }
        }
    }

    /// Goes down the path; `rest` is what is left of it, or `None` when all segments are read.
    fn find(&self, rest: Option<&str>) -> Option<usize> {
        let Some(rest) = rest else {
            return self.rule;
        };
        let (segment, below) = match rest.split_once('/') {
            Some((segment, below)) => (segment, Some(below)),
            None => (rest, None),
        };
        let named = self.statics.get(segment);
        let turn = named.map_or(usize::MAX, |(rank, _)| *rank);
        let (before, after) = self.variables.split_at(self.variables.partition_point(|(rank, _, _)| *rank < turn));
        let search = |branches: &[(usize, Arc<str>, Node)]| branches.iter().find_map(|(_, _, node)| node.find(below));
        search(before).or_else(|| named.and_then(|(_, node)| node.find(below))).or_else(|| search(after))
    }
}

#[cfg(test)]
mod tests;
