//! A server that publishes keys, well or badly.

use crate::tls::Authority;
use doorward_core::{Time, ports::Clock};
use doorward_crypto::{
    jwt::{Algorithm, SigningKey, set},
    system::{SystemClock, SystemEntropy},
};
use doorward_tls::{Certificates, Chain, Identity, Key, Setup, Terminator};
use serde_json::{Value, json};
use std::{
    fs,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What it answers.
#[derive(Clone)]
pub(super) enum Says {
    /// A status line's rest, headers, and a body.
    This(&'static str, String, String),
    /// Nothing, for ever.
    Nothing,
    /// It hangs up.
    HangsUp,
}

impl Says {
    pub(super) fn keys(keys: &[&SigningKey]) -> Self {
        let json = set(keys.iter().map(|key| key.verifying())).to_string();
        Says::This("200 OK", "Content-Type: application/json\r\n".into(), json)
    }
}

/// The server; it ends with the test's process.
pub(super) struct Idp {
    /// Where its keys are.
    pub(super) url: String,
    says: Arc<Mutex<Says>>,
    asked: Arc<AtomicUsize>,
}

impl Idp {
    /// By plain HTTP.
    pub(super) fn plain(says: Says) -> Self {
        Self::start(says, "http://127.0.0.1", None)
    }

    /// By `https`, with a certificate of this authority for `localhost`.
    pub(super) fn secure(says: Says, authority: &Authority, folder: &Path) -> Self {
        authority.server("idp", &["localhost"]);
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        let identity = Identity::new(Chain::read(&read("idp.pem")).unwrap(), Key::read(&read("idp.key")).unwrap()).unwrap();
        let setup = Setup { certificates: Certificates::new(&identity), clients: None };
        let terminator = Terminator::new(&setup, Arc::new(SystemClock), 100, 100).unwrap();
        Self::start(says, "https://localhost", Some(Arc::new(terminator)))
    }

    fn start(says: Says, base: &str, tls: Option<Arc<Terminator>>) -> Self {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address: SocketAddr = socket.local_addr().unwrap();
        socket.set_nonblocking(true).unwrap();
        let idp =
            Self { url: format!("{base}:{}/jwks", address.port()), says: Arc::new(Mutex::new(says)), asked: Arc::default() };
        let (says, asked) = (Arc::clone(&idp.says), Arc::clone(&idp.asked));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let socket = tokio::net::TcpListener::from_std(socket).unwrap();
                while let Ok((stream, from)) = socket.accept().await {
                    let (says, asked, tls) = (Arc::clone(&says), Arc::clone(&asked), tls.clone());
                    tokio::spawn(async move {
                        match tls {
                            None => answer(stream, &says, &asked).await,
                            Some(tls) => {
                                if let Ok((stream, _)) = tls.accept(stream, from.ip(), |_| false).await {
                                    answer(stream, &says, &asked).await;
                                }
                            }
                        }
                    });
                }
            });
        });
        idp
    }

    /// From now on.
    pub(super) fn says(&self, says: Says) {
        *self.says.lock().unwrap_or_else(PoisonError::into_inner) = says;
    }

    /// How often it was asked.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, says: &Mutex<Says>, asked: &AtomicUsize) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    asked.fetch_add(1, SeqCst);
    let says = says.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match says {
        Says::HangsUp => {}
        Says::Nothing => std::future::pending().await,
        Says::This(status, headers, body) => {
            let text = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    }
}

/// A new key of an issuer.
pub(super) fn key() -> SigningKey {
    SigningKey::from_pkcs8(&SigningKey::generate(Algorithm::Es256, &SystemEntropy).unwrap()).unwrap()
}

/// A token of the issuer `https://idp.example.com` for somebody, with other claims where they are given.
pub(super) fn token(key: &SigningKey, login: &str, changes: Value) -> String {
    let Time(now) = SystemClock.now();
    let mut claims = json!({
        "iss": "https://idp.example.com", "aud": "shop", "iat": now / 1000, "exp": now / 1000 + 3600,
        "preferred_username": login,
    });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    key.sign(&claims).unwrap()
}
