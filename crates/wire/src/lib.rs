//! How it looks: media types, negotiation, hardened input, and every body that Doorward itself writes.
//!
//! Nothing here does I/O or knows a decision. What comes in is parsed into a value or refused with an error that
//! never repeats the input; what goes out is described once, as an [`element::Element`] or a plain value, and
//! written as XML or JSON.

pub mod element;
pub mod format;
pub mod ibexa;
pub mod input;
mod json;
pub mod magento;
pub mod negotiate;
pub mod pages;
pub mod problem;
mod xml;

pub use format::Format;

/// A body and the media type that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// `Content-Type`.
    pub content_type: String,
    /// The text, in UTF-8.
    pub body: String,
}
