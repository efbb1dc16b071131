//! From text to policy: read every table, load the rules, check the whole, compile.

use crate::{
    Diagnostic, Diagnostics, Files, Place, SourceFile, checks,
    reader::{Reader, Span},
    rules,
    sections::{
        access, accounts, api, basic, certificate, cors, directory, firewall, forward_auth, integration, introspection, issuer,
        jwt, mail, oauth, operation, provider, server, site, storage, store_view, tokens, upstream, upstream_exchange,
        upstream_identity,
    },
    settings::{ClientAddress, Settings},
};
use doorward_core::{
    Kind, OAuth, Policy, Sites, Source, Stores,
    firewall::Authentication,
    policy::{Directory, Unmatched, Upstream},
    protected::TrustedIssuer,
    route::{RouteTable, magento, served, template},
    stores::Sharing,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};
use toml::de::DeTable;

/// A sound configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// What no decision reads.
    pub settings: Settings,
    /// What decisions read.
    pub policy: Policy,
}

impl Config {
    /// The same configuration once the first public listener is bound to `address`: without a `public_url` it is
    /// `http://address` (`https://` with TLS), which is then our own origin too.
    #[must_use]
    pub fn bound_to(mut self, address: SocketAddr) -> Self {
        if self.settings.server.public_url.is_none() {
            let (scheme, port) = if self.settings.server.tls.is_some() { ("https", ":443") } else { ("http", ":80") };
            // Browsers and `Origin` leave out the port that the scheme has by itself.
            let authority = address.to_string();
            let url: Arc<str> = format!("{scheme}://{}", authority.strip_suffix(port).unwrap_or(&authority)).into();
            bind(&mut self.policy, &url);
            for site in &mut self.policy.sites.all {
                bind(Arc::make_mut(&mut Arc::make_mut(site).policy), &url);
            }
            self.settings.server.public_url = Some(url);
        }
        self
    }
}

/// Names the origin that became known.
fn bind(policy: &mut Policy, url: &Arc<str>) {
    policy.origins.insert(0, Arc::clone(url));
    if let Some(oauth) = policy.oauth.as_mut().filter(|oauth| oauth.issuer.is_empty()) {
        Arc::make_mut(oauth).issuer = Arc::clone(url);
    }
}

/// What came of reading a configuration.
#[derive(Debug)]
pub struct Outcome {
    /// The configuration, unless there were errors.
    pub config: Option<Config>,
    /// What is wrong with it, in the order of the files.
    pub diagnostics: Diagnostics,
    /// Every file and folder that it depends on, missing ones included: what to watch.
    pub files: Vec<PathBuf>,
}

/// Reads `path` and the files that it names. `env` answers for `${NAME}`.
pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Outcome {
    let base = path.parent().unwrap_or(Path::new(""));
    let mut files = Files::new(base);
    let mut diagnostics = Diagnostics::default();
    // Its name in messages is the path as given, so that terminals can open it.
    match files.read_as(path.file_name().map_or(path, Path::new), &path.to_string_lossy()) {
        Ok(file) => build(file, files, diagnostics, env),
        Err(error) => {
            diagnostics.push(Diagnostic::unreadable(&error));
            Outcome { config: None, diagnostics, files: files.watch_list() }
        }
    }
}

/// Reads a configuration that is not on disk; its relative paths are relative to `base`.
pub fn from_text(text: &str, base: &Path, env: &dyn Fn(&str) -> Option<String>) -> Outcome {
    from_texts(text, &[], base, env)
}

/// As [`from_text`], with further files that are not on disk either: their paths and texts.
pub fn from_texts(text: &str, others: &[(&str, &str)], base: &Path, env: &dyn Fn(&str) -> Option<String>) -> Outcome {
    let mut files = Files::new(base);
    let file = files.embed("doorward.toml", text);
    for (path, text) in others {
        files.embed(path, *text);
    }
    build(file, files, Diagnostics::default(), env)
}

fn build(file: Arc<SourceFile>, mut files: Files, mut diagnostics: Diagnostics, env: &dyn Fn(&str) -> Option<String>) -> Outcome {
    let (root, errors) = DeTable::parse_recoverable(&file.text);
    let mut lines = BTreeSet::new();
    // One mistake can confuse the rest of its line.
    for error in errors.iter().filter(|error| error.span().is_none_or(|span| lines.insert(file.line(span.start)))) {
        let place = error.span().map_or(Place::File, |span| Place::Span(widened(&file.text, span)));
        diagnostics.push(Diagnostic::error(&file, place, format!("this is not TOML: {}", error.message())));
    }
    // What the parser guessed after a mistake would make for problems that nobody has.
    let config = if errors.is_empty() {
        let mut reader = Reader { file: Arc::clone(&file), env, files: &mut files, out: &mut diagnostics };
        compile(&mut reader, root.get_ref())
    } else {
        None
    };
    diagnostics.sort_from(&file.name);
    let config = config.filter(|_| !diagnostics.has_errors());
    Outcome { config, diagnostics, files: files.watch_list() }
}

/// An empty span would mark nothing.
fn widened(text: &str, span: Span) -> Span {
    if span.is_empty() && text[span.start..].chars().next().is_some_and(|c| c != '\n') { span.start..span.end + 1 } else { span }
}

/// Everything read, with places, for the checks across tables.
pub(crate) struct Draft {
    pub(crate) firewalls: Vec<firewall::Placed>,
    pub(crate) certificates: ClientCertificates,
    pub(crate) access: Vec<access::Placed>,
    /// Hosts that are known to be served.
    pub(crate) hosts: Vec<Arc<str>>,
    pub(crate) upstreams: Vec<(Arc<Upstream>, Span)>,
    /// The sites that upstreams are for.
    pub(crate) scopes: BTreeMap<String, Vec<Arc<str>>>,
    /// Whether some directory has a cookie of its own on each site.
    pub(crate) cookies_differ: bool,
    /// The sites, if there are any.
    pub(crate) plan: Option<site::Plan>,
    pub(crate) directories: Vec<Arc<Directory>>,
    pub(crate) api: api::Api,
    pub(crate) unmatched: Unmatched,
    pub(crate) jwks_path: Option<Arc<str>>,
    pub(crate) forward_auth: Vec<forward_auth::Placed>,
    pub(crate) client_address: ClientAddress,
    pub(crate) oauth: Option<OAuth>,
    /// Whether access tokens of others may count.
    pub(crate) foreign_tokens: bool,
    pub(crate) oauth_at: oauth::Places,
    pub(crate) routes: RouteTable,
    pub(crate) resources: doorward_core::acl::Tree,
    /// Which parts were read without an error, so that what is said across them is no mere consequence of one.
    pub(crate) sound: Sound,
}

/// Where certificates of clients come from.
pub(crate) enum ClientCertificates {
    /// What says so could not be read.
    Unknown,
    /// From nowhere.
    Never,
    /// From handshakes; the authorities are named here.
    Shown(Span),
    /// In a header of proxies.
    Forwarded,
}

pub(crate) struct Sound {
    pub(crate) firewalls: bool,
    pub(crate) access: bool,
    pub(crate) routes: bool,
    pub(crate) sites: bool,
}

fn compile(r: &mut Reader<'_>, root: &DeTable<'_>) -> Option<Config> {
    r.check_top(root);
    let (server, server_sound) = soundly(r, |r| server::read(r, root));
    let operations = operation::operations(r, root, &server.server.listen);
    let log = operation::log(r, root);
    let store = storage::store(r, root);
    let lives = storage::sessions(r, root);
    let (api, api_sound) = soundly(r, |r| api::read(r, root));
    let loopback = server.public_url.as_ref().is_none_or(|url| url.is_loopback);
    let secure = server.public_url.as_ref().map_or(server.server.tls.is_some(), |url| url.secure);
    let directories = directory::read(r, root, lives, secure);
    let (firewalls, firewalls_sound) = soundly(r, |r| firewall::read(r, root, &directories));
    let (access, access_sound) = soundly(r, |r| access::read(r, root));
    let (entries, entries_sound) = soundly(r, |r| upstream::routes(r, root));
    let names = site::names(r, root);
    let scopes = upstream::scopes(r, root, &names);
    let (upstreams, upstreams_sound) = soundly(r, |r| upstream::read(r, root, &directories, &scopes));
    let templates = directory::templates(r, root, &names);
    let (plan, plan_sound) = soundly(r, |r| site::read(r, root, &directories, server.hosts.as_deref()));
    let cookies: Vec<_> = directories.iter().cloned().chain(site::cookies(&directories, &templates, &names)).collect();
    upstream_identity::check_cookies(r, root, &cookies);
    upstream_exchange::check_cookies(r, root, &cookies);
    let origins: Vec<Arc<str>> = server.server.public_url.iter().cloned().collect();
    let mail = mail::read(r, root, loopback);
    let tokens = tokens::read(r, root);
    // A client of ours that acts for itself is the program of its name.
    let oauth = |placed: &firewall::Placed| placed.0.authentication == Authentication::OAuth;
    let clients = root.contains_key("oauth") && firewalls.iter().any(oauth);
    let integrations = integration::read(r, root, &directories, tokens.integration_bearer || clients);
    let (certificate, embedded_ca) = certificate::read(r, root, &server.server);
    let forward_auth = forward_auth::read(r, root, &server.server);
    let client_address = server.server.client_address;
    let client_ca = server.client_ca.clone().or(embedded_ca);
    let (oauth, keys) = oauth::read(r, root, server.public_url.as_ref(), server.hosts.as_deref()).unzip();
    let oauth_at = oauth::Places::of(root);
    let jwt = jwt::read(r, root);
    let ours = jwt.issuer.iter().map(|issuer| ("jwt", &**issuer));
    let ours: Vec<_> = ours.chain(oauth.iter().map(|oauth| ("oauth", &*oauth.issuer))).collect();
    let issuers = issuer::read(r, root, &directories, &ours);
    let introspections = introspection::read(r, root, &directories, oauth.as_ref().map(|oauth| &*oauth.issuer));
    if firewalls_sound {
        introspection::check(r, root, &introspections, &firewalls);
        issuer::check(r, root, &issuers, &introspections, &firewalls, oauth.as_ref());
    }
    let providers = provider::read(r, root, &directories);
    let settings = Settings {
        accounts: accounts::read(r, root, mail.is_some(), api.serve.accounts.then(|| api.serve_place.clone())),
        server: server.server,
        operations,
        log,
        store,
        passwords: operation::passwords(r, root),
        sign_in: operation::sign_in(r, root),
        grace: lives.grace,
        assertion: operation::assertion(r, root),
        tokens,
        basic: basic::read(r, root),
        integrations: integrations.iter().map(|placed| placed.integration.clone()).collect(),
        certificate,
        jwt,
        issuers,
        introspections,
        providers: providers.iter().map(|(provider, _)| provider.clone()).collect(),
        mail,
        oauth: keys,
        forward_auth: forward_auth.iter().map(|(endpoint, _)| endpoint.clone()).collect(),
    };
    if firewalls_sound {
        let sign_up = api.serve.accounts && !settings.accounts.confirm_email;
        provider::check(r, root, &providers, &directories, &firewalls, sign_up);
    }
    let stores = store_view::read(r, root, api.sharing, server.hosts.as_deref());
    let directories = per_website(directories, &stores);
    let ((routes, resources), rules_sound) = soundly(r, |r| routes(r, &entries.files, &api, stores));
    if rules_sound {
        integration::check(r, &integrations, &resources);
    }
    if let Some(prefix) = routes.magento_prefix.as_deref().filter(|_| api.serve.sessions && api.door.admin_sessions) {
        directory::check_reach(r, root, &directories, prefix);
    }
    let sound = Sound {
        firewalls: firewalls_sound,
        access: access_sound,
        sites: plan_sound && api_sound,
        routes: api_sound && entries_sound && upstreams_sound && rules_sound && firewalls_sound,
    };
    let jwks_path = settings.assertion.jwks_path.clone();
    let unmatched = entries.unmatched;
    let hosts = server.hosts.clone().unwrap_or_default();
    let certificates = match client_ca {
        _ if !server_sound => ClientCertificates::Unknown,
        Some(place) => ClientCertificates::Shown(place),
        None if settings.certificate.form.is_some() => ClientCertificates::Forwarded,
        None => ClientCertificates::Never,
    };
    let cors = cors::read(r, root, None);
    let draft = Draft {
        plan,
        cookies_differ: !templates.is_empty(),
        scopes: scopes.clone(),
        firewalls,
        certificates,
        access,
        hosts,
        upstreams,
        directories,
        api,
        unmatched,
        jwks_path,
        forward_auth,
        client_address,
        oauth,
        foreign_tokens: !settings.issuers.is_empty() || !settings.introspections.is_empty(),
        oauth_at,
        routes,
        resources,
        sound,
    };
    checks::run(r, &draft);
    if r.out.has_errors() {
        return None;
    }
    let with_directories = firewall::with_directories(r, root);
    let mut policy = Policy {
        hash: r.files.hash().into(),
        hosts: server.hosts,
        origins,
        cors,
        sites: Sites::default(),
        ibexa_prefixes: draft.api.ibexa_prefixes,
        serve: draft.api.serve,
        directories: draft.directories,
        firewalls: draft.firewalls.into_iter().map(|(firewall, _)| firewall).collect(),
        access: draft.access.into_iter().map(|placed| placed.rule).collect(),
        routes: draft.routes,
        resources: draft.resources,
        unmatched: draft.unmatched,
        upstreams: draft.upstreams.into_iter().map(|(upstream, _)| upstream).collect(),
        oauth: draft.oauth.map(Arc::new),
        issuers: trusted(&settings),
        providers: providers.into_iter().map(|(_, shown)| shown).collect(),
    };
    if let Some(plan) = draft.plan {
        let parts = site::Parts { templates: &templates, with_directories: &with_directories, upstreams: &scopes };
        policy.sites = site::build(plan, &policy, &parts);
    }
    Some(Config { settings, policy })
}

/// Whose tokens count besides our own: those that are asked about too, where they have a name that clients can follow.
fn trusted(settings: &Settings) -> Vec<TrustedIssuer> {
    let issuers = settings.issuers.iter().map(|one| (&one.issuer, &one.directory));
    let asked = settings.introspections.iter().map(|one| (&one.issuer, &one.directory));
    let all = issuers.chain(asked).filter(|(issuer, _)| issuer.starts_with("https://") || issuer.starts_with("http://"));
    all.map(|(issuer, directory)| TrustedIssuer { issuer: Arc::clone(issuer), directory: Arc::clone(directory) }).collect()
}

/// Where customers are not shared, their logins are unique on each website only (magento-webapi 4.6).
fn per_website(directories: Vec<Arc<Directory>>, stores: &Stores) -> Vec<Arc<Directory>> {
    let default = stores.default_view().website_id;
    let several = stores.iter().any(|view| view.website_id != default);
    let apart = several && stores.sharing() == Sharing::Website;
    let marked = |directory: Arc<Directory>| match directory.kind {
        Kind::Customer if apart => Arc::new(Directory { website: Some(default), ..(*directory).clone() }),
        _ => directory,
    };
    directories.into_iter().map(marked).collect()
}

/// A value, and whether reading it found no error.
fn soundly<T>(r: &mut Reader<'_>, read: impl FnOnce(&mut Reader<'_>) -> T) -> (T, bool) {
    let before = r.out.errors();
    let value = read(r);
    (value, r.out.errors() == before)
}

/// Loads and compiles the rule files.
fn routes(r: &mut Reader<'_>, files: &[PathBuf], api: &api::Api, stores: Stores) -> (RouteTable, doorward_core::acl::Tree) {
    let before = r.out.errors();
    let mut loaded = rules::load(files, r.files, r.out);
    served::claim(&mut loaded.magento, &api.serve);
    let said = r.out.errors() > before;
    // Without a `webapi.xml` the Magento dialect stands nowhere, unless it is asked for.
    let prefix = api.magento_prefix.clone().or_else(|| (!loaded.magento.is_empty()).then(|| api::MAGENTO_PREFIX.into()));
    let native = template::Table::build(loaded.native).unwrap_or_else(|conflicts| {
        for conflict in conflicts.iter().filter(|_| !said) {
            let at = match conflict {
                template::Conflict::Tie { second: (_, at), .. } | template::Conflict::Malformed { source: at, .. } => at,
            };
            at_source(r, at, conflict.to_string());
        }
        template::Table::default()
    });
    let magento = magento::Table::build(loaded.magento).unwrap_or_else(|conflicts| {
        for conflict in conflicts.iter().filter(|_| !said) {
            at_source(r, &conflict.second, conflict.to_string());
        }
        magento::Table::default()
    });
    (RouteTable { native, magento, magento_prefix: prefix, stores, door: api.door.clone() }, loaded.resources)
}

/// An error at a rule; the message's own `file:line: ` is left to the place.
fn at_source(r: &mut Reader<'_>, at: &Source, message: String) {
    let message = message.strip_prefix(&format!("{at}: ")).map(str::to_owned).unwrap_or(message);
    let file = file_of(r, at);
    r.out.push(Diagnostic::error(&file, Place::Line(at.line), message));
}

/// The file in which a rule stands; it was read already.
pub(crate) fn file_of(r: &mut Reader<'_>, at: &Source) -> Arc<SourceFile> {
    if at.file == r.file.name {
        return Arc::clone(&r.file);
    }
    r.files.read(&*at.file).unwrap_or_else(|_| Arc::new(SourceFile::new(Arc::clone(&at.file), "")))
}
