use super::*;
use doorward_core::route::{Parameter, Requirement};
use std::fs;

/// Loads texts as files of these names.
fn load_texts(texts: &[(&str, &str)]) -> (Loaded, Diagnostics) {
    let (mut files, mut out) = (Files::new("/rules"), Diagnostics::default());
    for (name, text) in texts {
        files.embed(name, *text);
    }
    let loaded = load(texts.iter().map(|(name, _)| name), &mut files, &mut out);
    (loaded, out)
}

/// What is said about texts, one line each.
fn said(texts: &[(&str, &str)]) -> Vec<String> {
    let (_, mut out) = load_texts(texts);
    out.sort();
    out.iter().map(ToString::to_string).collect()
}

fn sound(texts: &[(&str, &str)]) -> Loaded {
    let (loaded, out) = load_texts(texts);
    assert!(!out.has_errors(), "{out:?}");
    loaded
}

fn routes(body: &str) -> String {
    format!("<routes>\n{body}\n</routes>")
}

fn acl(body: &str) -> String {
    format!("<config><acl><resources>\n{body}\n</resources></acl></config>")
}

fn route(url: &str, ids: &[&str], rest: &str) -> String {
    let resources: String = ids.iter().map(|id| format!("<resource ref=\"{id}\"/>")).collect();
    format!(
        "<route url=\"{url}\" method=\"GET\"><service class=\"C\" method=\"m\"/><resources>{resources}</resources>{rest}</route>"
    )
}

fn words(rule: &RouteRule) -> Vec<&str> {
    rule.require.iter().map(Requirement::as_str).collect()
}

#[test]
fn resources_add_up_and_parameters_are_replaced() {
    let first = routes(&route(
        " /V1/a ",
        &["self", "Ab_Aa::x"],
        "<data><parameter name=\"id\" force=\"true\">%customer_id%</parameter><parameter name=\"p\">null</parameter></data>",
    ));
    let second = routes(&[
        route("/V1/a", &["Ab_Aa::y", "self"], "<data><parameter name=\"id\"> 7</parameter><parameter name=\"q\" force=\"no\"/></data>"),
        "<route url=\"/V1/a\" method=\"PUT\" secure=\"1\"><service class=\"C\" method=\"m\"/><resources><resource ref=\"anonymous\"/></resources></route>".into(),
        route("/V1/:a", &["anonymous"], ""),
    ].join("\n"));
    let loaded = sound(&[("one/webapi.xml", &first), ("two/webapi.xml", &second)]);
    let [get, put, sleeping] = &*loaded.magento else { panic!("{:?}", loaded.magento) };
    assert_eq!((&*get.template, words(get), get.secure), ("/V1/a", vec!["self", "Ab_Aa::x", "Ab_Aa::y"], false));
    assert_eq!(get.source.to_string(), "one/webapi.xml:2", "a route stands where it was mentioned first");
    let parameter = |name: &str, value: Option<&str>, force| Parameter { name: name.into(), value: value.map(Into::into), force };
    assert_eq!(get.parameters, [parameter("id", Some(" 7"), true), parameter("p", None, false), parameter("q", Some(""), false)]);
    assert_eq!((put.methods.clone(), words(put), put.secure), (vec![http::Method::PUT], vec!["anonymous"], true));
    assert_eq!(sleeping.source.to_string(), "two/webapi.xml:4");
}

#[test]
fn what_is_wrong_in_a_webapi_xml_is_told_with_its_line() {
    let body = [
        "<route url=\"/V1/a\" method=\"PATCH\"/>",
        "<route method=\"GET\"/>",
        "<route url=\"/V1/b\" method=\"GET\"><service class=\"C\" method=\"m\"/></route>",
        "<route url=\"/V1/c\" method=\"GET\" sekure=\"1\"><resources/><service class=\"C\"/></route>",
        "<route url=\"/V1/d\" method=\"GET\" secure=\"no\">x<resources><resource ref=\"\"/><resourse/></resources></route>",
        "<rout/>",
        &route("/V1/e", &["anonymous"], "<data input-array-size-limit=\"-1\"><parameter force=\"1\"/></data><data/>"),
        &route("/V1/f", &["anonymous"], "<data><parameter name=\"x\" force=\"maybe\"><y/></parameter></data>"),
    ]
    .join("\n");
    assert_eq!(
        said(&[("m/webapi.xml", &routes(&body))]),
        [
            "m/webapi.xml:2:28: `PATCH` is none of the methods GET, PUT, POST and DELETE",
            "m/webapi.xml:3:1: `<route>` lacks the attribute `url`",
            "m/webapi.xml:4:13: `GET /V1/b` requires nothing",
            "m/webapi.xml:5:13: `GET /V1/c` requires nothing",
            "m/webapi.xml:5:41: `<route>` has no attribute `sekure`",
            "m/webapi.xml:5:44: `<resources>` names no resource",
            "m/webapi.xml:5:56: `<service>` comes too late",
            "m/webapi.xml:5:56: `<service>` lacks the attribute `method`",
            "m/webapi.xml:6:1: `<route>` holds text, which has no meaning there",
            "m/webapi.xml:6:13: `GET /V1/d` requires nothing",
            "m/webapi.xml:6:41: `no` is neither `true` nor `0`",
            "m/webapi.xml:6:72: `ref` is empty",
            "m/webapi.xml:6:75: `<resourse>` has no meaning in `<resources>`",
            "m/webapi.xml:7:1: `<rout>` has no meaning in `<routes>`",
            "m/webapi.xml:8:144: `-1` is not a whole number of at least 0",
            "m/webapi.xml:8:148: `<parameter>` lacks the attribute `name`",
            "m/webapi.xml:8:177: `<route>` has one `<data>`",
            "m/webapi.xml:9:147: `maybe` is neither `true` nor `false`",
            "m/webapi.xml:9:154: `<y>` has no meaning in `<parameter>`",
        ]
    );
}

#[test]
fn a_broken_or_foreign_xml_file_is_told_with_its_line() {
    assert_eq!(
        said(&[
            ("a/webapi.xml", "<routes>\n<route>\n</routes>"),
            ("b/webapi.xml", "<!DOCTYPE routes [<!ENTITY x 'y'>]>\n<routes/>"),
            ("c/acl.xml", "\n<menu/>"),
            ("d/acl.xml", "<config>\n\n&x;</config>"),
        ]),
        [
            "a/webapi.xml:3:1: this is not well-formed XML: ill-formed document: expected `</route>`, but `</routes>` was found",
            "b/webapi.xml:1:1: a DOCTYPE is refused: rule files declare no entities",
            "c/acl.xml:2:1: `<menu>` is no rule file",
            "d/acl.xml:3:1: the entity `&x;` is refused: only the five of XML itself are known",
        ]
    );
}

#[test]
fn odd_but_usable_xml_is_warned_of() {
    let body = [
        &route("/V1/:x", &["anonymous"], ""),
        &route("/V1/b", &["Ab_Aa::gone", "Ab_Aa::x, Ab_Aa::y"], ""),
        "<route url=\"/V1/c\" method=\"GET\" secure=\"false\"><resources><resource ref=\"self\"/></resources></route>",
    ]
    .join("\n");
    let tree = acl("<resource id=\"Ab_Aa::x\" disabled=\"1\" title=\"XX\"/>\n<resource id=\"Ab_Aa::y\"/>");
    let texts: &[(&str, &str)] = &[("m/webapi.xml", &routes(&body)), ("m/acl.xml", &tree)];
    assert_eq!(
        said(texts),
        [
            "m/webapi.xml:2:13: `GET /V1/:x` can never match: its first two segments do not begin with plain words, which is how Magento finds candidates",
            "m/webapi.xml:3:90: the resource `Ab_Aa::gone` is declared in no rule file",
            "m/webapi.xml:3:119: Magento reads this as the id of one resource, not as a list",
            "m/webapi.xml:3:119: the resource `Ab_Aa::x, Ab_Aa::y` is declared in no rule file",
            "m/webapi.xml:4:13: `GET /V1/c` names no service in any file",
            "m/webapi.xml:4:41: Magento reads `false` as true here: the route is for HTTPS only",
            "m/acl.xml:2:35: Magento does not read `1` as disabled: the resource stays",
            "m/acl.xml:2:45: a title has 3 to 50 characters",
            "m/acl.xml:3:15: the resource `Ab_Aa::y` has no title in any file",
        ]
    );
    let loaded = sound(texts);
    assert!(loaded.magento[2].secure, "as Magento reads it, which is also the stricter reading");
    assert!(loaded.resources.get("Ab_Aa::x").is_some());
}

#[test]
fn the_tree_is_merged_by_chain_sorted_and_pruned() {
    let one = acl(
        "<resource id=\"Ab_Aa::b\" title=\"Bee\" sortOrder=\"20\"><resource id=\"Ab_Aa::b2\" title=\"Old\" sortOrder=\"5\"/></resource>
         <resource id=\"Ab_Aa::a\" title=\"Aye\" sortOrder=\"10\"/><resource id=\"Ab_Aa::c\" title=\"Sea\" sortOrder=\"20\"/>",
    );
    let two = acl(
        "<resource id=\"Ab_Aa::b\"><resource id=\"Ab_Aa::b1\" title=\"One\"/><resource id=\"Ab_Aa::b2\" title=\"New\"/></resource>
         <resource id=\"Ab_Aa::c\" disabled=\"true\"><resource id=\"Ab_Aa::c1\" title=\"Gone\"/></resource>",
    );
    let routes = routes(&route("/V1/a", &["Ab_Aa::c1"], ""));
    let (loaded, out) = load_texts(&[("1/acl.xml", &one), ("2/acl.xml", &two), ("2/webapi.xml", &routes)]);
    let nodes: Vec<_> = declared(&loaded).map(|r| (&*r.id, &*r.title, r.parent.as_deref())).collect();
    assert_eq!(
        nodes,
        [
            ("Ab_Aa::a", "Aye", None),
            ("Ab_Aa::b", "Bee", None),
            ("Ab_Aa::b1", "One", Some("Ab_Aa::b")),
            ("Ab_Aa::b2", "New", Some("Ab_Aa::b")),
        ]
    );
    assert_eq!(loaded.disabled.iter().map(AsRef::as_ref).collect::<Vec<_>>(), ["Ab_Aa::c", "Ab_Aa::c1"]);
    let texts: Vec<String> = out.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["2/webapi.xml:2:90: the resource `Ab_Aa::c1` is disabled"]);
}

#[test]
fn what_is_wrong_in_an_acl_xml_is_told_with_its_line() {
    let one = acl(
        "<resource id=\"Ab_Aa::a\" title=\"Aye\"/>\n<resource id=\"Ab_Aa::b\" title=\"Bee\"/>\n<resource id=\"Doorward_Accounts::users\" title=\"Users\"/>",
    );
    let two = acl([
        "<resource id=\"Ab_Aa::b\"><resource id=\"Ab_Aa::a\" title=\"Again\"/></resource>",
        "<resource id=\"Ab_Aa::c\" title=\"See\" sortorder=\"1\" sortOrder=\"x\" disabled=\"yes\"/>",
        "<resource id=\"Ab_Aa::c\" title=\"See\"/>",
        "<resource id=\"nonsense\"/><resource/>",
    ]
    .join("\n")
    .as_str());
    assert_eq!(
        said(&[("1/acl.xml", &one), ("2/acl.xml", &two)]),
        [
            "2/acl.xml:2:39: the resource `Ab_Aa::a` stands under another parent at 1/acl.xml:2 already",
            "2/acl.xml:3:48: `<resource>` has no attribute `sortorder`",
            "2/acl.xml:3:62: `x` is not a whole number",
            "2/acl.xml:3:75: `yes` is neither `true` nor `false`",
            "2/acl.xml:4:15: the resource `Ab_Aa::c` stands at 2/acl.xml:3 already",
            "2/acl.xml:5:15: `nonsense` is not a resource id",
            "2/acl.xml:5:26: `<resource>` lacks the attribute `id`",
            "1/acl.xml:4:15: the resource `Doorward_Accounts::users` is built in",
        ]
    );
}

const ROUTES: &str = r#"[[route]]
methods = ["GET", "DELETE"]
path = "/orders/:id"
require = ["Example_Sales::orders", "self"]
[[resource]]
id = "Example_Sales::orders"
title = "Orders"
parent = "Example_Sales::sales"
[[resource]]
id = "Example_Sales::sales"
"#;

/// The resources that files declare.
fn declared(loaded: &Loaded) -> impl Iterator<Item = &Resource> {
    loaded.resources.iter().filter(|resource| &*resource.source.file != "built in")
}

#[test]
fn reads_a_routes_toml() {
    let loaded = sound(&[("routes.toml", ROUTES)]);
    let [rule] = &*loaded.native else { panic!("{:?}", loaded.native) };
    assert_eq!((&*rule.template, words(rule)), ("/orders/:id", vec!["Example_Sales::orders", "self"]));
    assert_eq!(rule.source.to_string(), "routes.toml:3");
    let ids: Vec<_> = declared(&loaded).map(|r| (&*r.id, &*r.title)).collect();
    assert_eq!(ids, [("Example_Sales::sales", "Example_Sales::sales"), ("Example_Sales::orders", "Orders")]);
    let table = loaded.native_table().unwrap();
    assert!(table.find(&http::Method::HEAD, "/orders/7").is_some());
}

#[test]
fn what_is_wrong_in_a_routes_toml_is_told_with_its_line() {
    let text = r#"[[rout]]
[[route]]
method = ["GET"]
path = "orders"
require = []
[[route]]
methods = ["get", "GET "]
path = "/a"
require = ["anonymus", 1]
[[route]]
methods = "GET"
[[route]]
methods = ["GET"]
path = "/b/:x"
require = ["anonymous"]
[[route]]
methods = ["HEAD"]
path = "/b/:y"
require = ["anonymous"]
[[resource]]
id = "Example_Sales::a"
parent = "Example_Sales::b"
[[resource]]
id = "Example_Sales::b"
parent = "Example_Sales::a"
[[resource]]
id = "Example_Sales::c"
parent = "Example_Sale::c"
[[resource]]
id = "Example_Sales::c"
[[resource]]
id = "Doorward_Accounts::users"
[[resource]]
title = ""
"#;
    assert_eq!(
        said(&[("routes.toml", text)]),
        [
            "routes.toml:1:3: unknown key `rout`",
            "routes.toml:2:1: `methods` is missing",
            "routes.toml:3:1: unknown key `method`",
            "routes.toml:4:8: `orders` is not a path template: it must begin with `/`",
            "routes.toml:5:11: `require` is empty",
            "routes.toml:7:12: `get` is not an HTTP method",
            "routes.toml:7:19: `GET ` is not an HTTP method",
            "routes.toml:9:24: `require` is a string, found integer",
            "routes.toml:10:1: `path` is missing",
            "routes.toml:10:1: `require` is missing",
            "routes.toml:11:11: `methods` is a list, found string",
            "routes.toml:18:1: `HEAD /b/:y` claims what `HEAD /b/:x` at routes.toml:14 claims already",
            "routes.toml:22:10: the parent `Example_Sales::b` does not stand on a root of the tree",
            "routes.toml:25:10: the parent `Example_Sales::a` does not stand on a root of the tree",
            "routes.toml:28:10: no rule file declares the parent `Example_Sale::c`",
            "routes.toml:30:6: the resource `Example_Sales::c` is declared at routes.toml:27 already",
            "routes.toml:32:6: the resource `Doorward_Accounts::users` is built in",
            "routes.toml:33:1: `id` is missing",
            "routes.toml:34:9: `title` is empty",
        ]
    );
    let (_, out) =
        load_texts(&[("routes.toml", "[[route]]\nmethods = [\"GET\"]\npath = \"/a\"\nrequire = [\"anonymus\"]\nname = \n")]);
    let text = out.render(crate::diagnostics::Style::Plain);
    assert!(text.contains("routes.toml:4:12") && text.contains("did you mean `anonymous`?"), "{text}");
    assert!(text.contains("routes.toml:5:") && text.contains("this is not TOML"), "{text}");
}

#[test]
fn both_kinds_of_files_share_one_tree() {
    let tree = acl("<resource id=\"Ab_Aa::a\" title=\"Aye\"/>\n<resource id=\"Ab_Aa::off\" title=\"Off\" disabled=\"true\"/>");
    let text = "[[resource]]\nid = \"Ab_Aa::b\"\nparent = \"Ab_Aa::a\"\n[[resource]]\nid = \"Ab_Aa::a\"\n[[resource]]\nid = \"Ab_Aa::c\"\nparent = \"Ab_Aa::off\"\n";
    let (loaded, mut out) = load_texts(&[("routes.toml", text), ("acl.xml", &tree)]);
    assert_eq!(loaded.resources.get("Ab_Aa::b").and_then(|r| r.parent.as_deref()), Some("Ab_Aa::a"));
    out.sort();
    let texts: Vec<String> = out.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "routes.toml:5:6: the resource `Ab_Aa::a` is declared at acl.xml:2 already",
            "routes.toml:8:10: the parent `Ab_Aa::off` is disabled",
        ]
    );
}

/// A folder of modules on disk; each has an acl.xml that sets the title of one resource, so that the last one shows.
fn folder(modules: &[&str], extra: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    for module in modules {
        write(&format!("{module}/acl.xml"), &acl(&format!("<resource id=\"Ab_Aa::a\" title=\"{module}\"/>")));
    }
    extra.iter().for_each(|(path, text)| write(path, text));
    root
}

fn order(root: &tempfile::TempDir) -> Vec<String> {
    let (mut files, mut out) = (Files::new(root.path()), Diagnostics::default());
    let loaded = load(["."], &mut files, &mut out);
    assert!(!out.has_errors(), "{out:?}");
    loaded.files.iter().map(|path| path.to_string_lossy().trim_start_matches("./").to_owned()).collect()
}

#[test]
fn modules_load_in_the_order_of_the_list_and_others_last_by_name() {
    let root = folder(
        &["Zeta", "Beta", "sub/Alpha", "Gamma", "_off", ".git", "Beta/_tests"],
        &[("module-order.txt", "V_Gamma\n\nV_Beta\n"), ("Beta/webapi.xml", "<routes/>"), ("Beta/other.xml", "<nonsense")],
    );
    assert_eq!(order(&root), ["Gamma/acl.xml", "Beta/acl.xml", "Beta/webapi.xml", "sub/Alpha/acl.xml", "Zeta/acl.xml"]);
}

#[test]
fn modules_load_as_config_php_says_and_not_when_off() {
    let named = |name: &str| format!("<config><module name=\"{name}\"/></config>");
    let root = folder(
        &[
            "vendor/acme/module-a/etc",
            "app/code/Acme/B/etc",
            "app/code/Acme/Off/etc",
            "app/code/Acme/Unlisted/etc",
            "vendor/x/off/etc",
        ],
        &[
            (
                "app/etc/config.php",
                "<?php\nreturn ['modules' => ['Acme_B' => 1, 'Acme_Off' => 0, 'X_Off' => 0, 'Acme_A' => 1]];\n",
            ),
            ("vendor/acme/module-a/etc/module.xml", &named("Acme_A")),
            ("vendor/x/off/etc/module.xml", &named("X_Off")),
        ],
    );
    assert_eq!(
        order(&root),
        ["app/code/Acme/B/etc/acl.xml", "vendor/acme/module-a/etc/acl.xml", "app/code/Acme/Unlisted/etc/acl.xml"]
    );
}

#[test]
fn entries_that_name_nothing_are_told() {
    let root = folder(&["Beta"], &[("empty/readme.txt", ""), ("rules.yaml", "")]);
    let (mut files, mut out) = (Files::new(root.path()), Diagnostics::default());
    let loaded = load(["Beta/acl.xml", ".", "./Beta/acl.xml", "empty", "rules.yaml", "gone.toml"], &mut files, &mut out);
    assert_eq!(loaded.files.len(), 2, "one file counts once: {:?}", loaded.files);
    let texts: Vec<String> = out.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert_eq!(texts[0], "empty: there is no webapi.xml or acl.xml below the folder `empty`");
    assert_eq!(texts[1], "rules.yaml: `rules.yaml` is neither a folder nor a rule file");
    assert!(texts[2].starts_with("gone.toml: `gone.toml` cannot be read: "), "{texts:?}");
}
