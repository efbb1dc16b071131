//! What can only be seen across tables: rules that open what nothing closes, that never match, that guard nothing.

mod access;
mod certificates;
mod firewalls;
mod forward_auth;
mod methods;
mod oauth;
mod routes;
mod scopes;
mod sites;
mod verdicts;

use crate::{load::Draft, reader::Reader};

pub(crate) fn run(r: &mut Reader<'_>, draft: &Draft) {
    if draft.sound.access {
        access::check(r, draft);
    }
    if draft.sound.firewalls {
        firewalls::check(r, draft);
        certificates::check(r, draft);
        methods::check(r, draft);
        oauth::check(r, draft);
    }
    if draft.sound.sites {
        sites::check(r, draft);
    }
    if draft.sound.routes {
        routes::check(r, draft);
        if draft.sound.access {
            scopes::check(r, draft);
        }
        forward_auth::check(r, draft);
        verdicts::check(r, draft);
    }
}
