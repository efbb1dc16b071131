//! Query strings as PHP reads them: `searchCriteria[filterGroups][0][filters][0][field]=email`.

use super::{Error, Values};
use percent_encoding::percent_decode;
use serde_json::Value;

/// The most parameters, as `max_input_vars`, and the deepest nesting.
const MAX_PARAMETERS: usize = 1000;
const MAX_DEPTH: usize = 32;

/// The parameters of a query string, without `?`. Brackets nest; empty brackets count up from the greatest number; of
/// two with one name the last counts; members numbered from 0 in their order are a list. Bytes that are no UTF-8 become
/// U+FFFD.
///
/// # Errors
/// 400 where there are more parameters, or nested deeper, than PHP would keep: a search with less than it asked for is
/// another search.
pub fn query(query: Option<&str>) -> Result<Values, Error> {
    let mut values = Values::new();
    let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    for (count, pair) in pairs.enumerate() {
        if count >= MAX_PARAMETERS {
            return Err(Error::bad_request("The request has too many parameters."));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(path) = path(&decoded(name))? else { continue };
        insert(&mut values, &path, decoded(value));
    }
    Ok(values.into_iter().map(|(name, value)| (name, listed(value))).collect())
}

fn decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    String::from_utf8_lossy(&percent_decode(spaced.as_bytes()).collect::<Vec<u8>>()).into_owned()
}

/// `a[b][]` is `a`, `b` and the next number. A name that is empty or begins with a bracket is none.
fn path(name: &str) -> Result<Option<Vec<String>>, Error> {
    let name = name.trim_start_matches(' ');
    let name = name.split('\0').next().unwrap_or_default();
    let (first, mut rest) = name.find('[').map_or((name, ""), |at| name.split_at(at));
    if first.is_empty() {
        return Ok(None);
    }
    let mut path = vec![first.replace([' ', '.'], "_")];
    while let Some(inner) = rest.strip_prefix('[') {
        let Some((key, after)) = inner.split_once(']') else {
            // A bracket that is not closed is no bracket.
            if let [only] = &mut *path {
                only.push('_');
                only.push_str(&inner.replace([' ', '.'], "_"));
            }
            break;
        };
        if path.len() >= MAX_DEPTH {
            return Err(Error::bad_request("The request's parameters are nested too deeply."));
        }
        path.push(key.to_owned());
        rest = after;
    }
    Ok(Some(path))
}

fn insert(values: &mut Values, path: &[String], text: String) {
    let Some((name, below)) = path.split_first() else { return };
    let name = if name.is_empty() { next_number(values).to_string() } else { name.clone() };
    if below.is_empty() {
        values.insert(name, text.into());
        return;
    }
    let inner = values.entry(name).or_insert_with(|| Values::new().into());
    if !inner.is_object() {
        *inner = Values::new().into();
    }
    if let Value::Object(inner) = inner {
        insert(inner, below, text);
    }
}

fn next_number(values: &Values) -> u64 {
    values.keys().filter_map(|key| key.parse::<u64>().ok()).max().map_or(0, |greatest| greatest.saturating_add(1))
}

/// Members that are numbered from 0 in their order become a list.
fn listed(value: Value) -> Value {
    let Value::Object(members) = value else { return value };
    let numbered = members.keys().enumerate().all(|(at, key)| *key == at.to_string());
    let members = members.into_iter().map(|(name, value)| (name, listed(value)));
    if numbered { members.map(|(_, value)| value).collect() } else { Value::Object(members.collect()) }
}
