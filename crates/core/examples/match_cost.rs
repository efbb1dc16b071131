//! What matching a route costs with 100, 1,000 and 10,000 rules: `cargo run --release -p doorward-core --example match_cost`.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use doorward_core::{
    Source,
    route::{Requirement, RouteRule, magento, template},
};
use http::Method;
use std::{hint::black_box, time::Instant};

/// The shapes of a shop's routes; each area has all of them.
const SHAPES: [(Method, &str, &str); 10] = [
    (Method::GET, "", ""),
    (Method::POST, "", ""),
    (Method::GET, "/:id", "/4711"),
    (Method::PUT, "/:id", "/4711"),
    (Method::DELETE, "/:id", "/4711"),
    (Method::GET, "/search", "/search"),
    (Method::GET, "/:id/items", "/4711/items"),
    (Method::POST, "/:id/items/:item", "/4711/items/12"),
    (Method::GET, "/attributes/:code/options", "/attributes/colour/options"),
    (Method::GET, "/:id/media/:entry/thumbnail", "/4711/media/9/thumbnail"),
];

const ROUNDS: usize = 2_000_000;

fn rule(method: &Method, template: String, line: usize) -> RouteRule {
    RouteRule {
        methods: vec![method.clone()],
        template: template.into(),
        require: vec![Requirement::Anonymous],
        scopes: Vec::new(),
        parameters: Vec::new(),
        secure: false,
        own: None,
        source: Source::new("rules", u32::try_from(line).unwrap_or(u32::MAX)),
    }
}

/// The part of the shop to which a rule belongs.
fn area(index: usize) -> String {
    format!("/V1/area{}", index / SHAPES.len())
}

/// Rules, and requests of which each matches one of them.
fn shop(count: usize) -> (Vec<RouteRule>, Vec<(Method, String)>) {
    let shapes = (0..count).map(|index| (index, &SHAPES[index % SHAPES.len()]));
    let rules = shapes.clone().map(|(index, (method, template, _))| rule(method, area(index) + template, index + 1));
    // A stride that is prime to the count spreads the requests over the whole table.
    let requests = (0..count).map(|index| index * 7919 % count).map(|index| {
        let (method, _, path) = &SHAPES[index % SHAPES.len()];
        (method.clone(), area(index) + path)
    });
    (rules.collect(), requests.collect())
}

/// Nanoseconds of one match.
fn measure(requests: &[(Method, String)], mut find: impl FnMut(&Method, &str) -> bool, expected: bool) -> f64 {
    assert!(requests.iter().all(|(method, path)| find(method, path) == expected));
    let start = Instant::now();
    for (method, path) in requests.iter().cycle().take(ROUNDS) {
        black_box(find(black_box(method), black_box(path)));
    }
    start.elapsed().as_secs_f64() * 1e9 / ROUNDS as f64
}

fn main() {
    println!(
        "{:>7}  {:>14} {:>14} {:>14} {:>14}   ns per match",
        "rules", "toml, found", "toml, none", "magento, found", "magento, none"
    );
    for count in [100, 1_000, 10_000] {
        let (rules, found) = shop(count);
        let none: Vec<_> = (0..count).map(|index| (Method::GET, area(index) + "/4711/nothing/here")).collect();
        let (Ok(native), Ok(shop)) = (template::Table::build(rules.clone()), magento::Table::build(rules)) else {
            unreachable!("these rules do not conflict")
        };
        let by_template = |method: &Method, path: &str| native.find(method, path).is_some();
        let by_magento = |method: &Method, path: &str| shop.find(method, path).is_some();
        println!(
            "{count:>7}  {:>14.0} {:>14.0} {:>14.0} {:>14.0}",
            measure(&found, by_template, true),
            measure(&none, by_template, false),
            measure(&found, by_magento, true),
            measure(&none, by_magento, false),
        );
    }
}
