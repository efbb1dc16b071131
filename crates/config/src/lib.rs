//! What was asked: `doorward.toml` and rule files, compiled into a policy.
//!
//! [`load`] reads everything once, notes every problem at its place ([`Diagnostics`]) and yields a [`Config`] only when
//! there is no error: [`Settings`] for the server, and a [`doorward_core::Policy`] that can no longer be wrong.

mod checks;
pub mod diagnostics;
pub mod files;
mod hints;
mod keys;
mod load;
mod patterns;
mod reader;
pub mod rules;
mod sections;
pub mod settings;
mod units;

pub use diagnostics::{Diagnostic, Diagnostics, Place, Severity, Style};
pub use files::{Files, ReadError, SourceFile};
pub use keys::reference;
pub use load::{Config, Outcome, from_text, from_texts, load};
pub use settings::Settings;
