//! A fixed number of threads that hash, each in memory of its own, behind a bounded queue that is fair by address.
//!
//! Memory never exceeds workers x cost, plus one shared buffer of at most 100 MiB once a stored hash was met that needs
//! more (made at a higher cost, or by another program), plus as much again while one scrypt hash is verified. Those wait
//! for each other. The queue has one lane for each address; the lanes take turns, so a flood from one address delays that
//! address. Who gives up waiting leaves the queue at once.

use super::{
    Cost, CryptKeys, StoredHash,
    work::{Buffer, Large, cost_of},
};
use doorward_core::ports::Entropy;
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt, io,
    net::{IpAddr, Ipv6Addr},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// The bounds of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// How many threads hash; each holds memory for one hash.
    pub workers: usize,
    /// How many may wait in all.
    pub queue: usize,
    /// How many may wait from one address. Half of the queue leaves room for others.
    pub per_address: usize,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self { workers: 2, queue: 128, per_address: 64 }
    }
}

/// The queue is full, the pool is closing, or the job panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being hashed; try again in {} s", retry_after.as_secs())]
pub struct Busy {
    /// When a place may be free, in whole seconds, at least one.
    pub retry_after: Duration,
}

/// What a pool is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// How many wait.
    pub queued: usize,
    /// How many are being hashed.
    pub running: usize,
    /// The most that were ever hashed at once: never more than the workers.
    pub peak: usize,
    /// How many were hashed since the start.
    pub done: u64,
    /// How many were turned away since the start.
    pub refused: u64,
    /// How many ended by a panic since the start.
    pub failed: u64,
    /// Memory that the workers hold for good once each has hashed, in KiB.
    pub buffers_kib: u64,
    /// How long a password that is refused takes: as long as one hash of the slowest kind that was met, smoothed; zero
    /// before the first.
    pub typical: Duration,
}

/// A salt and a hash, for the work alone.
const SAMPLE: &str = "bm9ib2R5J3Mgb3duIHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The pool. Dropping it lets running hashes finish and turns waiting ones away.
pub struct PasswordPool {
    shared: Arc<Shared>,
    cost: Cost,
}

impl PasswordPool {
    /// Starts the workers. Fails when the system gives no threads.
    pub fn new(cost: Cost, limits: PoolLimits, entropy: Arc<dyn Entropy>) -> io::Result<Self> {
        Self::with_crypt_keys(cost, limits, entropy, CryptKeys::default())
    }

    /// As [`PasswordPool::new`]; hashes that Magento made without a salt are verified under these keys.
    pub fn with_crypt_keys(cost: Cost, limits: PoolLimits, entropy: Arc<dyn Entropy>, keys: CryptKeys) -> io::Result<Self> {
        let limits =
            PoolLimits { workers: limits.workers.max(1), queue: limits.queue.max(1), per_address: limits.per_address.max(1) };
        let cost = cost.effective();
        let shared = Arc::new(Shared::new(limits, cost, keys));
        let pool = Self { shared: Arc::clone(&shared), cost };
        for number in 0..limits.workers {
            let (shared, entropy) = (Arc::clone(&shared), Arc::clone(&entropy));
            thread::Builder::new().name(format!("password-{number}")).spawn(move || work(&shared, cost, &*entropy))?;
        }
        Ok(pool)
    }

    /// The cost of the hashes made here.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// The PHC string of a password. `lane` is whose turn it takes: the client's address.
    pub async fn hash(&self, lane: IpAddr, password: &str) -> Result<String, Busy> {
        match self.ask(lane, Task::Hash(Zeroizing::new(password.to_owned()))).await? {
            Answer::Hash(phc) => Ok(phc),
            Answer::Verdict(..) => Err(self.shared.busy()),
        }
    }

    /// Whether `password` is the one behind a stored hash, exactly as typed. `None` does the work of a hash at our own
    /// cost and answers no, so that time does not tell whether there is an account; so does what is no [`StoredHash`].
    ///
    /// No comes as late as it does for the slowest kind of hash that was met: a hash of another cost or format would
    /// tell by its own time that there is such an account.
    pub async fn verify(&self, lane: IpAddr, password: &str, stored: Option<&str>) -> Result<bool, Busy> {
        let own = stored.is_none_or(|stored| !self.cost.differs_from(stored));
        let parsed = stored.and_then(|stored| StoredHash::parse_beside(stored, self.cost).ok());
        let kind = parsed.as_ref().filter(|_| !own).map(|hash| (hash.family(), hash.size()));
        let task = Task::Verify(Zeroizing::new(password.to_owned()), parsed.map(Box::new), kind);
        let Answer::Verdict(right, took) = self.ask(lane, task).await? else { return Err(self.shared.busy()) };
        if !right {
            tokio::time::sleep(self.stats().typical.saturating_sub(took)).await;
        }
        Ok(right)
    }

    /// Makes known, before anybody is refused, how long that takes: hashes once at our own cost and at the dearest of
    /// `costs` (what PHC strings of Argon2id hold before their salt). Where none differs from ours nothing is to be known.
    pub async fn learn(&self, costs: &[impl AsRef<str>]) -> Result<(), Busy> {
        let samples = costs.iter().map(|cost| format!("{}{SAMPLE}", cost.as_ref()));
        let judged = samples.filter(|phc| self.cost.differs_from(phc)).filter_map(|phc| Some((cost_of(&phc)?, phc)));
        let dearest = judged.max_by_key(|(cost, _)| u64::from(cost.memory_kib) * u64::from(cost.iterations));
        let Some((_, dearest)) = dearest else { return Ok(()) };
        let nobody = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        self.verify(nobody, "", None).await?;
        self.verify(nobody, "", Some(&dearest)).await.map(drop)
    }

    /// What it is doing now.
    pub fn stats(&self) -> PoolStats {
        let queue = self.shared.queue();
        PoolStats { queued: queue.waiting, typical: Duration::from_micros(queue.slowest()), ..queue.stats }
    }

    async fn ask(&self, lane: IpAddr, task: Task) -> Result<Answer, Busy> {
        let (reply, answer) = oneshot::channel();
        // Dropped with this future, the ticket takes the job out of the queue.
        let _ticket = self.shared.enter(lane, task, reply)?;
        answer.await.map_err(|_| self.shared.busy())
    }
}

impl Drop for PasswordPool {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.closed = true;
        queue.lanes.clear();
        queue.turns.clear();
        queue.waiting = 0;
        drop(queue);
        self.shared.ready.notify_all();
    }
}

impl fmt::Debug for PasswordPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordPool").field("cost", &self.cost).field("stats", &self.stats()).finish()
    }
}

enum Task {
    Hash(Zeroizing<String>),
    Verify(Zeroizing<String>, Option<Box<StoredHash>>, Option<HashKind>),
}

/// Hashes that take about the same time: family and size. `None` are those of our own cost.
type HashKind = (&'static str, u32);

enum Answer {
    Hash(String),
    /// The verdict, and how long the hash took.
    Verdict(bool, Duration),
}

struct Job {
    number: u64,
    task: Task,
    reply: oneshot::Sender<Answer>,
}

struct Shared {
    limits: PoolLimits,
    queue: Mutex<Queue>,
    ready: Condvar,
    large: Large,
    keys: CryptKeys,
}

#[derive(Default)]
struct Queue {
    /// Waiting jobs by address; a lane is never empty, and stands in `turns` exactly once.
    lanes: HashMap<IpAddr, VecDeque<Job>>,
    /// Whose turn it is, first first.
    turns: VecDeque<IpAddr>,
    waiting: usize,
    next: u64,
    closed: bool,
    /// How long a hash of our own cost takes, smoothed, in microseconds.
    typical: u64,
    /// The same of each kind of stored hash that was met; there are not many kinds.
    others: BTreeMap<HashKind, u64>,
    stats: PoolStats,
}

/// A place in the queue.
struct Ticket {
    shared: Arc<Shared>,
    lane: IpAddr,
    number: u64,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.shared.queue().leave(self.lane, self.number);
    }
}

impl Shared {
    fn new(limits: PoolLimits, cost: Cost, keys: CryptKeys) -> Self {
        let buffers_kib = limits.workers as u64 * u64::from(cost.memory_kib);
        let queue = Queue { stats: PoolStats { buffers_kib, ..PoolStats::default() }, ..Queue::default() };
        Self { limits, queue: Mutex::new(queue), ready: Condvar::new(), large: Large::default(), keys }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing under this lock can stop half-way, so a poisoned queue is still whole.
        self.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn enter(self: &Arc<Self>, lane: IpAddr, task: Task, reply: oneshot::Sender<Answer>) -> Result<Ticket, Busy> {
        let mut queue = self.queue();
        let of_lane = queue.lanes.get(&lane).map_or(0, VecDeque::len);
        if queue.closed || queue.waiting >= self.limits.queue || of_lane >= self.limits.per_address {
            queue.stats.refused += 1;
            return Err(queue.busy(self.limits.workers));
        }
        let number = queue.next;
        queue.next += 1;
        queue.waiting += 1;
        queue.lanes.entry(lane).or_default().push_back(Job { number, task, reply });
        if of_lane == 0 {
            queue.turns.push_back(lane);
        }
        drop(queue);
        self.ready.notify_one();
        Ok(Ticket { shared: Arc::clone(self), lane, number })
    }

    fn busy(&self) -> Busy {
        self.queue().busy(self.limits.workers)
    }
}

impl Queue {
    /// The next job: the oldest of the lane whose turn it is.
    fn next_job(&mut self) -> Option<Job> {
        let lane = self.turns.pop_front()?;
        let jobs = self.lanes.get_mut(&lane)?;
        let job = jobs.pop_front();
        if jobs.is_empty() {
            self.lanes.remove(&lane);
        } else {
            self.turns.push_back(lane);
        }
        self.waiting -= usize::from(job.is_some());
        job
    }

    fn leave(&mut self, lane: IpAddr, number: u64) {
        let Some(jobs) = self.lanes.get_mut(&lane) else { return };
        let before = jobs.len();
        jobs.retain(|job| job.number != number);
        self.waiting -= before - jobs.len();
        if jobs.is_empty() {
            self.lanes.remove(&lane);
            self.turns.retain(|turn| *turn != lane);
        }
    }

    fn busy(&self, workers: usize) -> Busy {
        let micros = self.typical.saturating_mul(self.waiting as u64) / workers as u64;
        Busy { retry_after: Duration::from_secs(1 + micros / 1_000_000) }
    }

    /// How long a hash of the slowest kind takes, in microseconds.
    fn slowest(&self) -> u64 {
        self.others.values().copied().fold(self.typical, u64::max)
    }

    fn finished(&mut self, took: Duration, kind: Option<HashKind>) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let typical = match kind {
            None => &mut self.typical,
            Some(kind) => self.others.entry(kind).or_default(),
        };
        *typical = if *typical == 0 { micros } else { (typical.saturating_mul(7).saturating_add(micros)) / 8 };
        self.stats.running -= 1;
        self.stats.done += 1;
    }

    /// A job panicked: it says nothing about how long others take.
    fn failed(&mut self) {
        self.stats.running -= 1;
        self.stats.failed += 1;
    }
}

/// A worker's life. A job that panics is answered like one that found no place, and the worker goes on: the pool keeps its
/// size.
fn work(shared: &Shared, cost: Cost, entropy: &dyn Entropy) {
    let mut buffer = Buffer::new(cost);
    let mut queue = shared.queue();
    while !queue.closed {
        let Some(job) = queue.next_job() else {
            queue = shared.ready.wait(queue).unwrap_or_else(|poisoned| poisoned.into_inner());
            continue;
        };
        queue.stats.running += 1;
        queue.stats.peak = queue.stats.peak.max(queue.stats.running);
        drop(queue);
        let began = Instant::now();
        let done = catch_unwind(AssertUnwindSafe(|| perform(&job.task, &mut buffer, shared, entropy)));
        let took = began.elapsed();
        let Ok(answer) = done else {
            // Whatever the memory holds now was never finished.
            buffer.wipe();
            tracing::error!("hashing a password panicked; its sign-in was answered 503");
            queue = shared.queue();
            queue.failed();
            continue;
        };
        let kind = match &job.task {
            Task::Verify(.., kind) => *kind,
            Task::Hash(_) => None,
        };
        queue = shared.queue();
        queue.finished(took, kind);
        // Whoever no longer waits does not want it.
        let _ = job.reply.send(answer);
    }
}

fn perform(task: &Task, buffer: &mut Buffer, shared: &Shared, entropy: &dyn Entropy) -> Answer {
    let began = Instant::now();
    match task {
        Task::Hash(password) => Answer::Hash(buffer.hash(password, entropy)),
        Task::Verify(password, stored, _) => {
            let right = buffer.verify(password, stored.as_deref(), &shared.large, &shared.keys);
            Answer::Verdict(right, began.elapsed())
        }
    }
}
