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

#[test]
fn a_consent_says_what_for_whom_and_how_long_and_escapes_what_clients_chose() {
    let page = render(&Consent {
        action: "/authorize/consent",
        token: "a.b.c",
        field: "request",
        value: "client_id=shop&state=\"><script>",
        client: "<b>Shop</b>",
        unverified: false,
        login: "jane&co",
        directory: "customers",
        scopes: &["See your orders", "<i>all</i>"],
        resources: &["https://api.example.com/?a&b"],
        duration: "Until you sign out here, or your session ends.",
        whither: "You go on to https://app.example.com.",
        applications: "/account/applications",
    })
    .unwrap();
    for needle in [
        "&#60;b&#62;Shop&#60;/b&#62;",
        "jane&#38;co",
        "<li>See your orders</li>",
        "&#60;i&#62;all&#60;/i&#62;",
        "https://api.example.com/?a&#38;b",
        "Until you sign out here",
        r#"name="request" value="client_id=shop&#38;state=&#34;&#62;&#60;script&#62;""#,
        r#"<button type="submit" name="decision" value="allow">Allow</button>"#,
        r#"name="decision" value="deny""#,
    ] {
        assert!(page.contains(needle), "{needle} in {page}");
    }
    assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
}

#[test]
fn the_page_that_leads_on_cannot_be_led_elsewhere() {
    let url = "https://app.example.com/cb?code=c&state=%22%3E&iss=https%3A%2F%2Fx";
    let page = render(&Continue { url, client: "\"><script>" }).unwrap();
    let shown = url.replace('&', "&#38;");
    assert!(page.contains(&format!("content=\"0;url={shown}\"")) && page.contains(&format!("href=\"{shown}\"")), "{page}");
    assert!(!page.contains("<script"), "{page}");
}
