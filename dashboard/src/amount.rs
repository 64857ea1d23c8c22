//! Durations and moments as people read them: short, and never more exact than useful.

use std::time::Duration;

use health::Language;
use jiff::{SignedDuration, Timestamp};

use crate::words::Words;

/// How long something took: `0.4 ms`, `12 ms`, `1.24 s`, `2 min 3 s`.
pub(crate) fn took(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1000.0;
    if milliseconds < 1.0 {
        format!("{milliseconds:.2} ms")
    } else if milliseconds < 10.0 {
        format!("{milliseconds:.1} ms")
    } else if milliseconds < 999.5 {
        format!("{milliseconds:.0} ms")
    } else if milliseconds < 60_000.0 {
        format!("{:.2} s", milliseconds / 1000.0)
    } else {
        let seconds = duration.as_secs();
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

/// The same for a number of seconds; what is no duration is `—`.
pub(crate) fn took_seconds(seconds: f64) -> String {
    Duration::try_from_secs_f64(seconds).map_or_else(|_| "—".to_owned(), took)
}

/// A span of time in its largest unit, or its two largest below a day: `45 s`, `2 h 5 min`, `6 days`.
pub(crate) fn span(words: Words, span: SignedDuration) -> String {
    let seconds = span.as_secs().unsigned_abs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (words.0, seconds) {
        (Language::En, 0..60) => format!("{seconds} s"),
        (Language::Ko, 0..60) => format!("{seconds}초"),
        (Language::En, 60..3600) => format!("{minutes} min"),
        (Language::Ko, 60..3600) => format!("{minutes}분"),
        (Language::En, 3600..172_800) if minutes % 60 == 0 || hours >= 10 => format!("{hours} h"),
        (Language::Ko, 3600..172_800) if minutes % 60 == 0 || hours >= 10 => {
            format!("{hours}시간")
        }
        (Language::En, 3600..172_800) => format!("{hours} h {} min", minutes % 60),
        (Language::Ko, 3600..172_800) => format!("{hours}시간 {}분", minutes % 60),
        _ => words.n_days(days),
    }
}

/// Time that is left, to the second where that matters: `1 h 5 min`, `12 min 40 s`, `40 s`. The
/// page's script says it in the same way.
pub(crate) fn countdown(words: Words, left: SignedDuration) -> String {
    let seconds = left.as_secs().max(0);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match (words.0, seconds) {
        (Language::En, 3600..) => format!("{hours} h {minutes} min"),
        (Language::Ko, 3600..) => format!("{hours}시간 {minutes}분"),
        (Language::En, 60..) => format!("{minutes} min {} s", seconds % 60),
        (Language::Ko, 60..) => format!("{minutes}분 {}초", seconds % 60),
        (Language::En, _) => format!("{seconds} s"),
        (Language::Ko, _) => format!("{seconds}초"),
    }
}

/// How far a moment is from now: `just now`, `3 min ago`, `in 5 s`.
pub(crate) fn relative(words: Words, at: Timestamp, now: Timestamp) -> String {
    let passed = now.duration_since(at);
    match passed.as_secs() {
        -1..=1 => words.just_now().to_owned(),
        2.. => words.ago(&span(words, passed)),
        _ => words.within(&span(words, passed)),
    }
}

/// A number with its thousands apart: `12,345`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A share between 0 and 1 as a percentage that says 100 only when it is all of it.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if share >= 1.0 {
        "100 %".to_owned()
    } else if percent >= 99.0 {
        format!("{:.2} %", percent.min(99.99))
    } else {
        format!("{percent:.1} %")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EN: Words = Words(Language::En);
    const KO: Words = Words(Language::Ko);

    #[test]
    fn durations_read_well_at_every_size() {
        let cases = [
            (0, "0.00 ms"),
            (412, "0.41 ms"),
            (4_120, "4.1 ms"),
            (41_200, "41 ms"),
            (999_400, "999 ms"),
            (999_600, "1.00 s"),
            (1_239_000, "1.24 s"),
            (123_000_000, "2 min 3 s"),
        ];
        for (microseconds, shown) in cases {
            assert_eq!(took(Duration::from_micros(microseconds)), shown);
        }
        assert_eq!(took_seconds(f64::NAN), "—");
        assert_eq!(took_seconds(-1.0), "—");
    }

    #[test]
    fn what_is_left_is_told_to_the_second() {
        let cases = [
            (0, "0 s", "0초"),
            (59, "59 s", "59초"),
            (760, "12 min 40 s", "12분 40초"),
            (3_900, "1 h 5 min", "1시간 5분"),
            (200_000, "55 h 33 min", "55시간 33분"),
        ];
        for (seconds, en, ko) in cases {
            let left = SignedDuration::from_secs(seconds);
            assert_eq!(countdown(EN, left), en);
            assert_eq!(countdown(KO, left), ko);
        }
    }

    #[test]
    fn moments_are_told_from_now() {
        let now = Timestamp::UNIX_EPOCH;
        let cases = [
            (0, "just now", "방금"),
            (-12, "12 s ago", "12초 전"),
            (-185, "3 min ago", "3분 전"),
            (-7_500, "2 h 5 min ago", "2시간 5분 전"),
            (-50_000, "13 h ago", "13시간 전"),
            (-86_400 * 3, "3 days ago", "3일 전"),
            (30, "in 30 s", "30초 후"),
        ];
        for (seconds, en, ko) in cases {
            let at = now + SignedDuration::from_secs(seconds);
            assert_eq!(relative(EN, at, now), en);
            assert_eq!(relative(KO, at, now), ko);
        }
    }

    #[test]
    fn thousands_stand_apart() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        for (number, shown) in cases {
            assert_eq!(grouped(number), shown);
        }
    }

    #[test]
    fn only_all_is_a_hundred_percent() {
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.999_999), "99.99 %");
        assert_eq!(percent(0.987_5), "98.8 %");
    }
}
