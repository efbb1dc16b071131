//! What others did to accounts and roles, for the audit log.

use doorward_core::ports::{Change, Changed, Deed};
use doorward_gateway::record::AuditEvent;

/// Gives `write` the audit event of a change, if it is about an account or a role that a command changed. It carries the id
/// of the run where a request would have its own. What an endpoint changed was written down there, with its request; a session
/// that ends by itself is heard of where it is ended.
pub fn audited(change: &Change, write: impl FnOnce(&AuditEvent<'_>)) {
    let who = if change.run.is_some() { "command" } else { "store" };
    let (directory, login) = change.whose.as_ref().map_or(("-", ""), |(directory, login)| (&**directory, &**login));
    let event = AuditEvent {
        event: "account",
        outcome: "success",
        request_id: change.run.as_deref().unwrap_or("-"),
        directory,
        identity: "-",
        login,
        client: None,
        method: "-",
        detail: "",
    };
    match &change.what {
        Changed::Account(..) | Changed::Unlocked(..) | Changed::Role(..) if change.run.is_none() => {}
        Changed::Account(kind, id, deed) => {
            let (identity, detail) = (format!("{}/{id}", kind.as_str()), format!("{who}: {}", deed.as_str()));
            let event_name = if *deed == Deed::Sessions { "session" } else { event.event };
            write(&AuditEvent { event: event_name, identity: &identity, detail: &detail, ..event });
        }
        Changed::Unlocked(directory, login) => {
            write(&AuditEvent { directory, login, detail: &format!("{who}: unlocked"), ..event });
        }
        Changed::Role(name, deed) => {
            let detail = format!("{who}: role {name} {}", deed.as_str());
            write(&AuditEvent { event: "role", detail: &detail, ..event });
        }
        Changed::Keys(purpose) => write(&AuditEvent { event: "key", detail: &format!("{who}: keys for {purpose}"), ..event }),
        Changed::Everything => write(&AuditEvent { detail: "store: more changes than it remembers", ..event }),
        Changed::Client(id, deed) => {
            let (identity, detail) = (format!("client/{id}"), format!("{who}: {}", deed.as_str()));
            write(&AuditEvent { event: "client", identity: &identity, detail: &detail, ..event });
        }
        Changed::Session(_) | Changed::Groups | Changed::AccessToken(_) => {}
    }
}
