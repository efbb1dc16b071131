//! What somebody allowed applications, and taking it back (ASVS 10.7.3, 10.4.9).

use super::people::{self, fault_page, in_words, path_of};
use crate::{
    Body,
    api::{Call, Presented},
    pages,
};
use doorward_core::{
    OAuth, OAuthEndpoint,
    ports::{Consent, StoreError},
};
use doorward_crypto::csrf;
use doorward_oauth::rfc6749::Scopes;
use doorward_wire::pages as html;
use http::{Method, Response, StatusCode};
use std::sync::Arc;
use time::OffsetDateTime;

/// The page and its forms.
pub(super) async fn run(settings: &OAuth, call: Call<'_>) -> Response<Body> {
    if *call.request.method == Method::POST { end(settings, call).await } else { show(settings, &call).await }
}

async fn show(settings: &OAuth, call: &Call<'_>) -> Response<Body> {
    match all(call).await {
        Ok(None) => people::sign_in_first(call, path_of(settings, OAuthEndpoint::Applications)),
        Ok(Some(all)) => list(settings, call, &all),
        Err(error) => pages::unavailable(call, &error),
    }
}

/// Takes one back: consent, tokens and all.
async fn end(settings: &OAuth, mut call: Call<'_>) -> Response<Body> {
    let fields = match people::own_form(&mut call).await {
        Ok(fields) => fields,
        Err(response) => return response,
    };
    let sessions = match pages::live_sessions(&call, &call.directories()).await {
        Ok(sessions) => sessions,
        Err(error) => return pages::unavailable(&call, &error),
    };
    let of_form = |session: &&Presented| *session.directory.name == *fields.text("directory");
    let Some(session) = sessions.iter().find(of_form).filter(|it| csrf::verify(&it.id, fields.text("_csrf_token"))) else {
        return fault_page(&call, StatusCode::BAD_REQUEST, pages::EXPIRED);
    };
    let (account, client) = (session.live.account(), fields.text("client"));
    let ended = match call.auth.store().grants().end_consent(account.kind, account.id, client).await {
        Ok(ended) => call.auth.apply_changes().await.map(|_| ended),
        Err(error) => Err(error),
    };
    match ended {
        Ok(ended) => {
            let outcome = if ended { "success" } else { "unknown" };
            call.audit_detail("consent_ended", outcome, Some(&account), &format!("client/{}", crate::api::bounded(client, 128)));
            show(settings, &call).await
        }
        Err(error) => pages::unavailable(&call, &error),
    }
}

/// A session, what its account allowed, the names of the clients, and whether they chose these themselves.
type Allowed = (Presented, Vec<(Consent, Arc<str>, bool)>);

async fn all(call: &Call<'_>) -> Result<Option<Vec<Allowed>>, StoreError> {
    let sessions = pages::live_sessions(call, &call.directories()).await?;
    if sessions.is_empty() {
        return Ok(None);
    }
    let mut all = Vec::new();
    for session in sessions {
        let account = session.live.account();
        let mut named = Vec::new();
        for consent in call.auth.store().grants().consents_of(account.kind, account.id).await? {
            let client = call.auth.store().client(&consent.client).await?;
            let unverified = client.as_ref().is_some_and(|client| client.registered.is_some());
            let name = client.map_or_else(|| Arc::clone(&consent.client), |client| client.name);
            named.push((consent, name, unverified));
        }
        all.push((session, named));
    }
    Ok(Some(all))
}

fn list(settings: &OAuth, call: &Call<'_>, all: &[Allowed]) -> Response<Body> {
    let accounts: Vec<_> = all.iter().map(|(session, consents)| (session, session.live.account(), consents)).collect();
    let scopes: Vec<Vec<Scopes>> = all
        .iter()
        .map(|(_, consents)| consents.iter().map(|(consent, ..)| consent.scopes.iter().cloned().collect()).collect())
        .collect();
    let mut applications = Vec::new();
    for ((session, account, consents), scopes) in accounts.iter().zip(&scopes) {
        for ((consent, name, unverified), scopes) in consents.iter().zip(scopes) {
            applications.push(html::Application {
                client: &consent.client,
                name,
                unverified: *unverified,
                login: &account.login,
                directory: &account.directory,
                scopes: in_words(settings, scopes),
                granted: day(consent.granted.seconds()),
                token: csrf::token(&session.id, call.auth.entropy()),
            });
        }
    }
    let html = html::Applications { action: path_of(settings, OAuthEndpoint::Applications), applications: &applications };
    pages::page(call, StatusCode::OK, html::render(&html))
}

fn day(seconds: u64) -> String {
    let date = i64::try_from(seconds).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    date.map_or_else(String::new, |date| date.date().to_string())
}
