//! Maintenance, silences and acknowledgements: nothing is told that is not so any more, and nothing that
//! still is gets lost.

use super::*;

#[test]
fn without_anything_that_holds_it_is_told_at_once() {
    play(&ops(), |it| {
        it.bad(1.0, "a").want(1.0, 1.1, &["ops a opened"]);
        it.well(5.0, "a").want(5.0, 5.1, &["ops a resolved"]);
        assert_eq!(it.whys(Some("ops")), ["opened routed 0", "resolved follows"]);
    });
}

#[test]
fn what_opens_in_a_window_and_outlasts_it_is_told_once_at_its_end() {
    play(&maintained(ops(), about("a"), 10.0, 20.0), |it| {
        it.bad(11.0, "a").bad(12.0, "b").want(12.0, 12.1, &["ops b opened"]);
        it.warned(13.0, "a").bad(14.0, "a").quiet(19.99);
        it.want(20.0, 20.0, &["ops a opened"]);
        it.well(25.0, "a").want(25.0, 25.0, &["ops a resolved"]);
        let whys: Vec<String> = it.whys(Some("ops"));
        assert_eq!(
            whys,
            [
                "opened maintenance nightly",
                "opened routed 0",
                "opened released from maintenance nightly",
                "resolved follows"
            ]
        );
    });
}

#[test]
fn what_is_over_before_the_window_is_never_told() {
    play(&maintained(ops(), Matcher::default(), 10.0, 20.0), |it| {
        it.bad(11.0, "a").well(19.0, "a").quiet(100.0);
        let whys = it.whys(Some("ops"));
        assert_eq!(whys, ["opened maintenance nightly", "opened over before maintenance nightly"]);
    });
}

#[test]
fn that_it_is_over_is_told_in_a_window_too() {
    play(&maintained(ops(), about("a"), 10.0, 20.0), |it| {
        it.bad(1.0, "a").want(1.0, 1.0, &["ops a opened"]);
        it.well(15.0, "a").want(15.0, 15.0, &["ops a resolved"]);
        it.quiet(60.0);
    });
}

#[test]
fn what_got_worse_in_a_window_is_told_once_at_its_end_and_only_if_it_still_is() {
    play(&maintained(ops(), about("a"), 10.0, 20.0), |it| {
        it.warned(1.0, "a").want(1.0, 1.0, &["ops a opened"]);
        it.bad(11.0, "a").quiet(19.9).want(20.0, 20.0, &["ops a updated"]);
    });
    play(&maintained(ops(), about("a"), 10.0, 20.0), |it| {
        it.warned(1.0, "a").want(1.0, 1.0, &["ops a opened"]);
        it.bad(11.0, "a").warned(12.0, "a").quiet(60.0);
        let whys = it.whys(Some("ops"));
        assert_eq!(whys[2], "updated over before maintenance nightly");
    });
}

#[test]
fn a_reminder_that_falls_into_a_window_comes_once_at_its_end() {
    let window = maintained(ops(), about("a"), 200.0, 300.0);
    play(&window, |it| {
        it.bad(1.0, "a").want(1.0, 1.0, &["ops a opened"]);
        it.quiet(299.9).want(300.0, 300.0, &["ops a reminder"]);
        it.quiet(960.9).want(961.0, 961.0, &["ops a reminder"]);
        let whys = it.whys(Some("ops"));
        assert_eq!(
            whys[1..3],
            ["reminder maintenance nightly", "reminder released from maintenance nightly"]
        );
        assert_eq!(whys[3], "reminder reminds 2");
    });
}

#[test]
fn windows_by_cron_follow_each_other_and_the_next_one_holds_again() {
    // Every hour, for ten minutes; the simulated time begins on the hour.
    let window = crate::Window::Cron {
        expression: "0 * * * *".to_owned(),
        timezone: jiff::tz::TimeZone::UTC,
        lasts: SignedDuration::from_mins(10),
    };
    let maintenance =
        crate::Maintenance { name: "hourly".into(), about: Matcher::default(), window };
    play(&Policy { maintenance: vec![maintenance], ..ops() }, |it| {
        it.bad(5.0, "a").quiet(9.9).want(10.0, 10.0, &["ops a opened"]);
        it.bad(61.0, "b").quiet(69.9).want(70.0, 70.0, &["ops b opened"]);
        it.bad(75.0, "c").want(75.0, 75.0, &["ops c opened"]);
    });
}

#[test]
fn a_window_that_a_reload_takes_away_ends() {
    play(&maintained(ops(), about("a"), 10.0, 200.0), |it| {
        it.bad(11.0, "a").quiet(30.0);
        it.reload(30.0, ops()).want(30.0, 30.0, &["ops a opened"]);
    });
}

#[test]
fn quiet_about_a_cause_holds_for_what_follows_from_it() {
    let policy = maintained(ops(), about("db"), 10.0, 20.0);
    for killing in [Killing::Never, Killing::Always] {
        let mut it = Timeline::new(policy.clone(), killing);
        it.bad(11.0, "db");
        let step = it.engine.advance(
            &check("shop"),
            State::Down,
            &Transition::Opened(vec![standing("a", CRITICAL)]),
            Some(&check("db")),
            minute(12.0),
        );
        it.take(vec![step]);
        // Alphabetically behind or before it: the cause is told, and what follows listed below it.
        it.quiet(19.9).want(20.0, 20.0, &["ops db opened"]);
        it.quiet(100.0);
        assert_eq!(it.whys(Some("ops"))[1], "opened maintenance nightly");
    }
}

#[test]
fn a_silence_holds_until_it_ends_or_is_ended() {
    play(&ops(), |it| {
        it.silence(1.0, about("a*"), 60.0).bad(2.0, "ab").bad(3.0, "b");
        it.want(3.0, 3.0, &["ops b opened"]);
        it.quiet(59.9).want(60.0, 60.0, &["ops ab opened"]);
        let whys = it.whys(Some("ops"));
        assert_eq!(whys[0], "opened silenced by kim");
        assert_eq!(whys[2], "opened released from silenced by kim");
    });
    play(&ops(), |it| {
        it.silence(1.0, about("a"), 60.0).bad(2.0, "a").quiet(10.0);
        it.end_silence(10.0).want(10.0, 10.0, &["ops a opened"]);
    });
    // Made longer before it ends.
    play(&ops(), |it| {
        it.silence(1.0, about("a"), 10.0).bad(2.0, "a").silence(5.0, about("a"), 20.0);
        it.quiet(19.9).want(20.0, 20.0, &["ops a opened"]);
    });
}

#[test]
fn of_two_that_hold_the_one_that_ends_later_counts() {
    play(&maintained(ops(), about("a"), 10.0, 20.0), |it| {
        it.silence(1.0, about("a"), 30.0).bad(11.0, "a").quiet(29.9);
        it.want(30.0, 30.0, &["ops a opened"]);
    });
}

#[test]
fn acknowledged_stops_reminders_and_what_gets_no_worse_and_nothing_else() {
    play(&ops(), |it| {
        it.warned(1.0, "a").want(1.0, 1.0, &["ops a opened"]);
        it.acknowledged(2.0, "a", Some("kim")).quiet(2000.0);
        it.bad(2001.0, "a").want(2001.0, 2001.0, &["ops a updated"]);
        it.warned(2002.0, "a").quiet(2100.0);
        it.well(2101.0, "a").want(2101.0, 2101.0, &["ops a resolved"]);
        let whys = it.whys(Some("ops"));
        assert_eq!(
            whys,
            [
                "opened routed 0",
                "reminder acknowledged by kim",
                "reminder acknowledged by kim",
                "updated follows",
                "updated acknowledged by kim",
                "resolved follows"
            ]
        );
    });
}

#[test]
fn an_acknowledgement_taken_back_tells_what_it_held() {
    play(&ops(), |it| {
        it.bad(1.0, "a").want(1.0, 1.0, &["ops a opened"]);
        it.acknowledged(2.0, "a", Some("kim")).quiet(300.0);
        it.acknowledged(300.0, "a", None).want(300.0, 300.0, &["ops a reminder"]);
        it.quiet(960.0).want(961.0, 961.0, &["ops a reminder"]);
    });
}

#[test]
fn reminders_have_growing_pauses_and_end_with_the_incident() {
    play(&ops(), |it| {
        it.bad(0.0, "a").want(0.0, 0.0, &["ops a opened"]);
        for hour in [4.0, 16.0, 40.0, 64.0] {
            let due = 60.0 * hour;
            it.quiet(due - 0.1).want(due, due, &["ops a reminder"]);
        }
        it.well(65.0 * 60.0, "a").want(3900.0, 3900.0, &["ops a resolved"]).quiet(20_000.0);
    });
}

#[test]
fn what_is_news_is_told_to_all_although_somebody_is_on_it() {
    let two = policy(&["ops", "boss"], &[]);
    play(&maintained(two, about("a"), 10.0, 20.0), |it| {
        it.bad(11.0, "a").acknowledged(12.0, "a", Some("kim")).quiet(19.9);
        it.want(20.0, 20.0, &["ops a opened", "boss a opened"]);
    });
    let routed =
        policy(&["ops", "boss", "vip"], &[(Some(CRITICAL), &["boss", "vip"]), (None, &["ops"])]);
    play(&routed, |it| {
        it.warned(1.0, "a").want(1.0, 1.0, &["ops a opened"]);
        it.acknowledged(2.0, "a", Some("kim")).bad(3.0, "a");
        it.want(3.0, 3.0, &["ops a updated", "boss a opened", "vip a opened"]);
    });
}
