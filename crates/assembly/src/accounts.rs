//! What whoever runs the place may do to accounts and roles: one rule for commands and for programs.

use doorward_auth::SCOPE_ROLE;
use doorward_core::{
    Kind,
    acl::{ADMIN, ALL, Tree},
    identity::ROLE_USER,
    ports::{Store, StoreError},
};
use doorward_crypto::password::LONGEST;
use std::{collections::BTreeSet, sync::Arc};

/// Why an account or a role cannot be so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Such a role follows from being signed in and the kind of directory.
    #[error("{0} is not given: it follows from being signed in and the kind of directory")]
    Implied(String),
    /// Such a role follows from the scopes of an access token.
    #[error("{0} is not given: it follows from the scopes of an access token")]
    OfScopes(String),
    /// Nobody made this role.
    #[error("the role {0} does not exist")]
    NoRole(String),
    /// None of the configuration's files has these resources.
    #[error("the resource {} is in none of the configuration's files", .0.join(", "))]
    NoResource(Vec<String>),
    /// Programs have no passwords.
    #[error("a program has no password: it calls with tokens")]
    Program,
    /// People have one.
    #[error("the password is missing")]
    NoPassword,
    /// It has to be something.
    #[error("the password is empty")]
    Empty,
    /// It has to be read in one piece.
    #[error("the password has more than {LONGEST} bytes")]
    TooLong,
}

/// Whether a role may be called so, and be given.
///
/// # Errors
/// It follows from something else.
pub fn check_role(name: &str) -> Result<(), Unfit> {
    if name.starts_with(SCOPE_ROLE) {
        return Err(Unfit::OfScopes(name.to_owned()));
    }
    let implied = name == ROLE_USER || name == "PUBLIC_ACCESS" || Kind::ALL.iter().any(|kind| kind.role() == name);
    if implied || name.starts_with("IS_AUTHENTICATED") {
        return Err(Unfit::Implied(name.to_owned()));
    }
    Ok(())
}

/// The first of the roles `wanted` that cannot be given, if there is one.
///
/// # Errors
/// The store cannot be asked.
pub async fn unfit_role(store: &dyn Store, wanted: &[impl AsRef<str>]) -> Result<Option<Unfit>, StoreError> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let roles = store.roles().await?;
    let unfit = |name: &str| match check_role(name) {
        Ok(()) if roles.iter().any(|(role, _)| **role == *name) => None,
        Ok(()) => Some(Unfit::NoRole(name.to_owned())),
        Err(unfit) => Some(unfit),
    };
    Ok(wanted.iter().find_map(|name| unfit(name.as_ref())))
}

/// The resources that a role is to grant.
///
/// # Errors
/// All those that nobody declared.
pub fn known_resources(tree: &Tree, ids: &[impl AsRef<str>]) -> Result<BTreeSet<Arc<str>>, Unfit> {
    let unknown = ids.iter().map(AsRef::as_ref).filter(|id| !is_root(id) && tree.get(id).is_none());
    let unknown: Vec<String> = unknown.map(str::to_owned).collect();
    if unknown.is_empty() { Ok(ids.iter().map(|id| Arc::from(id.as_ref())).collect()) } else { Err(Unfit::NoResource(unknown)) }
}

/// Above all resources that files declare.
pub fn is_root(id: &str) -> bool {
    id == ALL || id == ADMIN
}

/// Whether accounts of a kind may be made with a password, or without one.
///
/// # Errors
/// They may not, or the password is none.
pub fn check_password(kind: Kind, password: Option<&str>) -> Result<(), Unfit> {
    match (kind, password) {
        (Kind::Integration, None) => Ok(()),
        (Kind::Integration, Some(_)) => Err(Unfit::Program),
        (Kind::Admin | Kind::Customer, None) => Err(Unfit::NoPassword),
        (Kind::Admin | Kind::Customer, Some("")) => Err(Unfit::Empty),
        (Kind::Admin | Kind::Customer, Some(text)) if text.len() > LONGEST => Err(Unfit::TooLong),
        (Kind::Admin | Kind::Customer, Some(_)) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_that_follow_from_something_are_not_given() {
        let of_scopes = |name: &str| Err(Unfit::OfScopes(name.into()));
        assert_eq!(check_role("ROLE_OAUTH2_ORDERS"), of_scopes("ROLE_OAUTH2_ORDERS"));
        for name in ["ROLE_USER", "ROLE_ADMIN", "ROLE_CUSTOMER", "PUBLIC_ACCESS", "IS_AUTHENTICATED_FULLY"] {
            assert_eq!(check_role(name), Err(Unfit::Implied(name.into())));
        }
        for name in ["clerks", "ROLE_EDITOR", "role_admin"] {
            assert_eq!(check_role(name), Ok(()));
        }
    }

    #[test]
    fn people_have_passwords_and_programs_have_none() {
        let long = "x".repeat(LONGEST + 1);
        for (kind, password, expected) in [
            (Kind::Integration, None, Ok(())),
            (Kind::Integration, Some("x"), Err(Unfit::Program)),
            (Kind::Admin, None, Err(Unfit::NoPassword)),
            (Kind::Customer, Some(""), Err(Unfit::Empty)),
            (Kind::Customer, Some(&*long), Err(Unfit::TooLong)),
            (Kind::Admin, Some(&long[1..]), Ok(())),
        ] {
            assert_eq!(check_password(kind, password), expected);
        }
    }
}
