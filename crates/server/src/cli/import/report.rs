//! What became of the rows, while it goes on and in the end.

use crate::cli::{Answer, Failure, args::ImportArgs, context::Context, text::harmless};
use doorward_core::ports::{Imported, StoreError};
use doorward_import::Place;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::PathBuf,
    time::{Duration, Instant},
};

/// Bad rows that the JSON document repeats; all of them are counted.
const MOST_REPEATED: usize = 1000;
/// How often the bar is drawn anew.
const REDRAW: Duration = Duration::from_millis(100);
/// How long the bar is.
const WIDTH: u64 = 30;

/// What became of the rows.
pub(super) struct Report {
    file: PathBuf,
    directory: String,
    size: u64,
    pub(super) dry_run: bool,
    pub(super) added: u64,
    pub(super) there: u64,
    pub(super) left_out: u64,
    pub(super) without_password: u64,
    pub(super) need_crypt_keys: u64,
    pub(super) roles_made: u64,
    /// Rows that an earlier run had behind it.
    pub(super) resumed: u64,
    /// All rows so far, those of earlier runs among them.
    pub(super) rows: u64,
    pub(super) unknown_websites: BTreeSet<u32>,
    pub(super) took: Duration,
    families: BTreeMap<&'static str, u64>,
    bad: u64,
    repeated: Vec<Value>,
    began: Instant,
    drawn: Option<Instant>,
}

impl Report {
    pub(super) fn new(arguments: &ImportArgs, size: u64) -> Self {
        Self {
            file: arguments.data.clone(),
            directory: arguments.directory.clone(),
            size,
            dry_run: arguments.dry_run,
            added: 0,
            there: 0,
            left_out: 0,
            without_password: 0,
            need_crypt_keys: 0,
            roles_made: 0,
            resumed: 0,
            rows: 0,
            unknown_websites: BTreeSet::new(),
            took: Duration::ZERO,
            families: BTreeMap::new(),
            bad: 0,
            repeated: Vec::new(),
            began: Instant::now(),
            drawn: None,
        }
    }

    pub(super) fn count_family(&mut self, family: &'static str) {
        *self.families.entry(family).or_default() += 1;
    }

    /// A bad row: said at once, with its place.
    pub(super) fn bad(&mut self, context: &mut Context<'_>, place: Place, flaw: String) -> Result<(), Failure> {
        self.bad += 1;
        if self.repeated.len() < MOST_REPEATED {
            self.repeated.push(match place {
                Place::Line(line) => json!({ "line": line, "error": flaw }),
                Place::Entry(entry) => json!({ "entry": entry, "error": flaw }),
            });
        }
        context.terminal.clear_progress()?;
        context.terminal.warn(format_args!("{}:{place}: {}", self.file.display(), harmless(&flaw)))
    }

    /// What the store said of a row.
    pub(super) fn stored(
        &mut self,
        context: &mut Context<'_>,
        place: Place,
        answer: Result<Imported, StoreError>,
    ) -> Result<(), Failure> {
        match answer {
            Ok(Imported::Added) => self.added += 1,
            Ok(Imported::There) => self.there += 1,
            Err(refusal) => self.bad(context, place, refusal.to_string())?,
        }
        Ok(())
    }

    /// Draws the bar, now and then.
    pub(super) fn progress(&mut self, context: &mut Context<'_>, behind: u64, bytes: u64) -> Result<(), Failure> {
        self.rows = behind;
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW) {
            self.drawn = Some(Instant::now());
            let bar = bar(bytes, self.size, behind, behind - self.resumed.min(behind), self.began.elapsed(), self.bad);
            context.terminal.progress(&bar)?;
        }
        Ok(())
    }

    /// For an import that ends before its time.
    pub(super) fn so_far(&self) -> String {
        format!("; {} rows before it were taken in, and the same command goes on from there", self.rows)
    }

    /// Says it all, and writes it down where something was changed.
    pub(super) async fn end(mut self, context: &mut Context<'_>) -> Result<Answer, Failure> {
        self.rows = self.rows.max(self.resumed);
        context.terminal.clear_progress()?;
        if !self.dry_run && self.added + self.roles_made > 0 {
            let detail = format!("command: {} added, {} bad, from {}", self.added, self.bad, self.file.display());
            context.audit_import(&self.directory, &detail).await?;
        }
        for warning in self.warnings() {
            context.terminal.warn(format_args!("warning: {warning}"))?;
        }
        context.terminal.say(self.text(), &self.document())?;
        Ok(if self.bad == 0 { Answer::Done } else { Answer::No })
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.need_crypt_keys > 0 {
            let count = self.need_crypt_keys;
            warnings.push(format!(
                "{count} password hashes have no salt and verify only once `[passwords] magento_crypt_keys` names the old shop's key"
            ));
        }
        if !self.unknown_websites.is_empty() {
            let all: Vec<String> = self.unknown_websites.iter().map(u32::to_string).collect();
            warnings.push(format!("the configuration has no [[store_view]] of website {}", all.join(", ")));
        }
        warnings
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let verb = if self.dry_run { "would import" } else { "imported" };
        // Writing to a String cannot fail.
        let _ = write!(text, "{verb} {} of {} rows of {}", self.added, self.rows, self.file.display());
        for (count, what) in [
            (self.resumed, "were taken in by an earlier run"),
            (self.there, "were there already"),
            (self.left_out, "left out"),
            (self.bad, "bad"),
        ] {
            if count > 0 {
                let _ = write!(text, ", {count} {what}");
            }
        }
        if self.roles_made > 0 {
            let _ = write!(text, "; made {} roles that grant nothing yet", self.roles_made);
        }
        if !self.families.is_empty() {
            let all: Vec<String> = self.families.iter().map(|(family, count)| format!("{count} {family}")).collect();
            let _ = write!(text, "\npassword hashes: {}, none {}", all.join(", "), self.without_password);
        }
        text
    }

    fn document(&self) -> Value {
        let seconds = self.took.as_secs_f64();
        json!({
            "file": self.file.display().to_string(),
            "directory": self.directory,
            "dry_run": self.dry_run,
            "rows": self.rows,
            "imported": self.added,
            "earlier": self.resumed,
            "there": self.there,
            "left_out": self.left_out,
            "bad": self.bad,
            "errors": self.repeated,
            "roles_made": self.roles_made,
            "password_hashes": self.families,
            "without_password": self.without_password,
            "need_crypt_keys": self.need_crypt_keys,
            "seconds": seconds,
        })
    }
}

/// `[#########.....................]  30 %  45000 rows, 21000 a second, 3 bad`
fn bar(bytes: u64, size: u64, rows: u64, now: u64, took: Duration, bad: u64) -> String {
    let size = size.max(1);
    let done = bytes.min(size);
    let filled = done * WIDTH / size;
    let mut text = String::from("[");
    (0..WIDTH).for_each(|at| text.push(if at < filled { '#' } else { '.' }));
    let per_second = now as f64 / took.as_secs_f64().max(0.001);
    // Writing to a String cannot fail.
    let _ = write!(text, "] {:3} %  {rows} rows, {per_second:.0} a second", done * 100 / size);
    if bad > 0 {
        let _ = write!(text, ", {bad} bad");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_shows_how_far_it_came() {
        let half = bar(50, 100, 1500, 1000, Duration::from_secs(2), 3);
        assert_eq!(half, "[###############...............]  50 %  1500 rows, 500 a second, 3 bad");
        let none = bar(0, 0, 0, 0, Duration::ZERO, 0);
        assert!(none.starts_with("[..............................]   0 %  0 rows, 0"), "{none}");
        assert!(bar(200, 100, 1, 1, Duration::from_secs(1), 0).contains("] 100 %  1 rows, 1 a second"));
    }
}
