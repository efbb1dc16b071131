//! What people read when a configuration is wrong: each `bad/NAME.toml` beside what is said of it, `bad/NAME.txt`.
//! `UPDATE=1 cargo test -p doorward-config` writes the expectations anew; read the difference before committing it.
#![expect(clippy::unwrap_used, reason = "a helper of tests may fail a test")]

use doorward_config::{Outcome, Severity, Style, load};
use std::{collections::BTreeSet, env, fs, path::PathBuf};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

fn variables(name: &str) -> Option<String> {
    match name {
        "STORE_URL" => Some("postgres://doorward:hunter2@db.example.com/doorward".into()),
        "SECRET" => Some("hunter2".into()),
        "LISTEN" => Some("hunter2:80".into()),
        _ => None,
    }
}

fn cases() -> Vec<(String, Outcome)> {
    let names: BTreeSet<PathBuf> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let configurations = names.into_iter().filter(|path| path.extension().is_some_and(|ext| ext == "toml"));
    let cases: Vec<_> = configurations
        .filter(|path| !path.to_string_lossy().ends_with(".routes.toml"))
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), load(&path, &variables)))
        .collect();
    assert!(cases.len() > 20, "only {} cases", cases.len());
    cases
}

#[test]
fn says_what_is_wrong_and_where() {
    let mut differing = Vec::new();
    for (name, outcome) in cases() {
        let folder = format!("{}/", folder().display());
        let said = outcome.diagnostics.render(Style::Plain).replace(&folder, "");
        let expected = folder_file(&name);
        if env::var_os("UPDATE").is_some() {
            fs::write(&expected, &said).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != said {
            differing.push(format!("--- {name}\n{said}"));
        }
    }
    assert!(differing.is_empty(), "these differ from `bad/*.txt`; UPDATE=1 writes them anew\n{}", differing.join("\n"));
}

fn folder_file(name: &str) -> PathBuf {
    folder().join(format!("{name}.txt"))
}

#[test]
fn an_error_leaves_no_configuration_and_a_warning_does() {
    for (name, outcome) in cases() {
        let errors = outcome.diagnostics.iter().any(|d| d.severity() == Severity::Error);
        assert_eq!(errors, !name.starts_with("warnings"), "{name}");
        assert_eq!(outcome.config.is_none(), errors, "{name}");
        assert!(!outcome.diagnostics.is_empty(), "{name}");
    }
}

#[test]
fn never_shows_a_secret() {
    for (name, outcome) in cases() {
        let json = serde_json::to_string(&outcome.diagnostics).unwrap();
        let lines: String = outcome.diagnostics.iter().map(|d| format!("{d}\n{d:?}\n")).collect();
        for text in [outcome.diagnostics.render(Style::Plain), json, lines, format!("{:?}", outcome.config)] {
            assert!(!text.contains("hunter2"), "{name}: {text}");
        }
    }
}

#[test]
fn every_error_has_a_line_except_about_whole_files() {
    for (name, outcome) in cases() {
        assert!(outcome.diagnostics.iter().all(|d| d.position().is_some()), "{name}");
    }
}
