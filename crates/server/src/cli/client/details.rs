//! What may be said of a client, and what cannot be said of one.

use crate::cli::{
    terminal::Failure,
    text::{harmless, suggestions},
};
use clap::{Args, ValueEnum};
use doorward_core::{
    OAuth,
    certificate::{CertificateKind, CertificateName},
    ports::{Client, ClientMethod, Grant},
};
use doorward_crypto::jwt::KeySet;
use doorward_oauth::rfc6749::RedirectUri;
use doorward_tls::canonical_subject;
use std::{path::PathBuf, sync::Arc};

/// How long a set of keys may be, in bytes.
const LONGEST_JWKS: usize = 64 << 10;

/// What may be said of a client.
#[derive(Args, Debug)]
pub(crate) struct Details {
    /// What people read [default: the id]
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// Where codes may be sent, letter for letter; may be repeated
    #[arg(long = "redirect-uri", value_name = "URI")]
    pub(super) redirect_uris: Vec<String>,
    /// Where a browser may go after signing out; may be repeated
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    pub(super) post_logout_redirect_uris: Vec<String>,
    /// A way to tokens that it may use; may be repeated [default: authorization_code and refresh_token where there is a
    /// redirect URI, else client_credentials]
    #[arg(long = "grant", value_name = "GRANT", value_enum)]
    pub(super) grants: Vec<GrantName>,
    /// A scope that it may ask for; may be repeated [default: `default_scopes` of `[oauth]`]
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(super) scopes: Vec<String>,
    /// A place that it serves, of `resources` or the audience of `[oauth]`: it may ask what tokens for it say; may be repeated
    #[arg(long = "resource", value_name = "URI")]
    pub(super) resources: Vec<String>,
    /// Its public keys as a JWK set, for private_key_jwt
    #[arg(long, value_name = "FILE")]
    pub(super) jwks: Option<PathBuf>,
    #[command(flatten)]
    pub(super) certificate: CertificateArgs,
    /// Bind its tokens to the certificate that it shows
    #[arg(long)]
    pub(super) certificate_bound: bool,
}

/// The one name that its certificate has, for tls_client_auth.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub(crate) struct CertificateArgs {
    /// The subject of its certificate (RFC 4514), for tls_client_auth
    #[arg(long, value_name = "NAME")]
    tls_subject_dn: Option<String>,
    /// A DNS name of its certificate
    #[arg(long, value_name = "NAME")]
    tls_san_dns: Option<String>,
    /// A URI of its certificate
    #[arg(long, value_name = "URI")]
    tls_san_uri: Option<String>,
    /// An address of its certificate
    #[arg(long, value_name = "ADDRESS")]
    tls_san_ip: Option<String>,
    /// An e-mail address of its certificate
    #[arg(long, value_name = "ADDRESS")]
    tls_san_email: Option<String>,
}

/// How a confidential client proves that it is itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Method {
    /// Its secret in `Authorization: Basic`
    ClientSecretBasic,
    /// Its secret in the body
    ClientSecretPost,
    /// A token that its own key signed
    PrivateKeyJwt,
    /// Its certificate
    TlsClientAuth,
}

impl From<Method> for ClientMethod {
    fn from(method: Method) -> Self {
        match method {
            Method::ClientSecretBasic => ClientMethod::SecretBasic,
            Method::ClientSecretPost => ClientMethod::SecretPost,
            Method::PrivateKeyJwt => ClientMethod::PrivateKeyJwt,
            Method::TlsClientAuth => ClientMethod::TlsClientAuth,
        }
    }
}

/// A way to tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum GrantName {
    /// A code that a person's browser brings
    AuthorizationCode,
    /// The client for itself
    ClientCredentials,
    /// A refresh token
    RefreshToken,
    /// A code that a person types elsewhere
    DeviceCode,
}

impl From<GrantName> for Grant {
    fn from(name: GrantName) -> Self {
        match name {
            GrantName::AuthorizationCode => Grant::AuthorizationCode,
            GrantName::ClientCredentials => Grant::ClientCredentials,
            GrantName::RefreshToken => Grant::RefreshToken,
            GrantName::DeviceCode => Grant::DeviceCode,
        }
    }
}

pub(super) fn usual_grants(details: &Details, method: ClientMethod) -> Vec<Grant> {
    let given: Vec<Grant> = details.grants.iter().copied().map(Grant::from).collect();
    match (given.is_empty(), details.redirect_uris.is_empty(), method) {
        (false, _, _) => given,
        (true, true, ClientMethod::None) => Vec::new(),
        (true, true, _) => vec![Grant::ClientCredentials],
        (true, false, _) => vec![Grant::AuthorizationCode, Grant::RefreshToken],
    }
}

/// What a client cannot be.
pub(super) fn sound(settings: &OAuth, client: &Client) -> Result<(), Failure> {
    if client.jwks.is_some() != (client.method == ClientMethod::PrivateKeyJwt) {
        return Err(Failure::usage("private_key_jwt needs the client's public keys (--jwks), and only that method does"));
    }
    if client.certificate.is_some() != (client.method == ClientMethod::TlsClientAuth) {
        let rule = "tls_client_auth needs a name of the client's certificate (--tls-subject-dn or --tls-san-...), and only that method does";
        return Err(Failure::usage(rule));
    }
    if settings.mtls.is_none() && (client.certificate.is_some() || client.certificate_bound) {
        let rule = "nobody is asked for a certificate: name the place in `mtls_url` of [oauth]";
        return Err(Failure::new(rule));
    }
    if client.is_public() && !client.resources.is_empty() {
        return Err(Failure::usage("a public client proves nothing, so it learns nothing of tokens"));
    }
    if client.grants.is_empty() && client.resources.is_empty() {
        return Err(Failure::usage("the client has no way to a token: give --grant or --redirect-uri"));
    }
    if client.is_public() && client.may(Grant::ClientCredentials) {
        return Err(Failure::usage("a public client proves nothing, so it has no client_credentials"));
    }
    if client.may(Grant::AuthorizationCode) && client.redirect_uris.is_empty() {
        return Err(Failure::usage("authorization_code needs a --redirect-uri"));
    }
    Ok(())
}

pub(super) fn scopes(settings: &OAuth, given: &[String]) -> Result<Vec<Arc<str>>, Failure> {
    let known = |name: &String| match settings.scope(name) {
        Some(scope) => Ok(Arc::clone(&scope.name)),
        None => {
            let near = suggestions(name, settings.scopes.iter().map(|scope| &*scope.name));
            Err(Failure::new(format_args!("[oauth] has no scope {:?}{near}", harmless(name))))
        }
    };
    given.iter().map(known).collect()
}

/// The places that a client may serve: those that tokens may be for.
pub(super) fn resources(settings: &OAuth, given: &[String]) -> Result<Vec<Arc<str>>, Failure> {
    let known = |name: &String| {
        let found = std::iter::once(settings.usual_audience()).chain(&settings.resources).find(|one| ***one == **name);
        let near = suggestions(name, settings.resources.iter().map(|one| &**one));
        found.cloned().ok_or_else(|| Failure::new(format_args!("no token is for {:?}{near}", harmless(name))))
    };
    given.iter().map(known).collect()
}

/// The keys of a client, none of them private.
pub(super) fn jwks(details: &Details) -> Result<Option<Arc<str>>, Failure> {
    let Some(path) = &details.jwks else { return Ok(None) };
    let trouble = |why: &dyn std::fmt::Display| Failure::new(format_args!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| trouble(&error))?;
    if text.len() > LONGEST_JWKS {
        return Err(trouble(&"a JWK set of a client has at most 64 KiB"));
    }
    let set = KeySet::parse(text.as_bytes()).map_err(|bad| trouble(&bad))?;
    match (set.keys.is_empty(), set.others.first()) {
        (false, None) => Ok(Some(text.into())),
        (_, Some((place, bad))) => Err(trouble(&format!("key {}: {bad}", place + 1))),
        (true, None) => Err(trouble(&"there is no key in it")),
    }
}

/// The name of its certificate, in the one spelling that is compared.
pub(super) fn certificate(details: &Details) -> Result<Option<Arc<str>>, Failure> {
    let CertificateArgs { tls_subject_dn, tls_san_dns, tls_san_uri, tls_san_ip, tls_san_email } = &details.certificate;
    let given = [
        (CertificateKind::Subject, tls_subject_dn),
        (CertificateKind::Dns, tls_san_dns),
        (CertificateKind::Uri, tls_san_uri),
        (CertificateKind::Ip, tls_san_ip),
        (CertificateKind::Email, tls_san_email),
    ];
    let Some((kind, text)) = given.into_iter().find_map(|(kind, text)| Some((kind, text.as_ref()?))) else { return Ok(None) };
    let named = match kind {
        CertificateKind::Subject => {
            let written = canonical_subject(text).ok_or("is no name as RFC 4514 writes it, such as CN=shop,O=Example");
            written.and_then(|text| CertificateName::new(kind, &text))
        }
        _ => CertificateName::new(kind, text),
    };
    let named = named.map_err(|why| Failure::usage(format_args!("{:?} {why}", harmless(text))))?;
    Ok(Some(named.to_string().into()))
}

/// RFC 6749 3.1.2: absolute, without fragment. They are compared as they stand.
pub(super) fn uris(given: &[String]) -> Result<Vec<Arc<str>>, Failure> {
    let sound = |text: &String| match RedirectUri::parse(text) {
        Ok(uri) => Ok(Arc::from(uri.as_str())),
        Err(bad) => Err(Failure::usage(format_args!("{:?} cannot be registered: {bad}", harmless(text)))),
    };
    given.iter().map(sound).collect()
}
