//! Directories whose accounts were made when the directory was of another kind: nobody of them can sign in any more.

use doorward_config::{Diagnostic, Diagnostics, Place, SourceFile};
use doorward_core::{Policy, ports::AccountCount};
use std::{path::Path, sync::Arc};

/// A warning for each such directory of `policy`, which was read from `file`.
pub(crate) fn changed(policy: &Policy, counts: &[AccountCount], file: &Path) -> Diagnostics {
    let file = Arc::new(SourceFile::new(&*file.to_string_lossy(), ""));
    let warn = |count: &AccountCount| {
        let directory = policy.directory(&count.directory).filter(|directory| directory.kind != count.kind)?;
        let (name, old, new) = (&directory.name, count.kind.as_str(), directory.kind.as_str());
        let accounts = match count.accounts {
            1 => "1 account of it was made".to_owned(),
            n => format!("{n} accounts of it were made"),
        };
        let message =
            format!("the directory `{name}` is of kind `{new}`, but {accounts} when it was of kind `{old}`, and cannot sign in");
        let hint = format!("write kind = \"{old}\" again, or delete those accounts and add them anew");
        Some(Diagnostic::warning(&file, Place::File, message).hint(hint))
    };
    let mut diagnostics = Diagnostics::default();
    counts.iter().filter_map(warn).for_each(|warning| diagnostics.push(warning));
    diagnostics
}
