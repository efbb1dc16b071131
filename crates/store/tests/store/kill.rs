//! What is acknowledged survives `kill -9`.
//!
//! The test runs its own binary as a child that writes from many tasks and prints each write after it was
//! acknowledged; it kills the child in the midst of that, again and again on the same database, and then asks the
//! database for everything that was ever printed.

use crate::{admin, key, session};
use doorward_core::{Kind, Time, ports::Store};
use doorward_store::{Options, Sqlite};
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

const ROUNDS: u32 = 24;
const TASKS: u32 = 32;
/// Tells the child where to write, and in which round it is.
const DATABASE: &str = "DOORWARD_TEST_KILL_DATABASE";
const ROUND: &str = "DOORWARD_TEST_KILL_ROUND";

/// What the child printed.
#[derive(Default)]
struct Acknowledged {
    accounts: BTreeSet<(u64, String)>,
    begun: BTreeSet<(u32, u32, u32)>,
    ended: BTreeSet<(u32, u32, u32)>,
}

#[tokio::test]
async fn nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut all = Acknowledged::default();
    for round in 0..ROUNDS {
        let before = all.accounts.len() + all.begun.len() + all.ended.len();
        // Killed after another number of acknowledgements each time, from the very first one on.
        let moment = (u64::from(round) * 2_654_435_761 % 977) as usize * usize::from(round > 0) + 1;
        run_and_kill(&path, round, moment, &mut all);
        assert!(all.accounts.len() + all.begun.len() + all.ended.len() >= before + moment);
        verify(&path, &all).await;
    }
    assert!(!all.ended.is_empty() && all.begun.len() > all.ended.len());
}

fn run_and_kill(path: &Path, round: u32, moment: usize, all: &mut Acknowledged) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child_that_writes_until_it_is_killed", "--ignored", "--nocapture", "--test-threads=1"])
        .env(DATABASE, path)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let Ok(line) = line else { break };
        acknowledged += usize::from(note(&line, all));
        if acknowledged == moment {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success(), "the child ended by itself");
}

/// Reads one line of the child; others are the test harness's own.
fn note(line: &str, all: &mut Acknowledged) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    let place = || (words[1].parse().unwrap(), words[2].parse().unwrap(), words[3].parse().unwrap());
    match words[0] {
        "+account" => all.accounts.insert((words[1].parse().unwrap(), words[2].into())),
        "+session" => all.begun.insert(place()),
        "-session" => all.ended.insert(place()),
        _ => false,
    }
}

async fn verify(path: &Path, all: &Acknowledged) {
    let raw = rusqlite::Connection::open(path).unwrap();
    let integrity: String = raw.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(integrity, "ok");
    let orphans: i64 = raw.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
    assert_eq!(orphans, 0);
    let store = Sqlite::open(path, Options::default()).unwrap();
    for (id, login) in &all.accounts {
        let account = store.account(Kind::Admin, *id).await.unwrap().unwrap_or_else(|| panic!("account {id} is lost"));
        assert_eq!(&*account.account.login, login);
    }
    for place @ (round, task, step) in &all.begun {
        let found = store.session(&key(*round, *task, *step)).await.unwrap();
        if all.ended.contains(place) {
            assert_eq!(found, None, "the end of {place:?} is lost");
        } else if step % 2 == 1 {
            // Only odd ones are never ended: an end that was not acknowledged any more may have happened or not.
            assert!(found.is_some(), "session {place:?} is lost");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the other half of nothing_acknowledged_is_lost, which starts it"]
async fn child_that_writes_until_it_is_killed() {
    let path = std::env::var(DATABASE).unwrap();
    let round: u32 = std::env::var(ROUND).unwrap().parse().unwrap();
    let store = Arc::new(Sqlite::open(Path::new(&path), Options::default()).unwrap());
    let tasks: Vec<_> = (0..TASKS).map(|task| tokio::spawn(write_forever(Arc::clone(&store), round, task))).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn write_forever(store: Arc<Sqlite>, round: u32, task: u32) {
    for step in 0.. {
        let account = store.add_account(admin(&format!("login-{round}-{task}-{step}")), Time(1)).await.unwrap();
        println!("+account {} {}", account.account.id, account.account.login);
        store.create_session(&session(&account, key(round, task, step), 1), None).await.unwrap();
        println!("+session {round} {task} {step}");
        if step % 2 == 0 {
            assert!(store.delete_session(&key(round, task, step), Time(2)).await.unwrap());
            println!("-session {round} {task} {step}");
        }
    }
}
