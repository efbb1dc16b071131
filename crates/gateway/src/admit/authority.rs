//! The host that a request is for.

use super::{Wrong, wrong};
use doorward_core::canonical::{self, Authority};
use http::{Version, header, request::Parts};

/// The one authority: of the target, of `Host`, or of both when they agree.
pub(super) fn of(parts: &Parts) -> Result<Authority, Wrong> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(wrong("host", "Host is repeated"));
    }
    let parse = |text: &str| canonical::host(text).map_err(|error| wrong("host", error.to_string()));
    let named = match host {
        Some(value) => Some(parse(value.to_str().map_err(|_| wrong("host", "Host is not ASCII"))?)?),
        None => None,
    };
    let target = parts.uri.authority().map(|authority| parse(authority.as_str())).transpose()?;
    if target.is_some() && !parts.uri.scheme_str().is_none_or(|scheme| matches!(scheme, "http" | "https")) {
        return Err(wrong("target", "the scheme of the target is neither http nor https"));
    }
    match (named, target) {
        (Some(named), Some(target)) if named != target => Err(wrong("host", "the target and Host differ")),
        // RFC 9112, 3.2: Host is not optional, whatever the target says.
        (None, Some(_)) if parts.version <= Version::HTTP_11 => Err(wrong("host", "Host is missing")),
        (Some(authority), _) | (None, Some(authority)) => Ok(authority),
        (None, None) => Err(wrong("host", "Host is missing")),
    }
}
