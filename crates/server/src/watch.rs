//! Whether the files that a configuration was built from changed, and rest again.
//!
//! They are asked once a second: that costs microseconds, needs no descriptors, and sees what notification misses, such
//! as network file systems and links that are replaced as a whole.

use doorward_core::Time;
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// How often to ask.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);
/// How long files must rest before what is in them counts: people and tools write several files one after another.
const REST: Duration = Duration::from_secs(2);

/// What tells one state of a file from another; absent files have none.
type Stamp = Option<(u64, u64, i64, i64, i64, i64)>;

/// The files of one configuration.
pub(crate) struct Watch {
    files: Vec<(PathBuf, Stamp)>,
    changed: Option<Time>,
}

impl Watch {
    /// Watches `files`, of which a configuration was built that began to be read at `began`. Whatever changed while it
    /// was being read counts as changed.
    pub(crate) fn new(files: Vec<PathBuf>, began: Time, now: Time) -> Self {
        let meanwhile = |stamp: &Stamp| stamp.is_some_and(|stamp| (began.0..=now.0).contains(&modified(&stamp)));
        let files: Vec<_> = files.into_iter().map(|path| (stamp(&path), path)).map(|(stamp, path)| (path, stamp)).collect();
        let changed = files.iter().any(|(_, stamp)| meanwhile(stamp)).then_some(now);
        Self { files, changed }
    }

    /// Whether something changed since the configuration was read and has rested since.
    pub(crate) fn is_due(&mut self, now: Time) -> bool {
        for (path, known) in &mut self.files {
            let current = stamp(path);
            if current != *known {
                *known = current;
                self.changed = Some(now);
            }
        }
        self.changed.is_some_and(|changed| now.since(changed) >= REST)
    }
}

fn stamp(path: &Path) -> Stamp {
    let m = fs::metadata(path).ok()?;
    Some((m.ino(), m.len(), m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec()))
}

/// Milliseconds since the epoch.
fn modified(stamp: &(u64, u64, i64, i64, i64, i64)) -> u64 {
    u64::try_from(stamp.2.saturating_mul(1000).saturating_add(stamp.3 / 1_000_000)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some time after everything that a test writes.
    const LATER: Time = Time(4_000_000_000_000);

    fn after(seconds: u64) -> Time {
        LATER + Duration::from_secs(seconds)
    }

    #[test]
    fn a_change_counts_once_it_has_rested() {
        let folder = tempfile::tempdir().unwrap();
        let (a, missing) = (folder.path().join("a"), folder.path().join("missing"));
        fs::write(&a, "1").unwrap();
        let mut watch = Watch::new(vec![a.clone(), missing.clone()], LATER, LATER);
        assert!(!watch.is_due(after(1)));
        fs::write(&a, "22").unwrap();
        assert!(!watch.is_due(after(10)), "it changed just now");
        assert!(!watch.is_due(after(11)));
        fs::write(&missing, "new").unwrap();
        assert!(!watch.is_due(after(12)), "another file changed, so the rest begins again");
        assert!(!watch.is_due(after(13)));
        assert!(watch.is_due(after(14)));
    }

    #[test]
    fn a_folder_is_changed_by_what_comes_into_it_and_a_file_by_its_removal() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        for change in
            [&|| fs::write(folder.path().join("new"), "").unwrap(), &|| fs::remove_file(&file).unwrap()] as [&dyn Fn(); 2]
        {
            fs::write(&file, "1").unwrap();
            let mut watch = Watch::new(vec![folder.path().to_owned(), file.clone()], LATER, LATER);
            change();
            assert!(!watch.is_due(after(10)));
            assert!(watch.is_due(after(12)));
        }
    }

    #[test]
    fn what_changes_while_it_is_read_counts_as_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, "1").unwrap();
        let mut watch = Watch::new(vec![file.clone()], Time(0), LATER);
        assert!(watch.is_due(after(2)));
        let mut watch = Watch::new(vec![file], LATER, LATER);
        assert!(!watch.is_due(after(2)));
    }
}
