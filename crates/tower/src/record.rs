//! Events, handed to `tracing`.

use doorward_gateway::record::{AuditEvent, Recorder, RequestEvent, UpstreamOutcome};
use doorward_mail::{Ledger, MailEvent, Outcome};
use std::{net::IpAddr, time::Duration};

/// Writes events down where the program writes down its own, with the targets `doorward::request`, `doorward::audit` and
/// `doorward::mail`.
pub(crate) struct Tracing;

impl Recorder for Tracing {
    fn request(&self, event: &RequestEvent<'_>) {
        tracing::info!(
            target: "doorward::request",
            request_id = event.request_id,
            policy = event.policy,
            method = event.method,
            host = event.host,
            route = event.route,
            client = event.client.map(tracing::field::display),
            firewall = event.firewall,
            authentication = event.authentication,
            identity = event.identity,
            outcome = event.outcome,
            reason = event.reason,
            detail = event.detail,
            status = event.status,
            microseconds = u64::try_from(event.duration.as_micros()).unwrap_or(u64::MAX),
        );
    }

    fn audit(&self, event: &AuditEvent<'_>) {
        tracing::info!(
            target: "doorward::audit",
            action = event.event,
            outcome = event.outcome,
            request_id = event.request_id,
            directory = event.directory,
            identity = event.identity,
            login = ?event.login,
            client = event.client.map(tracing::field::display),
            method = event.method,
            detail = event.detail,
        );
    }

    fn parser_refusal(&self, peer: IpAddr, detail: &str) {
        tracing::warn!(target: "doorward::request", %peer, detail, "the HTTP parser refused a request");
    }

    // Connections are the server's.
    fn connection(&self, _: bool) {}

    fn upstream(&self, name: &str, outcome: UpstreamOutcome, took: Duration) {
        tracing::debug!(target: "doorward::request", upstream = name, ?outcome, ?took, "an upstream was asked");
    }
}

impl Ledger for Tracing {
    fn mail(&self, event: &MailEvent<'_>) {
        let MailEvent { mail, outcome, directory, domain, tries, detail } = event;
        match outcome {
            Outcome::Sent | Outcome::Delayed => {
                tracing::info!(target: "doorward::mail", mail, outcome = outcome.as_str(), directory, domain, tries, detail);
            }
            Outcome::Failed | Outcome::Dropped => {
                tracing::error!(target: "doorward::mail", mail, outcome = outcome.as_str(), directory, domain, tries, detail);
            }
        }
    }

    fn show(&self, mail: &'static str, to: &str, subject: &str, text: &str, link: Option<&str>) {
        tracing::info!(target: "doorward::mail", mail, ?to, ?subject, link = link.unwrap_or("-"), ?text, "this is the mail");
    }
}
