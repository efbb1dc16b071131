//! How many handshakes one network may have under way: whoever floods us waits for itself before others wait for it.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// The handshakes of each network that has any.
pub(crate) struct Shares {
    each: usize,
    now: Mutex<HashMap<IpAddr, Arc<Semaphore>>>,
}

/// What one handshake knows of its network.
pub(crate) struct Share<'a> {
    all: &'a Shares,
    network: IpAddr,
    places: Arc<Semaphore>,
}

impl Shares {
    /// So many for each network, and at least one.
    pub(crate) fn new(each: usize) -> Self {
        Self { each: each.clamp(1, Semaphore::MAX_PERMITS), now: Mutex::default() }
    }

    /// The share of an address.
    pub(crate) fn of(&self, address: IpAddr) -> Share<'_> {
        let network = network(address);
        let places = Arc::clone(self.lock().entry(network).or_insert_with(|| Arc::new(Semaphore::new(self.each))));
        Share { all: self, network, places }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Arc<Semaphore>>> {
        // Nothing under this lock can stop half-way.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share<'_> {
    /// Waits for a place.
    pub(crate) async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        self.places.acquire().await.ok()
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut now = self.all.lock();
        // Its own, and the table's: nobody else of the network is here, and nobody comes without the lock.
        if Arc::strong_count(&self.places) <= 2 {
            now.remove(&self.network);
        }
    }
}

/// An IPv4 address, or the /64 of an IPv6 address: what one subscriber has.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        v4 => v4,
    }
}
