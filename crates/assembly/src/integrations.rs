//! The programs that the configuration declares: each has an account and a role of the same name, which are made and kept as it
//! says, at the start and at every reload. What the file no longer names may do nothing, and stays until somebody deletes it.

use doorward_auth::Auth;
use doorward_config::{Diagnostic, Diagnostics, Place, SourceFile, settings::Integration};
use doorward_core::{
    Kind,
    acl::Holds,
    ports::{AccountChange, AccountRecord, NewAccount, Store, StoreError},
};
use std::{collections::BTreeSet, path::Path, sync::Arc};

/// Makes the store say what the configuration says. Several servers may do it at once.
///
/// # Errors
/// When the store cannot be asked; what was written until then stays.
pub async fn keep(auth: &Auth, integrations: &[Integration]) -> Result<(), StoreError> {
    let roles = auth.store().roles().await?;
    let put = async |role: &Arc<str>, resources: BTreeSet<Arc<str>>| {
        let holds = Holds::Selection(resources);
        let kept = roles.iter().any(|(name, held)| name == role && *held == holds);
        if kept { Ok(()) } else { auth.store().put_role(role, holds, auth.clock().now()).await }
    };
    for integration in integrations {
        let role = own_role(&integration.directory, &integration.name);
        put(&role, integration.resources.clone()).await?;
        keep_account(auth, integration, role).await?;
    }
    // What nobody declares any more grants nothing. Its token stays, for the case that the entry was lost by mistake.
    for role in undeclared(&**auth.store(), integrations).await? {
        put(&role, BTreeSet::new()).await?;
    }
    auth.apply_changes().await.map(drop)
}

/// The programs that were declared and are no more, by the names of their roles: nobody else's role is called like its account.
///
/// # Errors
/// When the store cannot be asked.
pub async fn undeclared(store: &dyn Store, integrations: &[Integration]) -> Result<Vec<Arc<str>>, StoreError> {
    let mut found = Vec::new();
    for (role, _) in store.roles().await?.into_iter().filter(|(role, _)| !is_declared(integrations, role)) {
        let Some((directory, login)) = role.split_once('/') else { continue };
        let record = store.account_by_login(directory, None, login).await?;
        if record.is_some_and(|record| record.account.kind == Kind::Integration && record.account.roles.contains(&role)) {
            found.push(role);
        }
    }
    Ok(found)
}

/// A warning for each of these roles that no integration of `file` declares.
pub fn forgotten<'r>(roles: impl IntoIterator<Item = &'r Arc<str>>, integrations: &[Integration], file: &Path) -> Diagnostics {
    let file = Arc::new(SourceFile::new(&*file.to_string_lossy(), ""));
    let mut diagnostics = Diagnostics::default();
    for role in roles.into_iter().filter(|role| !is_declared(integrations, role)) {
        let message = format!("no [[integration]] declares the program `{role}` any more, so it may do nothing");
        let hint = format!("declare it again, or `doorward user delete {role}`");
        diagnostics.push(Diagnostic::warning(&file, Place::File, message).hint(hint));
    }
    diagnostics
}

fn is_declared(integrations: &[Integration], role: &str) -> bool {
    let role = role.to_lowercase();
    integrations.iter().any(|declared| own_role(&declared.directory, &declared.name).to_lowercase() == role)
}

fn own_role(directory: &str, name: &str) -> Arc<str> {
    format!("{directory}/{name}").into()
}

async fn keep_account(auth: &Auth, integration: &Integration, role: Arc<str>) -> Result<(), StoreError> {
    let store = auth.store();
    let find = || store.account_by_login(&integration.directory, None, &integration.name);
    let record = match find().await? {
        Some(record) => record,
        None => match store.add_account(new(integration, &role), auth.clock().now()).await {
            Ok(_) => return Ok(()),
            // Another server was faster.
            Err(StoreError::Exists(what)) => find().await?.ok_or(StoreError::Exists(what))?,
            Err(error) => return Err(error),
        },
    };
    for change in changes(integration, &record, role) {
        store.change_account(record.account.kind, record.account.id, change, auth.clock().now()).await?;
    }
    Ok(())
}

/// A program calls with tokens, which an operator issues; until then nobody can be it.
fn new(integration: &Integration, role: &Arc<str>) -> NewAccount {
    NewAccount {
        directory: Arc::clone(&integration.directory),
        kind: Kind::Integration,
        id: None,
        login: Arc::clone(&integration.name),
        per_website: false,
        email: integration.email.clone(),
        password: None,
        roles: vec![Arc::clone(role)],
        membership: None,
        confirmed: true,
        profile: "{}".into(),
    }
}

/// Whether it is disabled is not for the file to say.
fn changes(integration: &Integration, record: &AccountRecord, role: Arc<str>) -> Vec<AccountChange> {
    let mut changes = Vec::new();
    if record.email != integration.email {
        changes.push(AccountChange::Email(integration.email.clone()));
    }
    if record.account.roles.as_slice() != [Arc::clone(&role)] {
        changes.push(AccountChange::Roles(vec![role]));
    }
    changes
}
