//! The command line.

use crate::support::Site;

#[test]
fn wrong_usage_is_exit_code_2_and_help_is_0() {
    let site = Site::new("");
    for wrong in [&["serv"][..], &["user", "add", "no-slash", "--password-stdin"], &["explain", "GET"]] {
        let output = site.run(wrong, "");
        assert_eq!(output.code, 2, "{wrong:?}: {output:?}");
        assert!(output.err.contains("Usage") || output.err.contains("error"), "{output:?}");
    }
    let output = site.run(&["--help"], "");
    assert_eq!(output.code, 0, "{output:?}");
    for command in ["demo", "serve", "check", "explain", "user", "role", "session", "completions", "man"] {
        assert!(output.out.contains(command), "{command} is not in {}", output.out);
    }
}

#[test]
fn completion_scripts_and_the_manual_are_generated() {
    let site = Site::new("");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = site.run(&["completions", shell], "");
        assert_eq!(output.code, 0, "{output:?}");
        assert!(output.out.contains("explain"), "{shell}: {}", output.out);
    }
    let output = site.run(&["man"], "");
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.out.contains(".TH doorward 1") && output.out.contains("doorward\\-serve"), "{}", output.out);
}

#[test]
fn every_command_has_its_page() {
    let site = Site::new("");
    let page = site.ok(&["man", "user", "add"], "").out;
    assert!(page.contains("doorward-user-add") && page.contains("password\\-stdin"), "{page}");
    assert_eq!(site.run(&["man", "usr"], "").code, 2);
    site.ok(&["man", "--output", "pages"], "");
    for name in ["doorward.1", "doorward-serve.1", "doorward-user.1", "doorward-user-add.1", "doorward-role-add.1"] {
        let page = std::fs::read_to_string(site.path().join("pages").join(name)).expect(name);
        assert!(page.contains(".TH"), "{name}");
    }
}
