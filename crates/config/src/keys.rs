//! The one table of known keys: strictness, nearest-key hints and the reference page all come from here.

use std::fmt::Write;

/// A table of `doorward.toml`.
#[derive(Debug)]
pub(crate) struct Table {
    /// As in `server.limits`.
    pub(crate) name: &'static str,
    /// Whether it is written `[[name]]`, any number of times.
    pub(crate) many: bool,
    /// What it is about.
    pub(crate) doc: &'static str,
    /// Its keys.
    pub(crate) keys: &'static [Key],
}

/// A key of a table.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// What may be written there, as a noun phrase that follows 'expected'.
    pub(crate) kind: &'static str,
    /// In words or TOML; `required` where there is none.
    pub(crate) default: &'static str,
    pub(crate) doc: &'static str,
}

const fn key(name: &'static str, kind: &'static str, default: &'static str, doc: &'static str) -> Key {
    Key { name, kind, default, doc }
}

const TEXT: &str = "a string";
const TEXTS: &str = "a string or a list of strings";
const SPAN: &str = "a duration such as \"30m\"";
const COUNT: &str = "a whole number";
const FLAG: &str = "true or false";
const SIZE: &str = "a size such as \"64KiB\"";

impl Table {
    /// As it is written in the file.
    pub(crate) fn header(&self) -> String {
        if self.many { format!("[[{}]]", self.name) } else { format!("[{}]", self.name) }
    }

    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// Has no key, so that a name that this table lacks makes every key an error rather than accepting any.
const NONE: Table = Table { name: "", many: false, doc: "", keys: &[] };

/// The table of this name.
pub(crate) fn table(name: &str) -> &'static Table {
    TABLES.iter().find(|table| table.name == name).unwrap_or(&NONE)
}

/// What the product has and this version does not: table, key (`""` is the whole table), and what to do instead.
pub(crate) const LATER: &[(&str, &str, &str)] = &[
    (
        "server",
        "tls",
        "this version speaks plain HTTP: let a TLS-terminating proxy stand in front, and name it in `trusted_proxies`",
    ),
    ("firewall", "realm", "it belongs to `authentication = \"basic\"`, and this version has \"session\" and \"none\""),
];

/// Every table, in the order of the reference.
pub(crate) const TABLES: &[Table] = &[
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
            key("limits", "a table", "see `[server.limits]`", "Bounds for clients."),
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
    Table {
        name: "store",
        many: false,
        doc: "Where accounts, roles, sessions and keys are kept.",
        keys: &[key(
            "url",
            TEXT,
            "\"sqlite:doorward.db\"",
            "`sqlite:PATH`, or `memory:`, which forgets everything at the end. May be `file:PATH`.",
        )],
    },
    Table {
        name: "sessions",
        many: false,
        doc: "How long sessions live.",
        keys: &[
            key(
                "url",
                TEXT,
                "the store",
                "Where sessions are kept apart from the store; this version keeps them in the store. May be `file:PATH`.",
            ),
            key("idle_timeout", SPAN, "\"30m\"", "A session that is not used for so long ends."),
            key("lifetime", SPAN, "\"12h\"", "A session ends so long after its sign-in, used or not."),
            key(
                "grace",
                SPAN,
                "\"30s\"",
                "How long requests with the old id are carried over after the same account signed in again at a door of a shop (`/customer/...`, `magento_admin_path`); at most five minutes.",
            ),
        ],
    },
    Table {
        name: "api",
        many: false,
        doc: "What Doorward answers itself.",
        keys: &[
            key(
                "ibexa_prefix",
                TEXTS,
                "\"/api/ibexa/v2\"",
                "Where the Ibexa dialect stands; `\"\"` is the root. Links carry the prefix by which the request came.",
            ),
            key(
                "magento_prefix",
                TEXT,
                "\"/rest\" where a `webapi.xml` is loaded, else none",
                "Where the routes of `webapi.xml` and the Magento dialect stand; `\"\"` is the root.",
            ),
            key(
                "magento_admin_path",
                TEXT,
                "\"/admin\"",
                "Where admins of a shop sign in. Of what is below it, only `/auth/logout` is Doorward's.",
            ),
            key(
                "magento_admin_session",
                FLAG,
                "`true`",
                "Whether an admin's session counts under `magento_prefix`, as Magento's documentation says; `false` is what Magento does.",
            ),
            key(
                "serve",
                TEXTS,
                "`[\"sessions\"]`",
                "Which parts of the API Doorward answers; the rest goes upstream. `sessions`: the sign-in API and pages; `tokens`: the token endpoints under `magento_prefix`, and without it bearer tokens are not read; `accounts`: customers, their addresses and groups under `magento_prefix`.",
            ),
            key("leave", TEXTS, "`[]`", "What of that is handed back to the upstream: `root`, `users`, `pages`."),
            key(
                "customer_sharing",
                TEXT,
                "\"website\"",
                "Where a customer counts as such: on the `website` that the account was made on, or on all (`global`).",
            ),
        ],
    },
    Table {
        name: "store_view",
        many: true,
        doc: "A view of the shop, which paths under `magento_prefix` name by its code: `/rest/CODE/V1/...`. The first stands for paths that name none. Without any there is one: `default`, of the website `base`.",
        keys: &[
            key(
                "code",
                TEXT,
                "required",
                "A letter, then letters, digits and `_`; not `all`, `admin`, `async`, `schema` or a version.",
            ),
            key("website", TEXT, "required", "The code of its website. Views of one website share their customers."),
            key("id", COUNT, "its place in the file, from 1", "Its number, as accounts and upstreams know it."),
            key("website_id", COUNT, "the place of the website in the file, from 1", "The website's number."),
            key("name", TEXT, "the code", "What people call it."),
        ],
    },
    Table {
        name: "directory",
        many: true,
        doc: "A named set of accounts that can sign in. There is none unless the file names it.",
        keys: &[
            key("name", TEXT, "required", "Lower-case letters, digits, `-` and `_`; it stands in `/login/NAME`."),
            key(
                "kind",
                TEXT,
                "required",
                "`customer`, `admin` or `integration` (programs: no password, no cookie, only tokens by `doorward token issue`). Accounts keep the kind that they were made with: where this is changed over accounts that are there, they cannot sign in, which `check`, `serve` and a reload warn of.",
            ),
            key(
                "cookie",
                TEXT,
                "\"doorward_NAME\"; \"__Host-doorward_NAME\" when `public_url` is https",
                "Name of the session cookie. `{site_hash}` becomes the MD5 of the site's name (`default`), as Ibexa does.",
            ),
            key("cookie_domain", TEXT, "none", "The cookie's `Domain`; without it the cookie is for one host alone."),
            key("cookie_path", TEXT, "\"/\"", "The cookie's `Path`."),
            key("cookie_lifetime", SPAN, "the browser's session", "The cookie's `Max-Age` and `Expires`."),
            key("same_site", TEXT, "\"lax\"", "The cookie's `SameSite`: `lax`, `strict` or `none`."),
            key("idle_timeout", SPAN, "that of `[sessions]`", "Overrides `[sessions]` for this directory."),
            key("lifetime", SPAN, "that of `[sessions]`", "Overrides `[sessions]` for this directory."),
            key(
                "max_failures",
                COUNT,
                "`6` for admins, `10` for customers",
                "So many failed sign-ins lock an account for where they came from.",
            ),
            key("lock", SPAN, "\"30m\" for admins, \"10m\" for customers", "How long failures count, and how long they lock."),
            key(
                "password_min_length",
                COUNT,
                "`12` for admins, `8` for customers",
                "The fewest characters of a new password; the most are 256.",
            ),
            key(
                "password_classes",
                COUNT,
                "`1` for admins, `3` for customers",
                "How many of lower case, upper case, digits and others a new password must have; `1` demands nothing.",
            ),
            key(
                "password_common",
                TEXT,
                "\"refuse\"",
                "`refuse` or `allow` new passwords that stand on the built-in list of common and breached ones.",
            ),
        ],
    },
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
            key("authentication", TEXT, "\"session\"", "`session` or `none` (everyone is a guest)."),
            key("directory", TEXTS, "all, in the order of the file", "The directories that are asked, in order."),
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

/// The reference page of `doorward.toml`, in Markdown.
pub fn reference() -> String {
    let mut out = String::from(
        "# Configuration reference\n\n\
         `doorward.toml` is TOML and strict: an unknown key is an error. Any string may be `\"${ENV_NAME}\"`, which is read from the\n\
         environment; the URLs of stores and of the mail server may be `\"file:PATH\"`, the first line of that file. Relative paths are relative to the\n\
         file. Durations are numbers with the units `s`, `m`, `h` and `d`, such as \"90s\" or \"1h30m\".\n\n\
         This page is generated from the table of keys in `crates/config/src/keys.rs`.\n",
    );
    for table in TABLES {
        let _ = write!(
            out,
            "\n## `{}`\n\n{}\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n",
            table.header(),
            table.doc
        );
        for key in table.keys {
            let default = if key.default.starts_with('"') && key.default.matches('"').count() == 2 && key.default.ends_with('"') {
                format!("`{}`", key.default)
            } else {
                key.default.to_owned()
            };
            let _ = writeln!(out, "| `{}` | {} | {} | {} |", key.name, key.kind, default, key.doc);
        }
    }
    out
}
