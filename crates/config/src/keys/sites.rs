//! Tables about sites and about pages of other origins.

use super::{COUNT, FLAG, Key, SPAN, TEXT, TEXTS, Table, joined, key};

/// What `[cors]` says, and what may be different for some paths and on each site.
const CORS: [Key; 8] = [
    key(
        "allow_origins",
        TEXTS,
        "`[]`",
        "Origins `scheme://host[:port]` whose pages may read answers and, with `allow_credentials`, send what a browser sends by itself. `\"*\"` is every origin, without credentials.",
    ),
    key(
        "allow_origin_patterns",
        TEXTS,
        "`[]`",
        "Regular expressions for such origins; the whole origin has to match, whether or not there are anchors.",
    ),
    key(
        "allow_credentials",
        FLAG,
        "`true`",
        "Whether these pages may send cookies, Basic pairs and certificates. Then their origins also pass the guards as ours do.",
    ),
    key("allow_methods", TEXTS, "those of the path's route rules", "Methods that a preflight allows."),
    key(
        "allow_headers",
        TEXTS,
        "`[\"authorization\", \"accept\", \"content-type\", \"x-csrf-token\", \"destination\", \"x-siteaccess\"]`",
        "Headers that requests of these pages may have.",
    ),
    key(
        "expose_headers",
        TEXTS,
        "`[\"location\", \"retry-after\", \"www-authenticate\"]`",
        "Headers of answers that these pages may read.",
    ),
    key("max_age", SPAN, "\"60s\"", "How long browsers remember a preflight."),
    key(
        "allow_private_network",
        FLAG,
        "`false`",
        "Whether pages of the public internet may ask, where Doorward stands in a private network.",
    ),
];

/// Which site a request comes to, and what pages of other origins may do.
pub(super) const SITES: &[Table] = &[
    Table {
        name: "sites",
        many: false,
        doc: "Which `[[site]]` a request comes to. `X-SiteAccess` names one; else the matchers are asked in their order; else it is the default. Where the path names a site that has directories or upstreams of its own, the header may only agree; it chooses such a site nowhere else, but under the Ibexa prefixes, where paths name none.",
        keys: &[
            key("default", TEXT, "the first `[[site]]`", "The site where nothing says which."),
            key("match", "tables", "none", "What names sites; see `[[sites.match]]`."),
        ],
    },
    Table {
        name: "sites.match",
        many: true,
        doc: "One matcher; it counts only if what it yields is the name of a `[[site]]`. Under the Ibexa prefixes those that read the path are not asked.",
        keys: &[
            key("map_host", "a table", "none", "`{ \"HOST\" = \"SITE\" }`: Ibexa's `Map\\Host`."),
            key(
                "map_port",
                "a table",
                "none",
                "`{ PORT = \"SITE\" }`: the port that the client named, else 80, or 443 for https.",
            ),
            key("map_uri", "a table", "none", "`{ SEGMENT = \"SITE\" }`: the first segment of the path."),
            key("host_element", COUNT, "none", "The n-th label of the host is the site's name; 1 is the first."),
            key(
                "host_text",
                TEXT,
                "none",
                "`\"www.*.com\"`: what stands for `*` in the host is the name: letters, digits, `_`, `-`.",
            ),
            key("uri_element", COUNT, "none", "The first n segments of the path, joined by `_`, are the name."),
            key("uri_text", TEXT, "none", "`\"main-*/company\"`: what stands for `*` in the beginning of the path is the name."),
            key("regex_host", TEXT, "none", "Regular expression on the host, unanchored as Ibexa's; a group of it is the name."),
            key("regex_uri", TEXT, "none", "The same on the path."),
            key("item", COUNT, "`1`", "Which group of the regular expression."),
            key(
                "all",
                "tables",
                "none",
                "Conditions that must all hold: `all = [{ map_uri = \"en\" }, { map_host = \"example.com\" }]`, with `site`.",
            ),
            key("any", "tables", "none", "Conditions of which one must hold, with `site`."),
            key("site", TEXT, "required by `all` and `any`", "The site that these name."),
        ],
    },
    Table { name: "sites.match.all", many: true, doc: "A condition of `all`.", keys: CONDITION },
    Table { name: "sites.match.any", many: true, doc: "A condition of `any`.", keys: CONDITION },
    Table {
        name: "site",
        many: true,
        doc: "A named context of the same installation, Ibexa's SiteAccess. Rules and firewalls are the same on every site.",
        keys: &[
            key(
                "name",
                TEXT,
                "required",
                "Its name: letters, digits, `_`, `-` and `.`. Where a directory's cookie has `{site_hash}`, it has a cookie and sessions of its own.",
            ),
            key(
                "hosts",
                TEXTS,
                "all",
                "The hosts at which it can be chosen. At another one its name is as unknown to `X-SiteAccess` as any.",
            ),
            key("directory", TEXTS, "all", "The directories that firewalls without `directory` ask, in order."),
            key("cors", "a table", "that of `[cors]`", "Keys of `[cors]` that are different here; see `[site.cors]`."),
        ],
    },
    Table {
        name: "site.cors",
        many: false,
        doc: "What is different from `[cors]` on the `[[site]]` above it. `[[cors.path]]` goes before it.",
        keys: &CORS,
    },
    Table {
        name: "cors",
        many: false,
        doc: "What pages of other origins may do. Where it is about a path, `Access-Control-*` of upstreams is dropped, and preflights are answered here.",
        keys: &joined::<8, 1, 9>(CORS, [key("path", "tables", "none", "What is different for some paths; see `[[cors.path]]`.")]),
    },
    Table {
        name: "cors.path",
        many: true,
        doc: "What is different from `[cors]` for some paths; the first that matches wins. Without keys in `[cors]` itself, it is about no other path.",
        keys: &joined::<1, 8, 9>([key("path", TEXT, "required", "Regular expression on the canonical path.")], CORS),
    },
];

const CONDITION: &[Key] = &[
    key("map_host", TEXTS, "none", "Hosts."),
    key("map_port", "a list of whole numbers from 1", "none", "Ports."),
    key("map_uri", TEXTS, "none", "First segments of the path."),
    key("host_element", COUNT, "none", "The host has so many labels."),
    key("host_text", TEXT, "none", "As in `[[sites.match]]`."),
    key("uri_element", COUNT, "none", "The path has so many segments."),
    key("uri_text", TEXT, "none", "As in `[[sites.match]]`."),
    key("regex_host", TEXT, "none", "Regular expression on the host."),
    key("regex_uri", TEXT, "none", "Regular expression on the path."),
    key("item", COUNT, "`1`", "A group of it that must take part."),
];
