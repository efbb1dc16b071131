//! Pairs of login and password that come with each request (RFC 7617).
//!
//! A pair is verified as any sign-in is: the same directories in the same order, the same hash, the same counters of
//! failures. What was right is then remembered for a short while, so that a client that sends its pair with each request
//! does not cost a hash each time. What is remembered is trusted only
//! - from the network that it was verified for: from elsewhere it is a sign-in like any other;
//! - while no failure locked the account for that network meanwhile;
//! - while nothing happened to the account, and changes of the store can be heard; otherwise the store is asked first.
//!
//! Requests of one pair wait for one hash, and what was refused a moment ago is refused again without another. Shortly before
//! the while is over the pair is verified anew in the background, so that no request waits for that.

mod live;
mod memory;
mod refusals;
#[cfg(test)]
mod tests;

pub use live::LivePair;

use crate::{Attempt, Auth, SignInError, Subject, network, sign_in::Weight};
use arc_swap::ArcSwap;
use doorward_core::{
    Kind, Time,
    policy::Directory,
    ports::{Entropy, StoreError},
};
use doorward_crypto::random;
use memory::{Memory, PairKey};
use refusals::Refusals;
use std::{
    collections::HashMap,
    fmt,
    future::Future,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::sync::watch;
use zeroize::Zeroizing;

/// How many pairs may be verified at once. Each waits for a hash, of which the pool admits far fewer.
const MOST_FLIGHTS: usize = 4096;
/// How often a request asks again when what it was told is in doubt already.
const ROUNDS: usize = 4;

/// How pairs are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairSettings {
    /// How long one that is right is trusted without another hash; zero trusts none.
    pub lasts: Duration,
    /// How many are remembered.
    pub most: usize,
}

impl Default for PairSettings {
    fn default() -> Self {
        Self { lasts: Duration::from_secs(60), most: 10_000 }
    }
}

/// Somebody carries a pair.
#[derive(Clone, Copy)]
pub struct PairAsked<'a> {
    /// Names of the directories that are asked, in order.
    pub directories: &'a [Arc<str>],
    /// The login as sent.
    pub login: &'a str,
    /// The password as sent.
    pub password: &'a str,
    /// The client's address as far as it may be believed.
    pub address: IpAddr,
    /// The number of the website that the sign-in is about; `None` is the first one.
    pub website: Option<u32>,
}

/// Without the password.
impl fmt::Debug for PairAsked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PairAsked").field("login", &self.login).field("address", &self.address).finish_non_exhaustive()
    }
}

/// A pair proves nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unproved {
    /// Why.
    pub error: SignInError,
    /// Whether nobody was told of it yet: a failure that several requests share is written down once.
    pub news: bool,
}

/// An answer that is being found out.
pub type Verifying<'a> = Pin<Box<dyn Future<Output = Result<Arc<LivePair>, Unproved>> + Send + 'a>>;

/// Who knows whether a pair is right.
pub trait Pairs: Send + Sync {
    /// The pair, if it is remembered as right. This costs no hash and waits for nothing.
    fn remembered(&self, asked: &PairAsked<'_>) -> Option<Arc<LivePair>>;

    /// Finds out whether it is right.
    fn verify<'a>(&'a self, asked: PairAsked<'a>) -> Verifying<'a>;
}

/// What [`Auth`] remembers of pairs.
pub(crate) struct Remembered {
    memory: Memory,
    refusals: Refusals,
    settings: ArcSwap<PairSettings>,
    flights: Mutex<HashMap<PairKey, Flight>>,
    /// Set while we may have missed revocations: then nothing is trusted without the store.
    deaf: AtomicBool,
}

/// One verification for which any number of requests wait.
type Flight = watch::Receiver<Option<Result<Arc<LivePair>, Arc<Failed>>>>;

struct Failed {
    error: SignInError,
    told: AtomicBool,
}

impl Failed {
    /// The same for one of the requests that it is about; the first of them tells of it.
    fn unproved(&self) -> Unproved {
        Unproved { error: self.error.clone(), news: !self.told.swap(true, SeqCst) }
    }
}

impl Remembered {
    pub(crate) fn new(entropy: &dyn Entropy) -> Self {
        Self {
            memory: Memory::new(random(entropy)),
            refusals: Refusals::default(),
            settings: ArcSwap::default(),
            flights: Mutex::default(),
            deaf: AtomicBool::new(false),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.memory.len()
    }

    /// While `deaf`, changes may be missed, so every pair is looked at anew.
    pub(crate) fn set_deaf(&self, deaf: bool) {
        self.deaf.store(deaf, SeqCst);
    }

    pub(crate) fn forget_assertions(&self) {
        self.memory.forget_assertions();
    }

    /// Something happened by which a pair that was refused may be right now.
    pub(crate) fn forget_refusals(&self) {
        self.refusals.forget();
    }

    /// Why the pair was refused, if it was a moment ago and nothing happened since that this node could have missed.
    fn refused(&self, key: &PairKey, now: Time) -> Option<Arc<Failed>> {
        self.refusals.get(key, now).filter(|_| !self.deaf.load(SeqCst))
    }

    fn key(&self, asked: &PairAsked<'_>) -> PairKey {
        self.memory.key(asked, network(asked.address))
    }

    fn is_sure(&self, live: &LivePair) -> bool {
        live.is_sure() && !self.deaf.load(SeqCst)
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<PairKey, Flight>> {
        // Nothing under this lock can stop half-way.
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pairs for Arc<Auth> {
    fn remembered(&self, asked: &PairAsked<'_>) -> Option<Arc<LivePair>> {
        let key = self.pairs().key(asked);
        let now = self.clock().now();
        let live = self.pairs().memory.get(&key).filter(|live| live.is_fresh(now) && self.pairs().is_sure(live))?;
        if self.is_barred(asked, &live) {
            return None;
        }
        live.use_at(now);
        if live.is_due(now) {
            self.renew(key, asked, &live);
        }
        Some(live)
    }

    fn verify<'a>(&'a self, asked: PairAsked<'a>) -> Verifying<'a> {
        Box::pin(async move {
            let key = self.pairs().key(&asked);
            for _ in 0..ROUNDS {
                let known = self.pairs().memory.get(&key).filter(|live| live.is_fresh(self.clock().now()));
                let live = match known.filter(|live| !self.is_barred(&asked, live)) {
                    Some(live) => live,
                    None => match self.pairs().refused(&key, self.clock().now()) {
                        Some(failed) => return Err(failed.unproved()),
                        None => self.wait_for(self.fly(key, &asked, Weight::SignIn)?).await?,
                    },
                };
                // It was right when its verification began; what happened since may have been acknowledged before this
                // request came.
                if self.pairs().is_sure(&live) || self.recheck_pair(&key, &live).await.map_err(unavailable)? {
                    live.use_at(self.clock().now());
                    return Ok(live);
                }
            }
            Err(unavailable(StoreError::Unavailable("the account changes too often to know".to_owned())))
        })
    }
}

impl Auth {
    /// How pairs are remembered from now on.
    pub fn set_pair_settings(&self, settings: PairSettings) {
        self.pairs().settings.store(Arc::new(settings));
    }

    /// Something happened to an account: its pairs are asked about at once.
    pub(crate) async fn pairs_of_account_changed(&self, kind: Kind, id: u64) {
        let of = |live: &LivePair| {
            let account = live.account();
            account.kind == kind && account.id == id
        };
        for (key, live) in self.pairs().memory.doubt_those(of) {
            self.recheck_or_end(&key, &live).await;
        }
    }

    /// Much may have happened: all are in doubt, and those with open connections are asked about at once.
    pub(crate) async fn all_pairs_changed(&self) {
        for (key, live) in self.pairs().memory.doubt_those(|_| true) {
            if live.is_watched() {
                self.recheck_or_end(&key, &live).await;
            }
        }
    }

    /// Pairs of directories that are gone, or hold others now, end.
    pub(crate) fn directories_of_pairs_changed(&self) {
        self.pairs().forget_refusals();
        for (key, live) in self.pairs().memory.doubt_those(|_| true) {
            if self.directory_of(&live).is_none() {
                self.pairs().memory.end(&key, &live);
            }
        }
    }

    /// Whether failures since locked the account for this network, or the network for all. Right or wrong, what is locked
    /// is not even compared: else whoever guesses would go on guessing among what is remembered.
    fn is_barred(&self, asked: &PairAsked<'_>, live: &LivePair) -> bool {
        // Before the looking: what fails meanwhile is looked for at the next request.
        let failures = self.throttle().failures();
        if live.failures() == failures {
            return false;
        }
        let Some(directory) = self.directory_of(live) else { return true };
        let subject = Subject::new(&directory, &live.account().login, asked.address, None);
        let barred = self.throttle().bars(&subject, self.clock().now());
        if !barred {
            live.set_failures(failures);
        }
        barred
    }

    fn directory_of(&self, live: &LivePair) -> Option<Arc<Directory>> {
        let account = live.account();
        let all = self.directories();
        all.iter().find(|directory| directory.name == account.directory && directory.kind == account.kind).cloned()
    }

    /// Asks the store whether the password of a pair is still the one that was verified, and ends it unless the answer is yes.
    async fn recheck_pair(&self, key: &PairKey, live: &Arc<LivePair>) -> Result<bool, StoreError> {
        let doubts = live.doubts();
        let account = live.account();
        let record = self.store().account(account.kind, account.id).await?;
        match record.filter(|record| live.is_of(record) && self.directory_of(live).is_some() && !live.has_ended()) {
            Some(record) => {
                live.confirm(doubts, &record.account);
                Ok(true)
            }
            None => {
                self.pairs().memory.end(key, live);
                Ok(false)
            }
        }
    }

    async fn recheck_or_end(&self, key: &PairKey, live: &Arc<LivePair>) {
        if let Err(error) = self.recheck_pair(key, live).await {
            tracing::warn!(%error, pair = ?live, "a remembered sign-in cannot be checked, so its connections end");
            self.pairs().memory.end(key, live);
        }
    }

    async fn wait_for(&self, mut flight: Flight) -> Result<Arc<LivePair>, Unproved> {
        let landed = flight.wait_for(Option::is_some).await.ok().and_then(|landed| landed.clone());
        match landed {
            Some(Ok(live)) => Ok(live),
            Some(Err(failed)) => Err(failed.unproved()),
            // It ended without an answer, which only a panic does.
            None => Err(unavailable(StoreError::Unavailable("a sign-in broke off".to_owned()))),
        }
    }

    /// The verification of a pair: the one that is under way, or a new one. It goes on when nobody waits any more, so that
    /// a client that hangs up neither counts as a failure nor takes the answer from others.
    fn fly(self: &Arc<Self>, key: PairKey, asked: &PairAsked<'_>, weight: Weight) -> Result<Flight, Unproved> {
        let mut flights = self.pairs().flights();
        if let Some(flight) = flights.get(&key) {
            return Ok(flight.clone());
        }
        if flights.len() >= MOST_FLIGHTS {
            let error = SignInError::Busy { retry_after: Duration::from_secs(1) };
            return Err(Unproved { error, news: true });
        }
        let (land, flight) = watch::channel(None);
        flights.insert(key, flight.clone());
        drop(flights);
        let landing = Landing { auth: Arc::clone(self), key };
        let asked = Owned::of(asked);
        tokio::spawn(async move {
            let pairs = landing.auth.pairs();
            let epoch = pairs.refusals.epoch();
            let answer = landing.auth.find_out(key, &asked, weight).await;
            let answer = answer.map_err(|error| Arc::new(Failed { error, told: AtomicBool::new(false) }));
            if let Err(failed) = &answer {
                pairs.refusals.note(key, failed, epoch, landing.auth.clock().now());
            }
            // First the memory has it, then the flight is over: a request in between finds one of them.
            drop(landing);
            land.send_replace(Some(answer));
        });
        Ok(flight)
    }

    async fn find_out(&self, key: PairKey, asked: &Owned, weight: Weight) -> Result<Arc<LivePair>, SignInError> {
        let (epoch, failures) = (self.pairs().memory.epoch(), self.throttle().failures());
        let all = self.directories();
        let named = asked.directories.iter().filter_map(|name| all.iter().find(|directory| directory.name == *name));
        let directories: Vec<Arc<Directory>> = named.cloned().collect();
        let attempt = Attempt {
            login: &asked.login,
            password: &asked.password,
            address: asked.address,
            device_token: None,
            user_agent: None,
            site: "default",
            website: asked.website,
        };
        let verified = self.verify_weighed(&directories, attempt, None, weight).await?;
        let settings = **self.pairs().settings.load();
        let fresh = LivePair::new(&verified.record, failures, self.clock().now(), settings.lasts, weight == Weight::SignIn);
        Ok(self.pairs().memory.admit(key, fresh, epoch, settings.most))
    }

    /// Verifies a pair anew in the background, before it is no longer trusted.
    fn renew(self: &Arc<Self>, key: PairKey, asked: &PairAsked<'_>, live: &Arc<LivePair>) {
        let again = self.pairs().settings.load().lasts / 16;
        let Ok(flight) = self.fly(key, asked, Weight::Renewal) else {
            live.renew_later(self.clock().now() + again);
            return;
        };
        let (auth, live) = (Arc::clone(self), Arc::clone(live));
        tokio::spawn(async move {
            let mut flight = flight;
            let landed = flight.wait_for(Option::is_some).await.ok().and_then(|landed| landed.clone());
            match landed {
                Some(Ok(_)) => {}
                // It is right no longer.
                Some(Err(failed)) if failed.error.is_final() => auth.pairs().memory.end(&key, &live),
                // Busy, locked, or the store is away: it is trusted to its end, and no longer.
                _ => live.renew_later(auth.clock().now() + again),
            }
        });
    }
}

/// Takes a flight off the list, however it ends.
struct Landing {
    auth: Arc<Auth>,
    key: PairKey,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.auth.pairs().flights().remove(&self.key);
    }
}

/// A question that outlives its request. What it holds is wiped afterwards.
struct Owned {
    directories: Vec<Arc<str>>,
    login: String,
    password: Zeroizing<String>,
    address: IpAddr,
    website: Option<u32>,
}

impl Owned {
    fn of(asked: &PairAsked<'_>) -> Self {
        Self {
            directories: asked.directories.to_vec(),
            login: asked.login.to_owned(),
            password: Zeroizing::new(asked.password.to_owned()),
            address: asked.address,
            website: asked.website,
        }
    }
}

fn unavailable(error: StoreError) -> Unproved {
    Unproved { error: SignInError::Unavailable(error), news: true }
}
