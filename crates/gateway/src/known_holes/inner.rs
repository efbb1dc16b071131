//! Requests that come of other requests within a program were not judged again.

use super::{House, Sent};
use crate::{
    api::world::COOKIE,
    forward_auth::tests::rule,
    pipeline::tests::{ANSWER, Place},
};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// The value of a hidden field.
pub(super) fn field<'p>(page: &'p str, name: &str) -> &'p str {
    let start = format!("name=\"{name}\" value=\"");
    page.split_once(&start).unwrap_or_else(|| panic!("{name}: {page}")).1.split('"').next().unwrap()
}

/// `NAME=VALUE` of the cookies that an answer sets.
pub(super) fn cookies(answer: &str) -> Vec<String> {
    let lines = answer.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
    lines.map(|line| line.split(';').next().unwrap().to_owned()).collect()
}

/// Whoever fails to sign in, or succeeds, gets no page but ours: where they are led to they have to ask for themselves.
#[tokio::test]
async fn cve_2026_48489_no_target_of_a_form_is_served_in_its_answer() {
    let place = Place::new(Some(ANSWER), |policy| policy.access.push(rule("^/closed"))).await;
    for (login, password) in [("admin", "wrong"), ("carla", "customer")] {
        let page = place.send("GET /login?return=/closed", "", "").await;
        let cookie = format!("Cookie: {}\r\n", cookies(&page)[0]);
        let body = format!(
            "_username={login}&_password={password}&_csrf_token={}&_target_path=/closed&_failure_path=/closed&_failure_forward=1\
             &_forward=/closed",
            field(&page, "_csrf_token")
        );
        let answer = place.send("POST /login?_failure_path=/closed", &format!("{cookie}{FORM}"), &body).await;
        assert!(!answer.contains("upstream") && place.received().is_empty(), "{answer}");
        if password == "wrong" {
            assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
            continue;
        }
        assert!(answer.starts_with("HTTP/1.1 303") && answer.contains("location: /closed\r\n"), "{answer}");
        let session = cookies(&answer).join("; ");
        assert!(session.starts_with("PHPSESSID=") && !session.contains(COOKIE), "{session}");
        let answer = place.send("GET /closed", &format!("Cookie: {session}\r\n"), "").await;
        assert!(answer.starts_with("HTTP/1.1 401") && place.received().is_empty(), "{answer}");
        assert_eq!(place.requests().pop().unwrap(), "GET - 401 refusal access_control customer/42");
    }
}

/// What is another request by the time that it is judged is judged as that one: a path that loses its script, a method that
/// a header replaces. And what we answer ourselves is behind the same rules.
#[tokio::test]
async fn cve_2022_31692_what_is_rewritten_within_is_judged_as_it_is_then() {
    let house = House::new(|policy| {
        policy.routes.magento_prefix = Some("/rest".into());
        policy.access = vec![rule("^/rest/V1/closed"), rule("^/api/ibexa/v2/user/current")];
    })
    .await;
    for path in ["/rest/V1/closed", "/index.php/rest/V1/closed", "/index.php/rest/V1/closed/x", "/api/ibexa/v2/user/current"] {
        for came in house.everywhere(&Sent::get(path)).await {
            came.is_denied();
        }
    }
    let place = Place::new(Some(ANSWER), |policy| {
        let delete = doorward_core::access::AccessRule { methods: vec![http::Method::DELETE], ..(*rule("^/orders")).clone() };
        policy.access.push(std::sync::Arc::new(delete));
    })
    .await;
    let answer = place.send("POST /orders/5", "X-HTTP-Method-Override: DELETE\r\n", "").await;
    assert!(answer.starts_with("HTTP/1.1 401") && place.received().is_empty(), "{answer}");
    let answer = place.send("POST /orders/5", "", "").await;
    assert!(answer.starts_with("HTTP/1.1 200") && place.received().len() == 1, "{answer}");
}
