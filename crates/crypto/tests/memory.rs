//! The memory of a server does not grow with its sign-ins. A process of its own, so that nothing else is measured.

#![cfg(target_os = "linux")]

use doorward_crypto::{
    password::{Cost, PasswordPool, PoolLimits, hash_password},
    system::SystemEntropy,
};
use std::sync::Arc;

const WORKERS: u64 = 2;
const COST: Cost = Cost { memory_kib: 19_456, iterations: 1, parallelism: 1 };

#[tokio::test]
async fn many_hashes_take_no_more_memory_than_the_workers_buffers() {
    // The most memory that this process ever had, in KiB.
    let peak_kib = || -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let higher = hash_password("publish", Cost { memory_kib: 32_768, ..COST }, &SystemEntropy);
    let before = peak_kib();
    let limits = PoolLimits { workers: WORKERS as usize, queue: 200, per_address: 200 };
    let pool = Arc::new(PasswordPool::new(COST, limits, Arc::new(SystemEntropy)).unwrap());
    assert!(peak_kib() - before < 4 * 1024, "workers that never hashed hold memory");
    let lane = "192.0.2.1".parse().unwrap();
    let all: Vec<_> = (0..60)
        .map(|_| {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.verify(lane, "publish", None).await })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap(), Ok(false));
    }
    let grown = peak_kib() - before;
    let buffers = WORKERS * u64::from(COST.memory_kib);
    assert_eq!(pool.stats().buffers_kib, buffers);
    assert!(grown < buffers + 8 * 1024, "{grown} KiB for buffers of {buffers} KiB");
    // Hashes of a higher cost share one buffer, however many there are.
    for _ in 0..6 {
        assert_eq!(pool.verify(lane, "publish", Some(&higher)).await, Ok(true));
    }
    let grown = peak_kib() - before;
    assert!(grown < buffers + 32 * 1024 + 8 * 1024, "{grown} KiB after hashes of a higher cost");
}
