//! Enrich: the parameters that a rule sets for the caller (magento-webapi 3.4).
//!
//! A forced parameter replaces whatever the client sent under any name that the service may read as the same one:
//! `customerId`, `customer_id`, `Customer-ID`, `customer[id]`, escaped or not. It is taken from the query always, for
//! services merge the query over the body (magento-webapi 3.5), and set in the query or in the JSON body.

use super::UpstreamError;
use crate::{
    Admitted, Body,
    api::read::{self, Unread},
};
use bytes::Bytes;
use doorward_core::{Identity, Kind, Permit, Reason, route::Parameter};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body::Body as _;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};
use std::{borrow::Cow, collections::HashSet, fmt};

/// Placeholders that have a value for customers only (magento-webapi 3.4). Of these only `%customer_id%` is known here.
const PLACEHOLDERS: [&str; 5] =
    ["%customer_id%", "%cart_id%", "%customer_group_id%", "%customer_website_id%", "%customer_store_id%"];

/// Sets the permit's parameters in the request.
pub(super) async fn carry_out(permit: &Permit, admitted: &mut Admitted, max_body: usize) -> Result<(), UpstreamError> {
    let (parameters, identity) = (permit.parameters(), permit.identity());
    let query = admitted.query.take().unwrap_or_default();
    let has_body = matches!(admitted.method, Method::POST | Method::PUT | Method::PATCH);
    if !has_body {
        if !admitted.body.is_end_stream() {
            return Err(bad("body_not_allowed", "a body where parameters are set in the query"));
        }
        admitted.query = into_query(&query, parameters, identity)?;
        return Ok(());
    }
    admitted.query = without_forced(&query, parameters)?;
    let body = if admitted.body.is_end_stream() {
        Value::Object(Map::new())
    } else {
        check_json(&admitted.headers)?;
        let whole = read::body(std::mem::take(&mut admitted.body), max_body).await.map_err(|unread| match unread {
            Unread::TooLarge => {
                let detail = "a body in which parameters are set is larger than allowed";
                UpstreamError::Request(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail.into())
            }
            Unread::TooSlow => {
                let detail = "a body in which parameters are set takes too long";
                UpstreamError::Request(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail.into())
            }
            Unread::Broken => bad("body_broken", "the body broke off"),
        })?;
        parse(&whole)?
    };
    // What the query gives as a default's value counts as supplied.
    let body = into_json(body, parameters, identity, &query)?;
    admitted.headers.remove(header::TRAILER);
    admitted.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let text = body.to_string();
    admitted.headers.insert(header::CONTENT_LENGTH, text.len().into());
    admitted.body = Body::from(text);
    Ok(())
}

fn bad(code: &'static str, detail: impl Into<Cow<'static, str>>) -> UpstreamError {
    UpstreamError::Request(StatusCode::BAD_REQUEST, code, detail.into())
}

/// The value of a parameter for this caller; `null` where the rule says so.
fn resolve(parameter: &Parameter, identity: &Identity) -> Result<Value, UpstreamError> {
    let Some(text) = parameter.value.as_deref() else {
        return Ok(Value::Null);
    };
    if !PLACEHOLDERS.contains(&text) {
        return Ok(Value::from(text));
    }
    match identity {
        Identity::Known(account) if account.kind == Kind::Customer && text == "%customer_id%" => Ok(Value::from(account.id)),
        _ => Err(UpstreamError::Refused(Reason::NoParameter(parameter.name.clone()))),
    }
}

/// The query with the parameters set.
pub fn into_query(query: &str, parameters: &[Parameter], identity: &Identity) -> Result<Option<String>, UpstreamError> {
    let mut text = without_forced(query, parameters)?.unwrap_or_default();
    for parameter in parameters {
        if !parameter.force && is_supplied(query, &parameter.name)? {
            continue;
        }
        let value = match resolve(parameter, identity)? {
            Value::Null => continue,
            Value::String(value) => value,
            other => other.to_string(),
        };
        if !text.is_empty() {
            text.push('&');
        }
        let mut names = parameter.name.split('.');
        text.push_str(names.next().unwrap_or_default());
        for name in names {
            text.push('[');
            text.push_str(name);
            text.push(']');
        }
        text.push('=');
        text.extend(utf8_percent_encode(&value, NON_ALPHANUMERIC));
    }
    Ok((!text.is_empty()).then_some(text))
}

/// The query without anything that could be read as a forced parameter.
fn without_forced(query: &str, parameters: &[Parameter]) -> Result<Option<String>, UpstreamError> {
    let forced: Vec<Vec<String>> = parameters.iter().filter(|p| p.force).map(|p| folded(&p.name)).collect();
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let mut clash = false;
        // Some services split at `;` too.
        for part in pair.split(';') {
            let name = client_name(part)?;
            clash |= forced.iter().any(|path| meets(&name, path));
        }
        if !clash {
            kept.push(pair);
        }
    }
    Ok((!kept.is_empty()).then(|| kept.join("&")))
}

fn is_supplied(query: &str, name: &str) -> Result<bool, UpstreamError> {
    let path = folded(name);
    for part in query.split(['&', ';']).filter(|part| !part.is_empty()) {
        if meets(&client_name(part)?, &path) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The folded name of a `name=value` pair: `customer%5Bid%5D=1` is `customer`, `id`.
fn client_name(pair: &str) -> Result<Vec<String>, UpstreamError> {
    let raw = pair.split('=').next().unwrap_or_default().replace('+', " ");
    let name = percent_decode_str(&raw).decode_utf8_lossy();
    if name.contains('\0') {
        return Err(bad("parameter_name", "a parameter's name has a null byte"));
    }
    Ok(name.split('[').map(fold).collect())
}

/// A rule's dotted name, folded.
fn folded(name: &str) -> Vec<String> {
    name.split('.').map(fold).collect()
}

/// Letters and digits only, in lower case: camelCase, snake_case and all their kin become one.
fn fold(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether two names may mean the same, or one what holds the other.
fn meets(one: &[String], other: &[String]) -> bool {
    one.iter().zip(other).all(|(a, b)| a == b) || one.concat() == other.concat()
}

/// Parameters are set in plain JSON alone; anything else could hide a second meaning.
fn check_json(headers: &HeaderMap) -> Result<(), UpstreamError> {
    let unsupported =
        |detail: &'static str| UpstreamError::Request(StatusCode::UNSUPPORTED_MEDIA_TYPE, "body_type", Cow::Borrowed(detail));
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(unsupported("a coded body where parameters are set"));
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else {
        return Err(unsupported("no single Content-Type where parameters are set"));
    };
    let text = only.to_str().unwrap_or_default().to_ascii_lowercase().replace([' ', '\t', '"'], "");
    if matches!(&*text, "application/json" | "application/json;charset=utf-8") {
        Ok(())
    } else {
        Err(unsupported("a body that is not JSON where parameters are set"))
    }
}

fn parse(text: &Bytes) -> Result<Value, UpstreamError> {
    match serde_json::from_slice::<Unambiguous>(text) {
        Ok(Unambiguous(value @ Value::Object(_))) => Ok(value),
        Ok(_) => Err(bad("body_shape", "a body that is no object where parameters are set")),
        // The parser's words may hold input; where it went wrong is enough.
        Err(error) => Err(bad("body_json", format!("bad or ambiguous JSON at line {} column {}", error.line(), error.column()))),
    }
}

/// The body with the parameters set.
pub fn into_json(mut body: Value, parameters: &[Parameter], identity: &Identity, query: &str) -> Result<Value, UpstreamError> {
    for parameter in parameters {
        if !parameter.force && is_supplied(query, &parameter.name)? {
            continue;
        }
        set(&mut body, &parameter.name, parameter, identity)?;
    }
    Ok(body)
}

/// Sets what the dotted rest of a parameter's name addresses.
fn set(at: &mut Value, name: &str, parameter: &Parameter, identity: &Identity) -> Result<(), UpstreamError> {
    let Value::Object(map) = at else {
        return Err(bad("body_shape", "a value stands where an object must be"));
    };
    let (key, rest) = name.split_once('.').map_or((name, None), |(key, rest)| (key, Some(rest)));
    let alike: Vec<String> = map.keys().filter(|other| fold(other) == fold(key)).cloned().collect();
    if let Some(rest) = rest {
        if alike.len() > 1 {
            return Err(bad("body_keys", "two keys where one must be"));
        }
        let key = match alike.into_iter().next() {
            // Another spelling gives way to that of the rule, so that the service reads the one that we set.
            Some(other) if other != key => {
                let value = map.remove(&other).unwrap_or_default();
                map.insert(key.to_owned(), value);
                key.to_owned()
            }
            Some(same) => same,
            None => key.to_owned(),
        };
        let inner = map.entry(key).or_insert_with(|| Value::Object(Map::new()));
        return set(inner, rest, parameter, identity);
    }
    // magento-webapi 3.4: null counts as not supplied.
    if !parameter.force && alike.iter().any(|other| map.get(other).is_some_and(|value| !value.is_null())) {
        return Ok(());
    }
    let value = resolve(parameter, identity)?;
    for other in alike {
        map.remove(&other);
    }
    map.insert(key.to_owned(), value);
    Ok(())
}

/// JSON in which no object has two keys that differ in case alone.
struct Unambiguous(Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
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

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Unambiguous(value)) = access.next_element()? {
            all.push(value);
        }
        Ok(all.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let (mut map, mut seen) = (Map::new(), HashSet::new());
        while let Some(key) = access.next_key::<String>()? {
            if !seen.insert(key.to_lowercase()) {
                return Err(A::Error::custom("a key is repeated"));
            }
            let Unambiguous(value) = access.next_value()?;
            map.insert(key, value);
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests;
