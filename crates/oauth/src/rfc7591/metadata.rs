//! What a client says of itself (RFC 7591 2). What is not known here is left out, as section 2 wants; what is known, and cannot be
//! kept, is refused, so that no client believes to be safer than it is.

use super::Refused;
use crate::{
    Provider,
    rfc6749::{RedirectUri, Scopes},
};
use doorward_core::{
    name,
    oauth::Registration,
    ports::{ClientMethod, Grant},
};
use doorward_crypto::jwt::KeySet;
use serde_json::{Map, Value};
use std::sync::Arc;
use url::Url;

/// How many URIs of one kind a client may have.
const MOST_URIS: usize = 20;
/// The longest name that people are to read, in characters.
const LONGEST_NAME: usize = 100;
/// What people could be led to. None of it is shown or fetched, and none of it may be a script either.
const LINKS: [&str; 4] = ["client_uri", "logo_uri", "policy_uri", "tos_uri"];
/// RFC 9126 6.
const PUSHED: &str = "require_pushed_authorization_requests";
/// Promises that are not kept here for a single client.
const UNKEPT: [&str; 3] = ["dpop_bound_access_tokens", PUSHED, "require_signed_request_object"];

/// What a client may be, as it asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// What people read.
    pub name: Option<Arc<str>>,
    /// How it proves that it is itself.
    pub method: ClientMethod,
    /// Its public keys.
    pub jwks: Option<Arc<str>>,
    /// Whether its tokens are bound to a certificate.
    pub certificate_bound: bool,
    /// Where codes may be sent.
    pub redirect_uris: Vec<Arc<str>>,
    /// Where a browser may go after signing out.
    pub post_logout_redirect_uris: Vec<Arc<str>>,
    /// Its ways to tokens.
    pub grants: Vec<Grant>,
    /// What it may ask for.
    pub scopes: Vec<Arc<str>>,
}

impl Metadata {
    /// Reads what a client sent. `scopes` are those that its initial access token allows.
    ///
    /// # Errors
    /// When it is no such document, or asks for what it may not have.
    pub fn parse(provider: &Provider<'_>, rules: &Registration, scopes: &[Arc<str>], body: &[u8]) -> Result<Self, Refused> {
        let Ok(Value::Object(said)) = serde_json::from_slice(body) else { return Err(metadata("The body is no JSON object.")) };
        let said = Said(said);
        said.no_links_of_another_kind()?;
        said.nothing_that_is_not_kept(provider)?;
        let method = said.method()?;
        let grants = said.grants(rules, method)?;
        let redirect_uris = said.uris("redirect_uris", |why| Refused::Redirect(why.into()))?;
        if grants.contains(&Grant::AuthorizationCode) && redirect_uris.is_empty() {
            return Err(Refused::Redirect("redirect_uris is missing, and authorization_code needs it.".into()));
        }
        let certificate_bound = said.flag("tls_client_certificate_bound_access_tokens")?;
        if certificate_bound && provider.settings.mtls.is_none() {
            return Err(metadata("Certificates of clients are not looked at here."));
        }
        Ok(Self {
            name: said.name()?,
            method,
            jwks: said.jwks(method)?,
            certificate_bound,
            redirect_uris,
            post_logout_redirect_uris: said.uris("post_logout_redirect_uris", metadata)?,
            grants,
            scopes: said.scopes(provider, scopes)?,
        })
    }
}

fn metadata(why: impl Into<std::borrow::Cow<'static, str>>) -> Refused {
    Refused::Metadata(why.into())
}

/// The document. A member that is null is not there.
struct Said(Map<String, Value>);

impl Said {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &'static str) -> Result<Option<&str>, Refused> {
        let wrong = || metadata(format!("{name} is no text."));
        self.get(name).map(|value| value.as_str().ok_or_else(wrong)).transpose()
    }

    fn flag(&self, name: &'static str) -> Result<bool, Refused> {
        let wrong = || metadata(format!("{name} is neither true nor false."));
        self.get(name).map_or(Ok(false), |value| value.as_bool().ok_or_else(wrong))
    }

    fn texts(&self, name: &'static str) -> Result<Option<Vec<&str>>, Refused> {
        let wrong = || metadata(format!("{name} is no list of texts."));
        let Some(value) = self.get(name) else { return Ok(None) };
        let list = value.as_array().ok_or_else(wrong)?;
        list.iter().map(|one| one.as_str().ok_or_else(wrong)).collect::<Result<_, _>>().map(Some)
    }

    /// Section 2: "the value of this field MUST point to a valid web page". `javascript:` and `data:` point to none.
    fn no_links_of_another_kind(&self) -> Result<(), Refused> {
        for name in LINKS {
            let Some(text) = self.text(name)? else { continue };
            if !Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.has_host()) {
                return Err(metadata(format!("{name} is no https URL.")));
            }
        }
        Ok(())
    }

    fn nothing_that_is_not_kept(&self, provider: &Provider<'_>) -> Result<(), Refused> {
        for name in UNKEPT {
            // What is demanded of everybody is kept for one, too.
            let kept = name == PUSHED && provider.settings.require_pushed;
            if self.flag(name)? && !kept {
                return Err(metadata(format!("{name} cannot be kept for one client.")));
            }
        }
        if self.get("jwks_uri").is_some() {
            return Err(metadata("jwks_uri is not fetched: send the keys as jwks."));
        }
        if self.text("subject_type")?.is_some_and(|kind| kind != "public") {
            return Err(metadata("subject_type is public here."));
        }
        let algorithm = self.text("id_token_signed_response_alg")?;
        if algorithm.is_some_and(|name| !provider.auth.tokens().oauth_algorithms().contains(&name)) {
            return Err(metadata("ID tokens are not signed with id_token_signed_response_alg here."));
        }
        Ok(())
    }

    /// Which certificate a client may have is for the operator to say, so `tls_client_auth` is none of them.
    fn method(&self) -> Result<ClientMethod, Refused> {
        const KNOWN: [ClientMethod; 4] =
            [ClientMethod::None, ClientMethod::SecretBasic, ClientMethod::SecretPost, ClientMethod::PrivateKeyJwt];
        let Some(word) = self.text("token_endpoint_auth_method")? else { return Ok(ClientMethod::SecretBasic) };
        let known = ClientMethod::parse(word).filter(|method| KNOWN.contains(method));
        known.ok_or_else(|| metadata("token_endpoint_auth_method is none that a client can register with here."))
    }

    fn grants(&self, rules: &Registration, method: ClientMethod) -> Result<Vec<Grant>, Refused> {
        let words = self.texts("grant_types")?.unwrap_or_else(|| vec![Grant::AuthorizationCode.as_str()]);
        let mut grants = Vec::new();
        for word in words {
            let grant = Grant::parse(word).filter(|grant| rules.grants.contains(grant));
            let grant = grant.ok_or_else(|| metadata("grant_types names one that a client cannot register with here."))?;
            if !grants.contains(&grant) {
                grants.push(grant);
            }
        }
        if grants.iter().all(|grant| *grant == Grant::RefreshToken) {
            return Err(metadata("grant_types names no way to a first token."));
        }
        if method == ClientMethod::None && grants.contains(&Grant::ClientCredentials) {
            return Err(metadata("A public client has no client_credentials."));
        }
        // Section 2.1: both must agree.
        let code = grants.contains(&Grant::AuthorizationCode);
        match self.texts("response_types")?.as_deref() {
            None => Ok(grants),
            Some(["code"]) if code => Ok(grants),
            Some([]) if !code => Ok(grants),
            Some(_) => Err(metadata("response_types does not fit grant_types: there is only code, for authorization_code.")),
        }
    }

    fn uris(&self, name: &'static str, refused: impl Fn(String) -> Refused) -> Result<Vec<Arc<str>>, Refused> {
        let mut all: Vec<Arc<str>> = Vec::new();
        let texts = self.texts(name)?.unwrap_or_default();
        if texts.len() > MOST_URIS {
            return Err(refused(format!("{name} has more than {MOST_URIS}.")));
        }
        for (at, text) in texts.into_iter().enumerate() {
            // What the text was is not repeated: it may be anything.
            let uri = RedirectUri::parse(text).map_err(|bad| match bad {
                crate::rfc6749::BadRedirect::Spelling(_) => {
                    refused(format!("{name}, number {}: browsers write it otherwise.", at + 1))
                }
                bad => refused(format!("{name}, number {}: {bad}.", at + 1)),
            })?;
            if !all.iter().any(|own| **own == *uri.as_str()) {
                all.push(uri.as_str().into());
            }
        }
        Ok(all)
    }

    fn name(&self) -> Result<Option<Arc<str>>, Refused> {
        let Some(text) = self.text("client_name")? else { return Ok(None) };
        if text.chars().count() > LONGEST_NAME {
            return Err(metadata("client_name is too long."));
        }
        match name::flaw(text) {
            Some(flaw) => Err(metadata(format!("A client_name {flaw}."))),
            None => Ok(Some(text.into())),
        }
    }

    fn jwks(&self, method: ClientMethod) -> Result<Option<Arc<str>>, Refused> {
        let jwks = match (self.get("jwks"), method) {
            (Some(jwks), ClientMethod::PrivateKeyJwt) => jwks.to_string(),
            (None, ClientMethod::PrivateKeyJwt) => return Err(metadata("private_key_jwt needs jwks.")),
            (Some(_), _) => return Err(metadata("jwks is for private_key_jwt.")),
            (None, _) => return Ok(None),
        };
        match KeySet::parse(jwks.as_bytes()) {
            Ok(set) if !set.keys.is_empty() && set.others.is_empty() => Ok(Some(jwks.into())),
            _ => Err(metadata("jwks holds something that is no public key of a kind that is known here.")),
        }
    }

    fn scopes(&self, provider: &Provider<'_>, allowed: &[Arc<str>]) -> Result<Vec<Arc<str>>, Refused> {
        let may = |name: &str| allowed.iter().any(|own| **own == *name) && provider.settings.scope(name).is_some();
        let Some(text) = self.text("scope")? else {
            return Ok(allowed.iter().filter(|name| may(name)).cloned().collect());
        };
        let asked = Scopes::parse(text).map_err(|_| metadata("scope cannot be read."))?;
        match asked.iter().all(may) {
            true => Ok(asked.names().to_vec()),
            false => Err(metadata("scope names one that the initial access token does not allow.")),
        }
    }
}
