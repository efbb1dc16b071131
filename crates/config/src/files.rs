//! The files that a configuration is built from, each read exactly once: its text, the policy's hash and the list of
//! what to watch all come from the same bytes.

use aws_lc_rs::digest::{Context, SHA256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, io,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

/// No rule file is anywhere near this; whatever is longer is a mistake, such as a device or a log.
const MAX_BYTES: u64 = 32 << 20;

/// A file that was read.
#[derive(PartialEq, Eq)]
pub struct SourceFile {
    /// Its name, as the configuration names it: what diagnostics and [`doorward_core::Source`] show.
    pub name: Arc<str>,
    /// What it says, without a byte order mark.
    pub text: String,
}

/// Its name alone: the text may hold secrets.
impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SourceFile").field(&self.name).finish()
    }
}

impl SourceFile {
    /// A file of this name and text.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// Line and column of a byte offset, both counted from 1; columns count characters.
    pub fn position(&self, offset: usize) -> (u32, u32) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }

    /// The line of a byte offset, counted from 1.
    pub fn line(&self, offset: usize) -> u32 {
        self.position(offset).0
    }

    /// Where the rule at a byte offset was written.
    pub fn source(&self, offset: usize) -> doorward_core::Source {
        doorward_core::Source::new(Arc::clone(&self.name), self.line(offset))
    }
}

/// Why a file or folder could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` {why}")]
pub struct ReadError {
    /// The file, as the configuration names it.
    pub name: Arc<str>,
    /// What is wrong with it, continuing its name: `cannot be read: ...`.
    pub why: String,
}

/// Reads files and remembers what it read.
#[derive(Debug, Default)]
pub struct Files {
    base: PathBuf,
    read: BTreeMap<PathBuf, Result<Arc<SourceFile>, ReadError>>,
    /// Those that are no text.
    bytes: BTreeMap<PathBuf, Result<Arc<[u8]>, ReadError>>,
    folders: BTreeSet<PathBuf>,
    embedded: BTreeSet<PathBuf>,
}

impl Files {
    /// Relative paths are relative to `base`.
    pub fn new(base: impl Into<PathBuf>) -> Self {
        Self { base: base.into(), ..Self::default() }
    }

    /// A file that is there without being on disk; it is part of the hash and nothing to watch.
    pub fn embed(&mut self, path: impl AsRef<Path>, text: impl Into<String>) -> Arc<SourceFile> {
        let at = self.resolve(path.as_ref());
        let file = Arc::new(SourceFile::new(display(path.as_ref()), text));
        self.embedded.insert(at.clone());
        self.read.insert(at, Ok(Arc::clone(&file)));
        file
    }

    /// The file at `path`, read from disk the first time only. It is watched even when it cannot be read.
    pub fn read(&mut self, path: impl AsRef<Path>) -> Result<Arc<SourceFile>, ReadError> {
        let path = path.as_ref();
        self.read_as(path, &path.to_string_lossy())
    }

    /// As [`Files::read`], under another name than its path.
    pub fn read_as(&mut self, path: impl AsRef<Path>, name: &str) -> Result<Arc<SourceFile>, ReadError> {
        let at = self.resolve(path.as_ref());
        if let Some(known) = self.read.get(&at) {
            return known.clone();
        }
        let name: Arc<str> = name.into();
        let outcome =
            text_of(&at).map(|text| Arc::new(SourceFile::new(Arc::clone(&name), text))).map_err(|why| ReadError { name, why });
        self.read.insert(at, outcome.clone());
        outcome
    }

    /// The bytes of the file at `path`, which need be no text; otherwise as [`Files::read`].
    pub fn read_bytes(&mut self, path: impl AsRef<Path>) -> Result<Arc<[u8]>, ReadError> {
        let path = path.as_ref();
        let at = self.resolve(path);
        let read = || bytes_of(&at).map(Arc::from).map_err(|why| ReadError { name: display(path), why });
        self.bytes.entry(at.clone()).or_insert_with(read).clone()
    }

    /// What stands in the folder at `path`, as paths that begin with it, sorted by bytes. The folder is watched.
    pub fn folder(&mut self, path: impl AsRef<Path>) -> Result<Vec<PathBuf>, ReadError> {
        let path = path.as_ref();
        let at = self.resolve(path);
        self.folders.insert(at.clone());
        let names = || fs::read_dir(&at)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<BTreeSet<_>>>();
        match names() {
            Ok(names) => Ok(names.into_iter().map(|name| path.join(name)).collect()),
            Err(error) => Err(ReadError { name: display(path), why: format!("cannot be listed: {error}") }),
        }
    }

    /// Whether there is anything at `path`.
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        let at = self.resolve(path.as_ref());
        self.embedded.contains(&at) || at.exists()
    }

    /// Whether `path` is a folder.
    pub fn is_folder(&self, path: impl AsRef<Path>) -> bool {
        self.resolve(path.as_ref()).is_dir()
    }

    /// The path that is opened for `path`.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        // Joining drops the base where `path` is absolute. `./` would make one file look like two.
        let plain: PathBuf = self.base.join(path).components().filter(|part| *part != Component::CurDir).collect();
        if plain.as_os_str().is_empty() { PathBuf::from(".") } else { plain }
    }

    /// Every file and folder that the configuration depends on, missing ones included, sorted.
    pub fn watch_list(&self) -> Vec<PathBuf> {
        let files = self.read.keys().filter(|path| !self.embedded.contains(*path));
        files.chain(self.bytes.keys()).chain(&self.folders).cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// First 16 hex digits of the SHA-256 over every file read: path, length and content, in the order of paths, texts first.
    /// Paths below the base count relative to it, so the same folder has the same hash on every machine.
    pub fn hash(&self) -> String {
        let mut context = Context::new(&SHA256);
        let texts = self.read.iter().filter_map(|(path, file)| Some((path, file.as_ref().ok()?.text.as_bytes())));
        let bytes = self.bytes.iter().filter_map(|(path, file)| Some((path, &**file.as_ref().ok()?)));
        for (path, content) in texts.chain(bytes) {
            for part in [path.strip_prefix(&self.base).unwrap_or(path).to_string_lossy().as_bytes(), content] {
                context.update(&(part.len() as u64).to_be_bytes());
                context.update(part);
            }
        }
        context.finish().as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn display(path: &Path) -> Arc<str> {
    path.to_string_lossy().into()
}

fn text_of(path: &Path) -> Result<String, String> {
    let text = String::from_utf8(bytes_of(path)?).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        format!("is not UTF-8 text: line {} holds another byte", valid.iter().filter(|b| **b == b'\n').count() + 1)
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, String> {
    let metadata = fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?;
    if metadata.is_dir() {
        return Err("is a folder, where a file is expected".into());
    }
    if metadata.len() > MAX_BYTES {
        return Err(format!("is longer than {} MiB", MAX_BYTES >> 20));
    }
    fs::read(path).map_err(|error| format!("cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_file_once_and_keeps_what_it_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.toml"), "\u{feff}one").unwrap();
        let mut files = Files::new(folder.path());
        assert_eq!(files.read("a.toml").unwrap().text, "one");
        let hash = files.hash();
        fs::write(folder.path().join("a.toml"), "two").unwrap();
        assert_eq!(files.read("./a.toml").unwrap().text, "one");
        assert_eq!(files.hash(), hash);
        assert_eq!(files.watch_list(), [folder.path().join("a.toml")]);
    }

    #[test]
    fn hash_tells_files_apart_by_name_and_text() {
        let hash = |parts: &[(&str, &str)]| {
            let mut files = Files::new("/etc/doorward");
            parts.iter().for_each(|(name, text)| drop(files.embed(name, *text)));
            files.hash()
        };
        let all = [&[("a", "bc")][..], &[("ab", "c")], &[("a", "b"), ("c", "")], &[("a", "bd")], &[]].map(hash);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert!(all.iter().all(|h| h.len() == 16));
        assert_eq!(hash(&[("a", "1"), ("b", "2")]), hash(&[("b", "2"), ("a", "1")]));
    }

    #[test]
    fn watches_what_is_missing_and_says_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("binary"), b"a\n\xff").unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        let mut files = Files::new(folder.path());
        let missing = files.read("missing.toml").unwrap_err().to_string();
        assert!(missing.starts_with("`missing.toml` cannot be read: "), "{missing}");
        assert_eq!(files.read("binary").unwrap_err().to_string(), "`binary` is not UTF-8 text: line 2 holds another byte");
        let hash = files.hash();
        assert_eq!(*files.read_bytes("binary").unwrap(), *b"a\n\xff");
        assert_ne!(files.hash(), hash, "bytes count like text");
        assert!(files.read_bytes("gone").unwrap_err().to_string().starts_with("`gone` cannot be read: "));
        assert!(files.watch_list().contains(&folder.path().join("gone")));
        assert_eq!(files.read("sub").unwrap_err().to_string(), "`sub` is a folder, where a file is expected");
        assert_eq!(files.folder(".").unwrap(), [PathBuf::from("./binary"), PathBuf::from("./sub")]);
        assert!(files.watch_list().contains(&folder.path().join("missing.toml")));
        assert!(files.watch_list().contains(&folder.path().to_path_buf()));
    }

    #[test]
    fn counts_lines_and_columns_in_characters() {
        let file = SourceFile::new("x", "é = 1\nab");
        assert_eq!(file.position(0), (1, 1));
        assert_eq!(file.position(3), (1, 3));
        assert_eq!(file.position(1), (1, 1), "inside a character counts as its start");
        assert_eq!(file.position(8), (2, 2));
        assert_eq!(file.position(900), (2, 3));
    }
}
