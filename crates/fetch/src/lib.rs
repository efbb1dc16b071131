//! Asking other servers: one question, one answer, within bounds.
//!
//! Each question has a connection of its own: `https` with a certificate that counts for the name, or plain HTTP on this machine.
//! No redirect is followed, no proxy asked, no cookie kept, nothing decompressed, and nothing asked twice. Connecting, the whole
//! time, and the size of an answer are bounded. Which addresses are asked says `address`.

mod address;

use async_trait::async_trait;
use bytes::Bytes;
use doorward_core::ports::{Answer, Call, Clock, Fetch, FetchError, RemoteUrl};
use doorward_tls::{Authorities, Connector};
use http::{
    HeaderValue, Method, Request,
    header::{ACCEPT, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};

/// The longest head of an answer, in bytes.
const HEAD: usize = 32 << 10;

/// Bounds of one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long one address may take to accept a connection, and the handshake after it.
    pub connect: Duration,
    /// How long everything may take.
    pub total: Duration,
    /// Bytes of an answer's body.
    pub body: usize,
}

/// Three seconds to connect, ten altogether, 256 KiB.
impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(3), total: Duration::from_secs(10), body: 256 << 10 }
    }
}

/// Asks other servers.
#[derive(Debug)]
pub struct Fetcher {
    connector: Connector,
    limits: Limits,
}

impl Fetcher {
    /// Believes `authorities` about those that are asked by `https`; their certificates count by this clock.
    ///
    /// # Errors
    /// The crypto library refuses.
    pub fn new(authorities: &Authorities, clock: Arc<dyn Clock>, limits: Limits) -> Result<Self, String> {
        Ok(Self { connector: Connector::new(authorities, clock)?, limits })
    }

    async fn ask(&self, call: Call) -> Result<Answer, FetchError> {
        let url = call.url.clone();
        let stream = self.connect(&url).await?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(HEAD);
        let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // The connection lasts as long as the question: whoever stops waiting for the answer ends it.
        let _running = Running(tokio::spawn(async move { drop(connection.await) }));
        let answer = sender.send_request(request(call)?).await.map_err(broken)?;
        let (head, body) = answer.into_parts();
        if head.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err(FetchError::new("its answer is compressed, which was not asked for"));
        }
        let body = Limited::new(body, self.limits.body).collect().await.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                FetchError::new(format!("its answer is longer than {} KiB", self.limits.body >> 10))
            } else {
                FetchError::new("its answer ends before its end")
            }
        })?;
        Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes().to_vec() })
    }

    /// The first address that may be asked and accepts a connection.
    async fn connect(&self, url: &RemoteUrl) -> Result<Box<dyn Stream>, FetchError> {
        let mut why = FetchError::new("its name has no address");
        for address in self.addresses(url).await? {
            if !address::is_allowed(url, address.ip()) {
                why = FetchError::new(format!("its address {} is none that is ever asked", address.ip()));
                continue;
            }
            match timeout(self.limits.connect, self.connect_to(url, address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => why = error,
                Err(_) => why = FetchError::new(format!("{address} does not accept a connection in time")),
            }
        }
        Err(why)
    }

    async fn addresses(&self, url: &RemoteUrl) -> Result<Vec<SocketAddr>, FetchError> {
        if let Ok(address) = url.host().parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, url.port())]);
        }
        let found = timeout(self.limits.connect, tokio::net::lookup_host((url.host(), url.port()))).await;
        let found = found.map_err(|_| FetchError::new("its name is not looked up in time"))?;
        found.map(Iterator::collect).map_err(|error| FetchError::new(format!("its name cannot be looked up: {error}")))
    }

    async fn connect_to(&self, url: &RemoteUrl, address: SocketAddr) -> Result<Box<dyn Stream>, FetchError> {
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|error| FetchError::new(format!("{address} accepts no connection: {error}")))?;
        if !url.is_secure() {
            return Ok(Box::new(stream));
        }
        let stream = self.connector.connect(url.host(), stream).await;
        Ok(Box::new(stream.map_err(|why| FetchError::new(format!("{} {why}", url.host())))?))
    }
}

#[async_trait]
impl Fetch for Fetcher {
    async fn fetch(&self, call: Call) -> Result<Answer, FetchError> {
        let late = FetchError::new(format!("it does not answer within {} seconds", self.limits.total.as_secs_f32()));
        timeout(self.limits.total, self.ask(call)).await.unwrap_or(Err(late))
    }
}

/// What bytes go over.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Ends with whoever holds it.
struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn request(call: Call) -> Result<Request<Full<Bytes>>, FetchError> {
    let Call { url, headers, form } = call;
    let method = if form.is_some() { Method::POST } else { Method::GET };
    let mut request = Request::builder().method(method).uri(url.target()).header(HOST, url.authority());
    if let Some(all) = request.headers_mut() {
        all.insert(ACCEPT, HeaderValue::from_static("application/json"));
        all.insert(USER_AGENT, HeaderValue::from_static("doorward"));
        all.insert(CONNECTION, HeaderValue::from_static("close"));
        if form.is_some() {
            all.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        }
        let host = all.remove(HOST);
        all.extend(headers);
        if let Some(host) = host {
            all.insert(HOST, host);
        }
    }
    let body = Full::new(Bytes::from(form.unwrap_or_default()));
    request.body(body).map_err(|_| FetchError::new("it cannot be asked so: a header is none"))
}

/// The library's text quotes nothing of what was sent.
#[expect(clippy::needless_pass_by_value, reason = "it is passed as a function to `map_err`")]
fn broken(error: hyper::Error) -> FetchError {
    if error.is_parse() {
        FetchError::new("its answer is no HTTP within bounds")
    } else {
        FetchError::new("it hung up without an answer")
    }
}

#[cfg(test)]
mod tests;
