//! What mails say: two templates for each, text and HTML. The built-in ones can be replaced one by one.
//!
//! `NAME.txt` begins with `Subject: ...` and an empty line; `NAME.html` is escaped as HTML. A name that begins with `_` is
//! for templates to include. A template can use nothing but its values: no files, no environment, no time without end.

use doorward_core::mail::{About, Invitation, Letter};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use std::{collections::BTreeMap, error::Error as _, sync::Arc, time::Duration};

/// Steps that a template may take.
const FUEL: u64 = 100_000;
/// The longest part of a mail, in bytes.
const LONGEST: usize = 256 << 10;

/// The built-in templates.
const BUILT_IN: &[(&str, &str)] = &[
    ("confirm.txt", include_str!("../templates/confirm.txt")),
    ("confirm.html", include_str!("../templates/confirm.html")),
    ("welcome.txt", include_str!("../templates/welcome.txt")),
    ("welcome.html", include_str!("../templates/welcome.html")),
    ("reset.txt", include_str!("../templates/reset.txt")),
    ("reset.html", include_str!("../templates/reset.html")),
    ("password_changed.txt", include_str!("../templates/password_changed.txt")),
    ("password_changed.html", include_str!("../templates/password_changed.html")),
    ("email_changed.txt", include_str!("../templates/email_changed.txt")),
    ("email_changed.html", include_str!("../templates/email_changed.html")),
    ("_layout.html", include_str!("../templates/_layout.html")),
];

/// Values that every mail has.
const COMMON_VALUES: &[&str] = &["email", "login", "directory", "public_url", "host"];
/// Values of mails with a link.
const LINK_VALUES: &[&str] = &["link", "token", "lifetime"];

/// All templates, each of them sound.
pub struct Templates {
    environment: Environment<'static>,
    replaced: BTreeMap<String, Arc<str>>,
}

/// What a template came to.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// A template that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadTemplate {
    /// The file's name.
    pub file: String,
    /// The line, counted from 1; 1 where it is about the file as a whole.
    pub line: u32,
    /// What is wrong.
    pub message: String,
}

impl Templates {
    /// The built-in templates.
    pub fn built_in() -> Self {
        // They are tested; a mistake in one of them shows as a mail that cannot be written.
        let (environment, _) = compile(&BTreeMap::new());
        Self { environment, replaced: BTreeMap::new() }
    }

    /// The built-in templates, some of them replaced by others: names of files and texts. All of them are tried out.
    ///
    /// # Errors
    /// When one of them cannot be read, or needs a value that its mail does not have.
    pub fn with(replaced: impl IntoIterator<Item = (String, Arc<str>)>) -> Result<Self, Vec<BadTemplate>> {
        let replaced: BTreeMap<_, _> = replaced.into_iter().collect();
        let (environment, mut bad) = compile(&replaced);
        let templates = Self { environment, replaced };
        // Where a part cannot be read, what needs it would only be said to lack it.
        let unread: Vec<String> = bad.iter().map(|bad| bad.file.clone()).collect();
        let part_of =
            |file: &str, name: &str| file.starts_with('_') || file.split_once('.').is_some_and(|(stem, _)| stem == name);
        let lacks = |name: &str| unread.iter().any(|file| part_of(file, name));
        for letter in samples().iter().filter(|letter| !lacks(letter.about.name())) {
            bad.extend(templates.try_out(letter));
        }
        // A template that several include is wrong once.
        bad.sort_by(|a, b| (&a.file, a.line, &a.message).cmp(&(&b.file, b.line, &b.message)));
        bad.dedup();
        if bad.is_empty() { Ok(templates) } else { Err(bad) }
    }

    /// Names of files that a folder of templates may have, besides those that begin with `_`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name).filter(|name| !name.starts_with('_'))
    }

    /// Writes a letter. `public_url` is that of the configuration.
    pub(crate) fn write(&self, letter: &Letter, public_url: &str) -> Result<Written, BadTemplate> {
        let name = letter.about.name();
        let values = values(letter, public_url);
        let text = self.part(&format!("{name}.txt"), &values)?;
        let html = self.part(&format!("{name}.html"), &values)?;
        let (subject, text) = split_subject(&format!("{name}.txt"), &text)?;
        Ok(Written { subject, text, html })
    }

    fn part(&self, file: &str, values: &BTreeMap<&'static str, String>) -> Result<String, BadTemplate> {
        let written = self
            .environment
            .get_template(file)
            .and_then(|template| template.render(minijinja::Value::from(values.clone())))
            .map_err(|error| bad(file, &error))?;
        if written.len() > LONGEST {
            return Err(BadTemplate { file: file.into(), line: 1, message: format!("it writes more than {LONGEST} bytes") });
        }
        Ok(written)
    }

    /// Both parts with values, and what stands in branches that these values do not reach.
    fn try_out(&self, letter: &Letter) -> Vec<BadTemplate> {
        let mut found: Vec<_> = self.write(letter, "https://shop.example.com").err().into_iter().collect();
        let values = values(letter, "");
        for part in ["txt", "html"] {
            let file = format!("{}.{part}", letter.about.name());
            let Ok(template) = self.environment.get_template(&file) else { continue };
            let globals: Vec<_> = self.environment.globals().map(|(name, _)| name.to_owned()).collect();
            for name in template.undeclared_variables(false) {
                if !values.contains_key(&*name) && !globals.contains(&name) && found.is_empty() {
                    found.push(unknown(&file, template.source(), &name, values.keys()));
                }
            }
        }
        found
    }
}

/// Reads them; what cannot be read is named.
fn compile(replaced: &BTreeMap<String, Arc<str>>) -> (Environment<'static>, Vec<BadTemplate>) {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_debug(false);
    let mut found = Vec::new();
    for (name, text) in BUILT_IN {
        if !replaced.contains_key(*name)
            && let Err(error) = environment.add_template(name, text)
        {
            found.push(bad(name, &error));
        }
    }
    for (name, text) in replaced {
        if let Err(error) = environment.add_template_owned(name.clone(), text.to_string()) {
            found.push(bad(name, &error));
        }
    }
    (environment, found)
}

/// The values of a letter. Whatever somebody chose keeps to one line, so that no value can end a header or begin a line.
fn values(letter: &Letter, public_url: &str) -> BTreeMap<&'static str, String> {
    let host = public_url.split_once("://").map_or(public_url, |(_, host)| host);
    let mut values: BTreeMap<&'static str, String> = BTreeMap::new();
    let common = [&*letter.to, &*letter.login, &*letter.directory, public_url, host];
    for (name, value) in COMMON_VALUES.iter().zip(common) {
        values.insert(name, one_line(value));
    }
    if let About::Confirm(invitation) | About::Reset(invitation) = &letter.about {
        let lifetime = in_words(invitation.lifetime);
        for (name, value) in LINK_VALUES.iter().zip([&*invitation.link, &*invitation.token, &*lifetime]) {
            values.insert(name, one_line(value));
        }
    }
    values
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `2 hours`, in the largest unit that is exact.
fn in_words(span: Duration) -> String {
    let seconds = span.as_secs();
    let (count, unit) = [(86_400, "day"), (3600, "hour"), (60, "minute")]
        .into_iter()
        .find(|(size, _)| seconds >= *size && seconds.is_multiple_of(*size))
        .map_or((seconds, "second"), |(size, unit)| (seconds / size, unit));
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// The subject on the first line, and what stands below.
fn split_subject(file: &str, text: &str) -> Result<(String, String), BadTemplate> {
    let wrong = |message: &str| BadTemplate { file: file.into(), line: 1, message: message.into() };
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let subject = first.strip_prefix("Subject:").ok_or_else(|| wrong("the first line must be `Subject: ...`"))?.trim();
    if subject.is_empty() {
        return Err(wrong("the subject is empty"));
    }
    let body = rest.trim_start_matches('\r').strip_prefix('\n').or_else(|| rest.strip_prefix("\r\n"));
    let body = body.ok_or_else(|| wrong("an empty line must follow the subject"))?;
    Ok((one_line(subject), body.to_owned()))
}

/// The innermost place of a mistake.
fn bad(file: &str, error: &Error) -> BadTemplate {
    let mut inner = error;
    while let Some(cause) = inner.source().and_then(|cause| cause.downcast_ref::<Error>()) {
        inner = cause;
    }
    let mut message = match inner.kind() {
        ErrorKind::UndefinedError => "it uses a value that this mail does not have".to_owned(),
        ErrorKind::OutOfFuel => "it does not come to an end".to_owned(),
        kind => kind.to_string(),
    };
    if let Some(detail) = inner.detail() {
        message = format!("{message}: {detail}");
    }
    let line = inner.line().and_then(|line| u32::try_from(line).ok()).unwrap_or(1);
    BadTemplate { file: inner.name().unwrap_or(file).to_owned(), line, message }
}

fn unknown<'a>(file: &str, source: &str, name: &str, known: impl Iterator<Item = &'a &'static str>) -> BadTemplate {
    let line = source.lines().position(|line| line.contains(name)).map_or(1, |at| u32::try_from(at + 1).unwrap_or(1));
    let known: Vec<&str> = known.copied().collect();
    let message = format!("it uses `{name}`, which this mail does not have; it has {}", known.join(", "));
    BadTemplate { file: file.into(), line, message }
}

/// One letter of each sort.
pub(crate) fn samples() -> Vec<Letter> {
    let invitation = |path: &str| Invitation {
        link: format!("https://shop.example.com/{path}/customers/TOKEN").into(),
        token: "TOKEN".into(),
        lifetime: Duration::from_secs(7200),
    };
    let about = [
        About::Confirm(invitation("confirm")),
        About::Welcome,
        About::Reset(invitation("password")),
        About::PasswordChanged,
        About::EmailChanged,
    ];
    about
        .into_iter()
        .map(|about| Letter {
            to: "anna@example.com".into(),
            directory: "customers".into(),
            login: "anna@example.com".into(),
            about,
        })
        .collect()
}

/// Two are alike when the same files replace the built-in ones by the same texts.
impl PartialEq for Templates {
    fn eq(&self, other: &Self) -> bool {
        self.replaced == other.replaced
    }
}

impl Eq for Templates {}

impl std::fmt::Debug for Templates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Templates").field(&self.replaced.keys()).finish()
    }
}

/// The subject alone: what stands below may hold a link.
impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Written").field("subject", &self.subject).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
