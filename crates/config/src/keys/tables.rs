//! Tables about listeners, and about the way of requests.

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
                "Files with lists of revoked certificates. With them every certificate needs a list that speaks of it and is not out of date.",
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
                "How many TLS handshakes may be under way at once, on each listener; further ones wait.",
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

/// What requests pass on their way, and everything about those who make them.
pub(super) const WAY: &[Table] = &[
    Table {
        name: "firewall",
        many: true,
        doc: "Picks exactly one authentication method for a request; the first match wins. Without any, one session firewall named `default` stands; with some, a request that none matches is refused.",
        keys: &[
            key("name", TEXT, "required", "Its name in logs and metrics."),
            key("host", TEXT, "any", "Regular expression on the host, without port and trailing dot; case does not matter."),
            key("path", TEXT, "any", "Regular expression on the canonical path."),
            key("methods", TEXTS, "any", "HTTP methods; `GET` covers HEAD."),
            key(
                "when",
                TEXT,
                "always",
                "Only requests that carry this credential, sound or not: `bearer`, `basic`, `certificate` or `cookie`.",
            ),
            key(
                "authentication",
                TEXT,
                "\"session\"",
                "`session`, `jwt` (a signed token in each request), `basic` (login and password in each request), `certificate` (of the client) or `none` (everyone is a guest).",
            ),
            key("directory", TEXTS, "all, in the order of the file", "The directories that are asked, in order."),
            key(
                "realm",
                TEXT,
                "\"Secured Area\"",
                "What a `basic` firewall's challenges name; browsers show it in their dialog.",
            ),
            key(
                "guard",
                TEXTS,
                "`[\"csrf\"]`",
                "What a session must pass besides its cookie: `csrf`, `ajax`. For session firewalls only.",
            ),
            key("invalid", TEXT, "\"refuse\"", "What a credential leads to that is present but wrong: `refuse` or `guest`."),
            key(
                "entry",
                TEXT,
                "\"status\"",
                "Where a refused guest's browser navigation goes: `status` (the refusal) or `page` (the sign-in page).",
            ),
        ],
    },
    Table {
        name: "access_control",
        many: true,
        doc: "Demands roles; the first match wins, and a rule whose `ips` do not match is skipped. No rule means allowed.",
        keys: &[
            key("path", TEXT, "any", "Regular expression on the canonical path."),
            key("host", TEXT, "any", "Regular expression on the host; case does not matter."),
            key("methods", TEXTS, "any", "HTTP methods; `GET` covers HEAD."),
            key(
                "ips",
                TEXTS,
                "any",
                "Addresses or networks (CIDR). They only select: a later rule without `ips` must close the path for everyone else.",
            ),
            key("roles", TEXTS, "required", "Any one of these suffices. `PUBLIC_ACCESS` or an empty list opens to everyone."),
        ],
    },
    Table {
        name: "routes",
        many: false,
        doc: "Route rules: what each route requires.",
        keys: &[
            key("files", TEXTS, "`[]`", "Rule files, or folders that are walked for `webapi.xml` and `acl.xml`."),
            key(
                "unmatched",
                TEXT,
                "\"deny\"",
                "What happens to a request that no route rule matches: `deny` (404), `authenticated` or `allow`.",
            ),
        ],
    },
    Table {
        name: "upstream",
        many: true,
        doc: "A service behind Doorward.",
        keys: &[
            key("name", TEXT, "required", "Its name: the `aud` of assertions."),
            key("url", TEXT, "required", "Where it is: `http://HOST:PORT`."),
            key("path", TEXT, "\"/\"", "The prefix of whole segments that it serves; the longest wins, and it is not stripped."),
            key(
                "credentials",
                TEXT,
                "\"strip\"",
                "`strip` removes every credential that Doorward can read; `pass` leaves them to a service that reads its own.",
            ),
            key(
                "identity",
                TEXT,
                "\"doorward\"",
                "The token in `Authorization` that tells it who is calling: none (`doorward`: it reads our headers or the assertion), `magento-jwt` or `ibexa-jwt`. What the client sent there is removed then.",
            ),
            key(
                "identity_key",
                TEXT,
                "required by those tokens",
                "`\"file:PATH\"` or `\"${ENV_NAME}\"`: the last line of `crypt/key` of Magento's `env.php`, or Ibexa's `APP_SECRET`; at least 32 characters.",
            ),
            key(
                "identity_directories",
                TEXTS,
                "all; required by `ibexa-jwt` where there is more than one",
                "Directories whose accounts it knows under the same id (Magento) or login (Ibexa: one directory). Others are guests to it.",
            ),
            key(
                "cookies",
                TEXTS,
                "none",
                "Names of the cookies that it sets itself. No directory may have a cookie of such a name.",
            ),
            key(
                "encoded_slash",
                TEXT,
                "\"refuse\"",
                "`refuse`, or `keep`: `%2F` stays encoded inside one segment, in matching and forwarding.",
            ),
            key(
                "cart_path",
                TEXT,
                "none",
                "Where it tells a customer's active cart: a path that GET answers with a JSON object, or 404 when there is no cart. \
                 It is asked as the caller, for rules that set `%cart_id%`; without it those are answered 400.",
            ),
            key("cart_field", TEXT, "\"id\"", "The member of that object which names the cart."),
            key(
                "exchange",
                TEXT,
                "none",
                "Where it tells who an old session belongs to: a path that GET, with that session's cookie, answers with a JSON object \
                 that names the account, such as `/rest/V1/customers/me`. Who is signed in there is signed in here, once for each session.",
            ),
            key("exchange_cookie", TEXT, "\"PHPSESSID\"", "The name of the cookie that holds its sessions; none of ours."),
            key("exchange_directory", TEXT, "required with `exchange`", "The directory whose accounts it knows."),
            key(
                "exchange_id",
                TEXT,
                "\"id\"",
                "The member with the account's id, which is ours too; \"\" where it tells a login alone.",
            ),
            key("exchange_login", TEXT, "\"email\"", "The member with the account's login or e-mail address, which is ours too."),
            key("exchange_timeout", SPAN, "\"2s\"", "How long that answer may take; then whoever asked is a guest."),
            key("connect_timeout", SPAN, "\"5s\"", "How long connecting may take."),
            key("response_timeout", SPAN, "\"60s\"", "How long the head of an answer may take."),
            key("idle_timeout", SPAN, "\"60s\"", "How long a body or a tunnel may rest."),
            key(
                "max_connections",
                COUNT,
                "`4096`",
                "How many connections to it there may be at a time, WebSockets included; what would need another one is answered 503.",
            ),
        ],
    },
    Table {
        name: "cors",
        many: false,
        doc: "Which other origins belong to us.",
        keys: &[key(
            "allow_origins",
            TEXTS,
            "`[]`",
            "Origins `scheme://host[:port]` whose pages may send credentials that a browser sends by itself.",
        )],
    },
    Table {
        name: "passwords",
        many: false,
        doc: "The cost of Argon2id and the pool that computes it. Memory never exceeds `workers` times `memory_kib`, plus 200 MiB while imported hashes of other programs are verified.",
        keys: &[
            key("memory_kib", COUNT, "`19456`", "KiB of memory for one hash."),
            key("iterations", COUNT, "`2`", "Passes over the memory."),
            key("workers", COUNT, "the number of cores, at most 2", "How many hashes are computed at once."),
            key("queue", COUNT, "`64`", "How many sign-ins may wait for one; more are answered 503 with `Retry-After`."),
            key(
                "magento_crypt_keys",
                TEXTS,
                "`[]`",
                "Magento's crypt keys (`crypt/key` of its `env.php`, one each), for imported password hashes without a salt. Each may be `file:PATH`.",
            ),
        ],
    },
    Table {
        name: "sign_in",
        many: false,
        doc: "Limits for failed sign-ins by address; limits by account stand in `[[directory]]`.",
        keys: &[
            key("address_failures", COUNT, "`100`", "So many failures from one address (IPv6: one /64) are too many."),
            key("address_window", SPAN, "\"10m\"", "How long they count."),
        ],
    },
    Table {
        name: "accounts",
        many: false,
        doc: "What people do with their own accounts: sign up, confirm an address, set another password.",
        keys: &[
            key(
                "confirm_email",
                FLAG,
                "`false`",
                "Whether an e-mail address must be confirmed before its account may sign in. Needs `[mail]`.",
            ),
            key("welcome_mail", FLAG, "`false`", "Whether new accounts get a mail that says so. Needs `[mail]`."),
            key(
                "reveal_accounts",
                FLAG,
                "`false`",
                "Whether strangers are told which e-mail addresses have an account; otherwise all are answered alike.",
            ),
            key("reset_lifetime", SPAN, "\"2h\"", "How long a link for another password works."),
            key("confirm_lifetime", SPAN, "\"7d\"", "How long a link to confirm an address works."),
            key("reset_requests", COUNT, "`5`", "How many links one e-mail address, or one network, may ask for in an hour."),
            key("reset_interval", SPAN, "\"10m\"", "How long one e-mail address waits between two."),
            key(
                "tax_classes",
                "a list of whole numbers from 1",
                "`[3]`",
                "Ids of the tax classes that groups of customers may have; a new group that names none has the first.",
            ),
        ],
    },
    Table {
        name: "tokens",
        many: false,
        doc: "Bearer tokens of the Magento dialect, where `serve` has `tokens`.",
        keys: &[
            key(
                "format",
                TEXT,
                "\"jwt\"",
                "What new tokens are like: `jwt` (signed) or `opaque` (remembered by the store). Both are always read.",
            ),
            key("customer_lifetime", SPAN, "\"1h\"", "How long a customer's new token lasts; at most 30 days."),
            key("admin_lifetime", SPAN, "\"1h\"; \"4h\" for `opaque`", "How long an admin's new token lasts; at most 30 days."),
            key(
                "max_failures",
                COUNT,
                "`6`",
                "So many failed sign-ins of one account from one address are too many for the token endpoints. What is counted is the same for all ways of signing in.",
            ),
            key("lock", SPAN, "\"30m\"", "How long they count, and how long too many of them lock the account for that address."),
            key(
                "integration_bearer",
                FLAG,
                "`false`",
                "Whether tokens of accounts of kind `integration` count. They do not end by themselves.",
            ),
        ],
    },
    Table {
        name: "certificate",
        many: false,
        doc: "How clients' certificates count, under firewalls with `authentication = \"certificate\"`.",
        keys: &[
            key(
                "map",
                TEXT,
                "\"subject\"",
                "What of a certificate is the login of its account, exactly: `subject` (as RFC 4514 writes it), `cn`, `email`, `dns`, `uri`, `serial` (with the issuer) or `fingerprint`.",
            ),
            key(
                "header",
                TEXT,
                "none: certificates of the handshake",
                "The one header in which `trusted_proxies` pass certificates on: `Client-Cert`, `X-Forwarded-Client-Cert`, `X-SSL-Client-Cert`, `X-SSL-Client-S-DN`, `SSL_CLIENT_S_DN` or `SSL_CLIENT_S_DN_Email`.",
            ),
        ],
    },
    Table {
        name: "basic",
        many: false,
        doc: "Login and password in each request, under firewalls with `authentication = \"basic\"`.",
        keys: &[
            key(
                "cache",
                SPAN,
                "\"60s\"",
                "How long a pair of login and password that was right is trusted without another hash, from the network that it came from; at most an hour. `\"0s\"` hashes for each request. A changed or disabled account is noticed at once all the same.",
            ),
            key(
                "entries",
                COUNT,
                "`10000`",
                "How many such pairs are remembered. One more forgets those that were not used for longest, and ends their open streams.",
            ),
        ],
    },
    Table {
        name: "integration",
        many: true,
        doc: "A program with an account of kind `integration`. Account and role are made, and kept as it says here, at the start and at every reload; a token is issued by command.",
        keys: &[
            key("name", TEXT, "required", "The login of its account."),
            key("directory", TEXT, "the only one of kind `integration`", "The directory that the account is in."),
            key("email", TEXT, "none", "Whom to write to about it."),
            key("resources", TEXTS, "required", "What it may use: ids of resources, or \"Magento_Backend::all\"."),
        ],
    },
    Table {
        name: "jwt",
        many: false,
        doc: "JSON Web Tokens of people, under firewalls with `authentication = \"jwt\"`; issued at `/user/token/jwt` under the Ibexa prefixes.",
        keys: &[
            key(
                "algorithm",
                TEXT,
                "\"EdDSA\"",
                "What new tokens are signed with: `EdDSA`, `ES256`, `RS256` (keys in the store, made when they are needed) or `HS256` (a secret that another application has, too).",
            ),
            key(
                "secret",
                TEXT,
                "required by HS256",
                "`\"file:PATH\"` or `\"${ENV_NAME}\"`: the secret of HS256 as it is written, such as Ibexa's `APP_SECRET`; at least 32 characters.",
            ),
            key("lifetime", SPAN, "\"1h\"", "How long a new token lasts; at most 30 days."),
            key("issuer", TEXT, "none", "`iss` of new tokens. A token with another one, or none, does not count."),
            key(
                "audience",
                TEXTS,
                "none",
                "`aud` of new tokens. A token that names none of these does not count; without this key, one that names any.",
            ),
            key("leeway", SPAN, "\"0s\"", "By how much clocks may differ, for `exp`, `nbf` and `iat`; at most five minutes."),
            key(
                "rotation",
                SPAN,
                "\"90d\"",
                "After how long another key signs, or `\"never\"`. It is published ten minutes before, and the old one verifies until its last token has expired.",
            ),
        ],
    },
    Table {
        name: "mail",
        many: false,
        doc: "How mail is sent to people who have an account: to confirm addresses, to set passwords anew, to say what changed.",
        keys: &[
            key(
                "url",
                TEXT,
                "\"none\"",
                "`smtp://USER:PASSWORD@HOST:PORT` (STARTTLS; plain towards loopback or with `?tls=none`), `smtps://...` (TLS from the first byte), `folder:PATH` (a file for each mail), `log:` (links and all, where `public_url` is loopback; elsewhere `log:unsafe`) or `none`. May be `file:PATH`.",
            ),
            key("from", TEXT, "required with a `url`", "Whom mail comes from: `The Shop <noreply@shop.example.com>`."),
            key("reply_to", TEXT, "none", "Where answers go."),
            key(
                "templates",
                TEXT,
                "the built-in ones",
                "Folder of templates that replace built-in ones: `reset.txt`, `reset.html` and so on.",
            ),
            key(
                "certificates",
                TEXT,
                "those of the system alone",
                "PEM file of authorities that are trusted besides the system's.",
            ),
        ],
    },
    Table {
        name: "assertion",
        many: false,
        doc: "The signed token that tells an upstream who is calling.",
        keys: &[
            key("issuer", TEXT, "`public_url`", "Its `iss`."),
            key(
                "jwks_path",
                TEXT,
                "none",
                "Path at which its public keys also stand on the public listeners; they are always at `/assertion-keys` of the operations listener.",
            ),
        ],
    },
];
