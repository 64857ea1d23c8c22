//! Hours of some days of the week. Pure. Deliberately absent: holidays.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// Hours of some days of the week, by the clocks of one time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// Days on which they begin.
    pub days: Vec<Weekday>,
    /// When they begin;
    pub from: Time,
    /// and end: on the next day where that is not later. The same as `from`: all day.
    pub until: Time,
    /// Whose clocks.
    pub timezone: TimeZone,
}

impl Hours {
    /// Whether this moment is within them: their begin is, their end is not.
    #[must_use]
    pub fn contain(&self, at: Timestamp) -> bool {
        let today = self.date(at);
        // Those that began yesterday may last into today.
        [-1, 0]
            .into_iter()
            .filter_map(|days| self.on(shifted(today, days)?))
            .any(|(begin, end)| begin <= at && at < end)
    }

    /// When they begin next, after this moment; `None`: never, because there is no such day.
    #[must_use]
    pub fn next_begin(&self, at: Timestamp) -> Option<Timestamp> {
        let today = self.date(at);
        // A week and a day: today's may have begun.
        (0..=7)
            .filter_map(|days| self.on(shifted(today, days)?))
            .map(|(begin, _)| begin)
            .find(|begin| *begin > at)
    }

    /// Those that begin on this day.
    fn on(&self, date: Date) -> Option<(Timestamp, Timestamp)> {
        if !self.days.contains(&date.weekday()) {
            return None;
        }
        let last = if self.until <= self.from { shifted(date, 1)? } else { date };
        let at = |date: Date, time: Time| {
            let civil = date.to_datetime(time);
            self.timezone.to_ambiguous_timestamp(civil).compatible().ok()
        };
        Some((at(date, self.from)?, at(last, self.until)?))
    }

    fn date(&self, at: Timestamp) -> Date {
        at.to_zoned(self.timezone.clone()).date()
    }
}

fn shifted(date: Date, days: i64) -> Option<Date> {
    date.checked_add(Span::new().days(days)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::time;

    const WORKDAYS: [Weekday; 5] =
        [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];

    fn hours(days: &[Weekday], from: i8, until: i8, timezone: &str) -> Hours {
        let timezone = TimeZone::get(timezone).unwrap();
        let (from, until) = (time(from, 0, 0, 0), time(until, 0, 0, 0));
        Hours { days: days.to_vec(), from, until, timezone }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn hours_go_by_the_clocks_of_their_zone_and_over_midnight() {
        let office = hours(&WORKDAYS, 9, 18, "Asia/Seoul");
        let night = hours(&[Weekday::Friday], 22, 6, "UTC");
        let all_day = hours(&[Weekday::Sunday], 0, 0, "UTC");
        let table = [
            // 2026-11-20 is a Friday; Seoul is nine hours ahead.
            (&office, "2026-11-20T00:00:00Z", true, "2026-11-23T00:00:00Z"),
            (&office, "2026-11-19T23:59:59Z", false, "2026-11-20T00:00:00Z"),
            (&office, "2026-11-20T08:59:59Z", true, "2026-11-23T00:00:00Z"),
            (&office, "2026-11-20T09:00:00Z", false, "2026-11-23T00:00:00Z"),
            (&night, "2026-11-20T22:00:00Z", true, "2026-11-27T22:00:00Z"),
            (&night, "2026-11-21T05:59:59Z", true, "2026-11-27T22:00:00Z"),
            (&night, "2026-11-21T06:00:00Z", false, "2026-11-27T22:00:00Z"),
            (&night, "2026-11-20T05:00:00Z", false, "2026-11-20T22:00:00Z"),
            (&all_day, "2026-11-22T23:59:59Z", true, "2026-11-29T00:00:00Z"),
            (&all_day, "2026-11-23T00:00:00Z", false, "2026-11-29T00:00:00Z"),
        ];
        for (hours, moment, inside, next) in table {
            assert_eq!(hours.contain(at(moment)), inside, "{moment}");
            assert_eq!(hours.next_begin(at(moment)), Some(at(next)), "{moment}");
        }
        assert_eq!(hours(&[], 9, 18, "UTC").next_begin(at("2026-11-22T00:00:00Z")), None);
    }

    #[test]
    fn a_night_in_which_the_clocks_change_is_shorter_or_longer() {
        // In New York 2:30 does not exist on 2026-03-08; on 2026-11-01 the hour before comes twice.
        let hours = Hours {
            days: vec![Weekday::Sunday],
            from: time(2, 30, 0, 0),
            until: time(4, 0, 0, 0),
            timezone: TimeZone::get("America/New_York").unwrap(),
        };
        assert_eq!(hours.next_begin(at("2026-03-08T00:00:00Z")), Some(at("2026-03-08T07:30:00Z")));
        assert!(
            hours.contain(at("2026-03-08T07:59:00Z")) && !hours.contain(at("2026-03-08T08:00:00Z"))
        );
        assert_eq!(hours.next_begin(at("2026-11-01T00:00:00Z")), Some(at("2026-11-01T07:30:00Z")));
        assert!(
            hours.contain(at("2026-11-01T08:59:00Z")) && !hours.contain(at("2026-11-01T09:00:00Z"))
        );
    }
}
