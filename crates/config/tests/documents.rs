//! What is printed for people is true: the example is sound, and the reference is what the reader of keys knows.

use doorward_config::{Style, load, reference};
use std::{env, fs, path::PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_example_is_accepted_without_a_warning() {
    let outcome = load(&root().join("examples/doorward.toml"), &|_| None);
    assert!(outcome.diagnostics.is_empty(), "{}", outcome.diagnostics.render(Style::Plain));
    let config = outcome.config.unwrap();
    assert_eq!(config.policy.directories.len(), 2);
    assert_eq!(config.policy.routes.native.len(), 6);
    assert_eq!(outcome.files.len(), 2, "{:?}", outcome.files);
}

#[test]
fn the_reference_is_generated_from_the_keys() {
    let path = root().join("docs/reference/configuration.md");
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, reference()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let hint = "docs/reference/configuration.md is out of date: UPDATE=1 cargo test -p doorward-config --test documents";
    assert!(written == reference(), "{hint}");
}
