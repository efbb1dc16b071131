//! Text that others control, made harmless: no control character, no terminal sequence, no invisible character that
//! reorders or hides, and no more of it than fits on a line.

/// How many characters of one value are written.
pub(super) const LIMIT: usize = 512;

/// Appends `value` for people: bare where that is unambiguous, else in double quotes, with whatever could act on a
/// terminal or forge another line written as an escape.
pub(super) fn push_human(line: &mut String, value: &str) {
    if !value.is_empty() && value.chars().take(LIMIT + 1).all(is_bare) && value.len() <= LIMIT {
        line.push_str(value);
        return;
    }
    line.push('"');
    for (count, c) in value.chars().enumerate() {
        if count == LIMIT {
            line.push_str("...");
            break;
        }
        match c {
            '"' | '\\' => line.extend(['\\', c]),
            '\n' => line.push_str("\\n"),
            c if acts(c) => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
    }
    line.push('"');
}

/// Appends `value` as a JSON string, with the same characters escaped.
pub(super) fn push_json(line: &mut String, value: &str) {
    line.push('"');
    for (count, c) in value.chars().enumerate() {
        if count == LIMIT {
            line.push_str("...");
            break;
        }
        match c {
            '"' | '\\' => line.extend(['\\', c]),
            '\n' => line.push_str("\\n"),
            c if acts(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    push_unit(line, *unit);
                }
            }
            c => line.push(c),
        }
    }
    line.push('"');
}

fn push_unit(line: &mut String, unit: u16) {
    line.push_str("\\u");
    for shift in [12, 8, 4, 0] {
        line.extend(char::from_digit(u32::from(unit >> shift) & 0xf, 16));
    }
}

/// A character of a value that needs no quotes.
fn is_bare(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '=')
}

/// Whether a character does something instead of showing something: controls (C0, DEL, C1), line separators,
/// bidirectional and zero-width formatting, byte order marks, tags.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\r\n2026 forged\u{1b}[31m\u{9b}2J\u{202e}\u{2066}\u{200b}\u{2028}\u{feff}\u{e0041}\0\x7f\"\\";

    fn human(value: &str) -> String {
        let mut line = String::new();
        push_human(&mut line, value);
        line
    }

    #[test]
    fn nothing_that_acts_on_a_terminal_or_ends_a_line_is_written() {
        let mut json = String::new();
        push_json(&mut json, HOSTILE);
        for line in [human(HOSTILE), json] {
            assert!(!line.chars().any(acts), "{line:?}");
        }
    }

    #[test]
    fn json_says_exactly_what_was_said() {
        let mut json = String::new();
        push_json(&mut json, HOSTILE);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), HOSTILE);
    }

    #[test]
    fn plain_words_stay_bare_and_others_are_quoted() {
        assert_eq!(human("/orders/:id"), "/orders/:id");
        assert_eq!(human(""), "\"\"");
        assert_eq!(human("a b"), "\"a b\"");
        assert_eq!(human("outcome=permit"), "\"outcome=permit\"");
        assert_eq!(human("Zo\u{eb}"), "\"Zo\u{eb}\"");
    }

    #[test]
    fn a_long_value_is_cut() {
        let long = "x".repeat(100_000);
        assert!(human(&long).len() < LIMIT + 10);
        assert!(human(&"\u{202e}".repeat(100_000)).len() < LIMIT * 10);
    }
}
