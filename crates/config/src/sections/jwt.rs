//! `[jwt]`.

use crate::{
    reader::{Reader, Section},
    settings::{Jwt, Signature},
};
use doorward_core::upstream_identity::SharedKey;
use std::{sync::Arc, time::Duration};
use toml::de::{DeTable, DeValue};

/// The longest life of a token: nobody can take it back from those who verify it by themselves.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
/// The most by which clocks may differ.
pub(super) const MOST_LEEWAY: Duration = Duration::from_secs(300);
/// Keys sign for so long at least, and at most.
const ROTATION: (Duration, Duration) = (Duration::from_secs(24 * 3600), Duration::from_secs(3650 * 24 * 3600));

/// The words of `algorithm`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    EdDsa,
    Es256,
    Rs256,
    Hs256,
}

pub(crate) fn read(r: &mut Reader<'_>, root: &DeTable<'_>) -> Jwt {
    let section = r.section(Some(root), "jwt");
    let words = [("EdDSA", Word::EdDsa), ("ES256", Word::Es256), ("RS256", Word::Rs256), ("HS256", Word::Hs256)];
    let word = r.word(&section, "algorithm", &words, Word::EdDsa);
    let jwt = Jwt {
        signature: signature(r, &section, word),
        lifetime: r.duration(&section, "lifetime", Duration::from_secs(3600)),
        issuer: r.text(&section, "issuer").and_then(|text| r.parsed(&text, name)),
        audience: audience(r, &section),
        leeway: leeway(r, &section, Duration::ZERO),
        rotation: rotation(r, &section, word),
    };
    if jwt.lifetime < Duration::from_secs(1) || jwt.lifetime > LONGEST {
        r.error(section.place("lifetime"), "a token lasts from a second to 30 days");
    }
    if jwt.leeway > MOST_LEEWAY {
        r.error(section.place("leeway"), "clocks that differ by more than five minutes need to be set");
    }
    jwt
}

fn signature(r: &mut Reader<'_>, section: &Section<'_>, word: Word) -> Signature {
    if word != Word::Hs256 && section.has("secret") {
        let hint = "leave `secret` out: the keys of this algorithm are in the store (`doorward key list`)";
        // Not at its place: a literal one would be shown.
        r.error_with(section.span.clone(), "`secret` of [jwt] is for `algorithm = \"HS256\"` only", hint);
    }
    match word {
        Word::EdDsa => Signature::EdDsa,
        Word::Es256 => Signature::Es256,
        Word::Rs256 => Signature::Rs256,
        // Without a secret it has been spoken of.
        Word::Hs256 => secret(r, section).map_or(Signature::EdDsa, Signature::Hs256),
    }
}

fn secret(r: &mut Reader<'_>, section: &Section<'_>) -> Option<SharedKey> {
    if !section.has("secret") {
        let hint = "secret = \"file:PATH\": what the other application signs with, such as Ibexa's APP_SECRET";
        r.error_with(section.place("algorithm"), "HS256 needs a `secret`", hint);
        return None;
    }
    let text = r.secret(section, "secret")?;
    // Marking the value would show it.
    let span = if text.is_literal() { section.span.clone() } else { text.span.clone() };
    if text.is_literal() {
        let message = "`secret` of [jwt] stands in this file: all who read it can sign";
        r.warn(span.clone(), message, "write \"file:PATH\" or \"${ENV_NAME}\"");
    }
    if text.value.contains("-----BEGIN ") {
        r.error(span, "a key in PEM is no `secret` for HS256: whoever has the public key could sign");
        return None;
    }
    let key = SharedKey::new(text.value.as_bytes());
    if key.is_none() {
        let hint = format!("at least {} characters, and not the same few again", SharedKey::SHORTEST);
        r.error_with(span, "the `secret` of [jwt] can be guessed from a token", hint);
    }
    key
}

fn audience(r: &mut Reader<'_>, section: &Section<'_>) -> Vec<Arc<str>> {
    let texts = r.some_texts(section, "audience").unwrap_or_default();
    let mut all: Vec<Arc<str>> = Vec::new();
    for text in texts {
        let Some(one) = r.parsed(&text, name) else { continue };
        if all.contains(&one) {
            r.error(text.span, "this audience is listed twice");
        } else {
            all.push(one);
        }
    }
    all
}

/// A URL or a word.
pub(super) fn name(text: &str) -> Result<Arc<str>, String> {
    let sound = !text.is_empty() && text.len() <= 255 && text.bytes().all(|b| matches!(b, b'!'..=b'~'));
    if sound { Ok(text.into()) } else { Err("is no name\nwrite a URL or a word: printable ASCII without spaces".into()) }
}

/// None at all may be written, too.
pub(super) fn leeway(r: &mut Reader<'_>, section: &Section<'_>, default: Duration) -> Duration {
    let is = |zero: &str| section.value("leeway").is_some_and(|value| value.get_ref().as_str() == Some(zero));
    let number = section.value("leeway").is_some_and(|value| match value.get_ref() {
        DeValue::Integer(number) => number.as_str() == "0",
        _ => false,
    });
    if number || is("0") || is("0s") { Duration::ZERO } else { r.duration(section, "leeway", default) }
}

fn rotation(r: &mut Reader<'_>, section: &Section<'_>, word: Word) -> Option<Duration> {
    if word == Word::Hs256 && section.has("rotation") {
        r.error(section.place("rotation"), "the secret of HS256 stands here, so nobody but you can change it");
    }
    if section.value("rotation").is_some_and(|value| value.get_ref().as_str() == Some("never")) {
        return None;
    }
    let rotation = r.duration(section, "rotation", Duration::from_secs(90 * 24 * 3600));
    if rotation < ROTATION.0 || rotation > ROTATION.1 {
        let hint = "\"never\" leaves it to `doorward key rotate jwt`";
        r.error_with(section.place("rotation"), "a key signs from a day to ten years", hint);
    }
    Some(rotation)
}
