//! What a sound configuration becomes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of tests may fail a test")]

use doorward_config::{
    Config, Outcome, Style, from_text, from_texts, load,
    settings::{ClientAddress, IssuerKeys, IssuerUser, LogFormat, LogRequests, StoreUrl},
};
use doorward_core::{
    Kind, Policy,
    firewall::{Authentication, Entry, Guards, Invalid, When},
    policy::{SameSite, Unmatched},
};
use doorward_crypto::jwt::Algorithm;
use std::{fs, path::Path, time::Duration};

const DIRECTORY: &str = "[[directory]]\nname = \"admins\"\nkind = \"admin\"\n";

fn read(text: &str) -> Outcome {
    from_text(text, Path::new("/etc/doorward"), &|name| (name == "PORT").then(|| "127.0.0.1:7".into()))
}

/// The configuration and how many warnings there were.
fn sound(text: &str) -> (Config, usize) {
    let outcome = read(text);
    let said = outcome.diagnostics.render(Style::Plain);
    (outcome.config.unwrap_or_else(|| panic!("{said}")), outcome.diagnostics.warnings())
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

#[test]
fn fills_in_every_default() {
    let (Config { settings, policy }, warnings) = sound(DIRECTORY);
    assert_eq!(warnings, 0);
    assert_eq!(settings.server.listen, ["127.0.0.1:8080".parse().unwrap()]);
    assert_eq!(settings.server.public_url, None);
    assert_eq!(settings.server.client_address, ClientAddress::Peer);
    assert_eq!(settings.operations.listen.to_string(), "127.0.0.1:8081");
    assert_eq!((settings.log.format, settings.log.requests), (LogFormat::Human, LogRequests::All));
    assert!(settings.store == StoreUrl::Sqlite("/etc/doorward/doorward.db".into()));
    assert_eq!((settings.passwords.memory_kib, settings.passwords.iterations, settings.passwords.queue), (19456, 2, 64));
    assert!((1..=2).contains(&settings.passwords.workers));
    assert_eq!((settings.sign_in.address_failures, settings.sign_in.address_window), (100, minutes(10)));
    assert_eq!((settings.assertion.issuer, settings.assertion.jwks_path), (None, None));
    assert_eq!(settings.server.limits.body, Some(64 << 20));

    assert_eq!((policy.hosts, policy.origins.len(), policy.unmatched), (None, 0, Unmatched::Deny));
    assert_eq!(policy.ibexa_prefixes, ["/api/ibexa/v2".into()]);
    assert_eq!(policy.routes.magento_prefix, None);
    assert!(policy.serve.sessions && policy.serve.root && policy.serve.users && policy.serve.pages);
    let [firewall] = &*policy.firewalls else { panic!("{:?}", policy.firewalls) };
    assert_eq!((&*firewall.name, firewall.authentication), ("default", Authentication::Session));
    assert_eq!(firewall.guards, Guards { csrf: true, ajax: false });
    assert_eq!(firewall.directories, ["admins".into()]);
    let [admins] = &*policy.directories else { panic!() };
    assert_eq!((&*admins.cookie.name, &*admins.cookie.path), ("doorward_admins", "/"));
    assert_eq!((admins.cookie.secure, admins.cookie.same_site, admins.cookie.lifetime), (false, SameSite::Lax, None));
    assert_eq!((admins.idle_timeout, admins.lifetime), (minutes(30), minutes(720)));
    assert_eq!((admins.max_failures, admins.lock), (6, minutes(30)));
}

#[test]
fn kanidm_2407_neither_forward_auth_nor_trust_is_a_default() {
    let (Config { settings, .. }, _) = sound(DIRECTORY);
    assert_eq!((settings.forward_auth.len(), settings.server.trusted_proxies.len()), (0, 0));
}

#[test]
fn oauth2_proxy_3506_pomerium_0_21_questions_of_nobody_or_everybody_are_an_error() {
    let asked = format!("{DIRECTORY}[[forward_auth]]\nconvention = \"traefik\"\npath = \"/_ask\"\n");
    let trusting = |networks: &str| {
        read(&format!("[server]\ntrusted_proxies = [{networks}]\nclient_address = \"x-forwarded-for\"\n{asked}"))
    };
    for networks in ["", "\"0.0.0.0/0\"", "\"::/0\"", "\"10.0.0.1\", \"0.0.0.0/0\"", "\"0.0.0.0/1\", \"128.0.0.0/1\""] {
        assert!(trusting(networks).config.is_none(), "{networks}");
    }
    assert!(trusting("\"10.0.0.1\"").config.is_some());
}

#[test]
fn customers_have_another_lock() {
    let (config, _) =
        sound("[[directory]]\nname = \"c\"\nkind = \"customer\"\ncookie = \"PHPSESSID\"\ncookie_domain = \".Example.com\"\n");
    let [customers] = &*config.policy.directories else { panic!() };
    assert_eq!((customers.kind, customers.max_failures, customers.lock), (Kind::Customer, 10, minutes(10)));
    assert_eq!(customers.cookie.domain.as_deref(), Some(".example.com"));
}

#[test]
fn an_https_public_url_names_host_origin_and_cookies() {
    let text = "[server]\npublic_url = \"https://Shop.example.com\"\nlisten = [\"0.0.0.0:80\", \"[::]:80\"]\n\
                [cors]\nallow_origins = \"https://app.example.com\"\n";
    let (config, warnings) = sound(&format!("{text}{DIRECTORY}"));
    assert_eq!(warnings, 0);
    assert_eq!(config.policy.hosts.as_deref(), Some(&["shop.example.com".into()][..]));
    assert_eq!(config.policy.origins, ["https://shop.example.com".into()]);
    let [rule] = &*config.policy.cors.rules else { panic!() };
    assert!(rule.allows("https://app.example.com") && rule.credentials && rule.path.is_none());
    let cookie = &config.policy.directories[0].cookie;
    assert_eq!((&*cookie.name, cookie.secure), ("__Host-doorward_admins", true));
    assert_eq!(config.clone().bound_to("127.0.0.1:1".parse().unwrap()).policy.origins, config.policy.origins);
}

#[test]
fn without_a_public_url_the_bound_listener_is_ours() {
    let (config, _) = sound(&format!("[server]\nlisten = \"127.0.0.1:0\"\n{DIRECTORY}"));
    let config = config.bound_to("127.0.0.1:4321".parse().unwrap());
    assert_eq!(config.policy.origins, ["http://127.0.0.1:4321".into()]);
    assert_eq!(config.settings.server.public_url.as_deref(), Some("http://127.0.0.1:4321"));
    let (config, _) = sound(DIRECTORY);
    assert_eq!(config.bound_to("[::1]:80".parse().unwrap()).policy.origins, ["http://[::1]".into()]);
}

#[test]
fn the_site_hash_is_the_md5_of_default() {
    let (config, _) = sound("[[directory]]\nname = \"a\"\nkind = \"admin\"\ncookie = \"IBX_SESSION_ID{site_hash}\"\n");
    assert_eq!(&*config.policy.directories[0].cookie.name, "IBX_SESSION_IDc21f969b5f03d33d43e04f8f136e7682");
}

#[test]
fn reads_firewalls_as_written() {
    let text = "[[firewall]]\nname = \"shop\"\nhost = '^api\\.example\\.com$'\npath = '^/rest/'\nmethods = [\"GET\", \"PUT\"]\n\
                when = \"cookie\"\nguard = [\"ajax\"]\ninvalid = \"guest\"\nentry = \"page\"\ndirectory = \"admins\"\n\
                [[firewall]]\nname = \"open\"\nauthentication = \"none\"\n";
    let (config, warnings) = sound(&format!("{DIRECTORY}{text}"));
    assert_eq!(warnings, 0);
    let [shop, open] = &*config.policy.firewalls else { panic!() };
    assert!(shop.host.as_ref().unwrap().is_match("API.example.com"), "hosts match in any case");
    assert!(shop.path.as_ref().unwrap().is_match("/rest/V1") && !shop.path.as_ref().unwrap().is_match("/REST/V1"));
    assert_eq!((shop.methods.len(), shop.when, shop.invalid, shop.entry), (2, Some(When::Cookie), Invalid::Guest, Entry::Page));
    assert_eq!((shop.guards, shop.source.line), (Guards { csrf: false, ajax: true }, 4));
    assert_eq!((open.authentication, open.directories.len(), open.guards.csrf), (Authentication::None, 0, false));
}

#[test]
fn prefixes_and_upstreams_stand_longest_first() {
    let text = "[api]\nibexa_prefix = [\"\", \"/api/ibexa/v2/\"]\nleave = [\"root\", \"pages\"]\n[routes]\nunmatched = \"authenticated\"\n\
                [[upstream]]\nname = \"a\"\nurl = \"http://127.0.0.1:1\"\n[[upstream]]\nname = \"b\"\nurl = \"http://[::1]:2/\"\n\
                path = \"/b/\"\ncredentials = \"pass\"\nencoded_slash = \"keep\"\nresponse_timeout = \"1m30s\"\n";
    let (config, warnings) = sound(&format!("{text}{DIRECTORY}"));
    assert_eq!(warnings, 0);
    let policy = config.policy;
    assert_eq!(policy.ibexa_prefixes, ["/api/ibexa/v2".into(), "".into()]);
    assert!(!policy.serve.root && !policy.serve.pages && policy.serve.users && policy.serve.sessions);
    let [b, a] = &*policy.upstreams else { panic!() };
    assert_eq!((&*a.path, &*a.base, a.connect_timeout), ("/", "http://127.0.0.1:1", Duration::from_secs(5)));
    assert_eq!((&*b.path, &*b.base, b.response_timeout), ("/b", "http://[::1]:2", Duration::from_secs(90)));
    assert!(b.pass_credentials && b.keep_encoded_slash && !a.pass_credentials && !a.keep_encoded_slash);
    assert_eq!(policy.unmatched, Unmatched::Authenticated);
}

#[test]
fn strings_and_numbers_come_from_the_environment() {
    let (config, _) = sound(&format!("[server]\nlisten = [\"${{PORT}}\"]\n{DIRECTORY}"));
    assert_eq!(config.settings.server.listen[0].port(), 7);
    let number = |value: &'static str| {
        let text = format!("[passwords]\nqueue = \"${{QUEUE}}\"\n{DIRECTORY}");
        from_text(&text, Path::new(""), &|_| Some(value.into())).config.map(|config| config.settings.passwords.queue)
    };
    assert_eq!((number("12"), number("twelve"), number("0")), (Some(12), None, None));
}

#[test]
fn a_secret_comes_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("store"), "sqlite:accounts.db\nnever read\n").unwrap();
    fs::write(folder.path().join("doorward.toml"), format!("[store]\nurl = \"file:store\"\n{DIRECTORY}")).unwrap();
    let outcome = load(&folder.path().join("doorward.toml"), &|_| None);
    let config = outcome.config.unwrap();
    assert!(config.settings.store == StoreUrl::Sqlite(folder.path().join("accounts.db")));
    assert_eq!(outcome.files, [folder.path().join("doorward.toml"), folder.path().join("store")]);
}

#[test]
fn networks_that_are_everyone_need_no_closing_rule() {
    let rules = |ips: &str| format!("{DIRECTORY}[[access_control]]\npath = '^/a'\nips = {ips}\nroles = \"ROLE_USER\"\n");
    assert!(read(&rules("[\"0.0.0.0/0\"]")).config.is_none());
    assert!(read(&rules("[\"0.0.0.0/0\", \"::/0\"]")).config.is_some());
}

#[test]
fn a_path_that_ips_opens_is_closed_by_a_later_rule_of_the_same_or_a_broader_path() {
    let open =
        "[[access_control]]\npath = '^/a/b'\nips = [\"10.0.0.0/8\"]\nmethods = [\"GET\", \"PUT\"]\nroles = [\"ROLE_USER\"]\n";
    let closing = |rule: &str| format!("{DIRECTORY}{open}[[access_control]]\n{rule}");
    for rule in [
        "path = '^/a/b'\nroles = \"NOBODY\"\n",
        "path = '^/a'\nroles = \"NOBODY\"\n",
        "roles = \"NOBODY\"\n",
        "path = '^/a/b'\nmethods = \"GET\"\nroles = \"A\"\n[[access_control]]\npath = '^/a/b'\nmethods = \"PUT\"\nroles = \"B\"\n",
    ] {
        assert!(read(&closing(rule)).config.is_some(), "{rule}");
    }
    for rule in [
        "path = '^/a/b/c'\nroles = \"NOBODY\"\n",
        "path = '^/a/b$'\nroles = \"NOBODY\"\n",
        "path = '^/a/b'\nmethods = \"GET\"\nroles = \"NOBODY\"\n",
        "path = '^/a/b'\nhost = 'x'\nroles = \"NOBODY\"\n",
        "path = '^/a/b'\nips = \"11.0.0.0/8\"\nroles = \"NOBODY\"\n",
        "path = '^/a/b'\nroles = \"PUBLIC_ACCESS\"\n",
        "path = '^/a/b'\nroles = []\n",
        "path = '^/a'\nroles = \"PUBLIC_ACCESS\"\n[[access_control]]\npath = '^/a/b'\nroles = \"NOBODY\"\n",
    ] {
        assert!(read(&closing(rule)).config.is_none(), "{rule}");
    }
}

#[test]
fn crypt_keys_come_from_files_and_show_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("old"), "0123456789abcdef0123456789abcdef\n").unwrap();
    let text = format!("[passwords]\nmagento_crypt_keys = [\"file:old\", \"${{NEW}}\"]\n{DIRECTORY}");
    let settings = from_text(&text, folder.path(), &|_| Some("fedcba9876543210".into())).config.unwrap().settings;
    let keys: Vec<&str> = settings.passwords.magento_crypt_keys.0.iter().map(|key| &**key).collect();
    assert_eq!(keys, ["0123456789abcdef0123456789abcdef", "fedcba9876543210"]);
    let shown = format!("{:?}", settings.passwords);
    assert!(shown.contains("Secrets(2)") && !shown.contains("fedcba"), "{shown}");
    for wrong in ["\"file:none\"", "[\"\"]", "[1]"] {
        let text = format!("[passwords]\nmagento_crypt_keys = {wrong}\n{DIRECTORY}");
        assert!(from_text(&text, folder.path(), &|_| None).config.is_none(), "{wrong}");
    }
}

#[test]
fn some_changes_need_a_restart() {
    let base = sound(DIRECTORY).0.settings;
    let change = |text: &str| base.restart_needed(&sound(&format!("{text}\n{DIRECTORY}")).0.settings);
    assert_eq!(change(""), Vec::<&str>::new());
    assert_eq!(change("[log]\nrequests = \"off\"\n[server]\npublic_url = \"https://a.example\""), Vec::<&str>::new());
    let all = "[server]\nlisten = \"127.0.0.1:1\"\n[operations]\nlisten = \"127.0.0.1:2\"\n[store]\nurl = \"memory:\"\n\
               [passwords]\nqueue = 3\n[sign_in]\naddress_failures = 7";
    assert_eq!(change(all), ["server.listen", "operations.listen", "store.url", "passwords", "sign_in"]);
}

#[test]
fn every_byte_of_every_file_counts_in_the_hash() {
    let hash = |text: &str, routes: &str| {
        let text = format!("[routes]\nfiles = \"routes.toml\"\n{DIRECTORY}{text}");
        let outcome = from_texts(&text, &[("routes.toml", routes)], Path::new("/x"), &|_| None);
        outcome.config.unwrap().policy.hash
    };
    let first = hash("", "");
    assert_eq!(first.len(), 16);
    assert_eq!(first, hash("", ""));
    assert_ne!(first, hash("# a comment\n", ""));
    assert_ne!(first, hash("", "# a comment\n"));
}

#[test]
fn watches_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.toml");
    let outcome = load(&path, &|_| None);
    assert!(outcome.config.is_none() && outcome.diagnostics.errors() == 1);
    assert_eq!(outcome.files, std::slice::from_ref(&path));
    fs::write(&path, format!("[routes]\nfiles = \"later.toml\"\n{DIRECTORY}")).unwrap();
    let outcome = load(&path, &|_| None);
    assert!(outcome.config.is_none());
    assert!(outcome.files.contains(&folder.path().join("later.toml")));
}

/// The warnings about a configuration with these rules, as `file:line: message`.
fn warnings(configuration: &str, routes: &str) -> Vec<String> {
    let text = format!("[routes]\nfiles = \"routes.toml\"\n{DIRECTORY}{configuration}");
    let outcome = from_texts(&text, &[("routes.toml", routes)], Path::new("/x"), &|_| None);
    assert!(outcome.config.is_some(), "{}", outcome.diagnostics.render(Style::Plain));
    outcome.diagnostics.iter().map(|d| format!("{}:{}: {}", d.file(), d.position().unwrap().0, d.message())).collect()
}

fn route(method: &str, path: &str, require: &str) -> String {
    format!("[[route]]\nmethods = [\"{method}\"]\npath = \"{path}\"\nrequire = [\"{require}\"]\n")
}

#[test]
fn warns_of_route_rules_that_sleep() {
    let upstream = "[[upstream]]\nname = \"u\"\nurl = \"http://127.0.0.1:1\"\n";
    let own = "this rule can never match: Doorward answers";
    for (method, path, expected) in [
        ("GET", "/login", Some(format!("{own} `/login` itself"))),
        ("POST", "/api/ibexa/v2/user/sessions", Some(format!("{own} `/api/ibexa/v2/user/sessions` itself"))),
        ("DELETE", "/api/ibexa/v2/user/sessions/:id", Some(format!("{own} `/api/ibexa/v2/user/sessions/*` itself"))),
        ("GET", "/api/ibexa/v2/user/:any", None),
        ("PUT", "/login", Some(format!("{own} `/login` itself"))),
        ("GET", "/login/admins", Some(format!("{own} `/login/admins` itself"))),
        ("GET", "/login/customers", None),
        ("GET", "/api/ibexa/v2/", Some(format!("{own} `/api/ibexa/v2/` itself"))),
        ("GET", "/api/ibexa/v2/user/users/14", Some(format!("{own} `/api/ibexa/v2/user/users/#` itself"))),
        ("GET", "/api/ibexa/v2/user/users/:id", None),
        ("GET", "/keys", Some(format!("{own} `/keys` itself"))),
        ("PUT", "/keys", None),
        ("GET", "/orders/:id", None),
    ] {
        let said = warnings(&format!("[assertion]\njwks_path = \"/keys\"\n{upstream}"), &route(method, path, "self"));
        let expected: Vec<String> = expected.map(|message| format!("routes.toml:3: {message}")).into_iter().collect();
        assert_eq!(
            said.iter().filter(|line| line.contains("never match")).cloned().collect::<Vec<_>>(),
            expected,
            "{path}: {said:?}"
        );
    }
    let left = format!("[api]\nleave = [\"pages\"]\n{upstream}");
    assert_eq!(warnings(&left, &route("GET", "/login", "anonymous")), Vec::<String>::new());
}

#[test]
fn warns_of_routes_that_nothing_serves() {
    let upstream = "[[upstream]]\nname = \"u\"\nurl = \"http://127.0.0.1:1\"\npath = \"/a/b\"\n";
    for (path, served) in
        [("/a/b", true), ("/a/b/c", true), ("/:x/b", true), ("/a/*rest", true), ("/a", false), ("/a/c", false), ("/ab/b", false)]
    {
        let said = warnings(upstream, &route("GET", path, "anonymous"));
        assert_eq!(said.is_empty(), served, "{path}: {said:?}");
    }
    assert_eq!(warnings("", &route("GET", "/a", "anonymous")), ["routes.toml:3: no [[upstream]] serves this route"]);
}

#[test]
fn warns_of_routes_that_nobody_can_pass() {
    let firewalls = "[[upstream]]\nname = \"u\"\nurl = \"http://127.0.0.1:1\"\n\
                     [[firewall]]\nname = \"open\"\npath = '^/open/'\nauthentication = \"none\"\n[[firewall]]\nname = \"main\"\n";
    assert_eq!(warnings(firewalls, &route("GET", "/open/:id", "anonymous")), Vec::<String>::new());
    assert_eq!(warnings(firewalls, &route("GET", "/closed/:id", "self")), Vec::<String>::new());
    let said = warnings(firewalls, &route("GET", "/open/:id", "self"));
    assert_eq!(said, ["routes.toml:3: nobody can pass this rule: firewall `open` makes everyone a guest"]);
}

#[test]
fn the_magento_dialect_stands_where_a_webapi_xml_does() {
    let xml = "<routes><route url=\"/V1/a\" method=\"GET\"><service class=\"A\" method=\"b\"/>\
               <resources><resource ref=\"self\"/></resources></route></routes>";
    let build = |prefix: &str, rest: &str| {
        let text = format!("[api]\n{prefix}\n[routes]\nfiles = [\"webapi.xml\"]\n{DIRECTORY}{rest}");
        let outcome = from_texts(&text, &[("webapi.xml", xml)], Path::new("/x"), &|_| None);
        let said: Vec<String> = outcome.diagnostics.iter().map(|d| d.message().to_owned()).collect();
        (outcome.config.unwrap_or_else(|| panic!("{said:?}")).policy.routes, said)
    };
    let upstream = |path: &str| format!("[[upstream]]\nname = \"u\"\nurl = \"http://127.0.0.1:1\"\npath = \"{path}\"\n");
    let (routes, said) = build("", &upstream("/"));
    assert_eq!((routes.magento_prefix.as_deref(), routes.magento.len(), said), (Some("/rest"), 1, Vec::new()));
    assert!(routes.find(&http::Method::GET, "/rest/V1/a").is_some());
    let (routes, said) = build("magento_prefix = \"/shop\"", &upstream("/other"));
    assert_eq!(routes.magento_prefix.as_deref(), Some("/shop"));
    let expected = [
        "no [[upstream]] serves the 1 routes of webapi.xml under \"/shop\"",
        "no route rule leads to upstream `u`, so it is never used",
    ];
    assert!(expected.iter().all(|message| said.iter().any(|said| said == message)), "{said:?}");
    let none = format!("{}[[firewall]]\nname = \"open\"\nauthentication = \"none\"\n", upstream("/rest/V1"));
    let (_, said) = build("", &none);
    assert_eq!(said, ["nobody can pass 1 routes of webapi.xml: firewall `open` makes everyone a guest"]);
}

#[test]
fn reads_issuers_as_written() {
    let text = "[[firewall]]\nname = \"api\"\nauthentication = \"jwt\"\n[[issuer]]\nissuer = \"https://idp.example.com\"\n\
                jwks_url = \"https://idp.example.com/jwks\"\naudience = \"shop\"\ndirectory = \"admins\"\n\
                [[issuer]]\nissuer = \"second\"\njwks_url = \"http://localhost:1/jwks\"\naudience = [\"a\", \"b\"]\ndirectory = \"admins\"\n\
                login_claim = [\"https://example.com/login\"]\nroles_claim = \"realm_access.roles\"\nalgorithms = \"ES256\"\n\
                types = [\"at+jwt\"]\nleeway = \"0s\"\nrefresh = \"5m\"\nstale = \"1h\"\nretry = \"30s\"\n[issuer.roles]\n\
                \"a group\" = \"ROLE_A\"\nb = [\"ROLE_A\", \"ROLE_B\"]\n";
    let (config, warnings) = sound(&format!("{DIRECTORY}{text}"));
    assert_eq!(warnings, 0);
    let [first, second] = &*config.settings.issuers else { panic!("{:?}", config.settings.issuers) };
    let IssuerKeys::Fetched(keys) = &first.keys else { panic!() };
    assert_eq!((keys.url.as_str(), keys.authorities.is_none()), ("https://idp.example.com/jwks", true));
    assert_eq!((keys.refresh, keys.stale, keys.retry), (minutes(15), minutes(240), Duration::from_secs(10)));
    let claim = |name: &str| IssuerUser::Claim(vec![name.into()]);
    assert_eq!((&first.user, &first.roles_claim, first.roles.len()), (&claim("preferred_username"), &None, 0));
    assert_eq!((first.algorithms.len(), &first.types, first.leeway), (5, &vec!["JWT".into()], Duration::from_secs(30)));
    let IssuerKeys::Fetched(keys) = &second.keys else { panic!() };
    assert_eq!((keys.refresh, keys.stale, keys.retry), (minutes(5), minutes(60), Duration::from_secs(30)));
    assert_eq!(second.audience, ["a".into(), "b".into()]);
    assert_eq!(second.user, claim("https://example.com/login"));
    assert_eq!(second.roles_claim.as_deref(), Some(&["realm_access".into(), "roles".into()][..]));
    assert_eq!(second.roles[0], ("a group".into(), vec!["ROLE_A".into()]));
    assert_eq!(second.roles[1], ("b".into(), vec!["ROLE_A".into(), "ROLE_B".into()]));
    assert_eq!((second.types.as_slice(), second.leeway), (&["at+jwt".into()][..], Duration::ZERO));
    let linked = text.replace("login_claim = [\"https://example.com/login\"]", "user = \"link\"");
    let (config, _) = sound(&format!("{DIRECTORY}{}", linked.replace("\"ES256\"", "[\"PS256\", \"ES384\"]")));
    assert_eq!(config.settings.issuers[1].user, IssuerUser::Linked);
    assert_eq!(config.settings.issuers[1].algorithms, [Algorithm::Ps256, Algorithm::Es384]);
    assert_eq!(second.algorithms, [Algorithm::Es256]);
}

#[test]
fn reads_servers_that_are_asked_about_tokens_as_written() {
    let text = "[[firewall]]\nname = \"api\"\nauthentication = \"oauth\"\n[[introspection]]\nissuer = \"idp\"\n\
                endpoint = \"https://idp.example.com/introspect\"\nclient_id = \"door\"\nclient_secret = \"hunter2\"\n\
                audience = \"shop\"\ndirectory = \"admins\"\n";
    let read = |more: &str| sound(&format!("{DIRECTORY}{text}{more}")).0.settings.introspections.remove(0);
    let usual = read("");
    assert_eq!((usual.secret_in_form, usual.user), (false, IssuerUser::Claim(vec!["username".into()])));
    let other = read("auth_method = \"client_secret_post\"\nuser = \"link\"\n");
    assert_eq!((other.secret_in_form, other.user), (true, IssuerUser::Linked));
    let named = read("auth_method = \"client_secret_basic\"\nuser = \"login\"\nlogin_claim = \"ext.name\"\n");
    assert_eq!((named.secret_in_form, named.user), (false, IssuerUser::Claim(vec!["ext".into(), "name".into()])));
}

#[test]
fn paths_and_sites_say_what_is_different_for_other_origins() {
    let text = "[sites]\ndefault = \"site\"\n[[site]]\nname = \"site\"\n[[site]]\nname = \"admin\"\n[site.cors]\n\
                allow_origins = \"https://office.test\"\n[cors]\nallow_origins = \"https://app.test\"\nmax_age = \"10m\"\n\
                [[cors.path]]\npath = '^/open'\nallow_origins = \"*\"\nallow_credentials = false\nallow_methods = [\"GET\"]\n\
                [[cors.path]]\npath = '^/api'\nallow_headers = [\"X-Wanted\"]\n";
    let (config, warnings) = sound(&format!("{DIRECTORY}{text}"));
    // Browsers name no site in a preflight, so what only the header chooses has no rules of its own there.
    assert_eq!(warnings, 1);
    let [site, admin] = &*config.policy.sites.all else { panic!() };
    let allows = |policy: &Policy, path: &str, origin: &str| policy.cors.rule(path).unwrap().allows(origin);
    for (policy, own, other) in
        [(&site.policy, "https://app.test", "https://office.test"), (&admin.policy, "https://office.test", "https://app.test")]
    {
        for path in ["/x", "/api/x"] {
            assert!(allows(policy, path, own) && !allows(policy, path, other), "{own} {path}");
        }
        let open = policy.cors.rule("/open").unwrap();
        assert!(open.allows(other) && !open.credentials && open.methods.as_ref().is_some_and(|methods| methods.len() == 1));
        let api = policy.cors.rule("/api/x").unwrap();
        assert_eq!((&*api.headers, api.max_age, api.credentials), (&["x-wanted".into()][..], minutes(10), true));
    }
    // Rules for paths alone are about no other path.
    let (config, _) = sound(&format!("{DIRECTORY}[[cors.path]]\npath = '^/api'\nallow_origins = \"https://app.test\"\n"));
    assert!(config.policy.cors.rule("/api").is_some() && config.policy.cors.rule("/x").is_none());
    let (config, _) = sound(DIRECTORY);
    assert!(config.policy.cors.rules.is_empty() && config.policy.sites.all.is_empty());
}

/// No header leads to what a path names with something of its own; see `Site::by_path`.
#[test]
fn a_site_with_something_of_its_own_is_by_path_where_a_condition_on_paths_may_name_it() {
    let one = |matcher: &str| format!("[[sites.match]]\n{matcher}\n");
    let all = |condition: &str| one(&format!("all = [{{ map_host = \"a.test\" }}, {{ {condition} }}]\nsite = \"admin\""));
    let own = "[[upstream]]\nname = \"office\"\nsite = \"admin\"\nurl = \"http://127.0.0.1:2\"\n";
    let directory = "directory = \"admins\"\n";
    for (matchers, own, expected) in [
        (one("map_uri = { \"a\" = \"admin\" }"), own, true),
        (one("map_uri = { \"a\" = \"admin\" }"), directory, true),
        (one("map_uri = { \"a\" = \"admin\" }"), "", false),
        (one("map_uri = { \"a\" = \"site\" }"), own, false),
        (one("uri_element = 1"), own, true),
        (one("uri_text = \"a-*\""), own, true),
        (one("regex_uri = '^/(x)'"), own, true),
        (all("uri_element = 1"), own, true),
        (all("map_port = [81]"), own, false),
        (one("host_element = 1"), own, false),
        (one("map_host = { \"a.test\" = \"admin\" }") + &one("uri_element = 1"), own, true),
        (String::new(), own, false),
    ] {
        let sites = "[[site]]\nname = \"site\"\ndirectory = \"admins\"\n[[site]]\nname = \"admin\"\n";
        let (config, _) = sound(&format!(
            "{DIRECTORY}[server]\nhosts = [\"a.test\"]\n{sites}{own}{matchers}[routes]\nunmatched = \"authenticated\"\n\
             [[upstream]]\nname = \"all\"\nurl = \"http://127.0.0.1:1\"\n"
        ));
        let by_path: Vec<bool> = config.policy.sites.all.iter().map(|site| site.by_path).collect();
        assert_eq!(by_path, [false, expected], "{matchers}{own}");
    }
}

#[test]
fn a_site_has_cookies_directories_and_upstreams_of_its_own() {
    let text = "[[site]]\nname = \"site\"\n[[site]]\nname = \"admin\"\ndirectory = \"staff\"\n\
                [[directory]]\nname = \"staff\"\nkind = \"admin\"\ncookie = \"STAFF{site_hash}\"\n\
                [[firewall]]\nname = \"own\"\npath = '^/own'\ndirectory = \"admins\"\n\
                [[firewall]]\nname = \"open\"\npath = '^/open'\nauthentication = \"none\"\n[[firewall]]\nname = \"main\"\n\
                [routes]\nunmatched = \"authenticated\"\n[[upstream]]\nname = \"all\"\nurl = \"http://127.0.0.1:1\"\n\
                [[upstream]]\nname = \"office\"\nsite = \"admin\"\nurl = \"http://127.0.0.1:2\"\n";
    let (config, warnings) = sound(&format!("{DIRECTORY}{text}"));
    assert_eq!(warnings, 0);
    let [site, admin] = &*config.policy.sites.all else { panic!() };
    let cookie = |policy: &Policy| policy.directory("staff").unwrap().cookie.name.to_string();
    assert_eq!(cookie(&admin.policy), "STAFF21232f297a57a5a743894a0e4a801fc3");
    assert_ne!(cookie(&site.policy), cookie(&admin.policy));
    assert_eq!(admin.policy.sites.cookies_elsewhere, [cookie(&site.policy).into()]);
    assert_eq!((admin.policy.directory("staff").unwrap().site.as_deref(), &*admin.policy.sites.here), (Some("admin"), "admin"));
    assert_eq!(admin.policy.directory("admins").unwrap().site, None, "one cookie for all sites");
    let asked = |policy: &Policy, name: &str| {
        policy.firewalls.iter().find(|firewall| &*firewall.name == name).unwrap().directories.join(",")
    };
    for (name, at_site, at_admin) in [("own", "admins", "admins"), ("open", "", ""), ("main", "admins,staff", "staff")] {
        assert_eq!((asked(&site.policy, name), asked(&admin.policy, name)), (at_site.into(), at_admin.into()), "{name}");
    }
    assert_eq!(&*site.policy.upstream("/x").unwrap().name, "all");
    assert_eq!(&*admin.policy.upstream("/x").unwrap().name, "office");
}
