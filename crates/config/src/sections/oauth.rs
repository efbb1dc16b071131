//! `[oauth]`.

use super::web::{self, PublicUrl};
use crate::{
    reader::{Reader, Section, Span, Text},
    settings::{OAuthAlgorithm, OAuthKeys},
};
use doorward_core::{
    OAuth, OAuthEndpoint,
    firewall::{Authentication, Entry, Firewall, Guards, Invalid},
    oauth::{Mtls, Registration, Scope},
    ports::Grant,
    scopes::is_scope,
};
use std::{sync::Arc, time::Duration};
use toml::de::{DeTable, DeValue};
use url::Url;

/// The longest lives (ASVS 10.4.3, 10.4.8): nobody can take an access token back from those who verify it by themselves.
const LONGEST: [(&str, Duration, &str); 3] = [
    ("access_token_lifetime", Duration::from_secs(24 * 3600), "an access token lasts from a second to a day"),
    ("code_lifetime", Duration::from_secs(600), "a code lasts from a second to ten minutes"),
    ("refresh_token_lifetime", Duration::from_secs(366 * 24 * 3600), "tokens are renewed for at most a year"),
];
/// Keys sign for so long at least, and at most.
const ROTATION: (Duration, Duration) = (Duration::from_secs(24 * 3600), Duration::from_secs(3650 * 24 * 3600));
/// The scope that there is where the file names none (ibexa-rest 5.1).
const DEFAULT_SCOPE: (&str, &str) = ("default", "Use this service for you");
/// The scopes that OpenID Connect knows, which need not be named.
const OPENID: [(&str, &str); 4] = [
    ("openid", "Know who you are"),
    ("profile", "See your sign-in name"),
    ("email", "See your e-mail address"),
    ("offline_access", "Do this even while you are signed out"),
];
/// Where clients look for what they have to know (RFC 8414 3, OpenID Connect Discovery 4).
const METADATA: [&str; 2] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
/// The longest description, in bytes.
const LONGEST_DESCRIPTION: usize = 500;

/// `None` without the table.
pub(crate) fn read(
    r: &mut Reader<'_>,
    root: &DeTable<'_>,
    public_url: Option<&PublicUrl>,
    hosts: Option<&[Arc<str>]>,
) -> Option<(OAuth, OAuthKeys)> {
    let section = r.section(Some(root), "oauth");
    Reader::content(&section)?;
    if let Some(url) = public_url.filter(|url| !url.secure && !url.is_loopback) {
        let hint = format!("tokens travel in the clear from {}: write the https URL that clients use", url.origin);
        r.error_with(section.span.clone(), "an authorization server off loopback needs an https `public_url`", hint);
    }
    let own = public_url.map_or_else(Arc::default, |url| Arc::from(url.origin.as_str()));
    let (scopes, default_scopes) = scopes(r, &section);
    let hour = Duration::from_secs(3600);
    let registration = registration(r, &section);
    let oauth = OAuth {
        issuer: issuer(r, &section, hosts).unwrap_or(own),
        audience: r.text(&section, "audience").and_then(|text| r.parsed(&text, resource)),
        resources: resources(r, &section),
        scopes,
        default_scopes,
        access_token_lifetime: r.duration(&section, "access_token_lifetime", hour),
        code_lifetime: r.duration(&section, "code_lifetime", Duration::from_secs(60)),
        refresh_token_lifetime: r.duration(&section, "refresh_token_lifetime", 30 * 24 * hour),
        dpop_nonce: r.flag(&section, "dpop_nonce", false),
        require_pushed: r.flag(&section, "require_pushed_requests", false),
        mtls: mtls(r, &section, hosts),
        paths: paths(r, &section, registration.is_some()),
        registration,
        firewall: Arc::new(nobody(r, &section)),
    };
    let words = [("EdDSA", OAuthAlgorithm::EdDsa), ("ES256", OAuthAlgorithm::Es256), ("RS256", OAuthAlgorithm::Rs256)];
    let keys = OAuthKeys {
        algorithm: r.word(&section, "algorithm", &words, OAuthAlgorithm::EdDsa),
        rotation: rotation(r, &section),
        longest: oauth.access_token_lifetime,
    };
    let lives = [oauth.access_token_lifetime, oauth.code_lifetime, oauth.refresh_token_lifetime];
    for ((key, longest, message), life) in LONGEST.into_iter().zip(lives) {
        if life < Duration::from_secs(1) || life > longest {
            r.error(section.place(key), message);
        }
    }
    Some((oauth, keys))
}

/// Where the file speaks of the authorization server, for what is said across tables.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) table: Span,
    pub(crate) mtls_url: Span,
}

impl Places {
    pub(crate) fn of(root: &DeTable<'_>) -> Self {
        let value = root.iter().find(|(key, _)| key.get_ref() == "oauth").map(|(_, value)| value);
        let table = value.map_or(0..0, |value| value.span());
        let keys = value.and_then(|value| value.get_ref().as_table());
        let key = keys.and_then(|keys| keys.iter().find(|(key, _)| key.get_ref() == "mtls_url"));
        Self { mtls_url: key.map_or_else(|| table.clone(), |(_, value)| value.span()), table }
    }
}

/// What judges where nobody but the endpoint itself does.
fn nobody(r: &Reader<'_>, section: &Section<'_>) -> Firewall {
    Firewall {
        name: "oauth".into(),
        host: None,
        path: None,
        methods: Vec::new(),
        when: None,
        authentication: Authentication::None,
        realm: "".into(),
        access: Default::default(),
        directories: Vec::new(),
        guards: Guards { csrf: false, ajax: false },
        invalid: Invalid::Refuse,
        entry: Entry::Status,
        source: r.file.source(section.span.start),
    }
}

/// RFC 8414 2: an https URL without query and fragment. It has no path here, so that its metadata is where all clients look.
fn issuer(r: &mut Reader<'_>, section: &Section<'_>, hosts: Option<&[Arc<str>]>) -> Option<Arc<str>> {
    let text = r.text(section, "issuer")?;
    let url = r.parsed(&text, web::public_url)?;
    if !url.secure && !url.is_loopback {
        r.error(text.span, "an issuer off loopback is https");
    } else if hosts.is_some_and(|hosts| !hosts.iter().any(|host| **host == *url.host)) {
        r.error_with(text.span, "the host of the issuer is not served", format!("add \"{}\" to `hosts`", url.host));
    }
    Some(url.origin.into())
}

/// What clients may be that register themselves. The list turns it on; there is no registration without a token.
fn registration(r: &mut Reader<'_>, section: &Section<'_>) -> Option<Registration> {
    let most = r.count(section, "registration_limit", 1, 1000);
    let Some(texts) = r.some_texts(section, "registration") else {
        for key in ["registration_path", "registration_limit"] {
            if section.has(key) {
                r.error_with(
                    section.place(key),
                    "nobody can register",
                    "name the grants that clients may register in `registration`",
                );
            }
        }
        return None;
    };
    let grants = distinct(r, texts, "this grant is listed twice", |text| {
        let short = |grant: &Grant| grant.as_str() == text || grant.as_str().rsplit(':').next() == Some(text);
        let known = Grant::ALL.into_iter().find(short);
        known.ok_or_else(|| {
            "is no grant\nwrite \"authorization_code\", \"refresh_token\", \"client_credentials\" or \"device_code\"".into()
        })
    });
    Some(Registration { grants, most })
}

/// Where clients show certificates: it may be the issuer's own place.
fn mtls(r: &mut Reader<'_>, section: &Section<'_>, hosts: Option<&[Arc<str>]>) -> Option<Mtls> {
    let text = r.text(section, "mtls_url")?;
    let url = r.parsed(&text, web::public_url)?;
    if !url.secure {
        r.error(text.span, "certificates are shown over https alone");
    } else if hosts.is_some_and(|hosts| !hosts.iter().any(|host| **host == *url.host)) {
        r.error_with(text.span, "this host is not served", format!("add \"{}\" to `hosts`", url.host));
    }
    Some(Mtls { url: url.origin.into(), host: url.host.into() })
}

fn resources(r: &mut Reader<'_>, section: &Section<'_>) -> Vec<Arc<str>> {
    let texts = r.texts(section, "resources").unwrap_or_default();
    distinct(r, texts, "this resource is listed twice", resource)
}

/// RFC 8707 2: an absolute URI without fragment.
pub(super) fn resource(text: &str) -> Result<Arc<str>, String> {
    let plain = text.len() <= 500 && text.bytes().all(|b| b.is_ascii_graphic());
    match Url::parse(text) {
        Ok(url) if url.fragment().is_none() && plain => Ok(text.into()),
        _ => Err("is no absolute URI without fragment\nfor example: \"https://api.example.com\"".into()),
    }
}

fn scopes(r: &mut Reader<'_>, section: &Section<'_>) -> (Vec<Scope>, Vec<Arc<str>>) {
    let mut scopes: Vec<Scope> = Vec::new();
    match section.value("scopes").map(|value| (value.span(), value.get_ref())) {
        None => scopes.push(Scope { name: DEFAULT_SCOPE.0.into(), description: DEFAULT_SCOPE.1.into() }),
        Some((span, DeValue::Table(table))) => {
            if table.iter().next().is_none() {
                r.error(span, "`scopes` names nothing");
            }
            for (name, description) in table.iter() {
                let text: &str = name.get_ref();
                match description.get_ref() {
                    _ if !is_scope(text) => {
                        let hint = "printable ASCII without spaces, quotes and backslashes (RFC 6749 3.3)";
                        r.error_with(name.span(), format!("{text:?} is no name of a scope"), hint);
                    }
                    DeValue::String(said) if !said.trim().is_empty() && said.len() <= LONGEST_DESCRIPTION => {
                        scopes.push(Scope { name: text.into(), description: said.to_string().into() });
                    }
                    _ => {
                        let hint = "a sentence for the people who are asked: \"See your orders\"";
                        r.error_with(description.span(), format!("the scope `{text}` needs a description"), hint);
                    }
                }
            }
        }
        Some((span, _)) => r.error_with(span, "`scopes` must be a table", "[oauth.scopes], then: orders = \"See your orders\""),
    }
    for (name, description) in OPENID {
        if !scopes.iter().any(|scope| *scope.name == *name) {
            scopes.push(Scope { name: name.into(), description: description.into() });
        }
    }
    let texts = r.texts(section, "default_scopes");
    let Some(texts) = texts else {
        let usual = scopes.iter().filter(|scope| &*scope.name == DEFAULT_SCOPE.0).map(|scope| Arc::clone(&scope.name));
        return (scopes.clone(), usual.collect());
    };
    let known = |text: &str| match scopes.iter().find(|scope| *scope.name == *text) {
        Some(scope) => Ok(Arc::clone(&scope.name)),
        None => Err("is none of `scopes`".to_owned()),
    };
    let default = distinct(r, texts, "this scope is listed twice", known);
    (scopes, default)
}

fn rotation(r: &mut Reader<'_>, section: &Section<'_>) -> Option<Duration> {
    if section.value("rotation").is_some_and(|value| value.get_ref().as_str() == Some("never")) {
        return None;
    }
    let rotation = r.duration(section, "rotation", Duration::from_secs(90 * 24 * 3600));
    if rotation < ROTATION.0 || rotation > ROTATION.1 {
        let hint = "\"never\" leaves it to `doorward key rotate oauth`";
        r.error_with(section.place("rotation"), "a key signs from a day to ten years", hint);
    }
    Some(rotation)
}

/// Each endpoint has a path of its own.
fn paths(r: &mut Reader<'_>, section: &Section<'_>, registration: bool) -> Vec<(Arc<str>, OAuthEndpoint)> {
    let keys = [
        ("authorize_path", "/authorize", OAuthEndpoint::Authorize),
        ("token_path", "/token", OAuthEndpoint::Token),
        ("par_path", "/par", OAuthEndpoint::Pushed),
        ("device_authorization_path", "/device_authorization", OAuthEndpoint::DeviceAuthorization),
        ("device_path", "/device", OAuthEndpoint::Device),
        ("jwks_path", "/authorize/jwks", OAuthEndpoint::Keys),
        ("introspection_path", "/introspect", OAuthEndpoint::Introspect),
        ("revocation_path", "/revoke", OAuthEndpoint::Revoke),
        ("userinfo_path", "/userinfo", OAuthEndpoint::UserInfo),
        ("end_session_path", "/end-session", OAuthEndpoint::EndSession),
        ("applications_path", "/account/applications", OAuthEndpoint::Applications),
        ("registration_path", "/register", OAuthEndpoint::Register),
    ];
    let mut all: Vec<(Arc<str>, OAuthEndpoint)> = Vec::new();
    for (key, usual, endpoint) in keys {
        if endpoint == OAuthEndpoint::Register && !registration {
            continue;
        }
        let own = |text: &str| match web::path_prefix(text) {
            Ok(path) if path.is_empty() => Err(format!("is no path of its own\nfor example: \"{usual}\"")),
            Ok(path) if path.starts_with("/.well-known/") => Err("is where others look for something else".into()),
            other => other.map(Arc::from),
        };
        let path = match r.text(section, key) {
            Some(text) => r.parsed(&text, own),
            None => Some(usual.into()),
        };
        let Some(path) = path else { continue };
        if all.iter().any(|(other, _)| *other == path) {
            r.error(section.place(key), format!("two endpoints stand at {path}"));
        }
        if endpoint == OAuthEndpoint::Authorize {
            all.push((format!("{path}/consent").into(), OAuthEndpoint::Consent));
        }
        all.push((path, endpoint));
    }
    all.extend(METADATA.map(|path| (path.into(), OAuthEndpoint::Metadata)));
    all
}

/// What these texts are, each once.
pub(super) fn distinct<T: PartialEq>(
    r: &mut Reader<'_>,
    texts: Vec<Text>,
    twice: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Vec<T> {
    let mut all = Vec::new();
    for text in texts {
        let Some(one) = r.parsed(&text, &parse) else { continue };
        if all.contains(&one) {
            r.error(text.span, twice);
        } else {
            all.push(one);
        }
    }
    all
}
