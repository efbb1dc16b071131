//! Text for people: tables, times, suggestions; and what a name may hold.

use super::terminal::Failure;
use doorward_core::{Time, name};
use std::fmt::{self, Display};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Columns that stand one below the other, under a head.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// How wide each column is at least.
    widths: Vec<usize>,
}

impl Table {
    /// A table with this head and no rows yet.
    pub(crate) fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(ToString::to_string).collect()], widths: Vec::new() }
    }

    /// A table that goes below this one and has no head of its own: its columns stand below those of this one, unless
    /// something in them is longer.
    pub(crate) fn below(&self) -> Self {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0).max(self.widths.len());
        Self { rows: Vec::new(), widths: (0..columns).map(|column| self.width(column)).collect() }
    }

    /// Adds a row; its cells are made harmless for a terminal.
    pub(crate) fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.rows.push(cells.map(harmless).into());
    }

    /// Whether there is nothing to say, not even a head.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(self.widths.get(column).copied()).max().unwrap_or(0)
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(|column| self.width(column)).collect();
        for (number, row) in self.rows.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:<width$}  "));
            }
            f.write_str(line.trim_end())?;
        }
        Ok(())
    }
}

/// The text without what moves a terminal's cursor, changes its colours, hides or reorders.
pub(crate) fn harmless(text: &str) -> String {
    name::harmless(text).into_owned()
}

/// `2026-01-31T12:00:00Z` (RFC 3339).
pub(crate) fn moment(time: Time) -> String {
    i64::try_from(time.seconds())
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("@{}", time.seconds()))
}

/// `; did you mean "a" or "b"?`, or nothing when no candidate is near.
pub(crate) fn suggestions<'c>(wrong: &str, candidates: impl IntoIterator<Item = &'c str>) -> String {
    let mut near: Vec<(f64, &str)> = candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&wrong.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness > 0.85)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let near: Vec<String> = near.iter().take(3).map(|(_, candidate)| format!("\"{candidate}\"")).collect();
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
}

/// Whether `text` may name a new account or role; `what` says which.
pub(crate) fn new_name(what: &str, text: &str) -> Result<(), Failure> {
    name::flaw(text).map_or(Ok(()), |flaw| Err(Failure::usage(format_args!("a {what} {flaw}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_one_below_the_other_and_harm_no_terminal() {
        let mut table = Table::new(&["NAME", "N"]);
        table.row(["Örs", "1"]);
        table.row(["\u{1b}[31mred", ""]);
        assert_eq!(table.to_string(), "NAME      N\nÖrs       1\n\u{fffd}[31mred");
    }

    #[test]
    fn a_table_goes_on_below_another_one() {
        let mut table = Table::new(&["NAME", "N", "M"]);
        table.row(["anna", "1", "x"]);
        let mut below = table.below();
        assert!(below.is_empty() && below.to_string().is_empty());
        below.row(["b", "22", "y"]);
        below.row(["a longer one", "3", "z"]);
        assert_eq!(format!("{table}\n{below}"), "NAME  N  M\nanna  1  x\nb             22  y\na longer one  3   z");
        assert_eq!(table.below().below().widths, table.below().widths, "a page without rows changes nothing");
    }

    #[test]
    fn moments_are_written_as_rfc_3339() {
        assert_eq!(moment(Time(1_700_000_000_999)), "2023-11-14T22:13:20Z");
        assert_eq!(moment(Time(u64::MAX)), "@18446744073709551");
    }

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["Magento_Sales::sales", "Magento_Sales::sale", "Magento_Tax::manage_tax"];
        let near = suggestions("Magento_Sales::salez", known);
        assert!(near.starts_with("; did you mean \"Magento_Sales::sale"), "{near}");
        assert_eq!(suggestions("zzz", known), "");
    }

    #[test]
    fn refuses_names_that_cannot_be_read_back() {
        for wrong in ["", " a", "a ", "a\nb", "a\u{1b}b", "a\u{202e}b", "a\u{200b}", &"x".repeat(256)] {
            assert!(new_name("login", wrong).is_err(), "{wrong:?} was taken");
        }
        for fine in ["a", "jane@example.com", "Jane Doe", "partners/acme"] {
            assert!(new_name("login", fine).is_ok(), "{fine:?} was refused");
        }
    }
}
