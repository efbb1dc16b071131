//! Which column is what: a mapping file, or one of those that are ready.

mod expression;

pub(crate) use expression::Expression;

use crate::formats::{Dialect, Format};
use serde::Deserialize;
use std::{collections::BTreeMap, path::Path};

/// The mappings that come with Doorward, by name.
pub const READY: &[(&str, &str)] = &[
    ("magento/customer_entity", include_str!("../mappings/magento/customer_entity.toml")),
    ("magento/admin_user", include_str!("../mappings/magento/admin_user.toml")),
    ("magento/authorization_role", include_str!("../mappings/magento/authorization_role.toml")),
    ("magento/authorization_rule", include_str!("../mappings/magento/authorization_rule.toml")),
    ("magento/oauth_token", include_str!("../mappings/magento/oauth_token.toml")),
    ("ibexa/ezuser", include_str!("../mappings/ibexa_ezuser.toml")),
    ("symfony", include_str!("../mappings/symfony.toml")),
    ("symfony/fos_user", include_str!("../mappings/symfony_fos_user.toml")),
    ("drupal", include_str!("../mappings/drupal.toml")),
    ("wordpress", include_str!("../mappings/wordpress.toml")),
    ("django", include_str!("../mappings/django.toml")),
    ("django/dumpdata", include_str!("../mappings/django_dumpdata.toml")),
    ("ldap", include_str!("../mappings/ldap.toml")),
    ("keycloak", include_str!("../mappings/keycloak.toml")),
];

/// The mapping for files that need none.
const PLAIN: &str = "[fields]\nid = { column = \"id\", optional = true }\nlogin = \"login\"\n\
                     email = { column = \"email\", optional = true }\npassword_hash = { column = \"password_hash\", optional = true }\n\
                     roles = { column = \"roles\", optional = true }\n";

/// What the rows of a file are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rows {
    /// Accounts.
    #[default]
    Accounts,
    /// Opaque bearer tokens.
    Tokens,
    /// Magento's roles and who has them (magento-webapi 4.3).
    Roles,
    /// What Magento's roles allow and deny, row by row (magento-webapi 4.3).
    Rules,
}

/// A mapping that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MappingError(pub String);

/// Which column is what.
#[derive(Clone, Debug)]
pub struct Mapping {
    pub(crate) rows: Rows,
    pub(crate) source_ids: bool,
    pub(crate) fields: BTreeMap<Field, Expression>,
    pub(crate) profile: BTreeMap<String, Expression>,
    pub(crate) only: BTreeMap<String, Vec<String>>,
    pub(crate) dialect: Dialect,
    /// Whether columns that it does not name are a mistake.
    pub(crate) closed: bool,
    needs_roles: bool,
    format: Option<Format>,
}

/// What Doorward knows of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Field {
    Id,
    Login,
    Email,
    PasswordHash,
    Roles,
    Website,
    Store,
    Group,
    Enabled,
    Confirmed,
    Created,
    /// Of tokens: the token.
    Token,
    /// Of tokens and members of roles: whose.
    Account,
    /// Of tokens and members of roles: `customer`, `admin` or `integration`.
    Kind,
    /// Of tokens: for how long, from `created`.
    Lifetime,
    /// Of roles and rules: the role's number.
    Role,
    /// Of roles: its name.
    Name,
    /// Of rules: the resource.
    Resource,
    /// Of rules: `allow` or `deny`.
    Permission,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MappingFile {
    #[serde(default)]
    rows: Rows,
    format: Option<Format>,
    #[serde(default)]
    delimiter: Option<String>,
    #[serde(default)]
    escape: Option<char>,
    #[serde(default)]
    list: String,
    #[serde(default)]
    nulls: Vec<String>,
    #[serde(default)]
    source_ids: bool,
    #[serde(default)]
    needs_roles: bool,
    fields: BTreeMap<Field, Expression>,
    #[serde(default)]
    profile: BTreeMap<String, Expression>,
    #[serde(default)]
    only: BTreeMap<String, Vec<String>>,
}

impl Mapping {
    /// The mapping for `id,login,email,password_hash,roles`.
    ///
    /// # Errors
    /// Never, which a test shows.
    pub fn plain() -> Result<Self, MappingError> {
        Ok(Self { closed: true, ..Self::parse(PLAIN)? })
    }

    /// One of those that come with Doorward.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn ready(name: &str) -> Result<Self, MappingError> {
        let text = READY.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
        let names = || READY.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        Self::parse(text.ok_or_else(|| MappingError(format!("there is no mapping {name:?}; ready are {}", names())))?)
    }

    /// A mapping file (TOML).
    ///
    /// # Errors
    /// With the line, when it is none.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        let file: MappingFile = toml::from_str(text).map_err(|error| MappingError(error.to_string().trim_end().to_owned()))?;
        let needed: &[(Field, &str)] = match file.rows {
            Rows::Accounts => &[(Field::Login, "login")],
            Rows::Tokens => &[(Field::Token, "token"), (Field::Account, "account")],
            Rows::Roles => &[(Field::Role, "role")],
            Rows::Rules => &[(Field::Role, "role"), (Field::Resource, "resource"), (Field::Permission, "permission")],
        };
        if let Some((_, name)) = needed.iter().find(|(field, _)| !file.fields.contains_key(field)) {
            return Err(MappingError(format!("[fields] does not say where `{name}` comes from")));
        }
        if file.source_ids && file.rows == Rows::Accounts && !file.fields.contains_key(&Field::Id) {
            return Err(MappingError("`source_ids` asks for ids, and [fields] does not say where `id` comes from".into()));
        }
        let delimiter = match file.delimiter.as_deref() {
            None => b',',
            Some("tab" | "\t") => b'\t',
            Some(text) if text.len() == 1 => text.bytes().next().unwrap_or(b','),
            Some(text) => return Err(MappingError(format!("`delimiter` is one ASCII character or \"tab\", not {text:?}"))),
        };
        let escape = file.escape.map(|character| u8::try_from(character).ok().filter(u8::is_ascii).ok_or(character)).transpose();
        let escape = escape.map_err(|_| MappingError("`escape` is one ASCII character".into()))?;
        let dialect = Dialect {
            format: file.format.unwrap_or(Format::Csv),
            delimiter,
            escape,
            list: file.list,
            nulls: if file.nulls.is_empty() { vec!["NULL".into(), "\\N".into()] } else { file.nulls },
        };
        Ok(Self {
            rows: file.rows,
            source_ids: file.source_ids,
            fields: file.fields,
            profile: file.profile,
            only: file.only,
            dialect,
            closed: false,
            needs_roles: file.needs_roles,
            format: file.format,
        })
    }

    /// The same for a file of this name: the format that is asked for, or that its name ends with, or the mapping's own.
    #[must_use]
    pub fn for_file(mut self, path: &Path, asked: Option<Format>) -> Self {
        let by_name = Format::of(path);
        self.dialect.format = asked.or(by_name).or(self.format).unwrap_or(Format::Csv);
        if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("tsv")) && self.dialect.delimiter == b',' {
            self.dialect.delimiter = b'\t';
        }
        self
    }

    /// What the rows are.
    pub fn rows(&self) -> Rows {
        self.rows
    }

    /// Whether Magento's roles are needed beside the data.
    pub fn needs_roles(&self) -> bool {
        self.needs_roles
    }

    /// The columns that must be there.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        let needed = self.fields.values().chain(self.profile.values()).flat_map(Expression::needs);
        needed.chain(self.only.keys().map(String::as_str))
    }

    /// Whether it says anything about a column.
    pub(crate) fn knows(&self, column: &str) -> bool {
        self.fields.values().chain(self.profile.values()).any(|expression| expression.names(column))
    }
}

#[cfg(test)]
mod tests;
