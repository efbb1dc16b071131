//! What is said of other servers that vouch for people, and of being one.

use super::Secrets;
use doorward_core::{ports::RemoteUrl, upstream_identity::SharedKey};
use doorward_crypto::jwt::Algorithm;
use doorward_tls::Authorities;
use std::{sync::Arc, time::Duration};

/// Another server whose JSON Web Tokens count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// `iss`.
    pub issuer: Arc<str>,
    /// Its keys.
    pub keys: IssuerKeys,
    /// One of them must be in `aud`; never empty.
    pub audience: Vec<Arc<str>>,
    /// The directory whose accounts it vouches for.
    pub directory: Arc<str>,
    /// Whose a token is.
    pub user: IssuerUser,
    /// The claim that `roles` maps.
    pub roles_claim: Option<Vec<Box<str>>>,
    /// Roles by what stands there.
    pub roles: Vec<(Box<str>, Vec<Arc<str>>)>,
    /// Keys of other algorithms do not count.
    pub algorithms: Vec<Algorithm>,
    /// What `typ` may be.
    pub types: Vec<Box<str>>,
    /// By how much clocks may differ.
    pub leeway: Duration,
}

/// Which account a token of an issuer is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerUser {
    /// That of the login in this claim: names from the outside in.
    Claim(Vec<Box<str>>),
    /// That which `iss` and `sub` together are linked with.
    Linked,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerKeys {
    /// This JWK set, which can be read and has keys that verify.
    Fixed(Arc<str>),
    /// They are fetched.
    Fetched(FetchedKeys),
}

/// How keys are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedKeys {
    /// From where.
    pub url: RemoteUrl,
    /// Who vouches for that server; `None` leaves it to the system's authorities.
    pub authorities: Option<Authorities>,
    /// How often.
    pub refresh: Duration,
    /// How long they count that cannot be fetched again.
    pub stale: Duration,
    /// The pause after a failure, and the least one between two fetches for the sake of an unknown key.
    pub retry: Duration,
}

/// Another server that is asked about opaque access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introspection {
    /// Its name, and `iss` of its answers where they have one.
    pub issuer: Arc<str>,
    /// Where it is asked.
    pub endpoint: RemoteUrl,
    /// Who we are there.
    pub client_id: Arc<str>,
    /// What proves it: one secret.
    pub client_secret: Secrets,
    /// Whether the secret stands in the form (`client_secret_post`), not in a header (`client_secret_basic`).
    pub secret_in_form: bool,
    /// One of them must be in `aud`; never empty.
    pub audience: Vec<Arc<str>>,
    /// The directory whose accounts it vouches for.
    pub directory: Arc<str>,
    /// By what the account is found.
    pub user: IssuerUser,
    /// The claim that `roles` maps.
    pub roles_claim: Option<Vec<Box<str>>>,
    /// Roles by what stands there.
    pub roles: Vec<(Box<str>, Vec<Arc<str>>)>,
    /// Who vouches for it; `None` leaves it to the system's authorities.
    pub authorities: Option<Authorities>,
    /// By how much clocks may differ.
    pub leeway: Duration,
    /// How long it may take to answer.
    pub timeout: Duration,
    /// How long an answer counts.
    pub cache: Duration,
}

/// An OpenID provider at which people sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its name in our paths.
    pub name: Arc<str>,
    /// `iss`.
    pub issuer: Arc<str>,
    /// Who we are there.
    pub client_id: Arc<str>,
    /// What proves it: one secret; `None` is a public client.
    pub client_secret: Option<Secrets>,
    /// What is asked for.
    pub scopes: Vec<Arc<str>>,
    /// The directory that people sign in to.
    pub directory: Arc<str>,
    /// Which account somebody is.
    pub link: LinkBy,
    /// Whom ID tokens may name besides us.
    pub audience: Vec<Arc<str>>,
    /// The claim that `roles` maps.
    pub roles_claim: Option<Vec<Box<str>>>,
    /// Roles by what stands there.
    pub roles: Vec<(Box<str>, Vec<Arc<str>>)>,
    /// Who vouches for it; `None` leaves it to the system's authorities.
    pub authorities: Option<Authorities>,
}

/// Which account somebody is who signed in elsewhere (ibexa-rest 5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkBy {
    /// The linked one.
    Subject,
    /// At first the one with the verified e-mail address.
    Email,
    /// At first a new one, whose login begins so.
    Create(Arc<str>),
}

/// What signs JSON Web Tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// Ed25519, by a key in the store.
    EdDsa,
    /// P-256, by a key in the store.
    Es256,
    /// RSA, by a key in the store.
    Rs256,
    /// HMAC with this secret.
    Hs256(SharedKey),
}

/// The keys of the authorization server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OAuthKeys {
    /// What new ones are.
    pub algorithm: OAuthAlgorithm,
    /// After how long another one signs; `None` never does by itself.
    pub rotation: Option<Duration>,
    /// How long the longest-lived token counts.
    pub longest: Duration,
}

/// What signs the tokens of the authorization server, by a key in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OAuthAlgorithm {
    /// Ed25519.
    EdDsa,
    /// P-256.
    Es256,
    /// RSA.
    Rs256,
}
