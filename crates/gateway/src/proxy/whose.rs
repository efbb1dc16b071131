//! Who an old session belongs to, asked of the application that began it.

use super::{Proxy, Returning, UpstreamError, no_target, outgoing};
use crate::{Admitted, api::read, exchange::Renewed};
use doorward_auth::Claim;
use doorward_core::{
    Policy,
    policy::{Exchange, Upstream},
};
use doorward_crypto::old_session;
use http::{HeaderMap, HeaderValue, StatusCode, header::SET_COOKIE};
use serde_json::Value;
use std::sync::Arc;

/// The most that is read of the answer, in bytes.
const LONGEST: usize = 64 * 1024;
/// The longest `Set-Cookie` that is handed on, in bytes: browsers keep no longer ones.
const LONGEST_COOKIE: usize = 4096;

impl Proxy {
    /// Asks an upstream who the old session of this id belongs to: nobody, or an account there. Nothing of the request goes
    /// along but that id and from where the browser speaks. How long it may take is the caller's business.
    ///
    /// # Errors
    /// When there is no answer, or one that says neither.
    pub(crate) async fn whose(
        &self,
        asker: &Asker,
        policy: &Policy,
        upstream: &Upstream,
        exchange: &Exchange,
        id: &str,
    ) -> Result<Option<Told>, UpstreamError> {
        let head = outgoing::question(&asker.introduced(), &exchange.path, asker.user_agent.as_ref(), &exchange.cookie, id);
        let returning = Returning { policy, upstream, known: false, session: None };
        let answer = self.fetch(&head.ok_or_else(no_target)?, false, returning).await?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => return Ok(None),
            // To where people sign in.
            moved if moved.is_redirection() => return Ok(None),
            other => return Err(UpstreamError::Broken(format!("asked for the account it answered {}", other.as_u16()))),
        }
        let renewed = renewed(answer.headers(), exchange, id);
        let unread = |_| UpstreamError::Broken("what it says of the account is too large or breaks off".to_owned());
        let body = read::body(answer.into_body(), LONGEST).await.map_err(unread)?;
        let claim = claim(&body, exchange).map_err(|what| UpstreamError::Broken(what.to_owned()))?;
        Ok(Some(Told { claim, renewed }))
    }
}

/// What an application says of an old session that is somebody's.
pub(crate) struct Told {
    /// Whose it is.
    pub(crate) claim: Claim,
    /// Whether it has another id now.
    pub(crate) renewed: Option<Renewed>,
}

/// Whose browser the question is about.
pub(crate) struct Asker {
    authority: String,
    host: String,
    client: std::net::IpAddr,
    secure: bool,
    request_id: String,
    user_agent: Option<http::HeaderValue>,
}

impl Asker {
    pub(crate) fn of(admitted: &Admitted) -> Self {
        Self {
            authority: admitted.authority.clone(),
            host: admitted.host.clone(),
            client: admitted.client,
            secure: admitted.secure,
            request_id: admitted.request_id.clone(),
            user_agent: admitted.headers.get(http::header::USER_AGENT).cloned(),
        }
    }

    fn introduced(&self) -> outgoing::Introduced<'_> {
        outgoing::Introduced {
            authority: &self.authority,
            host: &self.host,
            client: self.client,
            secure: self.secure,
            request_id: &self.request_id,
        }
    }
}

/// The other id that the answer gives the session, if it does: the last one counts, as in a browser. What is no id, or ends
/// the cookie, is none.
fn renewed(headers: &HeaderMap, exchange: &Exchange, old: &str) -> Option<Renewed> {
    let name = &*exchange.cookie;
    let sets = |line: &&HeaderValue| {
        let named = line.to_str().ok().and_then(|text| text.split_once('='));
        named.is_some_and(|(own, _)| own.trim() == name)
    };
    let line = headers.get_all(SET_COOKIE).iter().rfind(sets).filter(|line| line.len() <= LONGEST_COOKIE)?;
    let mut parts = line.to_str().ok()?.split(';');
    let (_, id) = parts.next()?.split_once('=')?;
    let id = id.trim();
    let ends = |part: &str| {
        let attribute = part.split_once('=').filter(|(own, _)| own.trim().eq_ignore_ascii_case("max-age"));
        attribute.is_some_and(|(_, seconds)| seconds.trim().parse::<i64>().is_ok_and(|seconds| seconds <= 0))
    };
    let key = old_session::key(name, id).filter(|key| Some(*key) != old_session::key(name, old))?;
    (!parts.any(ends)).then(|| Renewed { cookie: Arc::clone(&exchange.cookie), id: id.into(), key, line: line.clone() })
}

/// The account that the answer names. Both members must be there where both are asked for.
fn claim(body: &[u8], exchange: &Exchange) -> Result<Claim, &'static str> {
    let told: Value = serde_json::from_slice(body).map_err(|_| "what it says of the account is no JSON")?;
    let member = |path: &str| path.split('.').try_fold(&told, |value, name| value.get(name));
    let id = match &exchange.id {
        None => None,
        Some(path) => Some(member(path).and_then(number).ok_or("the account that it names has no id")?),
    };
    match member(&exchange.login) {
        Some(Value::String(login)) if !login.is_empty() => Ok(Claim { id, login: login.clone() }),
        _ => Err("the account that it names has no login"),
    }
}

/// An id, as a number or as its digits.
fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    }
    .filter(|id| *id > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(id: Option<&str>, login: &str) -> Exchange {
        Exchange {
            path: "/me".into(),
            cookie: "PHPSESSID".into(),
            directory: "customers".into(),
            id: id.map(Into::into),
            login: login.into(),
            timeout: std::time::Duration::from_secs(2),
        }
    }

    #[test]
    fn another_id_is_one_that_the_browser_would_keep() {
        const OLD: &str = "abcdefghijklmnop01";
        const NEW: &str = "zyxwvutsrqponmlk02";
        let exchange = exchange(None, "email");
        let told = |lines: &[&str]| {
            let headers = lines.iter().map(|line| (SET_COOKIE, HeaderValue::from_str(line).unwrap())).collect();
            renewed(&headers, &exchange, OLD).map(|renewed| (renewed.id.to_string(), renewed.line))
        };
        let set = format!("PHPSESSID={NEW}; path=/; HttpOnly");
        let expected = Some((NEW.to_owned(), HeaderValue::from_str(&set).unwrap()));
        assert_eq!(told(&["other=1", &set]), expected);
        assert_eq!(told(&[&format!("PHPSESSID={OLD}; path=/"), &set]), expected, "the last one counts");
        for none in [
            &format!("PHPSESSID={OLD}; Max-Age=3600"),
            &format!("PHPSESSID={}", OLD.to_uppercase()),
            &format!("PHPSESSID={NEW}; Max-Age=0"),
            &format!("PHPSESSID={NEW}; max-age = -1"),
            &format!("XPHPSESSID={NEW}"),
            &format!("phpsessid={NEW}"),
            &format!("PHPSESSID={NEW}; x={}", "y".repeat(4096)),
            "PHPSESSID=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT",
            "PHPSESSID=",
            "PHPSESSID",
            "PHPSESSID=<script>alert(1)</script>",
        ] {
            assert_eq!(told(&[none]), None, "{none}");
        }
    }

    #[test]
    fn an_answer_names_an_account_by_what_was_asked_for() {
        let both = exchange(Some("id"), "email");
        let nested = exchange(Some("User._id"), "User.login");
        let named = exchange(None, "email");
        let claim = |id, login: &str| Some(Claim { id, login: login.into() });
        let cases = [
            (&both, r#"{"id":7,"email":"a@b.test","group_id":1}"#, claim(Some(7), "a@b.test")),
            (&both, r#"{"id":"7","email":"a@b.test"}"#, claim(Some(7), "a@b.test")),
            (&nested, r#"{"User":{"_id":14,"login":"ann"}}"#, claim(Some(14), "ann")),
            (&named, r#"{"email":"a@b.test"}"#, claim(None, "a@b.test")),
            (&named, r#"{"id":"x","email":"a@b.test"}"#, claim(None, "a@b.test")),
            (&both, r#"{"id":7}"#, None),
            (&both, r#"{"email":"a@b.test"}"#, None),
            (&both, r#"{"id":null,"email":"a@b.test"}"#, None),
            (&both, r#"{"id":0,"email":"a@b.test"}"#, None),
            (&both, r#"{"id":-7,"email":"a@b.test"}"#, None),
            (&both, r#"{"id":7.5,"email":"a@b.test"}"#, None),
            (&both, r#"{"id":"+7","email":"a@b.test"}"#, None),
            (&both, r#"{"id":"","email":"a@b.test"}"#, None),
            (&both, r#"{"id":7,"email":""}"#, None),
            (&both, r#"{"id":7,"email":["a@b.test"]}"#, None),
            (&both, r#"[{"id":7,"email":"a@b.test"}]"#, None),
            (&nested, r#"{"User":"ann"}"#, None),
            (&both, "null", None),
            (&both, "", None),
            (&both, "<customer><id>7</id></customer>", None),
        ];
        for (exchange, body, expected) in cases {
            assert_eq!(super::claim(body.as_bytes(), exchange).ok(), expected, "{body}");
        }
    }
}
