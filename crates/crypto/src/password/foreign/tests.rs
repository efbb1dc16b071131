use super::super::{PasswordPool, PoolLimits, hash_password};
use super::*;
use crate::system::SystemEntropy;
use proptest::prelude::*;
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};

const CHEAP: Cost = Cost { memory_kib: 64, iterations: 1, parallelism: 1 };
const LANE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const KEY: &str = "0123456789abcdef0123456789abcdef";

/// Name, stored text, password.
fn vectors() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let lines = include_str!("vectors.txt").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let mut fields = line.split('\t');
        (fields.next().unwrap(), fields.next().unwrap(), fields.next().unwrap())
    })
}

fn pool(keys: &[&str]) -> PasswordPool {
    let keys = CryptKeys::new(keys.iter().copied());
    PasswordPool::with_crypt_keys(CHEAP, PoolLimits::default(), Arc::new(SystemEntropy), keys).unwrap()
}

fn error(text: &str) -> Option<Unusable> {
    StoredHash::parse(text).err()
}

/// As a worker does, without the wait.
fn right(stored: &str, password: &str) -> bool {
    let (mut blocks, large, keys) = (Vec::new(), Default::default(), CryptKeys::new(["another key", KEY]));
    let memory = Memory::new(&mut blocks, &large);
    StoredHash::parse(stored).unwrap().verify(password.as_bytes(), &mut Tools { memory, keys: &keys })
}

#[test]
fn every_format_verifies_the_password_and_no_other() {
    assert!(vectors().count() >= 79);
    for (name, stored, password) in vectors() {
        assert_eq!(error(stored), None, "{name}");
        assert!(right(stored, password), "{name}");
        let others = [format!(" {password}"), password.to_uppercase() + "!", "x".repeat(71)];
        for other in others {
            assert!(!right(stored, &other), "{name} took {other:?}");
        }
        assert!(CHEAP.differs_from(stored), "{name} would never be hashed anew");
    }
}

#[test]
fn a_changed_character_of_the_hash_is_another_hash() {
    // One cheap example of each family.
    let names = ["bcrypt 2b", "argon2i", "PHC pbkdf2-sha256", "passlib scrypt", "phpass $P$", "Drupal $S$", "sha512-crypt"];
    let names = names.iter().chain(&["LDAP {SHA}", "Django md5", "Ibexa 2", "Magento 0", "Magento keyed"]);
    for name in names {
        let (_, stored, password) = vectors().find(|(known, ..)| known == name).unwrap();
        // The place of the hash: at the end, and at the beginning where the format has it first.
        let at = match *name {
            "Ibexa 2" => "{ibexa-2}".len(),
            "Magento 0" | "Magento keyed" => 0,
            _ => stored.len() - 4,
        };
        let other = if stored.as_bytes()[at] == b'0' { '1' } else { '0' };
        let forged = format!("{}{other}{}", &stored[..at], &stored[at + 1..]);
        assert!(right(stored, password) && !right(&forged, password), "{name}: {forged}");
    }
}

#[tokio::test]
async fn a_hash_under_a_crypt_key_needs_the_key() {
    let (_, stored, password) = vectors().find(|(name, ..)| *name == "Magento keyed").unwrap();
    assert!(StoredHash::parse(stored).unwrap().needs_crypt_key());
    assert!(!StoredHash::parse(&format!("{stored}:salt:1")).unwrap().needs_crypt_key());
    for (keys, right) in
        [(&[][..], false), (&["0123456789abcdef0123456789abcdeF"], false), (&["", KEY], true), (&[KEY, "new"], true)]
    {
        assert_eq!(pool(keys).verify(LANE, password, Some(stored)).await, Ok(right), "{keys:?}");
    }
    // A key that `env.php` writes in base64.
    let encoded = "base64MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    assert_eq!(pool(&[encoded]).verify(LANE, password, Some(stored)).await, Ok(true));
    assert_eq!(format!("{:?}", CryptKeys::new([KEY])), "CryptKeys(1)");
}

#[test]
fn what_a_hash_may_ask_for_is_bounded() {
    let tail = "$c29tZXNhbHRzb21lc2FsdA$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    let half = "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    let hex = "0".repeat(64);
    let costly = [
        format!("$argon2id$v=19$m=4194304,t=1,p=1{tail}"),
        format!("$argon2i$v=19$m=102401,t=1,p=1{tail}"),
        format!("$argon2d$v=19$m=64,t=17,p=1{tail}"),
        format!("$argon2id$v=19$m=65536,t=5,p=1{tail}"),
        format!("$argon2id$v=19$m=65536,t=1,p=17{tail}"),
        format!("{hex}:saltsalt:3_32_2_4294967295"),
        format!("{hex}:saltsalt:3_32_100_67108864"),
        format!("{hex}:saltsalt:3_32_4294967295_67108864"),
        format!("{hex}:saltsalt:2:2:2"),
        format!("{hex}:saltsalt:0:0:0:0:0"),
        format!("{hex}:saltsalt:3_4294967295_2_67108864"),
        "$2y$17$LQvBiQUIhJypRbE2dwTlUupP82vKNhfoR8Wn2Iwfua4PveVwo8uyy".into(),
        "$2y$31$LQvBiQUIhJypRbE2dwTlUupP82vKNhfoR8Wn2Iwfua4PveVwo8uyy".into(),
        format!("$pbkdf2-sha256$i=6000001,l=32$c2FsdA${half}"),
        format!("$pbkdf2-sha256$i=4294967295,l=32$c2FsdA${half}"),
        format!("pbkdf2_sha256$4000000000$salt${half}="),
        format!("$scrypt$ln=17,r=8,p=1$c2FsdA${half}"),
        format!("$scrypt$ln=31,r=4294967295,p=1$c2FsdA${half}"),
        format!("$scrypt$ln=16,r=8,p=5$c2FsdA${half}"),
        format!("$scrypt$ln=1,r=8,p=4294967295$c2FsdA${half}"),
        format!("scrypt:2:1:1000000$salt${hex}"),
        "$P$HNB.aFcG.OmvjZ4pRuKgu4v5fWMZT1w".into(),
        "$S$SabcdefghWy64d.CsBYlQdcRJgjKY8hdzKV6B.m3zVs4Bg7PewK0".into(),
        "$5$rounds=999999999$vIrq3uJ.UxXHbLXy$Jp.AHSTZuxh/0W1dqfGVKOZj7vAmsaAtXUqwVsiVGJ8".into(),
        "{symfony-sha1}100001$salt$CyMYdgxQsNRAmBlr6D4jXqo/ryY=".into(),
    ];
    for text in &costly {
        assert!(matches!(error(text), Some(Unusable::TooCostly(_))), "{text}: {:?}", error(text));
    }
    assert_eq!(error(&"0".repeat(1025)), Some(Unusable::Unknown));
}

#[test]
fn what_is_broken_or_unknown_is_no_hash() {
    let cases = [
        "",
        "publish",
        "!",
        "*",
        "x",
        "$",
        "$$$",
        "$1$salt$hash",
        "$2x$05$LQvBiQUIhJypRbE2dwTlUupP82vKNhfoR8Wn2Iwfua4PveVwo8uyy",
        "$2y$05$short",
        "$2y$+5$LQvBiQUIhJypRbE2dwTlUupP82vKNhfoR8Wn2Iwfua4PveVwo8uyy",
        "$2y$03$LQvBiQUIhJypRbE2dwTlUupP82vKNhfoR8Wn2Iwfua4PveVwo8uyy",
        "$2y$05$LQvBiQUIhJypRbE2dwTlUupP82vKNhfoR8Wn2Iwfua4PveVwo8uéé",
        "{SSHA}",
        "{SSHA}CyMYdgxQsNRAmBlr6D4jXqo/ryY=",
        "{SHA}CyMYdgxQsNRAmBlr6D4jXqo/ryY=AAAA",
        "{SHA}!",
        "{CRYPT}",
        "{CRYPT}ab12345678901",
        "{CLEARTEXT}publish",
        "{ibexa-5}publish",
        "{ibexa-2}cb4c3ae2dbd2df636f7c49f448c42892",
        "{ibexa-4}0123456789abcdef",
        "{ibexa-1}",
        "{",
        "{}",
        "md5$salt",
        "unsalted_md5$$226bebbbbfe262404886645b5b0a5a43",
        "226bebbbbfe262404886645b5b0a5a4g",
        "a:b",
        "a:b:c",
        "a:b:0",
        ":::",
        "::2",
        "05b87b4a3341410e508bc28a767741e790f0fddb0fdbdfa2306fcfb92c289ba0::2",
        "226bebbbbfe262404886645b5b0a5a43:salt",
        "$pbkdf2-md5$1000$c2FsdA$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$pbkdf2-sha256$0$c2FsdA$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "pbkdf2_sha256$1000$salt$c2hvcnQ=",
        "$scrypt$ln=10,r=8$c2FsdA$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "scrypt:1000:8:1$salt$00000000000000000000000000000000",
        "$7$short$x",
        "$S$8abcdefghshort",
        "$P$",
        "U$",
        "$5$salt",
        "$6$$",
        "$argon2id$v=18$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ",
        "line\nbreak:a:0",
    ];
    for text in cases {
        assert!(matches!(error(text), Some(Unusable::Unknown | Unusable::Broken(_))), "{text:?}: {:?}", error(text));
    }
}

#[test]
fn nothing_shows_the_hash() {
    let (_, stored, _) = vectors().next().unwrap();
    assert_eq!(format!("{:?}", StoredHash::parse(stored).unwrap()), "StoredHash(\"bcrypt\")");
    let error = error("$2y$31$LQvBiQUIhJypRbE2dwTlUupP82vKNhfoR8Wn2Iwfua4PveVwo8uyy").unwrap();
    assert_eq!(error.to_string(), "the password hash (bcrypt) asks for more memory or time than is given to one");
}

#[tokio::test]
async fn bcrypt_reads_72_bytes_and_no_nul() {
    let pool = pool(&[]);
    let (_, stored, password) = vectors().find(|(name, ..)| *name == "bcrypt beyond 72 bytes").unwrap();
    assert_eq!(pool.verify(LANE, &password[..72], Some(stored)).await, Ok(true));
    assert_eq!(pool.verify(LANE, &password[..71], Some(stored)).await, Ok(false));
    let (_, empty, _) = vectors().find(|(name, ..)| *name == "bcrypt empty").unwrap();
    assert_eq!(pool.verify(LANE, "\0", Some(empty)).await, Ok(false));
    assert_eq!(pool.verify(LANE, "", Some(empty)).await, Ok(true));
}

#[tokio::test]
async fn a_foreign_hash_does_not_tell_by_its_time_that_it_is_there() {
    let pool = pool(&[]);
    let slow = vectors().find(|(name, ..)| *name == "Django argon2, its own cost").unwrap().1;
    let fast = vectors().find(|(name, ..)| *name == "bare MD5").unwrap().1;
    let own = hash_password("right", CHEAP, &SystemEntropy);
    assert_eq!(pool.verify(LANE, "wrong", Some(slow)).await, Ok(false));
    let slowest = pool.stats().typical;
    assert!(slowest > Duration::from_millis(5), "{slowest:?}");
    // Many fast ones do not make the slow one seem faster than it is.
    for stored in [Some(fast), Some(fast), Some(fast), None, Some(&*own), Some("no hash at all")] {
        let began = Instant::now();
        assert_eq!(pool.verify(LANE, "wrong", stored).await, Ok(false));
        assert!(began.elapsed() >= slowest, "{stored:?} took {:?} of {slowest:?}", began.elapsed());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn no_text_makes_it_panic(head in prop::sample::select(vec![
        "", "$2y$", "$wp$2y$10$", "$5$rounds=", "$6$", "$7$", "$scrypt$ln=", "$P$", "$S$", "U$P$", "{SSHA}", "{ibexa-2}", "{symfony-sha1}",
        "pbkdf2_sha256$1$", "pbkdf2:sha1:", "$pbkdf2-sha1$", "scrypt$2$", "scrypt:", "argon2$argon2id$", "md5$", "bcrypt$", "a:b:3_",
    ]), tail in "[$:{}a-zA-Z0-9./=,é_-]{0,90}") {
        let _ = StoredHash::parse(&format!("{head}{tail}"));
    }
}
