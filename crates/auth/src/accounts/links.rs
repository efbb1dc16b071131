//! Links: made, looked at, and what they say.

use super::AccountRules;
use crate::Auth;
use doorward_core::{
    Account, Time,
    mail::{About, Invitation},
    policy::Directory,
    ports::{AccountRecord, Link, LinkKey, LinkPurpose, StoreError},
    stores::{self, StoreView},
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

    /// Makes a link for an account and sends it. Earlier ones for the same purpose end. Where the address of the account is
    /// another one by now, none is made. `base` is as of [`Auth::request_reset`].
    pub(super) async fn invite(&self, record: &AccountRecord, purpose: LinkPurpose, base: &str) -> Result<(), StoreError> {
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
        self.store().put_link(link, record.email.clone()).await?;
        let link = url(&rules, (base, page), account, &token).into();
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

/// The page of a link, where the account signs in: at the host of its view or, without one, where the path names it if the
/// public URL stands for another website; else below the path of the site.
fn url(rules: &AccountRules, (base, page): (&str, &str), account: &Account, token: &str) -> String {
    let (url, directory) = (&*rules.public_url, &*account.directory);
    let home = rules.stores.as_ref().zip(account.membership.as_ref());
    match home.and_then(|(stores, membership)| Some((stores, stores.home_of(membership)?))) {
        Some((_, StoreView { host: Some(host), .. })) => format!("{}/{page}/{directory}/{token}", stores::moved_to(url, host)),
        Some((views, view)) if views.at_host(stores::host_of(url)).website_id != view.website_id => {
            format!("{url}/{}/{page}/{directory}/{token}", view.code)
        }
        _ => format!("{url}{base}/{page}/{directory}/{token}"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::{
        Kind, Membership,
        stores::{Sharing, Stores},
    };

    #[test]
    fn a_link_leads_to_where_the_account_signs_in() {
        let view = |code: &str, id: u32, website_id: u32, host: Option<&str>| StoreView {
            code: code.into(),
            id,
            name: code.into(),
            website: format!("site{website_id}").into(),
            website_id,
            host: host.map(Into::into),
        };
        let others = vec![
            view("fr", 2, 1, None),
            view("us", 3, 2, None),
            view("uk", 4, 3, Some("uk.example.com")),
            view("uk_b", 5, 3, None),
        ];
        let stores = Stores::new(view("default", 1, 1, None), others, Sharing::Website);
        for (public, website, store, expected) in [
            ("https://shop.example.com", 1, 1, "https://shop.example.com/confirm/customers/T"),
            ("https://shop.example.com", 1, 2, "https://shop.example.com/confirm/customers/T"),
            ("https://shop.example.com", 2, 3, "https://shop.example.com/us/confirm/customers/T"),
            ("https://shop.example.com:8443", 3, 4, "https://uk.example.com:8443/confirm/customers/T"),
            ("https://shop.example.com", 3, 5, "https://shop.example.com/uk_b/confirm/customers/T"),
            ("https://shop.example.com", 9, 9, "https://shop.example.com/confirm/customers/T"),
            ("https://uk.example.com", 3, 5, "https://uk.example.com/confirm/customers/T"),
            ("https://uk.example.com", 1, 1, "https://uk.example.com/default/confirm/customers/T"),
            ("http://[::1]:8080", 2, 3, "http://[::1]:8080/us/confirm/customers/T"),
            ("http://[::1]", 3, 4, "http://uk.example.com/confirm/customers/T"),
        ] {
            let account = Account {
                directory: "customers".into(),
                kind: Kind::Customer,
                id: 1,
                login: "a".into(),
                roles: Vec::new(),
                membership: Some(Membership { website, store, group: 1 }),
            };
            let rules = AccountRules { public_url: public.into(), stores: Some(stores.clone()), ..AccountRules::default() };
            assert_eq!(url(&rules, ("", "confirm"), &account, "T"), expected, "{public} {website} {store}");
            let alone = AccountRules { stores: None, ..rules };
            assert_eq!(url(&alone, ("", "confirm"), &account, "T"), format!("{public}/confirm/customers/T"));
            let below = url(&alone, ("/desk", "password"), &account, "T");
            assert_eq!(below, format!("{public}/desk/password/customers/T"));
        }
    }
}
