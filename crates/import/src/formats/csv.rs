//! Comma-separated values.

use super::{Broken, Dialect, LONGEST_RECORD, Place, Read1, Sink};
use crate::record::Record;
use csv::{ByteRecord, ReaderBuilder};
use serde_json::{Map, Value};
use std::{
    cell::RefCell,
    collections::VecDeque,
    io::{self, BufRead, Read},
};

/// What was read and not yet passed, which tells the lines of rows: the reader of CSV counts a line break of two
/// characters with the row after it.
struct Window {
    /// Where the first byte stands in the file.
    base: u64,
    /// And on which line.
    line: u64,
    bytes: VecDeque<u8>,
}

impl Window {
    /// The line of the row that begins at this byte, or behind line breaks from there on.
    fn line_at(&mut self, offset: u64) -> u64 {
        while let Some(byte) = self.bytes.front() {
            if self.base >= offset && !matches!(byte, b'\n' | b'\r') {
                break;
            }
            self.line += u64::from(*byte == b'\n');
            self.base += 1;
            self.bytes.pop_front();
        }
        self.line
    }
}

/// Ends the reading when a record takes more than [`LONGEST_RECORD`].
struct Bounded<'a> {
    input: &'a mut dyn BufRead,
    window: &'a RefCell<Window>,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        let mut window = self.window.borrow_mut();
        window.bytes.extend(buffer.iter().take(count));
        if window.bytes.len() as u64 > LONGEST_RECORD {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a row is longer than 16 MiB; is a quote missing?"));
        }
        Ok(count)
    }
}

pub(super) fn read(
    input: &mut dyn BufRead,
    dialect: &Dialect,
    columns: &mut dyn FnMut(&[String]) -> Result<(), Broken>,
    sink: Sink<'_>,
) -> Result<(), Broken> {
    let window = RefCell::new(Window { base: 0, line: 1, bytes: VecDeque::new() });
    let mut builder = ReaderBuilder::new();
    builder.delimiter(dialect.delimiter).flexible(true).has_headers(false);
    if let Some(escape) = dialect.escape {
        builder.double_quote(false).escape(Some(escape));
    }
    let mut reader = builder.from_reader(Bounded { input, window: &window });
    let mut row = ByteRecord::new();
    let mut names: Option<Vec<String>> = None;
    loop {
        let begin = reader.position().byte();
        let read = reader.read_byte_record(&mut row);
        let line = window.borrow_mut().line_at(begin);
        match read {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err(Broken::Syntax(Place::Line(line), error.to_string())),
        }
        let Some(names) = &names else {
            let header = header(&row).map_err(|flaw| Broken::Syntax(Place::Line(line), flaw))?;
            columns(&header)?;
            names = Some(header);
            continue;
        };
        sink(Read1 { place: Place::Line(line), record: record(names, &row, dialect) })?;
    }
    match names {
        Some(_) => Ok(()),
        None => Err(Broken::Unfit("is empty: its first line must name the columns".into())),
    }
}

fn header(row: &ByteRecord) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    for name in row {
        let name = std::str::from_utf8(name).map_err(|_| "the names of columns are not UTF-8")?;
        let name = name.trim_start_matches('\u{feff}').trim().to_owned();
        if !name.is_empty() && names.contains(&name) {
            return Err(format!("two columns are named {name:?}"));
        }
        names.push(name);
    }
    Ok(names)
}

fn record(names: &[String], row: &ByteRecord, dialect: &Dialect) -> Result<Record, String> {
    if row.len() != names.len() {
        return Err(format!("the row has {} values for {} columns", row.len(), names.len()));
    }
    let mut members = Map::new();
    for (name, value) in names.iter().zip(row) {
        let text = std::str::from_utf8(value).map_err(|_| format!("the column {name:?} is not UTF-8"))?;
        let null = text.is_empty() || dialect.nulls.iter().any(|null| null == text);
        members.insert(name.clone(), if null { Value::Null } else { Value::from(text) });
    }
    Ok(Record(members))
}
