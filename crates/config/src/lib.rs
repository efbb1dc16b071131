//! What was asked: doorward.toml and rule files, compiled into a policy.

pub mod diagnostics;
pub mod files;
pub mod rules;

pub use diagnostics::{Diagnostic, Diagnostics, Place, Severity};
pub use files::{Files, ReadError, SourceFile};
