//! Codes: who gets one, for what it is good, and what attackers make of it.

use super::{
    add, pair, part,
    people::{PASSWORD, Play, REDIRECT, VERIFIER, cookie, encode, exchange, field, parameter, request},
    post, refused,
};
use std::thread;

#[test]
fn a_person_allows_an_application_and_it_gets_tokens() {
    let play = Play::new();
    let jane = play.jane();
    let query = request(&[("scope", "openid orders"), ("nonce", "n-1")]);
    let page = play.open(&format!("/authorize?{query}"), Some(&jane));
    assert_eq!(page.status, 200, "{page:?}");
    for needle in ["The Shop", "jane", "customers", "See your orders", "Know who you are", "https://app.example.com"] {
        assert!(page.body.contains(needle), "{needle}: {page:?}");
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self' https://app.example.com"),
        "{policy}"
    );
    assert_eq!((page.header("cache-control"), page.header("referrer-policy")), (Some("no-store"), Some("no-referrer")));
    let reply = play.decide(&query, &jane, "allow");
    assert_eq!(reply.status, 303, "{reply:?}");
    let issuer = format!("http://{}", play.server.public);
    assert!(reply.header("location").unwrap().starts_with(REDIRECT));
    assert_eq!((parameter(&reply, "state").as_deref(), parameter(&reply, "iss")), (Some("s&1"), Some(issuer.clone())));
    let code = parameter(&reply, "code").unwrap();
    let tokens = play.redeem(&code);
    assert_eq!((tokens.status, tokens.header("cache-control")), (200, Some("no-store")), "{tokens:?}");
    let tokens = tokens.json();
    let (access, id) = (tokens["access_token"].as_str().unwrap(), tokens["id_token"].as_str().unwrap());
    let said = part(access, 1);
    assert_eq!((part(access, 0)["typ"].as_str(), said["client_id"].as_str()), (Some("at+jwt"), Some("shop")));
    assert_eq!((said["sub"].as_str(), said["scope"].as_str()), (Some("customer/1"), Some("openid orders")));
    let who = part(id, 1);
    assert_eq!(
        (part(id, 0)["typ"].as_str(), who["aud"].as_str(), who["nonce"].as_str()),
        (Some("JWT"), Some("shop"), Some("n-1"))
    );
    assert_eq!((who["iss"].as_str(), &who["sub"], who["acr"].as_str()), (Some(&*issuer), &said["sub"], Some("1")));
    assert!(who["auth_time"].is_u64() && who["sid"].is_string() && who["at_hash"].is_string(), "{who}");
    assert_eq!(who["amr"], serde_json::json!(["pwd"]));
    let log = play.server.log();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    for secret in [&*code, access, id, refresh, VERIFIER] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    assert!(log.contains("action=authorization outcome=success"), "{log}");
}

#[test]
fn a_guest_signs_in_and_comes_back_with_the_request() {
    let play = Play::new();
    let query = request(&[("login_hint", "jane")]);
    let reply = play.open(&format!("/authorize?{query}"), None);
    let to = reply.header("location").unwrap().to_owned();
    assert!(reply.status == 303 && to.starts_with("/login?"), "{reply:?}");
    let page = play.open(&to, None);
    assert_eq!(page.status, 200, "{page:?}");
    let nonce = page.cookie("").unwrap();
    let form = format!(
        "_csrf_token={}&_target_path={}&_username=jane&_password={}",
        encode(&field(&page, "_csrf_token")),
        encode(&field(&page, "_target_path")),
        encode(PASSWORD)
    );
    assert_eq!(field(&page, "_username\" type=\"text"), "jane", "the hint is typed already");
    let signed_in = post(&play.server, "/login", &format!("Cookie: {nonce}\r\n"), &form);
    let back = signed_in.header("location").unwrap().to_owned();
    assert!(signed_in.status == 303 && back.starts_with("/authorize?"), "{signed_in:?}");
    let session = format!("Cookie: {}\r\n", signed_in.cookie("doorward_customers").unwrap());
    let page = play.server.get(&back, &session);
    assert!(page.status == 200 && page.body.contains("The Shop"), "{page:?}");
}

#[test]
fn what_is_wrong_before_the_redirect_uri_is_known_goes_to_no_client() {
    let play = Play::new();
    let jane = play.jane();
    for query in [
        request(&[("redirect_uri", "https://evil.example/callback")]),
        request(&[("redirect_uri", "https://app.example.com/callback/..;/evil")]),
        request(&[("redirect_uri", "https://app.example.com@evil.example/callback")]),
        request(&[("redirect_uri", "https://app.example.com/CALLBACK")]),
        request(&[("redirect_uri", "http://127.0.0.1:8000/callback")]),
        request(&[("redirect_uri", "")]),
        request(&[("client_id", "nobody")]),
        request(&[("client_id", "")]),
        format!("{}&redirect_uri=https://evil.example/", request(&[])),
        format!("{}&client_id=shop", request(&[])),
        request(&[("state", &"x".repeat(3000))]),
    ] {
        for who in [None, Some(&jane)] {
            let reply = play.open(&format!("/authorize?{query}"), who);
            assert_eq!((reply.status, reply.header("location")), (400, None), "{query}: {reply:?}");
        }
    }
}

#[test]
fn what_is_wrong_after_that_goes_to_the_client_with_state_and_issuer() {
    let play = Play::new();
    let jane = play.jane();
    for (other, error) in [
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("response_type", "code id_token")], "unsupported_response_type"),
        (vec![("code_challenge", "")], "invalid_request"),
        (vec![("code_challenge_method", "plain")], "invalid_request"),
        (vec![("code_challenge_method", "")], "invalid_request"),
        (vec![("scope", "orders admin")], "invalid_scope"),
        (vec![("resource", "https://elsewhere.example/")], "invalid_target"),
        (vec![("request", "eyJhbGciOiJub25lIn0.e30.")], "request_not_supported"),
        (vec![("request_uri", "https://evil.example/")], "request_uri_not_supported"),
        (vec![("prompt", "none")], "login_required"),
        (vec![("prompt", "none login")], "invalid_request"),
    ] {
        let reply = play.open(&format!("/authorize?{}", request(&other)), Some(&jane).filter(|_| error != "login_required"));
        assert!(reply.status == 303 && reply.header("location").unwrap().starts_with(REDIRECT), "{other:?}: {reply:?}");
        assert_eq!(parameter(&reply, "error").as_deref(), Some(error), "{other:?}");
        assert_eq!(parameter(&reply, "state").as_deref(), Some("s&1"));
        assert_eq!(parameter(&reply, "iss"), Some(format!("http://{}", play.server.public)));
    }
    let reply = play.open(&format!("/authorize?{}", request(&[("prompt", "none")])), Some(&jane));
    assert_eq!(parameter(&reply, "error").as_deref(), Some("consent_required"));
    let reply = play.decide(&request(&[]), &jane, "deny");
    assert_eq!((parameter(&reply, "error").as_deref(), parameter(&reply, "code")), (Some("access_denied"), None));
}

/// RFC 9700 4.11.2: a link with a fault in it would lead strangers to wherever a client is.
#[test]
fn a_faulty_request_sends_no_guest_on() {
    let play = Play::new();
    let query = request(&[("scope", "nonsense")]);
    let reply = play.open(&format!("/authorize?{query}"), None);
    let back = format!("/login?return={}", encode(&format!("/authorize?{query}")));
    assert_eq!((reply.status, reply.header("location")), (303, Some(&*back)), "{reply:?}");
    let jane = play.jane();
    let reply = play.open(&format!("/authorize?{query}"), Some(&jane));
    assert_eq!(parameter(&reply, "error").as_deref(), Some("invalid_scope"));
    // Where no page may be shown, the client's frame has to hear of it.
    let silent = play.open(&format!("/authorize?{query}&prompt=none"), None);
    assert_eq!(parameter(&silent, "error").as_deref(), Some("invalid_scope"));
}

#[test]
fn a_code_that_is_sent_again_gives_nothing_and_takes_back_what_it_gave() {
    let play = Play::new();
    let jane = play.jane();
    let code = play.code(&jane, "openid orders");
    let tokens = play.redeem(&code).json();
    refused(&play.redeem(&code), 400, "invalid_grant");
    refused(&play.refresh(tokens["refresh_token"].as_str().unwrap()), 400, "invalid_grant");
}

#[test]
fn a_stolen_code_is_worth_nothing() {
    let play = Play::new();
    let jane = play.jane();
    let other = add(&play.site, "other", &["--redirect-uri", REDIRECT]);
    // Another client, which proves itself, has it.
    let code = play.code(&jane, "orders");
    refused(&post(&play.server, "/token", &pair("other", &other), &exchange(&code)), 400, "invalid_grant");
    assert_eq!(play.redeem(&code).status, 200, "its own client still gets its tokens");
    // Whoever injects it does not know the verifier (RFC 9700 4.5), or asks for another redirect URI; and then it is spent.
    let verifier = "x".repeat(43);
    for body in [
        |code: &str| exchange(code).replace(VERIFIER, &"x".repeat(43)),
        |code: &str| exchange(code).replace("callback", "other"),
        |code: &str| format!("grant_type=authorization_code&code={code}&code_verifier={VERIFIER}"),
    ] {
        let code = play.code(&jane, "orders");
        refused(&play.ask(&body(&code)), 400, "invalid_grant");
        refused(&play.redeem(&code), 400, "invalid_grant");
    }
    let code = play.code(&jane, "orders");
    let without = format!("grant_type=authorization_code&code={code}&redirect_uri={}", encode(REDIRECT));
    refused(&play.ask(&without), 400, "invalid_request");
    refused(&play.ask(&exchange(&verifier)), 400, "invalid_grant");
}

#[test]
fn of_fifty_that_redeem_a_code_or_a_refresh_token_at_once_one_succeeds() {
    let play = Play::new();
    let jane = play.jane();
    let at_once = |body: &str| {
        let replies: Vec<u16> = thread::scope(|scope| {
            let all: Vec<_> = (0..50).map(|_| scope.spawn(|| play.ask(body).status)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(replies.iter().all(|status| matches!(status, 200 | 400)), "{replies:?}");
        replies.iter().filter(|status| **status == 200).count()
    };
    assert_eq!(at_once(&exchange(&play.code(&jane, "orders"))), 1);
    let tokens = play.tokens(&jane, "orders");
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(at_once(&format!("grant_type=refresh_token&refresh_token={refresh}")), 1);
    refused(&play.refresh(refresh), 400, "invalid_grant");
}

#[test]
fn a_refresh_token_is_replaced_each_time_and_an_old_one_ends_the_family() {
    let play = Play::new();
    let jane = play.jane();
    let first = play.tokens(&jane, "openid orders");
    let first = first["refresh_token"].as_str().unwrap();
    let reply = play.refresh(first);
    assert_eq!(reply.status, 200, "{reply:?}");
    let second = reply.json();
    assert!(second["id_token"].is_string() && second["access_token"].is_string(), "{second}");
    let second = second["refresh_token"].as_str().unwrap();
    assert_ne!(first, second);
    // Less is given, more is not (RFC 6749 6).
    let less = play.ask(&format!("grant_type=refresh_token&refresh_token={second}&scope=orders"));
    assert_eq!((less.status, less.json()["scope"].as_str()), (200, Some("orders")), "{less:?}");
    let third = less.json()["refresh_token"].as_str().unwrap().to_owned();
    refused(&play.ask(&format!("grant_type=refresh_token&refresh_token={third}&scope=default")), 400, "invalid_scope");
    // Another client has it.
    let other = add(&play.site, "other", &["--redirect-uri", REDIRECT]);
    let body = format!("grant_type=refresh_token&refresh_token={third}");
    refused(&post(&play.server, "/token", &pair("other", &other), &body), 400, "invalid_grant");
    assert!(play.refresh(&third).status == 200);
    refused(&play.refresh(first), 400, "invalid_grant");
    refused(&play.refresh(&third), 400, "invalid_grant");
}

#[test]
fn what_ends_the_session_ends_its_tokens_unless_offline_access_was_allowed() {
    let play = Play::new();
    let jane = play.jane();
    let bound = play.tokens(&jane, "orders");
    let offline = play.tokens(&jane, "orders offline_access");
    let reply = play.server.send(
        "DELETE",
        &format!("/api/ibexa/v2/user/sessions/{}", jane.id),
        &format!("{}X-CSRF-Token: {}\r\n", cookie(Some(&jane)), jane.token),
        "",
    );
    assert_eq!(reply.status, 204, "{reply:?}");
    refused(&play.refresh(bound["refresh_token"].as_str().unwrap()), 400, "invalid_grant");
    let renewed = play.refresh(offline["refresh_token"].as_str().unwrap());
    assert_eq!(renewed.status, 200, "{renewed:?}");
    play.site.ok(&["user", "password", "customers/jane", "--password-stdin"], "Another good one 8");
    let refresh = renewed.json()["refresh_token"].as_str().unwrap().to_owned();
    refused(&play.refresh(&refresh), 400, "invalid_grant");
}

#[test]
fn a_disabled_account_gets_no_tokens_by_any_grant() {
    let play = Play::new();
    let jane = play.jane();
    let refresh = play.tokens(&jane, "orders offline_access")["refresh_token"].as_str().unwrap().to_owned();
    let code = play.code(&jane, "orders");
    play.site.ok(&["user", "disable", "customers/jane"], "");
    refused(&play.redeem(&code), 400, "invalid_grant");
    refused(&play.refresh(&refresh), 400, "invalid_grant");
}

#[test]
fn cve_2026_7507_a_consent_form_counts_for_the_session_that_it_was_shown_to() {
    let play = Play::new();
    play.site.user("customers/eve", PASSWORD, &[]);
    let (jane, eve) = (play.jane(), play.server.sign_in("eve", PASSWORD));
    let page = play.open(&format!("/authorize?{}", request(&[])), Some(&eve));
    let form = |page| {
        format!("_csrf_token={}&request={}&decision=allow", encode(&field(page, "_csrf_token")), encode(&field(page, "request")))
    };
    let reply = post(&play.server, "/authorize/consent", &cookie(Some(&jane)), &form(&page));
    assert_eq!((reply.status, reply.header("location")), (400, None), "{reply:?}");
    let mine = play.open(&format!("/authorize?{}", request(&[])), Some(&jane));
    let foreign = format!("{}Sec-Fetch-Site: cross-site\r\n", cookie(Some(&jane)));
    assert_ne!(post(&play.server, "/authorize/consent", &foreign, &form(&mine)).status, 303);
    let nobody = post(&play.server, "/authorize/consent", "", &form(&mine));
    assert_eq!((nobody.status, nobody.header("location")), (400, None), "{nobody:?}");
}

#[test]
fn a_consent_is_remembered_until_it_is_taken_back() {
    let play = Play::new();
    let jane = play.jane();
    let refresh = play.tokens(&jane, "orders offline_access")["refresh_token"].as_str().unwrap().to_owned();
    let again = |other: &[(&str, &str)]| play.open(&format!("/authorize?{}", request(other)), Some(&jane));
    let silent = again(&[("prompt", "none")]);
    assert!(parameter(&silent, "code").is_some(), "{silent:?}");
    // After signing in, a page leads on: a form of ours leads to us alone.
    let after = play
        .server
        .get(&format!("/authorize?{}", request(&[])), &format!("{}Sec-Fetch-Site: same-origin\r\n", cookie(Some(&jane))));
    assert!(after.status == 200 && after.body.contains("http-equiv=\"refresh\"") && after.body.contains("code="), "{after:?}");
    // More than that, or the wish to be asked, asks again.
    assert_eq!(again(&[("scope", "orders default")]).status, 200);
    assert_eq!(again(&[("prompt", "consent")]).status, 200);
    let page = play.open("/account/applications", Some(&jane));
    assert!(page.status == 200 && page.body.contains("The Shop") && page.body.contains("See your orders"), "{page:?}");
    let body = |token: &str| format!("_csrf_token={token}&directory=customers&client=shop");
    let forged = post(&play.server, "/account/applications", &cookie(Some(&jane)), &body("a.b.c"));
    assert_eq!(forged.status, 400, "{forged:?}");
    let page = post(&play.server, "/account/applications", &cookie(Some(&jane)), &body(&encode(&field(&page, "_csrf_token"))));
    assert!(page.status == 200 && page.body.contains("No application"), "{page:?}");
    refused(&play.refresh(&refresh), 400, "invalid_grant");
    assert_eq!(parameter(&again(&[("prompt", "none")]), "error").as_deref(), Some("consent_required"));
    assert!(play.open("/account/applications", None).header("location").unwrap().starts_with("/login?"));
}

#[test]
fn a_client_that_anybody_can_claim_to_be_asks_each_time() {
    let play = Play::new();
    add(&play.site, "cli", &["--public", "--redirect-uri", "http://127.0.0.1/back", "--scope", "orders"]);
    let jane = play.jane();
    let query = request(&[("client_id", "cli"), ("redirect_uri", "http://127.0.0.1:51004/back")]);
    for _ in 0..2 {
        let reply = play.decide(&query, &jane, "allow");
        assert!(reply.header("location").unwrap().starts_with("http://127.0.0.1:51004/back?code="), "{reply:?}");
        let body = format!("{}&client_id=cli", exchange(&parameter(&reply, "code").unwrap()));
        let body = body.replace(&encode(REDIRECT), &encode("http://127.0.0.1:51004/back"));
        let tokens = post(&play.server, "/token", "", &body);
        assert_eq!(tokens.status, 200, "{tokens:?}");
    }
}

#[test]
fn whoever_must_sign_in_again_does_so_and_no_link_says_otherwise() {
    let play = Play::new();
    let jane = play.jane();
    play.code(&jane, "orders");
    for other in [("prompt", "login"), ("prompt", "select_account"), ("max_age", "0")] {
        let query = request(&[other]);
        let reply = play.open(&format!("/authorize?{query}"), Some(&jane));
        let to = reply.header("location").unwrap().to_owned();
        assert!(to.starts_with("/login?again=1&"), "{other:?}: {reply:?}");
        // The form, although somebody is signed in.
        assert!(play.open(&to, Some(&jane)).body.contains("_password"));
        let back = url::Url::parse(&format!("http://x{to}")).unwrap();
        let back = back.query_pairs().find(|(name, _)| name == "return").unwrap().1.into_owned();
        // Coming back without having signed in, with a mark of another request, or with a mark of one's own, does not count.
        let mark = back.split_once("doorward_again=").unwrap().1.to_owned();
        let forged = format!("{}.{}", "9".repeat(13), mark.split_once('.').unwrap().1);
        for path in [back.clone(), format!("/authorize?{query}&doorward_again={forged}")] {
            let reply = play.open(&path, Some(&jane));
            assert!(reply.header("location").is_some_and(|to| to.starts_with("/login?")), "{path}: {reply:?}");
        }
        let fresh = play.jane();
        let reply = play.open(&back, Some(&fresh));
        assert!(parameter(&reply, "code").is_some(), "{reply:?}");
        let other = back.replace("state=s%261", "state=other");
        assert!(play.open(&other, Some(&fresh)).header("location").is_some_and(|to| to.starts_with("/login?")));
    }
    let reply = play.open(&format!("/authorize?{}", request(&[("max_age", "0"), ("prompt", "none")])), Some(&jane));
    assert_eq!(parameter(&reply, "error").as_deref(), Some("login_required"));
}

#[test]
fn a_request_may_be_posted_and_is_asked_again_by_get() {
    let play = Play::new();
    let reply = post(&play.server, "/authorize", "Sec-Fetch-Site: cross-site\r\n", &request(&[]));
    assert_eq!((reply.status, reply.header("location")), (303, Some(&*format!("/authorize?{}", request(&[])))), "{reply:?}");
}

/// RFC 9700 2.6: browsers are navigated to the authorization endpoint, so no script of another origin may read what it says.
#[test]
fn no_script_of_another_origin_reads_what_the_authorization_endpoint_says() {
    let play = Play::within("[cors]\nallow_origins = [\"https://app.example.com\"]\n");
    let (jane, origin) = (play.jane(), "Origin: https://app.example.com\r\n");
    for who in [None, Some(&jane)] {
        let reply = play.server.get(&format!("/authorize?{}", request(&[])), &format!("{origin}{}", cookie(who)));
        assert!(reply.header("access-control-allow-origin").is_none(), "{reply:?}");
    }
    let asked = format!("{origin}Access-Control-Request-Method: GET\r\n");
    let preflight = play.server.send("OPTIONS", "/authorize", &asked, "");
    assert!(preflight.header("access-control-allow-origin").is_none(), "{preflight:?}");
}
