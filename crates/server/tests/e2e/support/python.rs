//! Programs beside the workspace's tests: a browser that is driven, and libraries of other authors.

use super::Server;
use serde_json::Value;
use std::{
    ffi::OsStr,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Lets a browser walk through pages of the server; the script says a line for each thing that it saw, at least so many.
pub(crate) fn browse<S: AsRef<OsStr>>(script: &str, server: &Server, arguments: &[S], seen: usize) {
    browse_at(script, &format!("http://{}", server.public), server, arguments, seen);
}

/// The same at another address of the server.
pub(crate) fn browse_at<S: AsRef<OsStr>>(script: &str, url: &str, server: &Server, arguments: &[S], seen: usize) {
    let output = command(script).arg(url).args(arguments).output().unwrap();
    let (said, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{why}\n{}", server.log());
    assert!(said.lines().count() >= seen, "{said}");
}

/// The same for a script in JavaScript, which is told where its libraries are.
pub(crate) fn run_by_node<S: AsRef<OsStr>>(script: &str, server: &Server, arguments: &[S], seen: usize) {
    let installed = workspace().join("target/test-node");
    let modules = std::env::var_os("DOORWARD_TEST_NODE").map_or(installed, PathBuf::from);
    let there = modules.join("node_modules").exists();
    assert!(there, "{} is missing: run scripts/test, which installs what the tests need", modules.display());
    let mut node = Command::new("node");
    node.arg(workspace().join("tests/node").join(script)).arg(modules).arg(format!("http://{}", server.public));
    let output = node.args(arguments).output().unwrap();
    let (said, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{why}\n{}", server.log());
    assert!(said.lines().count() >= seen, "{said}");
}

/// A program in Rust that stands apart from the workspace.
pub(crate) fn in_rust(program: &str) -> Command {
    let installed = workspace().join("target/test-rust/debug");
    let path = std::env::var_os("DOORWARD_TEST_RUST").map_or(installed, PathBuf::from).join(program);
    assert!(path.exists(), "{} is missing: run scripts/test, which builds what the tests need", path.display());
    Command::new(path)
}

/// Where a browser puts pictures, which are kept after the test to be looked at.
pub(crate) fn screenshots() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// What an independent library says of a token: its claims, or why it is not good.
pub(crate) fn claims(script: &str, arguments: &[&OsStr], token: &str) -> Result<Value, String> {
    let mut child =
        command(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    } else {
        Err(String::from_utf8(output.stderr).unwrap())
    }
}

/// A program that came as a package of Python.
pub(crate) fn beside(program: &str) -> PathBuf {
    let path = python().with_file_name(program);
    assert!(path.exists(), "{} is missing: run scripts/test, which installs what the tests need", path.display());
    path
}

/// A script of the folder `tests`.
pub(crate) fn command(script: &str) -> Command {
    let mut command = Command::new(python());
    command.arg(workspace().join("tests").join(script));
    command
}

/// The Python of the environment variable, or where `scripts/test` installs it.
fn python() -> PathBuf {
    let installed = workspace().join("target/test-venv/bin/python");
    let python = std::env::var_os("DOORWARD_TEST_PYTHON").map_or(installed, PathBuf::from);
    assert!(python.exists(), "{} is missing: run scripts/test, which installs what the tests need", python.display());
    python
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
