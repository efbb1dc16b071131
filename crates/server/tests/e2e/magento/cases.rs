//! `docs/reference/magento-cases.md` says of each case of Magento's own suite which test shows it: here that page is held to the
//! list of cases, and to the tests that there are.

use crate::gateway::shared_file;
use std::{collections::BTreeSet, fs, path::Path};

/// What looks like the name of a case in the list, and is a word of a path or an answer.
const NO_CASES: [&str; 3] = ["testProduct1", "testOptionalParam", "testModule2SubsetRest"];
/// The heading of what the suite lacks; those are numbered.
const LACKING: &str = "## Cases the suite does NOT have";

/// The rows of the page: the case, and what shows it.
fn rows() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/magento-cases.md");
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    let rows = rows.filter(|(case, _)| *case != "case" && !case.starts_with("--"));
    rows.map(|(case, shown)| (case.trim_matches('`').to_owned(), shown.to_owned())).collect()
}

/// The words of a line that name a class of tests or a case.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !NO_CASES.contains(word));
    words.filter(|word| {
        let case = word.strip_prefix("test").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()));
        case || is_class(word)
    })
}

fn is_class(word: &str) -> bool {
    word.len() > "Test".len() && word.ends_with("Test") && word.starts_with(|c: char| c.is_ascii_uppercase())
}

/// The cases of the list, `Class::method`, or `Class` where it names none.
fn listed(list: &str) -> BTreeSet<String> {
    let (mut cases, mut class) = (BTreeSet::new(), String::new());
    for line in list.lines() {
        if line.starts_with(LACKING) {
            break;
        }
        if line.starts_with("## ") {
            class = words(line).last().unwrap_or_default().to_owned();
        }
        for word in words(line).filter(|_| line.starts_with("- ")) {
            if is_class(word) {
                cases.insert(word.to_owned());
                word.clone_into(&mut class);
            } else {
                // A class that names its cases is known by them.
                cases.remove(&class);
                cases.insert(format!("{class}::{word}"));
            }
        }
    }
    cases
}

#[test]
fn every_case_of_magentos_suite_is_on_the_page() {
    let list = fs::read_to_string(shared_file("contracts/magento-cases.md")).unwrap();
    let rows = rows();
    let known: BTreeSet<&str> = rows.iter().map(|(case, _)| case.as_str()).collect();
    let listed = listed(&list);
    assert!(listed.len() > 90, "the list is not read as it is written: {listed:?}");
    let has = |case: &str| {
        known.contains(case) || known.iter().any(|own| own.strip_prefix(case).is_some_and(|own| own.starts_with("::")))
    };
    let missing: Vec<_> = listed.iter().filter(|case| !has(case)).collect();
    assert!(missing.is_empty(), "these cases are not on the page: {missing:#?}");
    let (_, lacking) = list.split_once(LACKING).unwrap();
    let numbers = lacking.lines().filter_map(|line| line.split_once(". ")).map(|(number, _)| number);
    let numbers: Vec<&str> = numbers.filter(|number| number.parse::<u8>().is_ok()).collect();
    assert_eq!(numbers.len(), 11);
    for number in numbers {
        assert!(known.iter().any(|case| case.starts_with(&format!("{number}: "))), "case {number} is not on the page");
    }
}

#[test]
fn every_test_on_the_page_is_there() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e");
    for (case, shown) in rows() {
        assert!(!shown.trim().is_empty(), "{case}");
        for name in shown.split('`').skip(1).step_by(2).filter(|name| name.contains("::")) {
            let (module, test) = name.rsplit_once("::").unwrap();
            let file = tests.join(format!("{}.rs", module.replace("::", "/")));
            let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{case}: {}: {error}", file.display()));
            assert!(text.contains(&format!("#[test]\nfn {test}() {{")), "{case}: there is no test {name}");
        }
    }
}
