//! `doorward explain`: the whole way of a request, by the same code that judges requests.

mod access;
mod carried;
mod credential;
mod holders;
mod near;
mod pairs;
mod site;
mod text;

use crate::cli::{Answer, Failure, Terminal, args::ExplainArgs, sound};
use access::Granted;
use carried::Carried;
use credential::{Issue, Memory, Presumed};
use doorward_assembly::parts::{network, open_store};
use doorward_config::{Config, settings::StoreUrl};
use doorward_core::{
    Account, Found, Identity, Kind, Offer, Policy, Question, Reason, Target, decide,
    firewall::{Firewall, Mismatch},
    policy::{Dialect, Directory},
    ports::Store,
    refusal::Public,
    route::Requirement,
    scopes::Reach,
    stores::{ALL_STORES, StoreScope},
};
use doorward_gateway::{
    Admitted, Body, admit,
    api::Asked,
    listen::Connection,
    pipeline::{identify, old_sessions, recognise, shown_path},
};
use doorward_store::Sqlite;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use near::{NearStep, near_miss};
use pairs::LookedUp;
use serde::Serialize;
use serde_json::{Value, json};
use site::SiteStep;
use std::{net::SocketAddr, sync::Arc};

/// Near misses that are shown.
const NEAR: usize = 3;

/// Everything that `explain` says.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Explanation {
    policy: String,
    method: String,
    host: String,
    path: String,
    dialect: Option<Dialect>,
    /// The site and why; absent where there are none.
    site: Option<SiteStep>,
    assumptions: Vec<String>,
    firewalls: Vec<FirewallStep>,
    credential: String,
    /// Whom an old session's application would be asked about; `explain` asks nobody.
    old_session: Option<OldSessionStep>,
    /// Credentials that came along and that the firewall's method does not read.
    ignored: Vec<String>,
    identity: String,
    guards: Vec<GuardStep>,
    access_control: Option<AccessStep>,
    store_view: Option<StoreStep>,
    target: Option<TargetStep>,
    requirements: Vec<RequirementStep>,
    /// What the route demands of an access token.
    scopes: Vec<RequirementStep>,
    near_misses: Vec<NearStep>,
    upstream: Option<Value>,
    outcome: &'static str,
    reason: String,
    detail: String,
    status: Option<u16>,
    /// All that was judged, without secrets: the same again under another policy.
    input: Option<Question>,
}

#[derive(Debug, Serialize)]
struct FirewallStep {
    name: String,
    source: String,
    matched: bool,
    /// Why not; absent for the one that won and for those that were not asked any more.
    mismatch: Option<Mismatch>,
    asked: bool,
}

#[derive(Debug, Serialize)]
struct OldSessionStep {
    cookie: String,
    upstream: String,
    url: String,
    directory: String,
}

#[derive(Debug, Serialize)]
struct GuardStep {
    guard: &'static str,
    passed: bool,
    why: String,
}

#[derive(Debug, Serialize)]
struct AccessStep {
    source: String,
    roles: Vec<String>,
    admits: bool,
    /// What an access token must be good for.
    scopes: Vec<RequirementStep>,
}

/// What a path under the Magento prefix is about.
#[derive(Debug, Serialize)]
struct StoreStep {
    /// Its code; `all` is no view.
    code: String,
    id: Option<u32>,
    website: Option<String>,
    website_id: Option<u32>,
    /// Whether a customer who calls counts there; absent for others.
    shared: Option<bool>,
}

#[derive(Debug, Serialize)]
struct TargetStep {
    kind: &'static str,
    name: String,
    source: Option<String>,
}

#[derive(Debug, Serialize)]
struct RequirementStep {
    requirement: String,
    granted: bool,
    by: String,
}

/// Explains one request. Exit code 0 is a permit.
pub(crate) fn run(arguments: &ExplainArgs, terminal: &mut Terminal) -> Result<Answer, Failure> {
    let config = sound(&arguments.config, terminal)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let explanation = runtime.block_on(explain(config, arguments))?;
    terminal.say(text::Pretty(&explanation), &explanation)?;
    Ok(if explanation.outcome == "permit" { Answer::Done } else { Answer::No })
}

async fn explain(config: Config, arguments: &ExplainArgs) -> Result<Explanation, Failure> {
    let bound = config.settings.server.listen.first().map(|address| match address.port() {
        // It is only known while a server runs, and no rule can ask for it.
        0 => SocketAddr::new(address.ip(), 80),
        _ => *address,
    });
    let config = match bound {
        Some(address) => config.bound_to(address),
        None => config,
    };
    let policy = &config.policy;
    // Looking must not make a database.
    let store: Option<Arc<dyn Store>> = match &config.settings.store {
        StoreUrl::Sqlite(path) if path.exists() => Some(open_store(&config.settings.store, None)?.store),
        StoreUrl::Sqlite(_) | StoreUrl::Memory => None,
    };
    let store = match store {
        Some(store) => store,
        None => Arc::new(Sqlite::memory()?),
    };
    let mut explanation = Explanation { policy: policy.hash.to_string(), ..Explanation::default() };
    let bare = admitted(arguments, &config, Vec::new())?;
    // A cookie is that of the site to which the request comes.
    let at_site = bare.as_ref().ok().and_then(|admitted| Some(Arc::clone(&admitted.site.as_ref()?.0)));
    let policy = at_site.as_ref().map_or(policy, |site| &site.policy);
    let presumed = match &arguments.account {
        Some(name) => Some(Presumed::find(name, arguments, policy, &*store).await?),
        None => None,
    };
    explanation.assumptions.push(format!("the client is at {}", arguments.client));
    let mut issue = Issue::of(&config.settings, &config.policy);
    let admitted = match &presumed {
        Some(presumed) => {
            let credential = carried::choose(arguments, &config)?;
            let granted = match credential {
                Carried::AccessToken => Granted::to(presumed, policy, &arguments.scopes),
                _ => None,
            };
            let headers = match &granted {
                Some(granted) => {
                    issue.introspections = vec![granted.server.clone()];
                    vec![(header::AUTHORIZATION, format!("Bearer {}", granted.token))]
                }
                None => presumed.headers(credential, &issue).await?,
            };
            let mut admitted = admitted(arguments, &config, headers)?;
            if let (Carried::Certificate, Ok(request)) = (credential, &mut admitted) {
                presumed.show_certificate(request);
            }
            if let Ok(request) = &admitted {
                explanation.assumptions.push(presumed.assumption(credential, granted.as_ref()));
                explanation.assumptions.extend(carried::others(policy, request));
            }
            admitted
        }
        None => bare,
    };
    let holders = holders::LookedUp::new(Arc::clone(&store), policy);
    let pairs = LookedUp::new(Arc::clone(&store), &config, presumed.as_ref());
    let exclusions = store.customers().exclusions().await?;
    let (store, directory) = match presumed {
        Some(presumed) => (presumed.store, Some(presumed.directory)),
        None => (store, None),
    };
    let memory = Memory::new(store, exclusions, issue, pairs, holders).await?;
    match admitted {
        Ok(admitted) => {
            let jwks = config.settings.assertion.jwks_path.as_deref();
            judge(&mut explanation, policy, &admitted, jwks, &memory, directory.as_deref()).await;
        }
        Err(rejected) => {
            explanation.method = rejected.method.to_string();
            explanation.dialect = Some(rejected.dialect);
            explanation.outcome = "refusal";
            explanation.reason = rejected.code.to_owned();
            explanation.detail = rejected.detail.into_owned();
            explanation.status = Some(rejected.status.as_u16());
        }
    }
    Ok(explanation)
}

/// The request that the arguments describe, with further headers, as a server would admit it.
fn admitted(
    arguments: &ExplainArgs,
    config: &Config,
    presumed: Vec<(HeaderName, String)>,
) -> Result<Result<Admitted, Box<admit::Rejected>>, Failure> {
    let parts = request(arguments, config, presumed)?;
    let connection = Connection::plain(SocketAddr::new(arguments.client, 0));
    let network = network(&config.settings);
    Ok(admit::admit_parts(parts, Body::Empty, None, &connection, &config.policy, &network, "-".to_owned()))
}

fn request(
    arguments: &ExplainArgs,
    config: &Config,
    presumed: Vec<(HeaderName, String)>,
) -> Result<http::request::Parts, Failure> {
    let method = Method::from_bytes(arguments.method.as_bytes()).map_err(|_| Failure::usage("METHOD is no HTTP method"))?;
    let uri: Uri = arguments.url.parse().map_err(|error| Failure::usage(format_args!("URL: {error}")))?;
    let public = config.settings.server.public_url.as_deref().unwrap_or_default();
    let own = public.split_once("://").map_or("localhost", |(_, authority)| authority);
    // A port that is yet to be picked is none.
    let own = own.strip_suffix(":0").unwrap_or(own);
    let host = uri.authority().map_or(own, |authority| authority.as_str()).to_owned();
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut request = Request::builder().method(method).uri(target);
    if !arguments.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request = request.header(header::HOST, host);
    }
    for (name, value) in &arguments.headers {
        let name: HeaderName = name.parse().map_err(|_| Failure::usage(format_args!("{name:?} is no header name")))?;
        let value = HeaderValue::from_str(value).map_err(|_| Failure::usage(format_args!("{name}: no header value")))?;
        request = request.header(name, value);
    }
    for (name, value) in presumed {
        request = request.header(name, value);
    }
    Ok(request.body(()).map_err(Failure::usage)?.into_parts().0)
}

/// The steps between `admit` and the upstream.
async fn judge(
    explanation: &mut Explanation,
    policy: &Policy,
    admitted: &Admitted,
    jwks_path: Option<&str>,
    memory: &Memory,
    presumed: Option<&Directory>,
) {
    explanation.method = admitted.method.to_string();
    explanation.host.clone_from(&admitted.host);
    explanation.path = shown_path(&admitted.path);
    explanation.dialect = Some(admitted.dialect);
    explanation.site = admitted.site.as_ref().map(|(site, by)| SiteStep::of(site, by));
    if let Some(crossing) = &admitted.crossing
        && crossing.is_preflight(&admitted.method, &admitted.headers)
    {
        // A browser's question comes before any firewall.
        explanation.outcome = "permit";
        explanation.reason = "-".to_owned();
        explanation.target = Some(TargetStep { kind: "endpoint", name: "preflight".to_owned(), source: None });
        return;
    }
    let facts = admitted.facts();
    let own = recognise(policy, jwks_path, admitted).map(|ours| ours.own());
    let found = policy.find(&facts, own);
    explanation.firewalls = firewalls(policy, &facts, found.firewall);
    let identified = identify(memory.known(), policy, Asked::from(admitted), &found).await;
    let door = (admitted.dialect == Dialect::Magento).then_some(&policy.routes.door);
    let named = credential::issuer(memory, admitted);
    explanation.credential = credential::words(&found, &identified, presumed, door, named.as_deref());
    let olds = if matches!(identified.offer, Offer::Absent) { old_sessions(policy, admitted, &found) } else { Vec::new() };
    explanation.old_session = olds.first().map(|old| OldSessionStep {
        cookie: old.exchange.cookie.to_string(),
        upstream: old.upstream.name.to_string(),
        url: format!("{}{}", old.upstream.base, old.exchange.path),
        directory: old.directory.name.to_string(),
    });
    explanation.ignored = credential::unread(&identified);
    let offer = identified.offer;
    explanation.input =
        Some(Question::of(&facts, &explanation.path, own, &offer).on(explanation.site.as_ref().map(|site| &*site.name)));
    let verdict = decide(policy, &memory.roles, &facts, &found, &offer);
    let identity = match &verdict {
        Ok(permit) => permit.identity().clone(),
        Err(_) => match &offer {
            Offer::Verified(evidence) => Identity::Known(Arc::clone(&evidence.account)),
            _ => Identity::Guest,
        },
    };
    explanation.identity = match identity.account() {
        Some(account) => format!("{identity} ({}/{})", account.directory, account.login),
        None => "guest".to_owned(),
    };
    explanation.guards = guards(&found, &facts, &offer, &verdict.as_ref().err().map(|refusal| &refusal.reason));
    explanation.access_control = found.access.map(|rule| AccessStep {
        source: rule.source.to_string(),
        roles: rule.roles.iter().map(ToString::to_string).collect(),
        admits: rule.admits(&identity),
        scopes: scopes(&rule.scopes, Reach::of(&identity, &offer)),
    });
    explanation.store_view = found.store.map(|scope| store_view(policy, scope, &identity));
    target(explanation, policy, admitted, &found, &identity, memory);
    if let Target::Route(rule) = found.target {
        explanation.scopes = scopes(&rule.scopes, Reach::of(&identity, &offer));
    }
    let upstream = policy.upstream(&admitted.path);
    match verdict {
        Ok(_) if own.is_none() && upstream.is_none() => {
            refused(
                explanation,
                admitted.dialect,
                &doorward_core::Refusal::new(Reason::NoUpstream, identity.account().is_some()),
            );
        }
        Ok(_) => {
            explanation.outcome = "permit";
            explanation.reason = "-".to_owned();
            explanation.upstream = upstream
                .filter(|_| own.is_none())
                .map(|up| json!({ "name": &*up.name, "url": format!("{}{}", up.base, admitted.path), "source": up.source }));
        }
        Err(refusal) => refused(explanation, admitted.dialect, &refusal),
    }
}

fn refused(explanation: &mut Explanation, dialect: Dialect, refusal: &doorward_core::Refusal) {
    explanation.outcome = "refusal";
    explanation.reason = refusal.reason.code().to_owned();
    explanation.detail = refusal.reason.to_string();
    let reader = doorward_gateway::answer::Reader { dialect, accept: None, request_id: String::new(), head: true };
    explanation.status = Some(doorward_gateway::answer::refuse(refusal, &reader).status().as_u16());
    debug_assert!(refusal.public != Public::NotFound || explanation.status == Some(StatusCode::NOT_FOUND.as_u16()));
}

fn firewalls(policy: &Policy, facts: &doorward_core::Facts<'_>, won: Option<&Arc<Firewall>>) -> Vec<FirewallStep> {
    let mut asked = true;
    policy
        .firewalls
        .iter()
        .map(|firewall| {
            let matched = won.is_some_and(|won| Arc::ptr_eq(won, firewall));
            let step = FirewallStep {
                name: firewall.name.to_string(),
                source: firewall.source.to_string(),
                matched,
                mismatch: if asked { firewall.mismatch(facts) } else { None },
                asked,
            };
            asked &= !matched;
            step
        })
        .collect()
}

/// What the guards of the firewall say. A guard that lets a session count as none says so.
fn guards(found: &Found<'_>, facts: &doorward_core::Facts<'_>, offer: &Offer, reason: &Option<&Reason>) -> Vec<GuardStep> {
    let (Some(firewall), Offer::Verified(evidence)) = (found.firewall, offer) else { return Vec::new() };
    let mut steps = Vec::new();
    if firewall.guards.ajax {
        let passed = doorward_core::decide::session_counts(firewall, facts);
        let why =
            if passed { "X-Requested-With is XMLHttpRequest" } else { "this is no AJAX call, so the session does not count" };
        steps.push(GuardStep { guard: "ajax", passed, why: why.to_owned() });
    }
    if firewall.guards.csrf {
        let (passed, why) = match (facts.is_safe(), evidence.csrf_valid) {
            (false, false) if found.is_open() => (false, "there is no token, so the caller of this open route is a guest"),
            (true, _) => (true, "the method is safe, so no token is asked for"),
            (false, true) => (true, "the token is the session's"),
            (false, false) if !matches!(reason, Some(Reason::Csrf)) => (true, "no token is asked for here"),
            (false, false) => (false, "X-CSRF-Token is absent or not the session's"),
        };
        steps.push(GuardStep { guard: "csrf", passed, why: why.to_owned() });
    }
    if !facts.is_safe() || facts.upgrade {
        let open_to_others = found.is_open() && facts.provenance == doorward_core::Provenance::Foreign;
        let passed = !matches!(reason, Some(Reason::ForeignOrigin)) && !open_to_others;
        let why = match facts.provenance {
            doorward_core::Provenance::Unstated => "neither Sec-Fetch-Site nor Origin was sent",
            doorward_core::Provenance::Ours => "it comes from our own or an allowed origin",
            doorward_core::Provenance::Foreign => "it comes from another origin",
        };
        steps.push(GuardStep { guard: "origin", passed, why: why.to_owned() });
    }
    steps
}

fn store_view(policy: &Policy, scope: StoreScope<'_>, identity: &Identity) -> StoreStep {
    let customer = identity.account().filter(|account| account.kind == Kind::Customer);
    let shared = customer.map(|account| policy.routes.stores.shares(scope, account.membership.as_ref()));
    match scope {
        StoreScope::All => StoreStep { code: ALL_STORES.to_owned(), id: None, website: None, website_id: None, shared },
        StoreScope::View(view) => StoreStep {
            code: view.code.to_string(),
            id: Some(view.id),
            website: Some(view.website.to_string()),
            website_id: Some(view.website_id),
            shared,
        },
    }
}

fn target(
    explanation: &mut Explanation,
    policy: &Policy,
    admitted: &Admitted,
    found: &Found<'_>,
    identity: &Identity,
    memory: &Memory,
) {
    explanation.target = Some(match found.target {
        Target::Own(own) => TargetStep { kind: "endpoint", name: own.name.to_owned(), source: None },
        Target::Route(rule) => {
            let requirements = rule.require.iter().map(|requirement| granted(policy, memory, found.store, identity, requirement));
            explanation.requirements = requirements.collect();
            TargetStep { kind: "route", name: rule.template.to_string(), source: Some(rule.source.to_string()) }
        }
        Target::Unprocessed(_) => {
            TargetStep { kind: "unprocessed", name: "no part of the API takes it".to_owned(), source: None }
        }
        Target::Unmatched => {
            let near = policy.routes.near_misses(&admitted.method, &admitted.path, NEAR);
            explanation.near_misses = near.iter().map(near_miss).collect();
            let name =
                serde_json::to_value(policy.unmatched).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
            TargetStep { kind: "unmatched", name, source: None }
        }
    });
}

/// Whether and by what one requirement is granted; the words follow `decide`.
fn granted(
    policy: &Policy,
    memory: &Memory,
    store: Option<StoreScope<'_>>,
    identity: &Identity,
    requirement: &Requirement,
) -> RequirementStep {
    let held = |account: &Account| memory.roles.granting(&policy.resources, account, requirement.as_str()).map(str::to_owned);
    let (granted, by) = match (requirement, identity.account()) {
        (Requirement::Anonymous, _) => (true, "open to every caller".to_owned()),
        (_, None) => (false, "the caller is a guest".to_owned()),
        (Requirement::OwnAccount, Some(account)) if account.kind == Kind::Customer => {
            let (stores, membership) = (&policy.routes.stores, account.membership.as_ref());
            if !store.is_none_or(|scope| stores.shares(scope, membership)) {
                (false, "the caller is a customer elsewhere".to_owned())
            } else if stores.excludes(memory.roles.exclusions(), store, membership) {
                (false, "the caller's group is excluded from this website".to_owned())
            } else {
                (true, "the caller is a customer".to_owned())
            }
        }
        (Requirement::OwnAccount, Some(account)) if memory.roles.is_full(&policy.resources, account) => {
            (true, "a role of the caller grants everything".to_owned())
        }
        (Requirement::OwnAccount, Some(_)) => (false, "it is for customers".to_owned()),
        (Requirement::Resource(_), Some(account)) => match held(account) {
            Some(role) => (true, format!("role `{role}` grants it")),
            None if account.roles.is_empty() => (false, "the caller has no role that grants resources".to_owned()),
            None => (false, format!("none of the caller's roles grants it: {}", account.roles.join(", "))),
        },
    };
    RequirementStep { requirement: requirement.to_string(), granted, by }
}

/// Whether the credential reaches as far as each scope that is demanded; the words follow `decide`.
fn scopes(demanded: &[Arc<str>], reach: Reach<'_>) -> Vec<RequirementStep> {
    let step = |scope: &Arc<str>| {
        let granted = reach.lacking(std::slice::from_ref(scope)).is_none();
        let by = match reach {
            Reach::Guest => "the caller is a guest".to_owned(),
            Reach::Whole => "scopes restrict access tokens only".to_owned(),
            Reach::Scopes(_) if granted => "the access token has it".to_owned(),
            Reach::Scopes([]) => "the access token has no scope".to_owned(),
            Reach::Scopes(held) => format!("the access token has only {}", held.join(" ")),
        };
        RequirementStep { requirement: scope.to_string(), granted, by }
    };
    demanded.iter().map(step).collect()
}
