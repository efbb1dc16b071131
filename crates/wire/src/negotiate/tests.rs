use super::*;
use Format::{Json, Xml};
use proptest::prelude::*;

#[test]
fn ibexa_formats_follow_the_contract() {
    for (accept, format) in [
        (None, Xml),
        (Some(""), Xml),
        (Some("*/*"), Xml),
        (Some("text/html"), Xml),
        (Some("application/vnd.ibexa.api."), Xml),
        (Some("application/vnd.ibexa.api.+json"), Xml),
        (Some("application/vnd.ibexa.api.Session+json"), Json),
        (Some("application/vnd.ibexa.api.Session+xml"), Xml),
        (Some("application/vnd.ibexa.api.Whatever.Else+json"), Json),
        (Some("application/vnd.ibexa.api.Content2+json"), Xml),
        (Some("application/vnd.ibexa.api.Session+json; charset=utf-8"), Json),
        (Some("application/json"), Json),
        (Some("application/xml"), Xml),
        (Some("Application/JSON"), Json),
        (Some("application/xml;q=0.5, application/json"), Json),
        (Some("application/json;q=0.5, application/xml;q=0.8"), Xml),
        (Some("application/json;q=0, */*;q=0.1"), Xml),
        (Some("nonsense, application/json;q=0.1"), Json),
        (Some("application/json, application/xml"), Json),
        (Some("Accept: application/vnd.ibexa.api.Location+xml"), Xml),
    ] {
        assert_eq!(ibexa(accept), format, "{accept:?}");
    }
}

#[test]
fn magento_formats_follow_the_contract() {
    for (accept, format) in [
        (None, Ok(Json)),
        (Some(""), Ok(Json)),
        (Some("*/*"), Ok::<_, NotAcceptable>(Json)),
        (Some("application/*"), Ok(Json)),
        (Some("text/*"), Ok(Xml)),
        (Some("text/xml"), Ok(Xml)),
        (Some("application/xml"), Ok(Xml)),
        (Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), Ok(Xml)),
        (Some("application/xml;q=0.1, application/json;q=0.2"), Ok(Json)),
        (Some("application/json;level=0.1, application/xml;q=0.2"), Ok(Xml)),
        (Some("TEXT/HTML"), Ok(Json)),
    ] {
        assert_eq!(magento(accept), format, "{accept:?}");
    }
    let long = vec!["a"; 300].join(",");
    for (accept, offered) in [
        ("text/html", "text/html"),
        ("image/png, text/plain;q=2, \"<x>\"/y", "text/plain, image/png"),
        (&long, &vec!["a"; 300].join(", ")[..200]),
    ] {
        assert_eq!(magento(Some(accept)), Err(NotAcceptable(offered.to_owned())), "{accept}");
    }
}

#[test]
fn problems_are_json_unless_xml_is_preferred() {
    for (accept, format) in [
        (None, Json),
        (Some("*/*"), Json),
        (Some("application/xml"), Xml),
        (Some("application/problem+xml, */*"), Xml),
        (Some("application/problem+xml;q=0.5, */*"), Json),
        (Some("image/svg+xml"), Xml),
        (Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), Json),
        (Some("text/plain"), Json),
    ] {
        assert_eq!(problem(accept), format, "{accept:?}");
    }
}

#[test]
fn only_browsers_want_pages() {
    assert!(wants_page(Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")));
    for other in [None, Some("*/*"), Some("application/json, text/html"), Some("text/html;q=0")] {
        assert!(!wants_page(other), "{other:?}");
    }
}

proptest! {
    #[test]
    fn any_accept_header_has_an_answer(accept in ".{0,200}") {
        let _ = (ibexa(Some(&accept)), magento(Some(&accept)), problem(Some(&accept)), wants_page(Some(&accept)));
    }
}

#[test]
fn a_format_of_the_ibexa_dialect_is_named_or_not() {
    for (accept, format) in [
        (None, None),
        (Some("*/*"), None),
        (Some("application/*"), None),
        (Some("text/html"), None),
        (Some("application/vnd.ibexa.api.JWT+json"), Some(Json)),
        (Some("application/vnd.ibexa.api.JWT+xml"), Some(Xml)),
        (Some("application/json"), Some(Json)),
        (Some("application/xml"), Some(Xml)),
        (Some("*/*, application/xml;q=0.5"), Some(Xml)),
        (Some("application/xml;q=0.5, application/json"), Some(Json)),
    ] {
        assert_eq!(ibexa_named(accept), format, "{accept:?}");
    }
}
