//! Moments as other programs write them.

use doorward_core::Time;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, UtcOffset};

/// A number of this many is milliseconds since 1970, a smaller one seconds: that is the year 5138.
const FEWEST_MILLISECONDS: u64 = 100_000_000_000;

/// `2024-01-31 13:45:00` and `2024-01-31T13:45:00.5+01:00` (UTC where no offset stands), `20240131134500Z` (LDAP), seconds or
/// milliseconds since 1970.
pub(crate) fn parse(text: &str) -> Option<Time> {
    if text.len() < 14 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: u64 = text.parse().ok()?;
        return Some(Time(if number >= FEWEST_MILLISECONDS { number } else { number.checked_mul(1000)? }));
    }
    let digits = |range: std::ops::Range<usize>| text.get(range).and_then(|part| part.parse::<u8>().ok());
    let year = text.get(..4)?.parse::<i32>().ok()?;
    let dashed = text.as_bytes().get(4) == Some(&b'-');
    let (month, day, clock) = if dashed { (digits(5..7)?, digits(8..10)?, 11) } else { (digits(4..6)?, digits(6..8)?, 8) };
    let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
    let (hour, minute, second, rest) = if dashed {
        if text.len() == 10 { (0, 0, 0, "") } else { (digits(clock..13)?, digits(14..16)?, digits(17..19)?, text.get(19..)?) }
    } else {
        (digits(clock..10)?, digits(10..12)?, digits(12..14)?, text.get(14..)?)
    };
    let moment = PrimitiveDateTime::new(date, time::Time::from_hms(hour, minute, second).ok()?);
    let millis = moment.assume_offset(offset(rest)?).unix_timestamp_nanos() / 1_000_000;
    let in_range = moment.year() >= OffsetDateTime::UNIX_EPOCH.year();
    in_range.then(|| u64::try_from(millis).ok()).flatten().map(Time)
}

/// What stands behind the seconds: a fraction, which does not count, and an offset.
fn offset(rest: &str) -> Option<UtcOffset> {
    let rest = rest.strip_prefix(['.', ',']).map_or(rest, |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit())).trim();
    if rest.is_empty() || matches!(rest, "Z" | "z" | "UTC" | "+00") {
        return Some(UtcOffset::UTC);
    }
    let sign = match rest.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = rest.get(1..)?.chars().filter(|c| *c != ':').collect();
    let hours: i8 = digits.get(..2)?.parse().ok()?;
    let minutes: i8 = digits.get(2..).filter(|minutes| !minutes.is_empty()).map_or(Some(0), |minutes| minutes.parse().ok())?;
    UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_moments_as_programs_write_them() {
        let noon = Some(Time(1_706_702_400_000));
        for text in [
            "2024-01-31 12:00:00",
            "2024-01-31T12:00:00Z",
            "2024-01-31T13:00:00+01:00",
            "2024-01-31 12:00:00.123456+00",
            "2024-01-31T07:00:00-0500",
            "20240131120000Z",
            "20240131120000.0Z",
            "1706702400",
            "1706702400000",
        ] {
            assert_eq!(parse(text), noon, "{text}");
        }
        assert_eq!(parse("2024-01-31"), Some(Time(1_706_659_200_000)));
        for text in
            ["", "never", "0000-00-00 00:00:00", "2024-13-01 00:00:00", "2024-01-31 25:00:00", "2024-01-31 12:00:00 CET", "1"]
        {
            assert_eq!(parse(text).filter(|time| time.0 > 1000), None, "{text}");
        }
    }
}
