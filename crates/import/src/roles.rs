//! Magento's roles: who has which, and what they allow and deny (magento-webapi 4.3).

use crate::{Broken, Flaw, Item, Mapping, MappingError, Rower, mapping::Field, record::Record, row::Settings};
use doorward_core::Kind;
use std::{collections::BTreeMap, io::BufRead, path::Path};

/// A role of Magento's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its `role_id`.
    pub role: u64,
    /// Its name.
    pub name: String,
}

/// Somebody who has a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The kind of account.
    pub kind: Kind,
    /// The account's id.
    pub account: u64,
    /// The `role_id` of the role.
    pub role: u64,
}

/// A row of `authorization_rule`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its `rule_id`, which orders the rows.
    pub position: u64,
    /// The `role_id`.
    pub role: u64,
    /// The resource.
    pub resource: String,
    /// Whether it allows or denies.
    pub allow: bool,
}

/// The names of roles and who has which, of a whole `authorization_role`.
#[derive(Clone, Debug, Default)]
pub struct RoleBook {
    names: BTreeMap<u64, String>,
    members: BTreeMap<(Kind, u64), u64>,
}

impl RoleBook {
    /// Reads an export of `authorization_role`.
    ///
    /// # Errors
    /// When it cannot be read, or a row of it is bad: half of the roles would be worse than none.
    pub fn read(path: &Path, input: &mut dyn BufRead) -> Result<Self, Broken> {
        let ready = Mapping::ready("magento/authorization_role");
        let mapping = ready.map_err(|MappingError(why)| Broken::Unfit(why))?.for_file(path, None);
        let mut book = Self::default();
        Rower::new(mapping).read(input, &mut |row| {
            match row.item {
                Ok(item) => book.add(&item),
                Err(flaw) => return Err(Broken::Syntax(row.place, flaw)),
            }
            Ok(())
        })?;
        Ok(book)
    }

    /// Takes a role or a member in.
    pub fn add(&mut self, item: &Item) {
        match item {
            Item::Group(group) => {
                self.names.insert(group.role, group.name.clone());
            }
            // The first row counts.
            Item::Member(member) => {
                self.members.entry((member.kind, member.account)).or_insert(member.role);
            }
            _ => {}
        }
    }

    /// The name of a role.
    pub fn name(&self, role: u64) -> Option<&str> {
        self.names.get(&role).map(String::as_str)
    }

    /// The name of the role that an account has.
    pub fn role_of(&self, kind: Kind, account: u64) -> Option<&str> {
        self.name(*self.members.get(&(kind, account))?)
    }

    /// All roles.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.values().map(String::as_str)
    }
}

/// A row of `authorization_role`: a role (type G), or somebody who has one (type U).
pub(crate) fn role_row(mapping: &Mapping, record: &Record, settings: &Settings) -> Result<Item, Flaw> {
    let get = |field, name| text(mapping, record, settings, field, name);
    let role = number(get(Field::Role, "role")?, "role")?;
    match &*get(Field::Permission, "type of the row")? {
        "G" => {
            let name = get(Field::Name, "name")?;
            if let Some(flaw) = doorward_core::name::flaw(&name) {
                return Err(format!("a role name {flaw}"));
            }
            Ok(Item::Group(Group { role, name }))
        }
        "U" => {
            let Some(kind) = kind(&get(Field::Kind, "kind of the account")?) else {
                return Ok(Item::LeftOut("it is about another kind of account"));
            };
            let parent = number(get(Field::Resource, "parent")?, "parent")?;
            // Integrations own their rules: they are their own role.
            let role = if parent == 0 { role } else { parent };
            Ok(Item::Member(Member { kind, account: number(get(Field::Account, "account")?, "account")?, role }))
        }
        _ => Err("the row is neither of a role (G) nor of somebody who has one (U)".into()),
    }
}

/// A row of `authorization_rule`.
pub(crate) fn rule_row(mapping: &Mapping, record: &Record, settings: &Settings) -> Result<Item, Flaw> {
    let get = |field, name| text(mapping, record, settings, field, name);
    let allow = match &*get(Field::Permission, "permission")? {
        "allow" => true,
        "deny" => false,
        _ => return Err("the permission is neither allow nor deny".into()),
    };
    let position = number(get(Field::Id, "id")?, "id")?;
    Ok(Item::Rule(Rule {
        position,
        role: number(get(Field::Role, "role")?, "role")?,
        resource: get(Field::Resource, "resource")?,
        allow,
    }))
}

/// A kind of account by its name.
pub(crate) fn kind(name: &str) -> Option<Kind> {
    [Kind::Customer, Kind::Admin, Kind::Integration].into_iter().find(|kind| kind.as_str() == name)
}

pub(crate) fn text(mapping: &Mapping, record: &Record, settings: &Settings, field: Field, name: &str) -> Result<String, Flaw> {
    let expression = mapping.fields.get(&field).ok_or_else(|| format!("the mapping has no {name}"))?;
    expression.text(record, &settings.variables)?.ok_or_else(|| format!("the {name} is missing"))
}

pub(crate) fn number(text: String, name: &str) -> Result<u64, Flaw> {
    text.parse().map_err(|_| format!("the {name} is no number"))
}
