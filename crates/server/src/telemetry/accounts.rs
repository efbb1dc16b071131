//! Audit events of what commands did to accounts and roles.

use super::{Format, Level, Line};
use doorward_core::{Time, ports::Changed};
use doorward_gateway::record::AuditEvent;

/// Gives `write` the audit event of a change, if it is about an account or a role. A session that ends is heard of where
/// it is ended.
pub(crate) fn audited(change: &Changed, write: impl FnOnce(&AuditEvent<'_>)) {
    let mut event = AuditEvent {
        event: "account",
        outcome: "success",
        request_id: "-",
        directory: "-",
        identity: "-",
        login: "",
        client: None,
        method: "-",
        detail: "",
    };
    match change {
        Changed::Account(kind, id, deed) => {
            let (identity, detail) = (format!("{}/{id}", kind.as_str()), format!("store: {}", deed.as_str()));
            write(&AuditEvent { identity: &identity, detail: &detail, ..event });
        }
        Changed::Unlocked(directory, login) => {
            (event.directory, event.login, event.detail) = (directory, login, "store: unlocked");
            write(&event);
        }
        Changed::Role(name, deed) => {
            let detail = format!("store: role {name} {}", deed.as_str());
            write(&AuditEvent { event: "role", detail: &detail, ..event });
        }
        Changed::Everything => {
            event.detail = "store: more changes than it remembers";
            write(&event);
        }
        Changed::Session(_) => {}
    }
}

/// The line of an audit event.
pub(crate) fn audit_line(format: Format, now: Time, event: &AuditEvent<'_>) -> String {
    let level = if event.outcome == "success" { Level::Info } else { Level::Warn };
    Line::new(format, now, level, "audit")
        .field("action", event.event)
        .field("outcome", event.outcome)
        .field("directory", event.directory)
        .field("identity", event.identity)
        .known("login", event.login)
        .address("client", event.client)
        .known("method", event.method)
        .field("request_id", event.request_id)
        .known("detail", event.detail)
        .end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::{Kind, ports::Deed, session::SessionKey};

    #[test]
    fn each_change_of_an_account_or_a_role_is_one_line_and_a_session_none() {
        let line = |change: Changed| {
            let mut lines = Vec::new();
            audited(&change, |event| lines.push(audit_line(Format::Human, Time(1_732_245_350_007), event)));
            assert!(lines.len() <= 1);
            lines.pop().map(|line| line.split_once("audit ").unwrap().1.trim_end().to_owned())
        };
        let rest = "outcome=success directory=- identity=";
        for (change, expected) in [
            (
                Changed::Account(Kind::Admin, 14, Deed::Disabled),
                format!("action=account {rest}admin/14 request_id=- detail=\"store: disabled\""),
            ),
            (
                Changed::Role("clerk\n".into(), Deed::Changed),
                format!("action=role {rest}- request_id=- detail=\"store: role clerk\\n changed\""),
            ),
            (
                Changed::Unlocked("admins".into(), "anna".into()),
                "action=account outcome=success directory=admins identity=- login=anna request_id=- detail=\"store: unlocked\""
                    .to_owned(),
            ),
            (
                Changed::Everything,
                format!("action=account {rest}- request_id=- detail=\"store: more changes than it remembers\""),
            ),
        ] {
            assert_eq!(line(change.clone()).as_deref(), Some(&*expected), "{change:?}");
        }
        assert_eq!(line(Changed::Session(SessionKey([0; 32]))), None);
    }
}
