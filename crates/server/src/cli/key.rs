//! `doorward key`: keys that Doorward made for itself, or was given.

use super::{
    context::Context,
    terminal::{Answer, Failure},
    text::{Table, harmless, moment},
};
use clap::{Subcommand, ValueEnum};
use doorward_auth::{KeyRules, OAUTH_KEYS, PUBLISHED_AHEAD, TOKEN_KEYS, WEB_KEYS, new_signing_key, new_token_key};
use doorward_core::{Time, ports::StoredKey};
use doorward_crypto::{
    jwt::{self, SigningKey},
    user_token::Algorithm,
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// After how long a new key signs: by then every server has heard of it.
const LEAD: Duration = Duration::from_secs(5);
/// A key that another one replaced is kept for so long at least: settings may have said longer lives before.
const OVERLAP: Duration = Duration::from_secs(24 * 3600);
/// The longest crypt key, in bytes.
const LONGEST: usize = 2048;
/// The longest private key in PEM, in bytes: one of 8192 bits has 6.5 KiB.
const LONGEST_PEM: u64 = 16 << 10;

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// List all keys, never their secrets
    List,
    /// Make a new key; the old one verifies until the last token that it signed has expired
    Rotate {
        /// What the key is for
        #[arg(value_enum)]
        purpose: Purpose,
        /// For `jwt` and `oauth`: let the new key sign after five seconds, not after the ten minutes that verifiers may keep what is
        /// published
        #[arg(long)]
        now: bool,
    },
    /// Take a key of another program, so that tokens which it signed stay valid
    Import {
        /// What the key is for
        #[arg(value_enum)]
        purpose: Purpose,
        /// For `token`: read Magento's `crypt/key` from standard input; the key verifies, and signs nothing
        #[arg(long, required_unless_present = "pem_stdin", conflicts_with = "pem_stdin")]
        magento_crypt_key_stdin: bool,
        /// For `jwt`: read a private key in PKCS#8 (PEM) of Ed25519, P-256 or RSA from standard input
        #[arg(long)]
        pem_stdin: bool,
        /// For `jwt`: let the key sign, too, once verifiers know it
        #[arg(long, requires = "pem_stdin")]
        sign: bool,
        /// For `token`: its `kid`; that of `jwt` is its thumbprint
        #[arg(long, value_name = "KID", default_value = "1", conflicts_with = "pem_stdin")]
        id: String,
        /// For `token`: Magento's `webapi/jwtauth/jwt_alg`
        #[arg(long, value_name = "ALG", default_value = "HS256", value_parser = algorithm, conflicts_with = "pem_stdin")]
        algorithm: Algorithm,
    },
    /// Let a key count for nothing from now on; all tokens that it signed end
    Retire {
        /// What the key is for
        #[arg(value_enum)]
        purpose: Purpose,
        /// The key, as `key list` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// Purposes whose keys can be changed while servers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Purpose {
    /// Signed bearer tokens of the Magento dialect
    Token,
    /// JSON Web Tokens of people, of `/user/token/jwt`
    Jwt,
    /// Tokens of the authorization server
    Oauth,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Purpose::Token => TOKEN_KEYS,
            Purpose::Jwt => WEB_KEYS,
            Purpose::Oauth => OAUTH_KEYS,
        }
    }
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    Algorithm::parse(text).ok_or_else(|| "an algorithm is HS256, HS384 or HS512".to_owned())
}

/// Runs a command on keys.
pub(crate) async fn run(command: KeyCommand, context: &mut Context<'_>) -> Result<Answer, Failure> {
    match command {
        KeyCommand::List => list(context).await?,
        KeyCommand::Rotate { purpose, now } => rotate(context, purpose, now).await?,
        KeyCommand::Import { purpose: Purpose::Token, magento_crypt_key_stdin: true, id, algorithm, .. } => {
            import_crypt_key(context, &id, algorithm).await?;
        }
        KeyCommand::Import { purpose: Purpose::Jwt, pem_stdin: true, sign, .. } => import_pem(context, sign).await?,
        KeyCommand::Import { purpose: Purpose::Token, .. } => {
            return Err(Failure::usage("a key for `token` comes by --magento-crypt-key-stdin"));
        }
        KeyCommand::Import { purpose: Purpose::Jwt, .. } => {
            return Err(Failure::usage("a key for `jwt` comes by --pem-stdin"));
        }
        KeyCommand::Import { purpose: Purpose::Oauth, .. } => {
            return Err(Failure::usage("keys of the authorization server are made here (`doorward key rotate oauth`)"));
        }
        KeyCommand::Retire { purpose, id } => retire(context, purpose, &id).await?,
    }
    Ok(Answer::Done)
}

async fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    let keys = context.store.all_keys().await?;
    let now = context.clock.now();
    let mut table = Table::new(&["PURPOSE", "ID", "ALGORITHM", "MADE", "STATE"]);
    for key in &keys {
        let (made, state) = (moment(key.created), state(key, &keys, now));
        table.row([&key.purpose, &key.id, key.algorithm.as_deref().unwrap_or("-"), &made, &state]);
    }
    let documents: Vec<Value> = keys.iter().map(|key| describe(key, &keys, now)).collect();
    context.terminal.say(table, &documents)
}

async fn rotate(context: &mut Context<'_>, purpose: Purpose, at_once: bool) -> Result<(), Failure> {
    let now = context.clock.now();
    let lead = if purpose != Purpose::Token && !at_once { PUBLISHED_AHEAD } else { LEAD };
    let active = now + lead;
    let (key, longest) = match purpose {
        Purpose::Token => {
            let longest = context.tokens.customer_lifetime.max(context.tokens.admin_lifetime).max(OVERLAP);
            (new_token_key(&*context.entropy, now, active), longest)
        }
        Purpose::Jwt if context.web.algorithm == jwt::Algorithm::Hs256 => {
            return Err(Failure::new("the key of HS256 is `secret` of [jwt]: change it there"));
        }
        Purpose::Jwt => made(context, purpose, &context.web.key_rules(), active)?,
        Purpose::Oauth => {
            let none = "the configuration has no authorization server: add [oauth]";
            let rules = context.oauth.ok_or_else(|| Failure::new(none))?;
            made(context, purpose, &rules, active)?
        }
    };
    let until = active + longest;
    // One that only verifies is another program's: it stays until somebody retires it.
    let replaced = context.store.rotate_key(key.clone(), until).await?;
    context.changed().await?;
    let mut text = format!("made the key {}/{}; it signs from {} on", key.purpose, key.id, moment(active));
    if replaced > 0 {
        text.push_str(&format!("; the old one verifies until {}", moment(until)));
    }
    let keys = context.store.keys(purpose.name()).await?;
    context.terminal.say(text, &describe(&key, &keys, now))
}

/// A new key that others verify with, and how long it counts after the next one.
fn made(context: &Context<'_>, purpose: Purpose, rules: &KeyRules, active: Time) -> Result<(StoredKey, Duration), Failure> {
    let now = context.clock.now();
    let key = new_signing_key(purpose.name(), rules.algorithm, &*context.entropy, now, active).map_err(Failure::new)?;
    Ok((key, rules.overlap()))
}

async fn import_crypt_key(context: &mut Context<'_>, id: &str, algorithm: Algorithm) -> Result<(), Failure> {
    let sound = !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !sound {
        return Err(Failure::usage("a kid has letters, digits, `-`, `_` and `.`"));
    }
    let text = context.terminal.read_input((LONGEST + 2) as u64)?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(Failure::new("the key on standard input is empty"));
    }
    if secret.contains(['\r', '\n']) {
        return Err(Failure::new("there is more than one line on standard input: give one key, the last one of `crypt/key`"));
    }
    let now = context.clock.now();
    let key = StoredKey {
        purpose: TOKEN_KEYS.into(),
        id: id.into(),
        secret: Arc::from(secret.as_bytes()),
        algorithm: Some(algorithm.as_str().into()),
        created: now,
        active_from: None,
        retired: None,
    };
    context.store.add_key(key.clone()).await?;
    context.changed().await?;
    let text = format!("took the key {}/{}; tokens that it signed count from now on", key.purpose, key.id);
    context.terminal.say(text, &describe(&key, std::slice::from_ref(&key), now))
}

/// A private key that another program signs with; its tokens count as ours do, by the claims that ours have.
async fn import_pem(context: &mut Context<'_>, sign: bool) -> Result<(), Failure> {
    let text = context.terminal.read_input(LONGEST_PEM)?;
    let pkcs8 = jwt::pkcs8_of_pem(&text).map_err(Failure::new)?;
    let signer = SigningKey::from_pkcs8(&pkcs8).map_err(Failure::new)?;
    let now = context.clock.now();
    let kid = signer.verifying().kid().cloned().ok_or_else(|| Failure::new("the key has no thumbprint"))?;
    let algorithm = signer.verifying().algorithm();
    if sign && algorithm != context.web.algorithm {
        let ours = context.web.algorithm.as_str();
        return Err(Failure::new(format_args!("the key is one for {}, and `algorithm` of [jwt] is {ours}", algorithm.as_str())));
    }
    let active_from = sign.then(|| now + PUBLISHED_AHEAD);
    let key = StoredKey {
        purpose: WEB_KEYS.into(),
        id: kid,
        secret: pkcs8.as_slice().into(),
        algorithm: Some(algorithm.as_str().into()),
        created: now,
        active_from,
        retired: None,
    };
    match active_from {
        Some(active) => {
            context.store.rotate_key(key.clone(), active + context.web.key_rules().overlap()).await?;
        }
        None => context.store.add_key(key.clone()).await?,
    }
    context.changed().await?;
    let then = active_from.map(|active| format!("; it signs from {} on", moment(active))).unwrap_or_default();
    let text = format!("took the key {}/{}; tokens that it signed count from now on{then}", key.purpose, key.id);
    context.terminal.say(text, &describe(&key, std::slice::from_ref(&key), now))
}

async fn retire(context: &mut Context<'_>, purpose: Purpose, id: &str) -> Result<(), Failure> {
    let now = context.clock.now();
    context.store.retire_key(purpose.name(), id, now).await?;
    context.changed().await?;
    let text = format!("retired the key {}/{}; the tokens that it signed have ended", purpose.name(), harmless(id));
    context.terminal.say(text, &json!({ "purpose": purpose.name(), "id": id, "retired": moment(now) }))
}

/// What a key is good for now, in words.
fn state(key: &StoredKey, all: &[StoredKey], now: Time) -> String {
    if let Some(end) = key.retired.filter(|end| *end <= now) {
        return format!("retired {}", moment(end));
    }
    let until = key.retired.map(|end| format!(" until {}", moment(end))).unwrap_or_default();
    if ![TOKEN_KEYS, WEB_KEYS, OAUTH_KEYS].contains(&&*key.purpose) {
        return "in use".to_owned();
    }
    let Some(from) = key.active_from else { return format!("verifies{until}") };
    if from > now {
        return format!("signs from {}", moment(from));
    }
    let signs = |other: &StoredKey| {
        *other.purpose == *key.purpose
            && other.retired.is_none_or(|end| now < end)
            && other.active_from.is_some_and(|at| at <= now)
    };
    // One that another replaced signs only until that one does.
    let rank = |key: &StoredKey| (key.retired.is_none(), key.active_from, Arc::clone(&key.id));
    let newer = all.iter().any(|other| signs(other) && rank(other) > rank(key));
    if newer { format!("verifies{until}") } else { "signs".to_owned() }
}

/// A key without its secret.
fn describe(key: &StoredKey, all: &[StoredKey], now: Time) -> Value {
    json!({
        "purpose": key.purpose,
        "id": key.id,
        "algorithm": key.algorithm,
        "created": moment(key.created),
        "age_seconds": now.since(key.created).as_secs(),
        "active_from": key.active_from.map(moment),
        "retired": key.retired.map(moment),
        "state": state(key, all, now),
    })
}
