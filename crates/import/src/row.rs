//! Row by row, from a file to items.

use crate::{
    Flaw, Mapping,
    account::{self, Draft},
    formats::{self, Broken, Format, Place, Read1},
    mapping::Rows,
    record::{Record, text_of},
    roles::{self, Group, Member, RoleBook, Rule},
    token::{self, Token},
};
use doorward_core::{Kind, Time};
use std::{collections::HashMap, io::BufRead};

/// What a row is.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// An account.
    Account(Box<Draft>),
    /// A token.
    Token(Token),
    /// A role of Magento's.
    Group(Group),
    /// Somebody who has one.
    Member(Member),
    /// What one allows or denies.
    Rule(Rule),
    /// Nothing that is wanted, and why.
    LeftOut(&'static str),
}

/// A row, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Where.
    pub place: Place,
    /// Its number among all rows, from 1.
    pub number: u64,
    /// What it is, or what is wrong with it.
    pub item: Result<Item, Flaw>,
}

/// What a mapping needs besides the row.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) kind: Kind,
    pub(crate) now: Time,
    pub(crate) variables: HashMap<String, String>,
    pub(crate) roles: Option<RoleBook>,
}

/// Reads rows by a mapping.
#[derive(Clone, Debug)]
pub struct Rower {
    mapping: Mapping,
    settings: Settings,
    skip: u64,
}

impl Rower {
    /// One for accounts of admins, at no particular time.
    pub fn new(mapping: Mapping) -> Self {
        let lifetimes = [("customer_lifetime", "1h"), ("admin_lifetime", "4h")];
        let variables = lifetimes.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { mapping, settings: Settings { kind: Kind::Admin, now: Time(0), variables, roles: None }, skip: 0 }
    }

    /// For a directory of this kind.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.settings.kind = kind;
        self
    }

    /// At this time, by which tokens have ended.
    #[must_use]
    pub fn now(mut self, now: Time) -> Self {
        self.settings.now = now;
        self
    }

    /// With `${name}` meaning `value` in templates.
    #[must_use]
    pub fn set(mut self, name: String, value: String) -> Self {
        self.settings.variables.insert(name, value);
        self
    }

    /// With Magento's roles beside the data.
    #[must_use]
    pub fn roles(mut self, roles: Option<RoleBook>) -> Self {
        self.settings.roles = roles;
        self
    }

    /// Magento's roles beside the data.
    pub fn book(&self) -> Option<&RoleBook> {
        self.settings.roles.as_ref()
    }

    /// Without the first rows, which were taken before.
    #[must_use]
    pub fn skip(mut self, rows: u64) -> Self {
        self.skip = rows;
        self
    }

    /// What the rows are.
    pub fn rows(&self) -> Rows {
        self.mapping.rows()
    }

    /// Gives `take` each row in the order of the file, until it returns an error.
    ///
    /// # Errors
    /// When the rest of the file cannot be read, or `take` wanted no more.
    pub fn read(&self, input: &mut dyn BufRead, take: &mut dyn FnMut(Row) -> Result<(), Broken>) -> Result<(), Broken> {
        let mut number = 0;
        let mut sink = |read: Read1| {
            number += 1;
            if number <= self.skip {
                return Ok(());
            }
            let item = read.record.and_then(|record| self.item(&record));
            take(Row { place: read.place, number, item })
        };
        formats::read(input, &self.mapping.dialect, &mut |columns| self.check(columns), &mut sink)
    }

    /// The columns are those that the mapping needs, and known to it where it is for all of them.
    fn check(&self, columns: &[String]) -> Result<(), Broken> {
        let has = |name: &str| columns.iter().any(|column| column == name);
        if let Some(missing) = self.mapping.columns().find(|name| !has(name)) {
            return Err(Broken::Unfit(format!("has no column {missing:?}; its columns are {}", columns.join(", "))));
        }
        match columns.iter().find(|column| self.mapping.closed && !self.mapping.knows(column)) {
            Some(unknown) => Err(Broken::Unfit(format!(
                "has a column {unknown:?}, which needs a mapping: without one there are id, login, email, password_hash and roles"
            ))),
            None => Ok(()),
        }
    }

    fn item(&self, record: &Record) -> Result<Item, Flaw> {
        let (mapping, settings) = (&self.mapping, &self.settings);
        if mapping.closed
            && mapping.dialect.format != Format::Csv
            && let Some(unknown) = record.0.keys().find(|name| !mapping.knows(name))
        {
            return Err(format!("{unknown:?} needs a mapping"));
        }
        for (column, wanted) in &mapping.only {
            let text = record.get(column).and_then(text_of).unwrap_or_default();
            if !wanted.contains(&text) {
                return Ok(Item::LeftOut("the mapping takes others only"));
            }
        }
        match mapping.rows {
            Rows::Accounts => account::draft(mapping, record, settings).map(|draft| Item::Account(Box::new(draft))),
            Rows::Tokens => token::token(mapping, record, settings),
            Rows::Roles => roles::role_row(mapping, record, settings),
            Rows::Rules => roles::rule_row(mapping, record, settings),
        }
    }
}

#[cfg(test)]
mod tests;
