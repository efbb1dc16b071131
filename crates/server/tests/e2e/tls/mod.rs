//! TLS, as curl and OpenSSL see it.

pub(crate) mod authority;
mod bound;
mod checks;
mod clients;
mod listener;
mod plain;
mod proxies;
mod real_clients;
mod real_proxies;
pub(crate) mod tools;

use crate::support::{Site, upstream::Upstream};
pub(crate) use authority::Authority;
pub(crate) use clients::revoke;

/// Everything open, behind `public_url` at `shop.test`.
fn site(upstream: &Upstream, server: &str, rest: &str) -> (Site, Authority) {
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://shop.test\"\n\
         hosts = [\"shop.test\", \"api.test\", \"a.wild.test\", \"localhost\"]\n{server}\n\
         [operations]\nlisten = \"127.0.0.1:0\"\n[routes]\nfiles = [\"routes.toml\"]\n\
         [[directory]]\nname = \"admins\"\nkind = \"admin\"\n[passwords]\nmemory_kib = 19456\n\
         [[upstream]]\nname = \"test\"\nurl = \"{}\"\n{rest}",
        upstream.url()
    );
    let site = Site::new(&config);
    site.write("routes.toml", "[[route]]\nmethods = [\"GET\", \"POST\"]\npath = \"/*rest\"\nrequire = [\"anonymous\"]\n");
    let root = Authority::root(site.path(), "root");
    root.server("server", &["shop.test"]);
    (site, root)
}

/// The least that TLS needs.
const TLS: &str = "[server.tls]\ncertificate = \"server.pem\"\nprivate_key = \"server.key\"\n";
