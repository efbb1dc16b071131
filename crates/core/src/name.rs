//! What may name an account or a role that is made: text that shows all that it is.
//!
//! Names that were made before this was asked stay as they are and are found as before.

use regex::Regex;
use std::{borrow::Cow, sync::LazyLock};

/// The longest login or role name, in bytes.
pub const LONGEST: usize = 255;

/// Characters that show nothing or act on what stands around them (Unicode, Table 12: category C, which are controls,
/// formats such as bidirectional and zero-width ones, private use and unassigned; separators of lines and paragraphs;
/// and what is to be ignored where it is not understood).
static HIDDEN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]").ok());

/// What is wrong with a name, if anything, in words that continue `a login ...`.
pub fn flaw(name: &str) -> Option<&'static str> {
    if name.trim() != name || name.is_empty() {
        Some("is not empty and has no space at its ends")
    } else if name.chars().any(char::is_control) {
        Some("has no control characters")
    } else if HIDDEN.as_ref().is_none_or(|hidden| hidden.is_match(name)) {
        Some("has no invisible characters, none that change the direction of text, and none that Unicode does not know")
    } else if name.len() > LONGEST {
        Some("has at most 255 bytes")
    } else {
        None
    }
}

/// The text with a replacement character for each that shows nothing or acts on a terminal.
pub fn harmless(text: &str) -> Cow<'_, str> {
    match &*HIDDEN {
        Some(hidden) => hidden.replace_all(text, "\u{fffd}"),
        None => text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { char::REPLACEMENT_CHARACTER }).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_names_that_do_not_show_all_that_they_are() {
        let long = "x".repeat(LONGEST + 1);
        let hidden = [
            "\u{200b}",
            "\u{200c}",
            "\u{200d}",
            "\u{200e}",
            "\u{202e}",
            "\u{2066}",
            "\u{2069}",
            "\u{2060}",
            "\u{feff}",
            "\u{ad}",
            "\u{61c}",
            "\u{180e}",
            "\u{fe0f}",
            "\u{e0041}",
            "\u{e0100}",
            "\u{3164}",
            "\u{115f}",
            "\u{2028}",
            "\u{2029}",
            "\u{e000}",
            "\u{f0000}",
            "\u{10fffd}",
            "\u{378}",
            "\u{ffff}",
            "\u{85}",
            "\u{1b}",
            "\0",
        ];
        for c in hidden {
            for name in [format!("ad{c}min"), format!("{c}admin"), format!("admin{c}")] {
                assert!(flaw(&name).is_some(), "{name:?} was taken");
            }
            assert_eq!(harmless(&format!("ad{c}min")), "ad\u{fffd}min", "{c:?}");
        }
        for name in ["", " a", "a ", "a\u{a0}", "\u{3000}a", "a\nb", &long] {
            assert!(flaw(name).is_some(), "{name:?} was taken");
        }
    }

    #[test]
    fn takes_names_of_all_scripts() {
        let most = "x".repeat(LONGEST);
        for name in
            ["a", "jane@example.com", "Jane Doe", "partners/acme", "Zoë", "\u{6f22}字", "ирина", "محمد", "नेहा", "e\u{301}", &most]
        {
            assert_eq!(flaw(name), None, "{name:?}");
            assert_eq!(harmless(name), name);
        }
    }
}
