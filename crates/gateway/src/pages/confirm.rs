//! `/confirm/DIRECTORY/TOKEN`: the page of the link that confirms an e-mail address. Opening it changes nothing.

use super::{
    LinkToken, Place, bad_link, directory_of,
    form_token::{self, FormToken},
    no_page, page, sign_in, unavailable,
};
use crate::{
    Body,
    api::{Call, Form},
};
use doorward_auth::{LinkState, RedeemError, Whose};
use doorward_core::{Provenance, Reason, ports::LinkPurpose};
use doorward_wire::pages as html;
use http::{Response, StatusCode};

const UNKNOWN: &str = "It was used already, or another one took its place. If your address is confirmed, you can sign in.";
const EXPIRED: &str = "It is too old. Ask for another one where you signed up.";

/// The question.
pub(super) async fn ask(call: &Call<'_>, directory: &str, token: &LinkToken) -> Response<Body> {
    let Some(directory) = directory_of(call, directory) else { return no_page(call) };
    match call.auth.link_state(LinkPurpose::Confirm, &directory, Whose::Bearer, &token.0).await {
        Ok(LinkState::Good(record)) => {
            let place = Place::of(call);
            let own = FormToken::of(call, &place.path("/confirm"));
            let action = place.path(&format!("/confirm/{}/{}", directory.name, token.0));
            let html = html::Confirm { action: &action, token: &own.token, login: &record.account.login };
            let mut response = page(call, StatusCode::OK, html::render(&html));
            own.remember(&mut response);
            response
        }
        Ok(LinkState::Expired) => bad_link(call, EXPIRED, None),
        Ok(LinkState::Unknown) => bad_link(call, UNKNOWN, None),
        Err(error) => unavailable(call, &error),
    }
}

/// The answer to it.
pub(super) async fn submit(mut call: Call<'_>, directory: &str, token: &LinkToken) -> Response<Body> {
    let Some(directory) = directory_of(&call, directory) else { return no_page(&call) };
    if call.request.provenance == Provenance::Foreign {
        return call.refuse(Reason::ForeignOrigin);
    }
    let fields = match Form::read(&mut call).await {
        Ok(fields) => fields,
        Err(response) => return response,
    };
    if !form_token::is_ours(&call, &fields) {
        return bad_link(&call, sign_in::EXPIRED, None);
    }
    match call.auth.confirm(&directory, Whose::Bearer, &token.0).await {
        Ok(record) => {
            call.audit("email_confirmed", "success", Some(&record.account), &record.account.login);
            let to = Place::of(&call).sign_in(call.policy, &directory, Some(&record));
            let text = "Your e-mail address is confirmed, and your account is ready.";
            let html = html::Done { title: "Thank you", text, link: Some((&to, "Sign in")) };
            page(&call, StatusCode::OK, html::render(&html))
        }
        Err(RedeemError::Expired) => bad_link(&call, EXPIRED, None),
        Err(RedeemError::Unavailable(error)) => unavailable(&call, &error),
        Err(RedeemError::Unknown | RedeemError::Flaw(_) | RedeemError::Busy { .. }) => bad_link(&call, UNKNOWN, None),
    }
}
