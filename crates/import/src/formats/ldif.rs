//! Entries of an LDAP directory (RFC 2849): lines `name: value`, `name:: base64`, folded by a space, separated by empty
//! lines. Names are in lower case, options behind `;` dropped; an attribute with several values is a list.

use super::{Broken, LONGEST_RECORD, Place, Read1, Sink, line};
use crate::record::Record;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::io::BufRead;

#[derive(Default)]
struct Entry {
    line: u64,
    record: Record,
    /// The line that may still go on.
    open: Vec<u8>,
    flaw: Option<String>,
    bytes: u64,
}

pub(super) fn read(input: &mut dyn BufRead, sink: Sink<'_>) -> Result<(), Broken> {
    let (mut bytes, mut number) = (Vec::new(), 0);
    let mut entry = Entry::default();
    while line(input, number + 1, &mut bytes)?.is_some() {
        number += 1;
        entry.bytes += bytes.len() as u64;
        if entry.bytes > LONGEST_RECORD {
            return Err(Broken::Syntax(Place::Line(entry.line), "the entry is longer than 16 MiB".into()));
        }
        match bytes.first() {
            None => std::mem::take(&mut entry).finish(sink)?,
            Some(b' ') => entry.open.extend_from_slice(bytes.get(1..).unwrap_or_default()),
            Some(_) => {
                entry.close();
                if entry.line == 0 {
                    entry.line = number;
                }
                entry.open.clone_from(&bytes);
            }
        }
    }
    entry.finish(sink)
}

impl Entry {
    fn close(&mut self) {
        let open = std::mem::take(&mut self.open);
        if let Err(flaw) = self.add(&open) {
            self.flaw.get_or_insert(flaw);
        }
    }

    fn add(&mut self, open: &[u8]) -> Result<(), String> {
        if open.is_empty() || open.starts_with(b"#") {
            return Ok(());
        }
        let text = std::str::from_utf8(open).map_err(|_| "a line is not UTF-8")?;
        let (name, value) = text.split_once(':').ok_or("a line has no colon")?;
        let name = name.split(';').next().unwrap_or_default().to_lowercase();
        if name == "version" && self.record.0.is_empty() {
            return Ok(());
        }
        let value = match value.strip_prefix(':') {
            Some(encoded) => {
                let bytes = STANDARD.decode(encoded.trim()).map_err(|_| format!("the attribute {name} is no base64"))?;
                match String::from_utf8(bytes) {
                    Ok(text) => text,
                    // A picture or a key: nothing that an account has.
                    Err(_) => return Ok(()),
                }
            }
            // A value elsewhere is never fetched.
            None if value.starts_with('<') => return Ok(()),
            None => value.trim_start_matches(' ').to_owned(),
        };
        match self.record.0.get_mut(&name) {
            Some(Value::Array(values)) => values.push(value.into()),
            Some(first) => {
                let values = vec![first.take(), value.into()];
                *first = Value::Array(values);
            }
            None => {
                self.record.0.insert(name, value.into());
            }
        }
        Ok(())
    }

    fn finish(mut self, sink: Sink<'_>) -> Result<(), Broken> {
        self.close();
        if self.record.0.is_empty() && self.flaw.is_none() {
            return Ok(());
        }
        let record = match self.flaw {
            Some(flaw) => Err(flaw),
            None => Ok(self.record),
        };
        sink(Read1 { place: Place::Line(self.line), record })
    }
}
