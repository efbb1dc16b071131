//! A person's and a device's way through an application that speaks OpenID Connect by the crate `openidconnect`.
//!
//! usage: openidconnect-client ISSUER SECRET
//!
//! The confidential client `shop` with SECRET may use codes, refresh tokens and its own name; the public client `tv` the device grant.
//! It prints `visit URL` and reads where the browser came back, prints `type CODE` and reads a line once somebody allowed the device,
//! and prints a line that begins with `ok` for each thing that was as it should be. The first that is not ends it with exit code 1.

use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalProviderMetadata, AuthenticationFlow, AuthorizationCode, ClientId, ClientSecret,
    CsrfToken, DeviceAuthorizationUrl, HttpRequest, HttpResponse, IntrospectionUrl, IssuerUrl, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, ProviderMetadata, RedirectUrl, RequestTokenError, RevocationUrl, Scope, TokenIntrospectionResponse as _,
    TokenResponse as _,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod, CoreDeviceAuthorizationResponse,
        CoreErrorResponseType, CoreGrantType, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
        CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType, CoreTokenResponse, CoreUserInfoClaims,
    },
    http::{Response, header::HeaderName},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    error::Error,
    fmt::Write as _,
    io::{self, BufRead, Read, Write},
    net::TcpStream,
    time::Duration,
};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const REDIRECT: &str = "https://app.example.com/callback";

/// What the crate leaves to extensions of the metadata.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct More {
    device_authorization_endpoint: DeviceAuthorizationUrl,
    revocation_endpoint: RevocationUrl,
    introspection_endpoint: IntrospectionUrl,
}

impl AdditionalProviderMetadata for More {}

type Metadata = ProviderMetadata<
    More,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [issuer, secret] = &arguments[..] else { return Err("usage: openidconnect-client ISSUER SECRET".into()) };
    let issuer = IssuerUrl::new(issuer.clone())?;
    let metadata = Metadata::discover(&issuer, &http)?;
    ok(metadata.issuer() == &issuer && !metadata.jwks().keys().is_empty(), "the issuer and its keys are found")?;
    person(&metadata, secret)?;
    device(&metadata)
}

/// A code with PKCE and a nonce, and what comes of it.
fn person(metadata: &Metadata, secret: &str) -> Outcome {
    let more = metadata.additional_metadata();
    // The crate revokes over TLS only; on loopback there is none, and the connection below makes none.
    let revocation = RevocationUrl::new(more.revocation_endpoint.url().as_str().replace("http://", "https://"))?;
    let (id, secret) = (ClientId::new("shop".to_owned()), ClientSecret::new(secret.to_owned()));
    let client = CoreClient::from_provider_metadata(metadata.clone(), id, Some(secret))
        .set_redirect_uri(RedirectUrl::new(REDIRECT.to_owned())?)
        .set_introspection_url(more.introspection_endpoint.clone())
        .set_revocation_url(revocation);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
    let (url, state, nonce) = client
        .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
        .add_scopes(["profile", "orders", "offline_access"].map(|name| Scope::new(name.to_owned())))
        .set_pkce_challenge(challenge)
        .url();
    let answer: HashMap<String, String> = openidconnect::url::Url::parse(&ask(&format!("visit {url}"))?)?
        .query_pairs()
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    ok(answer.get("state") == Some(state.secret()), "state is as it was")?;
    ok(answer.get("iss").map(String::as_str) == Some(metadata.issuer().as_str()), "the issuer is named (RFC 9207)")?;
    let code = AuthorizationCode::new(answer.get("code").ok_or("no code")?.clone());
    let tokens: CoreTokenResponse = client.exchange_code(code.clone())?.set_pkce_verifier(verifier).request(&http)?;
    let id_token = tokens.id_token().ok_or("no ID token")?;
    let verifier = client.id_token_verifier();
    let claims = id_token.claims(&verifier, &nonce)?;
    ok(true, "the ID token is signed by a published key, for this client, with this nonce")?;
    let hash = AccessTokenHash::from_token(tokens.access_token(), id_token.signing_alg()?, id_token.signing_key(&verifier)?)?;
    ok(claims.access_token_hash() == Some(&hash), "it belongs to the access token (`at_hash`)")?;
    ok(id_token.claims(&verifier, &Nonce::new_random()).is_err(), "for another nonce it does not count")?;
    let who: CoreUserInfoClaims =
        client.user_info(tokens.access_token().clone(), Some(claims.subject().clone()))?.request(&http)?;
    ok(who.preferred_username().is_some_and(|name| name.as_str() == "jane"), "userinfo says the same subject, and her name")?;
    let said = client.introspect(tokens.access_token()).request(&http)?;
    ok(said.active() && said.client_id().is_some_and(|id| id.as_str() == "shop"), "introspection says whose it is")?;
    let old = tokens.refresh_token().ok_or("no refresh token")?;
    let renewed: CoreTokenResponse = client.exchange_refresh_token(old)?.request(&http)?;
    let new = renewed.refresh_token().ok_or("no other refresh token")?;
    ok(new.secret() != old.secret(), "the refresh token is replaced")?;
    if let Some(id_token) = renewed.id_token() {
        // OpenID Connect Core 12.2: without a nonce, or with the old one.
        let same = |said: Option<&Nonce>| {
            said.is_none_or(|said| said.secret() == nonce.secret()).then_some(()).ok_or("another nonce".to_owned())
        };
        ok(id_token.claims(&verifier, same)?.subject() == claims.subject(), "the next ID token is about the same person")?;
    }
    client.revoke_token(new.into())?.request(&http)?;
    let ended = AccessToken::new(new.secret().clone());
    ok(!client.introspect(&ended).request(&http)?.active(), "a refresh token that was revoked has ended")?;
    ok(!client.introspect(renewed.access_token()).request(&http)?.active(), "and so has the access token that came with it")?;
    for refused in
        [client.exchange_refresh_token(new)?.request(&http).map(drop), client.exchange_code(code)?.request(&http).map(drop)]
    {
        let error = match refused {
            Err(RequestTokenError::ServerResponse(said)) => Some(said.error().clone()),
            _ => None,
        };
        let refused = matches!(error, Some(CoreErrorResponseType::InvalidGrant | CoreErrorResponseType::InvalidRequest));
        ok(refused, "what has ended is good for nothing")?;
    }
    Ok(())
}

/// RFC 8628.
fn device(metadata: &Metadata) -> Outcome {
    let url = metadata.additional_metadata().device_authorization_endpoint.clone();
    let client = CoreClient::from_provider_metadata(metadata.clone(), ClientId::new("tv".to_owned()), None)
        .set_device_authorization_url(url);
    let begun: CoreDeviceAuthorizationResponse =
        client.exchange_device_code().add_scope(Scope::new("orders".to_owned())).request(&http)?;
    ask(&format!("type {}", begun.user_code().secret()))?;
    let patience = Some(Duration::from_secs(60));
    let tokens: CoreTokenResponse = client.exchange_device_access_token(&begun)?.request(&http, std::thread::sleep, patience)?;
    let orders = tokens.scopes().is_some_and(|scopes| scopes.iter().any(|scope| scope.as_str() == "orders"));
    ok(orders, "a device that somebody allowed has a token")
}

fn ok(good: bool, what: &str) -> Outcome {
    if !good {
        return Err(format!("not so: {what}").into());
    }
    say(&format!("ok: {what}"))
}

fn ask(what: &str) -> Outcome<String> {
    say(what)?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn say(what: &str) -> Outcome {
    let mut out = io::stdout().lock();
    writeln!(out, "{what}")?;
    Ok(out.flush()?)
}

/// One request by plain HTTP to this machine, whatever the scheme.
fn http(request: HttpRequest) -> io::Result<HttpResponse> {
    let wrong = |what: &str| io::Error::other(what.to_owned());
    let authority = request.uri().authority().ok_or(wrong("no host"))?.to_string();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let mut head = format!("{} {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n", request.method());
    for (name, value) in request.headers() {
        let _ = write!(head, "{name}: {}\r\n", value.to_str().map_err(io::Error::other)?);
    }
    let _ = write!(head, "Content-Length: {}\r\n\r\n", request.body().len());
    let mut stream = TcpStream::connect(&authority)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(request.body())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or(wrong("no answer"))?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status: u16 = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or(wrong("no status"))?;
    let mut response = Response::builder().status(status);
    for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(": ")) {
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(wrong("an answer in chunks"));
        }
        response = response.header(HeaderName::from_bytes(name.as_bytes()).map_err(io::Error::other)?, value);
    }
    response.body(answer[end + 4..].to_vec()).map_err(io::Error::other)
}
