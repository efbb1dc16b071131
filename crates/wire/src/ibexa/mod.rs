//! The representations of the Ibexa dialect (ibexa-rest 0.1, 1.1, 7, 8).

#[cfg(test)]
mod tests;

use crate::{Document, Format, element::Element};

/// A session (ibexa-rest 1.1): exactly four children in this order. It holds the session id and is `no-store`.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    /// The prefix by which the request came, without trailing slash.
    pub prefix: &'a str,
    /// The cookie's name.
    pub name: &'a str,
    /// The session id, which is the cookie's value.
    pub identifier: &'a str,
    /// A token of this session.
    pub csrf_token: &'a str,
    /// The account's id.
    pub user: u64,
}

impl Session<'_> {
    /// Writes it down. The `href` is always the one that deletes the session.
    pub fn document(&self, format: Format) -> Document {
        Element::object("Session", "Session")
            .with("href", session_href(self.prefix, self.identifier))
            .child(Element::text("name", self.name))
            .child(Element::text("identifier", self.identifier))
            .child(Element::text("csrfToken", self.csrf_token))
            .child(Element::object("User", "User").with("href", user_href(self.prefix, self.user)))
            .document(format)
    }
}

/// A JSON Web Token (ibexa-rest 3.1). It is `no-store`.
#[derive(Clone, Copy)]
pub struct Jwt<'a> {
    /// The token.
    pub token: &'a str,
}

impl Jwt<'_> {
    /// Writes it down: the token twice, as the contract has it. JSON says that it is plain `application/json`, XML does not.
    pub fn document(&self, format: Format) -> Document {
        let element = Element::object("JWT", "JWT").with("token", self.token).child(Element::text("token", self.token));
        let document = element.document(format);
        match format {
            Format::Json => Document { content_type: "application/json".to_owned(), ..document },
            Format::Xml => document,
        }
    }
}

/// What bearers of tokens are told when they do not count, in JSON whatever they accept (ibexa-rest 3.3).
pub fn bearer_failure(code: u16, message: &str) -> Document {
    let body = serde_json::json!({ "code": code, "message": message });
    Document { content_type: "application/json".to_owned(), body: crate::json::compact(&body) }
}

/// The path of a session, also sent as `Location` with 201.
pub fn session_href(prefix: &str, identifier: &str) -> String {
    format!("{prefix}/user/sessions/{identifier}")
}

/// The path of a user.
pub fn user_href(prefix: &str, id: u64) -> String {
    format!("{prefix}/user/users/{id}")
}

/// A user, as far as Doorward knows it: of the contract's children (ibexa-rest 8) those about content, sections,
/// groups and dates belong to a content repository, which Doorward is not.
#[derive(Clone, Copy, Debug)]
pub struct User<'a> {
    /// The prefix by which the request came, without trailing slash.
    pub prefix: &'a str,
    /// The account's id.
    pub id: u64,
    /// The sign-in name; also what the user is called.
    pub login: &'a str,
    /// E-mail address; empty when there is none.
    pub email: &'a str,
    /// Whether the account may sign in.
    pub enabled: bool,
}

impl User<'_> {
    /// Writes it down.
    pub fn document(&self, format: Format) -> Document {
        Element::object("User", "User")
            .with("href", user_href(self.prefix, self.id))
            .with("id", self.id.to_string())
            .child(Element::text("name", self.login))
            .child(Element::text("login", self.login))
            .child(Element::text("email", self.email))
            .child(Element::truth("enabled", self.enabled))
            .document(format)
    }
}

/// The Root resource (ibexa-rest 7) with the entries that Doorward serves.
#[derive(Clone, Copy, Debug)]
pub struct Root<'a> {
    /// The prefix by which the request came, without trailing slash.
    pub prefix: &'a str,
    /// Whether the session endpoints are served here.
    pub sessions: bool,
}

impl Root<'_> {
    /// Writes it down. The entries' media type is `UserSession` although the resource answers `Session`: so the
    /// contract has it.
    pub fn document(&self, format: Format) -> Document {
        let mut root = Element::object("Root", "Root");
        if self.sessions {
            let entry = |name, path| Element::object(name, "UserSession").with("href", format!("{}{path}", self.prefix));
            root = root
                .child(entry("createSession", "/user/sessions"))
                .child(entry("refreshSession", "/user/sessions/{sessionId}/refresh"));
        }
        root.document(format)
    }
}

/// What every server error is described as, whatever happened.
pub const SERVER_ERROR: &str = "An error has occurred. Please try again later or contact your Administrator.";

/// An error (ibexa-rest 0.1).
#[derive(Clone, Copy, Debug)]
pub struct ErrorMessage<'a> {
    /// The status.
    pub code: u16,
    /// What happened; from 500 on it is replaced by [`SERVER_ERROR`].
    pub description: &'a str,
    /// Whether the router refused it (no route, no such method): there the contract nests another error.
    pub routing: bool,
}

impl ErrorMessage<'_> {
    /// Writes it down.
    pub fn document(&self, format: Format) -> Document {
        self.element().document(format)
    }

    fn element(&self) -> Element {
        let description = if self.code < 500 { self.description } else { SERVER_ERROR };
        let element = Element::object("ErrorMessage", "ErrorMessage")
            .child(Element::number("errorCode", self.code.into()))
            .child(Element::text("errorMessage", phrase(self.code)))
            .child(Element::text("errorDescription", description));
        if !self.routing {
            return element;
        }
        let inner = ErrorMessage { code: 500, description: "", routing: false };
        element.child(Element::object("Previous", "ErrorMessage").child(inner.element()))
    }
}

/// The fixed phrase of a status; some differ from those of RFC 9110. Unknown ones have that of 500.
pub fn phrase(code: u16) -> &'static str {
    match code {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Time-out",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Requested range not satisfiable",
        417 => "Expectation Failed",
        418 => "I'm a teapot",
        421 => "There are too many connections from your internet address",
        422 => "Unprocessable Entity",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Unordered Collection",
        426 => "Upgrade Required",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Time-out",
        505 => "HTTP Version not supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        509 => "Bandwidth Limit Exceeded",
        510 => "Not Extended",
        _ => "Internal Server Error",
    }
}
