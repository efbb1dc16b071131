//! Searching: filters in groups (all groups must fit, one filter of each), sorting and paging.

use super::{Desk, Outcome, document};
use doorward_core::ports::{Condition, CustomerField, Filter, GroupField, Search};
use doorward_wire::magento::{Error, Params};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The most that is on a page, and what is on one where nothing is said.
pub(super) const PAGE: u32 = 1000;
/// The most filters, fields to sort by, and values in a list of one filter.
const MAX_FILTERS: usize = 64;
const MAX_ORDERS: usize = 8;
const MAX_VALUES: usize = 1000;
/// The longest value, in bytes, and the most wildcards in a pattern: matching takes long with many.
const MAX_VALUE: usize = 1024;
const MAX_WILDCARDS: usize = 16;

impl Desk<'_> {
    pub(super) async fn search_customers(&self) -> Outcome {
        let asked = Asked::read(&self.params, CustomerField::parse)?;
        let directories = self.call.directories().into_iter().filter(|directory| directory.kind == doorward_core::Kind::Customer);
        let directories: Vec<Arc<str>> = directories.map(|directory| Arc::clone(&directory.name)).collect();
        let home = self.home().await?;
        let page = self.customers().search_customers(directories, home, asked.search).await?;
        let stores = &self.call.policy.routes.stores;
        let items: Vec<Value> = page.items.iter().map(|customer| document::customer(customer, home, stores)).collect();
        Ok(json!({"items": items, "search_criteria": asked.criteria, "total_count": page.total}))
    }

    pub(super) async fn search_groups(&self) -> Outcome {
        let asked = Asked::read(&self.params, GroupField::parse)?;
        let page = self.customers().search_groups(asked.search).await?;
        let items: Vec<Value> = page.items.iter().map(document::group).collect();
        Ok(json!({"items": items, "search_criteria": asked.criteria, "total_count": page.total}))
    }
}

/// A search, and the criteria as they are repeated in the answer.
#[derive(Debug)]
pub(super) struct Asked<F> {
    pub(super) search: Search<F>,
    pub(super) criteria: Value,
}

impl<F> Asked<F> {
    /// Reads `searchCriteria`.
    ///
    /// # Errors
    /// 400 where it is missing, names a field or condition that there is not, or asks for too much.
    pub(super) fn read(params: &Params, field: impl Fn(&str) -> Option<F>) -> Result<Self, Error> {
        let given = params.object("searchCriteria")?;
        let (filters, shown) = filters(&given, &field)?;
        let mut criteria = Map::new();
        criteria.insert("filter_groups".to_owned(), shown);
        let order = order(&given, &field, &mut criteria)?;
        let size = natural(&given, "pageSize", "page_size", &mut criteria)?;
        if size > PAGE {
            return Err(Error::bad_request("Maximum SearchCriteria pageSize is %max").with("max", PAGE));
        }
        let page = natural(&given, "currentPage", "current_page", &mut criteria)?;
        let search = Search { filters, order, page: page.max(1), size: if size == 0 { PAGE } else { size } };
        Ok(Self { search, criteria: Value::Object(criteria) })
    }
}

type Groups<F> = Vec<Vec<Filter<F>>>;

fn filters<F>(given: &Params, field: &impl Fn(&str) -> Option<F>) -> Result<(Groups<F>, Value), Error> {
    let (mut groups, mut shown, mut count) = (Vec::new(), Vec::new(), 0);
    for group in given.optional_objects("filterGroups").unwrap_or_default() {
        let (mut alternatives, mut shown_filters) = (Vec::new(), Vec::new());
        for filter in group.optional_objects("filters").unwrap_or_default() {
            count += 1;
            if count > MAX_FILTERS {
                return Err(Error::bad_request("The search has too many filters."));
            }
            let name = filter.text("field")?;
            let word = filter.optional_text("conditionType")?.unwrap_or_else(|| "eq".to_owned());
            let value = filter.get("value").cloned().unwrap_or_default();
            alternatives.push(Filter { field: known(field, &name)?, condition: condition(&word, &filter)? });
            let mut said = Map::new();
            said.insert("field".to_owned(), name.into());
            if !value.is_null() {
                said.insert("value".to_owned(), value);
            }
            said.insert("condition_type".to_owned(), word.into());
            shown_filters.push(Value::Object(said));
        }
        groups.push(alternatives);
        shown.push(json!({"filters": shown_filters}));
    }
    Ok((groups, shown.into()))
}

fn known<F>(field: &impl Fn(&str) -> Option<F>, name: &str) -> Result<F, Error> {
    let shown: String = name.chars().take(64).collect();
    field(name).ok_or_else(|| Error::bad_request("Invalid attribute name: %1").with_list(vec![shown.into()]))
}

fn condition(word: &str, filter: &Params) -> Result<Condition, Error> {
    let text = || -> Result<Arc<str>, Error> { bounded(&filter.optional_text("value")?.unwrap_or_default()) };
    let pattern = || {
        let text = text()?;
        match text.bytes().filter(|b| *b == b'%').count() > MAX_WILDCARDS {
            true => Err(Error::bad_request("The search has a pattern with too many wildcards.")),
            false => Ok(text),
        }
    };
    Ok(match word {
        "eq" | "" => Condition::Equal(text()?),
        "neq" => Condition::NotEqual(text()?),
        "like" => Condition::Like(pattern()?),
        "nlike" => Condition::NotLike(pattern()?),
        "in" => Condition::In(list(filter)?),
        "nin" => Condition::NotIn(list(filter)?),
        "gt" => Condition::Greater(text()?),
        "lt" => Condition::Less(text()?),
        "gteq" | "from" | "moreq" => Condition::AtLeast(text()?),
        "lteq" | "to" => Condition::AtMost(text()?),
        "null" => Condition::Null,
        "notnull" => Condition::NotNull,
        "finset" => Condition::InSet(text()?),
        other => {
            let shown: String = other.chars().take(64).collect();
            return Err(Error::bad_request("Invalid condition type: %1").with_list(vec![shown.into()]));
        }
    })
}

fn bounded(text: &str) -> Result<Arc<str>, Error> {
    if text.len() > MAX_VALUE { Err(Error::bad_request("The search has a value that is too long.")) } else { Ok(text.into()) }
}

/// A list of values, or text with commas.
fn list(filter: &Params) -> Result<Vec<Arc<str>>, Error> {
    let values: Vec<String> = match filter.get("value") {
        Some(Value::String(text)) => text.split(',').map(|part| part.trim().to_owned()).collect(),
        None => Vec::new(),
        Some(_) => {
            let text = |value: Value| match value {
                Value::String(text) => text,
                other => other.to_string(),
            };
            filter.list("value")?.into_iter().map(text).collect()
        }
    };
    if values.len() > MAX_VALUES {
        return Err(Error::bad_request("The search has too many values."));
    }
    values.iter().map(|value| bounded(value)).collect()
}

fn order<F>(
    given: &Params,
    field: &impl Fn(&str) -> Option<F>,
    criteria: &mut Map<String, Value>,
) -> Result<Vec<(F, bool)>, Error> {
    let Some(orders) = given.optional_objects("sortOrders") else { return Ok(Vec::new()) };
    if orders.len() > MAX_ORDERS {
        return Err(Error::bad_request("The search has too many fields to sort by."));
    }
    let (mut order, mut shown) = (Vec::new(), Vec::new());
    for sort in &orders {
        let name = sort.text("field")?;
        let direction = sort.optional_text("direction")?.map_or_else(|| "DESC".to_owned(), |word| word.to_ascii_uppercase());
        let descends = match &*direction {
            "ASC" => false,
            "DESC" => true,
            _ => return Err(Error::bad_request("The direction to sort in is ASC or DESC.")),
        };
        order.push((known(field, &name)?, descends));
        shown.push(json!({"field": name, "direction": direction}));
    }
    criteria.insert("sort_orders".to_owned(), shown.into());
    Ok(order)
}

/// A number that is not negative; 0 where it is absent.
fn natural(given: &Params, name: &str, shown: &str, criteria: &mut Map<String, Value>) -> Result<u32, Error> {
    let Some(number) = given.optional_int(name)? else { return Ok(0) };
    criteria.insert(shown.to_owned(), number.into());
    u32::try_from(number).map_err(|_| {
        Error::bad_request("Invalid value of \"%value\" provided for the %fieldName field.")
            .with("fieldName", name)
            .with("value", number)
    })
}
