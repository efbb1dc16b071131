//! What `check` believes to be Doorward's own is what the gateway answers and sets.

#![expect(clippy::unwrap_used, reason = "all of this is test code: what goes wrong fails a test")]

use doorward_config::load;
use doorward_core::policy::Dialect;
use doorward_gateway::api::{self, cookie};
use http::Method;

const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"
[[directory]]
name = "admins"
kind = "admin"
COOKIE
[routes]
files = ["routes.toml"]
[[upstream]]
name = "test"
url = "http://127.0.0.1:9"
"#;

/// All problems of a configuration with these rules and this line in its directory; and its policy.
fn problems(rules: &str, cookie: &str) -> (Vec<String>, Option<doorward_core::Policy>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("routes.toml"), rules).unwrap();
    let path = folder.path().join("doorward.toml");
    std::fs::write(&path, CONFIG.replace("COOKIE", cookie)).unwrap();
    let outcome = load(&path, &|_| None);
    (outcome.diagnostics.iter().map(|p| p.message().to_owned()).collect(), outcome.config.map(|config| config.policy))
}

#[test]
fn check_hides_a_rule_exactly_where_the_gateway_answers_itself() {
    for path in [
        "/login",
        "/login/admins",
        "/login/nobody",
        "/login/style.css",
        "/logout",
        "/logout/x",
        "/api/ibexa/v2/",
        "/api/ibexa/v2/user/sessions",
        "/api/ibexa/v2/user/sessions/current",
        "/api/ibexa/v2/user/sessions/abc",
        "/api/ibexa/v2/user/sessions/abc/refresh",
        "/api/ibexa/v2/user/sessions/abc/other",
        "/api/ibexa/v2/user/current",
        "/api/ibexa/v2/user/users/14",
        "/api/ibexa/v2/user/users/anna",
        "/api/ibexa/v2/user/roles",
        "/api/ibexa/v2/content",
        "/user/sessions",
    ] {
        let rule = format!("[[route]]\nmethods = [\"GET\"]\npath = \"{path}\"\nrequire = [\"anonymous\"]\n");
        let (problems, policy) = problems(&rule, "");
        let policy = policy.expect(path);
        let (dialect, prefix) = policy.dialect(path);
        assert!(dialect != Dialect::Magento);
        let answered = api::recognise(&policy, &Method::GET, path, dialect, prefix).is_some();
        let hidden = problems.iter().any(|problem| problem.contains("can never match: Doorward answers"));
        assert_eq!(hidden, answered, "{path}: {problems:?}");
    }
}

#[test]
fn no_directory_may_take_the_name_of_a_cookie_that_the_gateway_sets() {
    for name in cookie::NAMES {
        let (problems, policy) = problems("", &format!("cookie = \"{name}\""));
        assert!(
            policy.is_none() && problems.iter().any(|p| p.contains("has another use for the cookie")),
            "{name}: {problems:?}"
        );
    }
    assert!(problems("", "cookie = \"mine\"").1.is_some());
}
