//! The session that `explain` judges by: a presumed one (`--as`), or whatever cookie a header carries.

use crate::cli::{
    Failure,
    args::{AccountName, ExplainArgs},
};
use doorward_auth::Sessions;
use doorward_core::{
    Account, Evidence, Kind, Offer, Policy,
    acl::RoleBook,
    firewall::Firewall,
    policy::{Dialect, Directory},
    ports::{Clock, Store},
};
use doorward_gateway::Admitted;
use std::sync::Arc;

/// What is remembered in the store; nothing where there is none yet.
pub(super) struct Memory {
    pub(super) roles: RoleBook,
    store: Option<Arc<dyn Store>>,
    sessions: Option<Sessions>,
}

impl Memory {
    pub(super) async fn new(store: Option<Arc<dyn Store>>, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let roles = match &store {
            Some(store) => RoleBook::new(store.roles().await?),
            None => RoleBook::default(),
        };
        let sessions = store.as_ref().map(|store| Sessions::new(Arc::clone(store), clock));
        Ok(Self { roles, store, sessions })
    }
}

/// Who is presumed to call.
pub(super) enum Credential {
    /// A live session of this account.
    Presumed { account: Arc<Account>, directory: Arc<Directory>, enabled: bool, token_given: bool },
    /// Whatever the headers carry.
    Headers,
}

impl Credential {
    /// Reads `--as` and notes what is assumed.
    pub(super) async fn find(
        arguments: &ExplainArgs,
        policy: &Policy,
        memory: &Memory,
        assumptions: &mut Vec<String>,
    ) -> Result<Self, Failure> {
        let Some(name) = &arguments.account else { return Ok(Credential::Headers) };
        let AccountName { directory, login } = name;
        let directory =
            policy.directory(directory).ok_or_else(|| Failure::new(format_args!("there is no directory `{directory}`")))?;
        let record = match &memory.store {
            Some(store) => store.account_by_login(&directory.name, login).await?,
            None => None,
        };
        let record = record.ok_or_else(|| Failure::new(format_args!("there is no account `{}/{login}`", directory.name)))?;
        let token_given = arguments.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-csrf-token"));
        assumptions.push(match (record.enabled, token_given) {
            (false, _) => format!("{}/{login} is disabled, so it has no live session", directory.name),
            (true, false) => format!("{}/{login} has a live session, and its CSRF token is sent", directory.name),
            (true, true) => {
                format!("{}/{login} has a live session; the X-CSRF-Token given is judged as not the session's", directory.name)
            }
        });
        Ok(Credential::Presumed {
            account: record.account,
            directory: Arc::clone(directory),
            enabled: record.enabled,
            token_given,
        })
    }

    /// The cookie that the presumed session would send. Its value is no session id.
    pub(super) fn cookie(&self) -> Option<String> {
        match self {
            Credential::Presumed { directory, .. } => Some(format!("{}=presumed", directory.cookie.name)),
            Credential::Headers => None,
        }
    }

    /// What a session firewall makes of it, and in words.
    pub(super) async fn offer(
        &self,
        policy: &Policy,
        firewall: &Firewall,
        admitted: &Admitted,
        memory: &Memory,
    ) -> (Offer, String) {
        match self {
            Credential::Presumed { account, directory, enabled, token_given } => {
                if !firewall.directories.contains(&directory.name) {
                    let asked = firewall.directories.join(", ");
                    let why =
                        format!("a session of `{}`, which `{}` does not ask (it asks {asked})", directory.name, firewall.name);
                    return (Offer::Absent, why);
                }
                if !enabled {
                    return (Offer::Absent, format!("a session of `{}` that has ended", directory.name));
                }
                let evidence = Evidence { account: Arc::clone(account), ambient: true, csrf_valid: !token_given };
                (Offer::Verified(evidence), format!("a live session of `{}`", directory.name))
            }
            Credential::Headers => by_cookie(policy, firewall, admitted, memory).await,
        }
    }
}

/// The first live session among the cookies, in the firewall's order of directories; under the Magento prefix
/// customers come first.
async fn by_cookie(policy: &Policy, firewall: &Firewall, admitted: &Admitted, memory: &Memory) -> (Offer, String) {
    let mut directories: Vec<_> = firewall.directories.iter().filter_map(|name| policy.directory(name)).collect();
    if admitted.dialect == Dialect::Magento {
        directories.sort_by_key(|directory| directory.kind != Kind::Customer);
    }
    let mut dead = Vec::new();
    for directory in directories {
        for cookie in admitted.cookies.iter().filter(|cookie| cookie.directory.name == directory.name) {
            let Some(sessions) = &memory.sessions else { continue };
            match sessions.find(directory, &cookie.value).await {
                Ok(Some(live)) => {
                    let mut tokens = admitted.headers.get_all("x-csrf-token").iter();
                    let csrf_valid = match (tokens.next().map(http::HeaderValue::to_str), tokens.next()) {
                        (Some(Ok(token)), None) => doorward_crypto::csrf::verify(&cookie.value, token),
                        _ => false,
                    };
                    let offer = Offer::Verified(Evidence { account: live.account(), ambient: true, csrf_valid });
                    return (offer, format!("a live session of `{}`", directory.name));
                }
                Ok(None) => dead.push(&*directory.name),
                Err(error) => return (Offer::Unavailable(error.to_string().into()), "the store cannot be asked".to_owned()),
            }
        }
    }
    let words = if dead.is_empty() {
        "none that this firewall reads".to_owned()
    } else {
        format!("cookies of {} that name no live session: they count as absent", dead.join(", "))
    };
    (Offer::Absent, words)
}
