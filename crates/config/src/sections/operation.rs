//! `[operations]`, `[log]`, `[passwords]`, `[sign_in]`, `[assertion]`.

use super::{server, web};
use crate::{
    reader::{Reader, Section},
    settings::{Assertion, Log, LogFormat, LogRequests, Operations, Passwords, Secrets, SignIn},
};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    thread,
    time::Duration,
};
use toml::de::DeTable;

pub(crate) fn operations(r: &mut Reader<'_>, root: &DeTable<'_>, public: &[SocketAddr]) -> Operations {
    let section = r.section(Some(root), "operations");
    let default = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);
    let listen = r.text(&section, "listen").and_then(|text| r.parsed(&text, server::address)).unwrap_or(default);
    if listen.port() != 0 && public.contains(&listen) {
        r.error(section.place("listen"), format!("`[server]` listens on {listen} too: operations need an address of their own"));
    }
    Operations { listen }
}

pub(crate) fn log(r: &mut Reader<'_>, root: &DeTable<'_>) -> Log {
    let section = r.section(Some(root), "log");
    let formats = [("human", LogFormat::Human), ("json", LogFormat::Json)];
    let requests = [("all", LogRequests::All), ("refused", LogRequests::Refused), ("off", LogRequests::Off)];
    Log {
        format: r.word(&section, "format", &formats, LogFormat::default()),
        requests: r.word(&section, "requests", &requests, LogRequests::default()),
    }
}

pub(crate) fn passwords(r: &mut Reader<'_>, root: &DeTable<'_>) -> Passwords {
    let section = r.section(Some(root), "passwords");
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let passwords = Passwords {
        memory_kib: r.count(&section, "memory_kib", 1024, 19456),
        iterations: r.count(&section, "iterations", 1, 2),
        workers: r.count(&section, "workers", 1, cores.min(2)),
        queue: r.count(&section, "queue", 1, 64),
        magento_crypt_keys: crypt_keys(r, &section),
    };
    // OWASP's weakest Argon2id setting costs about 37 MiB-passes; half of that is no longer a password hash.
    if u64::from(passwords.memory_kib) * u64::from(passwords.iterations) < 19456 {
        let place = if section.has("memory_kib") { section.place("memory_kib") } else { section.place("iterations") };
        r.warn(
            place,
            "password hashes of this cost are easy to guess",
            "`memory_kib` times `iterations` should be 38912 or more",
        );
    }
    passwords
}

fn crypt_keys(r: &mut Reader<'_>, section: &Section<'_>) -> Secrets {
    let texts = r.secrets(section, "magento_crypt_keys").unwrap_or_default();
    for text in texts.iter().filter(|text| text.value.is_empty()) {
        r.error(text.span.clone(), "a crypt key is empty");
    }
    Secrets(texts.into_iter().map(|text| text.value.into()).collect())
}

pub(crate) fn sign_in(r: &mut Reader<'_>, root: &DeTable<'_>) -> SignIn {
    let section = r.section(Some(root), "sign_in");
    SignIn {
        address_failures: r.count(&section, "address_failures", 1, 100),
        address_window: r.duration(&section, "address_window", Duration::from_secs(600)),
    }
}

pub(crate) fn assertion(r: &mut Reader<'_>, root: &DeTable<'_>) -> Assertion {
    let section = r.section(Some(root), "assertion");
    let issuer = r.text(&section, "issuer").and_then(|text| {
        r.parsed(&text, |text| if text.trim().is_empty() { Err("is no issuer".into()) } else { Ok(Arc::from(text)) })
    });
    let jwks_path = r.text(&section, "jwks_path").and_then(|text| {
        r.parsed(&text, |text| match web::path_prefix(text) {
            Ok(path) if path.is_empty() => {
                Err("is no path of its own\nfor example: \"/.well-known/doorward-assertion-keys\"".into())
            }
            Ok(path) if path == "/.well-known/jwks.json" => Err("is where the keys of tokens stand".into()),
            other => other.map(Arc::from),
        })
    });
    Assertion { issuer, jwks_path }
}
