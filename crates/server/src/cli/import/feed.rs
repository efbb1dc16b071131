//! Rows from a thread that reads the file, many at a time; it waits while enough of them are waiting.

use crate::cli::Failure;
use doorward_import::{Broken, Row, Rower};
use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};
use tokio::sync::mpsc;

/// Rows in one transaction: enough that a page of an index is seldom written for one row alone, few enough that a server
/// beside it waits a tenth of a second or two.
const PORTION: usize = 1000;
/// Portions that wait.
const WAITING: usize = 2;

/// Some rows in their order.
pub(super) struct Portion {
    pub(super) rows: Vec<Row>,
    /// How much of the file was read.
    pub(super) bytes: u64,
}

/// Where they come from.
pub(super) struct Feed {
    portions: mpsc::Receiver<Portion>,
    thread: JoinHandle<Result<(), Broken>>,
}

/// Begins to read.
pub(super) fn start(rower: Rower, path: PathBuf) -> Result<Feed, Failure> {
    let (sender, portions) = mpsc::channel(WAITING);
    let file = File::open(path)?;
    let thread = thread::Builder::new().name("import".into()).spawn(move || read(&rower, file, &sender))?;
    Ok(Feed { portions, thread })
}

impl Feed {
    /// The next rows; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<Portion> {
        self.portions.recv().await
    }

    /// How the reading ended.
    pub(super) fn end(self) -> Result<(), Broken> {
        drop(self.portions);
        self.thread.join().unwrap_or_else(|_| Err(Broken::Unfit("the reading of it ended in the middle".into())))
    }
}

struct Counted {
    file: File,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.bytes.fetch_add(count as u64, Relaxed);
        Ok(count)
    }
}

fn read(rower: &Rower, file: File, sender: &mpsc::Sender<Portion>) -> Result<(), Broken> {
    let bytes = Arc::new(AtomicU64::new(0));
    let mut input = BufReader::with_capacity(1 << 16, Counted { file, bytes: Arc::clone(&bytes) });
    let mut rows = Vec::with_capacity(PORTION);
    let send = |rows: &mut Vec<Row>| {
        let rows = std::mem::replace(rows, Vec::with_capacity(PORTION));
        sender.blocking_send(Portion { rows, bytes: bytes.load(Relaxed) }).map_err(|_| Broken::Stopped)
    };
    let done = rower.read(&mut input, &mut |row| {
        rows.push(row);
        if rows.len() == PORTION { send(&mut rows) } else { Ok(()) }
    });
    // What stands before a place that cannot be read was read all the same.
    if !rows.is_empty() {
        send(&mut rows)?;
    }
    done
}
