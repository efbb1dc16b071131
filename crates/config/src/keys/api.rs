//! Tables about the API that is served here: its memory, its stores and its directories.

use super::{COUNT, FLAG, SPAN, TEXT, TEXTS, Table, key};

/// Memory, the API, stores and directories.
pub(super) const API: &[Table] = &[
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
                "Which parts of the API Doorward answers; the rest goes upstream. `sessions`: the sign-in API and pages, `/user/token/jwt` and `/.well-known/jwks.json`; `tokens`: the token endpoints under `magento_prefix`, and without it bearer tokens are not read; `accounts`: customers, their addresses and groups under `magento_prefix`.",
            ),
            key("leave", TEXTS, "`[]`", "What of that is handed back to the upstream: `root`, `users`, `pages`, `jwt`."),
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
        doc: "A view of the shop, which paths name by its code: `/rest/CODE/V1/...` under `magento_prefix`, `/CODE/customer/account/login` for pages. The first stands for paths that name none. Without any there is one: `default`, of the website `base`.",
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
            key(
                "host",
                TEXT,
                "none",
                "A host that stands for this view where the path names none: `/rest/V1/...`, sign-in and all pages. It must be one of `hosts`. Links in mails to its customers carry it. Several views may have one host; the first counts.",
            ),
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
];
