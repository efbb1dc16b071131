//! Pages of the authorization server.

use askama::Template;

/// Asks whether a client may do what it asks for.
#[derive(Template)]
#[template(path = "consent.html")]
pub struct Consent<'a> {
    /// Where the form goes.
    pub action: &'a str,
    /// The form's token, of the session that is asked.
    pub token: &'a str,
    /// What the field is called that says what the form is about, and what it says.
    pub field: &'a str,
    /// Its value.
    pub value: &'a str,
    /// The client's name.
    pub client: &'a str,
    /// Whether it chose the name itself, and nobody looked at it.
    pub unverified: bool,
    /// Whose account.
    pub login: &'a str,
    /// Of which directory.
    pub directory: &'a str,
    /// What it may do, in words.
    pub scopes: &'a [&'a str],
    /// Where.
    pub resources: &'a [&'a str],
    /// For how long, in words.
    pub duration: &'a str,
    /// Where the browser goes afterwards, in words.
    pub whither: &'a str,
    /// Where consents are taken back.
    pub applications: &'a str,
}

/// Leads to a client after signing in here: a redirect would be one of a form, which may lead to us alone.
#[derive(Template)]
#[template(path = "continue.html")]
pub struct Continue<'a> {
    /// Where to.
    pub url: &'a str,
    /// The client's name.
    pub client: &'a str,
}

/// An application that somebody allowed something.
#[derive(Clone, Debug)]
pub struct Application<'a> {
    /// Its id.
    pub client: &'a str,
    /// What people read.
    pub name: &'a str,
    /// Whether it chose the name itself.
    pub unverified: bool,
    /// Whose account.
    pub login: &'a str,
    /// Of which directory.
    pub directory: &'a str,
    /// What it may do, in words.
    pub scopes: Vec<&'a str>,
    /// Since which day.
    pub granted: String,
    /// A form token of the account's session.
    pub token: String,
}

/// What somebody allowed.
#[derive(Template)]
#[template(path = "applications.html")]
pub struct Applications<'a> {
    /// Where the forms go.
    pub action: &'a str,
    /// All of them.
    pub applications: &'a [Application<'a>],
}

/// Asks for the code of a device.
#[derive(Template)]
#[template(path = "device.html")]
pub struct DeviceCode<'a> {
    /// Where the form goes.
    pub action: &'a str,
    /// The form's token.
    pub token: &'a str,
    /// What was typed, or came with the link.
    pub code: &'a str,
    /// What went wrong.
    pub error: Option<&'a str>,
}
