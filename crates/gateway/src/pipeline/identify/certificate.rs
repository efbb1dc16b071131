//! A client's certificate, which was verified when it was shown, or by a proxy that is believed.

use super::{Identified, Known, Proved, SignIn, is_asked, website};
use crate::api::{Asked, bounded};
use doorward_auth::{HolderAsked, HolderError, LiveHolder, SignInError, Why};
use doorward_core::{Found, Offer, Policy, firewall::Firewall};
use std::sync::Arc;

/// For the audit log: who has the certificate proves that they have its key.
const METHOD: &str = "certificate pop";

/// The account that it names, exactly; browsers send it by themselves, so guards look at where a request comes from.
pub(super) async fn identify(
    known: Known<'_>,
    policy: &Policy,
    asked: Asked<'_>,
    found: &Found<'_>,
    firewall: &Firewall,
) -> Identified {
    let Some(certificate) = asked.certificate else { return Identified::absent() };
    let owner = match certificate.owner(known.holders.now()) {
        Ok(owner) => owner,
        Err(why) => return Identified::offered(Offer::Refused(why)),
    };
    let website = website(policy, &asked, found);
    let question = HolderAsked { directories: &firewall.directories, login: &owner, website };
    let answer = match known.holders.remembered_holder(question) {
        Some(live) => Ok(live),
        None => known.holders.find_holder(question).await,
    };
    match answer {
        Ok(live) => proved(known, policy, firewall, live),
        Err(HolderError::Refused { why, account }) => {
            let mut identified = Identified::offered(Offer::Refused(text(why)));
            let outcome = Err(SignInError::Invalid { why, account });
            let sign_in = || Box::new(SignIn { login: bounded(&owner, 128).to_owned(), method: METHOD, outcome });
            identified.signed_in = known.holders.take_refusal(question).then(sign_in);
            identified
        }
        Err(HolderError::Unavailable(error)) => Identified::offered(Offer::Unavailable(error.to_string().into())),
    }
}

fn proved(known: Known<'_>, policy: &Policy, firewall: &Firewall, live: Arc<LiveHolder>) -> Identified {
    let account = live.account();
    if !is_asked(policy, firewall, &account) {
        return Identified::offered(Offer::Refused("its account is of a directory that the firewall does not ask"));
    }
    let news = live.take_news(known.holders.now());
    let sign_in = || Box::new(SignIn { login: account.login.as_ref().to_owned(), method: METHOD, outcome: Ok(account) });
    Identified { signed_in: news.then(sign_in), ..Identified::proved(Proved::Certificate(live), true) }
}

/// For the operator.
fn text(why: Why) -> &'static str {
    match why {
        Why::Disabled => "the account is disabled",
        Why::Excluded => "the account's group is kept out of the website",
        Why::Unconfirmed => "the account's e-mail address was not confirmed yet",
        Why::Changed => "the account changed meanwhile",
        _ => "no directory of the firewall has an account of the name in the certificate",
    }
}
