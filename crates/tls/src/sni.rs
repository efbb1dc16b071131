//! Which certificate we show: by the name that the client asks for (RFC 6066, 3).

use crate::Identity;
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{collections::HashMap, fmt, sync::Arc};

/// The certificates of a server, by name.
#[derive(Clone)]
pub struct Certificates {
    default: Arc<CertifiedKey>,
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By what follows the `*.`.
    wild: HashMap<String, Arc<CertifiedKey>>,
}

impl Certificates {
    /// `default` is for its own names and whatever nobody else is for.
    pub fn new(default: &Identity) -> Self {
        let mut all = Self { default: Arc::clone(&default.certified), exact: HashMap::new(), wild: HashMap::new() };
        default.names().iter().for_each(|name| all.put(name, default));
        all
    }

    /// Shows `identity` to clients that ask for `name`, in lower case; `*.example.com` stands for any one label there, and
    /// whole names come before it. Of two for one name the later one counts.
    pub fn put(&mut self, name: &str, identity: &Identity) {
        let certified = Arc::clone(&identity.certified);
        match name.strip_prefix("*.") {
            Some(rest) => self.wild.insert(rest.to_owned(), certified),
            None => self.exact.insert(name.to_owned(), certified),
        };
    }

    fn find(&self, name: &str) -> &Arc<CertifiedKey> {
        let name = name.to_ascii_lowercase();
        let wild = || self.wild.get(name.split_once('.')?.1);
        self.exact.get(&name).or_else(wild).unwrap_or(&self.default)
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("exact", &self.exact.keys()).field("wild", &self.wild.keys()).finish()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(hello.server_name().map_or(&self.default, |name| self.find(name))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Chain, Key};

    fn identity(names: &[&str]) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        Identity::new(Chain::read(&made.cert.pem()).unwrap(), Key::read(&made.signing_key.serialize_pem()).unwrap()).unwrap()
    }

    #[test]
    fn whole_names_come_before_wildcards_and_these_before_the_default() {
        let (a, b, c) = (identity(&["shop.example.com"]), identity(&["x"]), identity(&["y"]));
        let mut all = Certificates::new(&a);
        all.put("*.example.com", &b);
        all.put("api.example.com", &c);
        for (name, expected) in [
            ("shop.example.com", &a),
            ("SHOP.example.com", &a),
            ("www.example.com", &b),
            ("api.example.com", &c),
            ("a.api.example.com", &a),
            ("example.com", &a),
            ("com", &a),
            ("", &a),
        ] {
            assert!(Arc::ptr_eq(all.find(name), &expected.certified), "{name}");
        }
    }
}
