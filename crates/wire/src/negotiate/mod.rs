//! Which format a caller wants. Each dialect has rules of its own; none of them ever refuses what RFC 9110 12.5.1
//! would accept.

#[cfg(test)]
mod tests;

use crate::Format;

/// One entry of an `Accept` header: its media range in lower case and its weight in thousandths.
struct Range {
    media: String,
    weight: u16,
}

/// The format for the Ibexa dialect (ibexa-rest 0.4). Only the format is negotiated, never the type; everything that
/// is not asked for as JSON is XML, an absent header too.
pub fn ibexa(accept: Option<&str>) -> Format {
    ranges(accept.unwrap_or_default()).iter().find_map(|range| ibexa_format(&range.media)).unwrap_or(Format::Xml)
}

/// The format that the header names for the Ibexa dialect, if it names one: ranges with a star name none.
pub fn ibexa_named(accept: Option<&str>) -> Option<Format> {
    let named = |range: &Range| match ibexa_format(&range.media)? {
        Format::Json => Some(Format::Json),
        Format::Xml => (ibexa_type(&range.media, "+xml") || range.media.starts_with("application/xml")).then_some(Format::Xml),
    };
    ranges(accept.unwrap_or_default()).iter().find_map(named)
}

fn ibexa_format(media: &str) -> Option<Format> {
    if ibexa_type(media, "+json") || media.starts_with("application/json") {
        return Some(Format::Json);
    }
    // The catch-all of the contract: anything with a slash.
    media.contains('/').then_some(Format::Xml)
}

/// Whether `media` begins like `application/vnd.ibexa.api.Session+json` (`suffix` is `+json`).
fn ibexa_type(media: &str, suffix: &str) -> bool {
    let Some(rest) = media.strip_prefix("application/vnd.ibexa.api") else { return false };
    let Some((name, _)) = rest.split_once('+') else { return false };
    rest[name.len()..].starts_with(suffix) && name.strip_prefix('.').is_some_and(|words| words.split('.').all(is_word))
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphabetic())
}

/// No renderer of the Magento dialect fits the `Accept` header: 406 (magento-webapi 5.4). It holds the media types that
/// were asked for, best first and joined by commas: of the characters of media types alone, and no longer than 200.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("none of the media types that the request accepts can be written")]
pub struct NotAcceptable(pub(crate) String);

/// How much of the offered media types is repeated, in characters.
const MAX_OFFERED: usize = 200;

/// The format for the Magento dialect (magento-webapi 5.4): JSON by default, and XML also for browsers, which accept
/// `application/xhtml+xml`. There the weight is the value of the first parameter, whatever its name.
///
/// # Errors
/// [`NotAcceptable`] when the header names only types that have no renderer.
pub fn magento(accept: Option<&str>) -> Result<Format, NotAcceptable> {
    let mut wanted: Vec<(&str, f64)> = accept
        .unwrap_or_default()
        .split(',')
        .filter_map(|entry| {
            let (media, parameters) = entry.split_once(';').unwrap_or((entry, ""));
            let first = parameters.split(';').next().unwrap_or_default();
            let weight = first.split_once('=').and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(1.0);
            let media = media.trim();
            is_magento_range(media).then_some((media, weight))
        })
        .collect();
    if wanted.is_empty() {
        return Ok(Format::Json);
    }
    wanted.sort_by(|a, b| b.1.total_cmp(&a.1));
    wanted.iter().find_map(|(media, _)| magento_format(media)).ok_or_else(|| {
        let offered: Vec<&str> = wanted.iter().map(|(media, _)| *media).collect();
        NotAcceptable(offered.join(", ").chars().take(MAX_OFFERED).collect())
    })
}

/// `[0-9a-z*+-]+(/[0-9a-z*+-.]+)?`, where `+-.` is a span of characters.
fn is_magento_range(media: &str) -> bool {
    let word = |part: &str, extra: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_digit() || c.is_ascii_lowercase() || extra.contains(c))
    };
    match media.split_once('/') {
        Some((major, minor)) => word(major, "*+-") && word(minor, "*+,-."),
        None => word(media, "*+-"),
    }
}

fn magento_format(media: &str) -> Option<Format> {
    match media {
        "*/*" | "application/*" | "application/json" => Some(Format::Json),
        "text/*" | "text/xml" | "application/xml" | "application/xhtml+xml" => Some(Format::Xml),
        _ => None,
    }
}

/// The format of a problem document (RFC 9457 3 and appendix B): JSON, unless XML is what the caller prefers. Pages
/// that a browser asks for are no reason for XML.
pub fn problem(accept: Option<&str>) -> Format {
    let known = |range: &Range| match range.media.as_str() {
        "application/problem+xml" | "application/xml" | "text/xml" => Some(Format::Xml),
        "*/*" | "application/*" | "application/json" | "application/problem+json" | "text/html" | "application/xhtml+xml" => {
            Some(Format::Json)
        }
        media if media.ends_with("+xml") => Some(Format::Xml),
        media if media.ends_with("+json") => Some(Format::Json),
        _ => None,
    };
    ranges(accept.unwrap_or_default()).iter().find_map(known).unwrap_or(Format::Json)
}

/// Whether a person's browser asks for a page: HTML is what it likes best.
pub fn wants_page(accept: Option<&str>) -> bool {
    ranges(accept.unwrap_or_default())
        .first()
        .is_some_and(|range| matches!(range.media.as_str(), "text/html" | "application/xhtml+xml"))
}

/// The ranges of an `Accept` header, best first and in their order where they are equal; those of weight 0 are what
/// the caller does not want.
fn ranges(accept: &str) -> Vec<Range> {
    let mut ranges: Vec<Range> = accept
        .split(',')
        .filter_map(|entry| {
            let mut parts = entry.split(';');
            let media = parts.next()?.trim().to_ascii_lowercase();
            let weight = parts.find_map(|parameter| {
                let (name, value) = parameter.split_once('=')?;
                name.trim().eq_ignore_ascii_case("q").then(|| thousandths(value.trim()))
            });
            (!media.is_empty()).then_some(Range { media, weight: weight.unwrap_or(1000) })
        })
        .filter(|range| range.weight > 0)
        .collect();
    ranges.sort_by_key(|range| std::cmp::Reverse(range.weight));
    ranges
}

/// A weight (RFC 9110 12.4.2) in thousandths; nonsense counts as 1, as if it had not been sent.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|b| b.is_ascii_digit());
    match whole {
        "0" if digits => format!("{fraction:0<3}").parse().unwrap_or(1000),
        _ => 1000,
    }
}
