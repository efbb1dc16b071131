//! The programs that the configuration declares: each has an account and a role, which are made and kept as it says, at the start
//! and at every reload. What the file no longer names stays until somebody deletes it.

use doorward_auth::Auth;
use doorward_config::settings::Integration;
use doorward_core::{
    Kind,
    acl::Holds,
    ports::{AccountChange, AccountRecord, NewAccount, StoreError},
};
use std::sync::Arc;

/// Makes the store say what the configuration says. Several servers may do it at once.
///
/// # Errors
/// When the store cannot be asked; what was written until then stays.
pub(crate) async fn keep(auth: &Auth, integrations: &[Integration]) -> Result<(), StoreError> {
    if integrations.is_empty() {
        return Ok(());
    }
    let roles = auth.store().roles().await?;
    for integration in integrations {
        let role: Arc<str> = format!("{}/{}", integration.directory, integration.name).into();
        let holds = Holds::Selection(integration.resources.clone());
        if !roles.iter().any(|(name, held)| *name == role && *held == holds) {
            auth.store().put_role(&role, holds, auth.clock().now()).await?;
        }
        keep_account(auth, integration, role).await?;
    }
    auth.apply_changes().await.map(drop)
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
