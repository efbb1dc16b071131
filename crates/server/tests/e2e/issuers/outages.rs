//! Issuers that change their keys, go away, or answer nonsense.

use super::{fetched, get, site, site_before};
use crate::{
    gateway::{raw::read_until, revocation::service},
    issuers::idp::{Idp, Says, key, token},
    support::{PATIENCE, eventually, upstream::Upstream},
};
use serde_json::json;
use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::Ordering::SeqCst,
};

#[test]
fn a_new_key_is_fetched_when_it_is_needed_and_an_old_one_goes_with_its_tokens() {
    let (upstream, old, new) = (Upstream::start(), key(), key());
    let idp = Idp::plain(Says::keys(&[&old]));
    let server = site(&upstream, &fetched(&idp, "refresh = \"1s\"\nretry = \"1s\"\n"), &[]).serve();
    let (before, after) = (token(&old, "jane", json!({})), token(&new, "jane", json!({})));
    assert_eq!(get(&server, "/thing", &before).status, 200);
    idp.says(Says::keys(&[&old, &new]));
    eventually("the new key", || (get(&server, "/thing", &after).status == 200).then_some(()));
    assert_eq!(get(&server, "/thing", &before).status, 200);
    idp.says(Says::keys(&[&new]));
    eventually("the end of the old key", || (get(&server, "/thing", &before).status == 401).then_some(()));
    assert_eq!(get(&server, "/thing", &after).status, 200);
}

/// Guarantee 3, for what a key of somebody else vouched for.
#[test]
fn streams_and_sockets_end_when_their_issuers_key_goes() {
    let (address, open) = service();
    let (old, new) = (key(), key());
    let idp = Idp::plain(Says::keys(&[&old, &new]));
    let site = site_before(&format!("http://{address}"), &fetched(&idp, "refresh = \"1s\"\nretry = \"1s\"\n"), &[]);
    let server = site.serve();
    let connect = |token: &str, path: &str, more: &str| {
        let mut stream = TcpStream::connect(server.public).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: shop.test\r\nAuthorization: Bearer {token}\r\n{more}\r\n").unwrap();
        stream
    };
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AA==\r\n";
    let both = |key| {
        let token = token(key, "jane", json!({}));
        let mut events = connect(&token, "/events", "");
        read_until(&mut events, "data: 1\n\n");
        let mut socket = connect(&token, "/socket", upgrade);
        assert!(read_until(&mut socket, "\r\n\r\n").starts_with("HTTP/1.1 101"));
        [events, socket]
    };
    let (ends, mut stays) = (both(&old), both(&new));
    assert_eq!(open.load(SeqCst), 4);
    idp.says(Says::keys(&[&new]));
    eventually("the end of two", || (open.load(SeqCst) == 2).then_some(()));
    for mut stream in ends {
        let _ = stream.read_to_end(&mut Vec::new());
    }
    read_until(&mut stays[0], "data: 1\n\n");
    stays[1].write_all(b"still here").unwrap();
    read_until(&mut stays[1], "still here");
}

#[test]
fn unknown_keys_do_not_make_us_ask_again_and_again() {
    let (upstream, known) = (Upstream::start(), key());
    let idp = Idp::plain(Says::keys(&[&known]));
    let server = site(&upstream, &fetched(&idp, "refresh = \"1h\"\nretry = \"1h\"\n"), &[]).serve();
    assert_eq!(get(&server, "/thing", &token(&known, "jane", json!({}))).status, 200);
    for _ in 0..20 {
        assert_eq!(get(&server, "/thing", &token(&key(), "jane", json!({}))).status, 401);
    }
    assert_eq!(idp.asked(), 1);
}

#[test]
fn an_outage_does_not_stop_tokens_that_can_be_judged() {
    let (upstream, known) = (Upstream::start(), key());
    let idp = Idp::plain(Says::keys(&[&known]));
    let server = site(&upstream, &fetched(&idp, "refresh = \"1s\"\nretry = \"1s\"\n"), &[]).serve();
    assert_eq!(get(&server, "/thing", &token(&known, "jane", json!({}))).status, 200);
    idp.says(Says::HangsUp);
    let series = "doorward_issuer_fetches_total{issuer=\"https://idp.example.com\",outcome=\"failed\"}";
    eventually("two failures", || server.metric(series).filter(|failures| *failures >= 2.0));
    assert_eq!(get(&server, "/thing", &token(&known, "jane", json!({ "jti": "another" }))).status, 200);
    assert_eq!(get(&server, "/thing", &token(&key(), "jane", json!({}))).status, 503, "its key may be a new one");
    let said = |log: &str| log.matches("the keys of an issuer cannot be fetched").count();
    assert_eq!(said(&server.log()), 1, "once, not each time");
    idp.says(Says::keys(&[&known]));
    server.logged("the keys of an issuer can be fetched again");
    eventually("a judgement", || (get(&server, "/thing", &token(&key(), "jane", json!({}))).status == 401).then_some(()));
}

#[test]
fn after_the_bound_nobody_knows_until_the_issuer_is_back() {
    let (upstream, known) = (Upstream::start(), key());
    let idp = Idp::plain(Says::keys(&[&known]));
    let server = site(&upstream, &fetched(&idp, "refresh = \"1s\"\nstale = \"2s\"\nretry = \"1s\"\n"), &[]).serve();
    let token = token(&known, "jane", json!({}));
    eventually("a judgement", || (get(&server, "/thing", &token).status == 200).then_some(()));
    idp.says(Says::HangsUp);
    let reply = eventually("the bound", || Some(get(&server, "/thing", &token)).filter(|reply| reply.status != 200));
    assert_eq!((reply.status, reply.header("www-authenticate")), (503, None), "{reply:?}");
    idp.says(Says::keys(&[&known]));
    eventually("its return", || (get(&server, "/thing", &token).status == 200).then_some(()));
}

#[test]
fn a_dead_issuer_stops_neither_the_start_nor_others() {
    let (upstream, known) = (Upstream::start(), key());
    let gone = Idp::plain(Says::HangsUp);
    let alive = Idp::plain(Says::keys(&[&known]));
    let second = fetched(&alive, "").replace("idp.example", "second.example");
    let server = site(&upstream, &format!("{}{second}", fetched(&gone, "")), &[]).serve();
    assert_eq!(get(&server, "/thing", &token(&known, "jane", json!({}))).status, 503);
    let of_second = token(&known, "jane", json!({ "iss": "https://second.example.com" }));
    assert_eq!(get(&server, "/thing", &of_second).status, 200);
}

#[test]
fn what_is_no_key_set_is_no_answer() {
    let (upstream, known) = (Upstream::start(), key());
    let target = Idp::plain(Says::keys(&[&known]));
    let Says::This(_, _, keys) = Says::keys(&[&known]) else { panic!("it says something") };
    let json = "Content-Type: application/json\r\n";
    let long = format!("{}{}", keys, " ".repeat(300 << 10));
    for (says, why) in [
        (Says::This("302 Found", format!("Location: {}\r\n", target.url), String::new()), "redirect"),
        (Says::This("404 Not Found", json.into(), keys.clone()), "it answers 404"),
        (Says::This("200 OK", "Content-Type: text/html\r\n".into(), keys.clone()), "another media type"),
        (Says::This("200 OK", json.into(), "<html>".into()), "no JWK set"),
        (Says::This("200 OK", json.into(), r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#.into()), "private parts"),
        (Says::This("200 OK", json.into(), long), "longer than 256 KiB"),
    ] {
        let server = site(&upstream, &fetched(&Idp::plain(says), ""), &[]).serve();
        assert_eq!(get(&server, "/thing", &token(&known, "jane", json!({}))).status, 503, "{why}");
        let line = server.logged("the keys of an issuer cannot be fetched");
        assert!(line.contains(why), "{line}");
    }
    assert_eq!(target.asked(), 0, "no redirect is followed");
}

#[test]
fn who_does_not_answer_is_not_waited_for_without_end() {
    let (upstream, known) = (Upstream::start(), key());
    let server = site(&upstream, &fetched(&Idp::plain(Says::Nothing), ""), &[]).serve();
    assert_eq!(get(&server, "/thing", &token(&known, "jane", json!({}))).status, 503);
    let line = server.logged("the keys of an issuer cannot be fetched");
    assert!(line.contains("does not answer within 10 seconds"), "{line}");
}
