//! `doorward check`.

use super::terminal::{Answer, Failure, Terminal};
use crate::{certificates, environment, kinds};
use doorward_assembly::{given_roles, integrations};
use doorward_config::{Config, Diagnostics, settings::StoreUrl};
use doorward_core::ports::Clock;
use doorward_crypto::system::SystemClock;
use doorward_store::Sqlite;
use serde_json::json;
use std::path::Path;

/// Says everything that is wrong or unwise.
pub(crate) fn run(path: &Path, terminal: &mut Terminal) -> Result<Answer, Failure> {
    let mut outcome = doorward_config::load(path, &environment);
    if let Some(config) = &outcome.config {
        let certificates = certificates::unwise(&config.settings, SystemClock.now(), path);
        for found in stored(config, path).iter().chain([&certificates]) {
            found.iter().for_each(|warning| outcome.diagnostics.push(warning.clone()));
        }
    }
    let (errors, warnings) = (outcome.diagnostics.errors(), outcome.diagnostics.warnings());
    let sound = outcome.config.is_some();
    if !terminal.json() {
        terminal.diagnose(&outcome.diagnostics)?;
    }
    let counts = format!("{}, {}", count(errors, "error"), count(warnings, "warning"));
    let (text, summary) = match &outcome.config {
        Some(config) => {
            let policy = &config.policy;
            let (routes, resources) = (policy.routes.native.len() + policy.routes.magento.len(), policy.resources.len());
            (
                format!("{} is sound: {counts}; {routes} routes, {resources} resources, policy {}", path.display(), policy.hash),
                json!({ "policy": &*policy.hash, "routes": routes, "resources": resources }),
            )
        }
        None => (format!("{} is unsound: {counts}", path.display()), json!({})),
    };
    let mut document = json!({
        "sound": sound, "errors": errors, "warnings": warnings, "problems": &outcome.diagnostics,
    });
    if let (Some(document), Some(summary)) = (document.as_object_mut(), summary.as_object()) {
        document.extend(summary.clone());
    }
    terminal.say(text, &document)?;
    Ok(if sound { Answer::Done } else { Answer::No })
}

/// What is in the store and does not fit: accounts of another kind, programs that are declared no more, roles that others give
/// and nobody made. Only a store that is there and can be read has something to say.
fn stored(config: &Config, path: &Path) -> [Diagnostics; 3] {
    match &config.settings.store {
        StoreUrl::Sqlite(store) if store.exists() => {
            let kinds = Sqlite::count_accounts(store).map(|counts| kinds::changed(&config.policy, &counts, path));
            let programs = Sqlite::programs_with_own_role(store);
            let forgotten = programs.map(|roles| integrations::forgotten(&roles, &config.settings.integrations, path));
            let roles = Sqlite::role_names(store).map(|there| given_roles::without_role(&config.settings, &there, path));
            [kinds.unwrap_or_default(), forgotten.unwrap_or_default(), roles.unwrap_or_default()]
        }
        StoreUrl::Sqlite(_) | StoreUrl::Memory => Default::default(),
    }
}

fn count(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}
