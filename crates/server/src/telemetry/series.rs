//! Labels of metrics, and the counters that are found by them: every label has few values.

use doorward_gateway::record::RequestEvent;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
};
use std::hash::{Hash, Hasher};

/// Series of one family at most. Names come from the configuration, so only many reloads could come near; what is
/// beyond is counted as `other`.
pub(super) const SERIES: usize = 4096;
/// What is beyond, or not known.
pub(super) const OTHER: &str = "other";

/// Of decisions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct DecisionLabels {
    pub(super) firewall: String,
    pub(super) method: String,
    pub(super) http_method: String,
    pub(super) outcome: String,
    pub(super) reason: String,
}

/// Of the time that requests took.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct DurationLabels {
    pub(super) firewall: String,
    pub(super) outcome: String,
}

/// Of sign-ins at providers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ProviderLabels {
    pub(super) provider: String,
    pub(super) outcome: &'static str,
}

/// Of requests by another face.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct FaceLabels {
    pub(super) face: String,
    pub(super) outcome: String,
}

/// Of exchanges with upstreams.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct UpstreamLabels {
    pub(super) upstream: String,
    pub(super) outcome: String,
}

/// Of sign-ins.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct SignInLabels {
    pub(super) directory: String,
    pub(super) outcome: String,
}

/// Of mails.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct MailLabels {
    pub(super) mail: &'static str,
    pub(super) outcome: &'static str,
}

/// Of reloads.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ResultLabel {
    pub(super) result: &'static str,
}

/// Of the policy that decides.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct PolicyLabel {
    pub(super) hash: String,
}

/// Histograms of a family.
pub(super) type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// The counters of one kind of request, found by one look-up.
pub(super) struct Series {
    pub(super) labels: DecisionLabels,
    pub(super) decisions: Counter,
    pub(super) durations: Histogram,
}

impl Series {
    pub(super) fn is_of(&self, event: &RequestEvent<'_>) -> bool {
        let labels = &self.labels;
        labels.firewall == event.firewall
            && labels.method == event.authentication
            && labels.http_method == known_method(event.method)
            && labels.outcome == event.outcome
            && labels.reason == event.reason
    }
}

/// What is counted of the exchanges with one upstream that ended in one way.
pub(super) struct Exchanges {
    pub(super) upstream: String,
    pub(super) outcome: &'static str,
    pub(super) count: Counter,
    pub(super) durations: Histogram,
}

/// From a tenth of a millisecond to ten seconds.
pub(super) fn latency() -> Histogram {
    Histogram::new([0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}

/// FNV-1a of words that no client chooses, so nobody can make them collide; whoever looks one up compares as well.
pub(super) fn hash(words: [&str; 5]) -> u64 {
    let bytes = words.iter().flat_map(|word| word.bytes().chain([0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// What is hashed already.
#[derive(Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The method, or `other`: a client may send any word.
pub(super) fn known_method(method: &str) -> &'static str {
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE", "PUBLISH", "COPY", "MOVE", "SWAP"]
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or(OTHER)
}
