//! What may be written on the command line.

use super::{
    client::ClientCommand, identity::IdentityCommand, import::MissingRoles, init::Proxy, key::KeyCommand, role::RoleCommand,
    session::SessionCommand, token::TokenCommand, user::UserCommand,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

/// The front door of an HTTP API: it authenticates every request, decides from readable rules, and passes it on.
#[derive(Debug, Parser)]
#[command(name = "doorward", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 done or permit, 1 refused, not found or unsound, 2 wrong usage.\n\n\
Begin with:\n  doorward demo")]
pub(crate) struct Cli {
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which configuration.
#[derive(Args, Debug)]
pub(crate) struct ConfigFile {
    /// The configuration file
    #[arg(long = "config", short = 'c', value_name = "FILE", global = true, default_value = "doorward.toml")]
    pub(crate) path: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve a sample API with sample accounts and rules, needing nothing
    ///
    /// The store is a temporary database that is removed at the end. Prints the public URL, then curl lines to try.
    #[command(after_help = "Examples:\n  doorward demo\n  doorward demo --listen 127.0.0.1:0")]
    Demo {
        /// Where to listen; port 0 picks one
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
    },
    /// Serve as the configuration says
    ///
    /// Prints `ready URL operations URL` on standard output when it can serve; logs go to standard error. SIGTERM and
    /// Ctrl-C drain and end it; SIGHUP, or a changed file, makes it read its configuration again.
    #[command(after_help = "Example:\n  doorward serve --config doorward.toml")]
    Serve {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Say what is wrong or unwise in a configuration and all files that it names
    #[command(after_help = "Examples:\n  doorward check --config doorward.toml\n  doorward check --config doorward.toml --json")]
    Check {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Print a complete configuration of the proxy in front, for the present doorward.toml
    ///
    /// The proxy asks Doorward about each request before it passes it on, sends to it what it answers itself, and clears every
    /// header by which a client could say who it is. What doorward.toml lacks for that is said.
    #[command(after_help = "Examples:\n  doorward init nginx --config doorward.toml > /etc/nginx/conf.d/doorward.conf\n  \
doorward init haproxy --lua > /etc/haproxy/doorward.lua")]
    Init(InitArgs),
    /// Show step by step how a request would be decided, and which line decides
    ///
    /// Exit code 0 is a permit, 1 a refusal.
    #[command(after_help = "Examples:\n  doorward explain --config doorward.toml GET /rest/V1/customers/me\n  \
doorward explain GET https://shop.example.com/orders/7 --as customers/jane@example.com\n  \
doorward explain POST /orders --as admins/admin --header 'X-Requested-With: XMLHttpRequest'")]
    Explain(ExplainArgs),
    /// Manage accounts
    #[command(after_help = "Examples:\n  \
printf '%s' \"$PASSWORD\" | doorward user add admins/admin --role editors --password-stdin\n  \
doorward user list --json\n  doorward user disable customers/jane@example.com")]
    User {
        #[command(subcommand)]
        command: UserCommand,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Manage roles and the resources that they grant
    #[command(after_help = "Examples:\n  doorward role add sales --allow Magento_Sales::sales\n  doorward role show sales")]
    Role {
        #[command(subcommand)]
        command: RoleCommand,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// List and end sessions
    #[command(after_help = "Examples:\n  doorward session list\n  doorward session end --account customers/jane@example.com")]
    Session {
        #[command(subcommand)]
        command: SessionCommand,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Say who people are at OpenID providers
    #[command(after_help = "Examples:\n  \
doorward identity add admins/jane --issuer https://idp.example.com --subject 248289761001\n  \
doorward identity list --account admins/jane\n  doorward identity delete admins/jane --issuer https://idp.example.com")]
    Identity {
        #[command(subcommand)]
        command: IdentityCommand,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Bring accounts, roles and tokens of another program
    ///
    /// Password hashes are taken as the other program stored them. A bad row is said with its line and left out. An import
    /// that was killed goes on where it was when it is started again; the same data is not taken in twice.
    #[command(after_help = "Examples:\n  doorward import customers users.csv --dry-run\n  \
doorward import customers customer_entity.csv --mapping magento/customer_entity\n  \
doorward import admins people.ldif --mapping ldap\n  doorward import customers people.csv --mapping people.toml")]
    Import(ImportArgs),
    /// Manage the clients of the authorization server
    #[command(after_help = "Examples:\n  doorward client add nightly-report --scope orders\n  \
doorward client add app --public --redirect-uri http://127.0.0.1/callback\n  doorward client rotate-secret nightly-report")]
    Client {
        #[command(subcommand)]
        command: ClientCommand,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Issue and end bearer tokens
    #[command(after_help = "Examples:\n  doorward token issue programs/erp\n  doorward token revoke customers/jane@example.com")]
    Token {
        #[command(subcommand)]
        command: TokenCommand,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// List, replace and take in keys
    #[command(after_help = "Examples:\n  doorward key list\n  doorward key rotate token\n  \
printf '%s' \"$CRYPT_KEY\" | doorward key import token --magento-crypt-key-stdin")]
    Key {
        #[command(subcommand)]
        command: KeyCommand,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
    /// Print the manual page of doorward or of one of its commands, or write all of them
    Man {
        /// The command, such as `user add`
        #[arg(value_name = "COMMAND")]
        command: Vec<String>,
        /// Write the pages of all commands into this folder
        #[arg(long, value_name = "DIR", conflicts_with = "command")]
        output: Option<PathBuf>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    pub(crate) config: ConfigFile,
    /// The proxy
    #[arg(value_name = "PROXY")]
    pub(crate) proxy: Proxy,
    /// Print the script that HAProxy's configuration loads
    #[arg(long)]
    pub(crate) lua: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    pub(crate) config: ConfigFile,
    /// The directory that the accounts are of
    #[arg(value_name = "DIRECTORY")]
    pub(crate) directory: String,
    /// The file
    #[arg(value_name = "DATA")]
    pub(crate) data: PathBuf,
    /// How the file is to be read [default: by the end of its name]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<DataFormat>,
    /// Which column is what: a mapping file, or one of those that are ready, such as `keycloak` [default: the columns id,
    /// login, email, password_hash and roles]
    #[arg(long, value_name = "FILE|NAME")]
    pub(crate) mapping: Option<String>,
    /// Magento's authorization_role, where the mapping needs it [default: the one beside the data]
    #[arg(long, value_name = "FILE")]
    pub(crate) roles: Option<PathBuf>,
    /// What happens to a row whose role there is not
    #[arg(long, value_name = "WHAT", default_value = "refuse")]
    pub(crate) missing_roles: MissingRoles,
    /// A name that templates of the mapping use; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub(crate) set: Vec<(String, String)>,
    /// Say what would happen, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Begin at the first row again, whatever an earlier run did
    #[arg(long)]
    pub(crate) restart: bool,
}

/// How a file is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataFormat {
    /// Values separated by commas
    Csv,
    /// One JSON object a line
    Jsonl,
    /// One JSON document with a list
    Json,
    /// Entries of an LDAP directory
    Ldif,
}

impl From<DataFormat> for doorward_import::Format {
    fn from(format: DataFormat) -> Self {
        match format {
            DataFormat::Csv => Self::Csv,
            DataFormat::Jsonl => Self::Jsonl,
            DataFormat::Json => Self::Json,
            DataFormat::Ldif => Self::Ldif,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) config: ConfigFile,
    /// The HTTP method
    #[arg(value_name = "METHOD")]
    pub(crate) method: String,
    /// An absolute URL, or a path on the host of `public_url`
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Decide as for a live session of this account
    #[arg(long = "as", value_name = "DIRECTORY/LOGIN", value_parser = account_name)]
    pub(crate) account: Option<AccountName>,
    /// The credential that the account carries; without it, a session's cookie, or what the firewall for that one reads
    #[arg(long, value_name = "CREDENTIAL", requires = "account")]
    pub(crate) with: Option<With>,
    /// What the account's access token is good for; may be repeated. Without it, for all scopes that rules demand
    #[arg(long = "scope", value_name = "SCOPE", requires = "account")]
    pub(crate) scopes: Vec<String>,
    /// Where the request comes from; forwarding headers are believed of a trusted proxy only
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) client: IpAddr,
    /// A header of the request; may be repeated
    #[arg(long = "header", short = 'H', value_name = "K: V", value_parser = header)]
    pub(crate) headers: Vec<(String, String)>,
}

/// A credential, as `when` of firewalls names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum With {
    /// The cookie of a live session, and its CSRF token.
    Cookie,
    /// A token that was issued just now.
    Bearer,
    /// Login and password.
    Basic,
    /// A client's certificate that names the account.
    Certificate,
}

/// `DIRECTORY/LOGIN`. Only the first slash separates: a login may hold more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccountName {
    /// The directory's name.
    pub(crate) directory: String,
    /// The sign-in name.
    pub(crate) login: String,
}

/// Reads `DIRECTORY/LOGIN`; a value parser for clap.
pub(crate) fn account_name(text: &str) -> Result<AccountName, String> {
    match text.split_once('/') {
        Some((directory, login)) if !directory.is_empty() && !login.is_empty() => {
            Ok(AccountName { directory: directory.to_owned(), login: login.to_owned() })
        }
        _ => Err("an account is written DIRECTORY/LOGIN, such as admins/admin".to_owned()),
    }
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it is written NAME=VALUE".to_owned()),
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err("a header is written 'Name: value'".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_slash_separates_directory_and_login() {
        let name = account_name("partners/acme/jane").unwrap();
        assert_eq!((&*name.directory, &*name.login), ("partners", "acme/jane"));
        for wrong in ["admin", "/admin", "admins/", ""] {
            assert!(account_name(wrong).is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn a_header_needs_a_name_and_may_have_an_empty_value() {
        assert_eq!(header("Origin: https://a.example"), Ok(("Origin".to_owned(), "https://a.example".to_owned())));
        assert_eq!(header("X-Empty:"), Ok(("X-Empty".to_owned(), String::new())));
        assert!(header(": value").is_err());
        assert!(header("nothing").is_err());
    }
}
