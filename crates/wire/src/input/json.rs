//! JSON with bounds: nesting, and no key twice (RFC 8259 4: what a repeated key means is anybody's guess).

use super::{InputError, MAX_DEPTH, Value};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};
use std::fmt;

const TOO_DEEP: &str = "Maximum stack depth exceeded";
const REPEATED: &str = "Repeated member name";
const NOT_UTF8: &str = "Malformed UTF-8 characters, possibly incorrectly encoded";

/// The value of the member of this name of the outermost object or, without a name, of the first one.
pub(super) fn read(body: &[u8], name: Option<&str>) -> Result<Value, InputError> {
    match value(body)? {
        Json::Object(members) => {
            let found = members.into_iter().find(|(member, _)| name.is_none_or(|name| member == name));
            Ok(found.map_or(Value::Null, |(_, value)| plain(value)))
        }
        _ => Ok(Value::Other),
    }
}

fn plain(value: Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::String(text) => Value::Text(text),
        Json::Object(members) => Value::Members(members.into_iter().map(|(name, value)| (name, plain(value))).collect()),
        Json::Bool(_) | Json::Number(_) | Json::Array(_) => Value::Other,
    }
}

/// The whole document.
pub(crate) fn value(body: &[u8]) -> Result<Json, InputError> {
    let text = std::str::from_utf8(body).map_err(|_| InputError::Json(NOT_UTF8))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = At(1).deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    read.map_err(|error| InputError::Json(describe(&error)))
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
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
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
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let inner = self.inner()?;
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            all.push(item);
        }
        Ok(all.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let inner = self.inner()?;
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(REPEATED));
            }
            let value = map.next_value_seed(inner)?;
            members.insert(name, value);
        }
        Ok(members.into())
    }
}
