//! A code for tokens (RFC 6749 4.1.3, OpenID Connect Core 3.1.3), and what the access token is good for here: userinfo (5.3).

use super::{
    Failure,
    metadata::{ClientProof, Metadata},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use doorward_core::ports::{Answer, Call, Fetch, FetchError, RemoteUrl};
use http::{
    HeaderValue, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use serde_json::{Map, Value};
use std::{fmt, sync::Arc};
use url::form_urlencoded::{self, byte_serialize};

/// The longest error code that is shown, in bytes.
const LONGEST_CODE: usize = 64;

/// What proves that we are the client. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// With this text.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What a code was good for.
pub(super) struct Tokens {
    pub(super) id_token: String,
    pub(super) access_token: String,
}

/// A code, and what belongs to it.
pub(super) struct Exchange<'a> {
    pub(super) code: &'a str,
    pub(super) redirect_uri: &'a str,
    pub(super) verifier: &'a str,
    pub(super) client: &'a str,
    pub(super) secret: Option<&'a Secret>,
}

impl Exchange<'_> {
    /// Redeems the code, once.
    ///
    /// # Errors
    /// The provider refuses it, or cannot be asked, or answers what nobody understands.
    pub(super) async fn run(&self, metadata: &Metadata, fetch: &dyn Fetch) -> Result<Tokens, Failure> {
        let call = self.call(metadata)?;
        let answer = fetch.fetch(call).await.map_err(|error| Failure::away("token endpoint", &error))?;
        if let Some(code) = refusal(&answer) {
            return Err(match code.as_str() {
                // A code that is spent, forged or too old.
                "invalid_grant" => Failure::Refused("its code is not good any more".into()),
                code => Failure::Unavailable(format!("its token endpoint refuses us: {code}").into()),
            });
        }
        let content = answer.content(&["application/json"]).map_err(|error| Failure::away("token endpoint", &error))?;
        tokens(content).ok_or_else(|| Failure::Unavailable("its token endpoint answers no ID token".into()))
    }

    fn call(&self, metadata: &Metadata) -> Result<Call, Failure> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", self.code)
            .append_pair("redirect_uri", self.redirect_uri)
            .append_pair("code_verifier", self.verifier);
        let mut basic = None;
        match (self.secret, metadata.proof) {
            // RFC 6749 3.2.1: a client without a secret says who it is.
            (None, _) => {
                form.append_pair("client_id", self.client);
            }
            (Some(Secret(secret)), ClientProof::Post) => {
                form.append_pair("client_id", self.client).append_pair("client_secret", secret);
            }
            (Some(Secret(secret)), ClientProof::Basic) => basic = Some(header(self.client, secret)?),
            (Some(_), ClientProof::Other) => {
                let why = "it takes client secrets neither by client_secret_basic nor by client_secret_post";
                return Err(Failure::Unavailable(why.into()));
            }
        }
        let mut call = Call::post(&metadata.token_endpoint, form.finish());
        if let Some(basic) = basic {
            call.headers.insert(AUTHORIZATION, basic);
        }
        Ok(call)
    }
}

fn header(client: &str, secret: &str) -> Result<HeaderValue, Failure> {
    client_secret_basic(client, secret).ok_or_else(|| Failure::Unavailable("our secret cannot stand in a header".into()))
}

/// `Authorization` of a client that proves itself by a secret (RFC 6749 2.3.1): both are encoded as in a form, then put together.
/// `None` when they cannot stand in a header.
pub fn client_secret_basic(client: &str, secret: &str) -> Option<HeaderValue> {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = STANDARD.encode(format!("{}:{}", encoded(client), encoded(secret)));
    let mut value = HeaderValue::try_from(format!("Basic {pair}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The same as parameters of a form.
pub fn client_secret_post(client: &str, secret: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair("client_id", client).append_pair("client_secret", secret).finish()
}

/// RFC 6749 5.2: the code of an error.
fn refusal(answer: &Answer) -> Option<String> {
    if !matches!(answer.status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return None;
    }
    let all: Map<String, Value> = serde_json::from_slice(&answer.body).ok()?;
    Some(harmless(all.get("error")?.as_str()?))
}

/// An error code as it may be shown (RFC 6749 5.2: printable ASCII without quotes).
pub(super) fn harmless(code: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || "_-.".contains(*c);
    code.chars().filter(plain).take(LONGEST_CODE).collect()
}

fn tokens(json: &[u8]) -> Option<Tokens> {
    let all: Map<String, Value> = serde_json::from_slice(json).ok()?;
    let text = |name: &str| all.get(name).and_then(Value::as_str).map(str::to_owned);
    // Core 3.1.3.3: it must be a bearer token.
    text("token_type").filter(|kind| kind.eq_ignore_ascii_case("bearer"))?;
    Some(Tokens { id_token: text("id_token")?, access_token: text("access_token")? })
}

/// The claims that the userinfo endpoint says of this subject, and of no other (Core 5.3.2, 5.3.4).
///
/// # Errors
/// It cannot be asked, or speaks of somebody else.
pub(super) async fn userinfo(
    url: &RemoteUrl,
    access_token: &str,
    subject: &str,
    fetch: &dyn Fetch,
) -> Result<Map<String, Value>, Failure> {
    let away = |error: &FetchError| Failure::away("userinfo endpoint", error);
    let mut call = Call::get(url);
    let mut value = HeaderValue::try_from(format!("Bearer {access_token}"))
        .map_err(|_| Failure::Unavailable("its access token cannot stand in a header".into()))?;
    value.set_sensitive(true);
    call.headers.insert(AUTHORIZATION, value);
    let answer = fetch.fetch(call).await.map_err(|error| away(&error))?;
    if answer.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/jwt")) {
        return Err(Failure::Unavailable("its userinfo endpoint answers a signed token, which is not read".into()));
    }
    let content = answer.content(&["application/json"]).map_err(|error| away(&error))?;
    let all: Map<String, Value> = serde_json::from_slice(content)
        .map_err(|_| Failure::Unavailable("its userinfo endpoint answers no JSON object".into()))?;
    match all.get("sub").and_then(Value::as_str) {
        Some(sub) if sub == subject => Ok(all),
        _ => Err(Failure::Refused("its userinfo endpoint speaks of somebody else".into())),
    }
}
