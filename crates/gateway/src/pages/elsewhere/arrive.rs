//! The way back from a provider: its answer, once, to the browser that set out.

use super::{Chosen, chosen, failed, note, sealed, slowed, told};
use crate::{
    Body, answer,
    api::{Call, cookie, failure, header, set_retry_after},
    pages::{Place, no_page, page, sign_in, target},
};
use doorward_auth::{Acquaintance, Arrival, GivenRoles, SignInError, SignedIn, Why};
use doorward_core::{
    Account,
    policy::SameSite,
    ports::{StoreError, Subject},
};
use doorward_oauth::{
    client::{Failure, Journey, Person},
    rfc6749::Parameters,
};
use doorward_wire::pages as html;
use http::{
    HeaderValue, Response, StatusCode,
    header::{LOCATION, USER_AGENT},
};
use std::sync::Arc;

/// The answer to the provider's answer.
pub(super) async fn run(call: &Call<'_>, name: &str) -> Response<Body> {
    let Some(chosen) = chosen(call, name) else { return no_page(call) };
    let key = call.auth.form_key();
    let stray = |why| failed(call, &chosen, &Failure::Stray(why));
    let Ok(parameters) = Parameters::parse(call.request.query.unwrap_or_default()) else {
        return stray("its parameters cannot be read, or one of them is there twice");
    };
    let kept = sealed(call.request.headers, call.request.secure);
    let now = call.auth.clock().now();
    let Some(journey) = kept.and_then(|kept| Journey::unseal(key, &chosen.provider.settings().name, kept, now)) else {
        return stray("this browser did not set out to this provider, or too long ago");
    };
    // Before anything is used up: whoever leads a browser here cannot end a journey that is under way.
    if !parameters.get("state").is_some_and(|state| journey.is_state(key, state)) {
        return stray("its `state` is not that of this browser's sign-in");
    }
    let mut response = once(call, &chosen, &journey, &parameters).await;
    cookie::add(response.headers_mut(), cookie::journey_deletion(call.request.secure));
    response
}

/// A journey ends once, however it ends.
async fn once(call: &Call<'_>, chosen: &Chosen, journey: &Journey, parameters: &Parameters) -> Response<Body> {
    if let Some(response) = slowed(call) {
        return response;
    }
    let (used, until) = journey.once();
    match call.auth.end_journey(&used, until).await {
        Ok(true) => {}
        Ok(false) => return failed(call, chosen, &Failure::Stray("it was used before")),
        Err(error) => return super::super::unavailable(call, &error),
    }
    let (key, clock) = (call.auth.form_key(), call.auth.clock());
    let person = match chosen.provider.finish(journey, parameters, &chosen.redirect_uri, key, clock).await {
        Ok(person) => person,
        Err(failure) => return failed(call, chosen, &failure),
    };
    match sign_in(call, chosen, &person).await {
        Ok(signed_in) => welcome(call, chosen, &signed_in, target::safe(journey.target())),
        Err(error) => refused(call, chosen, &person, &error),
    }
}

/// By the one place where sessions begin. A session of the same directory that the browser already has ends with that.
async fn sign_in(call: &Call<'_>, chosen: &Chosen, person: &Person) -> Result<SignedIn, SignInError> {
    let settings = chosen.provider.settings();
    let who = Subject { issuer: Arc::clone(&person.issuer), subject: Arc::clone(&person.subject) };
    let managed: Vec<Arc<str>> = settings.roles.iter().flat_map(|map| map.managed()).cloned().collect();
    let view = Place::of(call).view;
    let shop = call.policy.routes.magento_prefix.is_some();
    let arrival = Arrival {
        who: &who,
        client: &person.client,
        sid: person.sid.as_ref(),
        email: person.email.as_deref(),
        name: (person.name.0.as_deref(), person.name.1.as_deref()),
        authenticated: person.authenticated,
        factors: &person.factors,
        roles: person.roles.as_ref().map(|given| GivenRoles { given, managed: &managed }),
        mapping: &settings.mapping,
        address: call.request.client,
        device_token: cookie::value(call.request.headers, cookie::device_name(call.request.secure)),
        user_agent: header(call.request.headers, USER_AGENT),
        site: &call.policy.sites.here,
        view: shop.then_some((view.website_id, view.id)),
    };
    let (verified, how) = call.auth.verify_elsewhere(&chosen.directory, arrival).await?;
    let account = Arc::clone(&verified.record.account);
    let old = call.live_in(&chosen.directory).await.map_err(SignInError::Unavailable)?;
    let signed_in = call.auth.start(verified, old.map(|old| old.live.key())).await?;
    let event = match how {
        Acquaintance::Known => None,
        Acquaintance::Linked => Some("identity_linked"),
        Acquaintance::Created => Some("account_created"),
    };
    if let Some(event) = event {
        audit(call, chosen, event, "success", Some(&account), &person.subject);
    }
    Ok(signed_in)
}

/// On to where the person wanted to go.
fn welcome(call: &Call<'_>, chosen: &Chosen, signed_in: &SignedIn, target: &str) -> Response<Body> {
    let account = signed_in.live.account();
    call.audit_provider("sign_in", "success", Some(&account), &chosen.provider.settings().name);
    note(call, chosen, "signed_in");
    let (now, spec) = (call.auth.clock().now(), &signed_in.directory.cookie);
    let mut response = if spec.same_site == SameSite::Strict {
        // A redirect would still count as coming from the provider, and the browser would keep the new cookie back.
        let text = format!("You are signed in as {}.", account.login);
        page(
            call,
            StatusCode::OK,
            html::render(&html::Done { title: "Signed in", text: &text, link: Some((target, "Continue")) }),
        )
    } else {
        let mut response = answer::empty(StatusCode::SEE_OTHER);
        let location = HeaderValue::try_from(target).unwrap_or(HeaderValue::from_static("/"));
        response.headers_mut().insert(LOCATION, location);
        response
    };
    let headers = response.headers_mut();
    cookie::add(headers, cookie::session(spec, &signed_in.id, now));
    cookie::add(headers, cookie::device(&signed_in.device_token, call.request.secure, now));
    response
}

/// The provider knows the person, and there is no account here that may sign in.
fn refused(call: &Call<'_>, chosen: &Chosen, person: &Person, error: &SignInError) -> Response<Body> {
    if let SignInError::Unavailable(store) = error {
        note(call, chosen, "unavailable");
        return unavailable(call, store);
    }
    let (account, why) = match error {
        SignInError::Invalid { why, account } => (account.as_deref(), Some(*why)),
        _ => (None, None),
    };
    audit(call, chosen, "sign_in_failed", error.code(), account, &person.subject);
    note(call, chosen, "no_account");
    let title = &chosen.title;
    let text = match why {
        Some(Why::NotLinked) => format!("Your account at {title} belongs to no account here."),
        Some(Why::NoEmail) => format!("{title} does not vouch for an e-mail address of yours."),
        Some(Why::Taken) => "There is an account with your e-mail address already. Sign in to it with its password.".to_owned(),
        Some(_) => "You cannot sign in with this account.".to_owned(),
        None => sign_in::told(error, "").to_owned(),
    };
    let (status, after) = failure(error);
    // Nobody has to prove anything once more: what was proved is not enough.
    let status = if status == StatusCode::UNAUTHORIZED { StatusCode::FORBIDDEN } else { status };
    let mut response = told(call, status, "Not signed in", &text);
    set_retry_after(&mut response, after);
    response
}

fn unavailable(call: &Call<'_>, error: &StoreError) -> Response<Body> {
    super::super::unavailable(call, error)
}

/// Who it is at the provider is for the operator, who links by it.
fn audit(call: &Call<'_>, chosen: &Chosen, event: &str, outcome: &str, account: Option<&Account>, subject: &str) {
    let detail = format!("{}: subject {subject}", chosen.provider.settings().name);
    call.audit_provider(event, outcome, account, &detail);
}
