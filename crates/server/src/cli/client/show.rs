//! `doorward client list` and `show`.

use crate::cli::{
    context::Context,
    terminal::Failure,
    text::{Table, harmless, moment, suggestions},
};
use doorward_core::ports::{Client, Grant};
use serde_json::{Value, json};

pub(super) async fn list(context: &mut Context<'_>) -> Result<(), Failure> {
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

pub(super) async fn find(context: &Context<'_>, id: &str) -> Result<Client, Failure> {
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

pub(super) fn shown(client: &Client) -> String {
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
    lines.extend(client.certificate.iter().map(|name| format!("certified {name}")));
    if client.certificate_bound {
        lines.push("bound     its tokens are bound to its certificate".into());
    }
    lines.extend(client.registered.iter().map(|token| format!("registered itself with the token {token}")));
    lines.push(format!("made      {}", moment(client.created)));
    lines.join("\n")
}

/// A client without its secret.
pub(super) fn describe(client: &Client) -> Value {
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
        "certificate": client.certificate,
        "certificate_bound": client.certificate_bound,
        "registered": client.registered,
        "enabled": client.enabled,
        "created": moment(client.created),
        "updated": moment(client.updated),
    })
}
