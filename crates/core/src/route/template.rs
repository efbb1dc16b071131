//! Path templates of `routes.toml`.

use super::RouteRule;
use http::Method;
use std::sync::Arc;

/// Rules of `routes.toml`, compiled.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rules: Vec<Arc<RouteRule>>,
}

impl Table {
    /// The rule for a method and canonical path.
    pub fn find(&self, _method: &Method, _path: &str) -> Option<&Arc<RouteRule>> {
        None
    }
}
