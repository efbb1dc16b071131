//! Client authentication (RFC 6749 2.3). Each client has exactly one method, and a request carries exactly one: whatever else
//! comes along makes it invalid, so nobody gets a second guess.

use super::Parameters;
use crate::{ErrorCode, OAuthError, Provider, rfc7523, rfc8705, rfc9068::Confirmation};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use doorward_core::{
    OAuth, OAuthEndpoint,
    ports::{Client, ClientMethod},
};
use doorward_crypto::{same, sha256_hex};
use http::{HeaderMap, header::AUTHORIZATION};
use percent_encoding::percent_decode_str;
use std::{net::IpAddr, sync::Arc};

/// What the stored hash of a secret begins with.
const SHA256: &str = "sha256:";
/// What a client that has no secret, or that nobody knows, is compared with: it takes as long as any other.
const NOBODYS: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
/// The longest secret that is looked at, in bytes.
const LONGEST: usize = 1024;

/// What a request for an endpoint of clients carries: secrets among it.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its parameters.
    pub params: &'a Parameters,
    /// Where it comes from, as far as that may be believed.
    pub address: IpAddr,
    /// The host that it was sent to; empty where nobody knows.
    pub(crate) host: &'a str,
    /// The certificate that came along.
    pub(crate) certificate: Option<&'a rfc8705::Shown>,
    /// What its tokens are to be bound to.
    pub(crate) confirmation: Option<&'a Confirmation>,
}

impl<'a> Caller<'a> {
    /// A request with these headers and parameters, from there. What it binds its tokens to is found out on the way.
    pub fn new(headers: &'a HeaderMap, params: &'a Parameters, address: IpAddr) -> Self {
        Self { headers, params, address, host: "", certificate: None, confirmation: None }
    }

    /// The same, sent to this host.
    #[must_use]
    pub fn at(self, host: &'a str) -> Self {
        Self { host, ..self }
    }

    /// The URL by which it asked an endpoint: a proof is for that one alone (RFC 9449 4.3).
    pub fn url(&self, settings: &OAuth, endpoint: OAuthEndpoint) -> String {
        settings.url_at(endpoint, self.host).unwrap_or_default()
    }

    /// The same with the certificate that came along, whether it counts or not.
    #[must_use]
    pub fn with_certificate(self, certificate: Option<&'a rfc8705::Shown>) -> Self {
        Self { certificate, ..self }
    }

    /// What its tokens are bound to, as the store keeps it.
    pub(crate) fn binding(&self) -> Option<Arc<str>> {
        match self.confirmation? {
            Confirmation::Key(thumbprint) => Some(Arc::clone(thumbprint)),
            // So that it is never taken for that of a key.
            Confirmation::Certificate(thumbprint) => Some(format!("x5t#S256:{thumbprint}").into()),
        }
    }

    /// The thumbprint of the key that its tokens are bound to, where it showed one.
    pub(crate) fn key(&self) -> Option<&'a Arc<str>> {
        match self.confirmation? {
            Confirmation::Key(thumbprint) => Some(thumbprint),
            Confirmation::Certificate(_) => None,
        }
    }
}

/// What the client shows, and by which method.
#[derive(PartialEq, Eq)]
struct Shown {
    id: String,
    method: ClientMethod,
    secret: Option<String>,
    assertion: Option<String>,
}

/// The hash under which a secret is stored. Secrets of clients are long and random, so a fast one suffices.
pub fn hash_secret(secret: &str) -> String {
    format!("{SHA256}{}", sha256_hex(secret.as_bytes()))
}

/// Who calls.
///
/// # Errors
/// `invalid_client` for whoever is not known, not enabled, or does not prove it by the one method that the client has; the
/// answer is the same for all of them. Failures are counted by where they come from.
pub async fn authenticate(provider: &Provider<'_>, caller: Caller<'_>) -> Result<Client, OAuthError> {
    let throttle = provider.auth.throttle();
    throttle.begin(caller.address, provider.now()).map_err(|after| OAuthError {
        retry_after: Some(after),
        ..OAuthError::new(ErrorCode::TooMany, "Too many attempts failed.")
    })?;
    let shown = shown(caller)?;
    let judged = judge(provider, &shown, caller).await;
    if matches!(&judged, Err(error) if error.code == ErrorCode::InvalidClient) {
        throttle.note_failure(caller.address, provider.now());
    }
    judged
}

async fn judge(provider: &Provider<'_>, shown: &Shown, caller: Caller<'_>) -> Result<Client, OAuthError> {
    let known = if Client::is_id(&shown.id) { provider.store().client(&shown.id).await? } else { None };
    // Compared in any case, and before anything else.
    let stored = known.as_ref().and_then(|client| client.secret.as_deref()).unwrap_or(NOBODYS);
    let right = shown.secret.as_ref().is_some_and(|secret| same(hash_secret(secret).as_bytes(), stored.as_bytes()));
    let client = known.ok_or_else(|| OAuthError::client("nobody knows the client"))?;
    if !client.enabled {
        return Err(OAuthError::client("the client is disabled"));
    }
    // RFC 8705 2: beside its certificate a client shows its id, and nothing else.
    let method = match client.method {
        ClientMethod::TlsClientAuth => ClientMethod::None,
        other => other,
    };
    if method != shown.method {
        return Err(OAuthError::client("the client has another method"));
    }
    match (client.method, &shown.assertion) {
        (ClientMethod::None, _) => {}
        (ClientMethod::SecretBasic | ClientMethod::SecretPost, _) if right => {}
        (ClientMethod::SecretBasic | ClientMethod::SecretPost, _) => return Err(OAuthError::client("its secret is wrong")),
        (ClientMethod::PrivateKeyJwt, Some(assertion)) => rfc7523::verify(provider, &client, assertion).await?,
        (ClientMethod::TlsClientAuth, _) => rfc8705::verify(provider, &client, caller.certificate)?,
        (ClientMethod::PrivateKeyJwt, None) => return Err(OAuthError::client("it shows nothing")),
    }
    Ok(client)
}

/// Reads the one thing that is shown.
fn shown(caller: Caller<'_>) -> Result<Shown, OAuthError> {
    let Caller { headers, params, .. } = caller;
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let header = match (lines.next(), lines.next()) {
        (None, _) => None,
        (Some(line), None) => Some(line.to_str().map_err(|_| OAuthError::client("the header is no text"))?),
        (Some(_), Some(_)) => return Err(OAuthError::new(ErrorCode::InvalidRequest, "`Authorization` stands more than once.")),
    };
    let named = params.get("client_id").map(str::to_owned);
    let secret = params.get("client_secret").map(str::to_owned);
    let several = || OAuthError::new(ErrorCode::InvalidRequest, "More than one method of client authentication was used.");
    let another = || OAuthError::new(ErrorCode::InvalidRequest, "`client_id` names another client.");
    if let Some(assertion) = assertion(params)? {
        if header.is_some() || secret.is_some() {
            return Err(several());
        }
        let id = rfc7523::claimed(assertion).ok_or_else(|| OAuthError::client("its assertion is no token"))?;
        // RFC 7521 4.2: where the client is named besides, it is the same.
        if named.is_some_and(|named| named != id) {
            return Err(another());
        }
        return Ok(Shown { id, method: ClientMethod::PrivateKeyJwt, secret: None, assertion: Some(assertion.to_owned()) });
    }
    match (header, secret) {
        (Some(_), Some(_)) => Err(several()),
        (Some(header), None) => {
            let (id, secret) = basic(header).ok_or_else(|| OAuthError::client("the header is no Basic pair"))?;
            // RFC 6749 3.2.1 lets it stand in the body, too; then it must be the same.
            if named.is_some_and(|named| named != id) {
                return Err(another());
            }
            Ok(Shown { id, method: ClientMethod::SecretBasic, secret: Some(secret), assertion: None })
        }
        (None, secret) => {
            let id = named.ok_or_else(|| OAuthError::client("no client is named"))?;
            let method = if secret.is_some() { ClientMethod::SecretPost } else { ClientMethod::None };
            Ok(Shown { id, method, secret: secret.filter(|secret| secret.len() <= LONGEST), assertion: None })
        }
    }
}

/// The signed assertion that the client shows (RFC 7523 2.2), if it does.
fn assertion(params: &Parameters) -> Result<Option<&str>, OAuthError> {
    match (params.get("client_assertion_type"), params.get("client_assertion")) {
        (None, None) => Ok(None),
        (Some(rfc7523::ASSERTION_TYPE), Some(assertion)) => Ok(Some(assertion)),
        _ => Err(OAuthError::new(ErrorCode::InvalidRequest, "The client's assertion is none of a type that is known here.")),
    }
}

/// Id and secret, each encoded as in a form before they were joined (section 2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded.trim_start_matches(' ')).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let (id, secret) = (decoded(id)?, decoded(secret)?);
    (!id.is_empty() && secret.len() <= LONGEST).then_some((id, secret))
}

/// A part of a form. `None` for a percent sign that is none, and for what is no UTF-8.
fn decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let sound = bytes.iter().enumerate().all(|(at, b)| *b != b'%' || (hex(at + 1) && hex(at + 2)));
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().filter(|_| sound).map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;
    use doorward_core::ports::ClientChange;
    use http::HeaderValue;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const SECRET: &str = "a+b c%d:e-0123456789-0123456789-xyz";

    fn pair(id: &str, secret: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
    }

    async fn ask(bench: &Bench, lines: &[&str], body: &str) -> Result<Client, OAuthError> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(AUTHORIZATION, HeaderValue::from_str(line).unwrap());
        }
        let params = Parameters::parse(body).unwrap();
        authenticate(&bench.provider(), Caller::new(&headers, &params, HERE)).await
    }

    #[tokio::test]
    async fn a_client_proves_itself_by_its_one_method() {
        let bench = Bench::new().await;
        bench.client("basic", ClientMethod::SecretBasic, Some(SECRET)).await;
        bench.client("post", ClientMethod::SecretPost, Some(SECRET)).await;
        bench.client("public", ClientMethod::None, None).await;
        let encoded = "a%2Bb+c%25d%3Ae-0123456789-0123456789-xyz";
        let id = async |lines: &[&str], body: &str| ask(&bench, lines, body).await.map(|client| client.id.to_string());
        assert_eq!(id(&[&pair("basic", encoded)], "").await.as_deref(), Ok("basic"));
        assert_eq!(id(&[&pair("basic", encoded)], "client_id=basic").await.as_deref(), Ok("basic"));
        assert_eq!(id(&[], &format!("client_id=post&client_secret={encoded}")).await.as_deref(), Ok("post"));
        assert_eq!(id(&[], "client_id=public").await.as_deref(), Ok("public"));
        // Another method than the client's does not count, however right the secret is.
        for (lines, body) in [
            (vec![pair("post", encoded)], String::new()),
            (vec![], format!("client_id=basic&client_secret={encoded}")),
            (vec![], "client_id=basic".into()),
            (vec![pair("public", "")], String::new()),
            (vec![], "client_id=public&client_secret=x".into()),
            (vec![pair("basic", "wrong")], String::new()),
            (vec![pair("nobody", encoded)], String::new()),
            (vec![pair("Basic", encoded)], String::new()),
            (vec![format!("Bearer {}", pair("basic", encoded))], String::new()),
            (vec!["Basic !".into()], String::new()),
            (vec![pair("basic", "%zz")], String::new()),
            (vec![], String::new()),
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let error = ask(&bench, &lines, &body).await.unwrap_err();
            assert_eq!((error.code, &*error.description), (ErrorCode::InvalidClient, "Client authentication failed."), "{body}");
        }
    }

    #[tokio::test]
    async fn a_request_carries_one_method_only() {
        let bench = Bench::new().await;
        bench.client("basic", ClientMethod::SecretBasic, Some(SECRET)).await;
        let good = pair("basic", "a%2Bb+c%25d%3Ae-0123456789-0123456789-xyz");
        for (lines, body) in
            [(vec![&*good, &*good], ""), (vec![&*good], "client_id=basic&client_secret=x"), (vec![&*good], "client_id=other")]
        {
            assert_eq!(ask(&bench, &lines, body).await.unwrap_err().code, ErrorCode::InvalidRequest, "{body}");
        }
    }

    #[tokio::test]
    async fn a_change_of_a_client_counts_at_once() {
        let bench = Bench::new().await;
        bench.client("post", ClientMethod::SecretPost, Some(SECRET)).await;
        let body = |secret: &str| format!("client_id=post&client_secret={secret}");
        let store = bench.auth.store();
        let change = async |change| store.change_client("post", change, bench.now()).await.unwrap();
        let other = "0123456789-0123456789-0123456789";
        change(ClientChange { secret: Some(hash_secret(other).into()), ..ClientChange::default() }).await;
        assert!(ask(&bench, &[], &body("a%2Bb+c%25d%3Ae-0123456789-0123456789-xyz")).await.is_err());
        assert!(ask(&bench, &[], &body(other)).await.is_ok());
        change(ClientChange { enabled: Some(false), ..ClientChange::default() }).await;
        assert!(ask(&bench, &[], &body(other)).await.is_err());
        change(ClientChange { enabled: Some(true), ..ClientChange::default() }).await;
        assert!(ask(&bench, &[], &body(other)).await.is_ok());
        store.delete_client("post").await.unwrap();
        assert!(ask(&bench, &[], &body(other)).await.is_err());
    }

    #[tokio::test]
    async fn too_many_failures_from_one_network_wait_and_lock_no_client() {
        let bench = Bench::new().await;
        bench.client("post", ClientMethod::SecretPost, Some(SECRET)).await;
        for _ in 0..100 {
            let error = ask(&bench, &[], "client_id=post&client_secret=guess").await.unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidClient);
        }
        let error = ask(&bench, &[], "client_id=post&client_secret=guess").await.unwrap_err();
        assert_eq!(error.code, ErrorCode::TooMany);
        assert!(error.retry_after.is_some());
        let params = Parameters::parse("client_id=post&client_secret=a%2Bb+c%25d%3Ae-0123456789-0123456789-xyz").unwrap();
        let elsewhere = "198.51.100.7".parse().unwrap();
        let none = HeaderMap::new();
        let caller = Caller::new(&none, &params, elsewhere);
        assert!(authenticate(&bench.provider(), caller).await.is_ok());
    }
}
