//! Which rule files there are, and in which order they are merged.

use super::modules::Order;
use crate::{Diagnostic, Diagnostics, Files, SourceFile};
use std::{
    collections::HashSet,
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
};

/// No module stands anywhere near this deep; whatever does is a loop of links.
const MAX_DEPTH: usize = 24;

/// The rule files that the entries name, each once, in the order of merging.
pub(super) fn rule_files<P: AsRef<Path>>(
    entries: impl IntoIterator<Item = P>,
    files: &mut Files,
    out: &mut Diagnostics,
) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.as_ref();
        if files.is_folder(entry) {
            found.extend(folder(entry, files, out));
        } else if is_toml(entry) || has_extension(entry, "xml") {
            found.push(entry.to_owned());
        } else {
            let message = format!("`{}` is neither a folder nor a rule file", entry.display());
            let hint = "rule files are webapi.xml, acl.xml and *.toml";
            let file = Arc::new(SourceFile::new(entry.to_string_lossy(), ""));
            out.push(Diagnostic::error(&file, crate::Place::File, message).hint(hint));
        }
    }
    let mut seen = HashSet::new();
    found.retain(|path| seen.insert(files.resolve(path)));
    found
}

/// Whether a file is a `routes.toml`, whatever its name.
pub(super) fn is_toml(path: &Path) -> bool {
    has_extension(path, "toml")
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|own| own == extension)
}

/// Every `webapi.xml` and `acl.xml` below a folder, in the order in which Magento loads their modules.
fn folder(root: &Path, files: &mut Files, out: &mut Diagnostics) -> Vec<PathBuf> {
    let order = Order::of(root, files, out);
    let mut found = Vec::new();
    descend(root, 0, files, out, &mut found);
    if found.is_empty() {
        let file = Arc::new(SourceFile::new(root.to_string_lossy(), ""));
        let message = format!("there is no webapi.xml or acl.xml below the folder `{}`", root.display());
        out.push(Diagnostic::warning(&file, crate::Place::File, message));
    }
    let mut placed: Vec<_> = found.into_iter().filter_map(|path| Some((order.place(&path, files)?, path))).collect();
    placed.sort();
    placed.into_iter().map(|(_, path)| path).collect()
}

fn descend(folder: &Path, depth: usize, files: &mut Files, out: &mut Diagnostics, found: &mut Vec<PathBuf>) {
    let file = || Arc::new(SourceFile::new(folder.to_string_lossy(), ""));
    if depth > MAX_DEPTH {
        let message = format!("`{}` stands more than {MAX_DEPTH} folders deep; is a link going round?", folder.display());
        out.push(Diagnostic::error(&file(), crate::Place::File, message));
        return;
    }
    let entries = match files.folder(folder) {
        Ok(entries) => entries,
        Err(error) => {
            out.push(Diagnostic::unreadable(&error));
            return;
        }
    };
    for path in entries {
        let name = path.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
        if files.is_folder(&path) {
            if !name.starts_with(['_', '.']) {
                descend(&path, depth + 1, files, out, found);
            }
        } else if name == "webapi.xml" || name == "acl.xml" {
            found.push(path);
        }
    }
}
