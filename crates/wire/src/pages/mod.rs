//! Pages for people: plain HTML that needs no script and loads nothing but one stylesheet of ours.
//!
//! Every value is escaped by the templates. Pages are to be sent with [`CONTENT_SECURITY_POLICY`].

#[cfg(test)]
mod tests;

use askama::Template;

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

/// The sign-in page.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub struct SignIn<'a> {
    /// Where the form goes: `/login` or `/login/DIRECTORY`.
    pub action: &'a str,
    /// The form's own CSRF token.
    pub token: &'a str,
    /// Where the person wants to go afterwards.
    pub target: &'a str,
    /// What was typed as sign-in name before; the password is never repeated.
    pub login: &'a str,
    /// What went wrong.
    pub error: Option<&'a str>,
}

/// The sign-in page for somebody who is signed in.
#[derive(Template)]
#[template(path = "signed_in.html")]
pub struct SignedIn<'a> {
    /// The person's sessions.
    pub sessions: &'a [OpenSession<'a>],
    /// Where the person wants to go.
    pub target: &'a str,
}

/// Asks before it signs out.
#[derive(Template)]
#[template(path = "sign_out.html")]
pub struct SignOut<'a> {
    /// The sessions that will end.
    pub sessions: &'a [OpenSession<'a>],
    /// A CSRF token of the first of them.
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
