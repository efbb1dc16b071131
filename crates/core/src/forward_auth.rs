//! Forward-auth: other proxies ask for a verdict on each request before they send it on themselves.

use std::sync::Arc;

/// How a proxy says which request it asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Convention {
    /// nginx, `auth_request`: `X-Original-URL`, or `X-Original-URI` with `X-Forwarded-Host` and `X-Forwarded-Proto`; and
    /// `X-Original-Method`. Every answer is 200, 401 or 403: of any other it makes a 500.
    Nginx,
    /// Caddy, `forward_auth`: `X-Forwarded-Method`, `-Proto`, `-Host` and `-Uri`.
    Caddy,
    /// Traefik, ForwardAuth: the same headers. It leads redirects to the host that it asked, unless they name another one.
    Traefik,
    /// HAProxy with a script that asks: the same headers, which its configuration sets.
    Haproxy,
    /// Envoy, `ext_authz` over HTTP: the request itself without its body, under a prefix of its path.
    Envoy,
}

impl Convention {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Nginx, Self::Caddy, Self::Traefik, Self::Haproxy, Self::Envoy];

    /// The word in the configuration, in logs and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
            Self::Traefik => "traefik",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
        }
    }
}

/// Where proxies of one convention ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardAuth {
    /// How they ask.
    pub convention: Convention,
    /// The path, without trailing slash; never the root.
    pub path: Arc<str>,
}

impl ForwardAuth {
    /// Whether a path, as it was sent, is one of a question: for Envoy all below, for the others this alone.
    pub fn takes(&self, path: &str) -> bool {
        match (self.convention, path.strip_prefix(&*self.path)) {
            (Convention::Envoy, Some(rest)) => rest.starts_with('/'),
            (_, Some(rest)) => rest.is_empty(),
            (_, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_takes_its_path_and_no_other() {
        let at = |convention| ForwardAuth { convention, path: "/_doorward/ask".into() };
        for (path, exact, below) in [
            ("/_doorward/ask", true, false),
            ("/_doorward/ask/", false, true),
            ("/_doorward/ask/orders", false, true),
            ("/_doorward/asks", false, false),
            ("/_doorward", false, false),
            ("/", false, false),
        ] {
            assert_eq!(at(Convention::Envoy).takes(path), below, "{path}");
            assert_eq!(at(Convention::Nginx).takes(path), exact, "{path}");
        }
    }
}
