use super::*;

#[test]
fn every_ready_mapping_is_sound() {
    Mapping::plain().unwrap();
    for (name, _) in READY {
        Mapping::ready(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let error = Mapping::ready("magento").unwrap_err();
    assert!(error.to_string().starts_with("there is no mapping \"magento\"; ready are magento/customer_entity, "), "{error}");
}

#[test]
fn a_mistake_in_a_mapping_is_shown_at_its_line() {
    for (text, part) in [
        ("[fields]\nlogin = \"a\"\nfullname = \"b\"\n", "unknown variant `fullname`"),
        ("rows = \"people\"\n[fields]\nlogin = \"a\"\n", "line 1"),
        ("[fields]\nlogin = { colum = \"a\" }\n", "expected the name of a column"),
        ("[fields]\nemail = \"a\"\n", "does not say where `login` comes from"),
        ("rows = \"tokens\"\n[fields]\ntoken = \"a\"\n", "does not say where `account` comes from"),
        ("source_ids = true\n[fields]\nlogin = \"a\"\n", "does not say where `id` comes from"),
        ("delimiter = \"||\"\n[fields]\nlogin = \"a\"\n", "one ASCII character"),
        ("escape = \"é\"\n[fields]\nlogin = \"a\"\n", "one ASCII character"),
        ("[fields]\nlogin = 3\n", "line 2"),
    ] {
        let error = Mapping::parse(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text:?}: {error}");
    }
}

#[test]
fn the_format_is_asked_for_or_named_by_the_file_or_the_mapping() {
    let format =
        |mapping: &str, file: &str, asked| Mapping::ready(mapping).unwrap().for_file(Path::new(file), asked).dialect.format;
    assert_eq!(format("keycloak", "users", None), Format::Json);
    assert_eq!(format("keycloak", "users.jsonl", None), Format::Jsonl);
    assert_eq!(format("ldap", "people.csv", None), Format::Csv);
    assert_eq!(format("ldap", "people.csv", Some(Format::Ldif)), Format::Ldif);
    assert_eq!(format("drupal", "users.txt", None), Format::Csv);
    assert_eq!(Mapping::plain().unwrap().for_file(Path::new("a.tsv"), None).dialect.delimiter, b'\t');
}
