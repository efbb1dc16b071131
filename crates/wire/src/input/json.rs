//! JSON with bounds: nesting, and no key twice (RFC 8259 4: what a repeated key means is anybody's guess).

use super::{InputError, MAX_DEPTH, Value};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::{collections::BTreeSet, fmt};

const TOO_DEEP: &str = "Maximum stack depth exceeded";
const REPEATED: &str = "Repeated member name";
const NOT_UTF8: &str = "Malformed UTF-8 characters, possibly incorrectly encoded";

/// The value of the first member of the outermost object, whatever its name.
pub(super) fn read(body: &[u8]) -> Result<Value, InputError> {
    let text = std::str::from_utf8(body).map_err(|_| InputError::Json(NOT_UTF8))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = At(1).deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    match read {
        Ok(Value::Members(members)) => Ok(members.into_iter().next().map_or(Value::Null, |(_, value)| value)),
        Ok(_) => Ok(Value::Other),
        Err(error) => Err(InputError::Json(describe(&error))),
    }
}

/// Our own word for what went wrong: the library's may repeat the input.
fn describe(error: &serde_json::Error) -> &'static str {
    let text = error.to_string();
    [TOO_DEEP, REPEATED].into_iter().find(|known| text.starts_with(known)).unwrap_or("Syntax error")
}

/// Reads a value at this depth; the outermost is 1.
#[derive(Clone, Copy)]
struct At(usize);

impl<'de> DeserializeSeed<'de> for At {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl At {
    /// What a list or object at this depth holds; scalars have no depth of their own.
    fn inner<E: Error>(self) -> Result<At, E> {
        if self.0 > MAX_DEPTH { Err(E::custom(TOO_DEEP)) } else { Ok(At(self.0 + 1)) }
    }
}

impl<'de> Visitor<'de> for At {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut members: Vec<(String, Value)> = Vec::new();
        let mut names = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(REPEATED));
            }
            let value = map.next_value_seed(inner)?;
            members.push((name, value));
        }
        Ok(Value::Members(members))
    }
}
