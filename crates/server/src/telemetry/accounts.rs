//! Audit events of what commands did to accounts and roles.

use super::{Format, Level, Line};
pub(crate) use doorward_assembly::audited;
use doorward_core::Time;
use doorward_gateway::record::AuditEvent;

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
    use doorward_core::{
        Kind,
        ports::{Change, Changed, Deed},
        session::SessionKey,
    };

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
