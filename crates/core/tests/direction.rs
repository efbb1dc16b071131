//! The direction of dependencies: which crate of ours may name which, and which crates alone may name a library.
#![expect(clippy::expect_used, reason = "a helper of tests may fail a test")]

use serde_json::Value;
use std::{collections::BTreeMap, process::Command};

/// `crate -> crates of ours that it may name`.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("doorward-core", &[]),
    ("doorward-crypto", &["doorward-core"]),
    ("doorward-store", &["doorward-core"]),
    ("doorward-wire", &[]),
    ("doorward-mail", &["doorward-core"]),
    ("doorward-tls", &["doorward-core"]),
    ("doorward-fetch", &["doorward-core", "doorward-tls"]),
    ("doorward-config", &["doorward-core", "doorward-crypto", "doorward-mail", "doorward-tls"]),
    ("doorward-import", &["doorward-core", "doorward-crypto"]),
    ("doorward-auth", &["doorward-core", "doorward-crypto"]),
    ("doorward-oauth", &["doorward-auth", "doorward-core", "doorward-crypto"]),
    (
        "doorward-gateway",
        &["doorward-auth", "doorward-core", "doorward-crypto", "doorward-oauth", "doorward-tls", "doorward-wire"],
    ),
    (
        "doorward-assembly",
        &[
            "doorward-auth",
            "doorward-config",
            "doorward-core",
            "doorward-crypto",
            "doorward-fetch",
            "doorward-gateway",
            "doorward-mail",
            "doorward-oauth",
            "doorward-store",
            "doorward-tls",
        ],
    ),
    (
        "doorward-tower",
        &[
            "doorward-assembly",
            "doorward-config",
            "doorward-core",
            "doorward-crypto",
            "doorward-gateway",
            "doorward-mail",
            "doorward-tls",
        ],
    ),
    (
        "doorward",
        &[
            "doorward-assembly",
            "doorward-auth",
            "doorward-config",
            "doorward-core",
            "doorward-crypto",
            "doorward-fetch",
            "doorward-gateway",
            "doorward-import",
            "doorward-mail",
            "doorward-oauth",
            "doorward-store",
            "doorward-tls",
            "doorward-wire",
        ],
    ),
];

/// `library -> the only crates that may name it` (in normal dependencies).
const WRAPPED: &[(&str, &[&str])] = &[
    ("rusqlite", &["doorward-store"]),
    ("argon2", &["doorward-crypto"]),
    ("bcrypt", &["doorward-crypto"]),
    ("scrypt", &["doorward-crypto"]),
    ("md-5", &["doorward-crypto"]),
    // It reads a token once for its header and once more for the rest: ours is read once (docs/explanation/performance.md).
    ("jsonwebtoken", &[]),
    ("subtle", &["doorward-crypto"]),
    ("hyper", &["doorward-fetch", "doorward-gateway", "doorward"]),
    ("rustls", &["doorward-tls"]),
    ("tokio-rustls", &["doorward-tls"]),
    ("rustls-native-certs", &["doorward-tls"]),
    ("x509-parser", &["doorward-tls"]),
    ("askama", &["doorward-wire"]),
    ("quick-xml", &["doorward-wire", "doorward-config"]),
    ("toml", &["doorward-config", "doorward-import"]),
    ("csv", &["doorward-import"]),
    ("lettre", &["doorward-mail"]),
    ("minijinja", &["doorward-mail"]),
    ("clap", &["doorward"]),
    ("prometheus-client", &["doorward"]),
    ("tracing-subscriber", &["doorward"]),
    ("axum", &["doorward-tower"]),
    ("tower-layer", &["doorward-tower"]),
    ("tower-service", &["doorward-tower"]),
];

/// Libraries that no crate may name: a second crypto stack, a parser that expands entities, or a cache that costs more than a
/// table (docs/explanation/performance.md).
const BANNED: &[&str] = &["ring", "openssl", "native-tls", "xml-rs", "serde_yaml", "rand", "moka"];

/// The crate's normal dependencies, by crate.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo metadata runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let metadata: Value = serde_json::from_slice(&out.stdout).expect("cargo metadata prints JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let normal = package["dependencies"].as_array().expect("dependencies").iter();
            let normal = normal.filter(|d| d["kind"].is_null()).map(|d| text(&d["name"])).collect();
            (text(&package["name"]), normal)
        })
        .collect()
}

#[test]
fn crates_name_only_what_lies_below_them() {
    let dependencies = dependencies();
    let allowed: BTreeMap<_, _> = MAY_NAME.iter().copied().collect();
    for (name, dependencies) in &dependencies {
        let allowed = allowed.get(name.as_str()).unwrap_or_else(|| panic!("{name} has no line in MAY_NAME"));
        for dependency in dependencies.iter().filter(|d| d.starts_with("doorward")) {
            assert!(allowed.contains(&dependency.as_str()), "{name} may not name {dependency}");
        }
    }
    assert_eq!(dependencies.len(), allowed.len(), "MAY_NAME lists a crate that is gone");
}

#[test]
fn libraries_stay_behind_the_crates_that_wrap_them() {
    for (name, dependencies) in dependencies() {
        for dependency in &dependencies {
            assert!(!BANNED.contains(&dependency.as_str()), "{name} names {dependency}, which is banned");
            if let Some((_, allowed)) = WRAPPED.iter().find(|(library, _)| library == dependency) {
                assert!(allowed.contains(&name.as_str()), "{dependency} is for {allowed:?}, not for {name}");
            }
        }
    }
}

#[test]
fn every_crate_inherits_the_lints_that_forbid_unsafe_code() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let workspace = std::fs::read_to_string(format!("{root}/Cargo.toml")).expect("the workspace's Cargo.toml");
    assert!(workspace.contains("unsafe_code = \"forbid\""));
    for entry in std::fs::read_dir(format!("{root}/crates")).expect("crates/") {
        let manifest = entry.expect("an entry").path().join("Cargo.toml");
        let manifest = std::fs::read_to_string(&manifest).unwrap_or_else(|e| panic!("{}: {e}", manifest.display()));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{manifest}");
    }
}
