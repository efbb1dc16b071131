//! Roles that the configuration lets others give.

use doorward_config::{Diagnostic, Diagnostics, Place, Settings, SourceFile};
use std::{path::Path, sync::Arc};

/// Roles by what stands in a claim.
type Given = [(Box<str>, Vec<Arc<str>>)];

/// A warning for each role that an issuer or a provider gives and that is not among `there`: it holds nothing.
pub fn without_role<'r>(settings: &Settings, there: impl IntoIterator<Item = &'r Arc<str>>, file: &Path) -> Diagnostics {
    let there: Vec<&Arc<str>> = there.into_iter().collect();
    let file = Arc::new(SourceFile::new(&*file.to_string_lossy(), ""));
    let mut diagnostics = Diagnostics::default();
    let mut look = |who: String, given: &Given, hint: &str| {
        let mut missing: Vec<&Arc<str>> =
            given.iter().flat_map(|(_, roles)| roles).filter(|role| !there.contains(role)).collect();
        missing.sort_unstable();
        missing.dedup();
        for role in missing {
            let message = format!("{who} gives the role `{role}`, which does not exist");
            let hint = format!("make it by `doorward role add {role} --allow ...`; until then {hint}");
            diagnostics.push(Diagnostic::warning(&file, Place::File, message).hint(hint));
        }
    };
    for issuer in &settings.issuers {
        look(format!("the issuer `{}`", issuer.issuer), &issuer.roles, "it holds nothing");
    }
    for server in &settings.introspections {
        look(format!("the issuer `{}`", server.issuer), &server.roles, "it holds nothing");
    }
    for provider in &settings.providers {
        look(format!("the provider `{}`", provider.name), &provider.roles, "nobody gets it");
    }
    diagnostics
}
