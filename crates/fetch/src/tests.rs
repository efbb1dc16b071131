use super::*;
use doorward_core::Time;
use doorward_tls::{Certificates, Chain, Identity, Key, Setup, Terminator};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

struct Now;

impl Clock for Now {
    fn now(&self) -> Time {
        Time(1_800_000_000_000)
    }
}

/// An authority, and a certificate of it for `name`.
fn authority(name: &str) -> (Chain, Identity) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&ca_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &Issuer::new(params, ca_key)).unwrap().pem();
    let identity = Identity::new(Chain::read(&leaf).unwrap(), Key::read(&key.serialize_pem()).unwrap()).unwrap();
    (Chain::read(&ca).unwrap(), identity)
}

fn fetcher(chain: &Chain, limits: Limits) -> Fetcher {
    Fetcher::new(&Authorities::only(chain).unwrap(), Arc::new(Now), limits).unwrap()
}

fn plain(limits: Limits) -> Fetcher {
    fetcher(&authority("localhost").0, limits)
}

/// Answers every connection with these bytes once it has read a whole request, and hands the requests out.
async fn server(
    answer: &'static [u8],
    tls: Option<Arc<Terminator>>,
) -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (sender, requests) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            let (tls, sender) = (tls.clone(), sender.clone());
            tokio::spawn(async move {
                match tls {
                    None => serve(stream, answer, &sender).await,
                    Some(tls) => {
                        if let Ok((stream, _)) = tls.accept(stream, [127, 0, 0, 1].into(), |_| false).await {
                            serve(stream, answer, &sender).await;
                        }
                    }
                }
            });
        }
    });
    (address, requests)
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &[u8],
    sender: &tokio::sync::mpsc::UnboundedSender<String>,
) {
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    let whole = |read: &[u8]| {
        let text = String::from_utf8_lossy(read).to_lowercase();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        (body.len() >= length.unwrap_or(0)).then_some(())
    };
    while whole(&read).is_none() {
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(length) => read.extend_from_slice(&chunk[..length]),
        }
    }
    let _ = sender.send(String::from_utf8(read).unwrap());
    let _ = stream.write_all(answer).await;
    let _ = stream.flush().await;
    // A server that has said nothing says nothing more either.
    if answer.is_empty() {
        std::future::pending::<()>().await;
    }
    let _ = stream.shutdown().await;
}

fn url(scheme: &str, host: &str, address: SocketAddr) -> RemoteUrl {
    RemoteUrl::parse(&format!("{scheme}://{host}:{}/jwks?x=1", address.port())).unwrap()
}

async fn why(fetcher: &Fetcher, url: &RemoteUrl) -> String {
    fetcher.fetch(Call::get(url)).await.unwrap_err().to_string()
}

const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

#[tokio::test]
async fn asks_on_this_machine_by_plain_http() {
    let (address, mut requests) = server(GOOD, None).await;
    let fetcher = plain(Limits::default());
    let answer = fetcher.fetch(Call::get(&url("http", "127.0.0.1", address))).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.content(&["application/json"])), (200, Ok(&b"{}"[..])));
    let request = requests.recv().await.unwrap();
    assert!(request.starts_with("GET /jwks?x=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("host: 127.0.0.1:{}\r\n", address.port())), "{request}");
    let mut call = Call::post(&url("http", "localhost", address), "token=abc");
    call.headers.insert(http::header::AUTHORIZATION, HeaderValue::from_static("Basic abc"));
    call.headers.insert(HOST, HeaderValue::from_static("elsewhere"));
    assert!(!format!("{call:?}").contains("abc"));
    fetcher.fetch(call).await.unwrap();
    let request = requests.recv().await.unwrap();
    assert!(request.starts_with("POST ") && request.ends_with("\r\n\r\ntoken=abc"), "{request}");
    assert!(request.contains("authorization: Basic abc\r\n") && !request.contains("elsewhere"), "{request}");
}

#[tokio::test]
async fn asks_by_https_whoever_has_a_certificate_for_the_name() {
    let (ca, identity) = authority("localhost");
    let setup = Setup { certificates: Certificates::new(&identity), clients: None };
    let (address, _requests) = server(GOOD, Some(Arc::new(Terminator::new(&setup, Arc::new(Now), 9, 9).unwrap()))).await;
    let right = fetcher(&ca, Limits::default());
    assert_eq!(right.fetch(Call::get(&url("https", "localhost", address))).await.unwrap().body, b"{}");
    // Another name, and another authority.
    assert!(why(&right, &url("https", "127.0.0.1", address)).await.contains("cannot be trusted"));
    assert!(why(&plain(Limits::default()), &url("https", "localhost", address)).await.contains("cannot be trusted"));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_nobody_follows_it() {
    let (elsewhere, mut visits) = server(GOOD, None).await;
    let head: String = format!("HTTP/1.1 302 Found\r\nLocation: http://{elsewhere}/\r\nContent-Length: 0\r\n\r\n");
    let (address, _requests) = server(head.leak().as_bytes(), None).await;
    let answer = plain(Limits::default()).fetch(Call::get(&url("http", "127.0.0.1", address))).await.unwrap();
    assert_eq!(answer.status.as_u16(), 302);
    assert!(answer.content(&["application/json"]).unwrap_err().to_string().contains("redirect"));
    assert!(visits.try_recv().is_err());
}

#[tokio::test]
async fn an_answer_has_a_size_and_a_time() {
    let limits = Limits { body: 1024, ..Limits::default() };
    let long = [&b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"[..], &[b' '; 2000]].concat();
    let announced = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{}";
    for answer in [long.leak(), &announced[..]] {
        let (address, _requests) = server(answer, None).await;
        let text = why(&plain(limits), &url("http", "127.0.0.1", address)).await;
        assert!(text.contains("longer than 1 KiB") || text.contains("ends before its end"), "{text}");
    }
    let head = [&b"HTTP/1.1 200 OK\r\nX-Long: "[..], &[b'a'; 4 * HEAD], b"\r\n\r\n"].concat();
    let (address, _requests) = server(head.leak(), None).await;
    assert!(plain(limits).fetch(Call::get(&url("http", "127.0.0.1", address))).await.is_err());
    // Nothing at all.
    let limits = Limits { total: Duration::from_millis(50), ..limits };
    let (address, _requests) = server(b"", None).await;
    assert!(why(&plain(limits), &url("http", "127.0.0.1", address)).await.contains("does not answer within 0.05 seconds"));
}

#[tokio::test]
async fn what_is_no_answer_is_an_error_in_words() {
    for (answer, text) in [
        (&b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}"[..], "ends before its end"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", "compressed"),
    ] {
        let (address, _requests) = server(answer, None).await;
        let found = why(&plain(Limits::default()), &url("http", "127.0.0.1", address)).await;
        assert!(found.contains(text), "{found}");
    }
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    assert!(why(&plain(Limits::default()), &url("http", "127.0.0.1", address)).await.contains("accepts no connection"));
    let metadata = RemoteUrl::parse("https://169.254.169.254/latest/meta-data").unwrap();
    assert!(why(&plain(Limits::default()), &metadata).await.contains("none that is ever asked"));
}
