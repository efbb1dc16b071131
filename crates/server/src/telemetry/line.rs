//! One line of the log.

use super::{Format, text};
use doorward_core::Time;
use std::{fmt::Write, net::IpAddr, time::Duration};
use time::OffsetDateTime;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

/// A line that is being written. Names are ours; values may be anybody's and are escaped here, so that no caller can
/// forget it.
pub(super) struct Line {
    format: Format,
    text: String,
}

impl Line {
    /// Begins a line: when, how much it matters, and what kind of event it is.
    pub(super) fn new(format: Format, now: Time, level: Level, kind: &str) -> Self {
        let mut line = Self { format, text: String::with_capacity(384) };
        match format {
            Format::Human => {
                push_time(&mut line.text, now);
                let _ = write!(line.text, " {:<5} {kind}", level.as_str());
            }
            Format::Json => {
                line.text.push_str("{\"time\":\"");
                push_time(&mut line.text, now);
                line.text.push('"');
                line = line.field("level", level.as_str()).field("event", kind);
            }
        }
        line
    }

    /// Adds a text.
    pub(super) fn field(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        match self.format {
            Format::Human => text::push_human(&mut self.text, value),
            Format::Json => text::push_json(&mut self.text, value),
        }
        self
    }

    /// Adds a text unless it is empty or `-`, which says that there is none.
    pub(super) fn known(self, name: &str, value: &str) -> Self {
        if value.is_empty() || value == "-" { self } else { self.field(name, value) }
    }

    /// Adds a number.
    pub(super) fn number(mut self, name: &str, value: u64) -> Self {
        self.name(name);
        let _ = write!(self.text, "{value}");
        self
    }

    /// Adds an address, if it is known.
    pub(super) fn address(mut self, name: &str, value: Option<IpAddr>) -> Self {
        if let Some(value) = value {
            self.name(name);
            let quote = if self.format == Format::Json { "\"" } else { "" };
            let _ = write!(self.text, "{quote}{value}{quote}");
        }
        self
    }

    /// Adds how long something took, in milliseconds with three decimals.
    pub(super) fn took(mut self, name: &str, value: Duration) -> Self {
        self.name(name);
        let micros = value.as_micros();
        let _ = write!(self.text, "{}.{:03}", micros / 1000, micros % 1000);
        self
    }

    /// Ends the line.
    pub(super) fn end(mut self) -> String {
        if self.format == Format::Json {
            self.text.push('}');
        }
        self.text.push('\n');
        self.text
    }

    fn name(&mut self, name: &str) {
        let _ = match self.format {
            Format::Human => write!(self.text, " {name}="),
            Format::Json => write!(self.text, ",\"{name}\":"),
        };
    }
}

/// RFC 3339, UTC, milliseconds.
fn push_time(line: &mut String, now: Time) {
    let seconds = i64::try_from(now.seconds()).unwrap_or(i64::MAX);
    let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (hour, minute, second) = at.to_hms();
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    let _ = write!(line, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", now.0 % 1000);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: Format) -> String {
        Line::new(format, Time(1_732_245_350_007), Level::Warn, "request")
            .field("method", "GET")
            .number("status", 401)
            .address("client", Some(IpAddr::from([127, 0, 0, 1])))
            .took("ms", Duration::from_micros(1_234))
            .known("upstream", "-")
            .field("detail", "two words\n")
            .end()
    }

    #[test]
    fn people_read_one_line_of_names_and_values() {
        assert_eq!(
            line(Format::Human),
            "2024-11-22T03:15:50.007Z warn  request method=GET status=401 client=127.0.0.1 ms=1.234 detail=\"two words\\n\"\n"
        );
    }

    #[test]
    fn machines_read_one_object() {
        let line = line(Format::Json);
        assert_eq!(line.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            value,
            serde_json::json!({
                "time": "2024-11-22T03:15:50.007Z", "level": "warn", "event": "request", "method": "GET", "status": 401,
                "client": "127.0.0.1", "ms": 1.234, "detail": "two words\n",
            })
        );
    }
}
