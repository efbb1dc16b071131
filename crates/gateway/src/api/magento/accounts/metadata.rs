//! What is known of customers and addresses, described for whoever builds forms (magento-webapi 9.2 "metadata").

use super::{
    Desk, Outcome,
    attributes::{ADDRESS, Attribute, CUSTOMER, GENDERS, Kept, LINES},
    countries::COUNTRIES,
};
use doorward_core::ports::{Condition, Filter, GroupField, Search};
use doorward_wire::magento::Error;
use serde_json::{Value, json};

/// Of what the metadata is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entity {
    Customer,
    Address,
}

impl Entity {
    fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Address => "customer_address",
        }
    }

    fn attributes(self) -> &'static [Attribute] {
        match self {
            Self::Customer => &CUSTOMER,
            Self::Address => &ADDRESS,
        }
    }
}

impl Desk<'_> {
    pub(super) async fn attribute(&self, entity: Entity) -> Outcome {
        let code = self.params.text("attributeCode")?;
        let found = entity.attributes().iter().find(|attribute| attribute.code == code);
        let nobody = || Error::no_such_entity_with(("entityType", entity.name().into()), ("attributeCode", (&*code).into()));
        self.described(found.ok_or_else(nobody)?).await
    }

    /// All of them.
    pub(super) async fn attributes(&self, entity: Entity) -> Outcome {
        self.all_described(entity.attributes().iter()).await
    }

    /// Those of a form, in their places.
    pub(super) async fn form(&self, entity: Entity) -> Outcome {
        let form = self.params.text("formCode")?;
        let mut found: Vec<_> = entity.attributes().iter().filter(|attribute| attribute.forms.contains(&&*form)).collect();
        if found.is_empty() {
            return Err(Error::no_such_entity("formCode", form).into());
        }
        found.sort_by_key(|attribute| attribute.order);
        self.all_described(found.into_iter()).await
    }

    /// Those that a shop added: nothing is known here of a custom attribute but its value.
    pub(super) fn custom_attributes() -> Value {
        Value::Array(Vec::new())
    }

    async fn all_described(&self, attributes: impl Iterator<Item = &'static Attribute>) -> Outcome {
        let mut all = Vec::new();
        for attribute in attributes {
            all.push(self.described(attribute).await?);
        }
        Ok(all.into())
    }

    async fn described(&self, attribute: &Attribute) -> Outcome {
        let options: Vec<Value> = match attribute.code {
            "website_id" => self.websites(),
            "store_id" => self.views(),
            "group_id" => self.groups().await?,
            "gender" => std::iter::once(nothing()).chain(GENDERS.map(|(label, value)| option(label, value))).collect(),
            "country_id" => countries(),
            _ => Vec::new(),
        };
        Ok(document(attribute, options))
    }

    fn websites(&self) -> Vec<Value> {
        let mut options: Vec<Value> = Vec::new();
        for view in self.call.policy.routes.stores.iter() {
            let website = option(&view.website, view.website_id);
            if !options.contains(&website) {
                options.push(website);
            }
        }
        options
    }

    fn views(&self) -> Vec<Value> {
        self.call.policy.routes.stores.iter().map(|view| option(&view.name, view.id)).collect()
    }

    /// Those that a customer can be in.
    async fn groups(&self) -> Outcome<Vec<Value>> {
        let customers_only = Filter { field: GroupField::Id, condition: Condition::Greater("0".into()) };
        let search = Search { filters: vec![vec![customers_only]], order: Vec::new(), page: 1, size: super::search::PAGE };
        let found = self.customers().search_groups(search).await?;
        Ok(found.items.iter().map(|group| option(&group.code, group.id)).collect())
    }
}

/// By their names.
fn countries() -> Vec<Value> {
    let mut by_name = COUNTRIES;
    by_name.sort_unstable_by_key(|(_, name)| *name);
    std::iter::once(nothing()).chain(by_name.into_iter().map(|(code, name)| option(name, code))).collect()
}

/// Fields in the order of the interface; that of the parent comes last.
fn document(attribute: &Attribute, options: Vec<Value>) -> Value {
    let [used, visible, filterable, searchable] = attribute.grid;
    json!({
        "frontend_input": attribute.input,
        "input_filter": attribute.filter,
        "store_label": attribute.label,
        "validation_rules": rules(attribute),
        "multiline_count": if attribute.kept == Kept::Lines { LINES } else { 0 },
        "visible": attribute.visible,
        "required": attribute.required,
        "data_model": if attribute.code == "postcode" { POSTCODE } else { "" },
        "options": options,
        "frontend_class": class(attribute),
        "user_defined": false,
        "sort_order": attribute.order,
        "frontend_label": attribute.label,
        "note": "",
        "system": attribute.system,
        "backend_type": "static",
        "is_used_in_grid": used,
        "is_visible_in_grid": visible,
        "is_filterable_in_grid": filterable,
        "is_searchable_in_grid": searchable,
        "attribute_code": attribute.code,
    })
}

/// By this name clients know that a country decides whether there must be one.
const POSTCODE: &str = "Magento\\Customer\\Model\\Attribute\\Data\\Postcode";

fn rules(attribute: &Attribute) -> Vec<Value> {
    let rule = |name: &str, value: String| json!({"name": name, "value": value});
    let lengths = attribute.most.map(|most| [rule("max_text_length", most.to_string()), rule("min_text_length", "1".to_owned())]);
    let said = attribute.rule.map(|name| rule("input_validation", name.to_owned()));
    lengths.into_iter().flatten().chain(said).collect()
}

fn class(attribute: &Attribute) -> &'static str {
    match (attribute.required, attribute.rule) {
        (true, Some("email")) => "required-entry validate-email",
        (true, _) => "required-entry",
        (false, _) => "",
    }
}

fn option(label: &str, value: impl ToString) -> Value {
    json!({"label": label, "value": value.to_string()})
}

/// The first entry of a list in which something need not be chosen.
fn nothing() -> Value {
    option(" ", "")
}
