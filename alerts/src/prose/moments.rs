//! Times by the reader's clocks, and how long something took.

use health::Language;
use jiff::{SignedDuration, Timestamp};

use super::words::Words;
use crate::telling::Telling;

/// A moment by the reader's clocks: `2027-01-15 17:00:09 KST`.
pub(super) fn moment(at: Timestamp, telling: &Telling) -> String {
    at.to_zoned(telling.timezone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

/// From one moment to another; the day is told once where it is the same.
pub(super) fn span(from: Timestamp, until: Timestamp, telling: &Telling) -> String {
    let [begin, end] = [from, until].map(|at| at.to_zoned(telling.timezone.clone()));
    let end_format =
        if begin.date() == end.date() { "%H:%M:%S %Z" } else { "%Y-%m-%d %H:%M:%S %Z" };
    format!("{} – {}", begin.strftime("%Y-%m-%d %H:%M:%S"), end.strftime(end_format))
}

/// How long something took, in its two largest units: `42 s`, `12 min`, `4 h 3 min`, `2 d 3 h`.
pub(super) fn took(passed: SignedDuration, words: Words) -> String {
    let seconds = passed.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let units = match words.0 {
        Language::En => [" d", " h", " min", " s"],
        Language::Ko => ["일", "시간", "분", "초"],
    };
    let [day, hour, minute, second] = units;
    let two = |(large, of): (i64, &str), (small, of_small): (i64, &str)| match small {
        0 => format!("{large}{of}"),
        _ => format!("{large}{of} {small}{of_small}"),
    };
    match seconds {
        0..60 => format!("{seconds}{second}"),
        60..3600 => format!("{minutes}{minute}"),
        3600..86_400 => two((hours, hour), (minutes, minute)),
        _ => two((days, day), (hours, hour)),
    }
}
