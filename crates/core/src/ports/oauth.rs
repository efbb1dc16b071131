//! Memory for the clients of the authorization server, and for what may be used once.

use super::{StoreError, TokenKey};
use crate::Time;
use async_trait::async_trait;
use std::{fmt, sync::Arc};

/// How a client proves that it is itself (RFC 7591 2, `token_endpoint_auth_method`). A client has exactly one method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientMethod {
    /// Not at all: a public client, such as an app in somebody's hand.
    None,
    /// Its secret in `Authorization: Basic` (RFC 6749 2.3.1).
    SecretBasic,
    /// Its secret in the body (RFC 6749 2.3.1).
    SecretPost,
    /// A token that its own key signed (RFC 7523).
    PrivateKeyJwt,
    /// Its TLS certificate (RFC 8705 2.1).
    TlsClientAuth,
}

impl ClientMethod {
    /// All of them.
    pub const ALL: [ClientMethod; 5] = [
        ClientMethod::None,
        ClientMethod::SecretBasic,
        ClientMethod::SecretPost,
        ClientMethod::PrivateKeyJwt,
        ClientMethod::TlsClientAuth,
    ];

    /// The word of the registry (RFC 8414 2); stable.
    pub fn as_str(self) -> &'static str {
        match self {
            ClientMethod::None => "none",
            ClientMethod::SecretBasic => "client_secret_basic",
            ClientMethod::SecretPost => "client_secret_post",
            ClientMethod::PrivateKeyJwt => "private_key_jwt",
            ClientMethod::TlsClientAuth => "tls_client_auth",
        }
    }

    /// The method of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == word)
    }

    /// Whether it is by a secret.
    pub fn is_by_secret(self) -> bool {
        matches!(self, ClientMethod::SecretBasic | ClientMethod::SecretPost)
    }
}

/// The way to a token. There is neither the implicit nor the password grant (RFC 9700 2.1.2, 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grant {
    /// A code that a person's browser brought (RFC 6749 4.1).
    AuthorizationCode,
    /// The client for itself (RFC 6749 4.4).
    ClientCredentials,
    /// A refresh token (RFC 6749 6).
    RefreshToken,
    /// A code that a person typed elsewhere (RFC 8628).
    DeviceCode,
}

impl Grant {
    /// All of them.
    pub const ALL: [Grant; 4] = [Grant::AuthorizationCode, Grant::ClientCredentials, Grant::RefreshToken, Grant::DeviceCode];

    /// `grant_type`; stable.
    pub fn as_str(self) -> &'static str {
        match self {
            Grant::AuthorizationCode => "authorization_code",
            Grant::ClientCredentials => "client_credentials",
            Grant::RefreshToken => "refresh_token",
            Grant::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
        }
    }

    /// The grant of this `grant_type`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == word)
    }
}

/// A program that asks for tokens (RFC 6749 2).
#[derive(Clone, PartialEq, Eq)]
pub struct Client {
    /// `client_id`: letters, digits, `-`, `_` and `.` ([`Client::is_id`]), so that it is never taken for a person's `sub`.
    pub id: Arc<str>,
    /// What people read.
    pub name: Arc<str>,
    /// How it proves that it is itself.
    pub method: ClientMethod,
    /// The hash of its secret, where it has one.
    pub secret: Option<Arc<str>>,
    /// Its public keys as a JWK set, for [`ClientMethod::PrivateKeyJwt`].
    pub jwks: Option<Arc<str>>,
    /// The name of its certificate ([`crate::certificate::CertificateName`]), for [`ClientMethod::TlsClientAuth`].
    pub certificate: Option<Arc<str>>,
    /// Whether its tokens are bound to the certificate that it shows (RFC 8705 3).
    pub certificate_bound: bool,
    /// Where codes may be sent; compared letter for letter.
    pub redirect_uris: Vec<Arc<str>>,
    /// Where a browser may go after signing out.
    pub post_logout_redirect_uris: Vec<Arc<str>>,
    /// By which ways it may get tokens.
    pub grants: Vec<Grant>,
    /// Which scopes it may ask for.
    pub scopes: Vec<Arc<str>>,
    /// Which places it serves: it may know what tokens for them say (RFC 7662).
    pub resources: Vec<Arc<str>>,
    /// The id of the token by which it registered itself (RFC 7591): nobody has looked at what it says of itself. `None` was made
    /// by an operator.
    pub registered: Option<Arc<str>>,
    /// Whether it may do anything.
    pub enabled: bool,
    /// Access tokens that were issued to it up to this moment no longer count.
    pub tokens_not_before: Time,
    /// When it was made.
    pub created: Time,
    /// When it last changed.
    pub updated: Time,
}

impl Client {
    /// Whether it cannot keep a secret (RFC 6749 2.1).
    pub fn is_public(&self) -> bool {
        self.method == ClientMethod::None
    }

    /// Whether it may use this grant.
    pub fn may(&self, grant: Grant) -> bool {
        self.grants.contains(&grant)
    }

    /// Whether a token that was issued then still counts, as far as the client is concerned.
    pub fn upholds(&self, issued: Time) -> bool {
        self.enabled && issued > self.tokens_not_before
    }

    /// Whether `text` may be a client's id: 1 to 128 letters, digits, `-`, `_` and `.`, and the first is a letter or a digit.
    pub fn is_id(text: &str) -> bool {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        text.len() <= 128 && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.bytes().all(plain)
    }
}

/// Without the hash of the secret.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .field("method", &self.method.as_str())
            .field("grants", &self.grants)
            .field("scopes", &self.scopes)
            .field("redirect_uris", &self.redirect_uris)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

/// What is to be different about a client; `None` stays as it is.
#[derive(Clone, Default)]
pub struct ClientChange {
    /// Another name.
    pub name: Option<Arc<str>>,
    /// The hash of another secret; the one before counts no more.
    pub secret: Option<Arc<str>>,
    /// Other public keys.
    pub jwks: Option<Arc<str>>,
    /// Another name of its certificate.
    pub certificate: Option<Arc<str>>,
    /// Whether its tokens are bound to its certificate.
    pub certificate_bound: Option<bool>,
    /// Other places for codes, all of them.
    pub redirect_uris: Option<Vec<Arc<str>>>,
    /// Other places after signing out, all of them.
    pub post_logout_redirect_uris: Option<Vec<Arc<str>>>,
    /// Other grants, all of them.
    pub grants: Option<Vec<Grant>>,
    /// Other scopes, all of them.
    pub scopes: Option<Vec<Arc<str>>>,
    /// Other places that it serves, all of them.
    pub resources: Option<Vec<Arc<str>>>,
    /// Whether it may do anything. Access tokens end when it may not.
    pub enabled: Option<bool>,
    /// Access tokens that were issued up to now end.
    pub end_tokens: bool,
}

/// What lets a program register itself as a client (RFC 7591 3, an initial access token).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationToken {
    /// Its name for operators. It is no secret.
    pub id: Arc<str>,
    /// Its hash.
    pub key: TokenKey,
    /// What it is for.
    pub name: Arc<str>,
    /// What its clients may ask for.
    pub scopes: Vec<Arc<str>>,
    /// For how many more clients it is good.
    pub left: u32,
    /// When it was made.
    pub created: Time,
    /// From when on it counts no more.
    pub expires: Time,
}

/// What became of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registering {
    /// The client is there, and the token good for one less.
    Done,
    /// There is no such token, or none any more.
    Never,
    /// As many have registered as may.
    Full,
}

/// What something that may be used once is good for: the same value may be spent once for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpentUse {
    /// The `jti` of a client's signed assertion (RFC 7523 3).
    ClientAssertion,
    /// The `jti` of a proof of possession (RFC 9449 11.1).
    DpopProof,
    /// A sign-in at a provider, which is answered once.
    Journey,
    /// The `jti` of a provider's word that sessions ended (OpenID Connect Back-Channel Logout 1.0, 2.6).
    LogoutToken,
}

impl SpentUse {
    /// One word for stores; stable.
    pub fn as_str(self) -> &'static str {
        match self {
            SpentUse::ClientAssertion => "client_assertion",
            SpentUse::DpopProof => "dpop_proof",
            SpentUse::Journey => "journey",
            SpentUse::LogoutToken => "logout_token",
        }
    }
}

/// The part of the store that knows clients. What it acknowledges survives `kill -9` and power loss, and is a
/// [`super::Changed::Client`].
#[async_trait]
pub trait ClientStore: Send + Sync {
    /// Makes a client. It fails with [`StoreError::Exists`] when there is one of its id.
    async fn add_client(&self, client: &Client) -> Result<(), StoreError>;
    /// The client of this id, letter for letter.
    async fn client(&self, id: &str) -> Result<Option<Client>, StoreError>;
    /// All clients by id.
    async fn clients(&self) -> Result<Vec<Client>, StoreError>;
    /// Changes a client and returns what it is now. It fails with [`StoreError::Missing`].
    async fn change_client(&self, id: &str, change: ClientChange, now: Time) -> Result<Client, StoreError>;
    /// Deletes a client. It fails with [`StoreError::Missing`].
    async fn delete_client(&self, id: &str) -> Result<(), StoreError>;

    /// Stores a token for registrations.
    async fn add_registration_token(&self, token: &RegistrationToken) -> Result<(), StoreError>;
    /// All of them, used up or not, oldest first.
    async fn registration_tokens(&self) -> Result<Vec<RegistrationToken>, StoreError>;
    /// One that counts now.
    async fn registration_token(&self, key: &TokenKey, now: Time) -> Result<Option<RegistrationToken>, StoreError>;
    /// Deletes one by its id. It fails with [`StoreError::Missing`].
    async fn delete_registration_token(&self, id: &str) -> Result<(), StoreError>;
    /// Makes a client by such a token, if no more than `most` have registered before: of all that bring it at the same time, as
    /// many succeed as it is good for.
    async fn register_client(&self, client: &Client, token: &TokenKey, most: u64, now: Time) -> Result<Registering, StoreError>;

    /// Uses up what may be used once, until `until`; whether this was the first use, and of all that ask at the same time
    /// exactly one is. `key` is a SHA-256.
    async fn spend(&self, usage: SpentUse, key: &[u8; 32], until: Time, now: Time) -> Result<bool, StoreError>;
    /// An access token ends before its time (RFC 7009): `key` is the SHA-256 of its `jti`, and `until` when it would have
    /// ended. A [`super::Changed::AccessToken`].
    async fn revoke_access_token(&self, key: &TokenKey, until: Time) -> Result<(), StoreError>;
    /// Whether it was ended so.
    async fn access_token_is_revoked(&self, key: &TokenKey) -> Result<bool, StoreError>;
    /// Forgets what was spent and revoked until before `now`; how much that was.
    async fn purge_spent(&self, now: Time) -> Result<u64, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        assert!(Grant::ALL.into_iter().all(|grant| Grant::parse(grant.as_str()) == Some(grant)));
        assert!(ClientMethod::ALL.into_iter().all(|method| ClientMethod::parse(method.as_str()) == Some(method)));
        assert!(["password", "implicit", "", "Client_Credentials"].into_iter().all(|word| Grant::parse(word).is_none()));
    }

    #[test]
    fn an_id_is_never_like_the_sub_of_a_person() {
        for id in ["shop", "a", "0af1-x_y.z", &"x".repeat(128)] {
            assert!(Client::is_id(id), "{id}");
        }
        for no in ["", "customer/42", "-x", ".x", "a b", "a:b", "ä", "a\n", &"x".repeat(129)] {
            assert!(!Client::is_id(no), "{no:?}");
        }
    }
}
