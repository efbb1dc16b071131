//! Moving in: what another program exported, read row by row and turned into what Doorward stores.
//!
//! ```text
//! file -> format (CSV, JSON Lines, JSON, LDIF) -> record -> mapping -> item: account, token, role, member, rule
//! ```
//! Nothing here holds more than one row, and nothing here writes: a caller is given each item with the place that it
//! came from, and a row that is bad is one bad row. No message repeats a password or its hash.

mod account;
mod formats;
mod mapping;
mod moment;
mod record;
mod roles;
mod row;
mod token;

pub use account::{Draft, Password};
pub use formats::{Broken, Format, Place};
pub use mapping::{Mapping, MappingError, READY, Rows};
pub use roles::{Group, Member, RoleBook, Rule};
pub use row::{Item, Row, Rower};
pub use token::Token;

/// What is wrong with a row; it continues "users.csv:17: ".
pub type Flaw = String;
