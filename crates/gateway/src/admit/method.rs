//! The one effective method.

use super::{Wrong, once, wrong};
use doorward_core::policy::Dialect;
use http::{HeaderName, Method, request::Parts};

/// The effective method ('Settled semantics': Method and path). Lower-case methods are refused, because some upstreams
/// fold them to others.
pub(super) fn effective(parts: &Parts, dialect: Dialect) -> Result<Method, Wrong> {
    const OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
    let method = if dialect == Dialect::Ibexa && parts.method == Method::POST && parts.headers.contains_key(OVERRIDE) {
        let value =
            once(&parts.headers, OVERRIDE).ok_or_else(|| wrong("method_override", "X-HTTP-Method-Override is repeated"))?;
        let word = value.as_bytes();
        if word.is_empty() || word.len() > 32 || !word.iter().all(u8::is_ascii_alphabetic) {
            return Err(wrong("method_override", "X-HTTP-Method-Override is no method"));
        }
        Method::from_bytes(&word.to_ascii_uppercase())
            .map_err(|_| wrong("method_override", "X-HTTP-Method-Override is no method"))?
    } else {
        parts.method.clone()
    };
    if matches!(method, Method::CONNECT | Method::TRACE) {
        return Err(wrong("method", "CONNECT and TRACE are not served"));
    }
    if method.as_str().bytes().any(|b| b.is_ascii_lowercase()) {
        return Err(wrong("method", "the method is not in upper case"));
    }
    Ok(method)
}
