//! The Ibexa dialect as its clients speak it, in both formats.

mod csrf_listener_test;
mod documented_requests;
mod errors_test;
mod firewalls;
mod jwt;
mod origins;
mod pages;
mod root_test;
mod session_test;
mod session_units;
mod sessions;

use crate::support::{Server, Site, client::Reply, upstream::Upstream};

/// Runs a case in JSON and in XML: `both!(name);` stands before `fn name(format: Format)`.
macro_rules! both {
    ($name:ident) => {
        mod $name {
            #[test]
            fn in_json() {
                super::$name(crate::ibexa::Format::Json);
            }

            #[test]
            fn in_xml() {
                super::$name(crate::ibexa::Format::Xml);
            }
        }
    };
}
pub(crate) use both;

/// The usual prefix.
pub(crate) const PREFIX: &str = "/api/ibexa/v2";
/// What the functional tests of the dialect send where a type has no name.
pub(crate) const NAMELESS: &str = "application/vnd.ibexa.api.";

/// How a client writes and reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Xml,
}

impl Format {
    /// `application/vnd.ibexa.api.KIND+json`.
    pub(crate) fn media(self, kind: &str) -> String {
        format!("{NAMELESS}{kind}{}", if self == Format::Json { "+json" } else { "+xml" })
    }

    /// The header line that asks for this format.
    pub(crate) fn accept(self, kind: &str) -> String {
        format!("Accept: {}\r\n", self.media(kind))
    }

    /// The body of a sign-in.
    pub(crate) fn input(self, login: &str, password: &str) -> String {
        match self {
            Format::Json => format!(r#"{{"SessionInput": {{"login": "{login}", "password": "{password}"}}}}"#),
            Format::Xml => format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<SessionInput>\n  <login>{login}</login>\n  \
                 <password>{password}</password>\n</SessionInput>"
            ),
        }
    }

    /// The header lines of a sign-in.
    pub(crate) fn sign_in_headers(self) -> String {
        format!("Content-Type: {}\r\n{}", self.media("SessionInput"), self.accept("Session"))
    }

    /// The text of a child of the outermost element.
    pub(crate) fn text(self, reply: &Reply, root: &str, name: &str) -> String {
        match self {
            Format::Json => match &reply.json()[root][name] {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            },
            Format::Xml => reply.element(name).unwrap_or_else(|| panic!("no {name}: {reply:?}")).to_owned(),
        }
    }

    /// An attribute of the outermost element or, with a name, of one of its children.
    pub(crate) fn attribute(self, reply: &Reply, root: &str, child: Option<&str>, name: &str) -> String {
        match self {
            Format::Json => {
                let json = reply.json();
                let element = child.map_or(&json[root], |child| &json[root][child]);
                element[format!("_{name}")].as_str().unwrap_or_else(|| panic!("no {name}: {reply:?}")).to_owned()
            }
            Format::Xml => {
                let after =
                    |text: &str, what: &str| text.split_once(what).unwrap_or_else(|| panic!("no {what}: {reply:?}")).1.to_owned();
                let tag = after(&reply.body, &format!("<{} ", child.unwrap_or(root)));
                let tag = tag.split('>').next().unwrap();
                after(&format!(" {tag}"), &format!(" {name}=\"")).split('"').next().unwrap().to_owned()
            }
        }
    }

    /// The names of the outermost element's children, in order.
    pub(crate) fn children(self, reply: &Reply, root: &str) -> Vec<String> {
        match self {
            // The parser sorts members, the text does not: the contract fixes their order.
            Format::Json => {
                let json = reply.json();
                let members = json[root].as_object().unwrap();
                let mut names: Vec<_> = members.keys().filter(|name| !name.starts_with('_')).cloned().collect();
                names.sort_by_key(|name| reply.body.find(&format!("\"{name}\"")));
                names
            }
            Format::Xml => {
                let lines = reply.body.lines().filter_map(|line| line.strip_prefix("  <"));
                let lines = lines.filter(|line| !line.starts_with('/'));
                lines.map(|line| line.split([' ', '>', '/']).next().unwrap().to_owned()).collect()
            }
        }
    }

    /// That this is an `ErrorMessage` of this status in this format, with the contract's phrase; its description.
    #[track_caller]
    pub(crate) fn error(self, reply: &Reply, status: u16, phrase: &str) -> String {
        assert_eq!(reply.status, status, "{reply:?}");
        assert_eq!(reply.header("content-type"), Some(&*self.media("ErrorMessage")), "{reply:?}");
        assert_eq!(self.attribute(reply, "ErrorMessage", None, "media-type"), self.media("ErrorMessage"));
        assert_eq!(self.text(reply, "ErrorMessage", "errorCode"), status.to_string());
        assert_eq!(self.text(reply, "ErrorMessage", "errorMessage"), phrase);
        self.text(reply, "ErrorMessage", "errorDescription")
    }

    /// That the request was refused for its CSRF token, and that no cookie was touched.
    #[track_caller]
    pub(crate) fn refused_for_token(self, reply: &Reply) {
        assert_eq!(self.error(reply, 401, "Unauthorized"), "Missing or invalid CSRF token");
        assert_eq!(reply.header("set-cookie"), None);
    }
}

/// A session as its client knows it.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The cookie's name.
    pub(crate) name: String,
    /// Its value.
    pub(crate) id: String,
    /// A token.
    pub(crate) token: String,
    /// What deletes it.
    pub(crate) href: String,
}

impl Session {
    /// Reads a `Session` representation, and that it has the contract's shape (ibexa-rest 1.1).
    #[track_caller]
    pub(crate) fn read(format: Format, reply: &Reply) -> Self {
        assert_eq!(reply.header("content-type"), Some(&*format.media("Session")), "{reply:?}");
        assert_eq!(format.attribute(reply, "Session", None, "media-type"), format.media("Session"));
        assert_eq!(format.attribute(reply, "Session", Some("User"), "media-type"), format.media("User"));
        assert_eq!(format.children(reply, "Session"), ["name", "identifier", "csrfToken", "User"], "{reply:?}");
        assert!(reply.header("cache-control").unwrap().contains("no-store"));
        let text = |name| format.text(reply, "Session", name);
        let session = Self {
            name: text("name"),
            id: text("identifier"),
            token: text("csrfToken"),
            href: format.attribute(reply, "Session", None, "href"),
        };
        assert!(session.href.ends_with(&format!("/user/sessions/{}", session.id)), "{session:?}");
        session
    }

    /// `name=value`.
    pub(crate) fn pair(&self) -> String {
        format!("{}={}", self.name, self.id)
    }

    /// The header line with the cookie.
    pub(crate) fn cookie(&self) -> String {
        format!("Cookie: {}\r\n", self.pair())
    }

    /// The header lines with cookie and token.
    pub(crate) fn both(&self) -> String {
        format!("{}X-CSRF-Token: {}\r\n", self.cookie(), self.token)
    }

    /// That the first cookie of an answer deletes that of this session.
    #[track_caller]
    pub(crate) fn is_deleted_by(&self, reply: &Reply) {
        let first = reply.header("set-cookie").unwrap_or_else(|| panic!("no cookie is deleted: {reply:?}"));
        assert!(first.starts_with(&format!("{}=deleted;", self.name)), "{first}");
    }
}

/// A server with whatever it stands on.
pub(crate) struct Door {
    pub(crate) server: Server,
    /// Its folder, gone at the end.
    site: Site,
}

impl Door {
    /// Where it stands, for commands.
    pub(crate) fn site(&self) -> &Site {
        &self.site
    }

    /// The demo.
    pub(crate) fn demo() -> Self {
        let site = Site::new("");
        Self { server: site.demo(), site }
    }

    /// What the functional tests call `login()`: the demo, and admin signed in.
    pub(crate) fn login(format: Format) -> (Self, Session) {
        let door = Self::demo();
        let session = door.sign_in(format, "admin", "publish");
        (door, session)
    }

    /// A server with this configuration in front of `upstream`, and the accounts `admins/admin` (password `publish`),
    /// `admins/editor` (`publish`) and `customers/carla` (`customer`). Where `directories` is empty, both directories
    /// are as they are by default.
    pub(crate) fn serving(upstream: &Upstream, directories: &str, rest: &str) -> Self {
        let directories = match directories {
            "" => {
                "[[directory]]\nname = \"admins\"\nkind = \"admin\"\n[[directory]]\nname = \"customers\"\nkind = \"customer\"\n"
            }
            given => given,
        };
        let server = if rest.contains("[server]") { "" } else { "[server]\nlisten = \"127.0.0.1:0\"\n" };
        let site = Site::new(&format!(
            "{server}[operations]\nlisten = \"127.0.0.1:0\"\n[passwords]\nmemory_kib = 1024\niterations = 1\n{directories}{rest}\n\
             [[upstream]]\nname = \"api\"\nurl = \"{}\"\n",
            upstream.url()
        ));
        for (account, password) in [("admins/admin", "publish"), ("admins/editor", "publish"), ("customers/carla", "customer")] {
            site.user(account, password, &[]);
        }
        Self { server: site.serve(), site }
    }

    /// Sends a sign-in under the usual prefix with more header lines.
    pub(crate) fn try_sign_in(&self, format: Format, login: &str, password: &str, more: &str) -> Reply {
        let headers = format!("{}{more}", format.sign_in_headers());
        self.server.send("POST", &format!("{PREFIX}/user/sessions"), &headers, &format.input(login, password))
    }

    /// Signs in under the usual prefix.
    #[track_caller]
    pub(crate) fn sign_in(&self, format: Format, login: &str, password: &str) -> Session {
        let reply = self.try_sign_in(format, login, password, "");
        assert_eq!(reply.status, 201, "{reply:?}");
        Session::read(format, &reply)
    }

    /// `POST {href}/refresh` without a body.
    pub(crate) fn refresh(&self, format: Format, href: &str, more: &str) -> Reply {
        let headers = format!("Content-Type: {NAMELESS}\r\n{}{more}", format.accept("Session"));
        self.server.send("POST", &format!("{href}/refresh"), &headers, "")
    }

    /// `DELETE {href}`.
    pub(crate) fn delete(&self, href: &str, more: &str) -> Reply {
        self.server.send("DELETE", href, &format!("Accept: {NAMELESS}\r\n{more}"), "")
    }

    /// `GET {PREFIX}{path}`.
    pub(crate) fn get(&self, path: &str, headers: &str) -> Reply {
        self.server.get(&format!("{PREFIX}{path}"), headers)
    }

    /// Whether this session lives.
    pub(crate) fn lives(&self, session: &Session) -> bool {
        match self.get("/user/current", &session.cookie()).status {
            307 => true,
            401 => false,
            other => panic!("GET /user/current is {other}"),
        }
    }
}
