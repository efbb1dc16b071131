//! Groups of customers (magento-webapi 9.3).

use super::{Desk, Failure, Outcome, document};
use doorward_core::{
    ports::{Document, Group, GroupDraft, StoreError},
    stores::{StoreScope, Stores},
};
use doorward_wire::magento::{Error, Params};
use serde_json::{Value, json};

/// The longest name of a group, in characters; a longer one is cut, as Magento does it.
const LONGEST_CODE: usize = 32;

impl Desk<'_> {
    pub(super) async fn show_group(&self) -> Outcome {
        Ok(document::group(&self.group(self.params.int("id")?, "id").await?))
    }

    /// Makes a group, or changes the one that path or body name.
    pub(super) async fn save_group(&self) -> Outcome {
        let given = self.params.object("group")?;
        let named = match self.params.optional_int("id")? {
            Some(id) => Some(id),
            None => given.optional_int("id")?,
        };
        let before = match named {
            Some(id) => Some(self.group(id, "id").await?),
            None => None,
        };
        let draft = draft(&given, before.as_ref(), &self.call.auth.account_rules().tax_classes)?;
        let stored = self.customers().put_group(before.as_ref().map(|group| group.id), draft).await;
        let group = stored.map_err(|error| match (error, named) {
            (StoreError::Exists(_), _) => Error::bad_request("Customer Group already exists.").into(),
            (StoreError::Missing(_), Some(id)) => Error::no_such_entity("id", id).into(),
            (other, _) => Failure::Unavailable(other),
        })?;
        self.forget().await?;
        self.note_group(if before.is_some() { "changed" } else { "added" }, group.id);
        Ok(document::group(&group))
    }

    pub(super) async fn delete_group(&self) -> Outcome {
        let group = self.group(self.params.int("id")?, "id").await?;
        let deleted = self.customers().delete_group(group.id, self.call.auth.clock().now()).await;
        let deleted = deleted.map_err(|error| match error {
            StoreError::Missing(_) => Error::no_such_entity("id", group.id).into(),
            other => Failure::Unavailable(other),
        })?;
        if !deleted {
            return Err(Error::bad_request("Cannot delete group.").into());
        }
        self.forget().await?;
        self.note_group("deleted", group.id);
        Ok(true.into())
    }

    /// The group of new customers of a store view: the one that is named, or that of the path.
    pub(super) async fn default_group(&self) -> Outcome {
        let stores = &self.call.policy.routes.stores;
        let store = match self.params.optional_int("storeId")? {
            Some(id) => known_store(stores, id).ok_or_else(|| Error::no_such_entity("storeId", id))?,
            None => match self.store {
                StoreScope::View(view) => view.id,
                StoreScope::All => 0,
            },
        };
        Ok(document::group(&self.customers().default_group(store).await?))
    }

    /// For the store view that the path names; the first one stands for all that have no group of their own.
    pub(super) async fn set_default_group(&self) -> Outcome {
        let group = self.group(self.params.int("id")?, "id").await?;
        let store = match self.store {
            StoreScope::View(view) if view.id != self.call.policy.routes.stores.default_view().id => view.id,
            StoreScope::View(_) | StoreScope::All => 0,
        };
        self.customers().set_default_group(store, group.id).await?;
        self.forget().await?;
        self.note_group("made the default", group.id);
        Ok(group.id.into())
    }

    pub(super) async fn is_group_readonly(&self) -> Outcome {
        let group = self.group(self.params.int("id")?, "groupId").await?;
        Ok((group.id == 0 || self.customers().is_default_group(group.id).await?).into())
    }

    async fn group(&self, id: i64, field: &str) -> Outcome<Group> {
        let found = match u32::try_from(id) {
            Ok(id) => self.customers().group(id).await?,
            Err(_) => None,
        };
        found.ok_or_else(|| Error::no_such_entity(field, id).into())
    }

    fn note_group(&self, deed: &str, id: u32) {
        let who = self.call.identity.account();
        self.call.audit_detail("customer_group", "success", who.map(|account| &**account), &format!("group {id} {deed}"));
    }
}

/// The number of a store view; 0 stands for all of them.
fn known_store(stores: &Stores, id: i64) -> Option<u32> {
    u32::try_from(id).ok().filter(|id| *id == 0 || stores.by_id(*id).is_some())
}

/// `classes`: the tax classes that there are. A group may keep one that is none of them any more.
fn draft(given: &Params, before: Option<&Group>, classes: &[u32]) -> Result<GroupDraft, Error> {
    let code = given.optional_text("code")?.map(|code| code.trim().to_owned());
    let code = match (code, before) {
        (Some(code), _) if !code.is_empty() => code.chars().take(LONGEST_CODE).collect::<String>(),
        (None, Some(group)) => group.code.to_string(),
        _ => return Err(Error::required("code")),
    };
    let usual = before.map(|group| group.tax_class).or_else(|| classes.first().copied());
    let usual = usual.unwrap_or(document::USUAL_TAX_CLASS);
    let tax_class = match given.optional_int("taxClassId")? {
        None | Some(0) => usual,
        Some(id) => u32::try_from(id).ok().filter(|id| *id == usual || classes.contains(id)).ok_or_else(|| {
            Error::bad_request("Invalid value of \"%value\" provided for the %fieldName field.")
                .with("fieldName", "taxClassId")
                .with("value", id)
        })?,
    };
    let mut kept = before.map(|group| group.document.clone()).unwrap_or_default();
    if before.is_some_and(|group| group.tax_class != tax_class) {
        kept.shift_remove("tax_class_name");
    }
    if let Some(name) = given.optional_text("taxClassName")?.filter(|name| !name.is_empty()) {
        kept.insert("tax_class_name".to_owned(), name.chars().take(255).collect::<String>().into());
    }
    if let Some(extensions) = given.optional_object("extensionAttributes") {
        extend(&mut kept, &extensions)?;
    }
    Ok(GroupDraft { code: code.into(), tax_class, document: kept })
}

/// Of what extends a group, the websites that it is not for.
fn extend(kept: &mut Document, extensions: &Params) -> Result<(), Error> {
    let Some(websites) = extensions.optional_list("excludeWebsiteIds") else { return Ok(()) };
    let number =
        |value: &Value| value.as_u64().or_else(|| value.as_str()?.trim().parse().ok()).and_then(|id| u32::try_from(id).ok());
    let wrong = || Error::wrong_type(&["extension_attributes".to_owned()], "exclude_website_ids", "int[]");
    let ids = websites.iter().map(|value| number(value).ok_or_else(wrong)).collect::<Result<Vec<u32>, Error>>()?;
    if ids.is_empty() {
        kept.shift_remove("extension_attributes");
    } else {
        kept.insert("extension_attributes".to_owned(), json!({"exclude_website_ids": ids}));
    }
    Ok(())
}
