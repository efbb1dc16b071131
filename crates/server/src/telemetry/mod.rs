//! What an operator sees: the log on standard error, and metrics.
//!
//! The way of a request only builds one short line and counts in atomics; a thread of its own writes. Every value is
//! escaped in one place ([`text`]), whoever logs it.

mod accounts;
mod events;
mod issuers;
mod line;
mod mails;
mod metrics;
mod series;
mod text;
mod writer;

pub(crate) use accounts::{audit_line, audited};
pub(crate) use metrics::{Metrics, Sample};

use doorward_core::ports::Clock;
use doorward_gateway::record::{AuditEvent, Recorder, RequestEvent, UpstreamOutcome};
use line::{Level, Line};
use std::{
    io::{self, Write},
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};
use writer::LogWriter;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Lines of names and values.
    Human,
    /// A JSON object on each line.
    Json,
}

/// Which requests are logged. Audit events always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Requests {
    /// Each one.
    All = 0,
    /// Refused ones.
    Refused = 1,
    /// None.
    Off = 2,
}

/// Writes events down and counts them.
pub(crate) struct Telemetry {
    format: Format,
    requests: AtomicU8,
    clock: Arc<dyn Clock>,
    writer: LogWriter,
    metrics: Metrics,
}

impl Telemetry {
    /// Logs to standard error.
    pub(crate) fn start(format: Format, requests: Requests, clock: Arc<dyn Clock>) -> io::Result<Arc<Self>> {
        Self::to(io::stderr(), format, requests, clock)
    }

    fn to(out: impl Write + Send + 'static, format: Format, requests: Requests, clock: Arc<dyn Clock>) -> io::Result<Arc<Self>> {
        let writer = LogWriter::start(out)?;
        let requests = AtomicU8::new(requests as u8);
        Ok(Arc::new(Self { format, requests, clock, writer, metrics: Metrics::new() }))
    }

    /// Also writes the `tracing` events of warning and above of everything in this process. Only the first telemetry
    /// of a process can.
    pub(crate) fn listen_to_tracing(self: &Arc<Self>) {
        events::install(Arc::clone(self));
    }

    /// Logs other requests from now on.
    pub(crate) fn set_requests(&self, requests: Requests) {
        self.requests.store(requests as u8, Ordering::Relaxed);
    }

    /// Says that something happened to the server itself.
    pub(crate) fn notice(&self, message: &str) {
        self.write(Line::new(self.format, self.clock.now(), Level::Info, "server").field("message", message));
    }

    /// Says that something is wrong with the server itself.
    pub(crate) fn trouble(&self, message: &str) {
        self.write(Line::new(self.format, self.clock.now(), Level::Error, "server").field("message", message));
    }

    /// A problem of a configuration file, at its place.
    pub(crate) fn problem(&self, error: bool, place: &str, message: &str) {
        let level = if error { Level::Error } else { Level::Warn };
        let line = Line::new(self.format, self.clock.now(), level, "config");
        self.write(line.field("place", place).field("message", message));
    }

    /// A reload that changed the policy.
    pub(crate) fn reloaded(&self, policy: &str) {
        let now = self.clock.now();
        self.metrics.policy(policy);
        self.metrics.reload(true, now.seconds());
        self.write(Line::new(self.format, now, Level::Info, "reload").field("outcome", "success").field("policy", policy));
    }

    /// A reload that changed nothing, and why.
    pub(crate) fn reload_failed(&self, why: &str) {
        let now = self.clock.now();
        self.metrics.reload(false, now.seconds());
        self.write(Line::new(self.format, now, Level::Error, "reload").field("outcome", "failure").field("message", why));
    }

    /// The policy that the server began with.
    pub(crate) fn policy(&self, hash: &str) {
        self.metrics.policy(hash);
    }

    /// What is counted.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Log lines that were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.writer.dropped()
    }

    /// Waits until everything is written, at most for a second.
    pub(crate) fn flush(&self) {
        self.writer.flush();
    }

    fn write(&self, line: Line) {
        self.writer.line(line.end());
    }

    fn is_logged(&self, outcome: &str) -> bool {
        match self.requests.load(Ordering::Relaxed) {
            0 => true,
            1 => outcome != "permit",
            _ => false,
        }
    }
}

impl Recorder for Telemetry {
    fn request(&self, event: &RequestEvent<'_>) {
        self.metrics.request(event);
        // What a caller was told to ask for is there.
        if !self.is_logged(event.outcome) && event.report_id == "-" {
            return;
        }
        let line = Line::new(self.format, self.clock.now(), Level::Info, "request")
            .field("method", event.method)
            .field("host", event.host)
            .known("site", event.site)
            .field("route", event.route)
            .number("status", u64::from(event.status))
            .field("outcome", event.outcome)
            .known("reason", event.reason)
            .field("identity", event.identity)
            .address("client", event.client)
            .field("firewall", event.firewall)
            .field("authentication", event.authentication)
            .known("upstream", event.upstream)
            .known("face", event.face)
            .took("ms", event.duration)
            .field("request_id", event.request_id)
            .field("policy", event.policy)
            .known("report_id", event.report_id)
            .known("detail", event.detail);
        self.write(line);
    }

    fn audit(&self, event: &AuditEvent<'_>) {
        self.metrics.audit(event);
        self.writer.line(audit_line(self.format, self.clock.now(), event));
    }

    fn parser_refusal(&self, peer: IpAddr, detail: &str) {
        self.metrics.parser_refusal();
        let line = Line::new(self.format, self.clock.now(), Level::Warn, "parser_refusal");
        self.write(line.address("client", Some(peer)).field("detail", detail));
    }

    fn handshake_failed(&self, peer: IpAddr, detail: &str) {
        self.metrics.handshake_failure();
        let line = Line::new(self.format, self.clock.now(), Level::Warn, "handshake_failed");
        self.write(line.address("client", Some(peer)).field("detail", detail));
    }

    fn connection(&self, opened: bool) {
        self.metrics.connection(opened);
    }

    fn provider(&self, name: &str, outcome: &'static str) {
        self.metrics.provider(name, outcome);
    }

    fn exchange(&self, upstream: &str, outcome: &'static str, detail: &str) {
        self.metrics.old_session(upstream, outcome);
        // The application's or the store's trouble; everything else is as it should be, or an audit event.
        if matches!(outcome, "failed" | "timed_out" | "unreachable" | "unavailable" | "busy") {
            let line = Line::new(self.format, self.clock.now(), Level::Warn, "old_session");
            self.write(line.field("upstream", upstream).field("outcome", outcome).known("detail", detail));
        }
    }

    fn upstream(&self, name: &str, outcome: UpstreamOutcome, took: Duration) {
        self.metrics.upstream(name, outcome, took);
    }
}

#[cfg(test)]
mod tests;
