//! Clients that prove themselves by a certificate, and tokens that are bound to one (RFC 8705).
//!
//! Whoever ended TLS has verified the certificate: a chain to an authority that is believed, not expired, not revoked. Here it
//! is only compared.

use crate::{ErrorCode, OAuthError, Provider, rfc6749::client::Caller, rfc9068::Confirmation};
use doorward_core::{
    certificate::{Certificate, CertificateName},
    ports::Client,
};

/// What a certificate came to: what it says, or why it does not count.
pub type Shown = Result<Certificate, &'static str>;

/// Whether the certificate of a request is that of the client (section 2.1).
///
/// # Errors
/// `invalid_client`; the reason is for the operator.
pub fn verify(provider: &Provider<'_>, client: &Client, shown: Option<&Shown>) -> Result<(), OAuthError> {
    if provider.settings.mtls.is_none() {
        return Err(OAuthError::client("certificates of clients are not looked at: `mtls_url` of [oauth] is not set"));
    }
    let expected = client.certificate.as_deref().and_then(CertificateName::parse);
    let expected = expected.ok_or_else(|| OAuthError::client("no certificate is registered for it"))?;
    let shown = shown.ok_or_else(|| OAuthError::client("it shows no certificate"))?;
    let certificate = shown.as_ref().map_err(|why| OAuthError::client(*why))?;
    if expected.names(certificate) { Ok(()) } else { Err(OAuthError::client("its certificate has another name")) }
}

/// What the tokens of a client are bound to whose registration says so (section 3, `tls_client_certificate_bound_access_tokens`).
///
/// # Errors
/// When it shows no certificate, or one of which only names were passed on.
pub fn binding(provider: &Provider<'_>, client: &Client, caller: Caller<'_>) -> Result<Option<Confirmation>, OAuthError> {
    if !client.certificate_bound {
        return Ok(None);
    }
    let refused = |why| {
        OAuthError::new(ErrorCode::InvalidRequest, "The client's tokens are bound to its certificate: it has to show it.")
            .because(why)
    };
    if provider.settings.mtls.is_none() {
        return Err(refused("certificates of clients are not looked at: `mtls_url` of [oauth] is not set"));
    }
    let certificate = caller.certificate.ok_or_else(|| refused("it shows no certificate"))?;
    let certificate = certificate.as_ref().map_err(|why| refused(*why))?;
    let thumbprint = certificate.thumbprint.clone().ok_or_else(|| refused("the proxy passes names on, not the certificate"))?;
    Ok(Some(Confirmation::Certificate(thumbprint)))
}

#[cfg(test)]
mod tests;
