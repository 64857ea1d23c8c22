//! Routes by what an incident is about and by the hour, and who else is told when nobody is on it.

use super::*;
use crate::{Escalation, Hours};
use jiff::civil::{Weekday, time};

fn routed(receivers: &[&str], routes: Vec<Route>) -> Policy {
    Policy { routes, ..policy(receivers, &[]) }
}

fn to(receivers: &[&str], about: Matcher) -> Route {
    let receivers = receivers.iter().map(|name| (*name).to_owned()).collect();
    Route { about, receivers, ..Route::default() }
}

fn after(minutes: i64, receivers: &[&str]) -> Escalation {
    let receivers = receivers.iter().map(|name| (*name).to_owned()).collect();
    Escalation { after: SignedDuration::from_mins(minutes), receivers }
}

/// The simulated time begins on a Friday at 8:00 UTC.
fn hours(from: i8, until: i8) -> Option<Hours> {
    use Weekday::{Friday, Monday, Thursday, Tuesday, Wednesday};
    Some(Hours {
        days: vec![Monday, Tuesday, Wednesday, Thursday, Friday],
        from: time(from, 0, 0, 0),
        until: time(until, 0, 0, 0),
        timezone: jiff::tz::TimeZone::UTC,
    })
}

#[test]
fn routes_go_by_label_host_kind_and_code() {
    let team = |team: &str| Matcher {
        label: [("team".into(), team.into())].into_iter().collect(),
        ..Matcher::default()
    };
    let host = Matcher { host: vec!["db*".into()], ..Matcher::default() };
    let kind = Matcher { kind: vec![Kind::Tls], ..Matcher::default() };
    let code = Matcher { code: vec!["port.*".into()], ..Matcher::default() };
    let receivers = ["shop", "dba", "certs", "ports", "rest"];
    let routes = vec![
        to(&["shop"], team("shop")),
        to(&["dba"], host),
        to(&["certs"], kind),
        to(&["ports"], code),
        to(&["rest"], Matcher::default()),
    ];
    play(&routed(&receivers, routes), |it| {
        it.bad(1.0, "a").want(1.0, 1.0, &["ports a opened"]);
        it.labels.insert("team".into(), "shop".into());
        it.bad(2.0, "b").want(2.0, 2.0, &["shop b opened"]);
        assert_eq!(it.whys(Some("ports")), ["opened routed 4"]);
    });
}

#[test]
fn nobody_is_told_what_no_route_names_and_that_is_written_down_once() {
    let routes = vec![to(&["ops"], about("else"))];
    play(&routed(&["ops"], routes), |it| {
        it.warned(1.0, "a").bad(2.0, "a").quiet(1000.0).well(1001.0, "a").quiet(2000.0);
        assert_eq!(it.whys(None), ["opened unrouted"]);
    });
}

#[test]
fn off_hours_hold_until_the_hours_begin() {
    let day = Route { hours: hours(9, 18), ..to(&["ops"], Matcher::default()) };
    play(&routed(&["ops"], vec![day]), |it| {
        it.bad(1.0, "a").quiet(59.9).want(60.0, 60.0, &["ops a opened"]);
        // The reminder of 12:01 comes within the hours; that of Saturday 0:01 waits for Monday.
        it.quiet(240.9).want(241.0, 241.0, &["ops a reminder"]);
        let monday = 60.0 + 3.0 * 24.0 * 60.0;
        it.quiet(monday - 0.1).want(monday, monday, &["ops a reminder"]);
        assert_eq!(it.whys(None), ["opened off-hours"]);
        assert_eq!(it.whys(Some("ops"))[0], "opened released from off-hours");
        // Over is told at any hour.
        let night = monday + 15.0 * 60.0;
        it.well(night, "a").want(night, night, &["ops a resolved"]);
    });
}

#[test]
fn at_night_another_route_takes_over_and_the_day_joins_with_the_next_change() {
    let routes = || {
        vec![
            Route { hours: hours(9, 18), ..to(&["day"], Matcher::default()) },
            to(&["night"], Matcher { severity: Some(CRITICAL), ..Matcher::default() }),
        ]
    };
    play(&routed(&["day", "night"], routes()), |it| {
        it.bad(1.0, "a").want(1.0, 1.0, &["night a opened"]).quiet(100.0);
        it.warned(100.0, "a").want(100.0, 100.0, &["night a updated", "day a opened"]);
        it.well(101.0, "a").want(101.0, 101.0, &["night a resolved", "day a resolved"]);
    });
}

#[test]
fn nobody_on_it_escalates_step_by_step_and_whoever_was_told_hears_the_end() {
    let route = Route {
        escalation: vec![after(15, &["lead"]), after(30, &["boss", "ops"])],
        ..to(&["ops"], Matcher::default())
    };
    let policy = routed(&["ops", "lead", "boss"], vec![route]);
    play(&policy, |it| {
        it.bad(1.0, "a").want(1.0, 1.0, &["ops a opened"]);
        it.quiet(15.9).want(16.0, 16.0, &["lead a opened"]);
        it.quiet(30.9).want(31.0, 31.0, &["boss a opened"]);
        it.well(40.0, "a");
        it.want(40.0, 40.0, &["ops a resolved", "lead a resolved", "boss a resolved"]);
        assert_eq!(it.whys(Some("lead"))[0], "opened escalated after 900");
    });
    play(&policy, |it| {
        it.bad(1.0, "a").want(1.0, 1.0, &["ops a opened"]);
        it.acknowledged(10.0, "a", Some("kim")).quiet(60.0);
        assert_eq!(it.whys(Some("lead")), ["opened acknowledged by kim"]);
        it.acknowledged(60.0, "a", None).want(60.0, 60.0, &["lead a opened", "boss a opened"]);
    });
    // Over before anybody had to be called.
    play(&policy, |it| {
        it.bad(1.0, "a").well(10.0, "a").want(1.0, 100.0, &["ops a opened", "ops a resolved"]);
    });
    // It counts from when somebody was told.
    play(&maintained(policy.clone(), about("a"), 0.0, 20.0), |it| {
        it.bad(1.0, "a").quiet(19.9).want(20.0, 20.0, &["ops a opened"]);
        it.quiet(34.9).want(35.0, 35.0, &["lead a opened"]);
    });
    // Worse than what they were told breaks through an acknowledgement.
    play(&policy, |it| {
        it.warned(1.0, "a").want(1.0, 1.0, &["ops a opened"]);
        it.acknowledged(2.0, "a", Some("kim")).quiet(60.0);
        it.bad(61.0, "a").want(61.0, 61.0, &["ops a updated"]);
    });
}

#[test]
fn what_was_held_from_somebody_whom_nothing_names_any_more_is_dropped() {
    let before = routed(&["ops", "pager"], vec![to(&["pager"], Matcher::default())]);
    let after = routed(&["ops", "pager"], vec![to(&["ops"], Matcher::default())]);
    play(&maintained(before, about("a"), 0.0, 20.0), |it| {
        it.bad(1.0, "a").quiet(5.0);
        it.reload(5.0, maintained(after.clone(), about("a"), 0.0, 20.0)).quiet(30.0);
        assert_eq!(it.whys(Some("pager")), ["opened maintenance nightly", "opened unrouted"]);
        it.warned(31.0, "a").want(31.0, 31.0, &["ops a opened"]);
    });
}
