//! Searching customers and groups. What a client asks for reaches SQL as parameters alone; fields are words of ours.

use super::{
    customers,
    failure::Outcome,
    groups::{GROUP, group},
    values::unsigned,
};
use doorward_core::{
    Membership,
    ports::{Condition, Customer, CustomerField, Filter, Group, GroupField, Page, Search},
};
use rusqlite::{Connection, params_from_iter, types::Value};
use std::sync::Arc;

/// The customers that are looked for. Parameters 1 to 4 are the directories, and where those belong of whom nothing was said.
const CUSTOMERS: &str = "account a, (SELECT ?2 AS website, ?3 AS store, ?4 AS grp) home \
                         WHERE a.kind = 'customer' AND a.directory IN (SELECT value FROM json_each(?1))";

/// Customers of these directories.
pub(super) fn customers(
    connection: &Connection,
    directories: &[Arc<str>],
    home: Membership,
    search: &Search<CustomerField>,
) -> Outcome<Page<Customer>> {
    let names: serde_json::Value = directories.iter().map(|name| name.to_string()).collect();
    let Membership { website, store, group } = home;
    let given = vec![Value::Text(names.to_string()), i64::from(website).into(), i64::from(store).into(), i64::from(group).into()];
    let query = Query::new(CUSTOMERS, given, search, customer_column, "a.id");
    let total = query.total(connection)?;
    let mut statement = connection.prepare(&query.page("a.id"))?;
    let ids = statement.query_map(params_from_iter(&query.paged), |row| unsigned(row, 0))?;
    let ids: Vec<u64> = ids.collect::<Result<_, _>>()?;
    let mut items = Vec::with_capacity(ids.len());
    for id in ids {
        items.extend(customers::find(connection, id)?);
    }
    Ok(Page { items, total })
}

/// Groups.
pub(super) fn groups(connection: &Connection, search: &Search<GroupField>) -> Outcome<Page<Group>> {
    let query = Query::new("customer_group g WHERE TRUE", Vec::new(), search, group_column, "g.id");
    let total = query.total(connection)?;
    let mut statement = connection.prepare(&query.page(GROUP))?;
    let items = statement.query_map(params_from_iter(&query.paged), group)?.collect::<Result<_, _>>()?;
    Ok(Page { items, total })
}

/// What a field is in SQL, and how it is compared.
struct Column {
    sql: String,
    number: bool,
}

fn number(sql: impl Into<String>) -> Column {
    Column { sql: sql.into(), number: true }
}

fn words(sql: impl Into<String>) -> Column {
    Column { sql: sql.into(), number: false }
}

fn customer_column(field: CustomerField) -> Column {
    let moment = |column: &str| words(format!("strftime('%Y-%m-%d %H:%M:%S', a.{column} / 1000, 'unixepoch')"));
    let own = |column: &str, home: &str| number(format!("CASE a.website WHEN 0 THEN home.{home} ELSE a.{column} END"));
    match field {
        CustomerField::Id => number("a.id"),
        CustomerField::Email => words("coalesce(a.email, a.login)"),
        CustomerField::Group => own("customer_group", "grp"),
        CustomerField::Website => own("website", "website"),
        CustomerField::Store => own("store", "store"),
        CustomerField::Created => moment("created"),
        CustomerField::Updated => moment("updated"),
        CustomerField::Profile(name @ ("gender" | "default_billing" | "default_shipping" | "disable_auto_group_change")) => {
            number(format!("json_extract(a.profile, '$.{name}')"))
        }
        CustomerField::Profile(name) => words(format!("json_extract(a.profile, '$.{name}')")),
    }
}

fn group_column(field: GroupField) -> Column {
    match field {
        GroupField::Id => number("g.id"),
        GroupField::Code => words("g.code"),
        GroupField::TaxClass => number("g.tax_class"),
        GroupField::TaxClassName => words("json_extract(g.document, '$.tax_class_name')"),
    }
}

/// A search in SQL.
struct Query {
    /// `FROM` what and `WHERE`.
    from: String,
    order: String,
    /// Parameters of the whole.
    given: Vec<Value>,
    /// And of a page of it.
    paged: Vec<Value>,
}

impl Query {
    fn new<F: Copy>(table: &str, given: Vec<Value>, search: &Search<F>, column: impl Fn(F) -> Column, id: &str) -> Self {
        let (mut from, mut given) = (table.to_owned(), given);
        for alternatives in search.filters.iter().filter(|alternatives| !alternatives.is_empty()) {
            let alternatives: Vec<String> =
                alternatives.iter().map(|Filter { field, condition }| judge(&column(*field), condition, &mut given)).collect();
            from.push_str(&format!(" AND ({})", alternatives.join(" OR ")));
        }
        let mut order = String::new();
        for (field, descends) in &search.order {
            let Column { sql, number } = column(*field);
            let collate = if number { "" } else { " COLLATE NOCASE" };
            order.push_str(&format!("{sql}{collate} {}, ", if *descends { "DESC" } else { "ASC" }));
        }
        order.push_str(id);
        let mut paged = given.clone();
        paged.push(i64::from(search.size).into());
        paged.push((i64::from(search.size) * i64::from(search.page.saturating_sub(1))).into());
        Self { from, order, given, paged }
    }

    fn total(&self, connection: &Connection) -> Outcome<u64> {
        let sql = format!("SELECT count(*) FROM {}", self.from);
        Ok(connection.prepare(&sql)?.query_row(params_from_iter(&self.given), |row| unsigned(row, 0))?)
    }

    fn page(&self, columns: &str) -> String {
        let (limit, offset) = (self.paged.len() - 1, self.paged.len());
        format!("SELECT {columns} FROM {} ORDER BY {} LIMIT ?{limit} OFFSET ?{offset}", self.from, self.order)
    }
}

/// One condition; what it is compared with becomes a parameter.
fn judge(column: &Column, condition: &Condition, given: &mut Vec<Value>) -> String {
    let Column { sql, number } = column;
    let mut bind = |value: Value| {
        given.push(value);
        format!("?{}", given.len())
    };
    // Text that is no number is no value of a number's field.
    let value = |text: &Arc<str>| match number {
        true => text.trim().parse::<i64>().map_or(Value::Null, Value::Integer),
        false => Value::Text(text.to_string()),
    };
    let plain = |text: &Arc<str>| Value::Text(text.to_string());
    let collate = if *number { "" } else { " COLLATE NOCASE" };
    let mut compare = |operator: &str, text: &Arc<str>| format!("{sql} {operator} {}{collate}", bind(value(text)));
    match condition {
        Condition::Equal(text) => compare("=", text),
        Condition::NotEqual(text) => compare("<>", text),
        Condition::Greater(text) => compare(">", text),
        Condition::Less(text) => compare("<", text),
        Condition::AtLeast(text) => compare(">=", text),
        Condition::AtMost(text) => compare("<=", text),
        Condition::Like(text) => format!("{sql} LIKE {} ESCAPE '\\'", bind(plain(text))),
        Condition::NotLike(text) => format!("{sql} NOT LIKE {} ESCAPE '\\'", bind(plain(text))),
        Condition::In(texts) | Condition::NotIn(texts) => {
            let values: Vec<String> = texts.iter().map(|text| bind(value(text))).collect();
            let not = if matches!(condition, Condition::NotIn(_)) { "NOT " } else { "" };
            format!("{sql}{collate} {not}IN ({})", values.join(", "))
        }
        Condition::Null => format!("{sql} IS NULL"),
        Condition::NotNull => format!("{sql} IS NOT NULL"),
        Condition::InSet(text) => format!("instr(',' || lower({sql}) || ',', ',' || lower({}) || ',') > 0", bind(plain(text))),
    }
}
