//! Whether a new password is good enough: the rules of its directory, and the passwords that nobody should have.

use doorward_core::password::{Flaw, LONGEST_CHOSEN, PasswordRules};

/// Passwords of at least seven characters that are common or were seen in breaches, in lower case, one a line, sorted by
/// bytes. Where they come from is said in `NOTICE`.
const COMMON: &str = include_str!("common.txt");
/// The shortest word of [`COMMON`].
const SHORTEST_COMMON: usize = 7;

/// Whose password it will be; words of theirs are no secret.
#[derive(Clone, Copy, Debug, Default)]
pub struct Person<'a> {
    /// The sign-in name.
    pub login: &'a str,
    /// The e-mail address, if any.
    pub email: Option<&'a str>,
}

/// What is wrong with a new password, if anything; the first flaw of several. It is never changed, and compared whatever
/// its case. (Order and character classes as in magento-webapi 8.4; common passwords: NIST SP 800-63B-4, 3.1.1.2.)
pub fn flaw(rules: &PasswordRules, password: &str, person: Person<'_>) -> Option<Flaw> {
    let length = password.chars().count();
    let on_edge = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\0' | '\x0b');
    let lower = password.to_lowercase();
    let (least, classes) = (rules.min_length, rules.classes);
    [
        (length > LONGEST_CHOSEN, Flaw::TooLong),
        (length < least, Flaw::TooShort(least)),
        (password.starts_with(on_edge) || password.ends_with(on_edge), Flaw::EdgeSpace),
        (classes_of(password) < classes, Flaw::TooFewClasses(classes)),
        (person.email.is_some_and(|email| email.to_lowercase() == lower), Flaw::IsEmail),
        (is_name_of(person, &lower), Flaw::IsLogin),
        (rules.refuse_common && is_common(&lower), Flaw::Common),
    ]
    .into_iter()
    .find_map(|(found, flaw)| found.then_some(flaw))
}

/// How many of lower case, upper case, digits and others; letters beyond ASCII are others.
fn classes_of(password: &str) -> u8 {
    let has = |class: fn(&char) -> bool| u8::from(password.chars().any(|c| class(&c)));
    has(char::is_ascii_lowercase)
        + has(char::is_ascii_uppercase)
        + has(char::is_ascii_digit)
        + has(|c| !c.is_ascii_alphanumeric())
}

/// The login, or the name in the e-mail address, perhaps with digits and signs behind it.
fn is_name_of(person: Person<'_>, lower: &str) -> bool {
    let bare = lower.trim_end_matches(|c: char| c.is_ascii_digit() || c.is_ascii_punctuation());
    let local = person.email.and_then(|email| email.rsplit_once('@')).map(|(local, _)| local);
    [Some(person.login), local].into_iter().flatten().any(|name| {
        let name = name.to_lowercase();
        !name.is_empty() && (name == lower || name == bare)
    })
}

/// Whether it stands on the list, perhaps with signs behind it.
fn is_common(lower: &str) -> bool {
    let bare = lower.trim_end_matches(|c: char| c.is_ascii_punctuation());
    [lower, bare].into_iter().any(|word| word.len() >= SHORTEST_COMMON && on_the_list(word))
}

/// A binary search by bytes, so that nothing has to be built at the start.
fn on_the_list(word: &str) -> bool {
    let mut rest = COMMON;
    while !rest.is_empty() {
        // The list is ASCII, so every offset is a boundary.
        let middle = rest.get(..rest.len() / 2).and_then(|half| half.rfind('\n')).map_or(0, |end| end + 1);
        let (before, from) = rest.split_at(middle);
        let (line, after) = from.split_once('\n').unwrap_or((from, ""));
        rest = match word.cmp(line) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => before,
            std::cmp::Ordering::Greater => after,
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: PasswordRules = PasswordRules { min_length: 8, classes: 1, refuse_common: true };

    #[test]
    fn every_flaw_is_named() {
        let magento = PasswordRules { min_length: 8, classes: 3, refuse_common: true };
        let anna = Person { login: "anna.maria", email: Some("am.Smith@example.com") };
        let long = "aB3".repeat(86);
        for (rules, password, expected) in [
            (&PLAIN, "short", Some(Flaw::TooShort(8))),
            (&PLAIN, "éééééé7", Some(Flaw::TooShort(8))),
            (&PLAIN, "éééééééé", None),
            (&magento, "éééééééé", Some(Flaw::TooFewClasses(3))),
            (&magento, "Éa345678", None),
            (&magento, "abcdefgh1", Some(Flaw::TooFewClasses(3))),
            (&magento, "123@test", None),
            (&magento, "test@123", None),
            (&magento, " 123@test", Some(Flaw::EdgeSpace)),
            (&magento, "123@test\t", Some(Flaw::EdgeSpace)),
            (&PLAIN, "a quiet brown fox", None),
            (&PLAIN, long.get(..256).unwrap(), None),
            (&PLAIN, long.get(..257).unwrap(), Some(Flaw::TooLong)),
            (&PLAIN, "AM.smith@example.com", Some(Flaw::IsEmail)),
            (&PLAIN, "Anna.Maria", Some(Flaw::IsLogin)),
            (&PLAIN, "anna.maria2024!", Some(Flaw::IsLogin)),
            (&PLAIN, "am.smith", Some(Flaw::IsLogin)),
            (&PLAIN, "anna.maria goes out", None),
            (&PLAIN, "password", Some(Flaw::Common)),
            (&PLAIN, "PassWord1", Some(Flaw::Common)),
            (&magento, "Password1!", Some(Flaw::Common)),
            (&magento, "P@ssw0rd", Some(Flaw::Common)),
            (&PLAIN, "iloveyou", Some(Flaw::Common)),
            (&PasswordRules { refuse_common: false, ..PLAIN }, "iloveyou", None),
        ] {
            assert_eq!(flaw(rules, password, anna), expected, "{password}");
        }
        assert_eq!(flaw(&PLAIN, "unlike anything", Person::default()), None);
    }

    #[test]
    fn every_word_of_the_list_is_found_and_nothing_else() {
        let words: Vec<&str> = COMMON.lines().collect();
        assert!(words.is_sorted_by(|a, b| a < b) && COMMON.is_ascii() && COMMON.ends_with('\n'));
        assert!(words.iter().all(|word| word.len() >= SHORTEST_COMMON && **word == word.to_lowercase()));
        for word in &words {
            assert!(on_the_list(word), "{word}");
            let longer = format!("{word}~~");
            assert!(!on_the_list(&longer), "{longer}");
        }
        assert!(!on_the_list("") && !on_the_list("zzzzzzzzzzzzzzzzzzzz") && !on_the_list("!"));
    }

    #[test]
    fn the_list_holds_the_3000_that_the_rules_would_let_through() {
        // ASVS 6.2.4. With three classes those count that some writing in capitals lets through.
        let three = |word: &&str| classes_of(word) + u8::from(word.bytes().any(|b| b.is_ascii_lowercase())) >= 3;
        let eight = COMMON.lines().filter(|word| word.len() >= 8);
        assert!(eight.clone().count() >= 3000);
        assert!(eight.filter(three).count() >= 3000);
    }
}
