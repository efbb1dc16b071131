//! Certificates that clients will stumble over, now or soon.

use doorward_config::{Diagnostic, Diagnostics, Place, Settings, SourceFile};
use doorward_core::Time;
use std::{path::Path, sync::Arc};

/// A warning for whatever is unwise at `now` about the certificates that `file` names.
pub(crate) fn unwise(settings: &Settings, now: Time, file: &Path) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let Some(tls) = &settings.server.tls else { return diagnostics };
    let file = Arc::new(SourceFile::new(&*file.to_string_lossy(), ""));
    let roots = doorward_tls::system_roots();
    for certificate in tls.certificates() {
        for warning in certificate.identity.warnings(now, &roots) {
            let message = format!("{}: {}", certificate.name, warning.message);
            diagnostics.push(Diagnostic::warning(&file, Place::File, message).hint(warning.hint));
        }
    }
    diagnostics
}
