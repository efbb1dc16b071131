//! `doorward explain`: the whole way of a request, by the same code that judges requests.

mod access;
mod carried;
mod credential;
mod holders;
mod near;
mod pairs;
mod site;
mod steps;
mod text;

use crate::cli::{Answer, Failure, Terminal, args::ExplainArgs, sound};
use access::Granted;
use carried::Carried;
use credential::{Issue, Memory, Presumed};
use doorward_assembly::parts::{network, open_store};
use doorward_config::{Config, settings::StoreUrl};
use doorward_core::{
    Identity, Offer, Policy, Question, Reason, Target, decide,
    policy::{Dialect, Directory},
    ports::Store,
    refusal::Public,
    scopes::Reach,
};
use doorward_gateway::{
    Admitted, Body, admit,
    api::Asked,
    listen::Connection,
    pipeline::{identify, old_sessions, recognise, shown_path},
};
use doorward_store::Sqlite;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use near::NearStep;
use pairs::LookedUp;
use serde::Serialize;
use serde_json::{Value, json};
use site::SiteStep;
use std::{net::SocketAddr, sync::Arc};
use steps::{
    AccessStep, FirewallStep, GuardStep, OldSessionStep, RequirementStep, StoreStep, TargetStep, firewalls, guards, scopes,
    store_view, target,
};

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
            let named = arguments.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-siteaccess"));
            let bounds = named.filter(|_| rejected.code == "site").and_then(|(_, name)| site::choosable(&config.policy, name));
            explanation.detail = rejected.detail.into_owned();
            explanation.detail.extend(bounds.map(|bounds| format!(": {bounds}")));
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
