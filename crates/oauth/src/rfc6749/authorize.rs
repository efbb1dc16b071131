//! The authorization request (RFC 6749 4.1.1, OpenID Connect Core 3.1.2.1).
//!
//! It is read in two steps. Until the client and its redirect URI are known to be right, what is wrong is told to the person
//! on a page (RFC 6749 4.1.2.1): a browser is never sent to where somebody merely says. After that, errors go to the client.

use super::{Parameters, RedirectUri, Scopes};
use crate::{
    oidc::{self, Prompt},
    rfc7636::Challenge,
    rfc8707,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use std::{sync::Arc, time::Duration};

/// What a reference to a pushed request begins with (RFC 9126 2.2).
pub const PUSHED: &str = "urn:ietf:params:oauth:request_uri:";
/// How long a `state` may be, in bytes: it comes back in a URL.
const LONGEST_STATE: usize = 1024;

/// What has to be known of a client to judge its request.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The redirect URIs that it registered.
    pub redirect_uris: &'a [RedirectUri],
    /// Whether it runs on the person's own machine, so that the port of a loopback address is free (RFC 8252 7.3).
    pub native: bool,
    /// Whether it may use this grant at all.
    pub may: bool,
    /// What it may ask for.
    pub scopes: &'a Scopes,
    /// What it gets when it asks for nothing in particular (RFC 6749 3.3). Empty: then it must ask.
    pub default: &'a Scopes,
}

/// Error codes for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// RFC 6749 4.1.2.1.
    InvalidRequest,
    /// RFC 6749 4.1.2.1.
    UnauthorizedClient,
    /// RFC 6749 4.1.2.1.
    AccessDenied,
    /// RFC 6749 4.1.2.1.
    UnsupportedResponseType,
    /// RFC 6749 4.1.2.1.
    InvalidScope,
    /// RFC 6749 4.1.2.1: something of ours cannot be asked now.
    TemporarilyUnavailable,
    /// RFC 8707 2.
    InvalidTarget,
    /// OpenID Connect Core 3.1.2.6.
    LoginRequired,
    /// OpenID Connect Core 3.1.2.6.
    ConsentRequired,
    /// OpenID Connect Core 3.1.2.6.
    RequestNotSupported,
    /// OpenID Connect Core 3.1.2.6.
    RequestUriNotSupported,
    /// OpenID Connect Core 3.1.2.6.
    RegistrationNotSupported,
}

impl Code {
    /// As `error` says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::InvalidRequest => "invalid_request",
            Code::UnauthorizedClient => "unauthorized_client",
            Code::AccessDenied => "access_denied",
            Code::UnsupportedResponseType => "unsupported_response_type",
            Code::InvalidScope => "invalid_scope",
            Code::TemporarilyUnavailable => "temporarily_unavailable",
            Code::InvalidTarget => "invalid_target",
            Code::LoginRequired => "login_required",
            Code::ConsentRequired => "consent_required",
            Code::RequestNotSupported => "request_not_supported",
            Code::RequestUriNotSupported => "request_uri_not_supported",
            Code::RegistrationNotSupported => "registration_not_supported",
        }
    }
}

/// What is told to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `error`.
    pub code: Code,
    /// `error_description`: plain ASCII without quotes (RFC 6749 4.1.2.1).
    pub text: &'static str,
}

impl Fault {
    /// An error with its description.
    pub const fn new(code: Code, text: &'static str) -> Self {
        Self { code, text }
    }
}

const fn invalid(text: &'static str) -> Fault {
    Fault::new(Code::InvalidRequest, text)
}

/// Where the answer to a request goes: what of it had to be right before anything is sent there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The redirect URI.
    pub redirect_uri: Arc<str>,
    /// Whether the request named it; then the token request must, too (RFC 6749 4.1.3).
    pub named: bool,
    /// The client's `state`, unless it is longer than any that comes back.
    pub state: Option<Arc<str>>,
}

/// The request has no way back: the person is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoWay {
    /// RFC 6749 3.1.2.3: it must be said which of several it shall be.
    #[error("it names no redirect URI")]
    Missing,
    /// RFC 6749 3.1.2.4.
    #[error("its redirect URI is not one that the client registered")]
    Unknown,
}

/// A sound request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where its answer goes.
    pub way: Way,
    /// What it asks for.
    pub scopes: Scopes,
    /// For whom the tokens shall be (RFC 8707).
    pub resources: Vec<Arc<str>>,
    /// What the client must prove to have known.
    pub challenge: Challenge,
    /// The thumbprint of the key that the code is for (RFC 9449 10).
    pub dpop_jkt: Option<Arc<str>>,
    /// For the ID token.
    pub nonce: Option<Arc<str>>,
    /// How long ago the person may have signed in.
    pub max_age: Option<Duration>,
    /// What must happen before.
    pub prompt: Prompt,
    /// Whom the client expects, as it may be typed.
    pub login_hint: Option<Arc<str>>,
    /// Whom the client expects: an earlier ID token.
    pub id_token_hint: Option<Arc<str>>,
}

impl Request {
    /// Whether it is a request of OpenID Connect.
    pub fn is_openid(&self) -> bool {
        self.scopes.has(oidc::OPENID)
    }
}

impl Way {
    /// Where the answer goes.
    ///
    /// # Errors
    /// When that is not certain.
    pub fn of(parameters: &Parameters, asker: &Asker<'_>) -> Result<Self, NoWay> {
        let state = parameters.get("state").filter(|state| state.len() <= LONGEST_STATE).map(Arc::from);
        let Some(presented) = parameters.get("redirect_uri") else {
            let [only] = asker.redirect_uris else { return Err(NoWay::Missing) };
            return Ok(Self { redirect_uri: only.as_str().into(), named: false, state });
        };
        if !asker.redirect_uris.iter().any(|own| own.admits(presented, asker.native)) {
            return Err(NoWay::Unknown);
        }
        Ok(Self { redirect_uri: presented.into(), named: true, state })
    }

    /// Reads the rest of the request.
    ///
    /// # Errors
    /// What the client is told.
    pub fn read(self, parameters: &Parameters, asker: &Asker<'_>) -> Result<Request, Fault> {
        refuse_objects(parameters)?;
        match parameters.get("response_type") {
            Some("code") => {}
            None => return Err(invalid("response_type is missing")),
            // RFC 9700 2.1.2: no tokens in URLs.
            Some(_) => return Err(Fault::new(Code::UnsupportedResponseType, "the only response_type is code")),
        }
        if !asker.may {
            return Err(Fault::new(Code::UnauthorizedClient, "the client may not use the authorization code grant"));
        }
        if !matches!(parameters.get("response_mode"), None | Some("query")) {
            return Err(invalid("the only response_mode is query"));
        }
        if parameters.get("state").is_some() && self.state.is_none() {
            return Err(invalid("state is too long"));
        }
        let challenge = Challenge::parse(parameters.get("code_challenge"), parameters.get("code_challenge_method"))
            .map_err(|bad| invalid(challenge_text(bad)))?;
        let (scopes, way) = (scopes(parameters, asker)?, self);
        let target = |_| Fault::new(Code::InvalidTarget, "resource must be an absolute URI without a fragment");
        let resources = rfc8707::parse(parameters.all(rfc8707::PARAMETER)).map_err(target)?;
        let text = |name: &str| parameters.get(name).map(Arc::from);
        // Core 3.1.2.1: a request without `openid` is none of OpenID Connect, but these are known to OAuth 2 as well.
        let nonce = parameters.get("nonce").map(oidc::nonce).transpose().map_err(invalid)?.map(Arc::from);
        let max_age = parameters.get("max_age").map(oidc::max_age).transpose().map_err(invalid)?;
        let prompt = parameters.get("prompt").map(Prompt::parse).transpose().map_err(invalid)?.unwrap_or_default();
        let dpop_jkt = parameters.get("dpop_jkt").map(thumbprint).transpose()?;
        let (login_hint, id_token_hint) = (text("login_hint"), text("id_token_hint"));
        Ok(Request { way, scopes, resources, challenge, dpop_jkt, nonce, max_age, prompt, login_hint, id_token_hint })
    }
}

/// RFC 9101 5 and Core 6: request objects are not taken, and pushed requests were read before.
fn refuse_objects(parameters: &Parameters) -> Result<(), Fault> {
    for (name, code) in [
        ("request", Code::RequestNotSupported),
        ("request_uri", Code::RequestUriNotSupported),
        ("registration", Code::RegistrationNotSupported),
    ] {
        if parameters.get(name).is_some() {
            return Err(Fault::new(code, "request objects are not supported: push the request instead"));
        }
    }
    Ok(())
}

fn scopes(parameters: &Parameters, asker: &Asker<'_>) -> Result<Scopes, Fault> {
    let refused = |text| Fault::new(Code::InvalidScope, text);
    let asked = match parameters.get("scope") {
        Some(text) => Scopes::parse(text).map_err(|_| refused("scope is malformed"))?,
        None => asker.default.clone(),
    };
    if asked.is_empty() {
        return Err(refused("scope is missing"));
    }
    if !asker.scopes.covers(&asked) {
        return Err(refused("scope has a value that the client may not ask for"));
    }
    Ok(asked)
}

/// RFC 9449 10: the SHA-256 thumbprint of a key in base64url.
fn thumbprint(text: &str) -> Result<Arc<str>, Fault> {
    match URL_SAFE_NO_PAD.decode(text) {
        Ok(bytes) if bytes.len() == 32 => Ok(text.into()),
        _ => Err(invalid("dpop_jkt is no SHA-256 thumbprint")),
    }
}

fn challenge_text(bad: crate::rfc7636::BadChallenge) -> &'static str {
    use crate::rfc7636::BadChallenge;
    match bad {
        BadChallenge::Missing => "code_challenge is missing",
        BadChallenge::Method => "code_challenge_method must be S256",
        BadChallenge::Form => "code_challenge is not the SHA-256 of a verifier in base64url without padding",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: &str = "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

    struct Client {
        redirect_uris: Vec<RedirectUri>,
        scopes: Scopes,
        default: Scopes,
    }

    fn client(uris: &[&str]) -> Client {
        Client {
            redirect_uris: uris.iter().map(|uri| RedirectUri::parse(uri).unwrap()).collect(),
            scopes: Scopes::parse("openid orders").unwrap(),
            default: Scopes::parse("orders").unwrap(),
        }
    }

    impl Client {
        fn asker(&self) -> Asker<'_> {
            Asker { redirect_uris: &self.redirect_uris, native: false, may: true, scopes: &self.scopes, default: &self.default }
        }

        fn read(&self, query: &str) -> Result<Request, Fault> {
            let parameters = Parameters::parse(query).unwrap();
            Way::of(&parameters, &self.asker()).unwrap().read(&parameters, &self.asker())
        }
    }

    fn code(read: Result<Request, Fault>) -> &'static str {
        read.unwrap_err().code.as_str()
    }

    #[test]
    fn a_browser_is_sent_only_to_a_registered_redirect_uri() {
        let two = client(&["https://app.example.com/cb", "https://app.example.com/other"]);
        let way = |query: &str| Way::of(&Parameters::parse(query).unwrap(), &two.asker());
        assert_eq!(way("state=x"), Err(NoWay::Missing));
        assert_eq!(way("redirect_uri="), Err(NoWay::Missing));
        assert_eq!(way("redirect_uri=https://evil.example/cb&state=x"), Err(NoWay::Unknown));
        let known = way("redirect_uri=https://app.example.com/other&state=x").unwrap();
        assert_eq!(
            (&*known.redirect_uri, known.named, known.state.as_deref()),
            ("https://app.example.com/other", true, Some("x"))
        );
        let one = client(&["https://app.example.com/cb"]);
        let left_out = Way::of(&Parameters::default(), &one.asker()).unwrap();
        assert_eq!((&*left_out.redirect_uri, left_out.named), ("https://app.example.com/cb", false));
        let none = client(&[]);
        assert_eq!(Way::of(&Parameters::default(), &none.asker()), Err(NoWay::Missing));
    }

    #[test]
    fn the_only_response_type_is_code() {
        let client = client(&["https://app.example.com/cb"]);
        assert_eq!(code(client.read(CHALLENGE)), "invalid_request");
        for other in ["token", "id_token", "code+token", "code+id_token", "none", "Code"] {
            assert_eq!(code(client.read(&format!("response_type={other}&{CHALLENGE}"))), "unsupported_response_type");
        }
        assert_eq!(code(client.read(&format!("response_type=code&response_mode=fragment&{CHALLENGE}"))), "invalid_request");
        let read = client.read(&format!("response_type=code&response_mode=query&{CHALLENGE}")).unwrap();
        assert_eq!((read.scopes.to_string(), read.is_openid()), ("orders".into(), false));
    }

    #[test]
    fn a_request_without_s256_is_refused() {
        let client = client(&["https://app.example.com/cb"]);
        let plain = CHALLENGE.replace("S256", "plain");
        for query in ["response_type=code", &format!("response_type=code&{plain}")] {
            assert_eq!(code(client.read(query)), "invalid_request");
        }
    }

    #[test]
    fn request_objects_are_refused_by_name() {
        let client = client(&["https://app.example.com/cb"]);
        let with = |more: &str| code(client.read(&format!("response_type=code&{CHALLENGE}&{more}")));
        assert_eq!(with("request=eyJhbGciOiJub25lIn0.e30."), "request_not_supported");
        assert_eq!(with("request_uri=https://evil.example/r"), "request_uri_not_supported");
        assert_eq!(with("registration=%7B%7D"), "registration_not_supported");
    }

    #[test]
    fn a_client_gets_no_scope_that_it_may_not_ask_for() {
        let client = client(&["https://app.example.com/cb"]);
        let with = |more: &str| client.read(&format!("response_type=code&{CHALLENGE}&{more}"));
        assert_eq!(code(with("scope=orders+admin")), "invalid_scope");
        assert_eq!(code(with("scope=orders++openid")), "invalid_scope");
        assert!(with("scope=openid+orders").unwrap().is_openid());
        assert_eq!(code(with("resource=not-a-uri")), "invalid_target");
        let refused = Asker { may: false, ..client.asker() };
        let parameters = Parameters::parse(&format!("response_type=code&{CHALLENGE}")).unwrap();
        assert_eq!(code(Way::of(&parameters, &refused).unwrap().read(&parameters, &refused)), "unauthorized_client");
        let mute = Asker { default: &Scopes::default(), ..client.asker() };
        assert_eq!(code(Way::of(&parameters, &mute).unwrap().read(&parameters, &mute)), "invalid_scope");
    }

    #[test]
    fn what_openid_connect_asks_is_read_strictly() {
        let client = client(&["https://app.example.com/cb"]);
        let with = |more: &str| client.read(&format!("response_type=code&scope=openid&{CHALLENGE}&{more}"));
        let read = with("nonce=n&max_age=60&prompt=login&login_hint=anna&id_token_hint=a.b.c").unwrap();
        assert_eq!((read.nonce.as_deref(), read.max_age), (Some("n"), Some(Duration::from_secs(60))));
        assert!(read.prompt.login && read.login_hint.as_deref() == Some("anna") && read.id_token_hint.is_some());
        let long = "x".repeat(2000);
        for bad in ["max_age=soon", "prompt=none+login", "dpop_jkt=short", &format!("nonce={long}"), &format!("state={long}")] {
            assert_eq!(code(with(bad)), "invalid_request", "{bad}");
        }
    }

    #[test]
    fn descriptions_are_plain() {
        // RFC 6749 4.1.2.1: %x20-21 / %x23-5B / %x5D-7E.
        let fault = refuse_objects(&Parameters::parse("request=x").unwrap()).unwrap_err();
        assert!(fault.text.bytes().all(|b| matches!(b, 0x20..=0x7e) && b != b'"' && b != b'\\'));
    }
}
