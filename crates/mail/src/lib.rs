//! Mail to people who have an account: templates, a queue, and the ways that mail takes: SMTP, the log, a folder.
//!
//! [`Mailer`] takes a [`doorward_core::mail::Letter`] without waiting, writes it from a template and hands it over in the
//! background, again and again for a while if it must. Nobody who signs up or forgets a password waits for a mail server,
//! and nobody can tell from the time that an answer takes whether a mail was sent.

mod address;
mod deliver;
mod mailer;
mod message;
mod templates;
mod transport;

pub use address::Mailbox;
pub use mailer::{Ledger, MailEvent, Mailer, Outcome, Patience};
pub use templates::{BadTemplate, Templates};
pub use transport::{Certificates, Encryption, Smtp, Transport, UrlError};

use std::sync::Arc;

/// How mail is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The way that it takes.
    pub transport: Transport,
    /// Who sends it.
    pub from: Mailbox,
    /// Where answers go, if not there.
    pub reply_to: Option<Mailbox>,
    /// What is written.
    pub templates: Arc<Templates>,
}
