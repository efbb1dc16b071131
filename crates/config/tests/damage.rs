//! A damaged configuration is told of, never a crash, and never anything but an error or a whole configuration.

use doorward_config::{Style, from_texts};
use std::path::Path;

const CONFIGURATION: &str = include_str!("../../../examples/doorward.toml");
const ROUTES: &str = include_str!("../../../examples/routes.toml");

fn survives(configuration: &str, routes: &str) {
    let outcome = from_texts(configuration, &[("routes.toml", routes)], Path::new("/x"), &|_| None);
    assert_eq!(outcome.config.is_none(), outcome.diagnostics.has_errors(), "{configuration}");
    for diagnostic in outcome.diagnostics.iter() {
        assert!(diagnostic.render(Style::Coloured).contains(diagnostic.file()), "{diagnostic}");
        assert!(serde_json::to_value(diagnostic).is_ok());
    }
}

/// Every so many bytes, something else goes wrong; the step has no factor in common with the kinds of damage.
fn damaged(text: &str) -> Vec<String> {
    let places = (0..text.len()).step_by(47).filter(|at| text.is_char_boundary(*at) && text.is_char_boundary(at + 1));
    let damage = ["", "\"", "[", "]", "=", "\n", "é", "'", "{", "\\", "0", "\u{0}", "${", "://x@"];
    places.enumerate().map(|(n, at)| format!("{}{}{}", &text[..at], damage[n % damage.len()], &text[at + 1..])).collect()
}

#[test]
fn of_the_configuration() {
    let cases = damaged(CONFIGURATION);
    assert!(cases.len() > 90, "{}", cases.len());
    cases.iter().for_each(|text| survives(text, ROUTES));
}

#[test]
fn of_the_rules() {
    damaged(ROUTES).iter().for_each(|text| survives(CONFIGURATION, text));
}

#[test]
fn that_ends_anywhere() {
    let ends = (0..CONFIGURATION.len()).step_by(61).filter(|at| CONFIGURATION.is_char_boundary(*at));
    ends.for_each(|at| survives(&CONFIGURATION[..at], ROUTES));
}

#[test]
fn of_values_that_have_another_type() {
    for value in ["-1", "true", "[1]", "{ a = 1 }", "\"${X}\""] {
        for (number, line) in CONFIGURATION.lines().enumerate() {
            let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) else { continue };
            let lines = CONFIGURATION.lines().enumerate();
            let changed: String =
                lines.map(|(n, old)| if n == number { format!("{key} = {value}\n") } else { format!("{old}\n") }).collect();
            survives(&changed, ROUTES);
        }
    }
}
