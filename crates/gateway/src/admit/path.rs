//! The path: one canonical form, which is matched and forwarded.

use super::{Wrong, wrong};
use doorward_core::{
    Policy,
    canonical::{self, EncodedSlash},
    policy::is_under,
};

/// The canonical path, or what is wrong with it. Whether it may have an encoded slash is asked later, of its site.
pub(super) fn of(raw: &str, policy: &Policy) -> Result<String, Wrong> {
    let refuse = |error: canonical::PathError| wrong("path", error.to_string());
    let path = canonical::path(raw, EncodedSlash::Keep).map_err(refuse)?;
    let path = match without_script(&path, policy).map(str::to_owned) {
        Some(rest) => rest.into(),
        None => path,
    };
    Ok(path.into_owned())
}

/// Refuses an encoded slash unless the upstream, which may be the site's, keeps it.
pub(super) fn check_slash(path: &str, policy: &Policy) -> Result<(), Wrong> {
    if path.contains("%2F") && !policy.upstream(path).is_some_and(|upstream| upstream.keep_encoded_slash) {
        return Err(wrong("path", canonical::PathError::EncodedSlash.to_string()));
    }
    Ok(())
}

/// The same path without Magento's `/index.php` before its prefix (magento-webapi 3.6): one resource has one path for
/// whoever judges it.
pub(super) fn without_script<'p>(path: &'p str, policy: &Policy) -> Option<&'p str> {
    let rest = path.strip_prefix("/index.php")?;
    let prefix = policy.routes.magento_prefix.as_deref()?;
    is_under(rest, prefix).then_some(rest).filter(|rest| rest.starts_with('/'))
}
