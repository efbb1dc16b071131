//! A blocking HTTP/1.1 client that sends what it is told, to the byte, and shows what came back.

use super::PATIENCE;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

/// An answer as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    /// Status code; 0 when the connection was closed without an answer.
    pub(crate) status: u16,
    /// Status line and header lines, as sent.
    pub(crate) head: String,
    /// Names (lower case) and values in order.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, chunks joined.
    pub(crate) body: String,
}

impl Reply {
    /// The first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All headers of this name.
    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let name = name.to_ascii_lowercase();
        self.headers.iter().filter(move |(n, _)| *n == name).map(|(_, v)| v.as_str())
    }

    /// `name=value` of the cookie that is set and whose name begins so; deletions do not count.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let pairs = self.all("set-cookie").filter_map(|line| line.split(';').next());
        pairs.filter(|pair| pair.starts_with(name) && !pair.ends_with('=')).map(str::to_owned).next()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The text of the first XML element of this name.
    pub(crate) fn element(&self, name: &str) -> Option<&str> {
        let rest = self.body.split_once(&format!("<{name}>"))?.1;
        Some(rest.split_once('<')?.0)
    }
}

/// One request on a connection of its own.
pub(crate) fn exchange(address: SocketAddr, raw: &str) -> Reply {
    let mut connection = Connection::open(address);
    connection.send(raw);
    connection.reply()
}

/// A connection that stays.
pub(crate) struct Connection {
    from: BufReader<Box<dyn Read + Send>>,
    to: Box<dyn Write + Send>,
}

impl Connection {
    /// Connects.
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream.try_clone().unwrap(), stream)
    }

    /// Over whatever carries bytes both ways.
    pub(crate) fn over(from: impl Read + Send + 'static, to: impl Write + Send + 'static) -> Self {
        Self { from: BufReader::new(Box::new(from)), to: Box::new(to) }
    }

    /// Sends these bytes.
    pub(crate) fn send(&mut self, raw: &str) {
        // A server that refused already may have closed; what it said is still to be read.
        let _ = self.to.write_all(raw.as_bytes()).and_then(|()| self.to.flush());
    }

    /// Reads one answer, interim ones (1xx) skipped except 101.
    pub(crate) fn reply(&mut self) -> Reply {
        loop {
            let reply = self.any_reply();
            if reply.status == 101 || !(100..200).contains(&reply.status) {
                return reply;
            }
        }
    }

    /// Reads one answer, interim ones too.
    pub(crate) fn any_reply(&mut self) -> Reply {
        let mut reply = Reply::default();
        loop {
            let mut line = String::new();
            if self.from.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':').filter(|_| !reply.head.is_empty()) {
                reply.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            reply.head.push_str(&line);
        }
        reply.status = reply.head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        if !matches!(reply.status, 0 | 204 | 304) && !(100..200).contains(&reply.status) {
            reply.body = self.body(&reply);
        }
        reply
    }

    fn body(&mut self, reply: &Reply) -> String {
        let mut body = Vec::new();
        if reply.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            loop {
                let mut size = String::new();
                let _ = self.from.read_line(&mut size);
                let size = usize::from_str_radix(size.trim().split(';').next().unwrap_or(""), 16).unwrap_or(0);
                if size == 0 {
                    let mut trailer = String::new();
                    while self.from.read_line(&mut trailer).unwrap_or(0) > 2 {
                        trailer.clear();
                    }
                    break;
                }
                let mut chunk = vec![0; size + 2];
                if self.from.read_exact(&mut chunk).is_err() {
                    break;
                }
                body.extend_from_slice(&chunk[..size]);
            }
        } else if let Some(length) = reply.header("content-length").and_then(|length| length.parse::<u64>().ok()) {
            let _ = self.from.by_ref().take(length).read_to_end(&mut body);
        } else {
            let _ = self.from.read_to_end(&mut body);
        }
        String::from_utf8_lossy(&body).into_owned()
    }

    /// Whether the other side closes now.
    pub(crate) fn is_closed(&mut self) -> bool {
        matches!(self.from.fill_buf(), Ok([]) | Err(_))
    }
}
