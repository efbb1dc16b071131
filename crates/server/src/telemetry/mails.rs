//! Mail, as it is logged and counted.

use super::{Level, Line, Telemetry};
use doorward_mail::{Ledger, MailEvent, Outcome};

impl Ledger for Telemetry {
    fn mail(&self, event: &MailEvent<'_>) {
        self.metrics.mail(event.mail, event.outcome.as_str());
        let level = match event.outcome {
            Outcome::Sent => Level::Info,
            Outcome::Delayed => Level::Warn,
            Outcome::Failed | Outcome::Dropped => Level::Error,
        };
        let line = Line::new(self.format, self.clock.now(), level, "mail")
            .field("mail", event.mail)
            .field("outcome", event.outcome.as_str())
            .field("directory", event.directory)
            .field("domain", event.domain)
            .number("tries", event.tries)
            .known("detail", event.detail);
        self.write(line);
    }

    fn show(&self, mail: &'static str, to: &str, subject: &str, text: &str, link: Option<&str>) {
        let line = Line::new(self.format, self.clock.now(), Level::Info, "mail_shown")
            .field("mail", mail)
            .field("to", to)
            .field("subject", subject)
            .known("link", link.unwrap_or("-"))
            .field("text", text);
        self.write(line);
    }
}
