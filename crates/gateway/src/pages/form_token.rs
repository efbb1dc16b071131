//! Tokens of forms for people who are not signed in: each form has one, for this browser alone.

use crate::{
    Body,
    api::{Call, Form, cookie},
};
use doorward_crypto::form;
use http::Response;

/// A form's token, and the browser's nonce that it is for.
pub(super) struct FormToken {
    /// For the hidden field.
    pub(super) token: String,
    /// What the browser has to be given, if it has none yet.
    new: Option<(String, String, bool)>,
}

impl FormToken {
    /// A token for the browser that asks; its nonce is for forms below `path`.
    pub(super) fn of(call: &Call<'_>, path: &str) -> Self {
        let (entropy, secure) = (call.auth.entropy(), call.request.secure);
        let held = cookie::value(call.request.headers, cookie::form_name(secure)).filter(|nonce| form::is_nonce(nonce));
        let nonce = held.map_or_else(|| form::nonce(entropy), str::to_owned);
        let token = form::token(call.auth.form_key(), &nonce, entropy);
        Self { token, new: held.is_none().then(|| (nonce, path.to_owned(), secure)) }
    }

    /// Gives the browser its nonce.
    pub(super) fn remember(self, response: &mut Response<Body>) {
        if let Some((nonce, path, secure)) = self.new {
            cookie::add(response.headers_mut(), cookie::form(&nonce, &path, secure));
        }
    }
}

/// Whether a form that was sent back is ours, and was shown to this browser.
pub(super) fn is_ours(call: &Call<'_>, fields: &Form) -> bool {
    let nonce = cookie::value(call.request.headers, cookie::form_name(call.request.secure)).unwrap_or_default();
    form::verify(call.auth.form_key(), nonce, fields.text("_csrf_token"))
}
