//! The messages of `envoy.service.auth.v3` that are read and written here, with the numbers of their fields. What else is in
//! them is left out: whoever reads a message skips what it does not know.

use prost::{Message, Oneof};
use std::collections::HashMap;

/// What Envoy asks.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CheckRequest {
    /// About what.
    #[prost(message, optional, tag = "1")]
    pub(super) attributes: Option<Attributes>,
}

/// `AttributeContext`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Attributes {
    /// The request.
    #[prost(message, optional, tag = "4")]
    pub(super) request: Option<AskedRequest>,
}

/// `AttributeContext.Request`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AskedRequest {
    /// It as HTTP.
    #[prost(message, optional, tag = "2")]
    pub(super) http: Option<HttpRequest>,
}

/// `AttributeContext.HttpRequest`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HttpRequest {
    /// The method.
    #[prost(string, tag = "2")]
    pub(super) method: String,
    /// Headers, those of one name joined by commas; without `encode_raw_headers`.
    #[prost(map = "string, string", tag = "3")]
    pub(super) headers: HashMap<String, String>,
    /// Path and query.
    #[prost(string, tag = "4")]
    pub(super) path: String,
    /// `:authority`, which is `Host` too.
    #[prost(string, tag = "5")]
    pub(super) host: String,
    /// `http` or `https`.
    #[prost(string, tag = "6")]
    pub(super) scheme: String,
    /// Headers as they came, with `encode_raw_headers`.
    #[prost(message, optional, tag = "13")]
    pub(super) header_map: Option<HeaderMap>,
}

/// `config.core.v3.HeaderMap`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HeaderMap {
    /// The lines.
    #[prost(message, repeated, tag = "1")]
    pub(super) headers: Vec<HeaderValue>,
}

/// `config.core.v3.HeaderValue`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HeaderValue {
    /// The name.
    #[prost(string, tag = "1")]
    pub(super) key: String,
    /// The value, or this is empty.
    #[prost(string, tag = "2")]
    pub(super) value: String,
    /// The value where it need not be UTF-8.
    #[prost(bytes = "vec", tag = "3")]
    pub(super) raw_value: Vec<u8>,
}

/// What Envoy is answered.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CheckResponse {
    /// Whether the request may pass.
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<Status>,
    /// What to do then.
    #[prost(oneof = "Outcome", tags = "2, 3")]
    pub(super) outcome: Option<Outcome>,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    /// 0 is permission.
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
}

/// `CheckResponse.http_response`.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Outcome {
    /// It goes back with this.
    #[prost(message, tag = "2")]
    Denied(Denied),
    /// It goes on with this.
    #[prost(message, tag = "3")]
    Permitted(Permitted),
}

/// `DeniedHttpResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Denied {
    /// The status.
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<HttpStatus>,
    /// Headers of the answer.
    #[prost(message, repeated, tag = "2")]
    pub(super) headers: Vec<HeaderOption>,
    /// Its body.
    #[prost(string, tag = "3")]
    pub(super) body: String,
}

/// `type.v3.HttpStatus`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HttpStatus {
    /// Its number.
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
}

/// `OkHttpResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Permitted {
    /// Headers that the service receives, in place of the client's.
    #[prost(message, repeated, tag = "2")]
    pub(super) headers: Vec<HeaderOption>,
    /// Headers of the client that the service does not receive.
    #[prost(string, repeated, tag = "5")]
    pub(super) headers_to_remove: Vec<String>,
    /// Headers that the client receives.
    #[prost(message, repeated, tag = "6")]
    pub(super) response_headers_to_add: Vec<HeaderOption>,
}

/// `config.core.v3.HeaderValueOption`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HeaderOption {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub(super) header: Option<HeaderValue>,
    /// Whether it stands beside what is there; `google.protobuf.BoolValue`, which older versions read.
    #[prost(message, optional, tag = "2")]
    pub(super) append: Option<bool>,
    /// The same for newer ones.
    #[prost(int32, tag = "3")]
    pub(super) append_action: i32,
}

impl HeaderOption {
    /// A header in place of all others of its name.
    pub(super) fn instead(name: &str, value: &[u8]) -> Self {
        Self::with(name, value, false, 2)
    }

    /// A header beside others of its name.
    pub(super) fn beside(name: &str, value: &[u8]) -> Self {
        Self::with(name, value, true, 0)
    }

    fn with(name: &str, value: &[u8], append: bool, append_action: i32) -> Self {
        let raw = HeaderValue { key: name.to_owned(), value: String::from_utf8_lossy(value).into_owned(), raw_value: Vec::new() };
        Self { header: Some(raw), append: Some(append), append_action }
    }
}
