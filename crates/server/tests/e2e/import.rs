//! Moving in: accounts, roles and tokens of other programs, and signing in with the old password.

use crate::support::{Output, Site, eventually};
use doorward_core::{Kind, acl::Holds, ports::Store};
use doorward_store::{Options, Sqlite};
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    fs,
    process::{Command, Stdio},
};

const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"
[operations]
listen = "127.0.0.1:0"
[passwords]
memory_kib = 1024
iterations = 1
magento_crypt_keys = ["file:crypt-key"]
[[directory]]
name = "admins"
kind = "admin"
[[directory]]
name = "customers"
kind = "customer"
[[upstream]]
name = "shop"
url = "http://127.0.0.1:9"
[routes]
files = ["routes.toml"]
"#;

const ROUTES: &str = r#"
[[resource]]
id = "Magento_Backend::all"
title = "Everything"
[[resource]]
id = "Magento_Backend::admin"
title = "Admin"
[[resource]]
id = "Magento_Sales::sales"
title = "Sales"
parent = "Magento_Backend::admin"
[[route]]
methods = ["GET"]
path = "/orders"
require = ["Magento_Sales::sales"]
"#;

/// Cheap hashes of `correct horse`: SHA-1 as LDAP writes it.
const SHA: &str = "{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=";
const PASSWORD: &str = "correct horse";
/// The password of the vectors of hashes, and of Magento's.
const DOORS: &str = "Grüße, 42 doors";
const RONI: &str = "Roni_cost3@example.com";

fn site() -> Site {
    let site = Site::new(CONFIG);
    site.write("routes.toml", ROUTES);
    site.write("crypt-key", "0123456789abcdef0123456789abcdef\n");
    site
}

fn import(site: &Site, arguments: &str) -> Output {
    let words: Vec<&str> = ["import"].into_iter().chain(arguments.split(' ')).collect();
    site.run(&words, "")
}

/// What is in the database.
fn look<T>(site: &Site, at: impl AsyncFnOnce(Sqlite) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = Sqlite::open(&site.path().join("doorward.db"), Options::default()).unwrap();
    runtime.block_on(at(store))
}

fn stored_hash(site: &Site, directory: &str, login: &str) -> String {
    let found = look(site, async |store| store.account_by_login(directory, None, login).await.unwrap());
    found.unwrap_or_else(|| panic!("no {directory}/{login}")).password.unwrap().to_string()
}

fn accounts(site: &Site) -> u64 {
    look(site, async |store| store.account_counts().await.unwrap().iter().map(|count| count.accounts).sum())
}

#[test]
fn five_columns_move_in_while_the_server_runs() {
    let site = site();
    site.ok(&["role", "add", "sales", "--allow", "Magento_Sales::sales"], "");
    let server = site.serve();
    site.write(
        "users.csv",
        &format!("id,login,email,password_hash,roles\n70,anna,anna@example.com,{SHA},sales\n,bert,,{SHA},\n"),
    );
    let done = import(&site, "admins users.csv");
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(done.out, "imported 2 of 2 rows of users.csv\npassword hashes: 2 digest, none 0\n");
    assert!(done.err.contains("action=import outcome=success directory=admins"), "{done:?}");
    let shown = site.ok(&["user", "show", "admins/anna", "--json"], "").json();
    assert_eq!((&shown["id"], &shown["roles"], &shown["email"]), (&json!(70), &json!(["sales"]), &json!("anna@example.com")));
    assert_eq!(site.ok(&["user", "show", "admins/bert", "--json"], "").json()["id"], 71);
    // The old password is good, and nothing of the old hash is left after it was used.
    assert_eq!(server.try_sign_in("anna", "wrong").status, 401);
    assert_eq!(stored_hash(&site, "admins", "anna"), SHA);
    server.sign_in("anna", PASSWORD);
    assert!(stored_hash(&site, "admins", "anna").starts_with("$argon2id$v=19$m=1024,t=1,p=1$"));
    server.sign_in("anna", PASSWORD);
    // The same data again is not taken in again.
    let again = import(&site, "admins users.csv --json");
    assert_eq!((again.code, &again.json()["imported"], &again.json()["earlier"]), (0, &json!(0), &json!(2)), "{again:?}");
    // From the first row again: both are there, anna by her id, bert as he was.
    assert_eq!(import(&site, "admins users.csv --restart --json").json()["there"], 2);
}

#[test]
fn a_bad_row_is_said_with_its_line_and_nobody_else_is_lost() {
    let site = site();
    site.user("customers/there@example.com", "a quiet brown fox", &[]);
    let rows = [
        ("1", "there@example.com", "there@example.com", SHA, ""),
        ("200", "anna", "anna@example.com", SHA, ""),
        ("201", "bert", "bert@example.com", "$1$salt$hash", ""),
        ("202", "carl", "carl@example.com", SHA, "nobody"),
        ("200", "dora", "dora@example.com", SHA, ""),
        ("203", "ANNA", "other@example.com", SHA, ""),
        ("204", "emil", "Anna@Example.com", SHA, ""),
        ("x", "fred", "fred@example.com", SHA, ""),
        ("205", "gerd", "gerd@example.com", "", ""),
    ];
    let mut text = "id,login,email,password_hash,roles\n".to_owned();
    for (id, login, email, hash, roles) in rows {
        let _ = writeln!(text, "{id},{login},{email},{hash},{roles}");
    }
    text += "206,only three,x\n207,last,last@example.com,,\n";
    site.write("users.csv", &text);
    let dry = import(&site, "customers users.csv --dry-run --json");
    assert_eq!((dry.code, accounts(&site)), (1, 1), "{dry:?}");
    let leftovers: Vec<_> = fs::read_dir(site.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!leftovers.iter().any(|name| name.to_string_lossy().contains("dry-run")), "{leftovers:?}");
    let done = import(&site, "customers users.csv");
    assert_eq!(done.code, 1);
    assert!(done.out.starts_with("imported 3 of 11 rows of users.csv, 1 were there already, 7 bad\n"), "{done:?}");
    for line in [
        "users.csv:4: the password hash is in no known format",
        "users.csv:5: the role nobody does not exist",
        "users.csv:6: an account that has or had the id customer/200 exists already",
        "users.csv:7: the account customers/ANNA exists already",
        "users.csv:8: an account of this e-mail address exists already",
        "users.csv:9: the id is no whole number above 0",
        "users.csv:11: the row has 3 values for 5 columns",
    ] {
        assert!(done.err.lines().any(|said| said == line), "{line:?} is not in {}", done.err);
    }
    assert_eq!(accounts(&site), 4);
    // The dry run had said the same.
    let dry = dry.json();
    assert_eq!((&dry["imported"], &dry["bad"], &dry["there"], &dry["dry_run"]), (&json!(3), &json!(7), &json!(1), &json!(true)));
    assert_eq!(dry["errors"][0], json!({"line": 4, "error": "the password hash is in no known format"}));
    assert!(!done.err.contains("$1$salt"), "no hash is ever shown");
}

#[test]
fn an_import_that_was_killed_goes_on_and_makes_nothing_twice() {
    let site = site();
    site.ok(&["role", "list"], "");
    let (rows, mut text) = (12_000, "login,email,password_hash\n".to_owned());
    for number in 0..rows {
        let _ = writeln!(text, "user{number},user{number}@example.com,{SHA}");
    }
    site.write("many.csv", &text);
    let mut kills = 0;
    for _ in 0..3 {
        let before = accounts(&site);
        let mut child = Command::new(env!("CARGO_BIN_EXE_doorward"))
            .args(["import", "customers", "many.csv"])
            .current_dir(site.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually("more accounts", || (accounts(&site) > before || child.try_wait().unwrap().is_some()).then_some(()));
        kills += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(kills > 0, "it was over before it could be killed");
    let rest = import(&site, "customers many.csv --json");
    assert_eq!(rest.code, 0, "{rest:?}");
    let rest = rest.json();
    assert!(rest["earlier"].as_u64().unwrap() > 0, "{rest}");
    assert_eq!(rest["earlier"].as_u64().unwrap() + rest["imported"].as_u64().unwrap(), rows);
    assert_eq!((rest["bad"].as_u64(), rest["there"].as_u64(), accounts(&site)), (Some(0), Some(0), rows));
}

/// Imports one file and signs one of its people in.
#[test]
fn people_of_other_programs_sign_in_with_their_old_password() {
    let site = site();
    let vectors = include_str!("../../../crypto/src/password/foreign/vectors.txt");
    let hash = |name: &str| {
        let line = vectors.lines().find(|line| line.split('\t').next() == Some(name));
        line.unwrap_or_else(|| panic!("no vector {name}")).split('\t').nth(1).unwrap()
    };
    let keycloak = {
        // `$pbkdf2-sha256$i=1100,l=64$salt$hash`, as Keycloak has it.
        let parts: Vec<&str> = hash("PHC pbkdf2-sha256").split('$').collect();
        let secret = json!({"value": parts[4], "salt": parts[3]}).to_string();
        let data = json!({"hashIterations": 1100, "algorithm": "pbkdf2-sha256"}).to_string();
        let credential = json!({"type": "password", "secretData": secret, "credentialData": data});
        json!({"realm": "shop", "users": [{"username": "kim", "enabled": true, "realmRoles": ["staff"], "credentials": [credential]}]})
    };
    let magento = hash("Magento 3_32_2_67108864");
    let symfony = hash("Symfony sha512").rsplit_once('$').unwrap().1;
    let ibexa2 = hash("Ibexa 2").strip_prefix("{ibexa-2}").unwrap().split(':').next().unwrap();
    let files = [
        (
            "customers --mapping magento/customer_entity",
            "customer_entity.csv",
            format!(
                "entity_id,website_id,email,group_id,store_id,created_at,is_active,firstname,password_hash,confirmation\n9,1,roni@example.com,1,1,2020-01-01 00:00:00,1,Roni,{magento},NULL\n"
            ),
            ("roni@example.com", RONI),
        ),
        (
            "customers --mapping magento/customer_entity",
            "older.csv",
            format!("entity_id,website_id,email,password_hash,confirmation\n10,1,old@example.com,{},\n", hash("Magento keyed")),
            ("old@example.com", RONI),
        ),
        (
            "admins --mapping ibexa/ezuser",
            "ezuser.csv",
            format!(
                "contentobject_id,email,login,password_hash,password_hash_type\n14,a@example.com,anna,{ibexa2},2\n15,b@example.com,plain,publish,5\n"
            ),
            ("anna", DOORS),
        ),
        (
            "admins --mapping symfony",
            "user.csv",
            format!("id,email,roles,password\n21,sym@example.com,[],{}\n", hash("bcrypt 2y")),
            ("sym@example.com", DOORS),
        ),
        (
            "admins --mapping symfony/fos_user --missing-roles create",
            "fos_user.csv",
            format!(
                "id,username,email,salt,password,roles\n22,fos,f@example.com,fosSalt.31,{symfony},\"a:1:{{i:0;s:11:\"\"ROLE_EDITOR\"\";}}\"\n"
            ),
            ("fos", DOORS),
        ),
        (
            "admins --mapping drupal",
            "drupal.csv",
            format!("uid,name,mail,pass\n31,dru,d@example.com,{}\n", hash("Drupal $S$")),
            ("dru", DOORS),
        ),
        (
            "admins --mapping wordpress",
            "wp_users.csv",
            format!("ID,user_login,user_email,user_pass\n41,wen,w@example.com,{}\n", hash("WordPress 6.8")),
            ("wen", DOORS),
        ),
        (
            "admins --mapping django",
            "auth_user.csv",
            format!("id,username,email,password\n51,djo,j@example.com,{}\n", hash("Django pbkdf2_sha256")),
            ("djo", DOORS),
        ),
        (
            "admins --mapping ldap",
            "people.ldif",
            format!("dn: uid=lea,ou=people\nuid: lea\nuserPassword: {}\n", hash("LDAP {SSHA}")),
            ("lea", DOORS),
        ),
        ("admins --mapping keycloak --missing-roles create", "realm.json", keycloak.to_string(), ("kim", DOORS)),
    ];
    for (arguments, file, text, _) in &files {
        site.write(file, text);
        let (directory, rest) = arguments.split_once(' ').unwrap();
        let done = import(&site, &format!("{directory} {file} {rest}"));
        assert_eq!(done.code, 0, "{file}: {done:?}");
    }
    // Plain text is hashed on its way in.
    assert!(stored_hash(&site, "admins", "plain").starts_with("$argon2id$"));
    let server = site.serve();
    for (arguments, file, _, (login, password)) in &files {
        assert_eq!(server.try_sign_in(login, "wrong").status, 401, "{file}");
        server.sign_in(login, password);
        let directory = arguments.split(' ').next().unwrap();
        assert!(stored_hash(&site, directory, login).starts_with("$argon2id$v=19$m=1024"), "{file}");
    }
    server.sign_in("plain", "publish");
    let kim = site.ok(&["user", "show", "admins/kim", "--json"], "").json();
    assert_eq!(kim["roles"], json!(["staff"]));
    assert_eq!(site.ok(&["user", "show", "admins/anna", "--json"], "").json()["id"], 14);
}

#[test]
fn magento_admins_roles_rules_and_tokens() {
    let site = site();
    let roles = "role_id,parent_id,role_type,user_id,user_type,role_name\n1,0,G,0,2,Administrators\n2,1,U,1,2,boss\n3,0,G,0,2,Clerks\n4,3,U,2,2,jane\n5,0,U,2,1,12\n6,9,U,1,2,odd\n";
    site.write("authorization_role.csv", roles);
    let rules = "rule_id,role_id,resource_id,privileges,permission\n12,3,Magento_Backend::admin,,deny\n11,3,Magento_Sales::sales,,allow\n1,1,Magento_Backend::all,,allow\n20,5,Magento_Sales::sales,,allow\n";
    site.write("authorization_rule.csv", rules);
    let done = import(&site, "admins authorization_rule.csv --mapping magento/authorization_rule --json");
    assert_eq!((done.code, &done.json()["imported"], &done.json()["left_out"]), (0, &json!(2), &json!(1)), "{done:?}");
    let hash = "74fc6b403f99c8ad96a485dde7db6806:aB:0";
    let admins = format!(
        "user_id,firstname,lastname,email,username,password,created,is_active\n1,B,Oss,b@example.com,boss,{hash},2020-01-01 00:00:00,1\n2,J,Doe,j@example.com,jane,{hash},2020-01-01 00:00:00,1\n3,No,Body,n@example.com,gone,{hash},2020-01-01 00:00:00,0\n"
    );
    site.write("admin_user.csv", &admins);
    let done = import(&site, "admins admin_user.csv --mapping magento/admin_user");
    assert_eq!(done.code, 0, "{done:?}");
    // Roles and members by themselves are there already, but for the one without a role.
    let done = import(&site, "admins authorization_role.csv --mapping magento/authorization_role --json");
    let said = done.json();
    assert_eq!((&said["there"], &said["bad"], &said["left_out"]), (&json!(4), &json!(1), &json!(1)), "{done:?}");
    assert_eq!(said["errors"], json!([{"line": 7, "error": "there is no row of the role 9"}]));
    let held = look(&site, async |store| store.roles().await.unwrap());
    let clerks = held.iter().find(|(name, _)| &**name == "Clerks").map(|(_, holds)| holds.clone()).unwrap();
    let Holds::Rows(rows) = clerks else { panic!("{clerks:?}") };
    let rows: Vec<_> = rows.iter().map(|row| (&*row.resource, row.allow)).collect();
    assert_eq!(rows, [("Magento_Sales::sales", true), ("Magento_Backend::admin", false)], "in the order of rule_id");
    let jane = site.ok(&["user", "show", "admins/jane", "--json"], "").json();
    assert_eq!((&jane["id"], &jane["roles"]), (&json!(2), &json!(["Clerks"])));
    assert_eq!(site.ok(&["user", "show", "admins/gone", "--json"], "").json()["enabled"], false);
    let server = site.serve();
    server.sign_in("boss", RONI);
    assert_eq!(server.try_sign_in("gone", RONI).status, 401);
    // A role that grants something else is nobody's to overwrite.
    site.write("authorization_rule.csv", "rule_id,role_id,resource_id,permission\n1,3,Magento_Sales::sales,allow\n");
    let done = import(&site, "admins authorization_rule.csv --mapping magento/authorization_rule");
    assert!(done.code == 1 && done.err.contains("a role Clerks that grants something else exists already"), "{done:?}");

    let token = |character: char| String::from_iter([character; 32]);
    let mut tokens = "entity_id,consumer_id,admin_id,customer_id,type,token,secret,revoked,user_type,created_at\n".to_owned();
    for (number, (admin, revoked, created)) in [
        (1, 0, "2999-01-01 00:00:00"),
        (1, 0, "2020-01-01 00:00:00"),
        (2, 1, "2999-01-01 00:00:00"),
        (99, 0, "2999-01-01 00:00:00"),
    ]
    .into_iter()
    .enumerate()
    {
        let text = token(char::from(b'a' + number as u8));
        let _ = writeln!(tokens, "{number},,{admin},,access,{text},s,{revoked},2,{created}");
    }
    site.write("oauth_token.csv", &tokens);
    let done = import(&site, "admins oauth_token.csv --mapping magento/oauth_token --json").json();
    assert_eq!((&done["imported"], &done["left_out"], &done["bad"]), (&json!(1), &json!(2), &json!(1)), "{done}");
    assert_eq!(done["errors"], json!([{"line": 5, "error": "the account admin/99 does not exist"}]));
}

#[test]
fn a_mapping_of_ones_own_and_what_is_wrong_with_it() {
    let site = site();
    site.write("people.txt", &format!("Nr;Mail;Hash;Land\n7;anna@example.com;{SHA};de\n8;bert@example.com;{SHA};fr\n"));
    let mapping = "delimiter = \";\"\nsource_ids = true\n[fields]\nid = \"Nr\"\nlogin = \"Mail\"\nemail = \"Mail\"\npassword_hash = \"Hash\"\n[only]\nLand = [\"de\"]\n";
    site.write("people.toml", mapping);
    let done = import(&site, "customers people.txt --format csv --mapping people.toml");
    assert_eq!(
        (done.code, &*done.out),
        (0, "imported 1 of 2 rows of people.txt, 1 left out\npassword hashes: 1 digest, none 0\n")
    );
    let found = look(&site, async |store| store.account(Kind::Customer, 7).await.unwrap().unwrap());
    assert_eq!(&*found.account.login, "anna@example.com");
    site.write("bad.toml", "[fields]\nlogin = \"Mail\"\npasword_hash = \"Hash\"\n");
    for (arguments, part) in [
        ("customers people.txt --mapping bad.toml", "pasword_hash"),
        ("customers people.txt --mapping nothing.toml", "there is no mapping \"nothing.toml\""),
        ("customers nothing.csv", "nothing.csv: No such file"),
        ("nobody people.txt", "the configuration has no directory nobody"),
        ("customers people.txt", "has no column \"login\""),
        ("customers people.txt --mapping magento/authorization_role", "roles are of admins"),
        ("admins people.txt --mapping magento/admin_user", "needs Magento's authorization_role"),
        ("customers .", "is a folder"),
    ] {
        let done = import(&site, arguments);
        assert_eq!(done.code, 1, "{arguments}: {done:?}");
        assert!(done.err.contains(part), "{arguments}: {}", done.err);
    }
    assert_eq!(import(&site, "customers").code, 2);
    let unknown: Value = import(&site, "nobody people.txt --json").json();
    assert!(unknown["error"].as_str().unwrap().contains("nobody"));
}
