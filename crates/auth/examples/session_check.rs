//! How long the check of a live session takes: `cargo run --release -p doorward-auth --example session_check`.
//!
//! A hundred thousand sessions stand in the index; each check takes another one, so that caches do not flatter it.

#![expect(clippy::print_stdout, reason = "an example speaks to a person")]

use doorward_auth::{Attempt, Auth, AuthSettings, ThrottleLimits};
use doorward_core::{
    Kind, Time,
    policy::{CookieSpec, Directory, SameSite},
    ports::{Clock, NewAccount, Store},
    session::Session,
};
use doorward_crypto::{
    password::{Cost, PoolLimits, hash_password},
    session_id,
    system::{SystemClock, SystemEntropy},
};
use doorward_store::Sqlite;
use std::{
    error::Error,
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

const SESSIONS: usize = 100_000;
const CHECKS: usize = 2_000_000;
const COST: Cost = Cost { memory_kib: 64, iterations: 1, parallelism: 1 };

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store: Arc<dyn Store> = Arc::new(Sqlite::memory()?);
    let directory = Arc::new(admins());
    let settings = AuthSettings {
        directories: vec![Arc::clone(&directory)],
        issuer: "http://127.0.0.1:8080".into(),
        cost: COST,
        pool: PoolLimits::default(),
        crypt_keys: Default::default(),
        throttle: ThrottleLimits::default(),
        tokens: Default::default(),
    };
    let auth = Auth::open(Arc::clone(&store), Arc::new(SystemClock), Arc::new(SystemEntropy), settings).await?;
    let ids = fill(&auth, &store, &directory).await?;

    let began = Instant::now();
    for n in 0..CHECKS {
        black_box(auth.live(&directory, &ids[(n * 7919) % ids.len()]).is_some());
    }
    report("one thread, random sessions", began.elapsed(), CHECKS);

    let began = Instant::now();
    for _ in 0..CHECKS {
        black_box(auth.live(&directory, &ids[0]).is_some());
    }
    report("one thread, one session", began.elapsed(), CHECKS);

    let began = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (auth, directory, ids) = (&auth, &directory, &ids);
            scope.spawn(move || {
                for n in 0..CHECKS {
                    black_box(auth.live(directory, &ids[(n * 7919 + thread) % ids.len()]).is_some());
                }
            });
        }
    });
    report("two threads, random sessions", began.elapsed(), CHECKS);

    let live = auth.live(&directory, &ids[0]).ok_or("the session is gone")?;
    let identity = doorward_core::Identity::Known(live.account());
    let upstream: Arc<str> = "shop".into();
    let began = Instant::now();
    for _ in 0..CHECKS {
        black_box(auth.assertion(Some(&live), &identity, &upstream, "session"));
    }
    report("assertion of a session, kept", began.elapsed(), CHECKS);
    Ok(())
}

/// Makes an account with many sessions, and has all of them loaded.
async fn fill(auth: &Auth, store: &Arc<dyn Store>, directory: &Directory) -> Result<Vec<String>, Box<dyn Error>> {
    let new = NewAccount {
        directory: Arc::clone(&directory.name),
        kind: Kind::Admin,
        id: None,
        login: "admin".into(),
        email: None,
        password: Some(hash_password("publish", COST, &SystemEntropy).into()),
        roles: Vec::new(),
        per_website: false,
        membership: None,
        confirmed: true,
        profile: "{}".into(),
    };
    store.add_account(new, SystemClock.now()).await?;
    let attempt = Attempt {
        login: "admin",
        password: "publish",
        address: "127.0.0.1".parse()?,
        device_token: None,
        user_agent: None,
        site: "default",
        website: None,
    };
    let first = auth.sign_in(&[Arc::new(directory.clone())], attempt, None).await?;
    let mut ids = vec![first.id];
    let now: Time = SystemClock.now();
    while ids.len() < SESSIONS {
        let id = session_id::generate(&SystemEntropy);
        let session = Session { key: session_id::key(&id), created: now, last_seen: now, ..first.live.session().clone() };
        store.create_session(&session, None).await?;
        auth.find(directory, &id).await?;
        ids.push(id);
    }
    Ok(ids)
}

fn report(what: &str, took: Duration, checks: usize) {
    println!("{what}: {} ns each", took.as_nanos() / checks as u128);
}

fn admins() -> Directory {
    Directory {
        website: None,
        site: None,
        name: "admins".into(),
        kind: Kind::Admin,
        cookie: CookieSpec {
            name: "doorward_admins".into(),
            domain: None,
            path: "/".into(),
            lifetime: None,
            same_site: SameSite::Lax,
            secure: false,
        },
        idle_timeout: Duration::from_secs(1800),
        lifetime: Duration::from_secs(43_200),
        max_failures: 6,
        lock: Duration::from_secs(1800),
        passwords: doorward_core::PasswordRules::of(Kind::Admin),
    }
}
