//! Devices without a browser (RFC 8628): the endpoint that they begin at, and the page where a person types their code.

use super::{Asking, audit, document, people, provider};
use crate::{
    Body,
    api::{Call, Form, Presented, set_retry_after},
    pages,
};
use doorward_core::{
    OAuth, OAuthEndpoint,
    ports::{Client, Device, Grant, StoreError, TokenKey},
};
use doorward_crypto::{csrf, sha256};
use doorward_oauth::{
    ErrorCode, OAuthError, Person,
    rfc6749::{Scopes, client::Caller},
    rfc8628,
};
use doorward_wire::pages as html;
use http::{Response, StatusCode};
use serde::Serialize;
use std::time::Duration;

/// How long a device waits for its person.
const LIFETIME: Duration = Duration::from_secs(600);
/// How long it waits between two questions.
const INTERVAL: Duration = Duration::from_secs(5);
/// How often another user code is made when one is in use.
const TRIES: usize = 4;
const UNKNOWN: &str = "There is no such code, or it has expired. Look at your device again.";
const TOO_MANY: &str = "Too many codes were wrong. Please try again later.";

/// RFC 8628 3.2.
#[derive(Serialize)]
struct Answer {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: String,
    expires_in: u64,
    interval: u64,
}

/// `POST /device_authorization`.
pub(super) async fn begin(settings: &OAuth, mut call: Call<'_>) -> Response<Body> {
    const GRANT: Option<Grant> = Some(Grant::DeviceCode);
    let asking = match Asking::read(&mut call).await {
        Ok(asking) => asking,
        Err(response) => return response,
    };
    let client = match asking.client(settings, &call, "device_refused", GRANT).await {
        Ok(client) => client,
        Err(response) => return response,
    };
    match wait(settings, &call, &client, asking.caller(&call)).await {
        Ok(answer) => {
            audit(&call, "device_waits", Some(&client), GRANT, Ok(""));
            document(StatusCode::OK, &answer, &asking.to)
        }
        Err(error) => asking.refuse(&call, "device_refused", Some(&client), GRANT, &error),
    }
}

async fn wait(settings: &OAuth, call: &Call<'_>, client: &Client, caller: Caller<'_>) -> Result<Answer, OAuthError> {
    if !client.may(Grant::DeviceCode) {
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, "The client may not use this grant."));
    }
    let provider = provider(call, settings);
    let scopes = doorward_oauth::rfc6749::asked_scopes(&provider, client, caller.params.get("scope"))?;
    let named = caller.params.all(doorward_oauth::rfc8707::PARAMETER);
    let target = |_| OAuthError::new(ErrorCode::InvalidTarget, "There is no such resource.");
    let resources = doorward_oauth::rfc8707::parse(named).map_err(target)?;
    doorward_oauth::rfc8707::audience(&provider, &resources)?;
    let device_code = doorward_oauth::secret(&provider);
    for _ in 0..TRIES {
        let user_code = rfc8628::user_code(call.auth.entropy());
        let device = Device {
            key: doorward_oauth::key(&device_code),
            user_code: user_code_key(&user_code).ok_or_else(|| OAuthError::from(StoreError::Missing("a user code".into())))?,
            client: client.id.clone(),
            scopes: scopes.names().to_vec(),
            resources: resources.clone(),
            binding: None,
            interval: INTERVAL,
            expires: provider.now() + LIFETIME,
        };
        match provider.store().grants().add_device(&device, provider.now()).await {
            Err(StoreError::Exists(_)) => {}
            Err(error) => return Err(error.into()),
            Ok(()) => {
                let verification_uri = settings.url(OAuthEndpoint::Device).unwrap_or_default();
                return Ok(Answer {
                    verification_uri_complete: format!("{verification_uri}?user_code={user_code}"),
                    device_code,
                    user_code,
                    verification_uri,
                    expires_in: LIFETIME.as_secs(),
                    interval: INTERVAL.as_secs(),
                });
            }
        }
    }
    Err(StoreError::Unavailable("no user code is free".into()).into())
}

/// What is stored of a user code, however it was typed.
fn user_code_key(text: &str) -> Option<TokenKey> {
    rfc8628::typed(text).map(|code| TokenKey(sha256(format!("user code\0{code}").as_bytes())))
}

/// `GET /device`: where the code is typed. Opening it decides nothing, even if the link has the code (RFC 8628 5.4).
pub(super) async fn show(settings: &OAuth, call: &Call<'_>) -> Response<Body> {
    let query = call.request.query.unwrap_or_default();
    let code = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "user_code").map(|(_, value)| value);
    let code = code.filter(|code| rfc8628::typed(code).is_some()).unwrap_or_default();
    match people::signed_in(call).await {
        Ok(Some(session)) => code_page(settings, call, StatusCode::OK, &session, &code, None),
        Ok(None) => {
            let path = people::path_of(settings, OAuthEndpoint::Device);
            let back = if code.is_empty() { path.to_owned() } else { format!("{path}?user_code={code}") };
            people::sign_in_first(call, &back)
        }
        Err(error) => pages::unavailable(call, &error),
    }
}

/// `POST /device`: the code, and after that the decision. Both are bound to the session that is asked.
pub(super) async fn submit(settings: &OAuth, mut call: Call<'_>) -> Response<Body> {
    let fields = match people::own_form(&mut call).await {
        Ok(fields) => fields,
        Err(response) => return response,
    };
    let session = match people::signed_in(&call).await {
        Ok(Some(session)) => session,
        Ok(None) => return people::sign_in_first(&call, people::path_of(settings, OAuthEndpoint::Device)),
        Err(error) => return pages::unavailable(&call, &error),
    };
    let typed = fields.text("user_code");
    let again = |status, text| code_page(settings, &call, status, &session, crate::api::bounded(typed, 16), Some(text));
    if !csrf::verify(&session.id, fields.text("_csrf_token")) {
        return again(StatusCode::BAD_REQUEST, pages::EXPIRED);
    }
    // RFC 8628 5.1: the code is short, so nobody may try many.
    let (throttle, now) = (call.auth.throttle(), call.auth.clock().now());
    if let Err(after) = throttle.begin(call.request.client, now) {
        let mut response = again(StatusCode::TOO_MANY_REQUESTS, TOO_MANY);
        set_retry_after(&mut response, Some(after));
        return response;
    }
    let found = match user_code_key(typed) {
        None => Ok(None),
        Some(key) => find(&call, &key).await.map(|found| found.map(|found| (key, found))),
    };
    match found {
        Ok(Some((key, (device, client)))) => decide(settings, &call, &session, &fields, &key, &device, &client).await,
        Ok(None) => {
            throttle.note_failure(call.request.client, now);
            call.audit_detail("device_decided", "unknown", Some(&session.live.account()), "no such user code");
            again(StatusCode::BAD_REQUEST, UNKNOWN)
        }
        Err(error) => pages::unavailable(&call, &error),
    }
}

async fn find(call: &Call<'_>, key: &TokenKey) -> Result<Option<(Device, Client)>, StoreError> {
    let store = call.auth.store();
    let Some(device) = store.grants().device(key, call.auth.clock().now()).await? else { return Ok(None) };
    let client = store.client(&device.client).await?.filter(|client| client.enabled && client.may(Grant::DeviceCode));
    Ok(client.map(|client| (device, client)))
}

async fn decide(
    settings: &OAuth,
    call: &Call<'_>,
    session: &Presented,
    fields: &Form,
    key: &TokenKey,
    device: &Device,
    client: &Client,
) -> Response<Body> {
    let scopes: Scopes = device.scopes.iter().cloned().collect();
    let account = session.live.account();
    let allowed = match fields.text("decision") {
        "allow" => true,
        "deny" => false,
        // Seen first, and decided then.
        _ => return ask(settings, call, session, fields.text("user_code"), device, client, &scopes),
    };
    let provider = provider(call, settings);
    let person = Person { account: &account, session: session.live.session() };
    let decided = provider.decide_device(client, device, key, allowed.then_some(person)).await;
    match decided {
        Ok(true) => {
            let detail = format!("client/{}: {scopes}", client.id);
            call.audit_detail("device_decided", if allowed { "success" } else { "denied" }, Some(&account), &detail);
            let (title, text) = if allowed {
                ("Your device is connected", "You can go back to it now.")
            } else {
                ("Your device is not connected", "You did not allow it.")
            };
            pages::page(call, StatusCode::OK, html::render(&html::Done { title, text, link: None }))
        }
        Ok(false) => code_page(settings, call, StatusCode::BAD_REQUEST, session, "", Some(UNKNOWN)),
        Err(StoreError::Missing(_)) => people::sign_in_first(call, people::path_of(settings, OAuthEndpoint::Device)),
        Err(error) => pages::unavailable(call, &error),
    }
}

fn code_page(
    settings: &OAuth,
    call: &Call<'_>,
    status: StatusCode,
    session: &Presented,
    code: &str,
    error: Option<&str>,
) -> Response<Body> {
    let token = csrf::token(&session.id, call.auth.entropy());
    let action = people::path_of(settings, OAuthEndpoint::Device);
    pages::page(call, status, html::render(&html::DeviceCode { action, token: &token, code, error }))
}

fn ask(
    settings: &OAuth,
    call: &Call<'_>,
    session: &Presented,
    code: &str,
    device: &Device,
    client: &Client,
    scopes: &Scopes,
) -> Response<Body> {
    let account = session.live.account();
    let token = csrf::token(&session.id, call.auth.entropy());
    let html = html::Consent {
        action: people::path_of(settings, OAuthEndpoint::Device),
        token: &token,
        field: "user_code",
        value: code,
        client: &client.name,
        unverified: client.registered.is_some(),
        login: &account.login,
        directory: &account.directory,
        scopes: &people::in_words(settings, scopes),
        resources: &device.resources.iter().map(AsRef::as_ref).collect::<Vec<_>>(),
        duration: &people::duration(settings, client, scopes),
        whither: "Go on only if the code is the one that your own device shows.",
        applications: people::path_of(settings, OAuthEndpoint::Applications),
    };
    pages::page(call, StatusCode::OK, html::render(&html))
}
