//! Enrich: the parameters that a rule sets for the caller (magento-webapi 3.4).
//!
//! A forced parameter replaces whatever the client sent under any name that the service may read as the same one:
//! `customerId`, `customer_id`, `Customer-ID`, `customer[id]`, escaped or not. It is taken from the query always, for
//! services merge the query over the body (magento-webapi 3.5), and set in the query or in the JSON or XML body.

use super::UpstreamError;
use crate::{
    Admitted, Body,
    api::read::{self, Unread},
};
use bytes::Bytes;
use doorward_core::{
    Identity, Kind, Permit, Reason,
    json::{self, Names},
    route::{Parameter, Placeholder},
};
use doorward_wire::magento::XmlBody;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body::Body as _;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value};
use std::{borrow::Cow, collections::HashSet};

/// Who calls, and the cart that the upstream said is theirs.
pub struct Caller<'a> {
    /// Who passed.
    pub identity: &'a Identity,
    /// The active cart, where a parameter asks for it.
    pub cart: Option<Value>,
}

/// Whether the permit demands to know the caller's cart.
pub(super) fn needs_cart(permit: &Permit) -> bool {
    let customer = permit.identity().account().is_some_and(|account| account.kind == Kind::Customer);
    customer && permit.parameters().iter().any(|parameter| parameter.placeholder() == Some(Placeholder::CartId))
}

/// Sets the permit's parameters in the request.
pub(super) async fn carry_out(
    permit: &Permit,
    cart: Option<Value>,
    admitted: &mut Admitted,
    max_body: usize,
) -> Result<(), UpstreamError> {
    let (parameters, caller) = (permit.parameters(), &Caller { identity: permit.identity(), cart });
    let query = admitted.query.take().unwrap_or_default();
    let has_body = matches!(admitted.method, Method::POST | Method::PUT | Method::PATCH);
    if !has_body {
        if !admitted.body.is_end_stream() {
            return Err(bad("body_not_allowed", "a body where parameters are set in the query"));
        }
        admitted.query = into_query(&query, parameters, caller)?;
        return Ok(());
    }
    admitted.query = without_forced(&query, parameters)?;
    let body = if admitted.body.is_end_stream() {
        Parsed::Json(Map::new())
    } else {
        let kind = kind(&admitted.headers)?;
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
        Parsed::read(kind, &whole)?
    };
    // What the query gives as a default's value counts as supplied.
    let (kind, text) = body.with(parameters, caller, &query)?;
    admitted.headers.remove(header::TRAILER);
    admitted.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    admitted.headers.insert(header::CONTENT_LENGTH, text.len().into());
    admitted.body = Body::from(text);
    Ok(())
}

fn bad(code: &'static str, detail: impl Into<Cow<'static, str>>) -> UpstreamError {
    UpstreamError::Request(StatusCode::BAD_REQUEST, code, detail.into())
}

/// The value of a parameter for this caller; `null` where the rule says so.
fn resolve(parameter: &Parameter, caller: &Caller<'_>) -> Result<Value, UpstreamError> {
    let Some(text) = parameter.value.as_deref() else {
        return Ok(Value::Null);
    };
    let Some(placeholder) = parameter.placeholder() else {
        return Ok(Value::from(text));
    };
    let customer = caller.identity.account().filter(|account| account.kind == Kind::Customer);
    let membership = customer.and_then(|account| account.membership);
    let value = match placeholder {
        Placeholder::CustomerId => customer.map(|account| account.id.into()),
        Placeholder::CartId => customer.and(caller.cart.clone()),
        Placeholder::GroupId => membership.map(|member| member.group.into()),
        Placeholder::WebsiteId => membership.map(|member| member.website.into()),
        Placeholder::StoreId => membership.map(|member| member.store.into()),
    };
    value.ok_or_else(|| UpstreamError::Refused(Reason::NoParameter(parameter.name.clone())))
}

/// The query with the parameters set.
pub fn into_query(query: &str, parameters: &[Parameter], caller: &Caller<'_>) -> Result<Option<String>, UpstreamError> {
    let mut text = without_forced(query, parameters)?.unwrap_or_default();
    for parameter in parameters {
        if !parameter.force && is_supplied(query, &parameter.name)? {
            continue;
        }
        let value = match resolve(parameter, caller)? {
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

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Json,
    Xml,
}

/// A body that was read and will be written anew, so that it means to the service what it meant here.
enum Parsed {
    Json(Map<String, Value>),
    Xml(XmlBody),
}

impl Parsed {
    fn read(kind: Written, text: &Bytes) -> Result<Self, UpstreamError> {
        if kind == Written::Xml {
            let body = XmlBody::read(text).ok_or_else(|| bad("body_xml", "XML that cannot be read, or holds text alone"))?;
            if has_twins(&body.values) {
                return Err(bad("body_keys", "two names that differ in case alone"));
            }
            return Ok(Parsed::Xml(body));
        }
        match json::read(text, Names::AnyCase) {
            Ok(Value::Object(map)) => Ok(Parsed::Json(map)),
            Ok(_) => Err(bad("body_shape", "a body that is no object where parameters are set")),
            // The parser's words may hold input; where it went wrong is enough.
            Err(error) => {
                Err(bad("body_json", format!("bad or ambiguous JSON at line {} column {}", error.line(), error.column())))
            }
        }
    }

    /// Its type and text with the parameters set.
    fn with(self, parameters: &[Parameter], caller: &Caller<'_>, query: &str) -> Result<(&'static str, String), UpstreamError> {
        match self {
            Parsed::Json(map) => {
                let map = with_parameters(map, parameters, caller, query)?;
                Ok(("application/json", Value::Object(map).to_string()))
            }
            Parsed::Xml(mut body) => {
                body.values = with_parameters(body.values, parameters, caller, query)?;
                Ok(("application/xml; charset=utf-8", body.write()))
            }
        }
    }
}

/// Parameters are set in plain JSON and XML alone; anything else could hide a second meaning.
fn kind(headers: &HeaderMap) -> Result<Written, UpstreamError> {
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
    match text.strip_suffix(";charset=utf-8").unwrap_or(&text) {
        "application/json" => Ok(Written::Json),
        "application/xml" | "text/xml" | "application/xhtml+xml" => Ok(Written::Xml),
        _ => Err(unsupported("a body that is neither JSON nor XML where parameters are set")),
    }
}

/// Whether two names of one element's children differ in case alone, at any depth.
fn has_twins(values: &Map<String, Value>) -> bool {
    let mut seen = HashSet::new();
    values.iter().any(|(name, value)| !seen.insert(name.to_lowercase()) || holds_twins(value))
}

fn holds_twins(value: &Value) -> bool {
    match value {
        Value::Object(values) => has_twins(values),
        Value::Array(items) => items.iter().any(holds_twins),
        _ => false,
    }
}

/// The members of a body with the parameters set.
pub fn with_parameters(
    map: Map<String, Value>,
    parameters: &[Parameter],
    caller: &Caller<'_>,
    query: &str,
) -> Result<Map<String, Value>, UpstreamError> {
    let mut body = Value::Object(map);
    for parameter in parameters {
        if !parameter.force && is_supplied(query, &parameter.name)? {
            continue;
        }
        set(&mut body, &parameter.name, parameter, caller)?;
    }
    match body {
        Value::Object(map) => Ok(map),
        _ => Err(bad("body_shape", "a body that is no object where parameters are set")),
    }
}

/// Sets what the dotted rest of a parameter's name addresses.
fn set(at: &mut Value, name: &str, parameter: &Parameter, caller: &Caller<'_>) -> Result<(), UpstreamError> {
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
        return set(inner, rest, parameter, caller);
    }
    // magento-webapi 3.4: null counts as not supplied.
    if !parameter.force && alike.iter().any(|other| map.get(other).is_some_and(|value| !value.is_null())) {
        return Ok(());
    }
    let value = resolve(parameter, caller)?;
    for other in alike {
        map.remove(&other);
    }
    map.insert(key.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests;
