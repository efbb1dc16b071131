use super::*;
use crate::Source;

fn rule(method: &str, template: &str, parameter: Option<&str>, own: Option<&'static Served>) -> RouteRule {
    RouteRule {
        methods: vec![Method::from_bytes(method.as_bytes()).unwrap()],
        template: template.into(),
        require: vec![Requirement::Anonymous],
        scopes: Vec::new(),
        parameters: parameter
            .map(|name| Parameter { name: name.into(), value: Some("1".into()), force: true })
            .into_iter()
            .collect(),
        secure: false,
        own,
        source: Source::new("webapi.xml", 1),
    }
}

fn table(natives: &[(&str, &str)]) -> RouteTable {
    let own = served::ROUTES.first();
    let magento = vec![
        rule("GET", "/V1/things/:id", None, None),
        rule("PUT", "/V1/things/:id", None, None),
        rule("POST", "/V1/forced", Some("x"), None),
        rule("POST", "/V1/ours", None, own),
    ];
    RouteTable {
        native: template::Table::build(natives.iter().map(|(m, t)| rule(m, t, None, None)).collect()).unwrap(),
        magento: magento::Table::build(magento).unwrap(),
        magento_prefix: Some("/rest".into()),
        stores: Stores::default(),
        door: ShopDoor::default(),
    }
}

fn stand(table: &RouteTable, line: &str, acceptable: bool) -> String {
    let (method, path) = line.split_once(' ').unwrap();
    match table.stand(&Method::from_bytes(method.as_bytes()).unwrap(), path, acceptable) {
        Ok(Some(rule)) => rule.template.to_string(),
        Ok(None) => "none".to_owned(),
        Err(why) => format!("{why:?}"),
    }
}

#[test]
fn a_path_under_the_magento_prefix_goes_through_the_steps() {
    let table = table(&[("GET", "/own")]);
    for (line, expected) in [
        ("GET /rest/V1/things/7", "/V1/things/:id"),
        ("GET /rest/default/V1/things/7", "/V1/things/:id"),
        ("GET /rest/all/V1/things/7", "/V1/things/:id"),
        ("GET /rest/V1/other", "none"),
        ("POST /rest/V1/things/7", "none"),
        ("PATCH /rest/V1/things/7", "Method"),
        ("HEAD /rest/V1/things/7", "Method"),
        ("GET /rest/nosuch/V1/things/7", "Path"),
        ("GET /rest", "Path"),
        ("GET /rest/schema", "Schema"),
        ("GET /rest/async/V1/things/7", "Path"),
        ("PUT /rest/async/V1/things/7", "/V1/things/:id"),
        ("PUT /rest/default/async/bulk/V1/things/byId", "/V1/things/:id"),
        ("PUT /rest/async/bulk/V1/things/7", "none"),
        ("POST /rest/async/V1/forced", "/V1/forced"),
        ("POST /rest/async/bulk/V1/forced", "Bulk"),
        ("POST /rest/V1/ours", "/V1/ours"),
        ("POST /rest/async/V1/ours", "Queue"),
        ("POST /rest/async/bulk/V1/ours", "Queue"),
        ("GET /own", "/own"),
        ("PATCH /own", "none"),
        ("GET /restful", "none"),
    ] {
        assert_eq!(stand(&table, line, true), expected, "{line}");
        let refused = if line.contains("/rest/") || line.ends_with("/rest") { "Accept" } else { expected };
        let what = stand(&table, line, false);
        assert!(what == refused || matches!(expected, "Bulk" | "Queue") && what == "Accept", "{line}: {what}");
    }
}

#[test]
fn what_the_api_takes_no_other_rule_takes() {
    let table = table(&[("GET", "/rest/*rest"), ("POST", "/rest/*rest"), ("PATCH", "/rest/*rest")]);
    for (line, acceptable, expected) in [
        ("GET /rest/V1/things/7", true, "/V1/things/:id"),
        ("GET /rest/V1/things/7", false, "Accept"),
        ("HEAD /rest/V1/things/7", true, "Method"),
        ("POST /rest/async/bulk/V1/forced", true, "Bulk"),
        ("POST /rest/async/V1/ours", true, "Queue"),
        // The rest is for whoever wrote the rule.
        ("HEAD /rest/V1/other", true, "/rest/*rest"),
        ("PATCH /rest/V1/things/7", true, "/rest/*rest"),
        ("GET /rest/V1/other", false, "/rest/*rest"),
        ("GET /rest/schema", true, "/rest/*rest"),
        ("GET /rest/nosuch/x", true, "/rest/*rest"),
    ] {
        assert_eq!(stand(&table, line, acceptable), expected, "{line} {acceptable}");
    }
}
