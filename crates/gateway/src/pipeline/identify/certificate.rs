//! A client's certificate, which was verified when it was shown, or by a proxy that is believed.

use super::{Identified, Known, Proved, is_asked};
use crate::api::Asked;
use doorward_auth::{HolderAsked, HolderError};
use doorward_core::{Offer, Policy, firewall::Firewall};

/// The account that it names, exactly; browsers send it by themselves, so guards look at where a request comes from.
pub(super) async fn identify(known: Known<'_>, policy: &Policy, asked: Asked<'_>, firewall: &Firewall) -> Identified {
    let Some(certificate) = asked.certificate else { return Identified::absent() };
    let owner = match certificate.owner(known.holders.now()) {
        Ok(owner) => owner,
        Err(why) => return Identified::offered(Offer::Refused(why)),
    };
    let question = HolderAsked { directories: &firewall.directories, login: &owner };
    let found = match known.holders.remembered_holder(question) {
        Some(live) => Ok(live),
        None => known.holders.find_holder(question).await,
    };
    match found {
        Ok(live) if is_asked(policy, firewall, &live.account()) => Identified::proved(Proved::Certificate(live), true),
        Ok(_) => Identified::offered(Offer::Refused("its account is of a directory that the firewall does not ask")),
        Err(HolderError::Refused(why)) => Identified::offered(Offer::Refused(why)),
        Err(HolderError::Unavailable(error)) => Identified::offered(Offer::Unavailable(error.to_string().into())),
    }
}
