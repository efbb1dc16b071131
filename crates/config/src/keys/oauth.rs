//! The table about the authorization server.

use super::{COUNT, FLAG, SPAN, TEXT, TEXTS, Table, key};

/// The authorization server.
pub(super) const OAUTH: &[Table] = &[Table {
    name: "oauth",
    many: false,
    doc: "The authorization server: it issues tokens to clients (`doorward client add`). There is none without this table. Off loopback `public_url` must be https.",
    keys: &[
        key(
            "issuer",
            TEXT,
            "`public_url`",
            "`iss` of its tokens, and where clients find its endpoints: scheme and host of one of `hosts`. Clients compare it letter for letter.",
        ),
        key("audience", TEXT, "the issuer", "`aud` of access tokens for which the client names no `resource`."),
        key(
            "resources",
            TEXTS,
            "`[]`",
            "Further URIs that a client may name as `resource` (RFC 8707), so that its access token is for that one alone.",
        ),
        key(
            "scopes",
            "a table of names and descriptions",
            "`{ default = \"Use this service for you\" }`",
            "What clients may ask for: `orders = \"See your orders\"`. People read the description.",
        ),
        key(
            "default_scopes",
            TEXTS,
            "`[\"default\"]` where `scopes` has it, else none",
            "What a client gets that asks for no scope, as far as it may have it.",
        ),
        key(
            "mtls_url",
            TEXT,
            "none",
            "Where clients call that show certificates (RFC 8705): scheme and host of one of `hosts`, whose handshakes then ask for one. It needs `client_ca`, or `header` of `[certificate]`. Without it certificates of clients mean nothing here.",
        ),
        key(
            "registration",
            TEXTS,
            "none",
            "Lets clients register themselves (RFC 7591), each with a token of `doorward client registration-token add`, and says which grants they may have: `authorization_code`, `refresh_token`, `device_code`, `client_credentials`.",
        ),
        key("registration_limit", COUNT, "`1000`", "How many clients may have registered themselves."),
        key("access_token_lifetime", SPAN, "\"1h\"", "How long an access token lasts; at most a day."),
        key("code_lifetime", SPAN, "\"1m\"", "How long an authorization code waits for its client; at most ten minutes."),
        key(
            "refresh_token_lifetime",
            SPAN,
            "\"30d\"",
            "How long a client may renew its tokens, from the consent on; at most a year.",
        ),
        key(
            "dpop_nonce",
            FLAG,
            "`false`",
            "Whether proofs of possession (DPoP) need a nonce that Doorward gave within the last two minutes (RFC 9449 8). Clients then ask twice where they have none.",
        ),
        key(
            "require_pushed_requests",
            FLAG,
            "`false`",
            "Whether clients have to push their requests (RFC 9126): what a browser brings is then a reference that a client left, or is refused.",
        ),
        key(
            "algorithm",
            TEXT,
            "\"EdDSA\"",
            "What tokens are signed with: `EdDSA`, `ES256` or `RS256`. The keys are in the store, made when they are needed.",
        ),
        key(
            "rotation",
            SPAN,
            "\"90d\"",
            "After how long another key signs, or `\"never\"`. It is published ten minutes before, and the old one verifies until its last token has expired.",
        ),
        key(
            "authorize_path",
            TEXT,
            "\"/authorize\"",
            "Where applications send people's browsers. The form of its page goes to `/consent` below it.",
        ),
        key("userinfo_path", TEXT, "\"/userinfo\"", "Where applications learn who signed in."),
        key("end_session_path", TEXT, "\"/end-session\"", "Where applications send people's browsers to sign out."),
        key("applications_path", TEXT, "\"/account/applications\"", "Where people see what they allowed, and take it back."),
        key("par_path", TEXT, "\"/par\"", "Where applications leave requests before people's browsers bring them (RFC 9126)."),
        key("device_authorization_path", TEXT, "\"/device_authorization\"", "Where devices without a browser begin (RFC 8628)."),
        key("device_path", TEXT, "\"/device\"", "Where people type the code of such a device."),
        key("registration_path", TEXT, "\"/register\"", "Where clients register themselves, where `registration` lets them."),
        key("token_path", TEXT, "\"/token\"", "Where clients get tokens."),
        key("introspection_path", TEXT, "\"/introspect\"", "Where services ask what a token says."),
        key("revocation_path", TEXT, "\"/revoke\"", "Where clients end tokens."),
        key("jwks_path", TEXT, "\"/authorize/jwks\"", "Where the public keys of its tokens are."),
    ],
}];
