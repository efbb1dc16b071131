//! `[mail]`.

use crate::{
    Diagnostic, Place,
    reader::{Reader, Section, Text},
};
use doorward_mail::{BadTemplate, Certificates, Mailbox, Setup, Templates, Transport};
use std::{path::Path, sync::Arc};
use toml::de::DeTable;

/// `loopback`: whether people reach Doorward on this machine alone, where a log that shows links harms nobody.
pub(crate) fn read(r: &mut Reader<'_>, root: &DeTable<'_>, loopback: bool) -> Option<Setup> {
    let section = r.section(Some(root), "mail");
    let url = r.secret(&section, "url");
    let transport = url.as_ref().and_then(|text| transport(r, text, loopback));
    let from = r.text(&section, "from").and_then(|text| r.parsed(&text, str::parse::<Mailbox>));
    let reply_to = r.text(&section, "reply_to").and_then(|text| r.parsed(&text, str::parse::<Mailbox>));
    let certificates = certificates(r, &section);
    let templates = templates(r, &section);
    let mut transport = transport?;
    if !section.has("from") {
        let hint = "for example: from = \"The Shop <noreply@shop.example.com>\"";
        r.error_with(section.place("url"), "[mail] needs `from`: whom mail comes from", hint);
    }
    match &mut transport {
        Transport::Smtp(smtp) => smtp.certificates = certificates.unwrap_or_default(),
        Transport::Folder(path) => *path = r.files.resolve(path),
        Transport::Log => {}
    }
    Some(Setup { transport, from: from?, reply_to, templates: Arc::new(templates?) })
}

fn transport(r: &mut Reader<'_>, text: &Text, loopback: bool) -> Option<Transport> {
    let transport = r.parsed(text, |text| Transport::parse(text).map_err(|error| error.to_string()))??;
    if Transport::is_log_of_loopback_alone(&text.value) && !loopback {
        let hint = "write \"smtp://...\", \"folder:PATH\", or \"log:unsafe\" if nobody else reads the log";
        r.error_with(text.span.clone(), "the log would show links by which accounts are taken over", hint);
    }
    if let Transport::Smtp(smtp) = &transport
        && smtp.encryption == doorward_mail::Encryption::None
        && !smtp.is_on_loopback()
    {
        r.warn(text.span.clone(), "mail travels in the clear, and with it links that are secrets", "leave `?tls=none` out");
    }
    Some(transport)
}

fn certificates(r: &mut Reader<'_>, section: &Section<'_>) -> Option<Certificates> {
    let text = r.text(section, "certificates")?;
    match r.files.read(&text.value) {
        Ok(file) => {
            let pem = file.text.clone();
            r.parsed(&text, |_| Certificates::parse(pem))
        }
        Err(error) => {
            r.error(text.span, error.to_string());
            None
        }
    }
}

/// The built-in templates, with those of the folder in their place.
fn templates(r: &mut Reader<'_>, section: &Section<'_>) -> Option<Templates> {
    let Some(folder) = r.text(section, "templates") else { return Some(Templates::built_in()) };
    let paths = match r.files.folder(&folder.value) {
        Ok(paths) => paths,
        Err(error) => {
            r.error(folder.span, error.to_string());
            return None;
        }
    };
    let mut replaced = Vec::new();
    let mut sound = true;
    for path in paths {
        let Some(name) = name_of(&path).filter(|name| !name.starts_with('.')) else { continue };
        if !is_template(name) {
            let known: Vec<&str> = Templates::names().collect();
            let hint = match crate::hints::nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}, and names that begin with `_`", known.join(", ")),
            };
            r.warn(folder.span.clone(), format!("no mail uses the template `{}`", path.display()), hint);
            continue;
        }
        match r.files.read(&path) {
            Ok(file) => replaced.push((name.to_owned(), Arc::from(file.text.as_str()))),
            Err(error) => {
                r.error(folder.span.clone(), error.to_string());
                sound = false;
            }
        }
    }
    match Templates::with(replaced) {
        Ok(templates) => Some(templates).filter(|_| sound),
        Err(bad) => {
            bad.iter().for_each(|bad| note(r, &folder, bad));
            None
        }
    }
}

fn name_of(path: &Path) -> Option<&str> {
    path.file_name().and_then(|name| name.to_str())
}

fn is_template(name: &str) -> bool {
    name.starts_with('_') || Templates::names().any(|known| known == name)
}

/// A mistake of a template at its line; a built-in one shows at the folder that changed what it includes.
fn note(r: &mut Reader<'_>, folder: &Text, bad: &BadTemplate) {
    match r.files.read(Path::new(&folder.value).join(&bad.file)) {
        Ok(file) => r.out.push(Diagnostic::error(&file, Place::Line(bad.line), bad.message.clone())),
        Err(_) => r.error(folder.span.clone(), format!("the template {}: {}", bad.file, bad.message)),
    }
}
