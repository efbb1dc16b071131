//! Links: made, looked at, and what they say.

use super::AccountRules;
use crate::Auth;
use doorward_core::{
    Time,
    mail::{About, Invitation},
    policy::Directory,
    ports::{AccountRecord, Link, LinkKey, LinkPurpose, StoreError},
};
use doorward_crypto::{session_id, sha256};

/// Whose link it must be, besides that the token is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose<'a> {
    /// Whoever has the token.
    Bearer,
    /// The account with this e-mail address or login, whatever its case.
    Named(&'a str),
    /// The account with this id.
    Id(u64),
}

/// What a token is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// It can be redeemed, by this account.
    Good(Box<AccountRecord>),
    /// It could have been, until now.
    Expired,
    /// Nobody was given it, it was used, another one took its place, or it is somebody else's.
    Unknown,
}

impl Auth {
    /// What a token is good for; nothing changes.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn link_state(
        &self,
        purpose: LinkPurpose,
        directory: &Directory,
        whose: Whose<'_>,
        token: &str,
    ) -> Result<LinkState, StoreError> {
        let Some(key) = key(purpose, token) else { return Ok(LinkState::Unknown) };
        let Some(link) = self.store().link(purpose, &key).await? else { return Ok(LinkState::Unknown) };
        let Some(record) = self.store().account(link.kind, link.account).await? else { return Ok(LinkState::Unknown) };
        if !record.enabled || !is_of(&record, directory, whose) {
            return Ok(LinkState::Unknown);
        }
        Ok(if self.clock().now() < link.expires { LinkState::Good(Box::new(record)) } else { LinkState::Expired })
    }

    /// Makes a link for an account and sends it. Earlier ones for the same purpose end.
    pub(super) async fn invite(&self, record: &AccountRecord, purpose: LinkPurpose) -> Result<(), StoreError> {
        let rules = self.account_rules();
        let token = session_id::generate(self.entropy());
        let Some(key) = key(purpose, &token) else { return Ok(()) };
        let now = self.clock().now();
        let (page, lifetime) = match purpose {
            LinkPurpose::Confirm => ("confirm", rules.confirm_lifetime),
            LinkPurpose::Reset => ("password", rules.reset_lifetime),
        };
        let account = &record.account;
        let link = Link { purpose, key, kind: account.kind, account: account.id, created: now, expires: now + lifetime };
        self.store().put_link(link).await?;
        let link = url(&rules, page, &account.directory, &token).into();
        let invitation = Invitation { link, token: token.into(), lifetime };
        self.mail_to(
            record,
            match purpose {
                LinkPurpose::Confirm => About::Confirm(invitation),
                LinkPurpose::Reset => About::Reset(invitation),
            },
        );
        Ok(())
    }

    /// Forgets links that expired a day ago; until then whoever comes late is told so.
    pub(crate) async fn purge_links(&self, now: Time) -> Result<u64, StoreError> {
        self.store().purge_links(Time(now.0.saturating_sub(86_400_000))).await
    }
}

/// The page of a link.
fn url(rules: &AccountRules, page: &str, directory: &str, token: &str) -> String {
    format!("{}/{page}/{directory}/{token}", rules.public_url)
}

/// What is stored of a token; none for what cannot be one, which is never looked up. The purpose is part of the hash.
pub(super) fn key(purpose: LinkPurpose, token: &str) -> Option<LinkKey> {
    session_id::is_well_formed(token)
        .then(|| LinkKey(sha256(format!("doorward link v1\0{}\0{token}", purpose.as_str()).as_bytes())))
}

fn is_of(record: &AccountRecord, directory: &Directory, whose: Whose<'_>) -> bool {
    let account = &record.account;
    let named = |name: &str| {
        let name = name.to_lowercase();
        account.login.to_lowercase() == name || record.email.as_ref().is_some_and(|email| email.to_lowercase() == name)
    };
    *account.directory == *directory.name
        && account.kind == directory.kind
        && match whose {
            Whose::Bearer => true,
            Whose::Named(name) => named(name),
            Whose::Id(id) => account.id == id,
        }
}
