//! What is counted of other issuers. Their names come from the configuration.

use doorward_auth::{IntrospectionCounts, IssuerKeys};
use doorward_core::Time;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use std::sync::atomic::AtomicU64;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FetchLabels {
    issuer: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct IssuerLabel {
    issuer: String,
}

/// Fetches, and how old keys are.
#[derive(Clone, Default)]
pub(super) struct Issuers {
    fetches: Family<FetchLabels, Counter>,
    ages: Family<IssuerLabel, Gauge<f64, AtomicU64>>,
    introspections: Family<FetchLabels, Counter>,
}

impl Issuers {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("issuer_fetches", "Fetches of the keys of other issuers by outcome", self.fetches.clone());
        let help = "Questions to other servers about access tokens by outcome";
        registry.register("introspections", help, self.introspections.clone());
        let help = "For how long the keys of other issuers have been known; absent before the first fetch";
        registry.register_with_unit("issuer_keys_age", help, Unit::Seconds, self.ages.clone());
    }

    /// What came of asking about tokens.
    pub(super) fn set_introspections(&self, all: &[IntrospectionCounts]) {
        for counts in all {
            let IntrospectionCounts { active, inactive, failed, crowded, .. } = *counts;
            for (outcome, total) in [("active", active), ("inactive", inactive), ("failed", failed), ("crowded", crowded)] {
                let labels = FetchLabels { issuer: counts.issuer.to_string(), outcome };
                let counter = self.introspections.get_or_create(&labels).clone();
                counter.inc_by(total.saturating_sub(counter.get()));
            }
        }
    }

    /// What is known at `now`. Issuers that are gone keep their counters and have no age.
    pub(super) fn set(&self, all: &[IssuerKeys], now: Time) {
        self.ages.clear();
        for keys in all {
            let issuer = keys.issuer.to_string();
            for (outcome, total) in [("ok", keys.fetches), ("failed", keys.failures)] {
                let counter = self.fetches.get_or_create(&FetchLabels { issuer: issuer.clone(), outcome }).clone();
                counter.inc_by(total.saturating_sub(counter.get()));
            }
            if let Some(fetched) = keys.fetched {
                self.ages.get_or_create(&IssuerLabel { issuer }).set(now.since(fetched).as_secs_f64());
            }
        }
    }
}
