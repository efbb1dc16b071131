//! Memory: accounts, roles, sessions and keys in SQLite.
