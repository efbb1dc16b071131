//! Asking other servers: one question, one answer, within bounds.

use async_trait::async_trait;
use http::{HeaderMap, Uri, header::CONTENT_TYPE};
use std::{fmt, net::IpAddr, sync::Arc};

/// The longest URL that may be asked, in bytes.
const LONGEST: usize = 2048;

/// Where another server is asked: `https`, or `http` on this machine.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RemoteUrl {
    text: Arc<str>,
    uri: Uri,
    secure: bool,
}

impl RemoteUrl {
    /// Reads an absolute URL. `http` is for `localhost` and literal addresses of loopback alone: elsewhere anybody on the way
    /// could answer.
    ///
    /// # Errors
    /// What is wrong with it; the text continues the URL.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let uri = match text.parse::<Uri>() {
            Ok(uri) if text.len() <= LONGEST => uri,
            _ => return Err("is no URL"),
        };
        // What `Uri` leaves out without a word.
        if text.contains('#') {
            return Err("has a fragment, which no server is asked for");
        }
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("is no URL that begins with `https://`"),
        };
        let authority = uri.authority().ok_or("names no host")?;
        if authority.as_str().contains('@') {
            return Err("holds a user name, which nobody is told");
        }
        let (host, whole) = (authority.host(), authority.as_str());
        // A port that is none reads as no port.
        if host.is_empty() || (host.len() != whole.len() && authority.port_u16().is_none_or(|port| port == 0)) {
            return Err("names no host and port");
        }
        let url = Self { text: text.into(), uri, secure };
        if !secure && !url.is_on_this_machine() {
            return Err("is plain HTTP, which only this machine may be asked by: write `https://`");
        }
        Ok(url)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is `https`.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        self.uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
    }

    /// The port, the scheme's own where none is written.
    pub fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(if self.secure { 443 } else { 80 })
    }

    /// Host and port as `Host` wants them.
    pub fn authority(&self) -> &str {
        self.uri.authority().map(http::uri::Authority::as_str).unwrap_or_default()
    }

    /// What stands in the request line: path and query.
    pub fn target(&self) -> &str {
        self.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str)
    }

    /// Whether the host can be nobody but this machine.
    pub fn is_on_this_machine(&self) -> bool {
        self.host() == "localhost" || self.host().parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
    }
}

/// Without the query, which may hold what is not for everybody.
impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.split('?').next().unwrap_or_default())
    }
}

impl fmt::Debug for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteUrl({self})")
    }
}

/// A question: GET, or POST of a form.
#[derive(Clone)]
pub struct Call {
    /// Whom.
    pub url: RemoteUrl,
    /// Headers besides those that every question has. The values are secret.
    pub headers: HeaderMap,
    /// A form to POST (`application/x-www-form-urlencoded`), encoded; `None` is a GET. Secret.
    pub form: Option<Vec<u8>>,
}

impl Call {
    /// A GET without headers of its own.
    pub fn get(url: &RemoteUrl) -> Self {
        Self { url: url.clone(), headers: HeaderMap::new(), form: None }
    }

    /// A POST of a form that is encoded already.
    pub fn post(url: &RemoteUrl, form: impl Into<Vec<u8>>) -> Self {
        Self { url: url.clone(), headers: HeaderMap::new(), form: Some(form.into()) }
    }
}

/// Neither headers nor form.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = if self.form.is_some() { "POST" } else { "GET" };
        write!(f, "Call({method} {})", self.url)
    }
}

/// What was answered, whatever the status: redirects are not followed.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: http::StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// The whole body, within the bound.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body of a 200 whose media type, without parameters, is one of `types`; `+json` stands for every type that ends so.
    ///
    /// # Errors
    /// Another status, a redirect among them, or another type.
    pub fn content(&self, types: &[&str]) -> Result<&[u8], FetchError> {
        if self.status.is_redirection() {
            return Err(FetchError::new(format!("it answers {} with a redirect, which is not followed", self.status.as_u16())));
        }
        if self.status != http::StatusCode::OK {
            return Err(FetchError::new(format!("it answers {}", self.status.as_u16())));
        }
        let mut lines = self.headers.get_all(CONTENT_TYPE).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return Err(FetchError::new("its answer does not have one Content-Type"));
        };
        let found = line.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let fits = |wanted: &&str| if wanted.starts_with('+') { found.ends_with(wanted) } else { found == **wanted };
        if types.iter().any(fits) { Ok(&self.body) } else { Err(FetchError::new("its answer is of another media type")) }
    }
}

/// The size alone.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status.as_u16(), self.body.len())
    }
}

/// Why there is no answer. The text is for the operator: it says what is wrong and nothing of what was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(Box<str>);

impl FetchError {
    /// With this text.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }
}

/// Asks other servers.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// The answer to one question. It is never asked twice.
    ///
    /// # Errors
    /// When there is no answer, or one that exceeds a bound.
    async fn fetch(&self, call: Call) -> Result<Answer, FetchError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked_by_plain_http() {
        for good in [
            "https://idp.example.com/jwks",
            "https://10.0.0.1:8443/",
            "https://[2001:db8::1]",
            "http://localhost:8080/jwks?x=1",
            "http://127.0.0.1/",
            "http://127.9.9.9:1/",
            "http://[::1]:80/",
        ] {
            assert_eq!(RemoteUrl::parse(good).map(|url| url.as_str().to_owned()), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "/jwks",
            "idp.example.com",
            "ftp://idp.example.com/",
            "file:///etc/passwd",
            "http://idp.example.com/",
            "http://10.0.0.1/",
            "http://localhost.example.com/",
            "http://localhost@example.com/",
            "http://127.0.0.1.example.com/",
            "http://[::ffff:10.0.0.1]/",
            "https://a@idp.example.com/",
            "https://idp.example.com/#keys",
            "https://idp.example.com:0/",
            "https://idp.example.com:99999/",
            "https://idp.example.com:/",
            "https://:443/",
            "https:///jwks",
            "https://idp.example.com/a b",
            "https://b\u{fc}cher.example/",
        ] {
            assert!(RemoteUrl::parse(bad).is_err(), "{bad}");
        }
        assert!(RemoteUrl::parse(&format!("https://a/{}", "a".repeat(LONGEST))).is_err());
    }

    #[test]
    fn a_url_is_taken_apart() {
        let url = RemoteUrl::parse("https://[2001:db8::1]/a/b?secret=1").unwrap();
        assert_eq!((url.host(), url.port(), url.authority()), ("2001:db8::1", 443, "[2001:db8::1]"));
        assert_eq!((url.target(), url.to_string()), ("/a/b?secret=1", "https://[2001:db8::1]/a/b".to_owned()));
        let url = RemoteUrl::parse("http://localhost:8080").unwrap();
        assert_eq!((url.host(), url.port(), url.target(), url.is_secure()), ("localhost", 8080, "/", false));
    }

    #[test]
    fn only_a_200_of_the_right_type_has_content() {
        let answer = |status: u16, kind: &'static str| Answer {
            status: http::StatusCode::from_u16(status).unwrap(),
            headers: [(CONTENT_TYPE, kind.parse().unwrap())].into_iter().collect(),
            body: b"{}".to_vec(),
        };
        let types = ["application/json", "+json"];
        assert_eq!(answer(200, "Application/JSON; charset=utf-8").content(&types), Ok(&b"{}"[..]));
        assert_eq!(answer(200, "application/jwk-set+json").content(&types), Ok(&b"{}"[..]));
        for (status, kind) in
            [(200, "text/html"), (200, "application/jsonp"), (404, "application/json"), (204, "application/json")]
        {
            assert!(answer(status, kind).content(&types).is_err(), "{status} {kind}");
        }
        assert!(answer(302, "application/json").content(&types).unwrap_err().to_string().contains("redirect"));
        let mut answer = answer(200, "application/json");
        answer.headers.append(CONTENT_TYPE, "text/html".parse().unwrap());
        assert!(answer.content(&types).is_err(), "two of them");
        answer.headers = HeaderMap::new();
        assert!(answer.content(&types).is_err());
    }
}
