//! Time spans as people say them.

use health::{Text, text};
use jiff::{SignedDuration, Timestamp};

/// The time between two moments in one unit: days from three days on, else hours, else minutes.
pub(crate) fn span(from: Timestamp, to: Timestamp) -> Text {
    let length: SignedDuration = to.duration_since(from).abs();
    let (minutes, hours) = (length.as_mins(), length.as_hours());
    let days = hours / 24;
    match (days, hours, minutes) {
        (3.., _, _) => text!("{days} days", "{days}일"),
        (_, 2.., _) => text!("{hours} hours", "{hours}시간"),
        (_, _, 1) => text!("1 minute", "1분"),
        _ => text!("{minutes} minutes", "{minutes}분"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::span;

    #[test]
    fn says_one_unit() {
        let start = Timestamp::UNIX_EPOCH;
        let cases = [
            (SignedDuration::from_secs(30), "0 minutes", "0분"),
            (SignedDuration::from_mins(1), "1 minute", "1분"),
            (SignedDuration::from_mins(119), "119 minutes", "119분"),
            (SignedDuration::from_hours(31), "31 hours", "31시간"),
            (SignedDuration::from_hours(71), "71 hours", "71시간"),
            (SignedDuration::from_hours(24 * 6 + 5), "6 days", "6일"),
        ];
        for (length, en, ko) in cases {
            let said = span(start, start + length);
            assert_eq!((said.en.as_str(), said.ko.as_str()), (en, ko));
            assert_eq!(span(start + length, start), said, "either way round");
        }
    }
}
