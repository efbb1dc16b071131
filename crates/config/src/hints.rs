//! 'Did you mean' for keys, tables and words.

use crate::keys::{Table, tables};

/// How alike two names must be, of 1, to be offered.
const ALIKE: f64 = 0.6;

/// What to do about an unknown key of a table.
pub(crate) fn for_key(table: &Table, name: &str) -> Option<String> {
    let homes: Vec<String> = tables().filter(|other| other.key(name).is_some()).map(Table::header).collect();
    let own = nearest(name, table.keys.iter().map(|key| key.name));
    match (&*homes, own) {
        ([home], _) => Some(format!("`{name}` belongs under {home}")),
        (_, Some(near)) => Some(format!("did you mean `{near}`?")),
        ([], None) => {
            // A key of another table, misspelt: a tie is no hint.
            let elsewhere = tables().flat_map(|t| t.keys.iter().map(move |key| (t, key.name)));
            let near = nearest(name, elsewhere.clone().map(|(_, key)| key));
            let of: Vec<&Table> = elsewhere.filter(|(_, key)| Some(*key) == near).map(|(t, _)| t).collect();
            match (&*of, near) {
                ([home], Some(near)) => Some(format!("did you mean `{near}` under {}?", home.header())),
                _ => Some(format!(
                    "{} has {}",
                    table.header(),
                    list(table.keys.iter().map(|key| format!("`{}`", key.name)), "and")
                )),
            }
        }
        (several, None) => Some(format!("`{name}` is a key of {}", list(several.iter().cloned(), "and"))),
    }
}

/// What to do about an unknown name at the top of the file.
pub(crate) fn for_table(name: &str) -> Option<String> {
    let homes: Vec<String> = tables().filter(|table| table.key(name).is_some()).map(Table::header).collect();
    if !homes.is_empty() {
        return Some(format!("the key `{name}` belongs under {}", list(homes.into_iter(), "or")));
    }
    let top = tables().filter(|table| !table.name.contains('.'));
    match nearest(name, top.clone().map(|table| table.name)) {
        Some(near) => top.clone().find(|table| table.name == near).map(|table| format!("did you mean {}?", table.header())),
        None => Some(format!("there are {}", list(top.map(Table::header), "and"))),
    }
}

/// The most similar of some names, if any is similar.
pub(crate) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let name = name.to_lowercase().replace('-', "_");
    let rated = known.map(|known| (strsim::normalized_damerau_levenshtein(&name, known), known));
    rated.filter(|(alike, _)| *alike >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

/// `"a", "b" or "c"`.
pub(crate) fn either(words: &[&str]) -> String {
    list(words.iter().map(|word| format!("\"{word}\"")), "or")
}

/// `a, b and c`.
pub(crate) fn list(items: impl Iterator<Item = String>, last: &str) -> String {
    let items: Vec<String> = items.collect();
    match items.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}
