//! Rules that almost matched.

use doorward_core::route::{Miss, NearMiss};
use http::Method;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct NearStep {
    pub(super) template: String,
    pub(super) methods: Vec<String>,
    pub(super) source: String,
    pub(super) why: String,
}

/// In words.
pub(super) fn near_miss(near: &NearMiss) -> NearStep {
    let rule = &near.rule;
    let words = |methods: &[Method]| methods.iter().map(ToString::to_string).collect::<Vec<_>>();
    NearStep {
        template: rule.template.to_string(),
        methods: words(&rule.methods),
        source: rule.source.to_string(),
        why: match &near.why {
            Miss::OtherMethod(methods) => format!("it is for {}", words(methods).join(", ")),
            Miss::SegmentDiffers { index, expected, found } => {
                format!("segment {} is `{found}`, where it has `{expected}`", index + 1)
            }
            Miss::Length => "it has another number of segments".to_owned(),
        },
    }
}
