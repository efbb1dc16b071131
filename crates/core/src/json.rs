//! JSON that can be read in one way only: no object in it has two members of one name, at any depth. What a second reader
//! makes of a repeated name is anybody's guess (RFC 8259, 4).

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::{collections::HashSet, fmt};

/// When two names are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// When they are the same, letter for letter.
    Exact,
    /// When they differ in case alone, too: services may read them as one.
    AnyCase,
}

/// The value that `bytes` are.
///
/// # Errors
/// They are no JSON, or a name is repeated. The text may hold input.
pub fn read(bytes: &[u8], names: Names) -> serde_json::Result<Value> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = names.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// The object that `bytes` are; `None` for everything else.
pub fn object(bytes: &[u8], names: Names) -> Option<Map<String, Value>> {
    match read(bytes, names).ok()? {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

impl<'de> DeserializeSeed<'de> for Names {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Names {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated names")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self)? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let (mut members, mut folded) = (Map::new(), HashSet::new());
        while let Some(name) = map.next_key::<String>()? {
            let repeated = match self {
                Names::Exact => members.contains_key(&name),
                Names::AnyCase => !folded.insert(name.to_lowercase()),
            };
            if repeated {
                return Err(A::Error::custom("a name is repeated"));
            }
            let value = map.next_value_seed(self)?;
            members.insert(name, value);
        }
        Ok(members.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_repeated_names_at_any_depth() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
            "",
            "{",
            "{} {}",
            r#"{"a":1,}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":1e999}"#,
            r#"{"a":NaN}"#,
            "{\"a\":\"\u{1}\"}",
        ] {
            for names in [Names::Exact, Names::AnyCase] {
                assert!(read(text.as_bytes(), names).is_err(), "{text}");
            }
        }
        assert!(read(b"{\"a\":\"\xff\"}", Names::Exact).is_err());
        for text in ["[]", "null", "1", "\"{}\""] {
            assert_eq!(object(text.as_bytes(), Names::Exact), None, "{text}");
        }
        assert!(read(format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200)).as_bytes(), Names::Exact).is_err());
    }

    #[test]
    fn names_that_differ_in_case_are_two_or_one() {
        for text in [r#"{"a":1,"A":2}"#, r#"{"x":[{"customerId":1,"CUSTOMERID":2}]}"#, r#"{"\u00c9":1,"\u00e9":2}"#] {
            assert!(read(text.as_bytes(), Names::Exact).is_ok(), "{text}");
            assert!(read(text.as_bytes(), Names::AnyCase).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_everything_else_as_the_library_does() {
        let text = r#"{"n":null,"t":true,"i":-1,"u":18446744073709551615,"f":1.5,"s":"\u00e9","l":[1,{"x":{}}]}"#;
        let plain: Value = serde_json::from_str(text).unwrap();
        for names in [Names::Exact, Names::AnyCase] {
            assert_eq!(read(text.as_bytes(), names).unwrap(), plain);
        }
    }
}
