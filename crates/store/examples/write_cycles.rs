//! Measures how many sessions begin and end each second, durably, with many at once.
//!
//! `cargo run --release -p doorward-store --example write_cycles [SECONDS] [AT_ONCE]`

use doorward_core::{
    Kind, Time,
    ports::{NewAccount, Store},
    session::{Session, SessionKey},
};
use doorward_store::{Options, Sqlite};
use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "what it measured is its output")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let at_once: u64 = arguments.next().map_or(Ok(64), |text| text.parse())?;
    // Beside the build, for a temporary folder may be in memory.
    let folder = std::path::absolute(format!("target/write-cycles-{}", std::process::id()))?;
    std::fs::create_dir_all(&folder)?;
    let store = Arc::new(Sqlite::open(&folder.join("store.db"), Options::default())?);
    let (cycles, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let tasks: Vec<_> = (0..at_once)
        .map(|task| {
            let (store, cycles, stop) = (Arc::clone(&store), Arc::clone(&cycles), Arc::clone(&stop));
            tokio::spawn(async move { run(&store, task, &cycles, &stop).await })
        })
        .collect();
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (done, elapsed, stats) = (cycles.load(Ordering::Relaxed), begun.elapsed(), store.write_stats());
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    drop(store);
    std::fs::remove_dir_all(&folder)?;
    println!("{:.0} cycles/s with {at_once} at once", done as f64 / elapsed.as_secs_f64());
    println!("{} writes in {} commits: {:.1} each", stats.jobs, stats.commits, stats.jobs as f64 / stats.commits.max(1) as f64);
    Ok(())
}

/// Begins and ends sessions of an account of its own.
async fn run(store: &Sqlite, task: u64, cycles: &AtomicU64, stop: &AtomicBool) -> Result<(), doorward_core::ports::StoreError> {
    let account = NewAccount {
        directory: "admins".into(),
        kind: Kind::Admin,
        id: None,
        login: format!("login-{task}").into(),
        email: None,
        password: None,
        roles: Vec::new(),
        per_website: false,
        membership: None,
        confirmed: true,
        profile: "{}".into(),
    };
    let account = store.add_account(account, Time(1)).await?;
    let mut step = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        step += 1;
        let session = session(account.account.id, account.version, key(task, step));
        store.create_session(&session, None).await?;
        store.delete_session(&session.key, Time(2)).await?;
        cycles.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

fn session(account: u64, account_version: u64, key: SessionKey) -> Session {
    Session {
        key,
        directory: "admins".into(),
        account,
        account_version,
        created: Time(1),
        last_seen: Time(1),
        authenticated: Time(1),
        factors: vec!["pwd".into()],
        site: "default".into(),
        device: "Firefox on Linux".into(),
    }
}

/// A key that lies anywhere among the others, as a hash does.
fn key(task: u64, step: u64) -> SessionKey {
    let mut state = task << 40 | step;
    let mut bytes = [0; 32];
    for chunk in bytes.chunks_exact_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        chunk.copy_from_slice(&(mixed ^ (mixed >> 27)).to_be_bytes());
    }
    SessionKey(bytes)
}
