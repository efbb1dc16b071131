//! The one table of known keys: strictness, nearest-key hints and the reference page all come from here.

mod api;
mod oauth;
mod others;
mod server;
mod sites;
mod way;

use std::fmt::Write;

/// A table of `doorward.toml`.
#[derive(Debug)]
pub(crate) struct Table {
    /// As in `server.limits`.
    pub(crate) name: &'static str,
    /// Whether it is written `[[name]]`, any number of times.
    pub(crate) many: bool,
    /// What it is about.
    pub(crate) doc: &'static str,
    /// Its keys.
    pub(crate) keys: &'static [Key],
}

/// A key of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// What may be written there, as a noun phrase that follows 'expected'.
    pub(crate) kind: &'static str,
    /// In words or TOML; `required` where there is none.
    pub(crate) default: &'static str,
    pub(crate) doc: &'static str,
}

const fn key(name: &'static str, kind: &'static str, default: &'static str, doc: &'static str) -> Key {
    Key { name, kind, default, doc }
}

/// Keys that several tables share, beside those of one: `A` and `B` of them, which are `N` together.
const fn joined<const A: usize, const B: usize, const N: usize>(first: [Key; A], then: [Key; B]) -> [Key; N] {
    let mut all = [key("", "", "", ""); N];
    let mut at = 0;
    while at < N {
        all[at] = if at < A { first[at] } else { then[at - A] };
        at += 1;
    }
    all
}

const TEXT: &str = "a string";
const TEXTS: &str = "a string or a list of strings";
const SPAN: &str = "a duration such as \"30m\"";
const COUNT: &str = "a whole number";
const FLAG: &str = "true or false";
const SIZE: &str = "a size such as \"64KiB\"";

impl Table {
    /// As it is written in the file.
    pub(crate) fn header(&self) -> String {
        if self.many { format!("[[{}]]", self.name) } else { format!("[{}]", self.name) }
    }

    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// Has no key, so that a name that this table lacks makes every key an error rather than accepting any.
const NONE: Table = Table { name: "", many: false, doc: "", keys: &[] };

/// Every table, in the order in which people read about them.
pub(crate) fn tables() -> impl Iterator<Item = &'static Table> + Clone {
    [server::SERVER, api::API, way::WAY, sites::SITES, others::OTHERS, oauth::OAUTH].into_iter().flatten()
}

/// The table of this name.
pub(crate) fn table(name: &str) -> &'static Table {
    tables().find(|table| table.name == name).unwrap_or(&NONE)
}

/// The reference page of `doorward.toml`, in Markdown.
pub fn reference() -> String {
    let mut out = String::from(
        "# Configuration reference\n\n\
         `doorward.toml` is TOML and strict: an unknown key is an error. Any string may be `\"${ENV_NAME}\"`, which is read from the\n\
         environment; the URLs of stores and of the mail server may be `\"file:PATH\"`, the first line of that file. Relative paths are relative to the\n\
         file. Durations are numbers with the units `s`, `m`, `h` and `d`, such as \"90s\" or \"1h30m\".\n\n\
         This page is generated from the table of keys in `crates/config/src/keys/`.\n",
    );
    for table in tables() {
        let _ = write!(
            out,
            "\n## `{}`\n\n{}\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n",
            table.header(),
            table.doc
        );
        for key in table.keys {
            let default = if key.default.starts_with('"') && key.default.matches('"').count() == 2 && key.default.ends_with('"') {
                format!("`{}`", key.default)
            } else {
                key.default.to_owned()
            };
            let _ = writeln!(out, "| `{}` | {} | {} | {} |", key.name, key.kind, default, key.doc);
        }
    }
    out
}
