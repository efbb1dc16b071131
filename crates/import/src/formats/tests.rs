use super::*;
use serde_json::json;

fn dialect(format: Format) -> Dialect {
    Dialect { format, delimiter: b',', escape: None, list: String::new(), nulls: vec!["NULL".into()] }
}

fn all(text: &str, dialect: &Dialect) -> (Vec<(String, String)>, Result<(), Broken>) {
    let mut rows = Vec::new();
    let mut sink = |row: Read1| {
        rows.push((row.place.to_string(), row.record.map_or_else(|flaw| flaw, |record| Value::Object(record.0).to_string())));
        Ok(())
    };
    let done = read(&mut text.as_bytes(), dialect, &mut |_| Ok(()), &mut sink);
    (rows, done)
}
use serde_json::Value;

#[test]
fn csv_rows_have_names_lines_and_flaws_of_their_own() {
    let text =
        "\u{feff}id,login,note\r\n1,anna,\"two\nlines, \"\"quoted\"\"\"\r\n\r\n2,bert\r\n3,NULL,\r\n4,carl,x,y\n5,dora,z\n";
    let (rows, done) = all(text, &dialect(Format::Csv));
    done.unwrap();
    let expected = [
        ("2", json!({"id": "1", "login": "anna", "note": "two\nlines, \"quoted\""}).to_string()),
        ("5", "the row has 2 values for 3 columns".into()),
        ("6", json!({"id": "3", "login": null, "note": null}).to_string()),
        ("7", "the row has 4 values for 3 columns".into()),
        ("8", json!({"id": "5", "login": "dora", "note": "z"}).to_string()),
    ];
    assert_eq!(rows, expected.map(|(line, text)| (line.to_owned(), text)));
}

#[test]
fn csv_as_mysql_and_postgres_write_it() {
    let mysql = Dialect { delimiter: b'\t', escape: Some(b'\\'), ..dialect(Format::Csv) };
    let (rows, done) = all("a\tb\n\"say \\\"x\\\"\"\tNULL\n", &mysql);
    done.unwrap();
    assert_eq!(rows, [("2".to_owned(), json!({"a": "say \"x\"", "b": null}).to_string())]);
}

#[test]
fn csv_that_cannot_be_read_says_where() {
    for text in ["", "\n\n"] {
        assert!(matches!(all(text, &dialect(Format::Csv)).1, Err(Broken::Unfit(_))), "{text:?}");
    }
    assert!(matches!(all("a,a\n", &dialect(Format::Csv)).1, Err(Broken::Syntax(Place::Line(1), _))));
    // A quote that never ends takes no more memory than a row may.
    let endless = format!("a,b\n1,2\n3,\"{}", "x\n".repeat(12 << 20));
    let (rows, done) = all(&endless, &dialect(Format::Csv));
    assert_eq!(rows.len(), 1);
    assert!(matches!(&done, Err(Broken::Syntax(Place::Line(3), why)) if why.contains("quote")), "{done:?}");
}

#[test]
fn a_value_that_is_not_utf_8_is_one_bad_row() {
    let mut rows = Vec::new();
    let mut sink = |row: Read1| {
        rows.push(row.record.map(|record| record.0.len()));
        Ok(())
    };
    let bytes = b"a,b\n1,\xff\n2,x\n";
    read(&mut &bytes[..], &dialect(Format::Csv), &mut |_| Ok(()), &mut sink).unwrap();
    assert_eq!(rows, [Err("the column \"b\" is not UTF-8".to_owned()), Ok(2)]);
}

#[test]
fn json_lines_are_objects_of_their_own() {
    let text = "{\"a\":1}\n\n[1]\n{\"a\": secret}\n{\"a\":null}";
    let (rows, done) = all(text, &dialect(Format::Jsonl));
    done.unwrap();
    let texts: Vec<_> = rows.iter().map(|(line, text)| (&**line, &**text)).collect();
    let flaw = "the line is no JSON: column 7";
    assert_eq!(texts, [("1", "{\"a\":1}"), ("3", "the line is no JSON object"), ("4", flaw), ("5", "{\"a\":null}")]);
}

#[test]
fn a_json_list_is_found_by_its_path() {
    let inside = |path: &str| Dialect { list: path.into(), ..dialect(Format::Json) };
    let keycloak = r#"{"realm": "shop", "roles": {"users": []}, "users": [{"a": 1}, 2, {"a": 3}], "more": true}"#;
    let (rows, done) = all(keycloak, &inside("users"));
    done.unwrap();
    let places: Vec<_> = rows.iter().map(|(place, _)| &**place).collect();
    assert_eq!((places, &*rows[1].1), (vec!["entry 1", "entry 2", "entry 3"], "the entry is no JSON object"));
    assert_eq!(all(&format!("[{keycloak}, {keycloak}]"), &inside("users")).0.len(), 6);
    assert_eq!(all("[{\"a\":1}]", &inside("")).0.len(), 1);
    assert!(matches!(all("{\"people\": []}", &inside("users")).1, Err(Broken::Unfit(_))));
    assert!(matches!(all("{\"users\": 3}", &inside("users")).1, Err(Broken::Unfit(_))));
    let (rows, done) = all("{\"users\": [{\"a\": 1}, {\"a\": }]}", &inside("users"));
    assert_eq!(rows.len(), 1);
    assert!(matches!(done, Err(Broken::Syntax(Place::Entry(2), _))));
}

#[test]
fn ldif_entries_are_unfolded_and_decoded() {
    let text = "version: 1\n\n# a comment\ndn: uid=anna,ou=people\nuid: anna\nmail: anna@exam\n ple.com\nuserPassword:: e1NIQX14\n\
                objectClass: top\nobjectClass: person\njpegPhoto:: /9j/\ncn;lang-de: Anna\n\n\ndn: uid=bert\nno colon here\n\ndn: uid=carl\nuid: carl";
    let (rows, done) = all(text, &dialect(Format::Ldif));
    done.unwrap();
    let anna = json!({"dn": "uid=anna,ou=people", "uid": "anna", "mail": "anna@example.com", "userpassword": "{SHA}x",
        "objectclass": ["top", "person"], "cn": "Anna"});
    assert_eq!(rows[0], ("3".to_owned(), anna.to_string()));
    assert_eq!(rows[1], ("15".to_owned(), "a line has no colon".to_owned()));
    assert_eq!(rows[2], ("18".to_owned(), json!({"dn": "uid=carl", "uid": "carl"}).to_string()));
}

#[test]
fn whoever_takes_the_rows_may_stop() {
    for (format, text) in
        [(Format::Csv, "a\n1\n2\n"), (Format::Jsonl, "{}\n{}\n"), (Format::Json, "[{},{}]"), (Format::Ldif, "a: 1\n\na: 2\n")]
    {
        let mut seen = 0;
        let mut sink = |_: Read1| {
            seen += 1;
            Err(Broken::Stopped)
        };
        let done = read(&mut text.as_bytes(), &dialect(format), &mut |_| Ok(()), &mut sink);
        assert!(matches!(done, Err(Broken::Stopped)) && seen == 1, "{format:?}: {done:?} after {seen}");
    }
}
