//! The one writer: all jobs that wait become one transaction.

use super::{
    changes,
    failure::Outcome,
    queue::{AbandonOnDrop, NotQueued, Queue},
};
use doorward_core::ports::StoreError;
use rusqlite::Connection;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
};
use tokio::sync::oneshot;

/// What the writer has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteStats {
    /// Jobs that were answered.
    pub jobs: u64,
    /// Transactions that were committed.
    pub commits: u64,
}

/// Answers the caller, once the fate of the transaction is known.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// Does the work and says whether it stands.
type Job = Box<dyn FnOnce(&Connection) -> (bool, Answer) + Send>;

/// The way to the writer thread.
pub(super) struct Writer {
    queue: Arc<Queue<Job>>,
    counters: Arc<Counters>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Counters {
    jobs: AtomicU64,
    commits: AtomicU64,
}

/// How the writer works.
#[derive(Clone)]
pub(super) struct Limits {
    /// Jobs that may wait.
    pub(super) queue: usize,
    /// Jobs that share a transaction at most.
    pub(super) group: usize,
    /// Changes that are remembered.
    pub(super) changes: u64,
    /// The run of the command that all changes are signed with.
    pub(super) run: Option<Box<str>>,
}

impl Writer {
    /// Starts the thread, which owns `connection` from now on.
    pub(super) fn start(connection: Connection, limits: Limits) -> std::io::Result<Self> {
        let queue = Queue::new(limits.queue);
        let counters = Arc::new(Counters::default());
        let thread = std::thread::Builder::new().name("store-writer".into()).spawn({
            let (queue, counters) = (Arc::clone(&queue), Arc::clone(&counters));
            move || work(&connection, AbandonOnDrop(queue), &counters, &limits)
        })?;
        Ok(Self { queue, counters, thread: Some(thread) })
    }

    /// Runs `job` in the next transaction; the answer comes after its commit.
    pub(super) async fn run<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let outcome = job(connection);
            let stands = outcome.is_ok();
            let answer: Answer = Box::new(move |committed| {
                // Whoever asked may have gone away; the work stands all the same.
                let _ = sender.send(committed.and_then(|()| outcome.map_err(StoreError::from)));
            });
            (stands, answer)
        });
        self.queue.push(job).map_err(|why| match why {
            NotQueued::Full => unavailable("too many writes are waiting"),
            NotQueued::Closed => unavailable("the writer has stopped"),
        })?;
        receiver.await.unwrap_or_else(|_| Err(unavailable("the writer has stopped")))
    }

    /// Whether it still works.
    pub(super) fn alive(&self) -> Result<(), StoreError> {
        if self.queue.is_open() { Ok(()) } else { Err(unavailable("the writer has stopped")) }
    }

    /// What it has done so far.
    pub(super) fn stats(&self) -> WriteStats {
        WriteStats { jobs: self.counters.jobs.load(Ordering::Relaxed), commits: self.counters.commits.load(Ordering::Relaxed) }
    }
}

/// Finishes what waits before the connection closes.
impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn work(connection: &Connection, queue: AbandonOnDrop<Job>, counters: &Counters, limits: &Limits) {
    let mut pruner = changes::Pruner::new(limits.changes);
    loop {
        let jobs = queue.0.take(limits.group);
        if jobs.is_empty() {
            return;
        }
        let count = jobs.len() as u64;
        let mut answers = Vec::with_capacity(jobs.len());
        let committed = commit(connection, jobs, &mut answers, limits, &mut pruner).map_err(StoreError::from);
        if committed.is_ok() {
            counters.commits.fetch_add(1, Ordering::Relaxed);
        }
        counters.jobs.fetch_add(count, Ordering::Relaxed);
        for answer in answers {
            answer(committed.clone());
        }
        // Nothing of a failed transaction may leak into the next one: what cannot be rolled back ends the writer.
        if !connection.is_autocommit() && execute(connection, "ROLLBACK").is_err() {
            tracing::error!("the store cannot roll back and takes no more writes");
            return;
        }
    }
}

/// One transaction of many jobs. Jobs that did not run are dropped, which tells their callers as much.
fn commit(
    connection: &Connection,
    jobs: Vec<Job>,
    answers: &mut Vec<Answer>,
    limits: &Limits,
    pruner: &mut changes::Pruner,
) -> Outcome<()> {
    execute(connection, "BEGIN IMMEDIATE")?;
    // Nobody else writes from here to the commit, so what is newer is ours.
    let before = if limits.run.is_some() { changes::last(connection)? } else { 0 };
    for job in jobs {
        execute(connection, "SAVEPOINT job")?;
        let (stands, answer) = job(connection);
        answers.push(answer);
        if connection.is_autocommit() {
            // A full disk, for one, makes SQLite roll back everything by itself.
            return Err(unavailable("the transaction was rolled back").into());
        }
        if !stands {
            execute(connection, "ROLLBACK TO job")?;
        }
        execute(connection, "RELEASE job")?;
    }
    if let Some(run) = &limits.run {
        changes::sign(connection, before, run)?;
    }
    pruner.prune(connection)?;
    execute(connection, "COMMIT")
}

fn execute(connection: &Connection, sql: &str) -> Outcome<()> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        super::super::schema::prepare(&connection, super::super::schema::MIGRATIONS).unwrap();
        Writer::start(connection, Limits { queue: 8, group: 8, changes: 8, run: None }).unwrap()
    }

    fn insert(name: &'static str) -> impl FnOnce(&Connection) -> Outcome<()> {
        move |c| Ok(c.execute("INSERT INTO role (name) VALUES (?1)", [name]).map(drop)?)
    }

    fn names(c: &Connection) -> Outcome<Vec<String>> {
        Ok(c.prepare("SELECT name FROM role ORDER BY name")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Holds the writer until the sender is dropped, so that the jobs after it form one group.
    async fn hold(writer: &Writer, release: std::sync::mpsc::Receiver<()>) -> Result<(), StoreError> {
        let wait = move |_: &Connection| {
            let _ = release.recv();
            Ok(())
        };
        writer.run(wait).await
    }

    #[tokio::test]
    async fn a_lost_transaction_fails_all_its_jobs_and_no_later_one() {
        let writer = writer();
        let (sender, receiver) = std::sync::mpsc::channel();
        let (_, first, lost, never_run, ()) = tokio::join!(
            hold(&writer, receiver),
            writer.run(insert("first")),
            writer.run(|c| Ok(c.execute_batch("ROLLBACK")?)),
            writer.run(insert("third")),
            async { drop(sender) },
        );
        for outcome in [first, lost, never_run] {
            assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
        }
        writer.run(insert("later")).await.unwrap();
        assert_eq!(writer.run(names).await.unwrap(), ["later"]);
    }

    #[tokio::test]
    async fn a_refused_job_takes_back_only_its_own_work() {
        let writer = writer();
        let (sender, receiver) = std::sync::mpsc::channel();
        let (_, first, refused, third, ()) = tokio::join!(
            hold(&writer, receiver),
            writer.run(insert("first")),
            writer.run(|c| {
                insert("second")(c)?;
                Err::<(), _>(StoreError::Missing("something".into()).into())
            }),
            writer.run(insert("third")),
            async { drop(sender) },
        );
        assert_eq!((first, third), (Ok(()), Ok(())));
        assert_eq!(refused, Err(StoreError::Missing("something".into())));
        assert_eq!(writer.run(names).await.unwrap(), ["first", "third"]);
        assert!(writer.stats().commits <= 3);
    }

    #[tokio::test]
    async fn a_writer_that_is_gone_answers_unavailable() {
        let writer = writer();
        let gone = Err(unavailable("the writer has stopped"));
        let (died, waiting) =
            tokio::join!(writer.run(|_| -> Outcome<()> { panic!("on purpose") }), writer.run(insert("waiting")));
        assert_eq!((died, waiting), (gone.clone(), gone.clone()));
        assert_eq!(writer.run(insert("later")).await, gone);
        assert_eq!(writer.alive(), gone);
    }
}
