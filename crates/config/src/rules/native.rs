//! `routes.toml`: rules at the root, in Doorward's own words.

use super::{acl::At, grammar};
use crate::{Diagnostic, Diagnostics, SourceFile, sections::access::SCOPE};
use doorward_core::{
    acl::Resource,
    route::{Requirement, RouteRule, pattern::Pattern},
    scopes::is_scope,
};
use http::Method;
use std::{ops::Range, sync::Arc};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// What the files say so far.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) rules: Vec<RouteRule>,
    pub(super) resources: Vec<Declared>,
    /// Every resource that a route names, and where.
    pub(super) named: Vec<(Arc<str>, At)>,
    pub(super) files: Vec<Arc<SourceFile>>,
}

/// A resource and where its id and its parent are written.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) resource: Resource,
    pub(super) file: Arc<SourceFile>,
    pub(super) id_span: Range<usize>,
    pub(super) parent_span: Range<usize>,
}

impl Read {
    /// Adds one file.
    pub(super) fn add(&mut self, file: &Arc<SourceFile>, out: &mut Diagnostics) {
        self.files.push(Arc::clone(file));
        let (document, errors) = DeTable::parse_recoverable(&file.text);
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            out.push(Diagnostic::error(file, span, format!("this is not TOML: {}", error.message())));
        }
        let mut reader = TomlFile { file, out, read: self };
        for (key, value) in document.get_ref() {
            match key.get_ref().as_ref() {
                "route" => reader.each(value, "route", TomlFile::route),
                "resource" => reader.each(value, "resource", TomlFile::resource),
                name => {
                    let near = grammar::nearest(name, &["route", "resource"]);
                    let hint = near.map_or("a rule file has `[[route]]` and `[[resource]]`".into(), |near| {
                        format!("did you mean `[[{near}]]`?")
                    });
                    reader.error(key.span(), format!("unknown key `{name}`"), Some(&hint));
                }
            }
        }
    }
}

struct TomlFile<'a> {
    file: &'a Arc<SourceFile>,
    out: &'a mut Diagnostics,
    read: &'a mut Read,
}

type Value<'v> = Spanned<DeValue<'v>>;

impl TomlFile<'_> {
    fn error(&mut self, span: Range<usize>, message: impl Into<String>, hint: Option<&str>) {
        let diagnostic = Diagnostic::error(self.file, span, message);
        self.out.push(match hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        });
    }

    fn each(&mut self, value: &Value<'_>, name: &str, read: fn(&mut Self, &DeTable<'_>, Range<usize>)) {
        let Some(items) = value.get_ref().as_array() else {
            return self.error(value.span(), format!("`{name}` is a list of tables"), Some(&format!("write `[[{name}]]`")));
        };
        for item in items.iter() {
            match item.get_ref().as_table() {
                Some(table) => read(self, table, item.span()),
                None => self.error(item.span(), format!("`{name}` is a list of tables"), Some(&format!("write `[[{name}]]`"))),
            }
        }
    }

    fn route(&mut self, table: &DeTable<'_>, span: Range<usize>) {
        self.known(table, &["methods", "path", "require", "scopes"]);
        let methods = self.texts(table, "methods", &span).and_then(|texts| {
            let methods: Vec<_> = texts.into_iter().map(|(text, span)| self.method(&text, span)).collect();
            methods.into_iter().collect::<Option<Vec<_>>>()
        });
        let path = self.text(table, "path", &span).and_then(|(path, span)| match Pattern::parse(&path) {
            Ok(_) => Some((path, span)),
            Err(why) => {
                self.error(span, why.to_string(), None);
                None
            }
        });
        let require = self.texts(table, "require", &span).and_then(|texts| {
            let require: Vec<_> = texts.into_iter().map(|(text, span)| self.requirement(&text, span)).collect();
            require.into_iter().collect::<Option<Vec<_>>>()
        });
        let scopes = match table.get("scopes") {
            None => Some(Vec::new()),
            Some(_) => self.texts(table, "scopes", &span).and_then(|texts| {
                let scopes: Vec<_> = texts.into_iter().map(|(text, span)| self.scope(&text, span)).collect();
                scopes.into_iter().collect::<Option<Vec<_>>>()
            }),
        };
        // Whatever is missing here was told above.
        if let (Some(methods), Some((path, path_span)), Some(require), Some(scopes)) = (methods, path, require, scopes) {
            self.read.rules.push(RouteRule {
                methods,
                template: path.into(),
                require,
                scopes,
                parameters: Vec::new(),
                secure: false,
                own: None,
                source: self.file.source(path_span.start),
            });
        }
    }

    fn method(&mut self, text: &str, span: Range<usize>) -> Option<Method> {
        let word = !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
        match text.parse() {
            Ok(method) if word => Some(method),
            _ => {
                let upper = text.to_ascii_uppercase();
                let hint = (upper != text && upper.bytes().all(|b| b.is_ascii_uppercase())).then(|| format!("write `{upper}`"));
                self.error(span, format!("`{text}` is not an HTTP method"), hint.as_deref());
                None
            }
        }
    }

    fn requirement(&mut self, text: &str, span: Range<usize>) -> Option<Requirement> {
        let requirement = Requirement::parse(text);
        if let Requirement::Resource(id) = &requirement {
            if !grammar::is_resource_id(id) {
                let hint = match grammar::nearest(text, &["anonymous", "self"]) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "write `anonymous`, `self` or a resource such as `Vendor_Module::name`".into(),
                };
                self.error(span, format!("`{text}` is no permission"), Some(&hint));
                return None;
            }
            self.read.named.push((Arc::clone(id), (Arc::clone(self.file), span)));
        }
        Some(requirement)
    }

    fn scope(&mut self, text: &str, span: Range<usize>) -> Option<Arc<str>> {
        if is_scope(text) {
            return Some(text.into());
        }
        self.error(span, format!("`{text}` is no scope"), Some(SCOPE));
        None
    }

    fn resource(&mut self, table: &DeTable<'_>, span: Range<usize>) {
        self.known(table, &["id", "title", "parent"]);
        let id = self.text(table, "id", &span).and_then(|(id, span)| self.resource_id(id, span));
        let title = if table.get("title").is_some() { self.text(table, "title", &span) } else { None };
        let parent = if table.get("parent").is_some() {
            match self.text(table, "parent", &span).and_then(|(id, span)| self.resource_id(id, span)) {
                Some(parent) => Some(parent),
                None => return,
            }
        } else {
            None
        };
        let Some((id, id_span)) = id else { return };
        let (parent, parent_span) = parent.map_or((None, id_span.clone()), |(id, span)| (Some(id.into()), span));
        let source = self.file.source(id_span.start);
        let title = title.map_or_else(|| id.clone(), |(title, _)| title);
        let resource = Resource { id: id.into(), title: title.into(), parent, source };
        self.read.resources.push(Declared { resource, file: Arc::clone(self.file), id_span, parent_span });
    }

    fn resource_id(&mut self, id: String, span: Range<usize>) -> Option<(String, Range<usize>)> {
        if grammar::is_resource_id(&id) {
            return Some((id, span));
        }
        self.error(span, format!("`{id}` is not a resource id"), Some("write `Vendor_Module::name`"));
        None
    }

    fn known(&mut self, table: &DeTable<'_>, names: &[&str]) {
        for (key, _) in table {
            let name: &str = key.get_ref().as_ref();
            if !names.contains(&name) {
                let hint = match grammar::nearest(name, names) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known keys are {}", names.join(", ")),
                };
                self.error(key.span(), format!("unknown key `{name}`"), Some(&hint));
            }
        }
    }

    /// A text that must be there and not be empty.
    fn text(&mut self, table: &DeTable<'_>, key: &str, whole: &Range<usize>) -> Option<(String, Range<usize>)> {
        let Some(value) = table.get(key) else {
            self.error(whole.clone(), format!("`{key}` is missing"), None);
            return None;
        };
        self.string(key, value)
    }

    fn string(&mut self, key: &str, value: &Value<'_>) -> Option<(String, Range<usize>)> {
        match value.get_ref().as_str() {
            Some("") => {
                self.error(value.span(), format!("`{key}` is empty"), None);
                None
            }
            Some(text) => Some((text.to_owned(), value.span())),
            None => {
                self.error(value.span(), format!("`{key}` is a string, found {}", value.get_ref().type_str()), None);
                None
            }
        }
    }

    /// A list of texts that must be there and hold at least one.
    fn texts(&mut self, table: &DeTable<'_>, key: &str, whole: &Range<usize>) -> Option<Vec<(String, Range<usize>)>> {
        let Some(value) = table.get(key) else {
            self.error(whole.clone(), format!("`{key}` is missing"), None);
            return None;
        };
        let Some(items) = value.get_ref().as_array() else {
            self.error(value.span(), format!("`{key}` is a list, found {}", value.get_ref().type_str()), Some("write `[...]`"));
            return None;
        };
        if items.is_empty() {
            let hint = (key == "require").then_some("to open a route to everyone, write `[\"anonymous\"]`");
            self.error(value.span(), format!("`{key}` is empty"), hint);
            return None;
        }
        let texts: Vec<_> = items.iter().map(|item| self.string(key, item)).collect();
        texts.into_iter().collect()
    }
}
