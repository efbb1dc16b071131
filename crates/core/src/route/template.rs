//! Path templates of `routes.toml`, compiled into a trie whose cost follows the path, not the number of rules.
//!
//! `:name` is one segment that is not empty; `*name`, as the last segment, is the rest of the path, which may be empty
//! (`/files/*rest` covers `/files/` and all below it, not `/files`). Static beats variable beats tail, segment by
//! segment; where that road ends without a rule for the method, the next best is tried, so that a rule is found
//! whenever one matches.

use super::{
    RouteRule,
    near::{self, NearMiss},
    pattern::{Pattern, Segment},
};
use crate::Source;
use http::Method;
use std::{collections::HashMap, fmt, sync::Arc};

/// Rules of `routes.toml`, compiled.
#[derive(Clone, Debug, Default)]
pub struct Table {
    entries: Vec<Entry>,
    root: Node,
}

/// Why rules cannot stand together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Two rules of one shape claim the same method.
    Tie {
        /// The method that both claim.
        method: Method,
        /// The first rule's template and place.
        first: (Arc<str>, Source),
        /// The second rule's template and place.
        second: (Arc<str>, Source),
    },
    /// A template that is none.
    Malformed {
        /// What is wrong with it.
        why: super::pattern::Malformed,
        /// Where it was written.
        source: Source,
    },
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Conflict::Tie { method, first: (a, at), second: (b, here) } => {
                write!(f, "{here}: `{method} {b}` claims what `{method} {a}` at {at} claims already")
            }
            Conflict::Malformed { why, source } => write!(f, "{source}: {why}"),
        }
    }
}

impl std::error::Error for Conflict {}

impl Table {
    /// Compiles the rules, or says everything that is wrong with them.
    pub fn build(rules: Vec<RouteRule>) -> Result<Self, Vec<Conflict>> {
        let mut table = Table::default();
        let mut conflicts = Vec::new();
        for rule in rules {
            match Pattern::parse(&rule.template) {
                Ok(pattern) => conflicts.extend(table.insert(rule, pattern)),
                Err(why) => conflicts.push(Conflict::Malformed { why, source: rule.source }),
            }
        }
        if conflicts.is_empty() { Ok(table) } else { Err(conflicts) }
    }

    /// The rule for a method and canonical path.
    pub fn find(&self, method: &Method, path: &str) -> Option<&Arc<RouteRule>> {
        let index = self.root.find(method, path.strip_prefix('/'))?;
        Some(&self.entries.get(index)?.rule)
    }

    /// The rules that come closest to a request that none matches, closest first. For people: it reads every rule.
    pub fn near_misses(&self, method: &Method, path: &str, limit: usize) -> Vec<NearMiss> {
        let covers = |rule: &RouteRule| covered(rule).contains(method);
        let rules = self.entries.iter().map(|entry| (&entry.rule, entry.pattern.segments()));
        near::misses(rules, covers, path.strip_prefix('/').unwrap_or(path), limit)
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

    fn insert(&mut self, rule: RouteRule, pattern: Pattern) -> Vec<Conflict> {
        let index = self.entries.len();
        let leaf = self.root.leaf(pattern.segments());
        let mut conflicts = Vec::new();
        for method in covered(&rule) {
            let owner = leaf.iter().find(|(taken, _)| *taken == method).and_then(|(_, owner)| self.entries.get(*owner));
            match owner {
                Some(owner) => conflicts.push(Conflict::Tie {
                    method,
                    first: (owner.rule.template.clone(), owner.rule.source.clone()),
                    second: (rule.template.clone(), rule.source.clone()),
                }),
                None => leaf.push((method, index)),
            }
        }
        // HEAD follows GET: one message is enough for both.
        conflicts.dedup_by(|later, first| {
            matches!((later, first), (Conflict::Tie { method, first: b, .. }, Conflict::Tie { first: a, .. })
                if *method == Method::HEAD && a == b)
        });
        self.entries.push(Entry { rule: Arc::new(rule), pattern });
        conflicts
    }
}

/// The methods that a rule stands for: GET covers HEAD.
fn covered(rule: &RouteRule) -> Vec<Method> {
    let mut methods: Vec<Method> = Vec::new();
    let head = rule.methods.contains(&Method::GET).then_some(&Method::HEAD);
    for method in rule.methods.iter().chain(head) {
        if !methods.contains(method) {
            methods.push(method.clone());
        }
    }
    methods
}

#[derive(Clone, Debug)]
struct Entry {
    rule: Arc<RouteRule>,
    pattern: Pattern,
}

/// Methods and the indexes of their rules. Few, so a list.
type Leaf = Vec<(Method, usize)>;

#[derive(Clone, Debug, Default)]
struct Node {
    statics: HashMap<Box<str>, Node>,
    variable: Option<Box<Node>>,
    tail: Leaf,
    end: Leaf,
}

impl Node {
    /// Goes down the path; `rest` is what follows the last slash that was read, or `None` at the path's end.
    fn find(&self, method: &Method, rest: Option<&str>) -> Option<usize> {
        let pick = |leaf: &Leaf| leaf.iter().find(|(own, _)| own == method).map(|(_, index)| *index);
        let Some(rest) = rest else {
            return pick(&self.end);
        };
        let (segment, below) = match rest.split_once('/') {
            Some((segment, below)) => (segment, Some(below)),
            None => (rest, None),
        };
        if let Some(node) = self.statics.get(segment)
            && let Some(index) = node.find(method, below)
        {
            return Some(index);
        }
        if let Some(node) = &self.variable
            && !segment.is_empty()
            && let Some(index) = node.find(method, below)
        {
            return Some(index);
        }
        pick(&self.tail)
    }

    /// The leaf of this shape, made where it is missing. Names of variables are no part of the shape.
    fn leaf(&mut self, segments: &[Segment]) -> &mut Leaf {
        match segments.split_first() {
            None => &mut self.end,
            Some((Segment::Static(text), below)) => self.statics.entry(text.as_ref().into()).or_default().leaf(below),
            Some((Segment::Variable(_), below)) => self.variable.get_or_insert_default().leaf(below),
            Some((Segment::Tail(_), _)) => &mut self.tail,
        }
    }
}

#[cfg(test)]
mod tests;
