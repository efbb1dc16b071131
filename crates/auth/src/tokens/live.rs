//! Tokens that were judged and still count, as every request of them shares them.

use super::{foreign::Vouched, own::Own, owners::Owner};
use crate::Standing;
use doorward_core::{
    Account, Kind, Time,
    ports::{AccountRecord, TokenKey, TokenRecord},
    possession::Bound,
};
use std::{
    collections::HashMap,
    fmt,
    ops::Deref,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

/// How many are remembered. Only tokens that count are, so nobody fills this by guessing.
const MOST: usize = 65_536;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) kind: Kind,
    pub(super) account: u64,
    /// In whole seconds for signed ones.
    pub(super) issued: Time,
    pub(super) expires: Option<Time>,
    /// What it is good for, where that is not all that the account may do.
    pub(super) scopes: Option<Arc<[Arc<str>]>>,
    /// When the store has to be asked again, though nothing happened: what it rests on may have ended by itself.
    pub(super) until: Option<Time>,
    pub(super) origin: Origin,
}

/// What vouches for a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The store remembers it.
    Opaque,
    /// The key with this `kid` signed it.
    Signed(Arc<str>),
    /// The key with this `kid` signed it as a JSON Web Token; without one it was the secret of the configuration.
    Web(Option<Arc<str>>),
    /// Another issuer.
    Foreign(Arc<Vouched>),
    /// Another server, which was asked.
    Introspected(Arc<Vouched>),
    /// Our own authorization server.
    Own(Arc<Own>),
}

impl Claims {
    pub(super) fn of(token: &TokenRecord) -> Self {
        let &TokenRecord { kind, account, created, expires, .. } = token;
        Self { kind, account, issued: created, expires, until: None, scopes: None, origin: Origin::Opaque }
    }

    /// Whether the account's tokens of that time were ended (magento-webapi 6.5: one of the same second, too).
    pub(super) fn is_revoked(&self, record: &AccountRecord) -> bool {
        let unit = match self.origin {
            Origin::Opaque => 1,
            Origin::Signed(_) | Origin::Web(_) | Origin::Foreign(_) | Origin::Introspected(_) | Origin::Own(_) => 1000,
        };
        self.issued.0 / unit <= record.tokens_not_before.0 / unit
    }
}

/// A token that counts now.
pub struct LiveToken {
    key: TokenKey,
    claims: Claims,
    /// When the store has to be asked again (milliseconds).
    due: AtomicU64,
    standing: Standing,
}

impl LiveToken {
    pub(super) fn new(key: TokenKey, claims: Claims, owner: &Owner) -> Arc<Self> {
        let standing = Standing::sharing(Arc::clone(&owner.record.account), Arc::clone(&owner.assertions));
        Arc::new(Self { key, due: AtomicU64::new(moment(claims.until)), claims, standing })
    }

    /// What it proves, for as long as it does.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// When it ends; `None` never does by itself.
    pub fn expires(&self) -> Option<Time> {
        self.claims.expires
    }

    /// What it is good for, where it was given to somebody else; `None`: all that the account may do.
    pub fn scopes(&self) -> Option<Arc<[Arc<str>]>> {
        self.claims.scopes.clone()
    }

    /// What it is, in a word: `opaque` or `signed`.
    pub fn form(&self) -> &'static str {
        match self.claims.origin {
            Origin::Opaque | Origin::Introspected(_) => "opaque",
            Origin::Signed(_) | Origin::Web(_) | Origin::Foreign(_) | Origin::Own(_) => "signed",
        }
    }

    /// The other issuer that made it; `None` for one of ours.
    pub fn issuer(&self) -> Option<&Arc<str>> {
        match &self.claims.origin {
            Origin::Foreign(vouched) | Origin::Introspected(vouched) => Some(&vouched.issuer),
            Origin::Opaque | Origin::Signed(_) | Origin::Web(_) | Origin::Own(_) => None,
        }
    }

    /// The store was asked when [`Standing::doubts`] was so much, and said yes until then.
    pub(super) fn confirm(&self, doubts: u64, account: &Arc<Account>, until: Option<Time>) {
        self.due.store(moment(until), SeqCst);
        self.standing.confirm(doubts, account);
    }

    /// Whether the store has to be asked again, though nothing happened.
    pub(super) fn is_due(&self, now: Time) -> bool {
        self.due.load(SeqCst) <= now.0
    }

    /// What it is bound to: whoever sends it has to show that.
    pub fn bound(&self) -> Bound {
        match &self.claims.origin {
            Origin::Foreign(vouched) | Origin::Introspected(vouched) => vouched.bound.clone(),
            Origin::Own(own) => own.bound.clone(),
            Origin::Opaque | Origin::Signed(_) | Origin::Web(_) => Bound::default(),
        }
    }

    pub(super) fn key(&self) -> TokenKey {
        self.key
    }

    pub(super) fn claims(&self) -> &Claims {
        &self.claims
    }

    pub(super) fn kind(&self) -> Kind {
        self.claims.kind
    }

    pub(super) fn account_id(&self) -> u64 {
        self.claims.account
    }

    pub(super) fn has_expired(&self, now: Time) -> bool {
        self.claims.expires.is_some_and(|end| end <= now)
    }
}

impl Deref for LiveToken {
    type Target = Standing;
    fn deref(&self) -> &Standing {
        &self.standing
    }
}

/// Names the token by the first bytes of its hash and its account; nothing that could sign in.
impl fmt::Debug for LiveToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveToken").field("key", &self.key).field("claims", &self.claims).finish_non_exhaustive()
    }
}

fn moment(until: Option<Time>) -> u64 {
    until.map_or(u64::MAX, |until| until.0)
}

/// All that are remembered.
#[derive(Default)]
pub(super) struct Live {
    by_key: RwLock<HashMap<TokenKey, Arc<LiveToken>>>,
    /// Raised by whoever doubts anything, before it looks which ones are there.
    epoch: AtomicU64,
    /// No token expires before this (milliseconds).
    next: AtomicU64,
}

impl Live {
    pub(super) fn len(&self) -> usize {
        self.by_key.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub(super) fn get(&self, key: &TokenKey) -> Option<Arc<LiveToken>> {
        self.by_key.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Taken before the store is asked, for [`Live::admit`].
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(SeqCst)
    }

    /// Remembers a token that was judged in `epoch`; the one that is remembered now. If the epoch is over, it is in doubt
    /// from the start and is judged again at its next use.
    pub(super) fn admit(&self, live: Arc<LiveToken>, epoch: u64, now: Time) -> Arc<LiveToken> {
        let mut by_key = self.by_key.write().unwrap_or_else(PoisonError::into_inner);
        if by_key.len() >= MOST {
            make_room(&mut by_key, now);
        }
        // Two that were judged at the same time are one: what ends it ends the streams of both.
        let stands = by_key.entry(live.key).or_insert(live);
        let stands = Arc::clone(stands);
        if let Some(end) = stands.claims.expires {
            self.next.fetch_min(end.0, SeqCst);
        }
        drop(by_key);
        if self.epoch() != epoch {
            stands.doubt();
        }
        stands
    }

    /// Doubts those that are meant, and returns them.
    pub(super) fn doubt_those(&self, meant: impl Fn(&LiveToken) -> bool) -> Vec<Arc<LiveToken>> {
        self.epoch.fetch_add(1, SeqCst);
        let by_key = self.by_key.read().unwrap_or_else(PoisonError::into_inner);
        let doubted: Vec<_> = by_key.values().filter(|live| meant(live)).cloned().collect();
        doubted.iter().for_each(|live| live.doubt());
        doubted
    }

    /// Those that are meant.
    pub(super) fn those(&self, meant: impl Fn(&LiveToken) -> bool) -> Vec<Arc<LiveToken>> {
        let by_key = self.by_key.read().unwrap_or_else(PoisonError::into_inner);
        by_key.values().filter(|live| meant(live)).cloned().collect()
    }

    /// Ends one for all its requests and connections.
    pub(super) fn end(&self, live: &Arc<LiveToken>) {
        live.standing.end();
        let mut by_key = self.by_key.write().unwrap_or_else(PoisonError::into_inner);
        if by_key.get(&live.key).is_some_and(|stands| Arc::ptr_eq(stands, live)) {
            by_key.remove(&live.key);
        }
    }

    /// Ends those that have expired. It looks only when the time of one has come.
    pub(super) fn sweep(&self, now: Time) {
        if now.0 < self.next.load(SeqCst) {
            return;
        }
        let mut by_key = self.by_key.write().unwrap_or_else(PoisonError::into_inner);
        end_expired(&mut by_key, now);
        let next = by_key.values().filter_map(|live| live.claims.expires).map(|end| end.0).min();
        self.next.store(next.unwrap_or(u64::MAX), SeqCst);
    }

    pub(super) fn forget_assertions(&self) {
        self.by_key.read().unwrap_or_else(PoisonError::into_inner).values().for_each(|live| live.assertions().clear());
    }
}

fn end_expired(by_key: &mut HashMap<TokenKey, Arc<LiveToken>>, now: Time) {
    by_key.retain(|_, live| {
        let expired = live.has_expired(now);
        if expired {
            live.standing.end();
        }
        !expired
    });
}

/// Forgets what has expired or, if that is nothing, an eighth of all. Streams of those that are forgotten end: nobody could
/// tell them of a revocation any more.
fn make_room(by_key: &mut HashMap<TokenKey, Arc<LiveToken>>, now: Time) {
    end_expired(by_key, now);
    if by_key.len() >= MOST {
        let gone: Vec<TokenKey> = by_key.keys().take(MOST / 8).copied().collect();
        for key in gone {
            if let Some(live) = by_key.remove(&key) {
                live.standing.end();
            }
        }
    }
}
