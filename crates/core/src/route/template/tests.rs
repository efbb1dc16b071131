use super::*;
use crate::route::{Miss, Requirement};
use proptest::prelude::*;

fn rule(line: u32, methods: &[&str], template: &str) -> RouteRule {
    RouteRule {
        methods: methods.iter().map(|m| m.parse().unwrap()).collect(),
        template: template.into(),
        require: vec![Requirement::Anonymous],
        scopes: Vec::new(),
        parameters: Vec::new(),
        secure: false,
        own: None,
        source: Source::new("routes.toml", line),
    }
}

fn table(rules: &[(&[&str], &str)]) -> Table {
    let rules = rules.iter().zip(1..).map(|((methods, template), line)| rule(line, methods, template)).collect();
    Table::build(rules).unwrap()
}

fn found<'t>(table: &'t Table, method: &str, path: &str) -> Option<&'t str> {
    table.find(&method.parse().unwrap(), path).map(|rule| &*rule.template)
}

const GET: &[&str] = &["GET"];
const POST: &[&str] = &["POST"];

#[test]
fn static_beats_variable_beats_tail_segment_by_segment() {
    let table = table(&[
        (GET, "/*rest"),
        (GET, "/orders/*rest"),
        (GET, "/orders/:id"),
        (GET, "/orders/new"),
        (GET, "/:area/new"),
        (GET, "/orders/:id/items"),
    ]);
    for (path, template) in [
        ("/orders/new", "/orders/new"),
        ("/orders/7", "/orders/:id"),
        ("/orders/7/items", "/orders/:id/items"),
        ("/orders/7/items/2", "/orders/*rest"),
        ("/orders/", "/orders/*rest"),
        ("/orders", "/*rest"),
        ("/carts/new", "/:area/new"),
        ("/carts/7", "/*rest"),
        ("/", "/*rest"),
        ("/Orders/new", "/:area/new"),
    ] {
        assert_eq!(found(&table, "GET", path), Some(template), "{path}");
    }
}

#[test]
fn goes_back_where_the_better_road_ends() {
    let table = table(&[(GET, "/a/b/c"), (GET, "/a/:x/d"), (GET, "/:y/b/:z"), (POST, "/a/b/:z"), (GET, "/a/*rest")]);
    assert_eq!(found(&table, "GET", "/a/b/d"), Some("/a/:x/d"));
    assert_eq!(found(&table, "GET", "/a/b/e"), Some("/a/*rest"));
    assert_eq!(found(&table, "POST", "/a/b/c"), Some("/a/b/:z"), "a static road for another method does not hide this one");
    assert_eq!(found(&table, "GET", "/q/b/e"), Some("/:y/b/:z"));
    assert_eq!(found(&table, "POST", "/a/q"), None);
}

#[test]
fn a_variable_is_never_empty_and_a_trailing_slash_counts() {
    let table = table(&[(GET, "/orders/:id"), (GET, "/carts/"), (GET, "/files/*rest")]);
    for path in ["/orders/", "/orders", "/orders/7/", "/carts", "/files"] {
        assert_eq!(found(&table, "GET", path), None, "{path}");
    }
    assert_eq!(found(&table, "GET", "/carts/"), Some("/carts/"));
    assert_eq!(found(&table, "GET", "/files/"), Some("/files/*rest"));
}

#[test]
fn get_covers_head_and_nothing_else() {
    let table = table(&[(GET, "/a"), (POST, "/b"), (&["GET", "HEAD"], "/c"), (&["PROPFIND"], "/d")]);
    assert!(found(&table, "HEAD", "/a").is_some());
    assert!(found(&table, "HEAD", "/b").is_none());
    assert!(found(&table, "HEAD", "/c").is_some());
    assert!(found(&table, "PROPFIND", "/d").is_some());
    for method in ["POST", "OPTIONS", "get"] {
        assert!(found(&table, method, "/a").is_none(), "{method}");
    }
}

#[test]
fn a_tie_names_both_places() {
    let build = |rules: Vec<RouteRule>| Table::build(rules).map(|t| t.len());
    let ties = build(vec![
        rule(3, GET, "/orders/:id"),
        rule(9, &["POST", "GET"], "/orders/:number"),
        rule(12, &["HEAD"], "/orders/:x"),
        rule(15, POST, "/caf%c3%A9"),
        rule(18, POST, "/caf\u{e9}"),
    ]);
    let texts: Vec<String> = ties.unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "routes.toml:9: `GET /orders/:number` claims what `GET /orders/:id` at routes.toml:3 claims already",
            "routes.toml:12: `HEAD /orders/:x` claims what `HEAD /orders/:id` at routes.toml:3 claims already",
            "routes.toml:18: `POST /caf\u{e9}` claims what `POST /caf%c3%A9` at routes.toml:15 claims already",
        ]
    );
    assert_eq!(build(vec![rule(1, GET, "/a/:x"), rule(2, POST, "/a/:y"), rule(3, GET, "/a/*z"), rule(4, GET, "/a/b")]), Ok(4));
}

#[test]
fn every_malformed_template_is_told() {
    let conflicts = Table::build(vec![rule(3, GET, "orders"), rule(5, GET, "/a//b")]).unwrap_err();
    assert!(matches!(&*conflicts, [Conflict::Malformed { source: a, .. }, Conflict::Malformed { source: b, .. }]
        if a.line == 3 && b.line == 5));
}

#[test]
fn near_misses_say_what_differs_closest_first() {
    let table = table(&[(GET, "/orders/:id/items"), (POST, "/orders/:id"), (GET, "/carts/:id"), (GET, "/carts/:id/x/y")]);
    let misses = |path| -> Vec<(String, Miss)> {
        let misses = table.near_misses(&Method::GET, path, 2);
        misses.into_iter().map(|near| (near.rule.template.to_string(), near.why)).collect()
    };
    assert_eq!(
        misses("/orders/7"),
        [("/orders/:id".into(), Miss::OtherMethod(vec![Method::POST])), ("/orders/:id/items".into(), Miss::Length),]
    );
    assert_eq!(
        misses("/orders/7/item"),
        [
            ("/orders/:id/items".into(), Miss::SegmentDiffers { index: 2, expected: "items".into(), found: "item".into() }),
            ("/orders/:id".into(), Miss::Length),
        ]
    );
    assert_eq!(misses("/nothing"), []);
}

/// What the documentation says, without any cleverness: every rule that matches, ordered segment by segment.
fn obvious<'r>(rules: &'r [RouteRule], method: &Method, path: &str) -> Option<&'r str> {
    let path: Vec<&str> = path[1..].split('/').collect();
    let rank = |rule: &RouteRule| -> Option<Vec<u8>> {
        let template: Vec<&str> = rule.template[1..].split('/').collect();
        let mut ranks = Vec::new();
        for (index, segment) in template.iter().enumerate() {
            let here = path.get(index)?;
            if segment.starts_with('*') {
                ranks.push(2);
                return Some(ranks);
            } else if segment.starts_with(':') {
                ranks.push(1);
                if here.is_empty() {
                    return None;
                }
            } else {
                ranks.push(0);
                if segment != here {
                    return None;
                }
            }
        }
        (template.len() == path.len()).then_some(ranks)
    };
    let covers =
        |rule: &&RouteRule| rule.methods.iter().any(|own| own == method || (own == Method::GET && *method == Method::HEAD));
    let matching = rules.iter().filter(covers).filter_map(|rule| Some((rank(rule)?, &*rule.template)));
    matching.min_by(|a, b| a.0.cmp(&b.0)).map(|(_, template)| template)
}

proptest! {
    #[test]
    fn finds_what_the_obvious_reading_finds(
        templates in prop::collection::vec(
            (prop::sample::select(vec!["GET", "POST", "HEAD"]), "(/(a|b|:x|:y)){1,4}(/\\*r)?|/|/\\*r|/a/"), 1..25),
        paths in prop::collection::vec("(/(a|b|c|)){1,5}", 1..25),
    ) {
        let mut rules: Vec<RouteRule> = Vec::new();
        for (method, template) in templates {
            // Only sound and untied rules; ties and malformed ones have tests of their own.
            let candidate = rule(1, &[method], &template);
            let mut with: Vec<RouteRule> = rules.clone();
            with.push(candidate);
            if Table::build(with.clone()).is_ok() {
                rules = with;
            }
        }
        let table = Table::build(rules.clone()).unwrap();
        for path in &paths {
            for method in [Method::GET, Method::POST, Method::HEAD, Method::PUT] {
                let got = table.find(&method, path).map(|rule| &*rule.template);
                prop_assert_eq!(got, obvious(&rules, &method, path), "{} {}", method, path);
            }
        }
    }
}
