//! The tables of `doorward.toml`, one file for each kind of thing.

pub(crate) mod access;
pub(crate) mod accounts;
pub(crate) mod api;
pub(crate) mod basic;
pub(crate) mod certificate;
pub(crate) mod directory;
pub(crate) mod firewall;
pub(crate) mod forward_auth;
pub(crate) mod integration;
pub(crate) mod introspection;
pub(crate) mod issuer;
pub(crate) mod jwt;
pub(crate) mod mail;
pub(crate) mod oauth;
pub(crate) mod operation;
pub(crate) mod provider;
pub(crate) mod server;
pub(crate) mod storage;
pub(crate) mod store_view;
pub(crate) mod tls;
pub(crate) mod tokens;
pub(crate) mod upstream;
pub(crate) mod upstream_exchange;
pub(crate) mod upstream_identity;
pub(crate) mod web;
