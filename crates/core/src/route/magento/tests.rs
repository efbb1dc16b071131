use super::*;
use crate::route::{Miss, Requirement};
use proptest::prelude::*;

fn rule(line: u32, method: &str, url: &str) -> RouteRule {
    RouteRule {
        methods: vec![method.parse().unwrap()],
        template: url.into(),
        require: vec![Requirement::Anonymous],
        scopes: Vec::new(),
        parameters: Vec::new(),
        secure: false,
        own: None,
        source: Source::new("webapi.xml", line),
    }
}

fn table(urls: &[&str]) -> Table {
    Table::build(urls.iter().zip(1..).map(|(url, line)| rule(line, "GET", url)).collect()).unwrap()
}

fn found<'t>(table: &'t Table, path: &str) -> Option<&'t str> {
    table.find(&Method::GET, path).map(|rule| &*rule.template)
}

#[test]
fn the_url_as_it_stands_comes_first() {
    let table = table(&["/V1/a/1", "/V1/a/:id", "/V1/:x", "/V1"]);
    assert_eq!(found(&table, "/V1/a/1"), Some("/V1/a/1"), "although a variable beats a digit otherwise");
    assert_eq!(found(&table, "/V1/a/:id"), Some("/V1/a/:id"));
    assert_eq!(found(&table, "/V1/:x"), Some("/V1/:x"), "its own text is the only path of such a url");
    assert_eq!(found(&table, "/V1/y"), None);
    assert_eq!(found(&table, "/V1"), Some("/V1"));
    assert_eq!(found(&table, "/V1/"), None);
}

#[test]
fn the_last_in_byte_order_wins() {
    let table = table(&[
        "/V1/products/:sku/media",
        "/V1/products/attributes/:code",
        "/V1/p/1a/:x",
        "/V1/p/:y/:z",
        "/V1/p/:y/b",
        "/V1/q/-x/:a",
        "/V1/q/:y/:a",
        "/V1/r/_x/:a",
        "/V1/r/:y/:a",
    ]);
    for (path, url) in [
        ("/V1/products/attributes/media", "/V1/products/attributes/:code"),
        ("/V1/products/7/media", "/V1/products/:sku/media"),
        ("/V1/p/1a/2", "/V1/p/:y/:z"),
        ("/V1/p/1a/b", "/V1/p/:y/b"),
        ("/V1/p/9/c", "/V1/p/:y/:z"),
        ("/V1/q/-x/1", "/V1/q/:y/:a"),
        ("/V1/r/_x/1", "/V1/r/_x/:a"),
    ] {
        assert_eq!(found(&table, path), Some(url), "{path}");
    }
}

#[test]
fn counts_empty_segments_and_lets_variables_be_empty() {
    let table = table(&["/V1/a/:x/b", "/V1/stockItems/lowStock/", "/V1/c/::d"]);
    assert_eq!(found(&table, "/V1/a//b"), Some("/V1/a/:x/b"));
    assert_eq!(found(&table, "/V1/a/b"), None);
    assert_eq!(found(&table, "/V1/a/1/b/"), Some("/V1/a/:x/b"), "slashes at the ends do not count");
    assert_eq!(found(&table, "/V1/stockItems/lowStock"), Some("/V1/stockItems/lowStock/"));
    assert_eq!(found(&table, "/V1/stockitems/lowStock"), None, "case counts");
    assert_eq!(found(&table, "/V1/c/::d"), Some("/V1/c/::d"));
    assert_eq!(found(&table, "/V1/c/x"), None, "`::d` is no variable");
}

#[test]
fn says_which_urls_sleep() {
    for (url, sleeps) in
        [("/V1/a/:x", false), ("/V1/a", false), ("/V1", false), ("/V1/:x", true), ("V1/a", true), ("/:v/a", true)]
    {
        assert_eq!(never_matches(url).is_some(), sleeps, "{url}");
    }
}

#[test]
fn numeric_text_is_compared_as_text() {
    let table = table(&["/V1/a/10/x/:y"]);
    assert_eq!(found(&table, "/V1/a/10/x/1"), Some("/V1/a/10/x/:y"));
    for path in ["/V1/a/1e1/x/1", "/V1/a/010/x/1", "/V1/a/10.0/x/1"] {
        assert_eq!(found(&table, path), None, "{path}");
    }
}

#[test]
fn only_the_four_methods_match() {
    let rules = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"].iter().map(|method| rule(1, method, "/V1/a/:x")).collect();
    let table = Table::build(rules).unwrap();
    for (method, matches) in
        [("GET", true), ("POST", true), ("PUT", true), ("DELETE", true), ("HEAD", false), ("PATCH", false), ("get", false)]
    {
        assert_eq!(table.find(&method.parse().unwrap(), "/V1/a/1").is_some(), matches, "{method}");
    }
}

#[test]
fn a_url_and_method_stand_once() {
    let error = Table::build(vec![rule(4, "GET", "/V1/a/b"), rule(9, "GET", "/V1/a/b"), rule(11, "PUT", "/V1/a/b")]).unwrap_err();
    let texts: Vec<String> = error.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["webapi.xml:9: `GET /V1/a/b` is declared at webapi.xml:4 already"]);
}

#[test]
fn decodes_the_variables_of_the_winner() {
    let rule = rule(1, "GET", "/V1/a/:x/b/:y/");
    let taken = variables(&rule, "/V1/a/1%2F2+3/b/%FF");
    assert_eq!(taken, [("x", b"1/2 3".to_vec()), ("y", vec![0xFF])]);
}

#[test]
fn near_misses_say_what_differs() {
    let table = table(&["/V1/customers/:id", "/V1/customers/:id/confirm", "/V1/carts/:id"]);
    let misses = table.near_misses(&Method::POST, "/V1/customers/7", 3);
    let whys: Vec<(&str, &Miss)> = misses.iter().map(|near| (&*near.rule.template, &near.why)).collect();
    assert_eq!(
        whys,
        [
            ("/V1/customers/:id", &Miss::OtherMethod(vec![Method::GET])),
            ("/V1/customers/:id/confirm", &Miss::Length),
            ("/V1/carts/:id", &Miss::SegmentDiffers { index: 1, expected: "carts".into(), found: "customers".into() }),
        ]
    );
}

/// magento-webapi 3.7, steps 1 to 4, word by word.
fn scan<'u>(urls: &[&'u str], path: &str) -> Option<&'u str> {
    if let Some(url) = urls.iter().find(|url| **url == path) {
        return Some(url);
    }
    let base = regex::Regex::new(r"^/?[A-Za-z0-9_]+/[A-Za-z0-9_]+").unwrap().find(path)?.as_str();
    let mut candidates: Vec<&str> = urls.iter().copied().filter(|url| url.starts_with(base)).collect();
    candidates.sort_unstable();
    let asked: Vec<&str> = path.trim_matches('/').split('/').collect();
    let matches = |url: &&str| {
        let own: Vec<&str> = url.trim_matches('/').split('/').collect();
        let same = |(own, asked): (&&str, &&str)| (own.starts_with(':') && !own.starts_with("::")) || own == asked;
        own.len() == asked.len() && own.iter().zip(&asked).all(same)
    };
    candidates.into_iter().rfind(matches)
}

proptest! {
    #[test]
    fn finds_what_the_scan_finds(
        urls in prop::collection::btree_set("/V1/(a|a-b|:x|ab)(/(a|a-|-|1|0|:|:x|:y|::z|_|A|a:|)){0,3}/?", 1..25),
        paths in prop::collection::vec("/V1/(a|a-b|ab|-|)(/(a|a-|-|1|0|:|::z|:x|_|A|a:|)){0,3}/?", 1..40),
    ) {
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let table = table(&urls);
        for path in paths.iter().map(String::as_str).chain(urls.iter().copied()) {
            prop_assert_eq!(found(&table, path), scan(&urls, path), "{}", path);
        }
    }
}
