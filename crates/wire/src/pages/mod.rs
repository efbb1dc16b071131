//! Pages for people: plain HTML that needs no script and loads nothing but one stylesheet of ours.
//!
//! Every value is escaped by the templates. Pages are to be sent with [`CONTENT_SECURITY_POLICY`].

mod oauth;
#[cfg(test)]
mod tests;

pub use oauth::{Application, Applications, Consent, Continue, DeviceCode};

use askama::Template;
use std::sync::Arc;

/// `Content-Type` of a page.
pub const CONTENT_TYPE: &str = "text/html; charset=utf-8";
/// Nothing from anywhere but our stylesheet; no frames, no other base, and forms go to us alone.
pub const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// The stylesheet.
pub const STYLE: &str = include_str!("../../templates/style.css");
/// Where pages expect the stylesheet.
pub const STYLE_PATH: &str = "/login/style.css";

/// A session of the person who looks at a page.
#[derive(Clone, Copy, Debug)]
pub struct OpenSession<'a> {
    /// The directory.
    pub directory: &'a str,
    /// The sign-in name.
    pub login: &'a str,
}

/// What the fields of a sign-in form are called.
#[derive(Clone, Copy, Debug)]
pub struct FieldNames {
    /// The sign-in name.
    pub login: &'static str,
    /// The password.
    pub password: &'static str,
    /// The form's token.
    pub token: &'static str,
}

impl FieldNames {
    /// Of our own pages: those of Symfony's forms.
    pub const OURS: Self = Self { login: "_username", password: "_password", token: "_csrf_token" };
    /// Of a shop's pages (magento-webapi 8.1, 8.2).
    pub const SHOP: Self = Self { login: "login[username]", password: "login[password]", token: "form_key" };
}

/// The sign-in page.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub struct SignIn<'a> {
    /// Where the form goes: `/login` or `/login/DIRECTORY`.
    pub action: &'a str,
    /// What its fields are called.
    pub fields: FieldNames,
    /// The form's own CSRF token.
    pub token: &'a str,
    /// Where the person wants to go afterwards.
    pub target: &'a str,
    /// What was typed as sign-in name before; the password is never repeated.
    pub login: &'a str,
    /// What went wrong.
    pub error: Option<&'a str>,
    /// Where whoever forgot the password goes.
    pub forgot: Option<&'a str>,
    /// Providers at which people may sign in: what they are called, and where the way to them begins.
    pub providers: &'a [(Arc<str>, String)],
}

/// Asks before it leads to a provider.
#[derive(Template)]
#[template(path = "connect.html")]
pub struct Connect<'a> {
    /// What people call the provider.
    pub title: &'a str,
    /// Where the form goes.
    pub action: &'a str,
    /// The form's own CSRF token.
    pub token: &'a str,
    /// Where the person wants to go afterwards.
    pub target: &'a str,
    /// What went wrong.
    pub error: Option<&'a str>,
}

/// Asks whose password is forgotten.
#[derive(Template)]
#[template(path = "reset_request.html")]
pub struct ResetRequest<'a> {
    /// Where the form goes.
    pub action: &'a str,
    /// The form's own CSRF token.
    pub token: &'a str,
    /// What was typed before.
    pub login: &'a str,
    /// What went wrong.
    pub error: Option<&'a str>,
    /// The sign-in page.
    pub back: &'a str,
}

/// Asks for a new password, twice.
#[derive(Template)]
#[template(path = "new_password.html")]
pub struct NewPassword<'a> {
    /// Where the form goes.
    pub action: &'a str,
    /// The form's own CSRF token.
    pub token: &'a str,
    /// Whose it is; password managers read it.
    pub login: &'a str,
    /// What the password must be like, for people.
    pub rules: &'a str,
    /// Whether the current one is asked for too.
    pub current: bool,
    /// What went wrong.
    pub error: Option<&'a str>,
}

/// Asks before an address is confirmed: programs that look at mail open links, and press no buttons.
#[derive(Template)]
#[template(path = "confirm.html")]
pub struct Confirm<'a> {
    /// Where the form goes.
    pub action: &'a str,
    /// The form's own CSRF token.
    pub token: &'a str,
    /// Whose address it is.
    pub login: &'a str,
}

/// Something was done.
#[derive(Template)]
#[template(path = "done.html")]
pub struct Done<'a> {
    /// The heading.
    pub title: &'a str,
    /// One or two sentences.
    pub text: &'a str,
    /// Where to go next: path and words.
    pub link: Option<(&'a str, &'a str)>,
}

/// The sign-in page for somebody who is signed in.
#[derive(Template)]
#[template(path = "signed_in.html")]
pub struct SignedIn<'a> {
    /// The person's sessions.
    pub sessions: &'a [OpenSession<'a>],
    /// Where the person wants to go.
    pub target: &'a str,
    /// Where one signs out.
    pub sign_out: &'a str,
}

/// Asks before it signs out.
#[derive(Template)]
#[template(path = "sign_out.html")]
pub struct SignOut<'a> {
    /// The sessions that will end.
    pub sessions: &'a [OpenSession<'a>],
    /// Where the form goes.
    pub action: &'a str,
    /// What the field of its token is called.
    pub token_name: &'a str,
    /// A token of the first of them.
    pub token: &'a str,
}

/// After signing out.
#[derive(Template)]
#[template(path = "signed_out.html")]
pub struct SignedOut;

/// 403 for somebody who is signed in.
#[derive(Template)]
#[template(path = "forbidden.html")]
pub struct Forbidden<'a> {
    /// The sign-in name.
    pub login: &'a str,
    /// Names the request in our log.
    pub request_id: &'a str,
}

/// Anything else that a person has to be told.
#[derive(Template)]
#[template(path = "message.html")]
pub struct Message<'a> {
    /// The heading.
    pub title: &'a str,
    /// One or two sentences.
    pub text: &'a str,
    /// Names the request in our log.
    pub request_id: &'a str,
}

/// Renders a page. `None` is a template that failed, which none of ours can: they only print text.
pub fn render(page: &impl Template) -> Option<String> {
    page.render().ok()
}
