//! Why there is no answer of an upstream, and whose fault that is.

use crate::admit::Cut;
use doorward_core::Reason;
use http::StatusCode;
use std::{borrow::Cow, error::Error};

/// Why there is no answer of the upstream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// 502: it could not be reached.
    #[error("the upstream cannot be reached: {0}")]
    Unreachable(String),
    /// 502: it answered nonsense or broke off.
    #[error("the upstream broke off: {0}")]
    Broken(String),
    /// 504: it took too long.
    #[error("the upstream took too long: {0}")]
    TimedOut(&'static str),
    /// 503: all connections that it may have are in use.
    #[error("all connections to the upstream are in use")]
    Overloaded,
    /// 401: the session ended while the upstream was at work.
    #[error("the session ended")]
    Ended,
    /// 4xx: the body of the request is not what it should be. The text is for the operator.
    #[error("the request's body: {2}")]
    Request(StatusCode, &'static str, Cow<'static, str>),
    /// 400: what the permit demands cannot be set.
    #[error("the permit cannot be carried out")]
    Refused(Reason),
}

impl UpstreamError {
    /// The status that the caller gets.
    pub fn status(&self) -> StatusCode {
        match self {
            UpstreamError::Unreachable(_) | UpstreamError::Broken(_) => StatusCode::BAD_GATEWAY,
            UpstreamError::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
            UpstreamError::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            UpstreamError::Ended => StatusCode::UNAUTHORIZED,
            UpstreamError::Request(status, ..) => *status,
            UpstreamError::Refused(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// One word for logs and metrics; stable.
    pub fn code(&self) -> &'static str {
        match self {
            UpstreamError::Unreachable(_) => "upstream_unreachable",
            UpstreamError::Broken(_) => "upstream_broken",
            UpstreamError::TimedOut(_) => "upstream_timed_out",
            UpstreamError::Overloaded => "upstream_overloaded",
            UpstreamError::Ended => "session_ended",
            UpstreamError::Request(_, code, _) => code,
            UpstreamError::Refused(reason) => reason.code(),
        }
    }
}

/// The target has a form that cannot be sent.
pub(super) fn no_target() -> UpstreamError {
    UpstreamError::Request(StatusCode::BAD_REQUEST, "target", "the target cannot be forwarded".into())
}

/// Whether the upstream closed the connection in place of answering.
pub(super) fn is_end_of_connection(error: &hyper::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    error.is_incomplete_message()
        || error.is_canceled()
        || error.is_closed()
        || io.is_some_and(|io| matches!(io.kind(), BrokenPipe | ConnectionAborted | ConnectionReset))
}

/// Whose fault it was: ours, when the body of the request broke off, else the upstream's.
pub(super) fn explain(error: &hyper::Error) -> UpstreamError {
    let mut cause = error.source();
    while let Some(inner) = cause {
        match inner.downcast_ref::<Cut>() {
            Some(Cut::TooLarge) => {
                return UpstreamError::Request(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", Cut::TooLarge.to_string().into());
            }
            Some(Cut::TooSlow) => {
                return UpstreamError::Request(StatusCode::REQUEST_TIMEOUT, "body_too_slow", Cut::TooSlow.to_string().into());
            }
            None => cause = inner.source(),
        }
    }
    if error.is_user() {
        // The only thing of ours that can fail is the client's body.
        return UpstreamError::Request(StatusCode::BAD_REQUEST, "body_broken", error.to_string().into());
    }
    UpstreamError::Broken(error.to_string())
}
