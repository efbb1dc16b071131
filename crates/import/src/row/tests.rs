use super::*;
use crate::Password;
use serde_json::json;
use std::path::Path;

const BCRYPT: &str = "$2y$05$LQvBiQUIhJypRbE2dwTlUupP82vKNhfoR8Wn2Iwfua4PveVwo8uyy";

/// All rows of a file of this name, by a ready mapping; no mapping where its name is empty.
fn rows(mapping: &str, file: &str, text: &str) -> Vec<Row> {
    rows_by(|rower| rower, mapping, file, text)
}

fn rows_by(with: impl Fn(Rower) -> Rower, mapping: &str, file: &str, text: &str) -> Vec<Row> {
    let mapping = if mapping.is_empty() { Mapping::plain() } else { Mapping::ready(mapping) };
    let rower = with(Rower::new(mapping.unwrap().for_file(Path::new(file), None)));
    let mut rows = Vec::new();
    let done = rower.read(&mut text.as_bytes(), &mut |row| {
        rows.push(row);
        Ok(())
    });
    done.unwrap();
    rows
}

fn account(row: &Row) -> &Draft {
    match &row.item {
        Ok(Item::Account(draft)) => draft,
        other => panic!("no account: {other:?}"),
    }
}

fn stored(row: &Row) -> &str {
    match &account(row).password {
        Password::Stored(text) => text,
        other => panic!("no stored password: {other:?}"),
    }
}

fn flaw(row: &Row) -> &str {
    row.item.as_ref().unwrap_err()
}

#[test]
fn five_columns_need_no_mapping() {
    let text = format!(
        "id,login,email,password_hash,roles\n7,anna,anna@example.com,{BCRYPT},sales  support\n,bert,,,\n0,carl,,,\n8, dora,,,\n9,emil,nobody,,\n10,,,,\n11,fritz,,secret,\n"
    );
    let rows = rows("", "users.csv", &text);
    let anna = account(&rows[0]);
    assert_eq!((anna.id, &*anna.login, anna.email.as_deref()), (Some(7), "anna", Some("anna@example.com")));
    assert_eq!((stored(&rows[0]), &anna.roles[..]), (BCRYPT, &["sales".to_owned(), "support".to_owned()][..]));
    let bert = account(&rows[1]);
    assert_eq!((bert.id, &bert.email, &bert.password, bert.enabled, bert.confirmed), (None, &None, &Password::None, true, true));
    let flaws: Vec<_> = rows[2..].iter().map(|row| (row.place.to_string(), flaw(row))).collect();
    let expected = [
        ("4", "the id is no whole number above 0"),
        ("5", "a login is not empty and has no space at its ends"),
        ("6", "the e-mail address has no @"),
        ("7", "the login is missing"),
        ("8", "the password hash is in no known format"),
    ];
    assert_eq!(flaws, expected.map(|(line, flaw)| (line.to_owned(), flaw)));
    // The same as JSON Lines, where roles may be a list.
    let text = format!(
        "{{\"login\":\"anna\",\"id\":7,\"password_hash\":\"{BCRYPT}\",\"roles\":[\"Store Manager\"]}}\n{{\"login\":\"x\",\"phone\":1}}\n"
    );
    let rows = self::rows("", "users.jsonl", &text);
    assert_eq!((account(&rows[0]).id, &account(&rows[0]).roles[..]), (Some(7), &["Store Manager".to_owned()][..]));
    assert_eq!(flaw(&rows[1]), "\"phone\" needs a mapping");
}

#[test]
fn columns_that_are_missing_or_too_many_end_it_at_once() {
    for (mapping, header, part) in [
        ("", "id,login,phone", "has a column \"phone\", which needs a mapping"),
        ("", "id,email", "has no column \"login\""),
        ("magento/customer_entity", "entity_id,email,password_hash", "has no column \"website_id\""),
        ("magento/oauth_token", "token,user_type,created_at,type", "has no column \"revoked\""),
    ] {
        let mapping = if mapping.is_empty() { Mapping::plain() } else { Mapping::ready(mapping) };
        let rower = Rower::new(mapping.unwrap());
        let done = rower.read(&mut format!("{header}\n").as_bytes(), &mut |_| Ok(()));
        assert!(matches!(&done, Err(Broken::Unfit(why)) if why.starts_with(part)), "{header}: {done:?}");
    }
}

#[test]
fn magento_customers_keep_ids_websites_and_names() {
    let text = "entity_id,website_id,email,group_id,store_id,created_at,is_active,firstname,lastname,gender,password_hash,confirmation\n\
        42,2,Anna@Example.com,3,5,\"2019-03-04 05:06:07\",1,Anna,NULL,2,c8b0495c5984b7c1c00c2634d560b552a4264eded47444529a04391b81502099:aBcDeFgHiJkLmNoPqRsTuVwXyZ012345:1,NULL\n\
        43,1,b@example.com,1,1,0000-00-00 00:00:00,0,,,,NULL,f00dbabe\n,1,c@example.com,1,1,,1,,,,,\n";
    let rows = rows("magento/customer_entity", "customer_entity.csv", text);
    let anna = account(&rows[0]);
    assert_eq!((anna.id, &*anna.login, anna.website, anna.store, anna.group), (Some(42), "Anna@Example.com", 2, 5, 3));
    assert_eq!((anna.enabled, anna.confirmed, anna.created), (true, true, Some(Time(1_551_675_967_000))));
    assert_eq!(serde_json::Value::from(anna.profile.clone()), json!({"firstname": "Anna", "gender": 2}));
    let second = account(&rows[1]);
    assert_eq!((second.enabled, second.confirmed, second.created, &second.password), (false, false, None, &Password::None));
    assert_eq!(flaw(&rows[2]), "the id is missing");
}

const ROLES: &str = "role_id,parent_id,tree_level,sort_order,role_type,user_id,user_type,role_name\n\
    1,0,1,1,G,0,2,Administrators\n2,1,2,0,U,1,2,admin\n3,0,1,0,G,0,2,Order Clerks\n4,3,2,0,U,7,2,jane\n5,0,0,0,U,2,1,12\n6,0,1,0,X,0,2,odd\n";

fn book() -> RoleBook {
    let sound = ROLES.rsplit_once("6,0").unwrap().0;
    RoleBook::read(Path::new("authorization_role.csv"), &mut sound.as_bytes()).unwrap()
}

#[test]
fn magento_admins_have_the_role_of_their_row() {
    let text = "user_id,firstname,lastname,email,username,password,created,is_active\n\
        7,Jane,Doe,jane@example.com,jane,05b87b4a3341410e508bc28a767741e790f0fddb0fdbdfa2306fcfb92c289ba0:aBcDeFgHiJkLmNoP:2,2020-01-01 00:00:00,1\n\
        8,Joe,,joe@example.com,joe,,2020-01-01 00:00:00,0\n";
    let rows = rows_by(|rower| rower.roles(Some(book())), "magento/admin_user", "admin_user.csv", text);
    assert_eq!((account(&rows[0]).id, &account(&rows[0]).roles[..]), (Some(7), &["Order Clerks".to_owned()][..]));
    assert_eq!((account(&rows[1]).enabled, account(&rows[1]).roles.len()), (false, 0));
}

#[test]
fn magento_roles_and_rules_are_read_as_rows() {
    let rows = rows("magento/authorization_role", "authorization_role.csv", ROLES);
    assert_eq!(rows[0].item, Ok(Item::Group(Group { role: 1, name: "Administrators".into() })));
    assert_eq!(rows[3].item, Ok(Item::Member(Member { kind: Kind::Admin, account: 7, role: 3 })));
    assert_eq!(flaw(&rows[5]), "the row is neither of a role (G) nor of somebody who has one (U)");
    assert!(RoleBook::read(Path::new("a.csv"), &mut ROLES.as_bytes()).is_err(), "a book with a bad row is none");
    assert_eq!((book().role_of(Kind::Admin, 1), book().role_of(Kind::Admin, 3)), (Some("Administrators"), None));
    let text = "rule_id,role_id,resource_id,privileges,permission\n9,3,Magento_Sales::sales,,allow\n10,3,Magento_Sales::actions,,deny\n11,3,X::y,,maybe\n";
    let rows = self::rows("magento/authorization_rule", "authorization_rule.csv", text);
    let rule = Rule { position: 10, role: 3, resource: "Magento_Sales::actions".into(), allow: false };
    assert_eq!(rows[1].item, Ok(Item::Rule(rule)));
    assert_eq!(flaw(&rows[2]), "the permission is neither allow nor deny");
}

#[test]
fn magento_tokens_live_as_long_as_they_did() {
    let token = "abcdefghijklmnopqrstuvwxyz012345";
    let text = format!(
        "entity_id,consumer_id,admin_id,customer_id,type,token,secret,revoked,user_type,created_at\n\
         1,,,42,access,{token},s,0,3,2024-01-31 12:00:00\n2,,,42,access,{token},s,0,3,2024-01-31 10:59:59\n\
         3,,,42,access,{token},s,1,3,2024-01-31 12:00:00\n4,,7,,access,{token},s,0,2,2024-01-31 12:00:00\n\
         5,,,42,verifier,{token},s,0,3,2024-01-31 12:00:00\n6,,,42,access,short,s,0,3,2024-01-31 12:00:00\n"
    );
    let noon = Time(1_706_702_400_000);
    let rows = rows_by(|rower| rower.kind(Kind::Customer).now(noon), "magento/oauth_token", "oauth_token.csv", &text);
    let key = doorward_crypto::sha256(token.as_bytes());
    let expires = Some(Time(noon.0 + 3_600_000));
    assert_eq!(rows[0].item, Ok(Item::Token(Token { key, kind: Kind::Customer, account: 42, created: noon, expires })));
    let why: Vec<_> = rows[1..5]
        .iter()
        .map(|row| match row.item {
            Ok(Item::LeftOut(why)) => why,
            _ => "taken",
        })
        .collect();
    let only = "the mapping takes others only";
    assert_eq!(why, ["it has ended", only, "it is of another kind of account than the directory", only]);
    assert!(flaw(&rows[5]).starts_with("the token is not"));
    let longer = |rower: Rower| rower.kind(Kind::Customer).now(noon).set("customer_lifetime".into(), "2h".into());
    assert!(matches!(rows_by(longer, "magento/oauth_token", "t.csv", &text)[1].item, Ok(Item::Token(_))));
}

#[test]
fn ibexa_users_by_the_type_of_their_hash() {
    let md5 = "226bebbbbfe262404886645b5b0a5a43";
    let text = format!(
        "contentobject_id,email,login,password_hash,password_hash_type\n10,a@example.com,anna,{md5},1\n11,b@example.com,bert,{md5},2\n\
         12,c@example.com,carl,{md5},3\n14,e@example.com,emil,publish,5\n15,f@example.com,fred,{BCRYPT},7\n16,g@example.com,gerd,{md5},99\n17,h@example.com,hans,,7\n"
    );
    let with_site = |rower: Rower| rower.set("site".into(), "ez.no".into());
    let rows = rows_by(with_site, "ibexa/ezuser", "ezuser.csv", &text);
    assert_eq!((account(&rows[0]).id, stored(&rows[0])), (Some(10), &*format!("{{ibexa-1}}{md5}")));
    assert_eq!(stored(&rows[1]), format!("{{ibexa-2}}{md5}:bert"));
    assert_eq!(stored(&rows[2]), format!("{{ibexa-3}}{md5}:ez.no:carl"));
    assert!(matches!(&account(&rows[3]).password, Password::Plain(plain) if plain.as_str() == "publish"));
    assert_eq!(stored(&rows[4]), BCRYPT);
    assert_eq!(flaw(&rows[5]), "password_hash_type is \"99\", for which there is no case");
    assert_eq!(account(&rows[6]).password, Password::None);
    // Without the site only those that need it are bad.
    let rows = self::rows("ibexa/ezuser", "ezuser.csv", &text);
    assert_eq!(flaw(&rows[2]), "there is no column \"site\"; it can be given as --set site=VALUE");
    assert!(rows[1].item.is_ok());
}

#[test]
fn symfony_drupal_wordpress_and_django() {
    let symfony =
        format!("id,email,roles,password,is_verified\n1,a@example.com,\"[\"\"ROLE_USER\"\",\"\"ROLE_EDITOR\"\"]\",{BCRYPT},0\n");
    let rows = rows("symfony", "user.csv", &symfony);
    assert_eq!((&*account(&rows[0]).login, &account(&rows[0]).roles[..]), ("a@example.com", &["ROLE_EDITOR".to_owned()][..]));
    assert!(!account(&rows[0]).confirmed);
    let fos = "id,username,email,enabled,salt,password,roles\n1,anna,a@example.com,1,pepper,3qcAc0lMLaMMpG37oKmkp48/CInzDmXEo3koyjEHrdnLArhdmqLMWJhs2LNwaS8mR65+SLIIcHA/LzBrD3u3xw==,\"a:1:{i:0;s:10:\"\"ROLE_ADMIN\"\";}\"\n";
    let rows = self::rows("symfony/fos_user", "fos_user.csv", fos);
    assert!(stored(&rows[0]).starts_with("{symfony-sha512}5000$pepper$3qcAc0"));
    assert_eq!(account(&rows[0]).roles, ["ROLE_ADMIN"]);
    let drupal = "uid,name,mail,pass,status,created,roles\n0,,,,0,0,\n5,anna,a@example.com,$S$8abcdefghWy64d.CsBYlQdcRJgjKY8hdzKV6B.m3zVs4Bg7PewK0,1,1706702400,\"authenticated,editor\"\n";
    let rows = self::rows("drupal", "users.csv", drupal);
    assert_eq!(flaw(&rows[0]), "the id is no whole number above 0");
    assert_eq!(
        (account(&rows[1]).roles.clone(), account(&rows[1]).created),
        (vec!["editor".to_owned()], Some(Time(1_706_702_400_000)))
    );
    let wordpress = "ID,user_login,user_email,user_pass,wp_capabilities,user_registered\n3,anna,a@example.com,$P$6lNB.aFcG.OmvjZ4pRuKgu4v5fWMZT1,\"a:1:{s:6:\"\"editor\"\";b:1;}\",2020-01-01 00:00:00\n";
    let rows = self::rows("wordpress", "wp_users.csv", wordpress);
    assert_eq!(
        (stored(&rows[0]), &account(&rows[0]).roles[..]),
        ("$P$6lNB.aFcG.OmvjZ4pRuKgu4v5fWMZT1", &["editor".to_owned()][..])
    );
    let django = "id,password,username,email,is_active,first_name,date_joined\n1,pbkdf2_sha256$1500$sAltySalt$/5ETL/+b9eeXGYhuTJPecjX+rlTXvCM3uEIBuK/WZKo=,anna,a@example.com,t,Anna,2020-01-01 00:00:00.5+00\n2,!unusable,bert,,f,,\n";
    let rows = self::rows("django", "auth_user.csv", django);
    assert!(stored(&rows[0]).starts_with("pbkdf2_sha256$"));
    assert_eq!((&account(&rows[1]).password, account(&rows[1]).enabled), (&Password::None, false));
    let dump = r#"[{"model": "auth.user", "pk": 4, "fields": {"username": "anna", "email": "a@example.com", "password": "!", "is_active": true, "first_name": "Anna"}}]"#;
    let rows = self::rows("django/dumpdata", "users.json", dump);
    assert_eq!((account(&rows[0]).id, &account(&rows[0]).profile["firstname"]), (Some(4), &json!("Anna")));
}

#[test]
fn ldap_entries_and_ldap_as_csv() {
    let ldif = "dn: uid=anna,ou=people,dc=example,dc=com\nuid: anna\nmail: anna@example.com\nmail: second@example.com\nuserPassword:: e1NTSEF9eFVaQ09QemlKa0grUDlkM0tVUy94V3E3bG9VQmMyRnNkUDgzT0E9PQ==\ngivenName: Anna\nsn: Doe\n";
    let rows = rows("ldap", "people.ldif", ldif);
    let anna = account(&rows[0]);
    assert_eq!(
        (&*anna.login, anna.email.as_deref(), &anna.profile["lastname"]),
        ("anna", Some("anna@example.com"), &json!("Doe"))
    );
    assert_eq!(stored(&rows[0]), "{SSHA}xUZCOPziJkH+P9d3KUS/xWq7loUBc2FsdP83OA==");
    let rows = self::rows("ldap", "people.csv", "uid,mail,userpassword\nbert,b@example.com,{MD5}Imvru7/iYkBIhmRbWwpaQw==\n");
    assert_eq!(stored(&rows[0]), "{MD5}Imvru7/iYkBIhmRbWwpaQw==");
}

#[test]
fn keycloak_credentials_of_old_and_new_exports() {
    let text = r#"{"realm":"shop","users":[
      {"username":"anna","email":"a@example.com","enabled":true,"createdTimestamp":1706702400000,"firstName":"Anna","realmRoles":["offline_access","sales"],
       "credentials":[{"type":"otp"},{"type":"password","secretData":"{\"value\":\"MfBS3mnvBUoa2X5A4LmdCwWKDloN3H0aeVQ7TlbLrS8=\",\"salt\":\"a2V5Y2xvYWsgc2FsdCAxNg==\"}","credentialData":"{\"hashIterations\":27500,\"algorithm\":\"pbkdf2-sha256\"}"}]},
      {"username":"bert","enabled":false,"credentials":[{"type":"password","hashedSaltedValue":"9dNYBiLIUlW/5gWlL2kPaiZRrRs=","salt":"c2FsdHNhbHQ=","hashIterations":20000,"algorithm":"pbkdf2"}]},
      {"username":"carl","credentials":[{"type":"password","secretData":"{\"value\":\"nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4=\",\"salt\":\"c29tZXNhbHQ=\"}","credentialData":"{\"hashIterations\":5,\"algorithm\":\"argon2\",\"additionalParameters\":{\"hashLength\":[\"32\"],\"memory\":[\"7168\"],\"type\":[\"id\"],\"version\":[\"1.3\"],\"parallelism\":[\"1\"]}}"}]},
      {"username":"dora"},
      {"username":"emil","credentials":[{"type":"password","value":"x"}]}]}"#;
    let rows = rows("keycloak", "shop-realm.json", text);
    assert_eq!(stored(&rows[0]), "$pbkdf2-sha256$i=27500$a2V5Y2xvYWsgc2FsdCAxNg$MfBS3mnvBUoa2X5A4LmdCwWKDloN3H0aeVQ7TlbLrS8");
    assert_eq!(
        (&account(&rows[0]).roles[..], account(&rows[0]).created),
        (&["sales".to_owned()][..], Some(Time(1_706_702_400_000)))
    );
    assert_eq!((stored(&rows[1]), account(&rows[1]).enabled), ("$pbkdf2$i=20000$c2FsdHNhbHQ$9dNYBiLIUlW/5gWlL2kPaiZRrRs", false));
    assert_eq!(stored(&rows[2]), "$argon2id$v=19$m=7168,t=5,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4");
    assert_eq!(account(&rows[3]).password, Password::None);
    assert_eq!((flaw(&rows[4]), rows[4].place), ("the credential has no value, salt and number of iterations", Place::Entry(5)));
}

#[test]
fn a_mapping_of_ones_own() {
    let mapping = "delimiter = \";\"\n[fields]\nlogin = { template = \"${first}.${last}\" }\nemail = \"mail\"\n\
        password_hash = { column = \"md5\", prefix = \"{MD5}\" }\nroles = { column = \"groups\", separator = \"|\", map = { a = \"admins\" }, drop = [\"b\"] }\n\
        website = { constant = \"2\" }\nenabled = { column = \"state\", map = { active = \"1\", gone = \"0\" } }\n[profile]\ncity = \"town\"\n[only]\ncountry = [\"de\", \"at\"]\n";
    let rower = Rower::new(Mapping::parse(mapping).unwrap());
    let text = "first;last;mail;md5;groups;state;town;country\nanna;doe;a@example.com;226bebbbbfe262404886645b5b0a5a43;a| c |b;active;Bonn;de\n\
        bert;;b@example.com;;;gone;;at\ncarl;x;c@example.com;;;active;;fr\ndora;x;d@example.com;;;dormant;;de\n";
    let mut rows = Vec::new();
    let mut take = |row| {
        rows.push(row);
        Ok(())
    };
    rower.read(&mut text.as_bytes(), &mut take).unwrap();
    let anna = account(&rows[0]);
    assert_eq!((&*anna.login, stored(&rows[0]), anna.website), ("anna.doe", "{MD5}226bebbbbfe262404886645b5b0a5a43", 2));
    assert_eq!((anna.roles.clone(), &anna.profile["city"]), (vec!["admins".to_owned(), "c".to_owned()], &json!("Bonn")));
    assert_eq!(flaw(&rows[1]), "the login is missing");
    assert_eq!(rows[2].item, Ok(Item::LeftOut("the mapping takes others only")));
    assert_eq!(flaw(&rows[3]), "enabled is neither yes nor no");
    // What was taken before is not taken again, and the numbers stay.
    let mut numbers = Vec::new();
    let mut take = |row: Row| {
        numbers.push(row.number);
        Ok(())
    };
    rower.skip(2).read(&mut text.as_bytes(), &mut take).unwrap();
    assert_eq!(numbers, [3, 4]);
}

#[test]
fn nothing_secret_is_printed() {
    let text = "login,password_hash\nanna,{plain}open sesame\nbert,{SHA}open sesame\n";
    let mapping = Mapping::parse("[fields]\nlogin = \"login\"\npassword_hash = \"password_hash\"\n").unwrap();
    let mut shown = String::new();
    let mut take = |row: Row| {
        shown += &format!("{row:?}\n");
        Ok(())
    };
    Rower::new(mapping).read(&mut text.as_bytes(), &mut take).unwrap();
    assert!(shown.contains("Plain(..)") && shown.contains("a digest") && !shown.contains("sesame"), "{shown}");
}
