use super::*;
use proptest::prelude::*;

fn sign_in(login: &str, error: Option<&str>) -> String {
    render(&SignIn {
        action: "/login/admins",
        fields: FieldNames::OURS,
        token: "a.b.c",
        target: "/orders?x=1&y=\"2\"",
        login,
        error,
        forgot: Some("/password/admins"),
        providers: &[],
    })
    .unwrap()
}

#[test]
fn the_form_has_the_fields_that_clients_look_for() {
    let page = sign_in("", None);
    for needle in [
        r#"<form method="post" action="/login/admins">"#,
        r#"name="_csrf_token" value="a.b.c""#,
        r#"<label for="username">"#,
        r#"id="username" name="_username""#,
        r#"<label for="password">"#,
        r#"id="password" name="_password" type="password""#,
        r#"<button type="submit">Login</button>"#,
        r#"<html lang="en">"#,
        r#"name="_target_path" value="/orders?x=1&#38;y=&#34;2&#34;""#,
    ] {
        assert!(page.contains(needle), "{needle} in {page}");
    }
    assert!(!page.contains("role=\"alert\""));
}

#[test]
fn an_error_is_announced_and_the_login_kept() {
    let page = sign_in("ada", Some("Wrong."));
    assert!(page.contains(r#"role="alert""#) && page.contains("Wrong.") && page.contains(r#"value="ada""#), "{page}");
    assert!(page.contains("<title>Error: Sign in</title>"));
}

#[test]
fn nothing_on_a_page_needs_more_than_the_policy_allows() {
    let sessions = [OpenSession { directory: "admins", login: "ada" }];
    let pages = [
        sign_in("x", Some("y")),
        render(&SignedIn { sessions: &sessions, target: "/", sign_out: "/logout" }).unwrap(),
        render(&SignOut { sessions: &sessions, action: "/logout", token_name: "_csrf_token", token: "t" }).unwrap(),
        render(&SignedOut).unwrap(),
        render(&ResetRequest { action: "/a", token: "t", login: "<i>", error: Some("y"), back: "/login" }).unwrap(),
        render(&NewPassword { action: "/a", token: "t", login: "<i>", rules: "r", current: true, error: Some("y") }).unwrap(),
        render(&Confirm { action: "/a", token: "t", login: "<i>" }).unwrap(),
        render(&Done { title: "T", text: "<i>", link: Some(("/login", "Sign in")) }).unwrap(),
        render(&Forbidden { login: "ada", request_id: "1" }).unwrap(),
        render(&Message { title: "T", text: "x", request_id: "1" }).unwrap(),
    ];
    for page in pages {
        for bad in ["<script", "<style", " style=", " on", "javascript:", "http://", "https://", "<img"] {
            assert!(
                !page.contains(bad) || (bad == " on" && !page.contains(" on=") && !page.contains(" onclick")),
                "{bad}: {page}"
            );
        }
        assert!(!page.contains("<i>"), "{page}");
        assert_eq!(page.matches("<h1>").count(), 1);
        assert!(page.contains(r#"href="/login/style.css""#) && page.contains("<main>"));
    }
}

proptest! {
    #[test]
    fn what_people_type_never_becomes_markup(login in ".{0,60}") {
        let with = |login: &str| sign_in(login, None).matches(['<', '>', '"']).count();
        // An empty login moves the focus, so both sides have one.
        prop_assert_eq!(with(&format!("x{login}")), with("x"));
    }
}
