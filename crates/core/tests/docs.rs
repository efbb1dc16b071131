//! The prose: links lead somewhere, the summary lists every page, every refusal reason is documented, and nothing
//! speaks of one machine.
#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail a test")]

use doorward_core::Reason;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace has a folder")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All Markdown files below `folder`.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            found.extend(below(&path));
        } else if path.extension().is_some_and(|ext| ext == "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every page of ours: those of the root, of `docs` and of `bench`.
fn pages() -> Vec<PathBuf> {
    let mut pages = below(&root().join("docs"));
    for name in ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "bench/README.md"] {
        pages.push(root().join(name));
    }
    pages
}

/// The text outside of fenced code.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut kept = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// The targets of `[text](target)`.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    prose.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

/// What a heading is called in links.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn has_anchor(text: &str, wanted: &str) -> bool {
    prose(text).lines().filter_map(|line| line.strip_prefix('#')).any(|line| anchor(line.trim_start_matches('#')) == wanted)
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = read(&page);
        for link in links(&text).into_iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            let (file, fragment) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().expect("a page is in a folder").join(file) };
            let sound = target.exists() && (fragment.is_empty() || has_anchor(&read(&target), fragment));
            if !sound {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_summary_lists_every_page_once() {
    let docs = root().join("docs");
    let listed: Vec<PathBuf> = links(&read(&docs.join("SUMMARY.md"))).iter().map(|link| docs.join(link)).collect();
    let unique: BTreeSet<&PathBuf> = listed.iter().collect();
    assert_eq!(listed.len(), unique.len(), "a page is listed twice");
    let there = below(&docs);
    let expected: BTreeSet<&PathBuf> = there.iter().filter(|page| !page.ends_with("SUMMARY.md")).collect();
    assert_eq!(unique, expected);
}

#[test]
fn every_refusal_reason_is_documented_once() {
    let text = read(&root().join("docs/reference/refusal-reasons.md"));
    for code in Reason::CODES {
        let rows = text.lines().filter(|line| line.starts_with(&format!("| `{code}` |"))).count();
        assert_eq!(rows, 1, "{code}");
    }
}

/// All source files of our crates and tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("an entry can be read").path());
    paths
        .flat_map(|path| match path.extension() {
            _ if path.is_dir() => sources(&path),
            Some(ext) if ext == "rs" || ext == "py" => vec![path],
            _ => Vec::new(),
        })
        .collect()
}

#[test]
fn every_test_that_the_threats_page_names_exists() {
    let code: String =
        [root().join("crates"), root().join("tests")].iter().flat_map(|folder| sources(folder)).map(|file| read(&file)).collect();
    let page = read(&root().join("docs/explanation/threats.md"));
    // Names of tests are long words in the last column.
    let named =
        page.lines().filter(|line| line.starts_with("| ")).filter_map(|line| line.trim_end_matches(" |").rsplit(" | ").next());
    let named: Vec<&str> =
        named.flat_map(|cell| cell.split('`')).filter(|word| word.contains('_') && !word.contains(['/', ' ', '.'])).collect();
    assert!(named.len() > 30, "the page names {} tests", named.len());
    let missing: Vec<&&str> = named.iter().filter(|name| !code.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// A test that is named after an advisory or a thread is found by that id.
#[test]
fn every_test_that_is_named_after_a_known_hole_is_on_the_threats_page() {
    let page = read(&root().join("docs/explanation/threats.md"));
    let begins = ["cve_", "ghsa_", "oauth2_proxy_", "oathkeeper_", "authentik_", "kanidm_", "rauthy_", "agent_os_", "devlake_"];
    let numbered = |name: &str| {
        let rest = ["traefik_", "keycloak_"].iter().find_map(|start| name.strip_prefix(start));
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let (mut known, mut missing) = (0, Vec::new());
    for file in sources(&root().join("crates")) {
        for test in read(&file).split("test]\n").skip(1) {
            let head = test.trim_start().trim_start_matches("async ");
            let Some((name, _)) = head.strip_prefix("fn ").and_then(|rest| rest.split_once('(')) else { continue };
            if begins.iter().any(|start| name.starts_with(start)) || numbered(name) {
                known += 1;
                missing.extend((!page.contains(&format!("`{name}`"))).then(|| name.to_owned()));
            }
        }
    }
    assert!(known > 50, "{known}");
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_file_that_a_page_names_exists() {
    let mut missing = Vec::new();
    for page in pages() {
        let text = prose(&read(&page));
        let named = text.split('`').skip(1).step_by(2).filter(|word| word.starts_with("crates/") || word.starts_with("scripts/"));
        missing.extend(named.filter(|name| !root().join(name).exists()).map(|name| format!("{}: {name}", page.display())));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_readme_has_the_lines_that_the_demo_prints() {
    let readme = read(&root().join("README.md"));
    let words = read(&root().join("crates/server/src/demo/words.rs"));
    let printed = words.replace("{url}", "http://127.0.0.1:8080").replace("{admin_cookie}", "doorward_admins");
    let commands: Vec<&str> = printed
        .lines()
        .filter(|line| ["curl ", "SESSION=", "COOKIE=", "TOKEN="].iter().any(|start| line.starts_with(start)))
        .collect();
    assert!(commands.len() > 8, "the demo prints {} commands", commands.len());
    for command in commands {
        assert!(readme.lines().any(|line| line == command), "{command}");
    }
}

#[test]
fn nothing_speaks_of_one_machine() {
    // Put together here, so that this file does not speak of them either.
    let forbidden = [
        ["/wo", "rk/"].concat(),
        ["/ho", "me/"].concat(),
        ["/ro", "ot/"].concat(),
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
    ];
    for page in pages() {
        let text = read(&page);
        for word in &forbidden {
            assert!(!text.contains(word.as_str()), "{}: {word}", page.display());
        }
    }
}
