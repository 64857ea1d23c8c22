//! A check that changes all the time: one message, quiet, and one when it has settled.

use super::*;

/// Goes bad and well again, minute by minute, from minute 0.
fn flaps(it: &mut Timeline, times: u32) {
    for time in 0..times {
        let minutes = f64::from(2 * time);
        it.bad(minutes, "a").well(minutes + 1.0, "a");
    }
}

const OPENED: &str = "ops a opened";
const RESOLVED: &str = "ops a resolved";

#[test]
fn the_third_time_is_told_as_flapping_and_then_there_is_quiet_until_it_settles() {
    play(&ops(), |it| {
        flaps(it, 20);
        let told = [OPENED, RESOLVED, OPENED, RESOLVED, OPENED, "ops a updated"];
        // It was last well in minute 39, and a quarter of an hour later it has settled.
        it.want(0.0, 53.9, &told).want(54.0, 54.0, &[RESOLVED]).quiet(400.0);
        let whys = it.whys(Some("ops"));
        assert_eq!(whys[5..], ["updated flaps-now", "resolved settled"]);
        let (incident, _) = it.ledger.incidents.values().next_back().unwrap();
        let flapping = incident.flapping.clone().unwrap();
        assert_eq!((flapping.turns, flapping.bad_seconds), (20, 20 * 60));
        assert_eq!(flapping.settled_at, Some(minute(54.0)));
        assert_eq!(incident.resolved_at, Some(minute(39.0)), "when it was well for good");
        assert_eq!(it.ledger.incidents.len(), 3, "one incident while it flaps");
    });
}

#[test]
fn what_settles_bad_is_told_so_and_goes_on() {
    play(&ops(), |it| {
        flaps(it, 4);
        it.bad(8.0, "a").want(
            0.0,
            22.9,
            &[OPENED, RESOLVED, OPENED, RESOLVED, OPENED, "ops a updated"],
        );
        it.want(23.0, 23.0, &["ops a updated"]).quiet(100.0);
        it.well(100.0, "a").want(100.0, 100.0, &[RESOLVED]);
        let whys = it.whys(Some("ops"));
        assert_eq!(whys[6..], ["updated settled", "resolved follows"]);
    });
}

#[test]
fn what_gets_worse_while_it_flaps_is_told_once() {
    play(&ops(), |it| {
        for time in 0..3 {
            let minutes = f64::from(2 * time);
            it.warned(minutes, "a").well(minutes + 1.0, "a");
        }
        it.want(0.0, 5.0, &[OPENED, RESOLVED, OPENED, RESOLVED, OPENED, "ops a updated"]);
        it.bad(6.0, "a").want(6.0, 6.0, &["ops a updated"]);
        it.well(7.0, "a").bad(8.0, "a").well(9.0, "a").warned(10.0, "a").well(11.0, "a");
        it.quiet(25.9).want(26.0, 26.0, &[RESOLVED]);
    });
}

#[test]
fn seldom_is_not_flapping() {
    play(&ops(), |it| {
        for time in 0..6 {
            let minutes = f64::from(30 * time);
            it.bad(minutes, "a").want(minutes, minutes, &[OPENED]);
            it.well(minutes + 1.0, "a").want(minutes + 1.0, minutes + 1.0, &[RESOLVED]);
        }
    });
}

#[test]
fn it_flaps_between_two_kinds_of_bad_too() {
    play(&ops(), |it| {
        for time in 0..10 {
            let minutes = f64::from(2 * time);
            it.warned(minutes, "a").bad(minutes + 1.0, "a");
        }
        let updated = "ops a updated";
        it.want(0.0, 33.9, &[OPENED, updated, updated, updated, updated, updated]);
        it.want(34.0, 34.0, &[updated]);
    });
}

#[test]
fn reminders_wait_until_it_has_settled_and_a_check_that_leaves_the_plan_ends_it() {
    play(&ops(), |it| {
        for time in 0..150 {
            let minutes = f64::from(2 * time);
            it.bad(minutes, "a").well(minutes + 1.0, "a");
        }
        it.want(0.0, 299.0, &[OPENED, RESOLVED, OPENED, RESOLVED, OPENED, "ops a updated"]);
        let step = it.engine.removed("a", minute(299.5));
        it.take(vec![step]);
        it.want(299.5, 299.5, &[RESOLVED]).quiet(1000.0);
    });
}

#[test]
fn who_was_told_nothing_is_told_that_it_is_there_although_it_flaps() {
    play(&maintained(ops(), about("a"), 0.0, 20.0), |it| {
        flaps(it, 15);
        it.want(20.0, 43.9, &[OPENED]).want(44.0, 44.0, &[RESOLVED]);
    });
}
