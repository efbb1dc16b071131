//! `[[store_view]]`: the views of a shop and their websites (magento-webapi 3.6, 4.6).

use super::web;
use crate::reader::{Reader, Section};
use doorward_core::stores::{Sharing, StoreView, Stores};
use std::{collections::BTreeMap, sync::Arc};
use toml::de::DeTable;

/// Codes that mean something else where a store's code stands in paths.
const RESERVED: [&str; 4] = ["all", "admin", "async", "schema"];

/// The store views of the file. Without any there is the one that a new shop has. `hosts` are those that are served.
pub(crate) fn read(r: &mut Reader<'_>, root: &DeTable<'_>, sharing: Sharing, hosts: Option<&[Arc<str>]>) -> Stores {
    let mut views: Vec<StoreView> = Vec::new();
    let mut websites: BTreeMap<Arc<str>, u32> = BTreeMap::new();
    for (at, section) in r.sections(root, "store_view").into_iter().enumerate() {
        let Some(view) = one(r, &section, at, &mut websites) else { continue };
        if let (Some(host), Some(hosts)) = (&view.host, hosts)
            && !hosts.contains(host)
        {
            let message = format!("`{host}` is not served, so nobody reaches this view there");
            r.error_with(section.place("host"), message, format!("add \"{host}\" to `hosts` of `[server]`"));
        }
        if views.iter().any(|other| other.code == view.code) {
            r.error(section.place("code"), format!("there is a store view `{}` already", view.code));
        } else if let Some(other) = views.iter().find(|other| other.id == view.id) {
            let message = format!("store view `{}` has the number {} already", other.code, view.id);
            r.error_with(section.place("id"), message, "without `id`, store views are numbered from 1 as they stand in the file");
        } else if let Some(other) = views.iter().find(|other| stands_for_both(other, &view)) {
            let message = format!("this host stands for store view `{}` of website `{}` already", other.code, other.website);
            r.error_with(section.place("host"), message, "a host can stand for one website");
        } else {
            views.push(view);
        }
    }
    let mut views = views.into_iter();
    match views.next() {
        Some(first) => Stores::new(first, views.collect(), sharing),
        None => {
            let first = Stores::default().default_view().clone();
            Stores::new(first, Vec::new(), sharing)
        }
    }
}

fn one(r: &mut Reader<'_>, section: &Section<'_>, at: usize, websites: &mut BTreeMap<Arc<str>, u32>) -> Option<StoreView> {
    let code = r.required(section, "code").and_then(|text| r.parsed(&text, store_code));
    let website = r.required(section, "website").and_then(|text| r.parsed(&text, website_code));
    let name = r.text(section, "name").map(|text| Arc::from(text.value));
    let id = r.count(section, "id", 1, u32::try_from(at + 1).unwrap_or(u32::MAX));
    let host = r.text(section, "host").and_then(|text| r.parsed(&text, web::host)).map(Arc::from);
    let (code, website) = (code?, website?);
    let website_id = website_number(r, section, &website, websites);
    let name = name.unwrap_or_else(|| if &*code == "default" { "Default Store View".into() } else { Arc::clone(&code) });
    Some(StoreView { code, id, name, website, website_id, host })
}

/// Whether one host would mean two websites.
fn stands_for_both(one: &StoreView, other: &StoreView) -> bool {
    one.host.is_some() && one.host == other.host && one.website_id != other.website_id
}

/// A website's number: as written, as it was written before, or the next one.
fn website_number(r: &mut Reader<'_>, section: &Section<'_>, website: &Arc<str>, known: &mut BTreeMap<Arc<str>, u32>) -> u32 {
    let next = known.values().max().map_or(1, |last| last.saturating_add(1));
    let earlier = known.get(website).copied();
    let number = r.count(section, "website_id", 1, earlier.unwrap_or(next));
    match earlier {
        Some(earlier) if earlier != number => {
            r.error(section.place("website_id"), format!("website `{website}` has the number {earlier} further up"));
        }
        Some(_) => {}
        None => {
            if let Some((other, _)) = known.iter().find(|(_, own)| **own == number) {
                r.error(section.place("website_id"), format!("website `{other}` has the number {number} already"));
            }
            known.insert(Arc::clone(website), number);
        }
    }
    number
}

/// As Magento has it: a letter, then letters, digits and `_`.
fn code(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 32
        && bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn store_code(text: &str) -> Result<Arc<str>, String> {
    let version = text.strip_prefix('V').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if RESERVED.contains(&text) || version {
        return Err("cannot be the code of a store view\nit means something else where the code stands in paths".into());
    }
    if code(text) {
        Ok(text.into())
    } else {
        Err("is no code of a store view\nwrite a letter, then letters, digits and `_`".into())
    }
}

fn website_code(text: &str) -> Result<Arc<str>, String> {
    if code(text) { Ok(text.into()) } else { Err("is no code of a website\nwrite a letter, then letters, digits and `_`".into()) }
}
