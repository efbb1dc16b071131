//! `doorward client`: programs that may ask the authorization server for tokens.

use super::{
    context::Context,
    terminal::{Answer, Failure},
    text::{Table, harmless, moment, new_name, suggestions},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::{Args, Subcommand, ValueEnum};
use doorward_core::{
    OAuth,
    ports::{Client, ClientChange, ClientMethod, Grant},
};
use doorward_crypto::{jwt::KeySet, random};
use doorward_oauth::rfc6749::{RedirectUri, client::hash_secret};
use serde_json::{Value, json};
use std::{path::PathBuf, sync::Arc};

/// How long a set of keys may be, in bytes.
const LONGEST_JWKS: usize = 64 << 10;
/// How long a secret is that somebody else made, in bytes.
const SECRET: std::ops::RangeInclusive<usize> = 32..=512;

#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Make a client; its secret is printed once, unless it has none or you gave it
    Add {
        /// Its `client_id`: letters, digits, `-`, `_` and `.`
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        details: Details,
        /// It can keep no secret, such as an app in somebody's hand
        #[arg(long, conflicts_with_all = ["secret_stdin", "method"])]
        public: bool,
        /// Read its secret from standard input: at least 32 characters
        #[arg(long)]
        secret_stdin: bool,
        /// How it proves that it is itself [default: client_secret_basic]
        #[arg(long = "auth-method", value_name = "METHOD", value_enum)]
        method: Option<Method>,
    },
    /// List clients
    List,
    /// Show a client, never its secret
    Show {
        /// Its `client_id`
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Change a client; a list that is given replaces the one before
    Update {
        /// Its `client_id`
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        details: Details,
        /// It may do nothing any more, and its access tokens end
        #[arg(long, conflicts_with = "enable")]
        disable: bool,
        /// It may do again what it could
        #[arg(long)]
        enable: bool,
        /// End the access tokens that it has
        #[arg(long)]
        end_tokens: bool,
    },
    /// Delete a client; its access tokens end
    Delete {
        /// Its `client_id`
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Give a client another secret, which is printed once unless you gave it; the one before counts no more
    RotateSecret {
        /// Its `client_id`
        #[arg(value_name = "ID")]
        id: String,
        /// Read the secret from standard input: at least 32 characters
        #[arg(long)]
        secret_stdin: bool,
    },
}

/// What may be said of a client.
#[derive(Args, Debug)]
pub(crate) struct Details {
    /// What people read [default: the id]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Where codes may be sent, letter for letter; may be repeated
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// Where a browser may go after signing out; may be repeated
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    post_logout_redirect_uris: Vec<String>,
    /// A way to tokens that it may use; may be repeated [default: authorization_code and refresh_token where there is a
    /// redirect URI, else client_credentials]
    #[arg(long = "grant", value_name = "GRANT", value_enum)]
    grants: Vec<GrantName>,
    /// A scope that it may ask for; may be repeated [default: `default_scopes` of `[oauth]`]
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A place that it serves, of `resources` or the audience of `[oauth]`: it may ask what tokens for it say; may be repeated
    #[arg(long = "resource", value_name = "URI")]
    resources: Vec<String>,
    /// Its public keys as a JWK set, for private_key_jwt
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
}

/// How a confidential client proves that it is itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Method {
    /// Its secret in `Authorization: Basic`
    ClientSecretBasic,
    /// Its secret in the body
    ClientSecretPost,
    /// A token that its own key signed
    PrivateKeyJwt,
}

impl From<Method> for ClientMethod {
    fn from(method: Method) -> Self {
        match method {
            Method::ClientSecretBasic => ClientMethod::SecretBasic,
            Method::ClientSecretPost => ClientMethod::SecretPost,
            Method::PrivateKeyJwt => ClientMethod::PrivateKeyJwt,
        }
    }
}

/// A way to tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum GrantName {
    /// A code that a person's browser brings
    AuthorizationCode,
    /// The client for itself
    ClientCredentials,
    /// A refresh token
    RefreshToken,
    /// A code that a person types elsewhere
    DeviceCode,
}

impl From<GrantName> for Grant {
    fn from(name: GrantName) -> Self {
        match name {
            GrantName::AuthorizationCode => Grant::AuthorizationCode,
            GrantName::ClientCredentials => Grant::ClientCredentials,
            GrantName::RefreshToken => Grant::RefreshToken,
            GrantName::DeviceCode => Grant::DeviceCode,
        }
    }
}

/// Runs a command on clients.
pub(crate) async fn run(command: ClientCommand, context: &mut Context<'_>) -> Result<Answer, Failure> {
    match command {
        ClientCommand::Add { id, details, public, secret_stdin, method } => {
            let method = if public { ClientMethod::None } else { method.unwrap_or(Method::ClientSecretBasic).into() };
            add(context, &id, details, method, secret_stdin).await?;
        }
        ClientCommand::List => list(context).await?,
        ClientCommand::Show { id } => {
            let client = find(context, &id).await?;
            context.terminal.say(shown(&client), &describe(&client))?;
        }
        ClientCommand::Update { id, details, disable, enable, end_tokens } => {
            let enabled = if enable { Some(true) } else { disable.then_some(false) };
            update(context, &id, details, enabled, end_tokens).await?;
        }
        ClientCommand::Delete { id } => {
            find(context, &id).await?;
            context.store.delete_client(&id).await?;
            context.changed().await?;
            context.terminal.say(format_args!("deleted the client {id}"), &json!({ "id": id, "deleted": true }))?;
        }
        ClientCommand::RotateSecret { id, secret_stdin } => rotate(context, &id, secret_stdin).await?,
    }
    Ok(Answer::Done)
}

async fn add(
    context: &mut Context<'_>,
    id: &str,
    details: Details,
    method: ClientMethod,
    secret_stdin: bool,
) -> Result<(), Failure> {
    let settings = settings(context)?;
    if !Client::is_id(id) {
        return Err(Failure::usage(
            "a client's id has 1 to 128 letters, digits, `-`, `_` and `.`, and begins with a letter or a digit",
        ));
    }
    let name = details.name.clone().unwrap_or_else(|| id.to_owned());
    new_name("client's name", &name)?;
    let grants = usual_grants(&details, method);
    let scopes = match scopes(&settings, &details.scopes)? {
        scopes if scopes.is_empty() => settings.default_scopes.clone(),
        scopes => scopes,
    };
    let secret = if method.is_by_secret() { Some(secret(context, secret_stdin)?) } else { None };
    let now = context.clock.now();
    let client = Client {
        id: id.into(),
        name: name.into(),
        method,
        secret: secret.as_ref().map(|secret| hash_secret(&secret.text).into()),
        jwks: jwks(&details)?,
        certificate: None,
        redirect_uris: uris(&details.redirect_uris)?,
        post_logout_redirect_uris: uris(&details.post_logout_redirect_uris)?,
        grants,
        scopes,
        resources: resources(&settings, &details.resources)?,
        enabled: true,
        tokens_not_before: now,
        created: now,
        updated: now,
    };
    sound(&client)?;
    context.store.add_client(&client).await?;
    context.changed().await?;
    tell(context, format!("added the client {id}"), &client, secret)
}

async fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    let clients = context.store.clients().await?;
    let mut table = Table::new(&["CLIENT", "NAME", "METHOD", "GRANTS", "SCOPES", "STATE"]);
    for client in &clients {
        let state = if client.enabled { "enabled" } else { "disabled" };
        table.row([
            &client.id,
            &client.name,
            client.method.as_str(),
            &short(&client.grants).join(" "),
            &client.scopes.join(" "),
            state,
        ]);
    }
    let documents: Vec<Value> = clients.iter().map(describe).collect();
    context.terminal.say(table, &documents)
}

async fn update(
    context: &mut Context<'_>,
    id: &str,
    details: Details,
    enabled: Option<bool>,
    end_tokens: bool,
) -> Result<(), Failure> {
    let settings = settings(context)?;
    let client = find(context, id).await?;
    if let Some(name) = &details.name {
        new_name("client's name", name)?;
    }
    let grants: Vec<Grant> = details.grants.iter().copied().map(Grant::from).collect();
    let given = |list: Vec<Arc<str>>| Some(list).filter(|list| !list.is_empty());
    let change = ClientChange {
        name: details.name.as_deref().map(Arc::from),
        redirect_uris: given(uris(&details.redirect_uris)?),
        post_logout_redirect_uris: given(uris(&details.post_logout_redirect_uris)?),
        grants: Some(grants).filter(|grants| !grants.is_empty()),
        scopes: given(scopes(&settings, &details.scopes)?),
        resources: given(resources(&settings, &details.resources)?),
        jwks: jwks(&details)?,
        enabled,
        end_tokens,
        ..ClientChange::default()
    };
    let mut after = client;
    after.redirect_uris = change.redirect_uris.clone().unwrap_or(after.redirect_uris);
    after.grants = change.grants.clone().unwrap_or(after.grants);
    after.resources = change.resources.clone().unwrap_or(after.resources);
    after.jwks = change.jwks.clone().or(after.jwks);
    sound(&after)?;
    let client = context.store.change_client(id, change, context.clock.now()).await?;
    context.changed().await?;
    context.terminal.say(format_args!("changed the client {id}"), &describe(&client))
}

async fn rotate(context: &mut Context<'_>, id: &str, secret_stdin: bool) -> Result<(), Failure> {
    let client = find(context, id).await?;
    if !client.method.is_by_secret() {
        return Err(Failure::new(format_args!("the client {id} has no secret: its method is {}", client.method.as_str())));
    }
    let secret = secret(context, secret_stdin)?;
    let change = ClientChange { secret: Some(hash_secret(&secret.text).into()), ..ClientChange::default() };
    let client = context.store.change_client(id, change, context.clock.now()).await?;
    context.changed().await?;
    tell(context, format!("changed the secret of the client {id}"), &client, Some(secret))
}

/// Says what was done and, where it was made here, the secret: it can never be shown again.
fn tell(context: &mut Context<'_>, done: String, client: &Client, secret: Option<Secret>) -> Result<(), Failure> {
    let made = secret.filter(|secret| secret.made);
    let mut document = describe(client);
    let mut text = done;
    if let Some(Secret { text: secret, .. }) = made {
        text.push_str(&format!("\nsecret: {secret}\nIt is not shown again."));
        if let Some(members) = document.as_object_mut() {
            members.insert("secret".into(), secret.into());
        }
    }
    context.terminal.say(text, &document)
}

/// A secret, and whether it was made here.
struct Secret {
    text: String,
    made: bool,
}

fn secret(context: &mut Context<'_>, from_input: bool) -> Result<Secret, Failure> {
    if !from_input {
        return Ok(Secret { text: URL_SAFE_NO_PAD.encode(random::<32>(&*context.entropy)), made: true });
    }
    let text = context.terminal.read_input((SECRET.end() + 2) as u64)?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    let sound = SECRET.contains(&text.len()) && text.bytes().all(|b| matches!(b, b' '..=b'~'));
    if !sound || distinct(text) < 8 {
        let rule = "a client's secret has 32 to 512 printable ASCII characters, and not the same few again";
        return Err(Failure::new(format_args!("{rule}: without --secret-stdin a good one is made")));
    }
    Ok(Secret { text: text.to_owned(), made: false })
}

fn distinct(text: &str) -> usize {
    text.bytes().collect::<std::collections::BTreeSet<u8>>().len()
}

fn usual_grants(details: &Details, method: ClientMethod) -> Vec<Grant> {
    let given: Vec<Grant> = details.grants.iter().copied().map(Grant::from).collect();
    match (given.is_empty(), details.redirect_uris.is_empty(), method) {
        (false, _, _) => given,
        (true, true, ClientMethod::None) => Vec::new(),
        (true, true, _) => vec![Grant::ClientCredentials],
        (true, false, _) => vec![Grant::AuthorizationCode, Grant::RefreshToken],
    }
}

/// What a client cannot be.
fn sound(client: &Client) -> Result<(), Failure> {
    if client.jwks.is_some() != (client.method == ClientMethod::PrivateKeyJwt) {
        return Err(Failure::usage("private_key_jwt needs the client's public keys (--jwks), and only that method does"));
    }
    if client.is_public() && !client.resources.is_empty() {
        return Err(Failure::usage("a public client proves nothing, so it learns nothing of tokens"));
    }
    if client.grants.is_empty() && client.resources.is_empty() {
        return Err(Failure::usage("the client has no way to a token: give --grant or --redirect-uri"));
    }
    if client.is_public() && client.may(Grant::ClientCredentials) {
        return Err(Failure::usage("a public client proves nothing, so it has no client_credentials"));
    }
    if client.may(Grant::AuthorizationCode) && client.redirect_uris.is_empty() {
        return Err(Failure::usage("authorization_code needs a --redirect-uri"));
    }
    Ok(())
}

fn scopes(settings: &OAuth, given: &[String]) -> Result<Vec<Arc<str>>, Failure> {
    let known = |name: &String| match settings.scope(name) {
        Some(scope) => Ok(Arc::clone(&scope.name)),
        None => {
            let near = suggestions(name, settings.scopes.iter().map(|scope| &*scope.name));
            Err(Failure::new(format_args!("[oauth] has no scope {:?}{near}", harmless(name))))
        }
    };
    given.iter().map(known).collect()
}

/// The places that a client may serve: those that tokens may be for.
fn resources(settings: &OAuth, given: &[String]) -> Result<Vec<Arc<str>>, Failure> {
    let known = |name: &String| {
        let found = std::iter::once(settings.usual_audience()).chain(&settings.resources).find(|one| ***one == **name);
        let near = suggestions(name, settings.resources.iter().map(|one| &**one));
        found.cloned().ok_or_else(|| Failure::new(format_args!("no token is for {:?}{near}", harmless(name))))
    };
    given.iter().map(known).collect()
}

/// The keys of a client, none of them private.
fn jwks(details: &Details) -> Result<Option<Arc<str>>, Failure> {
    let Some(path) = &details.jwks else { return Ok(None) };
    let trouble = |why: &dyn std::fmt::Display| Failure::new(format_args!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| trouble(&error))?;
    if text.len() > LONGEST_JWKS {
        return Err(trouble(&"a JWK set of a client has at most 64 KiB"));
    }
    let set = KeySet::parse(text.as_bytes()).map_err(|bad| trouble(&bad))?;
    match (set.keys.is_empty(), set.others.first()) {
        (false, None) => Ok(Some(text.into())),
        (_, Some((place, bad))) => Err(trouble(&format!("key {}: {bad}", place + 1))),
        (true, None) => Err(trouble(&"there is no key in it")),
    }
}

/// RFC 6749 3.1.2: absolute, without fragment. They are compared as they stand.
fn uris(given: &[String]) -> Result<Vec<Arc<str>>, Failure> {
    let sound = |text: &String| match RedirectUri::parse(text) {
        Ok(uri) => Ok(Arc::from(uri.as_str())),
        Err(bad) => Err(Failure::usage(format_args!("{:?} cannot be registered: {bad}", harmless(text)))),
    };
    given.iter().map(sound).collect()
}

fn settings(context: &Context<'_>) -> Result<Arc<OAuth>, Failure> {
    let none = "the configuration has no authorization server: add [oauth]";
    context.policy.oauth.clone().ok_or_else(|| Failure::new(none))
}

async fn find(context: &Context<'_>, id: &str) -> Result<Client, Failure> {
    if let Some(client) = context.store.client(id).await? {
        return Ok(client);
    }
    let all = context.store.clients().await?;
    let near = suggestions(id, all.iter().map(|client| &*client.id));
    Err(Failure::new(format_args!("there is no client {:?}{near}", harmless(id))))
}

fn short(grants: &[Grant]) -> Vec<&'static str> {
    grants.iter().map(|grant| grant.as_str().rsplit(':').next().unwrap_or_default()).collect()
}

fn shown(client: &Client) -> String {
    let mut lines = vec![
        format!("client {}{}", client.id, if client.enabled { "" } else { " (disabled)" }),
        format!("name      {}", harmless(&client.name)),
        format!("method    {}", client.method.as_str()),
        format!("grants    {}", short(&client.grants).join(" ")),
        format!("scopes    {}", client.scopes.join(" ")),
    ];
    lines.extend(client.redirect_uris.iter().map(|uri| format!("redirect  {uri}")));
    lines.extend(client.resources.iter().map(|uri| format!("serves    {uri}")));
    lines.extend(client.post_logout_redirect_uris.iter().map(|uri| format!("logout    {uri}")));
    lines.push(format!("made      {}", moment(client.created)));
    lines.join("\n")
}

/// A client without its secret.
fn describe(client: &Client) -> Value {
    let grants: Vec<&str> = client.grants.iter().map(|grant| grant.as_str()).collect();
    json!({
        "id": client.id,
        "name": client.name,
        "kind": if client.is_public() { "public" } else { "confidential" },
        "auth_method": client.method.as_str(),
        "redirect_uris": client.redirect_uris,
        "post_logout_redirect_uris": client.post_logout_redirect_uris,
        "grants": grants,
        "scopes": client.scopes,
        "resources": client.resources,
        "enabled": client.enabled,
        "created": moment(client.created),
        "updated": moment(client.updated),
    })
}
