//! Forward-auth: another proxy asks for a verdict on each request, and sends it on itself if it may pass.
//!
//! ```text
//! original   the one request that a question is about, or why it is none
//! pipeline   the same as for every request, up to the permit
//! verdict    the answer in the form that the proxy understands
//! ```
//!
//! A question is believed from a trusted proxy only. What the proxy sends on is the request that the client sent, so this face
//! refuses wherever the gateway would have changed it: there is nobody to take a header away.

mod original;
mod verdict;

pub(crate) use verdict::{CREDENTIALS, Permitted};

use crate::{
    Body, Gateway, Onward, Snapshot,
    admit::{Admitted, Came, Rejected, admit_as},
    listen::Connection,
};
use doorward_core::forward_auth::ForwardAuth;
use http::{Method, Response, StatusCode, request::Parts};
use original::{Misread, Original, original};
use std::sync::Arc;
use verdict::{Asked, verdict};

impl Gateway {
    /// Answers a question of another proxy.
    pub(crate) async fn answer_question(
        &self,
        now: Arc<Snapshot>,
        endpoint: ForwardAuth,
        parts: Parts,
        connection: &Connection,
    ) -> Response<Body> {
        let believed = now.network.trusts(connection.peer.ip());
        let original = if believed { original(&endpoint, parts, &now.network) } else { Err(STRANGER) };
        let asked = Asked::new(endpoint.convention, original.as_ref().ok());
        // What is said of the connection is said of the proxy's, not of the client's.
        let connection = Connection::plain(connection.peer);
        let face = endpoint.convention.as_str();
        let (mut trace, id) = self.trace(&now, face);
        let admitted = match original {
            Ok(Original { parts, secure }) => admit_original(parts, secure, &connection, &now, id),
            Err(misread) => Err(Box::new(rejected(misread, &connection, id))),
        };
        let answer = self.answer(&now, admitted, &connection, (&mut trace, &mut Onward::Verdict(face))).await;
        let verdict = verdict(answer, &asked);
        trace.answered(verdict.status());
        verdict
    }
}

/// As if the client had sent it to us.
fn admit_original(
    parts: Parts,
    secure: bool,
    connection: &Connection,
    now: &Snapshot,
    id: String,
) -> Result<Box<Admitted>, Box<Rejected>> {
    let came = Came { connection, secure };
    admit_as(parts, Body::Empty, None, came, &now.policy, &now.network, id).map(Box::new)
}

/// Anybody could say anything.
const STRANGER: Misread = Misread {
    status: StatusCode::FORBIDDEN,
    code: "untrusted_proxy",
    detail: "forward-auth was asked by a peer that is not in trusted_proxies",
};

fn rejected(misread: Misread, connection: &Connection, request_id: String) -> Rejected {
    Rejected {
        status: misread.status,
        code: misread.code,
        detail: misread.detail.into(),
        method: Method::GET,
        host: String::new(),
        dialect: doorward_core::policy::Dialect::Problem,
        prefix: String::new(),
        accept: None,
        headed: None,
        client: connection.peer.ip().to_canonical(),
        request_id,
    }
}

#[cfg(test)]
pub(crate) mod tests;
