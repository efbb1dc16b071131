//! `doorward init`: a complete configuration of the proxy in front, for the present `doorward.toml`.
//!
//! One [`Plan`] says what has to be true in front of Doorward; each proxy's file says it in that proxy's words.

mod caddy;
mod envoy;
mod haproxy;
mod nginx;
mod plan;
#[cfg(test)]
mod tests;
mod traefik;

use super::{
    args::{ConfigFile, InitArgs},
    sound,
    terminal::{Answer, Failure, Terminal},
};
use clap::ValueEnum;
use doorward_core::{firewall::Authentication, forward_auth::Convention};
use plan::Plan;
use serde_json::json;

/// The proxy that is to be configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Proxy {
    /// nginx, with ngx_http_auth_request_module
    Nginx,
    /// Caddy
    Caddy,
    /// Traefik, as a file of its file provider
    Traefik,
    /// HAProxy, with Lua
    Haproxy,
    /// Envoy
    Envoy,
}

/// Prints what the proxy is to do.
pub(crate) fn run(arguments: &InitArgs, terminal: &mut Terminal) -> Result<Answer, Failure> {
    if arguments.lua && arguments.proxy != Proxy::Haproxy {
        return Err(Failure::usage("`--lua` prints the script that HAProxy loads; no other proxy does"));
    }
    let path = arguments.config.path.clone();
    let config = sound(&ConfigFile { path: path.clone() }, terminal)?;
    let plan = Plan::new(&config, arguments.proxy, &path)?;
    if config.policy.firewalls.iter().any(|firewall| firewall.authentication == Authentication::Certificate) {
        terminal.warn(
            "note: what is printed passes no client certificates on: see 'A proxy ends TLS' about firewalls that read them",
        )?;
    }
    let sites = &config.policy.sites.all;
    if sites.iter().any(|site| site.policy.upstreams.len() != config.policy.upstreams.len()) {
        terminal.warn(
            "note: what is printed chooses a service by its path alone: where `site` of an [[upstream]] does, too, let the proxy \
             choose that one by the host or the path of the site",
        )?;
    }
    let text = match arguments.proxy {
        Proxy::Nginx => nginx::render(&plan),
        Proxy::Caddy => caddy::render(&plan),
        Proxy::Traefik => traefik::render(&plan),
        Proxy::Haproxy if arguments.lua => haproxy::SCRIPT.to_owned(),
        Proxy::Haproxy => haproxy::render(&plan),
        Proxy::Envoy => envoy::render(&plan),
    };
    terminal.say(text.trim_end(), &json!({ "proxy": arguments.proxy.name(), "configuration": text }))?;
    Ok(Answer::Done)
}

impl Proxy {
    /// How it asks.
    fn convention(self) -> Convention {
        match self {
            Proxy::Nginx => Convention::Nginx,
            Proxy::Caddy => Convention::Caddy,
            Proxy::Traefik => Convention::Traefik,
            Proxy::Haproxy => Convention::Haproxy,
            Proxy::Envoy => Convention::Envoy,
        }
    }

    /// The word for it, here and in `convention`.
    fn name(self) -> &'static str {
        self.convention().as_str()
    }
}
