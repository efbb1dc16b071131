//! Providers that change their keys, and those whose certificates no system vouches for.

use super::{Idp, eventually, sign_in, site, status};
use crate::{support::upstream::Upstream, tls::Authority};

const CREATE: &str = "link = \"create\"\nroles_claim = \"groups\"\n[provider.roles]\nstaff = \"sellers\"\n";

#[test]
fn people_sign_in_whatever_key_the_provider_has_now() {
    let (upstream, mut idp) = (Upstream::start(), Idp::start());
    let site = site(&upstream, &idp.issuer, CREATE);
    let server = site.serve();
    idp.serve(&server);
    let mut sessions = vec![sign_in(&server, &idp, "ben").cookie("doorward_admins").unwrap()];
    for algorithm in ["RS256", "PS256", "ES384", "EdDSA"] {
        idp.restart(algorithm);
        // Another key is asked for a few seconds after the last question.
        let reply = eventually(&format!("a sign-in by {algorithm}"), || {
            let reply = sign_in(&server, &idp, "ben");
            assert!(matches!(reply.status, 303 | 403), "{reply:?}\n{}", server.log());
            (reply.status == 303).then_some(reply)
        });
        sessions.push(reply.cookie("doorward_admins").unwrap());
    }
    for session in sessions {
        assert_eq!(status(&server, &session), 200, "who had signed in stays signed in");
    }
    assert_eq!(site.ok(&["identity", "list", "--json"], "").json().as_array().unwrap().len(), 1, "it is one person");
}

#[test]
fn a_provider_whom_only_its_own_authority_vouches_for_is_asked_over_tls() {
    let upstream = Upstream::start();
    let certificates = tempfile::tempdir().unwrap();
    let (authority, other) = (Authority::root(certificates.path(), "ca"), Authority::root(certificates.path(), "other"));
    let mut idp = Idp::secure(&authority, certificates.path());
    let believing = |authority: &Authority| format!("ca = \"{}\"\n{CREATE}", authority.file().display());
    let site = site(&upstream, &idp.issuer, &believing(&authority));
    let server = site.serve();
    idp.serve(&server);
    let reply = sign_in(&server, &idp, "ben");
    assert_eq!((reply.status, reply.header("location")), (303, Some("/orders")), "{reply:?}\n{}", server.log());
    assert_eq!(status(&server, &reply.cookie("doorward_admins").unwrap()), 200);
    // Whoever else says to be it, and the authorities of the system, count for nothing.
    for more in [believing(&other), CREATE.to_owned()] {
        let server = super::site(&upstream, &idp.issuer, &more).serve();
        let reply = server.get("/oauth2/connect/idp", "Sec-Fetch-Site: same-origin\r\n");
        assert_eq!(reply.status, 503, "{reply:?}");
        let log = server.logged("its discovery document cannot be asked");
        assert!(log.contains("cannot be trusted"), "{log}");
    }
}
