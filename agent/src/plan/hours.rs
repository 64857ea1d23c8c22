//! `hours`, `days` and `timezone` of a route.

use alerts::Hours;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use super::alerting;
use super::notes::Wrong;
use super::row::Row;

static DAYS: &[(&str, Weekday)] = &[
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// The hours of a table, by its own clocks or those of `[alerts]`; `None`: always.
pub(super) fn hours(row: &Row<'_>, by_default: &TimeZone) -> Option<Hours> {
    let timezone = alerting::timezone(row);
    let hours = row.parsed("hours", span_of_hours);
    let texts = row.texts("days").unwrap_or_default();
    let mut days: Vec<Weekday> = texts
        .iter()
        .filter_map(|text| row.understood("days", text, span_of_days))
        .flat_map(|days| days.value)
        .collect();
    if !row.has("hours") && !row.has("days") {
        if row.has("timezone") {
            let wrong = Wrong::new("`timezone` says how `hours` are read, and there are none");
            row.note(&row.span_of("timezone"), wrong);
        }
        return None;
    }
    if !row.has("days") {
        days.extend(DAYS.iter().map(|(_, day)| *day));
    }
    days.sort_by_key(|day| day.to_monday_zero_offset());
    days.dedup();
    let (from, until) = hours.map_or((Time::midnight(), Time::midnight()), |hours| hours.value);
    Some(Hours { days, from, until, timezone: timezone.unwrap_or_else(|| by_default.clone()) })
}

/// `09:00-18:00`, over midnight where it ends earlier than it begins.
fn span_of_hours(text: &str) -> Result<(Time, Time), Wrong> {
    let wrong = || {
        Wrong::new(format!("{text:?} is not a span of hours"))
            .help("such as \"09:00-18:00\", or \"22:00-06:00\" over midnight")
    };
    let (from, until) = text.split_once('-').ok_or_else(wrong)?;
    let from = hour(from.trim()).filter(|_| from.trim() != "24:00").ok_or_else(wrong)?;
    let (is_all_day, until) = (until.trim() == "24:00", hour(until.trim()).ok_or_else(wrong)?);
    if from == until && !is_all_day {
        return Err(Wrong::new(format!("{text:?} ends as it begins"))
            .help("for all day leave `hours` out, or write \"00:00-24:00\""));
    }
    Ok((from, until))
}

/// `HH:MM`; `24:00` is midnight.
fn hour(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| -> Option<i8> {
        (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse().ok())
            .flatten()
    };
    match (number(hour)?, number(minute)?) {
        (24, 0) => Some(Time::midnight()),
        (hour, minute) => Time::new(hour, minute, 0, 0).ok(),
    }
}

/// `sat`, or `mon-fri`, over Sunday where it ends earlier than it begins.
fn span_of_days(text: &str) -> Result<Vec<Weekday>, Wrong> {
    let day = |name: &str| {
        let at = DAYS.iter().position(|(known, _)| *known == name.trim());
        at.ok_or_else(|| {
            Wrong::new(format!("{text:?} is not a day or a span of days"))
                .help("mon, tue, wed, thu, fri, sat, sun, or such as \"mon-fri\"")
        })
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (day(first)?, day(last)?);
    let count = (last + DAYS.len() - first) % DAYS.len() + 1;
    Ok(DAYS.iter().cycle().skip(first).take(count).map(|(_, day)| *day).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_hours() {
        let time = |hour, minute| Time::new(hour, minute, 0, 0).unwrap();
        let table = [
            ("09:00-18:00", (time(9, 0), time(18, 0))),
            ("22:30 - 06:00", (time(22, 30), time(6, 0))),
            ("00:00-24:00", (time(0, 0), time(0, 0))),
            ("18:00-24:00", (time(18, 0), time(0, 0))),
        ];
        for (text, expected) in table {
            assert_eq!(span_of_hours(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "9-18",
            "09:00",
            "9:00-18:00",
            "09:00-25:00",
            "24:00-06:00",
            "09:60-10:00",
            "09:00-09:00",
            "+9:00-10:00",
            "09:00-10:00-11:00",
        ] {
            assert!(span_of_hours(text).is_err(), "{text}");
        }
    }

    #[test]
    fn spans_of_days() {
        use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
        let table: [(&str, &[Weekday]); 4] = [
            ("sat", &[Saturday]),
            ("mon-fri", &[Monday, Tuesday, Wednesday, Thursday, Friday]),
            ("sat-mon", &[Saturday, Sunday, Monday]),
            ("sun - sun", &[Sunday]),
        ];
        for (text, expected) in table {
            assert_eq!(span_of_days(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["", "monday", "Mon", "mon-", "mon-fri-sun", "월"] {
            assert!(span_of_days(text).is_err(), "{text}");
        }
    }
}
