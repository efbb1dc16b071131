//! Tables about listeners, limits and the log.

use super::{COUNT, FLAG, SIZE, SPAN, TEXT, TEXTS, Table, key};

/// Listeners, limits and the log.
pub(super) const SERVER: &[Table] = &[
    Table {
        name: "server",
        many: false,
        doc: "Where Doorward listens, and what it believes.",
        keys: &[
            key(
                "listen",
                TEXTS,
                "\"127.0.0.1:8080\"",
                "Addresses `IP:PORT` to listen on. Port 0 picks a free one, and the ready line names it.",
            ),
            key(
                "public_url",
                TEXT,
                "`http://` and the first listener; required off loopback",
                "Scheme and host under which browsers reach Doorward: for links, cookies and redirects. It is never taken from `Host`.",
            ),
            key(
                "hosts",
                TEXTS,
                "the host of `public_url`; any host without a `public_url`",
                "Host names that are served, without port; others are answered 421.",
            ),
            key("trusted_proxies", TEXTS, "`[]`", "Networks (CIDR) whose forwarding headers are believed."),
            key(
                "client_address",
                TEXT,
                "\"peer\"",
                "The one source of the client's address, read right to left: `peer`, `x-forwarded-for`, `forwarded` or `proxy-protocol`.",
            ),
            key(
                "listen_plain",
                TEXTS,
                "none",
                "With `[server.tls]`: addresses that speak plain HTTP, to lead browsers to `public_url`. Everything else there is refused.",
            ),
            key("limits", "a table", "see `[server.limits]`", "Bounds for clients."),
            key("tls", "a table", "none: plain HTTP", "TLS on every address of `listen`; see `[server.tls]`."),
        ],
    },
    Table {
        name: "server.tls",
        many: false,
        doc: "TLS 1.2 and 1.3, with HTTP/2 and HTTP/1.1. Files are PEM, and are read again when they change; connections stay open.",
        keys: &[
            key(
                "certificate",
                TEXT,
                "required",
                "File with the server's certificate, then those that vouch for it. It is shown to clients that ask for a name of nobody else.",
            ),
            key("private_key", TEXT, "required", "File with the certificate's key, not encrypted. It may be the same file."),
            key(
                "client_ca",
                TEXT,
                "none: nobody is asked",
                "File with the authorities that vouch for clients. Clients are asked for a certificate where a `certificate` firewall may judge them.",
            ),
            key(
                "client_crl",
                TEXTS,
                "none: nothing is revoked",
                "Files with lists of revoked certificates, in PEM or DER. With them every certificate needs a list that speaks of it and is not out of date.",
            ),
            key(
                "hsts",
                "a duration such as \"365d\", or \"off\"",
                "\"365d\"; \"off\" where `public_url` is on loopback",
                "How long browsers are to use HTTPS alone for this host (`Strict-Transport-Security`).",
            ),
            key("hsts_subdomains", FLAG, "`false`", "Whether that goes for all hosts below it, too."),
            key("sni", "tables", "none", "Further certificates; see `[[server.tls.sni]]`."),
        ],
    },
    Table {
        name: "server.tls.sni",
        many: true,
        doc: "A certificate for clients that ask for one of its names.",
        keys: &[
            key("certificate", TEXT, "required", "As in `[server.tls]`."),
            key("private_key", TEXT, "required", "As in `[server.tls]`."),
            key(
                "hosts",
                TEXTS,
                "the DNS names of the certificate",
                "The names; `*.example.com` stands for one label. A whole name comes before a wildcard.",
            ),
        ],
    },
    Table {
        name: "server.limits",
        many: false,
        doc: "Bounds for clients. Sizes are bytes, or strings such as \"64KiB\", \"8MiB\" or \"1GiB\".",
        keys: &[
            key("head", SIZE, "\"64KiB\"", "How long a request's head (request line and headers) may be."),
            key("headers", COUNT, "`100`", "How many headers a request may have."),
            key(
                "body",
                "a size such as \"64MiB\", or \"unlimited\"",
                "\"64MiB\"",
                "How long the body of a request for an upstream may be.",
            ),
            key("connections", COUNT, "`10000`", "How many connections may be open at once, all listeners together."),
            key("header_timeout", SPAN, "\"10s\"", "How long a client may take to send a request's head."),
            key("handshake_timeout", SPAN, "\"10s\"", "How long a client may take for the TLS handshake."),
            key(
                "handshakes",
                COUNT,
                "`1000`",
                "How many TLS handshakes may be under way at once, all listeners together; further ones wait.",
            ),
            key(
                "handshakes_per_network",
                COUNT,
                "a quarter of `handshakes`",
                "How many of them one IPv4 address, or one /64 of IPv6 addresses, may take; its further ones wait for it alone.",
            ),
            key("idle_timeout", SPAN, "\"75s\"", "How long a connection may rest between two requests."),
            key("drain_timeout", SPAN, "\"30s\"", "How long requests in flight may take to finish after SIGTERM."),
        ],
    },
    Table {
        name: "operations",
        many: false,
        doc: "The second listener: `/healthz`, `/readyz`, `/metrics` and the keys of assertions.",
        keys: &[key("listen", TEXT, "\"127.0.0.1:8081\"", "Address `IP:PORT`. Keep it where only operators reach it.")],
    },
    Table {
        name: "log",
        many: false,
        doc: "What is written to standard error.",
        keys: &[
            key("format", TEXT, "\"human\"", "`human` or `json`."),
            key(
                "requests",
                TEXT,
                "\"all\"",
                "Which requests make an event: `all`, `refused` or `off`. Audit events are always written.",
            ),
        ],
    },
];
