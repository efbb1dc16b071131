//! Routes under the Magento prefix that Doorward answers itself (magento-webapi 6.1, 9): which part of `serve` they belong
//! to, and what they require where no `webapi.xml` says more.

use super::{Requirement, RouteRule};
use crate::{Source, policy::Serve};
use http::Method;

/// The part of `serve` that a route belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `tokens`.
    Tokens,
    /// `accounts`.
    Accounts,
}

/// One route of ours.
#[derive(Debug, PartialEq, Eq)]
pub struct Served {
    /// Its name in logs and metrics.
    pub name: &'static str,
    /// What it belongs to.
    pub part: Part,
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'static str,
    /// As in `webapi.xml`, without prefix and store code.
    pub template: &'static str,
    /// `anonymous`, `self` or a resource.
    pub require: &'static str,
}

/// The resources that routes of ours name, with their titles: known even where no `acl.xml` declares them.
pub const RESOURCES: [(&str, &str); 4] = [
    ("Magento_Customer::customer", "Customers"),
    ("Magento_Customer::manage", "Manage customers"),
    ("Magento_Customer::delete", "Delete customers"),
    ("Magento_Customer::group", "Customer groups"),
];

const fn token(name: &'static str, template: &'static str, require: &'static str) -> Served {
    Served { name, part: Part::Tokens, method: "POST", template, require }
}

const fn account(name: &'static str, method: &'static str, template: &'static str, require: &'static str) -> Served {
    Served { name, part: Part::Accounts, method, template, require }
}

const CUSTOMER: &str = "Magento_Customer::customer";
const MANAGE: &str = "Magento_Customer::manage";
const GROUP: &str = "Magento_Customer::group";

/// All of them.
pub static ROUTES: [Served; 45] = [
    token("token.customer", "/V1/integration/customer/token", "anonymous"),
    token("token.admin", "/V1/integration/admin/token", "anonymous"),
    token("token.revoke", "/V1/integration/customer/revoke-customer-token", "self"),
    account("customer.me", "GET", "/V1/customers/me", "self"),
    account("customer.me.save", "PUT", "/V1/customers/me", "self"),
    account("customer.me.password", "PUT", "/V1/customers/me/password", "self"),
    account("customer.me.activate", "PUT", "/V1/customers/me/activate", "self"),
    account("customer.me.billing", "GET", "/V1/customers/me/billingAddress", "self"),
    account("customer.me.shipping", "GET", "/V1/customers/me/shippingAddress", "self"),
    account("customer.create", "POST", "/V1/customers", "anonymous"),
    account("customer.email_available", "POST", "/V1/customers/isEmailAvailable", "anonymous"),
    account("customer.password.forgot", "PUT", "/V1/customers/password", "anonymous"),
    account("customer.password.reset", "POST", "/V1/customers/resetPassword", "anonymous"),
    account(
        "customer.password.link",
        "GET",
        "/V1/customers/:customerId/password/resetLinkToken/:resetPasswordLinkToken",
        "anonymous",
    ),
    account("customer.activate", "POST", "/V1/customers/activate", "anonymous"),
    account("customer.activate_email", "PUT", "/V1/customers/:email/activate", MANAGE),
    account("customer.confirmation", "GET", "/V1/customers/:customerId/confirm", MANAGE),
    account("customer.confirmation.send", "POST", "/V1/customers/confirm", MANAGE),
    account("customer.validate", "PUT", "/V1/customers/validate", MANAGE),
    account("customer.readonly", "GET", "/V1/customers/:customerId/permissions/readonly", CUSTOMER),
    account("customer.show", "GET", "/V1/customers/:customerId", CUSTOMER),
    account("customer.search", "GET", "/V1/customers/search", CUSTOMER),
    account("customer.save", "PUT", "/V1/customers/:customerId", MANAGE),
    account("customer.delete", "DELETE", "/V1/customers/:customerId", "Magento_Customer::delete"),
    account("customer.billing", "GET", "/V1/customers/:customerId/billingAddress", MANAGE),
    account("customer.shipping", "GET", "/V1/customers/:customerId/shippingAddress", MANAGE),
    account("address.show", "GET", "/V1/customers/addresses/:addressId", MANAGE),
    account("address.delete", "DELETE", "/V1/addresses/:addressId", MANAGE),
    account("metadata.customer", "GET", "/V1/attributeMetadata/customer", CUSTOMER),
    account("metadata.customer.attribute", "GET", "/V1/attributeMetadata/customer/attribute/:attributeCode", CUSTOMER),
    account("metadata.customer.form", "GET", "/V1/attributeMetadata/customer/form/:formCode", CUSTOMER),
    account("metadata.customer.custom", "GET", "/V1/attributeMetadata/customer/custom", CUSTOMER),
    account("metadata.address", "GET", "/V1/attributeMetadata/customerAddress", CUSTOMER),
    account("metadata.address.attribute", "GET", "/V1/attributeMetadata/customerAddress/attribute/:attributeCode", CUSTOMER),
    account("metadata.address.form", "GET", "/V1/attributeMetadata/customerAddress/form/:formCode", CUSTOMER),
    account("metadata.address.custom", "GET", "/V1/attributeMetadata/customerAddress/custom", CUSTOMER),
    account("group.show", "GET", "/V1/customerGroups/:id", GROUP),
    account("group.search", "GET", "/V1/customerGroups/search", GROUP),
    account("group.default", "GET", "/V1/customerGroups/default", GROUP),
    account("group.default.store", "GET", "/V1/customerGroups/default/:storeId", GROUP),
    account("group.default.save", "PUT", "/V1/customerGroups/default/:id", GROUP),
    account("group.readonly", "GET", "/V1/customerGroups/:id/permissions", GROUP),
    account("group.create", "POST", "/V1/customerGroups", GROUP),
    account("group.save", "PUT", "/V1/customerGroups/:id", GROUP),
    account("group.delete", "DELETE", "/V1/customerGroups/:id", GROUP),
];

impl Served {
    /// Whether `serve` has its part.
    pub fn is_served(&self, serve: &Serve) -> bool {
        match self.part {
            Part::Tokens => serve.tokens,
            Part::Accounts => serve.accounts,
        }
    }

    fn is_for(&self, rule: &RouteRule) -> bool {
        *rule.template == *self.template && rule.methods.iter().any(|method| method.as_str() == self.method)
    }

    /// The rule that stands where no `webapi.xml` has one.
    fn rule(&'static self) -> RouteRule {
        RouteRule {
            methods: Method::from_bytes(self.method.as_bytes()).into_iter().collect(),
            template: self.template.into(),
            require: vec![Requirement::parse(self.require)],
            scopes: Vec::new(),
            parameters: Vec::new(),
            secure: false,
            own: Some(self),
            source: Source::new("built in", 1),
        }
    }
}

/// Marks the rules that Doorward answers itself, and adds those that no file has. What the files require stays.
pub fn claim(rules: &mut Vec<RouteRule>, serve: &Serve) {
    for served in ROUTES.iter().filter(|served| served.is_served(serve)) {
        match rules.iter_mut().find(|rule| served.is_for(rule)) {
            Some(rule) => rule.own = Some(served),
            None => rules.push(served.rule()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::magento::Table;
    use std::collections::HashSet;

    const ALL: Serve = Serve { sessions: true, tokens: true, accounts: true, root: true, users: true, pages: true, jwt: true };

    #[test]
    fn each_route_of_ours_is_found_and_named_once() {
        let mut rules = Vec::new();
        claim(&mut rules, &ALL);
        assert_eq!(rules.len(), ROUTES.len());
        assert_eq!(ROUTES.iter().map(|served| served.name).collect::<HashSet<_>>().len(), ROUTES.len());
        let table = Table::build(rules).unwrap();
        for served in &ROUTES {
            let found = table.find(&served.method.parse().unwrap(), &served.template.replace(':', "7")).unwrap();
            assert_eq!(found.own.unwrap().name, served.name);
        }
    }

    #[test]
    fn what_a_file_requires_stays() {
        let mut rules = vec![RouteRule { require: vec![Requirement::OwnAccount], own: None, ..ROUTES[9].rule() }];
        claim(&mut rules, &Serve { tokens: false, ..ALL });
        assert_eq!(rules[0].require, [Requirement::OwnAccount]);
        assert_eq!(rules[0].own.unwrap().name, "customer.create");
        assert!(rules.iter().all(|rule| rule.own.unwrap().part == Part::Accounts));
        let mut none = Vec::new();
        claim(&mut none, &Serve { tokens: false, accounts: false, ..ALL });
        assert!(none.is_empty());
    }
}
