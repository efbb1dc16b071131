//! The formats in which other programs export, each read one record at a time.

mod csv;
mod json;
mod ldif;

use crate::record::Record;
use serde::Deserialize;
use std::{
    fmt,
    io::{self, BufRead, Read},
    path::Path,
};

/// The longest record, in bytes. What is longer is no row but a mistake, such as a quote that never ends.
pub(crate) const LONGEST_RECORD: u64 = 16 << 20;

/// How a file is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Values separated by commas (RFC 4180) or another character, below a line of names.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// One JSON document with a list of objects.
    Json,
    /// Entries of an LDAP directory (RFC 2849).
    Ldif,
}

impl Format {
    /// The format by the end of a file's name.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" | "tsv" => Some(Format::Csv),
            "jsonl" | "ndjson" => Some(Format::Jsonl),
            "json" => Some(Format::Json),
            "ldif" | "ldf" => Some(Format::Ldif),
            _ => None,
        }
    }
}

/// Details of a format.
#[derive(Clone, Debug)]
pub(crate) struct Dialect {
    pub(crate) format: Format,
    /// What stands between values of CSV.
    pub(crate) delimiter: u8,
    /// What stands before a quote inside a quoted value of CSV, where quotes are not doubled.
    pub(crate) escape: Option<u8>,
    /// Where the list of a JSON document is, as a path of names separated by dots; the document itself when empty.
    pub(crate) list: String,
    /// Texts of CSV that stand for nothing.
    pub(crate) nulls: Vec<String>,
}

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The line on which it begins.
    Line(u64),
    /// Its number in a list.
    Entry(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line(line) => write!(f, "{line}"),
            Place::Entry(entry) => write!(f, "entry {entry}"),
        }
    }
}

/// The rest of a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The system says why.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// What follows this place makes no sense.
    #[error("{0}: {1}")]
    Syntax(Place, String),
    /// It does not have what the mapping needs.
    #[error("{0}")]
    Unfit(String),
    /// Whoever took the rows wants no more.
    #[error("interrupted")]
    Stopped,
}

/// A record that was read, or what is wrong with it.
pub(crate) struct Read1 {
    pub(crate) place: Place,
    pub(crate) record: Result<Record, String>,
}

/// Takes records one after the other; an error ends the reading.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(Read1) -> Result<(), Broken>;

/// Reads all records. `columns` are told of the names of CSV before the first row.
pub(crate) fn read(
    input: &mut dyn BufRead,
    dialect: &Dialect,
    columns: &mut dyn FnMut(&[String]) -> Result<(), Broken>,
    sink: Sink<'_>,
) -> Result<(), Broken> {
    match dialect.format {
        Format::Csv => csv::read(input, dialect, columns, sink),
        Format::Jsonl => json::read_lines(input, sink),
        Format::Json => json::read_list(input, &dialect.list, sink),
        Format::Ldif => ldif::read(input, sink),
    }
}

/// One line of at most [`LONGEST_RECORD`] bytes, without its end; `None` at the end of the input.
fn line(input: &mut dyn BufRead, number: u64, into: &mut Vec<u8>) -> Result<Option<()>, Broken> {
    into.clear();
    if input.take(LONGEST_RECORD + 1).read_until(b'\n', into)? == 0 {
        return Ok(None);
    }
    if into.len() as u64 > LONGEST_RECORD {
        return Err(Broken::Syntax(Place::Line(number), "the line is longer than 16 MiB".into()));
    }
    while into.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        into.pop();
    }
    if number == 1 && into.starts_with("\u{feff}".as_bytes()) {
        into.drain(..3);
    }
    Ok(Some(()))
}

#[cfg(test)]
mod tests;
