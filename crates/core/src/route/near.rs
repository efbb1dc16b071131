//! Near misses: what people meant when no rule matched.

use super::{RouteRule, pattern::Segment};
use http::Method;
use std::{cmp::Reverse, sync::Arc};

/// A rule that almost matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// The rule.
    pub rule: Arc<RouteRule>,
    /// Why it did not match.
    pub why: Miss,
    distance: usize,
}

impl NearMiss {
    /// How far away it is: 0 where only the method differs, then one for each segment that differs, is missing or is
    /// too many.
    pub fn distance(&self) -> usize {
        self.distance
    }
}

/// Why a rule did not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// The path matches; the rule is for these methods.
    OtherMethod(Vec<Method>),
    /// The first segment that differs, counted from 0.
    SegmentDiffers {
        /// Its index.
        index: usize,
        /// What the rule has there; `:name` is a segment that is not empty.
        expected: Arc<str>,
        /// What the path has there.
        found: Arc<str>,
    },
    /// The path has more or fewer segments.
    Length,
}

/// Ranks `rules`, each with its segments, by their distance to `path` (without its leading slash). Rules that share no
/// static segment with the path are not near.
pub(super) fn misses<'r>(
    rules: impl Iterator<Item = (&'r Arc<RouteRule>, &'r [Segment])>,
    covers: impl Fn(&RouteRule) -> bool,
    path: &str,
    limit: usize,
) -> Vec<NearMiss> {
    let path: Vec<&str> = path.split('/').collect();
    let mut ranked: Vec<(usize, NearMiss)> = rules
        .filter_map(|(rule, segments)| {
            let (distance, alike, why) = compare(segments, &path);
            let why = match why {
                Some(_) if alike == 0 => return None,
                Some(why) => why,
                None if covers(rule) => return None,
                None => Miss::OtherMethod(rule.methods.clone()),
            };
            Some((alike, NearMiss { rule: Arc::clone(rule), why, distance }))
        })
        .collect();
    // Stable: of equals, the one written first.
    ranked.sort_by_key(|(alike, miss)| (miss.distance, Reverse(*alike)));
    ranked.into_iter().map(|(_, miss)| miss).take(limit).collect()
}

/// The distance, how many static segments agree, and the first reason why they differ.
fn compare(segments: &[Segment], path: &[&str]) -> (usize, usize, Option<Miss>) {
    let (mut distance, mut alike, mut first) = (0, 0, None);
    for (index, (segment, found)) in segments.iter().zip(path).enumerate() {
        let expected: Arc<str> = match segment {
            Segment::Tail(_) => return (distance, alike, first),
            Segment::Variable(_) if !found.is_empty() => continue,
            Segment::Static(text) if **text == **found => {
                alike += 1;
                continue;
            }
            Segment::Variable(name) => format!(":{name}").into(),
            Segment::Static(text) => Arc::clone(text),
        };
        distance += 1;
        first = first.or(Some(Miss::SegmentDiffers { index, expected, found: Arc::from(*found) }));
    }
    let gap = segments.len().abs_diff(path.len());
    if gap > 0 {
        first = first.or(Some(Miss::Length));
    }
    (distance + gap, alike, first)
}
