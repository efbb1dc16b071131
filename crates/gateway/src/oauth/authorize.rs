//! The authorization endpoint (RFC 6749 3.1) and its consent page.
//!
//! Whoever is signed in at one of the firewall's directories may say yes. Nobody says it without seeing it, unless they said so
//! before to a client that is surely the same one.

use super::{
    asked::{self, AGAIN, Asked, Unsound, redirect},
    people::{self, duration, fault_page},
    provider,
};
use crate::{
    Body,
    api::{Call, Presented},
    pages::{self, Place},
};
use doorward_core::{
    Identity, OAuth, OAuthEndpoint, Time,
    ports::{Consent, StoreError},
};
use doorward_crypto::{csrf, hmac_sha256, same};
use doorward_oauth::{
    Person, oidc,
    rfc6749::{
        RedirectUri, Scopes,
        authorize::{Code, Fault},
    },
};
use doorward_wire::pages as html;
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{CONTENT_SECURITY_POLICY, LOCATION},
};
use std::{fmt::Write as _, time::Duration};
use url::form_urlencoded::byte_serialize;

/// How long somebody may take to sign in again.
const PATIENCE: Duration = Duration::from_secs(600);
/// The field of the consent form that holds the request.
const REQUEST: &str = "request";

/// `GET /authorize`, and POST, which a client's page may send from elsewhere: nothing happens by it.
pub(super) async fn run(settings: &OAuth, mut call: Call<'_>) -> Response<Body> {
    if *call.request.method == Method::POST {
        return match people::form_text(&mut call).await {
            // OpenID Connect Core 3.1.2.1. The browser asks again by GET, so that its cookies come along.
            Ok(form) => redirect(&format!("{}?{form}", call.request.path)),
            Err(text) => fault_page(&call, StatusCode::BAD_REQUEST, text),
        };
    }
    let query = call.request.query.unwrap_or_default();
    let asked = match asked::read(&call, settings, query).await {
        Ok(asked) => asked,
        Err(unsound) => return tell(&call, settings, unsound).await,
    };
    let session = match people::signed_in(&call).await {
        Ok(session) => session,
        Err(error) => return pages::unavailable(&call, &error),
    };
    let Some(session) = session.filter(|session| counts(&call, settings, &asked, session, query)) else {
        if asked.request.prompt.none {
            return asked.refuse(&call, settings, Fault::new(Code::LoginRequired, "nobody is signed in who may answer"));
        }
        return sign_in(&call, settings, &asked);
    };
    let remembered = match is_remembered(&call, &asked, &session).await {
        Ok(remembered) => remembered,
        Err(error) => return pages::unavailable(&call, &error),
    };
    if remembered {
        return allow(&call, settings, &asked, &session).await;
    }
    if asked.request.prompt.none {
        return asked.refuse(&call, settings, Fault::new(Code::ConsentRequired, "the person has to be asked"));
    }
    ask(&call, settings, &asked, &session)
}

/// `POST /authorize/consent`: the answer to the page.
pub(super) async fn decide(settings: &OAuth, mut call: Call<'_>) -> Response<Body> {
    let fields = match people::own_form(&mut call).await {
        Ok(fields) => fields,
        Err(response) => return response,
    };
    let session = match people::signed_in(&call).await {
        Ok(Some(session)) => session,
        Ok(None) => return fault_page(&call, StatusCode::BAD_REQUEST, pages::EXPIRED),
        Err(error) => return pages::unavailable(&call, &error),
    };
    // The form was shown to this session, and to no other (CVE-2026-7507).
    if !csrf::verify(&session.id, fields.text("_csrf_token")) {
        return fault_page(&call, StatusCode::BAD_REQUEST, pages::EXPIRED);
    }
    let sent = fields.text(REQUEST).to_owned();
    let asked = match asked::read(&call, settings, &sent).await {
        Ok(asked) => asked,
        Err(unsound) => return tell(&call, settings, unsound).await,
    };
    if !counts(&call, settings, &asked, &session, &sent) {
        return sign_in(&call, settings, &asked);
    }
    if fields.text("decision") != "allow" {
        if let Some(key) = &asked.pushed
            && let Err(error) = call.auth.store().grants().take_pushed(key, call.auth.clock().now()).await
        {
            return pages::unavailable(&call, &error);
        }
        return asked.refuse(&call, settings, Fault::new(Code::AccessDenied, "the person said no"));
    }
    if let Err(error) = remember(&call, &asked, &session).await {
        return pages::unavailable(&call, &error);
    }
    allow(&call, settings, &asked, &session).await
}

/// What is wrong with a request is told to the client only where somebody is signed in, unless no page may be shown: no link leads
/// strangers away from here (RFC 9700 4.11.2).
async fn tell(call: &Call<'_>, settings: &OAuth, unsound: Unsound) -> Response<Body> {
    let told = match unsound {
        Unsound::Page(response) => return response,
        Unsound::Told(told) => told,
    };
    match people::signed_in(call).await {
        Ok(None) if !told.silent => {
            let back = format!("{}?{}", people::path_of(settings, OAuthEndpoint::Authorize), told.query);
            people::sign_in_first(call, &back)
        }
        Ok(_) => told.answer(call, settings),
        Err(error) => pages::unavailable(call, &error),
    }
}

/// Gives the client its code.
async fn allow(call: &Call<'_>, settings: &OAuth, asked: &Asked, session: &Presented) -> Response<Body> {
    let account = session.live.account();
    let person = Person { account: &account, session: session.live.session() };
    let code = provider(call, settings).code(&asked.client, person, &asked.request, asked.pushed.as_ref()).await;
    match code {
        Ok(Some(code)) => {
            let detail = format!("client/{}: {}", asked.client.id, asked.request.scopes);
            call.audit_detail("authorization", "success", Some(&account), &detail);
            asked.answer(call, settings, &code)
        }
        Ok(None) => fault_page(call, StatusCode::BAD_REQUEST, "The request was used already. Begin again in the application."),
        // It ended while the page was looked at.
        Err(StoreError::Missing(_)) => sign_in(call, settings, asked),
        Err(error) => pages::unavailable(call, &error),
    }
}

/// Whether the session may answer the request: it is fresh enough, and of whom the client means.
fn counts(call: &Call<'_>, settings: &OAuth, asked: &Asked, session: &Presented, sent: &str) -> bool {
    let (request, proved) = (&asked.request, session.live.session().authenticated);
    // Signed in since we sent them to do so.
    let again = mark_of(call, asked, sent).is_some_and(|since| proved >= since);
    let now = call.auth.clock().now();
    let old = request.max_age.is_some_and(|age| now.since(proved) > age);
    if (old || request.prompt.sign_in_again()) && !again {
        return false;
    }
    let Some(text) = &request.id_token_hint else { return true };
    let hint = oidc::id_token::hint(&provider(call, settings), text);
    let name = Identity::Known(session.live.account()).to_string();
    hint.is_some_and(|hint| hint.client == asked.client.id && *hint.subject == *name)
}

/// To the sign-in page, and back to the same request.
fn sign_in(call: &Call<'_>, settings: &OAuth, asked: &Asked) -> Response<Body> {
    let mark = mark(call, &asked.query, call.auth.clock().now());
    let back = format!("{}?{}&{AGAIN}={mark}", people::path_of(settings, OAuthEndpoint::Authorize), asked.query);
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let mut to = format!("{}?again=1&return={}", Place::of(call).path("/login"), encoded(&back));
    if let Some(hint) = &asked.request.login_hint {
        let _ = write!(to, "&login={}", encoded(crate::api::bounded(hint, 255)));
    }
    let mut response = redirect(&to);
    if let Some(location) = response.headers_mut().get_mut(LOCATION) {
        location.set_sensitive(false);
    }
    response
}

/// When the person of this very request was sent to sign in: the moment, and a proof that it is ours.
fn mark(call: &Call<'_>, query: &str, at: Time) -> String {
    format!("{}.{}", at.0, proof(call, query, at))
}

fn mark_of(call: &Call<'_>, asked: &Asked, sent: &str) -> Option<Time> {
    let (_, value) = url::form_urlencoded::parse(sent.as_bytes()).find(|(name, _)| name == AGAIN)?;
    let (at, shown) = value.split_once('.')?;
    let at = Time(at.parse().ok()?);
    let ours = same(shown.as_bytes(), proof(call, &asked.query, at).as_bytes());
    (ours && call.auth.clock().now().since(at) < PATIENCE).then_some(at)
}

fn proof(call: &Call<'_>, query: &str, at: Time) -> String {
    let message = format!("doorward authorize v1\0{}\0{query}", at.0);
    hmac_sha256(call.auth.form_key(), message.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the person need not be asked.
async fn is_remembered(call: &Call<'_>, asked: &Asked, session: &Presented) -> Result<bool, StoreError> {
    let request = &asked.request;
    // Anybody can say to be a client without a secret that listens on the person's own machine (RFC 8252 8.6, ASVS 10.7.1).
    let doubtful = asked.client.is_public() && !request.way.redirect_uri.starts_with("https://");
    if request.prompt.consent || doubtful {
        return Ok(false);
    }
    let account = session.live.account();
    let consent = call.auth.store().grants().consent(account.kind, account.id, &asked.client.id).await?;
    Ok(consent.is_some_and(|consent| {
        let allowed: Scopes = consent.scopes.iter().cloned().collect();
        allowed.covers(&request.scopes) && request.resources.iter().all(|one| consent.resources.contains(one))
    }))
}

/// What was allowed before stays allowed.
async fn remember(call: &Call<'_>, asked: &Asked, session: &Presented) -> Result<(), StoreError> {
    let account = session.live.account();
    let grants = call.auth.store().grants();
    let before = grants.consent(account.kind, account.id, &asked.client.id).await?;
    let (scopes, mut resources) = before.map(|before| (before.scopes, before.resources)).unwrap_or_default();
    let scopes: Scopes = scopes.into_iter().chain(asked.request.scopes.names().iter().cloned()).collect();
    for resource in &asked.request.resources {
        if !resources.contains(resource) {
            resources.push(resource.clone());
        }
    }
    let consent = Consent {
        kind: account.kind,
        account: account.id,
        client: asked.client.id.clone(),
        scopes: scopes.names().to_vec(),
        resources,
        granted: call.auth.clock().now(),
    };
    grants.put_consent(&consent).await
}

/// The consent page.
fn ask(call: &Call<'_>, settings: &OAuth, asked: &Asked, session: &Presented) -> Response<Body> {
    let (account, request, client) = (session.live.account(), &asked.request, &asked.client);
    let path = people::path_of(settings, OAuthEndpoint::Consent);
    let token = csrf::token(&session.id, call.auth.entropy());
    // The mark goes along: it says that the person signed in for this request.
    let value = call.request.query.unwrap_or_default();
    let redirect_uri = &*request.way.redirect_uri;
    let html = html::Consent {
        action: path,
        token: &token,
        field: REQUEST,
        value,
        client: &client.name,
        unverified: client.registered.is_some(),
        login: &account.login,
        directory: &account.directory,
        scopes: &people::in_words(settings, &request.scopes),
        resources: &request.resources.iter().map(AsRef::as_ref).collect::<Vec<_>>(),
        duration: &duration(settings, client, &request.scopes),
        whither: &whither(redirect_uri),
        applications: people::path_of(settings, OAuthEndpoint::Applications),
    };
    let mut response = pages::page(call, StatusCode::OK, html::render(&html));
    let policy =
        html::CONTENT_SECURITY_POLICY.replace("form-action 'self'", &format!("form-action 'self' {}", leads(redirect_uri)));
    if let Ok(policy) = HeaderValue::try_from(policy) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Where the form may lead. A policy cannot name an address of IPv6.
fn leads(redirect_uri: &str) -> String {
    match RedirectUri::form_target(redirect_uri) {
        Some(origin) if origin.contains('[') => "http:".to_owned(),
        Some(origin) => origin,
        None => String::new(),
    }
}

fn whither(redirect_uri: &str) -> String {
    match RedirectUri::form_target(redirect_uri) {
        Some(target) if target.starts_with("http") => format!("You go on to {target}."),
        _ => "You go back to the application on this device.".to_owned(),
    }
}
