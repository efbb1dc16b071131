//! `webapi.xml` (magento-webapi 3.1, 3.2): read and merged.

use super::{
    acl::At,
    grammar::Checker,
    xml::{Attribute, Element},
};
use crate::{Diagnostic, Diagnostics, SourceFile};
use doorward_core::route::{Parameter, Requirement, RouteRule, magento};
use http::Method;
use std::{collections::HashMap, sync::Arc};

/// The merged files, route by route, in the order of their first mention.
#[derive(Debug, Default)]
pub(super) struct Merged {
    routes: Vec<Route>,
    by_key: HashMap<(String, Method), usize>,
}

#[derive(Debug)]
struct Route {
    url: String,
    method: Method,
    secure: bool,
    has_service: bool,
    resources: Vec<(String, At)>,
    parameters: Vec<Parameter>,
    at: At,
}

/// What the merged files say.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) rules: Vec<RouteRule>,
    /// Every resource that a route names, and where.
    pub(super) named: Vec<(Arc<str>, At)>,
}

impl Merged {
    /// Adds one file.
    pub(super) fn add(&mut self, file: &Arc<SourceFile>, root: &Element, out: &mut Diagnostics) {
        let mut check = Checker { file, out };
        check.element(root, &[], &["route"]);
        for element in root.children.iter().filter(|child| child.name == "route") {
            self.route(&mut check, element);
        }
    }

    /// Turns the routes into rules. A route that requires nothing is an error, never an open route.
    pub(super) fn finish(self, out: &mut Diagnostics) -> Outcome {
        let mut outcome = Outcome::default();
        for route in self.routes {
            let (file, span) = &route.at;
            let name = format!("`{} {}`", route.method, route.url);
            if route.resources.is_empty() {
                let hint = "name its resources, or `anonymous` or `self`";
                out.push(Diagnostic::error(file, span.clone(), format!("{name} requires nothing")).hint(hint));
                continue;
            }
            if !route.has_service {
                out.push(Diagnostic::warning(file, span.clone(), format!("{name} names no service in any file")));
            }
            if let Some(why) = magento::never_matches(&route.url) {
                out.push(Diagnostic::warning(file, span.clone(), format!("{name} can never match: {why}")));
            }
            let mut require = Vec::new();
            for (id, at) in route.resources {
                let requirement = Requirement::parse(&id);
                if let Requirement::Resource(id) = &requirement {
                    outcome.named.push((Arc::clone(id), at));
                }
                require.push(requirement);
            }
            outcome.rules.push(RouteRule {
                methods: vec![route.method],
                template: route.url.into(),
                require,
                scopes: Vec::new(),
                parameters: route.parameters,
                secure: route.secure,
                own: None,
                source: file.source(span.start),
            });
        }
        outcome
    }

    fn route(&mut self, check: &mut Checker<'_>, element: &Element) {
        check.element(element, &["url", "method", "secure", "soapOperation"], &["service", "resources", "data"]);
        let (url, method) = (check.required(element, "url"), check.required(element, "method"));
        let (Some(url), Some(method)) = (url, method.and_then(|method| read_method(check, method))) else { return };
        let key = (url.value.trim().to_owned(), method.clone());
        let index = *self.by_key.entry(key).or_insert_with(|| {
            self.routes.push(Route {
                url: url.value.trim().to_owned(),
                method,
                secure: false,
                has_service: false,
                resources: Vec::new(),
                parameters: Vec::new(),
                at: (Arc::clone(check.file), url.span.clone()),
            });
            self.routes.len() - 1
        });
        let Some(route) = self.routes.get_mut(index) else { return };
        if let Some(secure) = element.attribute("secure") {
            route.secure = is_truthy(check, secure);
        }
        if let Some(service) = check.only_child(element, "service") {
            check.element(service, &["class", "method"], &[]);
            check.required(service, "class");
            check.required(service, "method");
            route.has_service = true;
        }
        if let Some(resources) = check.only_child(element, "resources") {
            route.resources(check, resources);
        }
        if let Some(data) = check.only_child(element, "data") {
            route.data(check, data);
        }
    }
}

impl Route {
    /// Resources of all files add up: whoever overrides a route can only tighten it (magento-webapi 3.2).
    fn resources(&mut self, check: &mut Checker<'_>, element: &Element) {
        check.element(element, &[], &["resource"]);
        if element.children.is_empty() {
            check.error(&element.span, "`<resources>` names no resource", None);
        }
        for resource in element.children.iter().filter(|child| child.name == "resource") {
            check.element(resource, &["ref"], &[]);
            let Some(id) = check.required(resource, "ref") else { continue };
            if id.value.contains(',') {
                let hint = "write one `<resource>` for each";
                check.warning(&id.span, "Magento reads this as the id of one resource, not as a list", Some(hint));
            }
            if !self.resources.iter().any(|(known, _)| *known == id.value) {
                self.resources.push((id.value.clone(), (Arc::clone(check.file), id.span.clone())));
            }
        }
    }

    /// Parameters are told apart by name; the later file wins (magento-webapi 3.2).
    fn data(&mut self, check: &mut Checker<'_>, element: &Element) {
        check.element(element, &["input-array-size-limit"], &["parameter"]);
        if let Some(limit) = element.attribute("input-array-size-limit")
            && limit.value.trim().parse::<u64>().is_err()
        {
            check.error(&limit.span, format!("`{}` is not a whole number of at least 0", limit.value), None);
        }
        for parameter in element.children.iter().filter(|child| child.name == "parameter") {
            check.attributes(parameter, &["name", "force"]);
            for child in &parameter.children {
                check.error(&child.span, format!("`<{}>` has no meaning in `<parameter>`", child.name), None);
            }
            let Some(name) = check.required(parameter, "name") else { continue };
            let force = parameter.attribute("force").map(|force| is_true(check, force));
            let value = (parameter.text != "null").then(|| Arc::from(parameter.text.as_str()));
            match self.parameters.iter_mut().find(|known| *known.name == *name.value) {
                Some(known) => {
                    known.value = value;
                    known.force = force.unwrap_or(known.force);
                }
                None => {
                    let name = name.value.as_str().into();
                    self.parameters.push(Parameter { name, value, force: force.unwrap_or(false) });
                }
            }
        }
    }
}

fn read_method(check: &mut Checker<'_>, attribute: &Attribute) -> Option<Method> {
    match attribute.value.as_str() {
        "GET" => Some(Method::GET),
        "PUT" => Some(Method::PUT),
        "POST" => Some(Method::POST),
        "DELETE" => Some(Method::DELETE),
        other => {
            check.error(&attribute.span, format!("`{other}` is none of the methods GET, PUT, POST and DELETE"), None);
            None
        }
    }
}

/// PHP's truth of a text: everything but the empty text and `0`, so `false` is true (magento-webapi 3.1). Read the same
/// way here, since it is also the stricter reading.
fn is_truthy(check: &mut Checker<'_>, secure: &Attribute) -> bool {
    match secure.value.as_str() {
        "" | "0" => false,
        "1" | "true" => true,
        "false" => {
            check.warning(&secure.span, "Magento reads `false` as true here: the route is for HTTPS only", Some("write `0`"));
            true
        }
        other => {
            check.error(&secure.span, format!("`{other}` is neither `true` nor `0`"), None);
            true
        }
    }
}

/// PHP's boolean filter (magento-webapi 3.1).
fn is_true(check: &mut Checker<'_>, force: &Attribute) -> bool {
    match force.value.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "on" | "yes" => true,
        "0" | "false" | "off" | "no" | "" => false,
        _ => {
            check.error(&force.span, format!("`{}` is neither `true` nor `false`", force.value), None);
            true
        }
    }
}
