//! Secrets of clients: made here, or given, and shown once.

use super::show::{describe, find};
use crate::cli::{context::Context, terminal::Failure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::ports::{Client, ClientChange};
use doorward_crypto::random;
use doorward_oauth::rfc6749::client::hash_secret;

/// How long a secret is that somebody else made, in bytes.
const SECRET: std::ops::RangeInclusive<usize> = 32..=512;

pub(super) async fn rotate(context: &mut Context<'_>, id: &str, secret_stdin: bool) -> Result<(), Failure> {
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
pub(super) fn tell(context: &mut Context<'_>, done: String, client: &Client, secret: Option<Secret>) -> Result<(), Failure> {
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
pub(super) struct Secret {
    pub(super) text: String,
    made: bool,
}

pub(super) fn secret(context: &mut Context<'_>, from_input: bool) -> Result<Secret, Failure> {
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
