//! What `explain` remembers, and the session that it presumes (`--as`): a real one, in a store of its own.

use super::{access::Granted, carried::Carried, holders, pairs::LookedUp};
use crate::cli::{
    Failure,
    args::{AccountName, ExplainArgs},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use doorward_assembly::{issuers, parts};
use doorward_auth::{Ground, IntrospectionSettings, IssuerSettings, KeyRules, Sessions, TokenSettings, Tokens, WebSettings};
use doorward_config::Settings;
use doorward_core::{
    Found, Kind, Offer, Policy, Time,
    acl::{Exclusions, RoleBook},
    firewall::{Authentication, Firewall},
    policy::Directory,
    ports::{AccountRecord, Clock, Fetch, NewAccount, Store, StoreError},
    route::ShopDoor,
    session::Session,
};
use doorward_crypto::{
    csrf, session_id,
    system::{SystemClock, SystemEntropy},
};
use doorward_gateway::{
    Admitted,
    admit::ClientCertificate,
    pipeline::{Identified, Ignored, Known, Proved},
};
use doorward_store::Sqlite;
use http::{HeaderName, header};
use std::sync::Arc;

/// What is remembered in the store.
pub(super) struct Memory {
    pub(super) roles: RoleBook,
    sessions: Sessions,
    tokens: Tokens,
    pairs: LookedUp,
    holders: holders::LookedUp,
}

impl Memory {
    pub(super) async fn new(
        store: Arc<dyn Store>,
        exclusions: Exclusions,
        issue: Issue,
        pairs: LookedUp,
        holders: holders::LookedUp,
    ) -> Result<Self, Failure> {
        let roles = RoleBook::new(store.roles().await?).with_exclusions(exclusions);
        let tokens = issue.tokens(&store).await?;
        Ok(Self { roles, sessions: Sessions::new(store, Arc::new(SystemClock)), tokens, pairs, holders })
    }

    pub(super) fn known(&self) -> Known<'_> {
        Known { sessions: &self.sessions, tokens: &self.tokens, pairs: &self.pairs, holders: &self.holders, proofs: None }
    }
}

/// An account that is presumed to have signed in: with a session, as a browser would send it or, where the firewall judges
/// by Basic pairs, with its login and password.
pub(super) struct Presumed {
    /// The account's directory.
    pub(super) directory: Arc<Directory>,
    /// `NAME=ID`. The id is worth nothing outside of `store`.
    cookie: String,
    /// Its CSRF token, unless a header says what to send.
    token: Option<String>,
    /// A word that stands for its password here, and nowhere else.
    pub(super) password: String,
    /// The account as it is stored.
    pub(super) record: AccountRecord,
    /// The account, its roles and this session; it is forgotten with the command.
    pub(super) store: Arc<dyn Store>,
}

impl Presumed {
    /// Signs the account in, in a store of its own, and notes what is assumed.
    pub(super) async fn find(
        name: &AccountName,
        arguments: &ExplainArgs,
        policy: &Policy,
        store: &dyn Store,
    ) -> Result<Self, Failure> {
        let AccountName { directory, login } = name;
        let directory =
            policy.directory(directory).ok_or_else(|| Failure::new(format_args!("there is no directory `{directory}`")))?;
        let record = match store.account_by_login(&directory.name, directory.website, login).await? {
            // The only one of that name, on whichever website.
            None => store.account_by_login(&directory.name, None, login).await?,
            found => found,
        };
        let record = record.ok_or_else(|| Failure::new(format_args!("there is no account `{}/{login}`", directory.name)))?;
        let token_given = arguments.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-csrf-token"));
        let id = session_id::generate(&SystemEntropy);
        Ok(Self {
            cookie: format!("{}={id}", directory.cookie.name),
            token: (!token_given).then(|| csrf::token(&id, &SystemEntropy)),
            store: signed_in(&record, &id, &policy.sites.here, store).await?,
            password: session_id::generate(&SystemEntropy),
            directory: Arc::clone(directory),
            record,
        })
    }

    /// The headers by which it carries the credential.
    pub(super) async fn headers(&self, carried: Carried, issue: &Issue) -> Result<Vec<(HeaderName, String)>, Failure> {
        let value = match carried {
            Carried::Cookie => {
                let cookie = [(header::COOKIE, self.cookie.clone())];
                let token = self.token.clone().map(|token| (HeaderName::from_static("x-csrf-token"), token));
                return Ok(cookie.into_iter().chain(token).collect());
            }
            Carried::Certificate => return Ok(Vec::new()),
            Carried::Basic => {
                let pair = format!("{}:{}", self.record.account.login, self.password);
                format!("Basic {}", STANDARD.encode(pair))
            }
            // They count in this command's store alone, unless they are signed by a secret that others have, too: they are
            // shown nowhere.
            Carried::Token | Carried::WebToken | Carried::AccessToken => {
                let tokens = issue.tokens(&self.store).await?;
                let (record, now) =
                    (AccountRecord { tokens_not_before: Time::default(), ..self.record.clone() }, SystemClock.now());
                let issued = match carried {
                    Carried::WebToken => tokens.issue_web(&record, now).await?,
                    _ => tokens.issue(&record, now).await?,
                };
                format!("Bearer {}", issued.token)
            }
        };
        Ok(vec![(header::AUTHORIZATION, value)])
    }

    /// Lets the request carry a certificate that names the account, unless a proxy's header says something else.
    pub(super) fn show_certificate(&self, request: &mut Admitted) {
        if request.certificate.is_none() {
            request.certificate = Some(ClientCertificate::presumed(&self.record.account.login));
            request.carries.certificate = true;
        }
    }

    /// What is assumed of the account for this request.
    pub(super) fn assumption(&self, carried: Carried, granted: Option<&Granted>) -> String {
        let account = format!("{}/{}", self.directory.name, self.record.account.login);
        if let Some(granted) = granted.filter(|_| self.record.enabled) {
            let scopes = if granted.scopes.is_empty() { "no scope".to_owned() } else { granted.scopes.join(" ") };
            return format!("{account} sends a good access token for this firewall, with {scopes}");
        }
        match (carried, self.record.enabled) {
            (Carried::Certificate, _) => format!("{account} shows a good certificate that names it"),
            (Carried::Token | Carried::WebToken | Carried::AccessToken, true) => {
                format!("{account} sends a token that was issued just now")
            }
            (Carried::Token | Carried::WebToken | Carried::AccessToken, false) => {
                format!("{account} is disabled, so its token proves nothing")
            }
            (Carried::Basic, true) => format!("{account} sends its right password"),
            (Carried::Basic, false) => format!("{account} is disabled, so its password proves nothing"),
            (Carried::Cookie, false) => format!("{account} is disabled, so it has no live session"),
            (Carried::Cookie, true) if self.token.is_some() => {
                format!("{account} has a live session, and its CSRF token is sent")
            }
            (Carried::Cookie, true) => {
                format!("{account} has a live session; the X-CSRF-Token given is judged as not the session's")
            }
        }
    }
}

/// How tokens are issued and found.
pub(super) struct Issue {
    /// Those of the Magento dialect.
    pub(super) tokens: TokenSettings,
    /// JSON Web Tokens.
    pub(super) web: WebSettings,
    /// Those of other issuers, whose keys are not fetched.
    pub(super) issuers: Vec<IssuerSettings>,
    /// Whom to ask about opaque ones; nobody is asked.
    pub(super) introspections: Vec<IntrospectionSettings>,
    /// The keys of our own authorization server, where there is one.
    oauth: Option<KeyRules>,
    /// Its scopes.
    scopes: Vec<Arc<str>>,
    /// All directories.
    directories: Vec<Arc<Directory>>,
}

impl Issue {
    /// As the configuration has it.
    pub(super) fn of(settings: &Settings, policy: &Policy) -> Self {
        let nobody: Arc<dyn Fetch> = Arc::new(issuers::Nobody("`explain` asks nobody".to_owned()));
        Self {
            tokens: parts::tokens(settings),
            web: parts::web_tokens(settings),
            issuers: issuers::settings(settings, |_| Arc::clone(&nobody)),
            introspections: issuers::introspections(settings, |_| Arc::clone(&nobody)),
            oauth: parts::oauth_keys(settings),
            scopes: parts::oauth_scopes(policy),
            directories: policy.directories.clone(),
        }
    }

    async fn tokens(&self, store: &Arc<dyn Store>) -> Result<Tokens, Failure> {
        let ground = Ground::new(Arc::clone(store), Arc::new(SystemClock), self.directories.clone());
        let tokens = Tokens::open(ground, Arc::new(SystemEntropy), self.tokens).await?;
        tokens.set_oauth_keys(self.oauth);
        tokens.set_oauth_scopes(self.scopes.clone());
        tokens.set_web_settings(self.web.clone());
        tokens.set_issuers(self.issuers.clone());
        tokens.set_introspection(self.introspections.clone());
        Ok(tokens)
    }
}

/// A store with all roles, the account and, if it may sign in, a session of this id.
async fn signed_in(record: &AccountRecord, id: &str, site: &str, store: &dyn Store) -> Result<Arc<dyn Store>, StoreError> {
    let (copy, now) = (Sqlite::memory()?, SystemClock.now());
    for (name, resources) in store.roles().await? {
        copy.put_role(&name, resources, now).await?;
    }
    let account = &record.account;
    let new = NewAccount {
        directory: Arc::clone(&account.directory),
        kind: account.kind,
        id: Some(account.id),
        login: Arc::clone(&account.login),
        email: None,
        password: None,
        roles: account.roles.clone(),
        per_website: false,
        membership: account.membership,
        confirmed: true,
        profile: "{}".into(),
    };
    let copied = copy.add_account(new, now).await?;
    if record.enabled {
        let session = Session {
            key: session_id::key(id),
            directory: Arc::clone(&account.directory),
            account: account.id,
            account_version: copied.version,
            created: now,
            last_seen: now,
            authenticated: now,
            factors: Vec::new(),
            site: site.into(),
            device: "explain".into(),
        };
        copy.create_session(&session, None).await?;
    }
    Ok(Arc::new(copy))
}

/// The other issuer that the request's token names.
pub(super) fn issuer(memory: &Memory, request: &Admitted) -> Option<Arc<str>> {
    let line = request.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    memory.tokens.issuer_named_by(line.split_once(' ')?.1)
}

/// What was found, in words; `door` is how people sign in, where the Magento dialect stands, and `issuer` whom a token names.
pub(super) fn words(
    found: &Found<'_>,
    identified: &Identified,
    presumed: Option<&Directory>,
    door: Option<&ShopDoor>,
    issuer: Option<&str>,
) -> String {
    let Some(firewall) = found.firewall else { return "none is read: no firewall matches".to_owned() };
    if let Offer::Unavailable(why) = &identified.offer {
        return match issuer.filter(|_| matches!(firewall.authentication, Authentication::Jwt | Authentication::OAuth)) {
            Some(_) => format!("a JSON Web Token that nobody can judge here: {why}"),
            None if firewall.authentication == Authentication::OAuth => {
                format!("an access token that nobody can judge here: {why}")
            }
            None => "the store cannot be asked".to_owned(),
        };
    }
    match firewall.authentication {
        Authentication::None => return format!("none is read: `{}` uses no credential", firewall.name),
        Authentication::Jwt => return of_web_token(identified, issuer, "a JSON Web Token"),
        Authentication::OAuth => return of_web_token(identified, issuer, "an access token"),
        Authentication::Basic => return of_pair(identified),
        Authentication::Certificate => return of_certificate(identified),
        Authentication::Session => {}
    }
    if let Some(Proved::Token(token)) = &identified.proved {
        return format!(
            "{} bearer token of `{}`",
            if token.form() == "signed" { "a signed" } else { "an opaque" },
            token.account().directory
        );
    }
    let judged = identified.ignored.iter().filter(|ignored| ignored.judged);
    let judged: String =
        judged.map(|Ignored { credential, why, .. }| format!("a {credential} that does not count: {why}; then ")).collect();
    format!("{judged}{}", of_cookies(firewall, identified, presumed, door))
}

/// What came along and was not looked at.
pub(super) fn unread(identified: &Identified) -> Vec<String> {
    let unread = identified.ignored.iter().filter(|ignored| !ignored.judged);
    unread.map(|Ignored { credential, why, .. }| format!("a {credential}: {why}")).collect()
}

/// What was found of a JSON Web Token; nothing of its text.
fn of_web_token(identified: &Identified, issuer: Option<&str>, what: &str) -> String {
    let by = |verb: &str| issuer.map(|issuer| format!("{verb} the issuer `{issuer}`")).unwrap_or_default();
    let judged = identified.ignored.iter().find(|ignored| ignored.judged);
    match (&identified.proved, &identified.offer, judged) {
        (Some(Proved::Token(token)), _, _) => {
            let account = token.account();
            format!("{what} of `{}/{}`{}", account.directory, account.login, by(", made by"))
        }
        (_, Offer::Refused(why), _) => format!("{what}{} that does not count: {why}", by(" naming")),
        (_, _, Some(ignored)) => format!("a {} that is not looked at: {}", ignored.credential, ignored.why),
        _ => format!("none: there is no {}", what.split_once(' ').map_or(what, |(_, noun)| noun)),
    }
}

/// What was found of login and password; never the password.
fn of_pair(identified: &Identified) -> String {
    match (&identified.proved, &identified.offer) {
        (Some(Proved::Pair(pair)), _) => {
            let account = pair.account();
            format!("the login and password of `{}/{}`", account.directory, account.login)
        }
        (_, Offer::Refused(why)) => format!("a Basic pair that is wrong: {why}"),
        _ => "none: there is no Basic pair".to_owned(),
    }
}

/// What was found of a certificate.
fn of_certificate(identified: &Identified) -> String {
    match (&identified.proved, &identified.offer) {
        (Some(Proved::Certificate(holder)), _) => {
            let account = holder.account();
            format!("a certificate that names `{}/{}`", account.directory, account.login)
        }
        (_, Offer::Refused(why)) => format!("a certificate that does not count: {why}"),
        _ => "none: there is no certificate".to_owned(),
    }
}

/// What was found besides bearer tokens.
fn of_cookies(firewall: &Firewall, identified: &Identified, presumed: Option<&Directory>, door: Option<&ShopDoor>) -> String {
    if let Some(session) = &identified.session {
        return format!("a live session of `{}`", session.directory.name);
    }
    if !identified.dead.is_empty() {
        let dead: Vec<&str> = identified.dead.iter().map(|directory| &*directory.name).collect();
        return format!("cookies of {} that name no live session: they count as absent", dead.join(", "));
    }
    match presumed {
        Some(directory) if !firewall.directories.contains(&directory.name) => {
            let asked = firewall.directories.join(", ");
            format!("a session of `{}`, which `{}` does not ask (it asks {asked})", directory.name, firewall.name)
        }
        Some(directory) if directory.kind == Kind::Admin && door.is_some_and(|door| !door.admin_sessions) => {
            format!("a session of `{}`, which does not count here: `magento_admin_session` is false", directory.name)
        }
        _ => "none that this firewall reads".to_owned(),
    }
}
