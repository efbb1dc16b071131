//! Certificates that clients will stumble over, now or soon.

use doorward_config::{Diagnostic, Diagnostics, Place, Settings, SourceFile, settings::Tls};
use doorward_core::Time;
use doorward_tls::Warning;
use std::{path::Path, sync::Arc};

/// A warning for whatever is unwise at `now` about the certificates that `file` names.
pub(crate) fn unwise(settings: &Settings, now: Time, file: &Path) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let file = Arc::new(SourceFile::new(&*file.to_string_lossy(), ""));
    if settings.certificate.clients.is_some() {
        let message =
            "`client_ca` in [certificate] is for programs that embed Doorward: `doorward serve` asks nobody for a certificate";
        diagnostics.push(Diagnostic::warning(&file, Place::File, message).hint("name it in [server.tls] for `doorward serve`"));
    }
    let ours: Vec<_> = settings.server.tls.iter().flat_map(Tls::certificates).collect();
    let roots = if ours.is_empty() { Vec::new() } else { doorward_tls::system_roots() };
    let ours = ours.into_iter().flat_map(|ours| about(&ours.name, ours.identity.warnings(now, &roots)));
    let trust = settings.client_trust().into_iter();
    let authorities = trust.clone().flat_map(|trust| about(&trust.name, trust.clients.warnings(now)));
    let lists = trust.flat_map(|trust| &trust.lists).flat_map(|(name, list)| about(name, list.warnings(now)));
    for (message, hint) in ours.chain(authorities).chain(lists) {
        diagnostics.push(Diagnostic::warning(&file, Place::File, message).hint(hint));
    }
    diagnostics
}

/// What is said of a file.
fn about(name: &str, warnings: Vec<Warning>) -> Vec<(String, String)> {
    warnings.into_iter().map(|warning| (format!("{name}: {}", warning.message), warning.hint)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_that_only_programs_use_are_spoken_of() {
        let folder = tempfile::tempdir().unwrap();
        let authority = rcgen::generate_simple_self_signed(vec!["clients.test".to_owned()]).unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.cert.pem()).unwrap();
        let file = folder.path().join("doorward.toml");
        let text = "[certificate]\nclient_ca = \"ca.pem\"\n[[directory]]\nname = \"admins\"\nkind = \"admin\"\n\
                    [[firewall]]\nname = \"partners\"\nauthentication = \"certificate\"\n";
        std::fs::write(&file, text).unwrap();
        let config = doorward_config::load(&file, &|_| None).config.unwrap();
        let said = unwise(&config.settings, Time(1_800_000_000_000), &file);
        let said: Vec<_> = said.iter().map(doorward_config::Diagnostic::message).collect();
        assert!(matches!(*said, [one] if one.contains("`doorward serve` asks nobody for a certificate")), "{said:?}");
    }
}
