//! Durations and sizes. Errors continue the text they are about; a hint follows after a line break.

use std::time::Duration;

const YEAR: u64 = 365 * 24 * 3600;

/// `90s`, `30m`, `12h`, `7d`, `1h30m`: more than nothing, at most a hundred years.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const HINT: &str = "\nwrite a number and a unit: \"90s\", \"30m\", \"12h\", \"7d\", \"1h30m\"";
    let wrong = || format!("is no duration{HINT}");
    let mut seconds: u64 = 0;
    let mut rest = text;
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let unit = match tail.chars().next() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => 86400,
            _ => return Err(wrong()),
        };
        if number.is_empty() || unit >= last {
            return Err(wrong());
        }
        let part = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
        seconds = part
            .and_then(|part| seconds.checked_add(part))
            .filter(|s| *s <= 100 * YEAR)
            .ok_or("is longer than a hundred years")?;
        last = unit;
        rest = &tail[1..];
    }
    match (text.is_empty(), seconds) {
        (true, _) => Err(wrong()),
        (false, 0) => Err(format!("is no time at all{HINT}")),
        (false, seconds) => Ok(Duration::from_secs(seconds)),
    }
}

/// `4096`, `64KiB`, `8MiB`, `1GiB`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let shift = match unit {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err("is no size\nwrite bytes, or a number and a unit: \"64KiB\", \"8MiB\", \"1GiB\"".into()),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
    bytes
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "is no size\nwrite bytes, or a number and a unit: \"64KiB\", \"8MiB\", \"1GiB\"".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("12h", 43200), ("7d", 604_800), ("1h30m", 5400), ("1d1h1m1s", 90061)]
        {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in
            ["", "30", "m", "30 m", "-1s", "1.5h", "30m1h", "1h1h", "1w", "0s", "0h0m", "99999999999999999999s", "36501d", "30µ"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_sizes() {
        for (text, bytes) in [("1", 1), ("64KiB", 65536), ("8MiB", 8 << 20), ("1GiB", 1 << 30), ("5B", 5)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "KiB", "64KB", "64 KiB", "0", "-1", "99999999999GiB", "18446744073709551615KiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
