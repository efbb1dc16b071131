//! A new user's walk: the commands of the README and of the tutorial, as they stand there.

use crate::support::{Demo, PATIENCE, Site, upstream::Upstream};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)).unwrap()
}

/// The fenced blocks of a language in their order, each with the line of its first line.
fn blocks(page: &str, language: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, bool, String)> = None;
    for (number, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(name)) => open = Some((number + 2, name == language, String::new())),
            (Some((_, _, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (Some(_), Some(_)) => found.extend(open.take().filter(|(_, wanted, _)| *wanted).map(|(at, _, text)| (at, text))),
            (None, None) => {}
        }
    }
    found
}

/// Runs a block by a shell in a folder, with this binary as `doorward`; what it wrote.
fn shell(folder: &Path, script: &str) -> (bool, String, String) {
    let binary = Path::new(env!("CARGO_BIN_EXE_doorward")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh").args(["-eu", "-c", script]).current_dir(folder).env("PATH", path).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

/// The status of each answer that `curl -i` shows. A body without a line end is followed by the next answer at once.
fn statuses(out: &str) -> Vec<&str> {
    out.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect()
}

/// The blocks of the page that call `curl` at the demo's address, run against the demo one after the other.
fn walk(demo: &Demo, page: &str, until: &str) -> Vec<String> {
    let address = demo.said.lines().next().unwrap().strip_prefix("http://").unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let part = page.split(until).next().unwrap();
    let mut seen = Vec::new();
    for (line, block) in blocks(part, "sh").into_iter().filter(|(_, block)| block.contains("curl ")) {
        let script = block.replace("127.0.0.1:8080", &address);
        let (ok, out, err) = shell(folder.path(), &script);
        assert!(ok, "line {line}: {script}\n{out}{err}");
        seen.extend(statuses(&out).into_iter().map(str::to_owned));
    }
    seen
}

#[test]
fn the_readme_works_to_the_letter() {
    let page = page("README.md");
    let seen = walk(&Demo::start(), &page, "## A minimal configuration");
    // A guest; signed in, twice; without and with the token; the shop's three; the customer's three; signing out: as the
    // comments say.
    assert_eq!(seen, ["401", "200", "200", "401", "201", "200", "401", "200", "401", "200", "200", "204"]);
}

#[test]
fn the_tutorial_works_in_front_of_the_demo() {
    let page = page("docs/tutorial.md");
    let seen = walk(&Demo::start(), &page, "## 2. Put an API");
    assert_eq!(seen, ["401", "200", "401", "200"], "guest, signed in, deletion without token, deletion with token");
}

/// A configuration of a page, in a place of its own, in front of `upstream`; listeners on free ports.
fn place(page: &str, upstream: &Upstream) -> Site {
    let files = blocks(page, "toml");
    let config =
        files.iter().find(|(_, text)| text.contains("[[upstream]]")).unwrap().1.replace("http://127.0.0.1:9000", &upstream.url());
    let config = config.replace("127.0.0.1:8080", "127.0.0.1:0") + "\n[operations]\nlisten = \"127.0.0.1:0\"\n";
    let site = Site::new(&config);
    site.write("routes.toml", &files.iter().find(|(_, text)| text.contains("[[route]]")).unwrap().1);
    site
}

#[test]
fn the_configurations_of_the_pages_serve_as_the_pages_say() {
    for name in ["README.md", "docs/tutorial.md"] {
        let page = page(name);
        let site = place(&page, &Upstream::start());
        let blocks = blocks(&page, "sh");
        // Everything but the lines that serve.
        for (line, block) in
            blocks.iter().filter(|(_, block)| block.contains("doorward check") || block.contains("doorward user"))
        {
            let script: String =
                block.lines().filter(|line| !line.starts_with("doorward serve")).map(|line| format!("{line}\n")).collect();
            let (ok, out, err) = shell(site.path(), &script);
            assert!(ok, "{name}:{line}: {script}\n{out}{err}");
        }
        let explained: Vec<(bool, String)> = blocks
            .iter()
            .flat_map(|(_, block)| block.lines().filter(|line| line.starts_with("doorward explain")))
            .map(|line| shell(site.path(), line))
            .map(|(ok, out, _)| (ok, out))
            .collect();
        let answers: Vec<bool> = explained.iter().map(|(ok, _)| *ok).collect();
        match name {
            "README.md" => assert_eq!(answers, [true], "{explained:?}"),
            _ => assert_eq!(answers, [false, true, false], "guest, jane, no rule: {explained:?}"),
        }
        let granted = explained.iter().find(|(ok, _)| *ok).unwrap();
        assert!(granted.1.contains("routes.toml:") && granted.1.contains("sales"), "{granted:?}");

        let server = site.serve();
        let session = server.sign_in("jane", "correct horse battery staple");
        let get = |path: &str, headers: &str| server.get(path, headers).status;
        let cookie = format!("Cookie: {}\r\n", session.cookie);
        let seen = (get("/status", ""), get("/orders/7", ""), get("/other", ""), get("/orders/7", &cookie));
        assert_eq!(seen, (200, 401, 404, 200), "{name}");
    }
}

#[test]
fn what_is_needed_to_serve_is_there_soon_after_the_start() {
    let began = Instant::now();
    let mut child: Child = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(["demo", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let took = began.elapsed();
    let killed = Command::new("kill").arg("-INT").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success() && child.wait().unwrap().code() == Some(0));
    println!("the demo named its URL after {took:?}, accounts with hashed passwords included");
    assert!(first.starts_with("http://127.0.0.1:") && took < PATIENCE, "{first}");
}
