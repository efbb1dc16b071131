//! Login and password in each request (RFC 7617).

use super::{Identified, Known, Proved, SignIn, is_asked, website};
use crate::api::{Asked, bounded};
use base64::{Engine, engine::general_purpose::STANDARD};
use doorward_auth::{LivePair, PairAsked, SignInError, Unproved, Why};
use doorward_core::{Found, Offer, Policy, firewall::Firewall};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use std::sync::Arc;

/// For the audit log.
const METHOD: &str = "basic pwd";
/// The longest credentials that are decoded, in bytes of Base64. No login is longer than 1 KiB, no password than 4 KiB.
const LONGEST: usize = 7168;

/// What needs no hash: no pair at all, a malformed one, or one that is remembered as right.
pub(super) fn at_once(
    known: &Known<'_>,
    policy: &Policy,
    asked: &Asked<'_>,
    found: &Found<'_>,
    firewall: &Firewall,
) -> Option<Identified> {
    let decoded = match read(asked.headers) {
        None => return Some(Identified::absent()),
        Some(Err(why)) => return Some(Identified::offered(Offer::Refused(why))),
        Some(Ok(decoded)) => decoded,
    };
    match parts(&decoded) {
        Err(why) => Some(Identified::offered(Offer::Refused(why))),
        Ok(pair) => {
            let live = known.pairs.remembered(&question(asked, firewall, website(policy, asked, found), pair))?;
            Some(proved(policy, firewall, live))
        }
    }
}

/// The rest.
pub(super) async fn verify(
    known: &Known<'_>,
    policy: &Policy,
    asked: &Asked<'_>,
    found: &Found<'_>,
    firewall: &Firewall,
) -> Identified {
    let Some(Ok(decoded)) = read(asked.headers) else { return Identified::absent() };
    let (login, password) = match parts(&decoded) {
        Ok(parts) => parts,
        Err(why) => return Identified::offered(Offer::Refused(why)),
    };
    match known.pairs.verify(question(asked, firewall, website(policy, asked, found), (login, password))).await {
        Ok(live) => proved(policy, firewall, live),
        Err(Unproved { error, news }) => {
            let mut identified = Identified::offered(offer(&error));
            let sign_in = || Box::new(SignIn { login: bounded(login, 128).to_owned(), method: METHOD, outcome: Err(error) });
            identified.signed_in = news.then(sign_in);
            identified
        }
    }
}

fn question<'a>(
    asked: &Asked<'_>,
    firewall: &'a Firewall,
    website: Option<u32>,
    (login, password): (&'a str, &'a str),
) -> PairAsked<'a> {
    PairAsked { directories: &firewall.directories, login, password, address: asked.client, website }
}

/// A pair that is right. Browsers send it by themselves, so guards look at where a request comes from.
fn proved(policy: &Policy, firewall: &Firewall, live: Arc<LivePair>) -> Identified {
    let account = live.account();
    let (login, outcome) = (account.login.as_ref().to_owned(), Ok(Arc::clone(&account)));
    let sign_in = || Box::new(SignIn { login, method: METHOD, outcome });
    let signed_in = live.take_news().then(sign_in);
    let identified = if is_asked(policy, firewall, &account) {
        Identified::proved(Proved::Pair(live), true)
    } else {
        Identified::offered(Offer::Refused("its account is of a directory that the firewall does not ask"))
    };
    Identified { signed_in, ..identified }
}

/// What a failed sign-in is to the decision. The texts are for the operator.
fn offer(error: &SignInError) -> Offer {
    match error {
        SignInError::Invalid { why, .. } => Offer::Refused(match why {
            Why::UnknownLogin => "no directory of the firewall has the login",
            Why::WrongPassword => "the password is wrong",
            Why::Disabled => "the account is disabled",
            Why::Unconfirmed => "the account's e-mail address was not confirmed yet",
            Why::NoPassword => "the account has no password",
            Why::Locked => "too many failures of this account from this address, so the password was not looked at",
            Why::Crowded => "too many failures of this account, and too many sign-ins to it wait already",
            Why::Changed => "the account changed meanwhile",
            Why::Excluded => "the account's group is kept out of the website",
            // Of sign-ins at a provider, which carry no pair.
            Why::NotLinked | Why::NoEmail | Why::LinkedOtherwise | Why::Taken => "nobody is linked with the identity",
        }),
        SignInError::TooMany { retry_after } => Offer::Limited(*retry_after),
        SignInError::Busy { .. } => Offer::Unavailable("too many passwords are being hashed".into()),
        SignInError::Unavailable(error) => Offer::Unavailable(error.to_string().into()),
    }
}

/// The bytes behind `Basic`; `None` where the header is of another scheme. The text says what is wrong.
fn read(headers: &HeaderMap) -> Option<Result<Vec<u8>, &'static str>> {
    let line = headers.get(AUTHORIZATION).filter(|line| crate::admit::has_scheme(line, b"basic"))?;
    Some(decode(line))
}

fn decode(line: &HeaderValue) -> Result<Vec<u8>, &'static str> {
    let text = line.to_str().map_err(|_| "the Basic credentials are not ASCII")?;
    let (scheme, credentials) = text.split_once(' ').ok_or("there is nothing behind `Basic`")?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err("`Basic` is not followed by a space");
    }
    let credentials = credentials.trim_matches(' ');
    if credentials.len() > LONGEST {
        return Err("the Basic credentials are longer than any login and password");
    }
    STANDARD.decode(credentials).map_err(|_| "the Basic credentials are not Base64")
}

/// Login and password: what is before the first colon, and what is behind it (RFC 7617 2).
fn parts(decoded: &[u8]) -> Result<(&str, &str), &'static str> {
    let text = std::str::from_utf8(decoded).map_err(|_| "the Basic credentials are not UTF-8")?;
    let (login, password) = text.split_once(':').ok_or("the Basic credentials have no colon")?;
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err("the Basic credentials hold a control character");
    }
    if login.is_empty() {
        return Err("the Basic credentials have no login");
    }
    Ok((login, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(value: &str) -> Option<Result<Vec<u8>, &'static str>> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        read(&headers)
    }

    fn of_pair(pair: &[u8]) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn splits_at_the_first_colon() {
        for (pair, login, password) in [
            ("Aladdin:open sesame", "Aladdin", "open sesame"),
            ("a:b:c", "a", "b:c"),
            ("a:", "a", ""),
            ("a::", "a", ":"),
            ("jos\u{e9}@example.com:p\u{e4}ss\u{20ac}", "jos\u{e9}@example.com", "p\u{e4}ss\u{20ac}"),
        ] {
            let decoded = read_text(&of_pair(pair.as_bytes())).unwrap().unwrap();
            assert_eq!(parts(&decoded), Ok((login, password)), "{pair}");
        }
        // RFC 7617 2 and 2.1: the two examples of the specification.
        for (header, login, password) in
            [("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"), ("Basic dGVzdDoxMjPCow==", "test", "123\u{a3}")]
        {
            let decoded = read_text(header).unwrap().unwrap();
            assert_eq!(parts(&decoded), Ok((login, password)));
        }
    }

    #[test]
    fn the_scheme_is_read_in_whatever_case_and_after_any_number_of_spaces() {
        for header in ["basic YTpi", "BASIC YTpi", "Basic   YTpi", "Basic YTpi "] {
            assert_eq!(read_text(header), Some(Ok(b"a:b".to_vec())), "{header}");
        }
        for header in ["Bearer YTpi", "Basics YTpi", "Digest username=\"a\"", ""] {
            assert_eq!(read_text(header), None, "{header}");
        }
    }

    #[test]
    fn what_is_malformed_is_refused_and_not_absent() {
        for header in ["Basic", "Basic ", "Basic\tYTpi", "Basic,YTpi", "Basic YTpi YTpi", "Basic YT-_", "Basic YTp", "Basic !"] {
            let wrong = read_text(header).unwrap().map(|decoded| parts(&decoded).map(drop));
            assert!(!matches!(wrong, Ok(Ok(()))), "{header}");
        }
        for pair in [&b"alone"[..], b":nobody", b"a:\0", b"a:\x7f", b"a\n:b", b"a:\xff", b"a:\xe4", b""] {
            let decoded = read_text(&of_pair(pair)).unwrap().unwrap();
            assert!(parts(&decoded).is_err(), "{pair:?}");
        }
        let long = format!("a:{}", "x".repeat(LONGEST));
        assert!(read_text(&of_pair(long.as_bytes())).unwrap().is_err());
        let longest = format!("{}:{}", "l".repeat(1024), "p".repeat(4096));
        assert!(read_text(&of_pair(longest.as_bytes())).unwrap().is_ok());
    }
}
