//! What a client is told when it gets nothing (RFC 6749 5.2).

use super::authorize;
use doorward_core::ports::StoreError;
use http::StatusCode;
use serde::Serialize;
use std::{borrow::Cow, time::Duration};

/// `error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// Something is missing, stands twice, or is malformed.
    InvalidRequest,
    /// The client did not prove that it is itself.
    InvalidClient,
    /// The code, refresh token or device code is none that counts.
    InvalidGrant,
    /// The client may not use this grant.
    UnauthorizedClient,
    /// There is no such grant here.
    UnsupportedGrantType,
    /// A scope that there is not, or not for this client.
    InvalidScope,
    /// A resource that there is not (RFC 8707 2).
    InvalidTarget,
    /// Nobody decided about the device yet (RFC 8628 3.5).
    AuthorizationPending,
    /// The same, and it asks too often (RFC 8628 3.5).
    SlowDown,
    /// The person said no (RFC 8628 3.5).
    AccessDenied,
    /// The device code is over (RFC 8628 3.5).
    ExpiredToken,
    /// What the authorization endpoint would say (RFC 9126 2.3).
    Request(authorize::Code),
    /// A proof of possession that does not count (RFC 9449 5).
    InvalidDpopProof,
    /// A proof of possession without a nonce that counts (RFC 9449 8).
    UseDpopNonce,
    /// It cannot be known now.
    TemporarilyUnavailable,
    /// Too many failed from where the request comes.
    TooMany,
}

impl ErrorCode {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorCode::InvalidRequest => "invalid_request",
            ErrorCode::InvalidClient => "invalid_client",
            ErrorCode::InvalidGrant => "invalid_grant",
            ErrorCode::UnauthorizedClient => "unauthorized_client",
            ErrorCode::UnsupportedGrantType => "unsupported_grant_type",
            ErrorCode::InvalidScope => "invalid_scope",
            ErrorCode::InvalidTarget => "invalid_target",
            ErrorCode::InvalidDpopProof => "invalid_dpop_proof",
            ErrorCode::UseDpopNonce => "use_dpop_nonce",
            ErrorCode::AuthorizationPending => "authorization_pending",
            ErrorCode::SlowDown => "slow_down",
            ErrorCode::AccessDenied => "access_denied",
            ErrorCode::ExpiredToken => "expired_token",
            ErrorCode::Request(code) => code.as_str(),
            ErrorCode::TemporarilyUnavailable | ErrorCode::TooMany => "temporarily_unavailable",
        }
    }

    /// 400, and 401 for a client that did not prove itself (section 5.2).
    pub fn status(self) -> StatusCode {
        match self {
            ErrorCode::InvalidClient => StatusCode::UNAUTHORIZED,
            ErrorCode::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::TooMany => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// An error, for the client and for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthError {
    /// Which one.
    pub code: ErrorCode,
    /// For whoever develops the client: it holds nothing that was sent.
    pub description: Cow<'static, str>,
    /// For the operator, where that is more.
    pub why: Cow<'static, str>,
    /// When to come back.
    pub retry_after: Option<Duration>,
}

impl OAuthError {
    /// An error of which both know the same.
    pub fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code, description: description.into(), why: "".into(), retry_after: None }
    }

    /// A client that did not prove itself: it learns nothing of what was wrong.
    pub fn client(why: impl Into<Cow<'static, str>>) -> Self {
        Self { why: why.into(), ..Self::new(ErrorCode::InvalidClient, "Client authentication failed.") }
    }

    /// The same error with more for the operator.
    #[must_use]
    pub fn because(self, why: impl Into<Cow<'static, str>>) -> Self {
        Self { why: why.into(), ..self }
    }

    /// The body of the answer.
    pub fn body(&self) -> impl Serialize {
        Body { error: self.code.as_str(), error_description: self.description.clone() }
    }
}

#[derive(Serialize)]
struct Body {
    error: &'static str,
    error_description: Cow<'static, str>,
}

/// Not being able to know is neither yes nor no.
impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        Self::new(ErrorCode::TemporarilyUnavailable, "This cannot be answered now.").because(error.to_string())
    }
}
