//! Tables about other servers, which vouch for somebody.

use super::{SPAN, TEXT, TEXTS, Table, key};

/// A table of its own, which others write into.
const MAP: &str = "a table of strings or lists of strings";

pub(super) const OTHERS: &[Table] = &[ISSUER, INTROSPECTION, PROVIDER];

const ISSUER: Table = Table {
    name: "issuer",
    many: true,
    doc: "Another server whose JSON Web Tokens count, under firewalls with `authentication = \"jwt\"`, and whose access tokens count under those with `\"oauth\"`. It is chosen by `iss`, and vouches for accounts that are in a directory already.",
    keys: &[
        key("issuer", TEXT, "required", "Its `iss`, letter for letter."),
        key(
            "jwks_url",
            TEXT,
            "either this or `keys`",
            "Where its keys are fetched, over `https` (plain HTTP from this machine alone), in the background; a redirect is not followed.",
        ),
        key("keys", TEXT, "either this or `jwks_url`", "File with its keys, as a JWK set. Read again when it changes."),
        key("audience", TEXTS, "required", "A token counts that names one of these in `aud`."),
        key("directory", TEXT, "required", "The directory whose accounts it vouches for. No account is ever made."),
        key(
            "user",
            TEXT,
            "\"login\"",
            "How its tokens name an account: `login` (by `login_claim`), or `link`: by `iss` and `sub` together, which `doorward identity add` or a sign-in at the `[[provider]]` of the same issuer links with an account.",
        ),
        key(
            "login_claim",
            TEXTS,
            "\"preferred_username\"",
            "The claim that is the account's login; dots lead into nested ones, a list is taken letter for letter. With `email` the token must say `email_verified`.",
        ),
        key(
            "roles_claim",
            TEXTS,
            "none",
            "The claim with what `roles` maps, such as `groups` or `realm_access.roles`; written as `login_claim`.",
        ),
        key(
            "roles",
            MAP,
            "none",
            "Roles by what stands in `roles_claim`: `\"idp-group\" = \"ROLE_X\"`. They join the account's own for that token alone; what is not listed gives none.",
        ),
        key("algorithms", TEXTS, "all of them", "`EdDSA`, `ES256`, `ES384`, `PS256`, `RS256`: keys of others do not count."),
        key(
            "types",
            TEXTS,
            "\"JWT\"",
            "What `typ` may be under `jwt` firewalls; `JWT` is also a token without one. Under `oauth` ones it is `at+jwt`.",
        ),
        key(
            "ca",
            TEXT,
            "those of the system",
            "PEM file with the authorities that may vouch for `jwks_url`, in place of the system's.",
        ),
        key("leeway", SPAN, "\"30s\"", "By how much its clock may differ from ours; at most five minutes."),
        key("refresh", SPAN, "\"15m\"", "How often its keys are fetched; up to a week."),
        key(
            "stale",
            SPAN,
            "\"4h\"",
            "How long keys count that cannot be fetched again. After that its tokens are answered with 503.",
        ),
        key(
            "retry",
            SPAN,
            "\"10s\"",
            "The pause after a fetch that failed, which doubles up to `refresh`; and the least one between two fetches for the sake of an unknown `kid`.",
        ),
    ],
};

const INTROSPECTION: Table = Table {
    name: "introspection",
    many: true,
    doc: "Another server that is asked about access tokens which say nothing by themselves (RFC 7662), under firewalls with `authentication = \"oauth\"` that ask its directory. A JSON Web Token of `[oauth]` or of an `[[issuer]]` is never asked about.",
    keys: &[
        key(
            "issuer",
            TEXT,
            "required",
            "Its name in logs and metrics, and `iss` of its answers where they have one, letter for letter.",
        ),
        key(
            "endpoint",
            TEXT,
            "required",
            "Where it is asked, over `https` (plain HTTP from this machine alone); a redirect is not followed.",
        ),
        key("client_id", TEXT, "required", "Who we are there."),
        key("client_secret", TEXT, "required", "What proves it. May be `file:PATH`."),
        key(
            "auth_method",
            TEXT,
            "\"client_secret_basic\"",
            "How the secret is sent: `client_secret_basic` or `client_secret_post`.",
        ),
        key("audience", TEXTS, "required", "A token counts of which the answer names one of these in `aud`."),
        key(
            "directory",
            TEXT,
            "required",
            "The directory whose accounts it vouches for. No account is ever made. A firewall may ask one such directory.",
        ),
        key(
            "user",
            TEXT,
            "\"login\"",
            "How an answer names an account: `login` (by `login_claim`), or `link`: by `issuer` and the answer's `sub` together, as in `[[issuer]]`.",
        ),
        key(
            "login_claim",
            TEXTS,
            "\"username\"",
            "The member of the answer that is the account's login; written as in `[[issuer]]`.",
        ),
        key("roles_claim", TEXTS, "none", "The member of the answer with what `roles` maps."),
        key("roles", MAP, "none", "Roles by what stands in `roles_claim`, as in `[[issuer]]`."),
        key(
            "cache",
            SPAN,
            "\"30s\"",
            "How long an answer counts, from a second to an hour, and never longer than the token. Streams and WebSockets that nothing else was asked for end with it.",
        ),
        key(
            "timeout",
            SPAN,
            "\"5s\"",
            "How long an answer may take, up to ten seconds; after that it is 503. A request may wait half of that again until it may ask.",
        ),
        key("leeway", SPAN, "none", "By how much its clock may differ from ours; at most five minutes."),
        key(
            "ca",
            TEXT,
            "those of the system",
            "PEM file with the authorities that may vouch for `endpoint`, in place of the system's.",
        ),
    ],
};

const PROVIDER: Table = Table {
    name: "provider",
    many: true,
    doc: "An OpenID provider at which people sign in. What it publishes is found through discovery when somebody needs it. Its answers come to `/oauth2/check/NAME`, its words that somebody signed out there to `/oauth2/backchannel/NAME`: register both.",
    keys: &[
        key("name", TEXT, "required", "Its name in paths, logs and metrics: small letters, digits, `-` and `_`."),
        key("title", TEXT, "`name`", "What stands on its button."),
        key("issuer", TEXT, "required", "Its issuer, letter for letter; `https`, or plain HTTP on this machine."),
        key("client_id", TEXT, "required", "Who we are there."),
        key(
            "client_secret",
            TEXT,
            "none: a public client",
            "What proves it. May be `file:PATH`. It is sent as the provider's metadata says: `client_secret_basic`, else `client_secret_post`.",
        ),
        key("scopes", TEXTS, "`[\"openid\", \"email\", \"profile\"]`", "What is asked for; `openid` must be among it."),
        key("directory", TEXT, "required", "The directory that people sign in to; the button stands on its sign-in page."),
        key(
            "link",
            TEXT,
            "\"subject\"",
            "Which account somebody is: `subject` (the one that `identity add` linked), `email` (at first the one with the verified e-mail address, which is linked then), or `create` (at first a new one).",
        ),
        key("prefix", TEXT, "`name` and a colon", "With `link = \"create\"`: an account's login is this and the subject."),
        key("audience", TEXTS, "none", "Whom an ID token may name in `aud` besides `client_id`."),
        key(
            "roles_claim",
            TEXTS,
            "none",
            "The claim with what `roles` maps, of the ID token or userinfo, such as `groups` or `realm_access.roles`.",
        ),
        key(
            "roles",
            MAP,
            "none",
            "Roles by what stands in `roles_claim`. Those that stand here are given and taken at each sign-in; others stay.",
        ),
        key("ca", TEXT, "those of the system", "PEM file with the authorities that may vouch for it, in place of the system's."),
    ],
};
