//! How a command tells the servers on this machine that it changed the store, and waits until they have heard.
//!
//! Each server listens on a Unix socket beside its database: `DATABASE.PID.sock`, for its owner only. A command finds
//! all of them by listing the folder. The conversation is one word each way: `apply`, then `ok` or what went wrong.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    time::timeout,
};

/// How long the other side may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest word or message.
const LONGEST: u64 = 1024;
/// What fits into a socket's address on every Unix that we know, with its final zero.
const LONGEST_PATH: usize = 103;

/// A server's end. The socket's file goes with it.
pub(crate) struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Listens beside the database of this path, which must exist.
    pub(crate) fn bind(store: &Path, pid: u32) -> io::Result<Self> {
        let store = fs::canonicalize(store)?;
        // Another process may have our id: it lives in a container of its own. Its socket answers, a stale one does not.
        for attempt in 0..100_u32 {
            let path = socket_path(&store, pid, attempt);
            if path.as_os_str().len() > LONGEST_PATH {
                let why = format!("the path of {} is too long for a socket beside it", store.display());
                return Err(io::Error::new(io::ErrorKind::InvalidFilename, why));
            }
            match UnixListener::bind(&path) {
                Ok(listener) => {
                    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
                    return Ok(Self { listener, path });
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    if std::os::unix::net::UnixStream::connect(&path).is_err_and(|e| is_stale(&e)) {
                        fs::remove_file(&path)?;
                        let listener = UnixListener::bind(&path)?;
                        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
                        return Ok(Self { listener, path });
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "all names for a control socket are taken"))
    }

    /// Answers commands with what `apply` says, until it is dropped.
    pub(crate) async fn serve(self, apply: impl AsyncFn() -> Result<(), String>) {
        loop {
            match self.listener.accept().await {
                // One at a time: a command takes milliseconds, and applying twice at once would gain nothing.
                Ok((stream, _)) => drop(timeout(PATIENCE, converse(stream, &apply)).await),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Where this fails a command will find the socket stale and remove it.
        let _ = fs::remove_file(&self.path);
    }
}

async fn converse(stream: UnixStream, apply: &impl AsyncFn() -> Result<(), String>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut word = String::new();
    BufReader::new(read.take(LONGEST)).read_line(&mut word).await?;
    let answer = match word.trim_end() {
        "apply" => match apply().await {
            Ok(()) => "ok".to_owned(),
            Err(why) => why,
        },
        _ => "only `apply` is understood".to_owned(),
    };
    write.write_all(format!("{}\n", answer.replace('\n', " ")).as_bytes()).await
}

/// Tells every server on the database of this path that it changed, and waits until each has applied it. How many
/// there were, or which of them did not and why.
pub(crate) async fn notify(store: &Path) -> Result<usize, String> {
    let store = fs::canonicalize(store).map_err(|error| format!("{}: {error}", store.display()))?;
    let mut told = 0;
    let mut trouble = Vec::new();
    for path in sockets(&store).map_err(|error| format!("{}: {error}", store.display()))? {
        match timeout(PATIENCE, ask(&path)).await {
            Ok(Ok(answer)) if answer == "ok" => told += 1,
            Ok(Ok(answer)) => trouble.push(format!("{}: {answer}", path.display())),
            // A server that was killed leaves its socket behind, and one that just ended takes it away.
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(Err(error)) if is_stale(&error) => drop(fs::remove_file(&path)),
            Ok(Err(error)) => trouble.push(format!("{}: {error}", path.display())),
            Err(_) => trouble.push(format!("{}: no answer", path.display())),
        }
    }
    if trouble.is_empty() { Ok(told) } else { Err(trouble.join("; ")) }
}

async fn ask(path: &Path) -> io::Result<String> {
    let (read, mut write) = UnixStream::connect(path).await?.into_split();
    write.write_all(b"apply\n").await?;
    let mut answer = String::new();
    BufReader::new(read.take(LONGEST)).read_line(&mut answer).await?;
    Ok(answer.trim_end().to_owned())
}

fn is_stale(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionRefused
}

/// The sockets of all servers on this database.
fn sockets(store: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(folder), Some(name)) = (store.parent(), store.file_name()) else { return Ok(Vec::new()) };
    let name = name.to_string_lossy();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let candidate = entry.file_name();
        let candidate = candidate.to_string_lossy();
        let middle = candidate.strip_prefix(&*name).and_then(|rest| rest.strip_suffix(".sock"));
        if middle.is_some_and(|middle| middle.starts_with('.') && middle[1..].chars().all(|c| c.is_ascii_digit() || c == '-')) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn socket_path(store: &Path, pid: u32, attempt: u32) -> PathBuf {
    let mut path = OsString::from(store);
    path.push(match attempt {
        0 => format!(".{pid}.sock"),
        _ => format!(".{pid}-{attempt}.sock"),
    });
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    fn database() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorward.db");
        fs::write(&path, "").unwrap();
        (folder, path)
    }

    #[tokio::test]
    async fn every_server_on_the_store_has_applied_before_notify_returns() {
        let (_folder, store) = database();
        let applied = Arc::new(AtomicUsize::new(0));
        // The same process id twice, as in two containers.
        for pid in [7, 8, 8] {
            let applied = Arc::clone(&applied);
            let control = Control::bind(&store, pid).unwrap();
            tokio::spawn(control.serve(async move || {
                applied.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }));
        }
        assert_eq!(notify(&store).await, Ok(3));
        assert_eq!(applied.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn only_the_owner_may_use_the_socket_and_it_goes_with_the_server() {
        let (_folder, store) = database();
        let control = Control::bind(&store, 7).unwrap();
        let path = control.path.clone();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(control);
        assert!(!path.exists());
        assert_eq!(notify(&store).await, Ok(0));
    }

    #[tokio::test]
    async fn a_socket_that_a_killed_server_left_is_removed() {
        let (_folder, store) = database();
        let left = socket_path(&fs::canonicalize(&store).unwrap(), 7, 0);
        drop(std::os::unix::net::UnixListener::bind(&left).unwrap());
        assert!(left.exists());
        assert_eq!(notify(&store).await, Ok(0));
        assert!(!left.exists());
        drop(std::os::unix::net::UnixListener::bind(&left).unwrap());
        let control = Control::bind(&store, 7).unwrap();
        assert_eq!(control.path, left, "a new server takes the stale name");
    }

    #[tokio::test]
    async fn a_server_that_cannot_apply_says_why() {
        let (_folder, store) = database();
        let control = Control::bind(&store, 7).unwrap();
        tokio::spawn(control.serve(async || Err("the store is unavailable".to_owned())));
        let error = notify(&store).await.unwrap_err();
        assert!(error.ends_with("doorward.db.7.sock: the store is unavailable"), "{error}");
    }

    #[tokio::test]
    async fn a_path_too_long_for_a_socket_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("x".repeat(120));
        fs::create_dir(&deep).unwrap();
        fs::write(deep.join("db"), "").unwrap();
        let error = Control::bind(&deep.join("db"), 7).err().unwrap().to_string();
        assert!(error.contains("too long"), "{error}");
        assert_eq!(notify(&deep.join("db")).await, Ok(0));
    }
}
