//! Readers beside the writer: a few threads, each with a connection of its own.

use super::{
    failure::Outcome,
    queue::{AbandonOnDrop, NotQueued, Queue},
};
use doorward_core::ports::StoreError;
use rusqlite::Connection;
use std::{sync::Arc, thread::JoinHandle};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// The way to the reader threads.
pub(super) struct Readers {
    queue: Arc<Queue<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts a thread for each connection; at most `capacity` reads wait.
    pub(super) fn start(connections: Vec<Connection>, capacity: usize) -> std::io::Result<Self> {
        let queue: Arc<Queue<Job>> = Queue::new(capacity);
        let mut readers = Self { queue, threads: Vec::new() };
        for (number, connection) in connections.into_iter().enumerate() {
            let queue = Arc::clone(&readers.queue);
            let thread = std::thread::Builder::new()
                .name(format!("store-reader-{number}"))
                .spawn(move || work(&connection, &AbandonOnDrop(queue)))?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Runs `job` on the next connection that is free.
    pub(super) async fn run<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Nobody waits for the answer any more: spare the work.
            if !sender.is_closed() {
                let _ = sender.send(job(connection).map_err(StoreError::from));
            }
        });
        self.queue.push(job).map_err(|why| match why {
            NotQueued::Full => StoreError::Unavailable("too many reads are waiting".into()),
            NotQueued::Closed => StoreError::Unavailable("the readers have stopped".into()),
        })?;
        receiver.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the readers have stopped".into())))
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn work(connection: &Connection, queue: &AbandonOnDrop<Job>) {
    loop {
        let jobs = queue.0.take(1);
        if jobs.is_empty() {
            return;
        }
        for job in jobs {
            job(connection);
        }
    }
}
