//! A mail as it goes over the wire (RFC 5322, MIME).

use crate::{Mailbox, Setup, templates::Written};
use doorward_core::{Time, ports::Entropy};
use lettre::message::{
    Message, MultiPart, MultiPartBuilder, SinglePart,
    header::{HeaderName, HeaderValue},
};
use std::time::{Duration, UNIX_EPOCH};

/// The message; it says that a machine wrote it (RFC 3834), so that no machine answers.
pub(crate) fn build(
    setup: &Setup,
    to: &Mailbox,
    written: Written,
    now: Time,
    entropy: &dyn Entropy,
) -> Result<Message, lettre::error::Error> {
    let mut builder = Message::builder()
        .from(setup.from.0.clone())
        .to(to.0.clone())
        .date(UNIX_EPOCH + Duration::from_millis(now.0))
        .message_id(Some(format!("<{}@{}>", token(entropy), setup.from.domain())))
        .subject(written.subject)
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into()));
    if let Some(reply_to) = &setup.reply_to {
        builder = builder.reply_to(reply_to.0.clone());
    }
    let both: MultiPartBuilder = MultiPart::alternative().boundary(token(entropy));
    builder.multipart(both.singlepart(SinglePart::plain(written.text)).singlepart(SinglePart::html(written.html)))
}

/// 128 unpredictable bits in hexadecimal.
pub(crate) fn token(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Templates, Transport, templates::samples};
    use std::sync::Arc;

    struct Fixed;
    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(0xab);
        }
    }

    fn setup() -> Setup {
        Setup {
            transport: Transport::Log,
            from: "Änna's Shop <shop@example.com>".parse().unwrap(),
            reply_to: Some("help@example.com".parse().unwrap()),
            templates: Arc::new(Templates::built_in()),
        }
    }

    fn formatted(subject: &str) -> String {
        let to = Mailbox::of_account("anna@example.net").unwrap();
        let written = Written { subject: subject.into(), text: "Text\n".into(), html: "<p>HTML</p>\n".into() };
        String::from_utf8(build(&setup(), &to, written, Time(0), &Fixed).unwrap().formatted()).unwrap()
    }

    #[test]
    fn a_mail_has_the_headers_that_it_needs() {
        let mail = formatted("Hello");
        let (head, body) = mail.split_once("\r\n\r\n").unwrap();
        for line in [
            "To: anna@example.net",
            "Reply-To: help@example.com",
            "Date: Thu, 01 Jan 1970 00:00:00 +0000",
            "Message-ID: <abababababababababababababababab@example.com>",
            "Subject: Hello",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
        ] {
            assert_eq!(head.lines().filter(|each| *each == line).count(), 1, "{line} in {head}");
        }
        assert!(head.contains("From: =?utf-8?b?") && head.contains("<shop@example.com>"), "{head}");
        assert!(body.contains("Text\r\n") && body.contains("<p>HTML</p>\r\n"), "{body}");
    }

    #[test]
    fn no_value_becomes_a_header() {
        for subject in ["a\r\nBcc: all@example.com", "a\nBcc: all@example.com", "a\r\n\r\nbody", "ü\r\nBcc: all@example.com"] {
            let mail = formatted(subject);
            let (head, _) = mail.split_once("\r\n\r\n").unwrap();
            assert!(!head.to_lowercase().contains("\nbcc:"), "{head}");
            assert!(head.contains("Auto-Submitted") && head.contains("Message-ID"), "the head does not end early: {head}");
        }
    }

    #[test]
    fn every_sample_can_be_sent() {
        for letter in samples() {
            let written = Templates::built_in().write(&letter, "https://shop.example.com").unwrap();
            let to = Mailbox::of_account(&letter.to).unwrap();
            assert!(build(&setup(), &to, written, Time(0), &Fixed).is_ok());
        }
    }
}
