//! Distinguished names as text (RFC 4514): written from certificates, read from what other programs wrote of them.

use std::fmt;
use x509_parser::{
    asn1_rs::{Any, FromDer, Tag},
    x509::X509Name,
};

/// Attributes that are written by name: those of RFC 4514 (3) first, then those that OpenSSL writes so.
const NAMES: [(&str, &str); 19] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.12", "title"),
    ("2.5.4.42", "GN"),
    ("2.5.4.43", "initials"),
    ("2.5.4.44", "generationQualifier"),
    ("2.5.4.46", "dnQualifier"),
    ("2.5.4.65", "pseudonym"),
    ("2.5.4.97", "organizationIdentifier"),
];

/// A distinguished name, the most specific part first. Two are equal when their texts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(Vec<Vec<Attribute>>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Attribute {
    /// Dotted.
    kind: String,
    value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Text(String),
    /// Of a type that holds no text, whole.
    Der(Vec<u8>),
}

impl Name {
    /// The name in a certificate.
    pub(crate) fn of(name: &X509Name<'_>) -> Self {
        let mut parts: Vec<Vec<Attribute>> = name
            .iter_rdn()
            .map(|part| {
                let attribute = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| Attribute {
                    kind: attribute.attr_type().to_id_string(),
                    value: match attribute.as_str() {
                        Ok(text) => Value::Text(text.to_owned()),
                        Err(_) => Value::Der(whole(attribute.attr_value())),
                    },
                };
                sorted(part.iter().map(attribute).collect())
            })
            .collect();
        parts.reverse();
        Self(parts)
    }

    /// Reads RFC 4514, and what RFC 2253 allows besides: spaces around the parts.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let parts = split(text, ',')?;
        let parts = parts.into_iter().map(|part| {
            let attributes = split(part, '+')?.into_iter().map(attribute).collect::<Option<Vec<_>>>()?;
            Some(sorted(attributes))
        });
        parts.collect::<Option<_>>().map(Self)
    }

    /// The only text of this attribute (dotted); nothing when there is none or there are several.
    pub(crate) fn only(&self, kind: &str) -> Result<Option<&str>, &'static str> {
        let mut all = self.0.iter().flatten().filter(|attribute| attribute.kind == kind);
        match (all.next(), all.next()) {
            (None, _) => Ok(None),
            (Some(Attribute { value: Value::Text(text), .. }), None) => Ok(Some(text)),
            (Some(_), None) => Err("the attribute of its subject is no text"),
            (Some(_), Some(_)) => Err("its subject has several of them"),
        }
    }
}

/// Of several attributes in one part, the order says nothing.
fn sorted(mut attributes: Vec<Attribute>) -> Vec<Attribute> {
    attributes.sort();
    attributes
}

/// A value with its tag and length, short or long (X.690, 8.1).
fn whole(value: &Any<'_>) -> Vec<u8> {
    let content = value.as_bytes();
    let constructed = if value.header.is_constructed() { 0x20 } else { 0 };
    let mut der = vec![u8::try_from(value.tag().0 & 0x1f).unwrap_or(0) | constructed];
    match u8::try_from(content.len()) {
        Ok(length) if length < 0x80 => der.push(length),
        _ => {
            let length = content.len().to_be_bytes();
            let length: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
            der.push(0x80 | u8::try_from(length.len()).unwrap_or(0));
            der.extend(length);
        }
    }
    der.extend_from_slice(content);
    der
}

/// Splits where the separator is not escaped.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            // The quoted form of RFC 1779 could hide a separator.
            '"' | ';' => return None,
            c if c == separator => {
                parts.push(text.get(start..at)?);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    (!escaped).then_some(parts)
}

/// `TYPE=VALUE`.
fn attribute(text: &str) -> Option<Attribute> {
    let (kind, value) = text.split_once('=')?;
    let kind = kind.trim_matches(' ');
    let dotted = |kind: &str| {
        kind.split('.').count() > 1 && kind.split('.').all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let kind = match NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(kind)) {
        Some((oid, _)) => (*oid).to_owned(),
        None if kind.eq_ignore_ascii_case("E") => "1.2.840.113549.1.9.1".to_owned(),
        None if dotted(kind) => kind.to_owned(),
        None => return None,
    };
    let value = value.trim_start_matches(' ');
    let value = match value.strip_prefix('#') {
        Some(hex) => of_der(&unhex(hex.trim_end_matches(' '))?)?,
        None => Value::Text(unescaped(value)?),
    };
    Some(Attribute { kind, value })
}

/// A value in DER: its text where it has one.
fn of_der(der: &[u8]) -> Option<Value> {
    let (rest, any) = Any::from_der(der).ok()?;
    if !rest.is_empty() {
        return None;
    }
    let text = matches!(any.tag(), Tag::NumericString | Tag::PrintableString | Tag::Utf8String | Tag::Ia5String);
    let text = text.then(|| std::str::from_utf8(any.as_bytes()).ok()).flatten();
    Some(text.map_or_else(|| Value::Der(der.to_vec()), |text| Value::Text(text.to_owned())))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok()).collect()
}

/// The text behind the escapes (RFC 4514, 3); spaces at its end that are not escaped are none of it.
fn unescaped(text: &str) -> Option<String> {
    let (mut bytes, mut rest, mut kept) = (Vec::new(), text.as_bytes(), 0);
    while let Some((&first, tail)) = rest.split_first() {
        rest = match (first, tail) {
            (b'\\', [a, b, tail @ ..]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
                bytes.extend(unhex(std::str::from_utf8(&[*a, *b]).ok()?)?);
                kept = bytes.len();
                tail
            }
            (b'\\', [c, tail @ ..]) if b" \"#+,;<=>\\".contains(c) => {
                bytes.push(*c);
                kept = bytes.len();
                tail
            }
            (b'\\', _) => return None,
            (c, tail) => {
                bytes.push(c);
                kept = if c == b' ' { kept } else { bytes.len() };
                tail
            }
        };
    }
    bytes.truncate(kept);
    String::from_utf8(bytes).ok()
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "," })?;
            for (index, attribute) in part.iter().enumerate() {
                f.write_str(if index == 0 { "" } else { "+" })?;
                attribute.fmt(f)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(oid, _)| *oid == self.kind).map(|(_, name)| *name);
        match (&self.value, name) {
            (Value::Text(text), Some(name)) => {
                write!(f, "{name}=")?;
                escape(text, f)
            }
            // A kind without a name is written with its value in hexadecimal (2.4); as text it is UTF8String.
            (Value::Text(text), None) => {
                write!(f, "{}=#", self.kind)?;
                hex(&utf8_string(text), f)
            }
            (Value::Der(der), name) => {
                write!(f, "{}=#", name.unwrap_or(&self.kind))?;
                hex(der, f)
            }
        }
    }
}

/// A UTF8String in DER.
fn utf8_string(text: &str) -> Vec<u8> {
    whole(&Any::from_tag_and_data(Tag::Utf8String, text.as_bytes()))
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// RFC 4514, 2.4; control characters too, so that none stands in a log.
fn escape(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (at, c) in text.char_indices() {
        let edge = at == 0 || at + c.len_utf8() == text.len();
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => write!(f, "\\{c}")?,
            '#' if at == 0 => f.write_str("\\#")?,
            ' ' if edge => f.write_str("\\ ")?,
            c if c.is_control() => {
                let mut buffer = [0; 4];
                c.encode_utf8(&mut buffer).bytes().try_for_each(|byte| write!(f, "\\{byte:02X}"))?;
            }
            c => write!(f, "{c}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_the_examples_of_rfc_4514() {
        for (text, written) in [
            ("UID=jsmith,DC=example,DC=net", "UID=jsmith,DC=example,DC=net"),
            ("OU=Sales+CN=J.  Smith,DC=example,DC=net", "OU=Sales+CN=J.  Smith,DC=example,DC=net"),
            ("CN=James \\\"Jim\\\" Smith\\, III,DC=example,DC=net", "CN=James \\\"Jim\\\" Smith\\, III,DC=example,DC=net"),
            ("CN=Before\\0dAfter,DC=example,DC=net", "CN=Before\\0DAfter,DC=example,DC=net"),
            ("CN=Lu\\C4\\8Di\\C4\\87", "CN=Lučić"),
            ("1.3.6.1.4.1.1466.0=#04024869", "1.3.6.1.4.1.1466.0=#04024869"),
        ] {
            let name = Name::parse(text).unwrap();
            let parts = |text: &str| text.split('+').map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
            assert_eq!(parts(&name.to_string()).len(), parts(written).len(), "{text}");
            assert_eq!(Name::parse(&name.to_string()), Some(name.clone()), "{text}");
            if !written.contains('+') {
                assert_eq!(name.to_string(), written);
            }
        }
    }

    #[test]
    fn one_name_has_one_text_however_it_was_written() {
        for (one, other) in [
            ("CN=a,O=b", "cn=a, o=b"),
            ("CN=a,O=b", "2.5.4.3=#0c0161,O=b"),
            ("CN=a+OU=b", "OU=b+CN=a"),
            ("CN=a\\,b", "CN=a\\2cb"),
            ("emailAddress=a@b,CN=x", "E=a@b,CN=x"),
            ("CN=é", "CN=\\C3\\A9"),
            ("CN=a", "CN=a  "),
        ] {
            assert_eq!(Name::parse(one).unwrap().to_string(), Name::parse(other).unwrap().to_string(), "{one}");
        }
        for (one, other) in [("CN=a,O=b", "O=b,CN=a"), ("CN=a\\,O=b", "CN=a,O=b"), ("CN=a+O=b", "CN=a,O=b"), ("CN=a\\ ", "CN=a")]
        {
            assert_ne!(Name::parse(one).unwrap().to_string(), Name::parse(other).unwrap().to_string(), "{one}");
        }
    }

    #[test]
    fn refuses_what_is_no_name() {
        for text in [
            "",
            "a",
            "=",
            "CN",
            "CN=a,",
            ",CN=a",
            "CN=a\\",
            "CN=a\\zz",
            "CN=\"a,O=b\"",
            "CN=a;O=b",
            "/C=FR/CN=x",
            "X=y",
            "CN=#",
            "CN=#zz",
            "CN=#0c0261",
            "CN=\\FF",
            "1..2=a",
            "1=a",
        ] {
            assert_eq!(Name::parse(text).map(|name| name.to_string()), None, "{text}");
        }
    }

    #[test]
    fn the_only_one_of_a_kind_is_found_and_several_are_none() {
        let only = |text: &str| Name::parse(text).unwrap().only("2.5.4.3").map(|found| found.map(str::to_owned));
        assert_eq!(only("CN=a,O=CN\\=b"), Ok(Some("a".into())));
        assert_eq!(only("O=x"), Ok(None));
        assert!(only("CN=a,CN=b").is_err() && only("CN=a+CN=b").is_err() && only("CN=#04024869").is_err());
    }
}
