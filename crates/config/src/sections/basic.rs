//! `[basic]`.

use crate::{reader::Reader, settings::Basic, units};
use std::time::Duration;
use toml::de::{DeTable, DeValue};

/// The longest that a pair may be trusted without another look at the password.
const LONGEST: Duration = Duration::from_secs(3600);

pub(crate) fn read(r: &mut Reader<'_>, root: &DeTable<'_>) -> Basic {
    let section = r.section(Some(root), "basic");
    let default = Basic::default();
    let zero = section.value("cache").is_some_and(|value| match value.get_ref() {
        DeValue::Integer(number) => number.as_str() == "0",
        _ => false,
    });
    let text = if zero { None } else { r.text(&section, "cache") };
    let given = text.and_then(|text| r.parsed(&text, span));
    let cache = if zero { Duration::ZERO } else { given.unwrap_or(default.cache) };
    if cache > LONGEST {
        r.error(section.place("cache"), "a pair is trusted for an hour at most");
    }
    Basic { cache, entries: r.count(&section, "entries", 1, default.entries) }
}

/// A duration that may be none at all.
fn span(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s") { Ok(Duration::ZERO) } else { units::duration(text) }
}
