//! `[tokens]`.

use crate::{
    reader::Reader,
    settings::{TokenFormat, Tokens},
};
use std::time::Duration;
use toml::de::DeTable;

/// The longest life of a token: a key that another one replaces must be kept for as long.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

pub(crate) fn read(r: &mut Reader<'_>, root: &DeTable<'_>) -> Tokens {
    let section = r.section(Some(root), "tokens");
    let formats = [("jwt", TokenFormat::Jwt), ("opaque", TokenFormat::Opaque)];
    let format = r.word(&section, "format", &formats, TokenFormat::Jwt);
    let hour = Duration::from_secs(3600);
    // magento-webapi 6.4 and 6.5: the documented four hours are those of opaque tokens.
    let admin = match format {
        TokenFormat::Jwt => hour,
        TokenFormat::Opaque => 4 * hour,
    };
    let tokens = Tokens {
        format,
        customer_lifetime: r.duration(&section, "customer_lifetime", hour),
        admin_lifetime: r.duration(&section, "admin_lifetime", admin),
        max_failures: r.count(&section, "max_failures", 1, 6),
        lock: r.duration(&section, "lock", hour / 2),
        integration_bearer: r.flag(&section, "integration_bearer", false),
    };
    for (key, lifetime) in [("customer_lifetime", tokens.customer_lifetime), ("admin_lifetime", tokens.admin_lifetime)] {
        if lifetime < Duration::from_secs(1) || lifetime > LONGEST {
            r.error(section.place(key), "a token lasts from a second to 30 days");
        }
    }
    tokens
}
