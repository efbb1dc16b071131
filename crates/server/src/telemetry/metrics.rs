//! What is counted. Every label has few values: names from the configuration, words of ours, known HTTP methods.

use super::{
    issuers::Issuers,
    series::{
        DecisionLabels, DurationLabels, Exchanges, FaceLabels, Hashed, Histograms, MailLabels, OTHER, PolicyLabel,
        ProviderLabels, ResultLabel, SERIES, Series, SignInLabels, UpstreamLabels, hash, known_method, latency,
    },
};
use arc_swap::ArcSwap;
use doorward_auth::{IntrospectionCounts, IssuerKeys};
use doorward_core::Time;
use doorward_gateway::record::{AuditEvent, RequestEvent, UpstreamOutcome};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use std::{
    collections::HashMap,
    fmt,
    hash::BuildHasherDefault,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

/// What is known only when somebody asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Live sessions.
    pub(crate) sessions: u64,
    /// Bearer tokens that are remembered.
    pub(crate) tokens: u64,
    /// Pairs of login and password that are remembered.
    pub(crate) pairs: u64,
    /// Accounts, networks and devices whose failed sign-ins are remembered.
    pub(crate) throttled: u64,
    /// Password hashes that were computed since the start.
    pub(crate) hashes_done: u64,
    /// Sign-ins that were turned away since the start because too many waited.
    pub(crate) hashes_refused: u64,
    /// Password hashes that ended by a fault of ours since the start.
    pub(crate) hashes_failed: u64,
    /// The most that were computed at once.
    pub(crate) hashes_peak: u64,
    /// Memory that is kept for password hashes, in bytes.
    pub(crate) hash_memory: u64,
    /// How long one usually takes.
    pub(crate) hash_time: Duration,
    /// Sign-ins that wait for a password hash.
    pub(crate) hashes_queued: u64,
    /// Password hashes that are computed now.
    pub(crate) hashes_running: u64,
    /// Whether the store can be reached.
    pub(crate) store_up: bool,
    /// Log lines that were dropped.
    pub(crate) log_drops: u64,
    /// Keys of other issuers.
    pub(crate) issuers: Vec<IssuerKeys>,
    /// Questions about access tokens.
    pub(crate) introspections: Vec<IntrospectionCounts>,
    /// When all this was so.
    pub(crate) now: Time,
}

/// All metrics.
pub(crate) struct Metrics {
    registry: Registry,
    series: ArcSwap<HashMap<u64, Arc<Series>, BuildHasherDefault<Hashed>>>,
    decisions: Family<DecisionLabels, Counter>,
    durations: Histograms<DurationLabels>,
    exchanges: ArcSwap<Vec<Arc<Exchanges>>>,
    upstream: Family<UpstreamLabels, Counter>,
    upstream_durations: Histograms<UpstreamLabels>,
    old_sessions: Family<UpstreamLabels, Counter>,
    provider_sign_ins: Family<ProviderLabels, Counter>,
    faces: Family<FaceLabels, Counter>,
    sign_ins: Family<SignInLabels, Counter>,
    mails: Family<MailLabels, Counter>,
    parser_refusals: Counter,
    handshake_failures: Counter,
    connections: Gauge,
    connections_opened: Counter,
    sessions: Gauge,
    tokens: Gauge,
    pairs: Gauge,
    throttled: Gauge,
    hashes: Counter,
    hashes_refused: Counter,
    hashes_failed: Counter,
    hashes_peak: Gauge,
    hash_memory: Gauge,
    hash_time: Gauge<f64, AtomicU64>,
    hashes_queued: Gauge,
    hashes_running: Gauge,
    store_up: Gauge,
    log_drops: Counter,
    reloads: Family<ResultLabel, Counter>,
    last_reload: Gauge,
    last_reload_failed: Gauge,
    policy: Family<PolicyLabel, Gauge>,
    issuers: Issuers,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// All at zero.
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("doorward"),
            series: ArcSwap::default(),
            decisions: Family::default(),
            durations: Family::new_with_constructor(latency),
            exchanges: ArcSwap::default(),
            upstream: Family::default(),
            upstream_durations: Family::new_with_constructor(latency),
            old_sessions: Family::default(),
            provider_sign_ins: Family::default(),
            faces: Family::default(),
            sign_ins: Family::default(),
            mails: Family::default(),
            parser_refusals: Counter::default(),
            handshake_failures: Counter::default(),
            connections: Gauge::default(),
            connections_opened: Counter::default(),
            sessions: Gauge::default(),
            tokens: Gauge::default(),
            pairs: Gauge::default(),
            throttled: Gauge::default(),
            hashes: Counter::default(),
            hashes_refused: Counter::default(),
            hashes_failed: Counter::default(),
            hashes_peak: Gauge::default(),
            hash_memory: Gauge::default(),
            hash_time: Gauge::default(),
            hashes_queued: Gauge::default(),
            hashes_running: Gauge::default(),
            store_up: Gauge::default(),
            log_drops: Counter::default(),
            reloads: Family::default(),
            last_reload: Gauge::default(),
            last_reload_failed: Gauge::default(),
            policy: Family::default(),
            issuers: Issuers::default(),
        };
        metrics.register();
        // There from the start, so that whoever watches for failures need not wait for the first one.
        for mail in ["confirm", "welcome", "reset", "password_changed", "email_changed"] {
            for outcome in ["sent", "failed"] {
                drop(metrics.mails.get_or_create(&MailLabels { mail, outcome }));
            }
        }
        metrics
    }

    /// Counts a request.
    pub(super) fn request(&self, event: &RequestEvent<'_>) {
        if event.face != "-" {
            let labels = FaceLabels { face: event.face.to_owned(), outcome: event.outcome.to_owned() };
            self.faces.get_or_create(&labels).inc();
        }
        let method = known_method(event.method);
        let key = hash([event.firewall, event.authentication, method, event.outcome, event.reason]);
        let seconds = event.duration.as_secs_f64();
        if let Some(series) = self.series.load().get(&key).filter(|series| series.is_of(event)) {
            series.decisions.inc();
            series.durations.observe(seconds);
            return;
        }
        let series = self.resolve(event, method);
        series.decisions.inc();
        series.durations.observe(seconds);
        self.series.rcu(|known| {
            let mut known = HashMap::clone(known);
            if known.len() < SERIES {
                known.insert(key, Arc::clone(&series));
            }
            known
        });
    }

    /// Counts sign-ins; other audit events are in the log alone.
    pub(super) fn audit(&self, event: &AuditEvent<'_>) {
        if matches!(event.event, "sign_in" | "sign_in_failed") {
            let labels = SignInLabels { directory: event.directory.to_owned(), outcome: event.outcome.to_owned() };
            self.sign_ins.get_or_create(&labels).inc();
        }
    }

    /// Counts what became of a mail.
    pub(super) fn mail(&self, mail: &'static str, outcome: &'static str) {
        self.mails.get_or_create(&MailLabels { mail, outcome }).inc();
    }

    /// Counts an exchange with an upstream.
    pub(super) fn upstream(&self, name: &str, outcome: UpstreamOutcome, took: Duration) {
        let outcome = match outcome {
            UpstreamOutcome::Answered => "answered",
            UpstreamOutcome::Unreachable => "unreachable",
            UpstreamOutcome::Broken => "broken",
            UpstreamOutcome::TimedOut => "timed_out",
        };
        let seconds = took.as_secs_f64();
        let known = self.exchanges.load();
        if let Some(series) = known.iter().find(|series| series.outcome == outcome && series.upstream == name) {
            series.count.inc();
            series.durations.observe(seconds);
            return;
        }
        let labels = UpstreamLabels { upstream: name.to_owned(), outcome: outcome.to_owned() };
        let series = Arc::new(Exchanges {
            upstream: name.to_owned(),
            outcome,
            count: self.upstream.get_or_create(&labels).clone(),
            durations: self.upstream_durations.get_or_create(&labels).clone(),
        });
        series.count.inc();
        series.durations.observe(seconds);
        self.exchanges.rcu(|known| known.iter().chain([&series]).take(SERIES).cloned().collect::<Vec<_>>());
    }

    /// Counts what became of an old session.
    pub(super) fn old_session(&self, upstream: &str, outcome: &str) {
        let labels = UpstreamLabels { upstream: upstream.to_owned(), outcome: outcome.to_owned() };
        self.old_sessions.get_or_create(&labels).inc();
    }

    /// Counts what became of somebody who wanted to sign in at a provider.
    pub(super) fn provider(&self, provider: &str, outcome: &'static str) {
        self.provider_sign_ins.get_or_create(&ProviderLabels { provider: provider.to_owned(), outcome }).inc();
    }

    /// Counts what the HTTP parser refused.
    pub(super) fn parser_refusal(&self) {
        self.parser_refusals.inc();
    }

    /// Counts TLS handshakes that failed.
    pub(super) fn handshake_failure(&self) {
        self.handshake_failures.inc();
    }

    /// Counts connections.
    pub(super) fn connection(&self, opened: bool) {
        if opened {
            self.connections_opened.inc();
            self.connections.inc();
        } else {
            self.connections.dec();
        }
    }

    /// Which policy decides from now on.
    pub(super) fn policy(&self, hash: &str) {
        self.policy.clear();
        self.policy.get_or_create(&PolicyLabel { hash: hash.to_owned() }).set(1);
    }

    /// Counts a reload at `seconds` since the epoch.
    pub(super) fn reload(&self, success: bool, seconds: u64) {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        self.reloads.get_or_create(&ResultLabel { result: if success { "success" } else { "failure" } }).inc();
        self.last_reload_failed.set(i64::from(!success));
        self.last_reload.set(seconds);
    }

    /// All metrics as text (OpenMetrics 1.0, which Prometheus reads).
    pub(crate) fn text(&self, sample: Sample) -> Result<String, fmt::Error> {
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.sessions.set(gauge(sample.sessions));
        self.tokens.set(gauge(sample.tokens));
        self.pairs.set(gauge(sample.pairs));
        self.throttled.set(gauge(sample.throttled));
        for (counter, total) in [
            (&self.hashes, sample.hashes_done),
            (&self.hashes_refused, sample.hashes_refused),
            (&self.hashes_failed, sample.hashes_failed),
        ] {
            counter.inc_by(total.saturating_sub(counter.get()));
        }
        self.hashes_peak.set(gauge(sample.hashes_peak));
        self.hash_memory.set(gauge(sample.hash_memory));
        self.hash_time.set(sample.hash_time.as_secs_f64());
        self.hashes_queued.set(gauge(sample.hashes_queued));
        self.hashes_running.set(gauge(sample.hashes_running));
        self.store_up.set(i64::from(sample.store_up));
        self.log_drops.inc_by(sample.log_drops.saturating_sub(self.log_drops.get()));
        self.issuers.set(&sample.issuers, sample.now);
        self.issuers.set_introspections(&sample.introspections);
        let mut text = String::with_capacity(16 << 10);
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// The counters of an event, made where there are none yet.
    fn resolve(&self, event: &RequestEvent<'_>, method: &str) -> Arc<Series> {
        let full = self.series.load().len() >= SERIES;
        let firewall = if full { OTHER } else { event.firewall };
        let labels = DecisionLabels {
            firewall: firewall.to_owned(),
            method: event.authentication.to_owned(),
            http_method: method.to_owned(),
            outcome: event.outcome.to_owned(),
            reason: event.reason.to_owned(),
        };
        let of_firewall = DurationLabels { firewall: firewall.to_owned(), outcome: event.outcome.to_owned() };
        Arc::new(Series {
            decisions: self.decisions.get_or_create(&labels).clone(),
            durations: self.durations.get_or_create(&of_firewall).clone(),
            labels,
        })
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register(
            "decisions",
            "Requests by firewall, authentication method, HTTP method, outcome and reason",
            self.decisions.clone(),
        );
        r.register_with_unit(
            "request_duration",
            "From a request's head to its answer's head",
            Unit::Seconds,
            self.durations.clone(),
        );
        r.register("upstream_exchanges", "Exchanges with upstreams", self.upstream.clone());
        r.register_with_unit(
            "upstream_duration",
            "How long upstreams took to answer",
            Unit::Seconds,
            self.upstream_durations.clone(),
        );
        r.register("old_sessions", "Sessions of old applications by upstream and what became of them", self.old_sessions.clone());
        let providers = self.provider_sign_ins.clone();
        r.register("face_requests", "Requests that were judged for another face than the gateway", self.faces.clone());
        r.register("provider_sign_ins", "Sign-ins at OpenID providers and what became of them", providers);
        r.register("sign_ins", "Sign-ins by directory and outcome", self.sign_ins.clone());
        r.register("mails", "Mails by what they are about and how they fared", self.mails.clone());
        r.register("parser_refusals", "What the HTTP parser refused", self.parser_refusals.clone());
        r.register("handshake_failures", "TLS handshakes that failed", self.handshake_failures.clone());
        r.register("connections", "Open connections", self.connections.clone());
        r.register("connections_opened", "Connections that were opened", self.connections_opened.clone());
        r.register("sessions", "Live sessions", self.sessions.clone());
        r.register("tokens", "Bearer tokens that are remembered", self.tokens.clone());
        r.register("basic_pairs", "Pairs of login and password that are remembered", self.pairs.clone());
        r.register("throttle_entries", "Accounts and networks whose failed sign-ins are remembered", self.throttled.clone());
        r.register("password_hashes", "Password hashes that were computed", self.hashes.clone());
        r.register(
            "password_hashes_refused",
            "Sign-ins that were turned away because too many waited",
            self.hashes_refused.clone(),
        );
        r.register("password_hashes_failed", "Password hashes that ended by a fault of ours", self.hashes_failed.clone());
        r.register("password_hashes_peak", "The most password hashes that were computed at once", self.hashes_peak.clone());
        r.register_with_unit(
            "password_hash_memory",
            "Memory that is kept for password hashes",
            Unit::Bytes,
            self.hash_memory.clone(),
        );
        r.register_with_unit(
            "password_hash_typical",
            "How long a password hash usually takes",
            Unit::Seconds,
            self.hash_time.clone(),
        );
        r.register("password_hashes_queued", "Sign-ins that wait for a password hash", self.hashes_queued.clone());
        r.register("password_hashes_running", "Password hashes that are computed now", self.hashes_running.clone());
        r.register("store_up", "Whether the store can be reached", self.store_up.clone());
        r.register("log_drops", "Log lines that were dropped because too many waited", self.log_drops.clone());
        r.register("reloads", "Reloads of the configuration by result", self.reloads.clone());
        r.register("last_reload_timestamp", "When a reload was last tried", self.last_reload.clone());
        r.register(
            "last_reload_failed",
            "Whether the last reload failed and the earlier policy still decides",
            self.last_reload_failed.clone(),
        );
        r.register("policy", "The policy that decides, by hash", self.policy.clone());
        self.issuers.register(r);
    }
}
