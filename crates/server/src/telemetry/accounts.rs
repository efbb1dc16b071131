//! Audit events of what commands did to accounts and roles.

use super::{Format, Level, Line};
use doorward_core::{
    Time,
    ports::{Change, Changed, Deed},
};
use doorward_gateway::record::AuditEvent;

/// Gives `write` the audit event of a change, if it is about an account or a role that a command changed. It carries the id
/// of the run where a request would have its own. What an endpoint changed was written down there, with its request; a session
/// that ends by itself is heard of where it is ended.
pub(crate) fn audited(change: &Change, write: impl FnOnce(&AuditEvent<'_>)) {
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
    use doorward_core::{Kind, session::SessionKey};

    #[test]
    fn each_change_of_an_account_or_a_role_is_one_line_and_a_session_none() {
        let line = |what: Changed, run: Option<&str>| {
            let whose = matches!(what, Changed::Account(..)).then(|| ("admins".into(), "anna".into()));
            let change = Change { sequence: 1, what, whose, run: run.map(Into::into) };
            let mut lines = Vec::new();
            audited(&change, |event| lines.push(audit_line(Format::Human, Time(1_732_245_350_007), event)));
            assert!(lines.len() <= 1);
            lines.pop().map(|line| line.split_once("audit ").unwrap().1.trim_end().to_owned())
        };
        for (change, run, expected) in [
            (
                Changed::Account(Kind::Admin, 14, Deed::Disabled),
                Some("5f2c"),
                "action=account outcome=success directory=admins identity=admin/14 login=anna request_id=5f2c \
                 detail=\"command: disabled\"",
            ),
            (
                Changed::Account(Kind::Admin, 14, Deed::Sessions),
                Some("5f2c"),
                "action=session outcome=success directory=admins identity=admin/14 login=anna request_id=5f2c \
                 detail=\"command: sessions ended\"",
            ),
            (
                Changed::Role("clerk\n".into(), Deed::Changed),
                Some("5f2c"),
                "action=role outcome=success directory=- identity=- request_id=5f2c detail=\"command: role clerk\\n changed\"",
            ),
            (
                Changed::Client("shop".into(), Deed::Password),
                Some("5f2c"),
                "action=client outcome=success directory=- identity=client/shop request_id=5f2c detail=\"command: password\"",
            ),
            (
                Changed::Unlocked("admins".into(), "anna".into()),
                Some("5f2c"),
                "action=account outcome=success directory=admins identity=- login=anna request_id=5f2c detail=\"command: unlocked\"",
            ),
            (
                Changed::Everything,
                None,
                "action=account outcome=success directory=- identity=- request_id=- \
                 detail=\"store: more changes than it remembers\"",
            ),
        ] {
            assert_eq!(line(change.clone(), run).as_deref(), Some(expected), "{change:?}");
        }
        assert_eq!(line(Changed::Session(SessionKey([0; 32])), Some("5f2c")), None);
        // Endpoints write down themselves what they change.
        let own = [
            Changed::Account(Kind::Customer, 1, Deed::Password),
            Changed::Unlocked("customers".into(), "anna".into()),
            Changed::Role("clerk".into(), Deed::Changed),
            Changed::Groups,
        ];
        assert!(own.into_iter().all(|change| line(change, None).is_none()));
    }
}
