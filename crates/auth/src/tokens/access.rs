//! Access tokens (OAuth 2), whoever issued them: our own authorization server, or another one that is configured.

use super::{Fault, LiveToken, Tokens, WebError, web::refused};
use doorward_core::{policy::Directory, possession::Bound};
use doorward_crypto::jwt;
use std::{net::IpAddr, sync::Arc};

/// What makes a token one for access, and what it is good for.
#[derive(Clone, Copy, Debug)]
pub struct AccessProfile {
    /// Its `typ`: no other, and not none.
    pub typ: &'static str,
    /// Reads its scopes; the claims were verified.
    ///
    /// # Errors
    /// What is wrong, for the operator.
    pub scopes: fn(&jwt::Claims) -> Result<Vec<Arc<str>>, &'static str>,
    /// Reads what it is bound to; whoever finds the token has to ask for that.
    ///
    /// # Errors
    /// What is wrong, for the operator.
    pub bound: fn(&jwt::Claims) -> Result<Bound, &'static str>,
    /// The same of what a server says that was asked about an opaque one.
    ///
    /// # Errors
    /// What is wrong, for the operator.
    pub introspected: fn(&jwt::Claims) -> Result<Vec<Arc<str>>, &'static str>,
}

/// Our own authorization server, as it issues tokens.
#[derive(Clone, Copy, Debug)]
pub struct OwnIssuer<'a> {
    /// Its `iss`.
    pub issuer: &'a str,
    /// What its tokens are usually for.
    pub audience: &'a Arc<str>,
}

/// What an access token must be under one firewall.
#[derive(Clone, Copy, Debug)]
pub struct AccessAsked<'a> {
    /// The directories whose accounts are asked about, in order.
    pub directories: &'a [Arc<Directory>],
    /// What makes it one for access.
    pub profile: &'a AccessProfile,
    /// Our own authorization server, where there is one.
    pub own: Option<OwnIssuer<'a>>,
    /// One of these must be in `aud`, besides what its issuer is believed about. Empty: what our own tokens are usually for,
    /// and what the issuer's settings say of others.
    pub audience: &'a [Arc<str>],
    /// Where the request comes from, as far as that may be believed: another server is asked so often for each network. What is
    /// found does not depend on it.
    pub client: IpAddr,
}

/// What scopes are roles of: `ROLE_OAUTH2_DEFAULT` is that of the scope `default` (ibexa-rest 5.1).
pub const SCOPE_ROLE: &str = "ROLE_OAUTH2_";

/// The roles that scopes are.
pub(super) fn roles_of(scopes: &[Arc<str>]) -> Vec<Arc<str>> {
    scopes.iter().map(|scope| format!("{SCOPE_ROLE}{}", scope.to_ascii_uppercase()).into()).collect()
}

impl Tokens {
    /// Whose access token it is, of the accounts of these directories. Those of our own authorization server count, and those
    /// of other issuers.
    ///
    /// # Errors
    /// When it is nobody's, or it cannot be known.
    pub async fn find_access(&self, token: &str, asked: &AccessAsked<'_>) -> Result<Arc<LiveToken>, WebError> {
        let ask = async {
            if let Some(answer) = self.ask_own(token, asked).await {
                return answer;
            }
            if let Some(answer) = self.ask_foreign(token, asked.directories, Some(asked)).await {
                return answer;
            }
            // Whatever names no issuer that is known here is a matter of whoever may be asked.
            let nobody = Err(refused("no issuer that is configured made it", Fault::Invalid));
            self.ask_introspection(token, asked).await.unwrap_or(nobody)
        };
        let own = asked.own.map_or([""; 2], |own| [own.issuer, &**own.audience]);
        let server = self.introspection_key(asked);
        // None of them is empty, so each list ends where it ends.
        let names = asked.directories.iter().map(|directory| &*directory.name).chain([""]);
        let asking = server.iter().map(|part| &**part);
        let question =
            ["access"].into_iter().chain(own).chain(asking).chain(names).chain(asked.audience.iter().map(|place| &**place));
        self.find_remembered(token, question, ask).await
    }
}
