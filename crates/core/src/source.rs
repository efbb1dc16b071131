//! Where a rule was written.

use serde::Serialize;
use std::{fmt, sync::Arc};

/// File and line (1-based) of a rule, for `explain`, `check` and the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Source {
    /// The file, as the configuration names it.
    pub file: Arc<str>,
    /// The line, counted from 1; 0 where there is none.
    pub line: u32,
}

impl Source {
    /// A place in a file.
    pub fn new(file: impl Into<Arc<str>>, line: u32) -> Self {
        Self { file: file.into(), line }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}
