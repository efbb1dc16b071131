//! From what was read to what is stored.

use super::{Converted, Job, MissingRoles, Report, unexpected};
use crate::cli::{Failure, context::Context, role};
use doorward_core::{
    Kind, Membership,
    acl::Holds,
    policy::Directory,
    ports::{Entropy, ImportAccount, ImportItem, ImportToken, NewAccount, Store},
    stores::Sharing,
};
use doorward_crypto::password::{Cost, StoredHash, hash_password};
use doorward_import::{Draft, Flaw, Item, Password};
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

/// Knows the directory, the roles and the websites.
pub(super) struct Converter {
    directory: Arc<Directory>,
    per_website: bool,
    websites: HashSet<u32>,
    roles: HashSet<Arc<str>>,
    store: Arc<dyn Store>,
    missing_roles: MissingRoles,
    /// Roles that are wanted and not made yet.
    wanted: BTreeSet<Arc<str>>,
    has_crypt_keys: bool,
    cost: Cost,
    entropy: Arc<dyn Entropy>,
}

impl Converter {
    pub(super) async fn new(job: &Job, context: &Context<'_>) -> Result<Self, Failure> {
        let stores = &context.policy.routes.stores;
        Ok(Self {
            directory: Arc::clone(&job.directory),
            per_website: job.directory.kind == Kind::Customer && stores.sharing() == Sharing::Website,
            websites: stores.iter().map(|view| view.website_id).collect(),
            roles: job.roles.roles().await?.into_iter().map(|(name, _)| name).collect(),
            store: Arc::clone(&job.roles),
            missing_roles: job.missing_roles,
            wanted: BTreeSet::new(),
            has_crypt_keys: context.has_crypt_keys,
            cost: context.cost,
            entropy: Arc::clone(&context.entropy),
        })
    }

    /// What the store is to take in; `None` for what is left out.
    pub(super) fn convert(&mut self, item: Item, report: &mut Report) -> Converted {
        match item {
            Item::Account(draft) => {
                let account = self.account(*draft, report)?;
                Ok(Some(ImportItem::Account(Box::new(account))))
            }
            Item::Token(token) => Ok(Some(ImportItem::Token(ImportToken {
                key: token.key,
                directory: Arc::clone(&self.directory.name),
                kind: token.kind,
                account: token.account,
                created: token.created,
                expires: token.expires,
            }))),
            other => unexpected(&other),
        }
    }

    /// Makes the roles that are wanted.
    pub(super) async fn make_roles(&mut self, context: &mut Context<'_>, report: &mut Report) -> Result<(), Failure> {
        for name in std::mem::take(&mut self.wanted) {
            self.store.put_role(&name, Holds::Selection(BTreeSet::new()), context.clock.now()).await?;
            report.roles_made += 1;
            self.roles.insert(name);
        }
        Ok(())
    }

    fn account(&mut self, draft: Draft, report: &mut Report) -> Result<ImportAccount, Flaw> {
        let customer = self.directory.kind == Kind::Customer;
        let membership = Membership { website: draft.website, store: draft.store, group: draft.group };
        if customer && draft.website != 0 && !self.websites.contains(&draft.website) {
            report.unknown_websites.insert(draft.website);
        }
        let profile = if draft.profile.is_empty() {
            "{}".into()
        } else {
            serde_json::to_string(&draft.profile).map_err(|_| "what is known of the person is no JSON")?.into()
        };
        let new = NewAccount {
            directory: Arc::clone(&self.directory.name),
            kind: self.directory.kind,
            id: draft.id,
            login: draft.login.into(),
            per_website: self.per_website,
            email: draft.email.map(Arc::from),
            password: self.password(draft.password, report)?,
            roles: self.given(draft.roles)?,
            membership: Some(membership).filter(|_| customer),
            confirmed: draft.confirmed,
            profile,
        };
        Ok(ImportAccount { new, enabled: draft.enabled, created: draft.created })
    }

    /// The text that is stored: what was stored elsewhere, or, of a password, a hash of our own.
    fn password(&self, password: Password, report: &mut Report) -> Result<Option<Arc<str>>, Flaw> {
        match password {
            Password::None => {
                report.without_password += 1;
                Ok(None)
            }
            Password::Plain(plain) => Ok(Some(hash_password(&plain, self.cost, &*self.entropy).into())),
            Password::Stored(text) => {
                let hash = StoredHash::parse(&text).map_err(|unusable| unusable.to_string())?;
                report.count_family(hash.family());
                report.need_crypt_keys += u64::from(hash.needs_crypt_key() && !self.has_crypt_keys);
                Ok(Some(text.into()))
            }
        }
    }

    fn given(&mut self, names: Vec<String>) -> Result<Vec<Arc<str>>, Flaw> {
        let mut roles = Vec::with_capacity(names.len());
        for name in names {
            // What follows from the kind of account is never given.
            let implied = role::given(&name).is_err();
            if !implied && let Some(known) = self.roles.get(name.as_str()) {
                roles.push(Arc::clone(known));
                continue;
            }
            match self.missing_roles {
                MissingRoles::Refuse if implied => {
                    return Err(format!("the role {name} is not given: it follows from the kind of directory"));
                }
                MissingRoles::Refuse => return Err(format!("the role {name} does not exist")),
                MissingRoles::Create if !implied => {
                    let name: Arc<str> = name.into();
                    self.wanted.insert(Arc::clone(&name));
                    roles.push(name);
                }
                MissingRoles::Create | MissingRoles::Drop => {}
            }
        }
        Ok(roles)
    }
}
