//! `[store]` and `[sessions]`.

use crate::{reader::Reader, settings::StoreUrl};
use std::{path::Path, time::Duration};
use toml::de::DeTable;

const HERE: &str = "this version stores in SQLite or memory";

pub(crate) fn store(r: &mut Reader<'_>, root: &DeTable<'_>) -> StoreUrl {
    let section = r.section(Some(root), "store");
    let default = StoreUrl::Sqlite(r.files.resolve(Path::new("doorward.db")));
    let Some(text) = r.secret(&section, "url") else { return default };
    if text.value == "memory:" {
        return StoreUrl::Memory;
    }
    if let Some(path) = text.value.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if !path.is_empty() && !path.starts_with(':') {
            return StoreUrl::Sqlite(r.files.resolve(Path::new(path)));
        }
    }
    let scheme = text.value.split(':').next().unwrap_or_default();
    let hint = "write \"sqlite:PATH\" or \"memory:\"";
    if matches!(scheme, "postgres" | "postgresql") {
        r.error_with(text.span, format!("{HERE}, not in PostgreSQL"), hint);
    } else {
        let shown = text.shown();
        r.error_with(text.span, format!("{shown} is no store: {HERE}"), hint);
    }
    default
}

/// Idle timeout and lifetime, from which directories may differ.
#[derive(Clone, Copy)]
pub(crate) struct Lives {
    pub(crate) idle_timeout: Duration,
    pub(crate) lifetime: Duration,
    pub(crate) grace: Duration,
}

/// The longest that an id may be good for after it was replaced.
const LONGEST_GRACE: Duration = Duration::from_secs(5 * 60);

pub(crate) fn sessions(r: &mut Reader<'_>, root: &DeTable<'_>) -> Lives {
    let section = r.section(Some(root), "sessions");
    if let Some(text) = r.secret(&section, "url") {
        let hint = "leave `url` out: sessions are kept in the store";
        r.error_with(text.span, format!("{HERE}, and sessions with the rest"), hint);
    }
    let lives = Lives {
        idle_timeout: r.duration(&section, "idle_timeout", Duration::from_secs(30 * 60)),
        lifetime: r.duration(&section, "lifetime", Duration::from_secs(12 * 3600)),
        grace: r.duration(&section, "grace", Duration::from_secs(30)),
    };
    if lives.grace > LONGEST_GRACE {
        let hint = "requests that are on their way arrive within seconds";
        r.error_with(section.place("grace"), "an id that was replaced may be carried over for at most \"5m\"", hint);
    }
    if lives.idle_timeout > lives.lifetime && section.has("idle_timeout") {
        r.warn(
            section.place("idle_timeout"),
            "sessions end by `lifetime` before they can idle so long",
            "make `lifetime` longer",
        );
    }
    lives
}
