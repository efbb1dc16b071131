//! Browsers that were led from the application to the sign-in page and back without an end.

use super::{
    House, STRANGER, Sent,
    inner::{cookies, field},
};
use crate::forward_auth::tests::{PROXY, Question, all, rule};
use http::header;

const CLOSED: &str = "GET https://shop.test/closed?a=1";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

async fn house() -> House {
    House::new(|policy| policy.access.push(rule("^/closed"))).await
}

/// A browser behind a proxy that asks `verdicts` and sends our own pages to `pages`.
struct Browser<'h> {
    question: Question,
    verdicts: &'h House,
    pages: &'h House,
    cookies: Vec<String>,
}

/// Where a browser ends.
#[derive(Debug, PartialEq)]
enum End {
    Application,
    SignIn(String),
    Refused(u16),
}

impl Browser<'_> {
    fn header(&self) -> String {
        if self.cookies.is_empty() { String::new() } else { format!("Cookie: {}\r\n", self.cookies.join("; ")) }
    }

    fn keep(&mut self, cookies: Vec<String>) {
        for cookie in cookies {
            let name = cookie.split('=').next().unwrap().to_owned();
            self.cookies.retain(|kept| kept.split('=').next() != Some(&*name));
            if !cookie.ends_with("=deleted") {
                self.cookies.push(cookie);
            }
        }
    }

    /// Goes to the application, and wherever it is led to; so many redirects at most, of each page one.
    async fn goes(&mut self) -> End {
        let mut question = self.question.clone().with("sec-fetch-mode", "navigate");
        if !self.cookies.is_empty() {
            question = question.with("cookie", &self.cookies.join("; "));
        }
        let answer = question.ask(&self.verdicts.place).await;
        let set = answer.headers().get_all(header::SET_COOKIE).iter();
        self.keep(set.map(|value| value.to_str().unwrap().split(';').next().unwrap().to_owned()).collect());
        let location = answer.headers().get(header::LOCATION).map(|value| value.to_str().unwrap().to_owned());
        let Some(location) = location else {
            return match answer.status().as_u16() {
                200 => End::Application,
                status => End::Refused(status),
            };
        };
        // Traefik's browsers need the whole URL, and it is the one of their own host.
        let page = location.strip_prefix("https://shop.test").unwrap_or(&location);
        let answer = self.pages.place.send(&format!("GET {page}"), &self.header(), "").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "a page leads nowhere by itself: {answer}");
        self.keep(cookies(&answer));
        End::SignIn(answer)
    }

    /// Fills the form in. Where it leads to.
    async fn signs_in(&mut self, page: &str, login: &str, password: &str) -> String {
        let body = format!(
            "_username={login}&_password={password}&_csrf_token={}&_target_path={}",
            field(page, "_csrf_token"),
            field(page, "_target_path").replace('?', "%3F").replace('=', "%3D")
        );
        let answer = self.pages.place.send("POST /login", &format!("{}{FORM}", self.header()), &body).await;
        assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
        self.keep(cookies(&answer));
        answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap().to_owned()
    }
}

/// The session that a sign-in made counts for the very next question.
#[tokio::test]
async fn authentik_26076_whoever_signed_in_is_known_at_once() {
    let house = house().await;
    for question in all(CLOSED) {
        let mut browser = Browser { question, verdicts: &house, pages: &house, cookies: Vec::new() };
        let End::SignIn(page) = browser.goes().await else { panic!("{:?}", browser.question.convention) };
        assert_eq!(browser.signs_in(&page, "admin", "publish").await, "/closed?a=1");
        assert_eq!(browser.goes().await, End::Application, "{:?}", browser.question.convention);
    }
}

/// Questions and pages may come to different nodes, none of which remembers anything for itself.
#[tokio::test]
async fn authentik_6883_several_nodes_are_as_one() {
    let first = house().await;
    let (second, third) = (House::of(first.place.beside().await), House::of(first.place.beside().await));
    for question in all(CLOSED) {
        let mut browser = Browser { question, verdicts: &first, pages: &second, cookies: Vec::new() };
        let End::SignIn(page) = browser.goes().await else { panic!("{:?}", browser.question.convention) };
        browser.pages = &third;
        assert_eq!(browser.signs_in(&page, "admin", "publish").await, "/closed?a=1");
        for verdicts in [&second, &first, &third] {
            browser.verdicts = verdicts;
            assert_eq!(browser.goes().await, End::Application, "{:?}", browser.question.convention);
        }
    }
}

/// Cookies of sessions that are over, of no session, or of the form alone lead to the page, which is shown, and no further.
#[tokio::test]
async fn authentik_7374_old_cookies_lead_to_the_form_and_never_round() {
    let house = house().await;
    let session = house.place.login().await;
    house
        .place
        .send(
            &format!("DELETE {}", session.href),
            &format!("Cookie: {}\r\nX-CSRF-Token: {}\r\n", session.cookie(), session.token),
            "",
        )
        .await;
    let dead =
        [session.cookie(), format!("{}=", crate::api::world::COOKIE), "PHPSESSID=x".to_owned(), "doorward_form=x".to_owned()];
    for cookie in dead {
        for question in all(CLOSED) {
            let mut browser = Browser { question, verdicts: &house, pages: &house, cookies: vec![cookie.clone()] };
            let End::SignIn(page) = browser.goes().await else { panic!("{cookie} {:?}", browser.question.convention) };
            assert_eq!(browser.signs_in(&page, "admin", "publish").await, "/closed?a=1");
            assert_eq!(browser.goes().await, End::Application, "{cookie} {:?}", browser.question.convention);
        }
    }
}

/// Who is known and may not is told so: to sign in once more would change nothing.
#[tokio::test]
async fn authentik_7374_whoever_is_signed_in_and_may_not_is_led_nowhere() {
    let house = house().await;
    let customer = house.place.world.login_customer().await;
    for question in all(CLOSED) {
        let mut browser = Browser { question, verdicts: &house, pages: &house, cookies: vec![customer.clone()] };
        assert_eq!(browser.goes().await, End::Refused(403), "{:?}", browser.question.convention);
    }
    for peer in [STRANGER, PROXY] {
        let sent = Sent::get("/closed").with("cookie", &customer).navigating();
        let came = house.gateway("gateway", peer, &sent).await;
        assert!(came.status == 403 && came.location().is_none(), "{came:?}");
    }
}
