//! Devices: what a person would call one, and how one that signed in before is known again.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::{Account, ports::Entropy};
use doorward_crypto::{hmac_sha256, random, same};

/// Which device: random, and the same as long as the device keeps its token.
pub(crate) type DeviceId = [u8; 16];

/// The longest token that is looked at: 22 + 43 characters and a dot.
const LONGEST: usize = 66;

/// A new device.
pub(crate) fn new_device(entropy: &dyn Entropy) -> DeviceId {
    random(entropy)
}

/// The token that a device of this account keeps in a cookie. It opens nothing: it only spares the device from being
/// slowed because of others.
pub(crate) fn token(key: &[u8], account: &Account, device: &DeviceId) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(device), URL_SAFE_NO_PAD.encode(seal(key, account, device)))
}

/// The device, if the token is ours and was given for this very account.
pub(crate) fn known(key: &[u8], account: &Account, token: &str) -> Option<DeviceId> {
    let (device, presented) = token.split_once('.').filter(|_| token.len() <= LONGEST)?;
    let device: DeviceId = URL_SAFE_NO_PAD.decode(device).ok()?.try_into().ok()?;
    let presented = URL_SAFE_NO_PAD.decode(presented).ok()?;
    same(&presented, &seal(key, account, &device)).then_some(device)
}

fn seal(key: &[u8], account: &Account, device: &DeviceId) -> [u8; 32] {
    let mut message = b"doorward device v1\0".to_vec();
    message.extend_from_slice(device);
    message.extend_from_slice(&account.id.to_be_bytes());
    message.extend_from_slice(account.kind.as_str().as_bytes());
    message.push(0);
    message.extend_from_slice(account.directory.as_bytes());
    hmac_sha256(key, &message)
}

/// What a person would call the device, such as `Firefox on Linux`. Only words of our own ever come out, so that the
/// label can be shown and logged.
pub fn label(user_agent: Option<&str>) -> &'static str {
    // What claims to be several names the most particular one first.
    const BROWSERS: [(&str, usize); 9] = [
        ("Edg", 1),
        ("OPR/", 2),
        ("Firefox/", 3),
        ("FxiOS/", 3),
        ("Chrome/", 4),
        ("CriOS/", 4),
        ("Safari/", 5),
        ("curl/", 6),
        ("Wget/", 7),
    ];
    const SYSTEMS: [(&str, usize); 8] = [
        ("Android", 1),
        ("iPhone", 2),
        ("iPad", 3),
        ("Windows", 4),
        ("Macintosh", 5),
        ("Mac OS X", 5),
        ("CrOS", 6),
        ("Linux", 7),
    ];
    // No long header is searched.
    let agent = user_agent.map_or("", |agent| agent.get(..512).unwrap_or(if agent.len() > 512 { "" } else { agent }));
    let find = |words: &[(&str, usize)]| words.iter().find(|(word, _)| agent.contains(word)).map_or(0, |(_, which)| *which);
    LABELS.get(find(&BROWSERS)).and_then(|row| row.get(find(&SYSTEMS))).copied().unwrap_or("unknown device")
}

macro_rules! row {
    ($browser:literal) => {
        [
            $browser,
            concat!($browser, " on Android"),
            concat!($browser, " on iPhone"),
            concat!($browser, " on iPad"),
            concat!($browser, " on Windows"),
            concat!($browser, " on macOS"),
            concat!($browser, " on ChromeOS"),
            concat!($browser, " on Linux"),
        ]
    };
}

/// By browser and system, unknown first.
const LABELS: [[&str; 8]; 8] = [
    ["unknown device", "Android", "iPhone", "iPad", "Windows", "macOS", "ChromeOS", "Linux"],
    row!("Edge"),
    row!("Opera"),
    row!("Firefox"),
    row!("Chrome"),
    row!("Safari"),
    row!("curl"),
    row!("Wget"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::account;
    use doorward_core::Kind;
    use doorward_crypto::system::SystemEntropy;

    #[test]
    fn a_device_is_called_as_people_call_it() {
        for (agent, expected) in [
            (Some("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"), "Firefox on Linux"),
            (
                Some(
                    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0",
                ),
                "Edge on Windows",
            ),
            (
                Some("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36"),
                "Chrome on Android",
            ),
            (
                Some(
                    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/604.1",
                ),
                "Safari on iPhone",
            ),
            (Some("curl/8.5.0"), "curl"),
            (Some("<script>\n"), "unknown device"),
            (Some(""), "unknown device"),
            (None, "unknown device"),
        ] {
            assert_eq!(label(agent), expected, "{agent:?}");
        }
        assert_eq!(label(Some(&format!("Firefox/1 Linux {}", "x".repeat(100_000)))), "Firefox on Linux");
        assert_eq!(label(Some(&"é".repeat(1000))), "unknown device");
    }

    #[test]
    fn a_token_is_bound_to_key_and_account() {
        let (anna, bob) = (account(Kind::Admin, 1, "anna"), account(Kind::Admin, 2, "bob"));
        let device = new_device(&SystemEntropy);
        let text = token(b"key", &anna, &device);
        assert_eq!(known(b"key", &anna, &text), Some(device));
        assert_eq!(known(b"other", &anna, &text), None);
        assert_eq!(known(b"key", &bob, &text), None);
        // Another login of the same account is the same account; the same id elsewhere is not.
        assert_eq!(known(b"key", &account(Kind::Admin, 1, "ann"), &text), Some(device));
        assert_eq!(known(b"key", &account(Kind::Customer, 1, "anna"), &text), None);
        for odd in ["", ".", "a.b", &text[1..], &format!("{text}A"), &"x".repeat(10_000)] {
            assert_eq!(known(b"key", &anna, odd), None, "{odd}");
        }
    }
}
