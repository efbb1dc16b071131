//! JSON, a line or an item of a list at a time.

use super::{Broken, Place, Read1, Sink, line};
use crate::record::Record;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::{fmt, io::BufRead};

pub(super) fn read_lines(input: &mut dyn BufRead, sink: Sink<'_>) -> Result<(), Broken> {
    let mut bytes = Vec::new();
    let mut number = 0;
    while line(input, number + 1, &mut bytes)?.is_some() {
        number += 1;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let record = match serde_json::from_slice(&bytes) {
            Ok(Value::Object(members)) => Ok(Record(members)),
            Ok(_) => Err("the line is no JSON object".into()),
            // Its words repeat nothing of the line but single characters; the line number it gives is always 1.
            Err(error) => Err(format!("the line is no JSON: column {}", error.column())),
        };
        sink(Read1 { place: Place::Line(number), record })?;
    }
    Ok(())
}

/// The objects of the list at `path` of one document, each forgotten before the next is read.
pub(super) fn read_list(input: &mut dyn BufRead, path: &str, sink: Sink<'_>) -> Result<(), Broken> {
    let mut state = State { sink, number: 0, found: false, stopped: None };
    let steps: Vec<&str> = path.split('.').filter(|step| !step.is_empty()).collect();
    let mut deserializer = serde_json::Deserializer::from_reader(input);
    let done = Walk { steps: &steps, state: &mut state }.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    if let Some(stopped) = state.stopped {
        return Err(stopped);
    }
    if let Err(error) = done {
        let why = format!("the document is no sound JSON at line {}, column {}", error.line(), error.column());
        return Err(Broken::Syntax(Place::Entry(state.number + 1), why));
    }
    if state.found { Ok(()) } else { Err(Broken::Unfit(format!("has no list {path:?}"))) }
}

struct State<'s> {
    sink: Sink<'s>,
    number: u64,
    found: bool,
    stopped: Option<Broken>,
}

/// On the way to the list, or in it once no step is left.
struct Walk<'w, 's> {
    steps: &'w [&'w str],
    state: &'w mut State<'s>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match self.steps.split_first() {
                Some((first, rest)) if *first == name => map.next_value_seed(Walk { steps: rest, state: &mut *self.state })?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if !self.steps.is_empty() {
            // A list of realms, each with a list of users.
            while list.next_element_seed(Walk { steps: self.steps, state: &mut *self.state })?.is_some() {}
            return Ok(());
        }
        self.state.found = true;
        while let Some(value) = list.next_element::<Value>()? {
            self.state.number += 1;
            let record = match value {
                Value::Object(members) => Ok(Record(members)),
                _ => Err("the entry is no JSON object".into()),
            };
            if let Err(stopped) = (self.state.sink)(Read1 { place: Place::Entry(self.state.number), record }) {
                self.state.stopped = Some(stopped);
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }

    // Whatever else stands where a list was hoped for is no list.
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
