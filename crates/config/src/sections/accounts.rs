//! `[accounts]`.

use crate::{
    reader::{Reader, Span},
    settings::Accounts,
};
use std::time::Duration;
use toml::de::DeTable;

/// `mail`: whether mail is set up; `served`: where accounts are served, if they are.
pub(crate) fn read(r: &mut Reader<'_>, root: &DeTable<'_>, mail: bool, served: Option<Span>) -> Accounts {
    let section = r.section(Some(root), "accounts");
    let accounts = Accounts {
        confirm_email: r.flag(&section, "confirm_email", false),
        welcome_mail: r.flag(&section, "welcome_mail", false),
        reveal_accounts: r.flag(&section, "reveal_accounts", false),
        reset_lifetime: r.duration(&section, "reset_lifetime", Duration::from_secs(2 * 3600)),
        confirm_lifetime: r.duration(&section, "confirm_lifetime", Duration::from_secs(7 * 86_400)),
        reset_requests: r.count(&section, "reset_requests", 1, 5),
        reset_interval: r.duration(&section, "reset_interval", Duration::from_secs(600)),
        tax_classes: r.counts(&section, "tax_classes", 1, &[3]).into(),
    };
    for (key, wanted) in [("confirm_email", accounts.confirm_email), ("welcome_mail", accounts.welcome_mail)] {
        if wanted && !mail {
            r.error_with(
                section.place(key),
                format!("`{key}` needs mail, and none is set up"),
                "add [mail] with `url` and `from`",
            );
        }
    }
    if let Some(place) = served.filter(|_| !mail) {
        let message = "accounts are served without mail: nobody can set a forgotten password anew, and nobody is told of changes";
        r.warn(place, message, "add [mail] with `url` and `from`");
    }
    if accounts.reset_lifetime > Duration::from_secs(86_400) {
        let hint = "an hour or two is what people need";
        r.warn(section.place("reset_lifetime"), "links for another password that work for days are found by others", hint);
    }
    accounts
}
