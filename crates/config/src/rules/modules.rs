//! The order in which Magento loads its modules.

use super::xml;
use crate::{Diagnostic, Diagnostics, Files, SourceFile};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where a module stands among the others, as `module-order.txt` or Magento's `app/etc/config.php` say.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Place, and whether the module is on.
    modules: HashMap<String, (usize, bool)>,
}

/// Known modules by their place, the others behind them by name; of one module, by path.
pub(super) type Place = (usize, String, PathBuf);

impl Order {
    /// Reads the order of the folder, where one is given.
    pub(super) fn of(root: &Path, files: &mut Files, out: &mut Diagnostics) -> Self {
        let sources: [(&str, Reader); 2] = [("module-order.txt", lines), ("app/etc/config.php", config_php)];
        for (name, read) in sources {
            let path = root.join(name);
            if !files.exists(&path) {
                continue;
            }
            match files.read(&path) {
                Ok(file) => {
                    let modules = read(&file, out).into_iter().enumerate();
                    return Order { modules: modules.map(|(place, (name, on))| (name, (place, on))).collect() };
                }
                Err(error) => out.push(Diagnostic::unreadable(&error)),
            }
        }
        Order::default()
    }

    /// The place of a rule file; `None` when its module is switched off.
    pub(super) fn place(&self, path: &Path, files: &mut Files) -> Option<Place> {
        let folders: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).rev().skip(1).collect();
        // Modules keep these files in `etc`; a collection of them may not.
        let at = usize::from(folders.first().is_some_and(|name| name == "etc"));
        let module = folders.get(at).map_or("", String::as_str);
        let vendor = folders.get(at + 1).map_or("", String::as_str);
        let full = declared_name(path, files).unwrap_or_else(|| format!("{vendor}_{module}"));
        let path = path.to_owned();
        if let Some((place, on)) = self.modules.get(&full) {
            return on.then(|| (*place, String::new(), path));
        }
        // A folder may be called by the module's name alone. That is enough for a place, not for leaving it out.
        let suffix = format!("_{module}");
        let mut alike = self.modules.iter().filter(|(name, _)| *name == module || name.ends_with(&suffix));
        match (alike.next(), alike.next()) {
            (Some((_, (place, _))), None) => Some((*place, String::new(), path)),
            _ => Some((usize::MAX, module.to_owned(), path)),
        }
    }
}

/// The name in the `module.xml` beside a rule file.
fn declared_name(path: &Path, files: &mut Files) -> Option<String> {
    let beside = path.with_file_name("module.xml");
    if !files.exists(&beside) {
        return None;
    }
    let root = xml::parse(&files.read(&beside).ok()?.text).ok()?;
    let module = root.children.iter().find(|child| child.name == "module")?;
    Some(module.attribute("name")?.value.clone())
}

type Reader = fn(&Arc<SourceFile>, &mut Diagnostics) -> Vec<(String, bool)>;

/// One name a line.
fn lines(file: &Arc<SourceFile>, _: &mut Diagnostics) -> Vec<(String, bool)> {
    let names = file.text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    names.map(|name| (name.to_owned(), true)).collect()
}

/// The `'modules' => ['Magento_Store' => 1, ...]` of a `config.php`, old `array(...)` or new. No PHP is run: what is not
/// of this shape is an error, because guessing which modules are on would be guessing rules.
fn config_php(file: &Arc<SourceFile>, out: &mut Diagnostics) -> Vec<(String, bool)> {
    let mut tokens = Tokens { text: &file.text, at: 0 };
    let mut fail = |at: usize, why: &str| {
        out.push(Diagnostic::error(file, at..at + 1, why));
        Vec::new()
    };
    loop {
        match tokens.next() {
            None => return fail(0, "there is no list of modules here: `'modules' => [...]`"),
            Some(Token::Text(name)) if name == "modules" && tokens.next() == Some(Token::Arrow) => break,
            Some(_) => {}
        }
    }
    let mut opened = tokens.next();
    if opened == Some(Token::Word("array")) {
        opened = tokens.next();
    }
    if !matches!(opened, Some(Token::Mark('[' | '('))) {
        return fail(tokens.at, "the list of modules is not an array");
    }
    let mut modules = Vec::new();
    loop {
        match tokens.next() {
            Some(Token::Mark(']' | ')')) => return modules,
            Some(Token::Mark(',')) => {}
            Some(Token::Text(name)) => match (tokens.next(), tokens.next()) {
                (Some(Token::Arrow), Some(Token::Word("1"))) => modules.push((name.to_owned(), true)),
                (Some(Token::Arrow), Some(Token::Word("0"))) => modules.push((name.to_owned(), false)),
                _ => return fail(tokens.at, "a module is on (1) or off (0)"),
            },
            _ => return fail(tokens.at, "the list of modules holds names and 1 or 0"),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Token<'t> {
    Text(&'t str),
    Word(&'t str),
    Arrow,
    Mark(char),
}

struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Tokens<'t> {
    fn next(&mut self) -> Option<Token<'t>> {
        loop {
            let rest = self.text.get(self.at..)?;
            let skipped = rest.len() - rest.trim_start().len();
            let rest = rest.trim_start();
            self.at += skipped;
            let end = if rest.starts_with("/*") {
                rest.find("*/").map_or(rest.len(), |end| end + 2)
            } else if rest.starts_with("//") || rest.starts_with('#') {
                rest.find('\n').unwrap_or(rest.len())
            } else {
                break;
            };
            self.at += end;
        }
        let rest = self.text.get(self.at..)?;
        let first = rest.chars().next()?;
        let (token, length) = if rest.starts_with("=>") {
            (Token::Arrow, 2)
        } else if first == '\'' || first == '"' {
            let inside = rest.get(1..)?;
            let end = inside.find(first)?;
            (Token::Text(inside.get(..end)?), end + 2)
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            (Token::Word(rest.get(..end)?), end)
        } else {
            (Token::Mark(first), first.len_utf8())
        };
        self.at += length;
        Some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<(String, bool)>, Vec<String>) {
        let mut out = Diagnostics::default();
        let modules = config_php(&Arc::new(SourceFile::new("config.php", text)), &mut out);
        (modules, out.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn reads_the_modules_of_a_config_php() {
        let expected = vec![("Magento_Store".to_owned(), true), ("Magento_Off".to_owned(), false)];
        for text in [
            "<?php\nreturn [\n  'scopes' => ['a' => ['b' => 1]],\n  'modules' => [\n 'Magento_Store' => 1, # on\n 'Magento_Off' => 0,\n ],\n];\n",
            "<?php return array('modules' => array(\"Magento_Store\" => 1, /* 'X' => 1, */ 'Magento_Off' => 0));",
            "<?php // 'modules' => ['No_No' => 1]\nreturn ['modules' => ['Magento_Store'=>1,'Magento_Off'=>0]];",
        ] {
            assert_eq!(read(text), (expected.clone(), vec![]), "{text}");
        }
    }

    #[test]
    fn refuses_a_config_php_that_it_cannot_be_sure_of() {
        for (text, why) in [
            ("<?php return [];", "config.php:1:1: there is no list of modules here: `'modules' => [...]`"),
            ("<?php\nreturn ['modules' => modules()];", "config.php:2:29: the list of modules is not an array"),
            ("<?php return ['modules' => ['A_B' => true]];", "a module is on (1) or off (0)"),
            ("<?php return ['modules' => ['A_B' => 1, ...$more]];", "the list of modules holds names and 1 or 0"),
            ("<?php return ['modules' => ['A_B' => 1", "the list of modules holds names and 1 or 0"),
        ] {
            let (modules, errors) = read(text);
            assert!(modules.is_empty() && errors.len() == 1 && errors[0].ends_with(why), "{text}: {errors:?}");
        }
    }
}
