//! The Magento dialect: what its clients send and what they are answered (magento-webapi 3.5, 5).
//!
//! What goes out: [`Error`], an exception with its status, and [`success`]; both are written in the [`Format`] that
//! [`crate::negotiate::magento`] finds. What comes in: [`body`] and [`query`] read the request, [`assemble`] makes of
//! them the parameters of a service ([`Asked::read`] is all of that in one), and [`Params`] hands these out by name and type, or says what the contract says
//! about one that is missing or of another type.

mod error;
mod fields;
mod input;
mod params;
mod query;
mod render;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use fields::Fields;
pub use input::{XmlBody, body};
pub use params::{Params, assemble};
pub use query::query;

use crate::{Document, Format};
use http::Method;
use serde_json::{Map, Value};

/// A result with 200 (magento-webapi 5.1): any value, scalars too. `fields` keeps a part of an object or list.
pub fn success(value: &Value, fields: Option<&Fields>, format: Format) -> Document {
    match fields {
        Some(fields) => render::document(&fields.of(value), format),
        None => render::document(value, format),
    }
}

/// A request for a service, as it came.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a Method,
    /// The variables of the route, decoded, in its order.
    pub variables: &'a [(String, String)],
    /// The query, without `?`.
    pub query: Option<&'a str>,
    /// `Content-Type`, if it was sent once.
    pub content_type: Option<&'a str>,
    /// The whole body.
    pub body: &'a [u8],
}

impl Asked<'_> {
    /// What the service is called with, and which part of its answer is asked for. The body of a GET or DELETE is not
    /// read; `setters` as in [`assemble`].
    ///
    /// # Errors
    /// Those of [`query`] and [`body`].
    pub fn read(&self, setters: &[(&str, &str)]) -> Result<(Params, Option<Fields>), Error> {
        let query = query(self.query)?;
        let sent = match *self.method {
            Method::POST | Method::PUT => body(self.content_type, self.body)?,
            _ => Values::new(),
        };
        let fields = Fields::read(query.get("fields"));
        Ok((assemble(self.method, self.variables, &query, sent, setters), fields))
    }
}

/// The report that a masked server error names (magento-webapi 5.2), made of the request's id: its first 13 digits, so
/// that whoever has the one finds the other.
pub fn report_id(request_id: &str) -> String {
    let hex: String = request_id.chars().filter(char::is_ascii_hexdigit).take(13).collect();
    format!("webapi-{:0<13}", hex.to_ascii_lowercase())
}

/// Parameters by name, in the order in which they came.
pub type Values = Map<String, Value>;
