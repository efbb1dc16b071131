//! What is said of the package is true.

use std::{collections::BTreeSet, fs, process::Command};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// Packages that a program takes in with this one.
fn dependencies(features: &[&str]) -> usize {
    let out = Command::new(env!("CARGO"))
        .args(["tree", "-p", "doorward-tower", "-e", "normal", "--prefix", "none", "--offline", "--locked"])
        .args(features)
        .current_dir(HERE)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    // A package that occurs again is marked so.
    let names: BTreeSet<&str> = text.lines().map(|line| line.trim_end_matches(" (*)")).filter(|line| !line.is_empty()).collect();
    names.len() - 1
}

#[test]
fn the_number_of_dependencies_is_what_the_documentation_says() {
    let (alone, with_axum) = (dependencies(&[]), dependencies(&["--features", "axum"]));
    let said = format!("{alone} packages with default features, {with_axum} with `axum`");
    for file in ["README.md", "../../docs/reference/library.md"] {
        let text = fs::read_to_string(format!("{HERE}/{file}")).unwrap();
        assert!(text.contains(&said), "{file} has to say: {said}");
    }
}

#[test]
fn the_readme_shows_the_example_that_runs() {
    let readme = fs::read_to_string(format!("{HERE}/README.md")).unwrap();
    let example = fs::read_to_string(format!("{HERE}/examples/protect_axum.rs")).unwrap();
    let begin = readme.find("```rust\n").unwrap() + "```rust\n".len();
    let shown = &readme[begin..begin + readme[begin..].find("```").unwrap()];
    let trim = |text: &str| text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let lines = trim(&example);
    for line in trim(shown) {
        assert!(lines.contains(&line), "examples/protect_axum.rs does not say: {line}");
    }
}
