//! `[[provider]]`.

use super::{
    firewall,
    issuer::{claim_and_roles, directory},
    jwt::name,
    tls::file,
};
use crate::{
    reader::{Reader, Section, Text},
    settings::{LinkBy, Provider, Secrets},
};
use doorward_core::{
    Kind,
    firewall::Authentication,
    name::flaw,
    policy::{Directory, SignInProvider},
    ports::RemoteUrl,
};
use doorward_tls::{Authorities, Chain};
use std::sync::Arc;
use toml::de::DeTable;

/// The scope without which it is no OpenID Connect, and the one for addresses.
const OPENID: &str = "openid";
const EMAIL: &str = "email";
/// The longest name in our paths, and what people read at most, in bytes.
const LONGEST_NAME: usize = 64;
const LONGEST_TITLE: usize = 100;
/// The longest prefix of logins, so that a subject has room.
const LONGEST_PREFIX: usize = 64;

/// Providers, and what requests need to know of each.
pub(crate) fn read(r: &mut Reader<'_>, root: &DeTable<'_>, directories: &[Arc<Directory>]) -> Vec<(Provider, SignInProvider)> {
    let mut all: Vec<(Provider, SignInProvider)> = Vec::new();
    for section in r.sections(root, "provider") {
        let Some((provider, shown)) = one(r, &section, directories) else { continue };
        if all.iter().any(|(other, _)| other.name == provider.name) {
            r.error(section.place("name"), format!("there is a provider `{}` already", provider.name));
        } else if let Some((other, _)) =
            all.iter().find(|(other, _)| other.issuer == provider.issuer && other.client_id == provider.client_id)
        {
            let message =
                format!("`{}` is this client of this issuer already: nobody could tell their sessions apart", other.name);
            r.error_with(section.place("client_id"), message, "register a client there for each directory");
        }
        all.push((provider, shown));
    }
    all
}

/// What can be said once firewalls and accounts are known. `sign_up`: whether customers can make accounts of addresses that
/// nobody confirmed.
pub(crate) fn check(
    r: &mut Reader<'_>,
    root: &DeTable<'_>,
    providers: &[(Provider, SignInProvider)],
    directories: &[Arc<Directory>],
    firewalls: &[firewall::Placed],
    sign_up: bool,
) {
    for section in r.sections(root, "provider") {
        let named = r.text(&section, "name");
        let Some((provider, _)) = named.and_then(|name| providers.iter().find(|(own, _)| *own.name == *name.value)) else {
            continue;
        };
        let asks = |(firewall, _): &firewall::Placed| {
            firewall.authentication == Authentication::Session && firewall.directories.contains(&provider.directory)
        };
        if !firewalls.is_empty() && !firewalls.iter().any(asks) {
            let message = format!("no session firewall asks `{}`: nobody can sign in by this provider", provider.directory);
            r.warn(section.place("directory"), message, "add one whose `path` covers /login and /oauth2/");
        }
        let customers = directories.iter().any(|own| own.name == provider.directory && own.kind == Kind::Customer);
        if provider.link == LinkBy::Email && customers && sign_up {
            let message = "whoever signed up with somebody else's address waits in the account that is linked";
            r.warn(section.place("link"), message, "set `confirm_email = true` in [accounts]");
        }
    }
}

fn one(r: &mut Reader<'_>, section: &Section<'_>, directories: &[Arc<Directory>]) -> Option<(Provider, SignInProvider)> {
    let own = r.required(section, "name").and_then(|text| r.parsed(&text, path_name));
    let issuer = r.required(section, "issuer");
    let url = issuer.as_ref().and_then(|text| r.parsed(text, issuer_url));
    let client_id = r.required(section, "client_id").and_then(|text| r.parsed(&text, name));
    let client_secret = secret(r, section);
    let title = match r.text(section, "title") {
        Some(text) => r.parsed(&text, title),
        None => own.clone(),
    };
    let link = link(r, section, own.as_deref());
    let scopes = scopes(r, section, link.as_ref());
    let directory = directory(r, section, directories);
    if let Some(directory) = directories.iter().find(|own| Some(&own.name) == directory.as_ref() && own.kind == Kind::Integration)
    {
        let message = format!("accounts of `{}` have no sessions: it is of `kind = \"integration\"`", directory.name);
        r.error(section.place("directory"), message);
    }
    let audience = r.some_texts(section, "audience").unwrap_or_default();
    let audience = audience.iter().filter_map(|text| r.parsed(text, name)).collect();
    let (roles_claim, roles) = claim_and_roles(r, section);
    let authorities = authorities(r, section, url.as_ref());
    // Without the authorities that it names, those of the system would count.
    if section.has("ca") && authorities.is_none() {
        return None;
    }
    let (own, directory) = (own?, directory?);
    let shown = SignInProvider { name: Arc::clone(&own), title: title?, directory: Arc::clone(&directory) };
    let provider = Provider {
        name: own,
        issuer: url.and(issuer)?.value.into(),
        client_id: client_id?,
        client_secret,
        scopes,
        directory,
        link: link?,
        audience,
        roles_claim,
        roles,
        authorities,
    };
    Some((provider, shown))
}

/// It stands in paths.
fn path_name(text: &str) -> Result<Arc<str>, String> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    if !text.is_empty() && text.len() <= LONGEST_NAME && text.bytes().all(plain) {
        Ok(text.into())
    } else {
        Err("is no name that can stand in a path\nwrite small letters, digits, `-` and `_`".into())
    }
}

fn title(text: &str) -> Result<Arc<str>, String> {
    match flaw(text) {
        Some(flaw) => Err(format!("is no title: one {flaw}")),
        None if text.len() > LONGEST_TITLE => Err("is too long for a button".into()),
        None => Ok(text.into()),
    }
}

/// An issuer is compared letter for letter, and asked for what it publishes below it (OpenID Connect Discovery 3, 4).
fn issuer_url(text: &str) -> Result<RemoteUrl, String> {
    let url = RemoteUrl::parse(text)?;
    if text.contains('?') { Err("has a query, which no issuer has".into()) } else { Ok(url) }
}

fn secret(r: &mut Reader<'_>, section: &Section<'_>) -> Option<Secrets> {
    let text = r.secret(section, "client_secret")?;
    if text.is_literal() {
        let message = "`client_secret` of [[provider]] stands in this file: all who read it can be this client";
        // Marking the value would show it.
        r.warn(section.span.clone(), message, "write \"file:PATH\" or \"${ENV_NAME}\"");
    }
    if text.value.is_empty() || text.value.chars().any(char::is_control) {
        let span = if text.is_literal() { section.span.clone() } else { text.span };
        r.error_with(span, "`client_secret` holds no secret", "leave it out for a public client");
        return None;
    }
    Some(Secrets(vec![text.value.into()]))
}

fn link(r: &mut Reader<'_>, section: &Section<'_>, own: Option<&str>) -> Option<LinkBy> {
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Word {
        Subject,
        Email,
        Create,
    }
    let words = [("subject", Word::Subject), ("email", Word::Email), ("create", Word::Create)];
    let word = r.word(section, "link", &words, Word::Subject);
    if word != Word::Create && section.has("prefix") {
        r.error(section.place("prefix"), "`prefix` is for accounts that are made, which takes `link = \"create\"`");
    }
    Some(match word {
        Word::Subject => LinkBy::Subject,
        Word::Email => LinkBy::Email,
        Word::Create => match r.text(section, "prefix") {
            Some(text) => LinkBy::Create(r.parsed(&text, prefix)?),
            None => LinkBy::Create(format!("{}:", own?).into()),
        },
    })
}

/// Without one, whoever may choose a login here could choose that of somebody there.
fn prefix(text: &str) -> Result<Arc<str>, String> {
    if text.is_empty() || text.len() > LONGEST_PREFIX || flaw(text).is_some() || text.contains('@') {
        return Err("is no prefix of logins\nwrite a word and a colon, such as \"google:\"".into());
    }
    Ok(text.into())
}

fn scopes(r: &mut Reader<'_>, section: &Section<'_>, link: Option<&LinkBy>) -> Vec<Arc<str>> {
    let Some(texts) = r.some_texts(section, "scopes") else { return [OPENID, EMAIL, "profile"].map(Arc::from).to_vec() };
    let token = |text: &str| {
        let plain = |b: u8| matches!(b, b'!' | b'#'..=b'[' | b']'..=b'~');
        let sound = !text.is_empty() && text.len() <= 255 && text.bytes().all(plain);
        if sound { Ok(Arc::from(text)) } else { Err("is no scope\nwrite one word for each (RFC 6749 3.3)".into()) }
    };
    let scopes: Vec<Arc<str>> = texts.iter().filter_map(|text: &Text| r.parsed(text, token)).collect();
    let has = |scope: &str| scopes.iter().any(|own| **own == *scope);
    if !has(OPENID) {
        r.error_with(section.place("scopes"), "without the scope `openid` nobody says who signed in", "add \"openid\"");
    }
    if link == Some(&LinkBy::Email) && !has(EMAIL) {
        let message = "accounts are found by e-mail address, and the scope `email` is not asked for";
        r.warn(section.place("scopes"), message, "add \"email\"");
    }
    scopes
}

fn authorities(r: &mut Reader<'_>, section: &Section<'_>, issuer: Option<&RemoteUrl>) -> Option<Authorities> {
    let text = r.text(section, "ca")?;
    if issuer.is_some_and(|url| !url.is_secure()) {
        r.error(text.span.clone(), "`ca` vouches for servers that are asked over `https`");
    }
    file(r, &text, |pem| Authorities::only(&Chain::read(pem)?))
}
