//! `--expires`: how long a key lives.

use std::str::FromStr;

use time::{Date, Duration, OffsetDateTime};

/// A span such as `12mo`, `30d`, `1y`, `6h`, or `never`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// Calendar months from now.
    Months(u16),
    /// A fixed number of seconds from now.
    Seconds(i64),
    /// Not at all.
    Never,
}

impl FromStr for Expiry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || {
            format!("`{text}` is not a span: write 12mo, 30d, 1y, 6h, 90s or never (at most 100y)")
        };
        if text == "never" {
            return Ok(Self::Never);
        }
        let digits = text.find(|character: char| !character.is_ascii_digit()).ok_or_else(fault)?;
        let count: u16 = text[..digits].parse().map_err(|_| fault())?;
        let expiry = match &text[digits..] {
            "s" => Self::Seconds(i64::from(count)),
            "h" => Self::Seconds(i64::from(count) * 3_600),
            "d" => Self::Seconds(i64::from(count) * 86_400),
            "mo" => Self::Months(count),
            "y" => Self::Months(count.checked_mul(12).ok_or_else(fault)?),
            _ => return Err(fault()),
        };
        let within = match expiry {
            Self::Months(months) => (1..=1_200).contains(&months),
            Self::Seconds(seconds) => (1..=36_525 * 86_400).contains(&seconds),
            Self::Never => true,
        };
        within.then_some(expiry).ok_or_else(fault)
    }
}

impl Expiry {
    /// The time at which a key made `now` ends; months end on the same day of the month, or on its
    /// last.
    pub(crate) fn after(self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        match self {
            Self::Never => None,
            Self::Seconds(seconds) => Some(now + Duration::seconds(seconds)),
            Self::Months(months) => {
                let month_index = i32::from(now.month() as u8) - 1 + i32::from(months);
                let year = now.year() + month_index / 12;
                let month = now.month().nth_next(u8::try_from(months % 12).unwrap_or(0));
                let day = now.day().min(month.length(year));
                // `day` exists in that month, so the date does.
                Date::from_calendar_date(year, month, day).ok().map(|date| now.replace_date(date))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn spans_are_read_and_counted_by_the_calendar() {
        let now = datetime!(2026-01-31 10:00 UTC);
        let cases = [
            ("12mo", Some(datetime!(2027-01-31 10:00 UTC))),
            ("1mo", Some(datetime!(2026-02-28 10:00 UTC))),
            ("25mo", Some(datetime!(2028-02-29 10:00 UTC))),
            ("1y", Some(datetime!(2027-01-31 10:00 UTC))),
            ("30d", Some(datetime!(2026-03-02 10:00 UTC))),
            ("6h", Some(datetime!(2026-01-31 16:00 UTC))),
            ("2s", Some(datetime!(2026-01-31 10:00:02 UTC))),
            ("never", None),
        ];
        for (text, expected) in cases {
            let expiry: Expiry = text.parse().expect(text);
            assert_eq!(expiry.after(now), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in ["", "12", "mo", "0d", "-1d", "1 d", "12months", "101y", "99999d", "1.5d"] {
            assert!(text.parse::<Expiry>().is_err(), "{text}");
        }
    }
}
