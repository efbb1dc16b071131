//! The thread that writes the log, so that no request ever waits for a terminal, a pipe or a disk.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
    thread,
    time::Duration,
};

/// Lines that may wait; one more is dropped and counted.
const WAITING: usize = 8192;
/// Bytes that are written together at most, roughly.
const PORTION: usize = 64 << 10;

enum Message {
    Line(String),
    Flush(mpsc::Sender<()>),
}

/// Takes lines and never waits. Clones write to the same place.
#[derive(Clone)]
pub(super) struct LogWriter {
    sender: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

impl LogWriter {
    /// Starts the thread that writes to `out`.
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        Self::with_room(out, WAITING)
    }

    fn with_room(out: impl Write + Send + 'static, waiting: usize) -> io::Result<Self> {
        let (sender, receiver) = mpsc::sync_channel(waiting);
        thread::Builder::new().name("log".to_owned()).spawn(move || write_all(&receiver, out))?;
        Ok(Self { sender, dropped: Arc::default() })
    }

    /// Writes a line soon, or drops it where too many wait.
    pub(super) fn line(&self, line: String) {
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.sender.try_send(Message::Line(line)) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything before is written, at most for a second.
    pub(super) fn flush(&self) {
        let (done, wait) = mpsc::channel();
        if self.sender.try_send(Message::Flush(done)).is_ok() {
            let _ = wait.recv_timeout(Duration::from_secs(1));
        }
    }

    /// How many lines were dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// Writes what comes, several lines at once where several wait. There is nowhere to report that the log cannot be
/// written, so that is not an error.
fn write_all(receiver: &Receiver<Message>, mut out: impl Write) {
    let mut portion = Vec::with_capacity(PORTION);
    while let Ok(message) = receiver.recv() {
        let mut next = Some(message);
        let mut waiting = None;
        while let Some(message) = next.take() {
            match message {
                Message::Line(line) => portion.extend_from_slice(line.as_bytes()),
                Message::Flush(done) => waiting = Some(done),
            }
            if portion.len() < PORTION && waiting.is_none() {
                next = receiver.try_recv().ok();
            }
        }
        let _ = out.write_all(&portion).and_then(|()| out.flush());
        portion.clear();
        if let Some(done) = waiting {
            let _ = done.send(());
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::sync::{Mutex, PoisonError};

    /// Remembers what was written.
    #[derive(Clone, Default)]
    pub(in crate::telemetry) struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Memory {
        pub(in crate::telemetry) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
        }
    }

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Blocks until it is let go.
    struct Stuck(mpsc::Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_come_out_whole_and_in_order() {
        let memory = Memory::default();
        let writer = LogWriter::start(memory.clone()).unwrap();
        let lines: Vec<String> = (0..1000).map(|n| format!("line {n}\n")).collect();
        lines.iter().for_each(|line| writer.line(line.clone()));
        writer.flush();
        assert_eq!(memory.text(), lines.concat());
        assert_eq!(writer.dropped(), 0);
    }

    #[test]
    fn a_stuck_output_drops_lines_and_counts_them_but_nobody_waits() {
        let (let_go, stuck) = mpsc::channel();
        let writer = LogWriter::with_room(Stuck(stuck), 4).unwrap();
        for _ in 0..100 {
            writer.line("line\n".to_owned());
        }
        // Four wait, and the thread may have taken up to one portion before it got stuck.
        assert!(writer.dropped() >= 90, "{} were dropped", writer.dropped());
        drop(let_go);
    }
}
