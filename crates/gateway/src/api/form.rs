//! Forms of our pages.

use super::{Call, read};
use crate::{Body, answer};
use bytes::Bytes;
use http::{Response, StatusCode, header::CONTENT_TYPE};

/// The largest form in bytes.
const LARGEST: usize = 64 * 1024;

/// The fields of an `application/x-www-form-urlencoded` body. It may hold a password.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads the call's body.
    pub(crate) async fn read(call: &mut Call<'_>) -> Result<Self, Response<Body>> {
        let kind = read::header(call.request.headers, CONTENT_TYPE).unwrap_or_default();
        let media = kind.split(';').next().unwrap_or_default().trim();
        if !media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(answer::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "A form is expected here.", &call.reader()));
        }
        let bytes = read::body(std::mem::take(&mut call.body), LARGEST).await.map_err(|unread| {
            let (status, text) = unread.answer();
            answer::error(status, text, &call.reader())
        })?;
        Self::parse(&bytes).ok_or_else(|| answer::error(StatusCode::BAD_REQUEST, "A form field was sent twice.", &call.reader()))
    }

    /// `None` when a field stands there twice: which one counts is anybody's guess.
    fn parse(bytes: &Bytes) -> Option<Self> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(bytes).take(64) {
            if fields.iter().any(|(other, _)| *other == name) {
                return None;
            }
            fields.push((name.into_owned(), value.into_owned()));
        }
        Some(Self(fields))
    }

    /// The text of a field; empty when it was not sent.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }
}
