//! The schedule in simulated time.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn moment(tick: Duration) -> Moment {
    let start: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    Moment { tick, wall: start.checked_add(tick).unwrap() }
}

fn every(seconds: u64) -> Timing {
    Timing::Every(Duration::from_secs(seconds))
}

/// Runs a schedule whose checks take no time; returns (tick, key) of every start.
fn play(schedule: &mut Schedule, until: Duration) -> Vec<(Duration, Key)> {
    let mut starts = Vec::new();
    while let Some(wake) = schedule.next_wake().filter(|wake| *wake <= until) {
        while let Some(start) = schedule.poll(moment(wake)) {
            starts.push((wake, start.key));
            schedule.finished(start.key);
        }
    }
    starts
}

#[test]
fn ten_thousand_checks_do_not_start_together() {
    let mut schedule = Schedule::new(usize::MAX);
    for key in 0..10_000 {
        schedule.insert(key, &format!("check {key}"), &every(10), moment(Duration::ZERO)).unwrap();
    }
    let starts = play(&mut schedule, 100 * SECOND);
    let mut per_second = [0_u32; 101];
    for (tick, _) in &starts {
        per_second[usize::try_from(tick.as_secs()).unwrap()] += 1;
    }
    assert!(per_second[20..100].iter().all(|count| (850..1150).contains(count)), "{per_second:?}");
}

#[test]
fn the_first_turn_comes_soon_and_is_not_followed_at_once() {
    for name in ["a", "web:3011", "zone", "한글"] {
        let mut schedule = Schedule::new(9);
        schedule.insert(1, name, &every(3600), moment(Duration::ZERO)).unwrap();
        let starts = play(&mut schedule, 3 * 3600 * SECOND);
        assert!(starts[0].0 <= START_SPREAD + GRAIN, "{name}: {starts:?}");
        assert!(starts[1].0 - starts[0].0 >= 1800 * SECOND, "{name}: {starts:?}");
        assert_eq!(starts[2].0 - starts[1].0, 3600 * SECOND, "{name}");
    }
}

#[test]
fn a_slow_check_skips_its_turn_and_delays_nobody() {
    let mut schedule = Schedule::new(9);
    schedule.insert(1, "slow", &every(10), moment(Duration::ZERO)).unwrap();
    schedule.insert(2, "quick", &every(10), moment(Duration::ZERO)).unwrap();
    let mut quick = 0;
    while let Some(wake) = schedule.next_wake().filter(|wake| *wake < 100 * SECOND) {
        while let Some(start) = schedule.poll(moment(wake)) {
            if start.key == 2 {
                quick += 1;
                schedule.finished(2);
            }
        }
    }
    assert_eq!(schedule.running(), 1);
    assert!((9..=11).contains(&quick), "{quick}");
    assert!((8..=10).contains(&schedule.skipped()), "{}", schedule.skipped());
}

#[test]
fn the_limit_binds_and_the_queue_does_not_pile_up() {
    let mut schedule = Schedule::new(3);
    for key in 0..20 {
        schedule.insert(key, &key.to_string(), &every(10), moment(Duration::ZERO)).unwrap();
    }
    let late = moment(1000 * SECOND);
    let running: Vec<_> = std::iter::from_fn(|| schedule.poll(late)).collect();
    assert_eq!((running.len(), schedule.waiting()), (3, 17));
    assert_eq!(schedule.deferred(), 17);
    for start in running {
        schedule.finished(start.key);
    }
    assert_eq!(std::iter::from_fn(|| schedule.poll(late)).count(), 3);
}

#[test]
fn a_machine_that_slept_makes_up_for_nothing() {
    let mut schedule = Schedule::new(9);
    schedule.insert(1, "a", &every(10), moment(Duration::ZERO)).unwrap();
    play(&mut schedule, 30 * SECOND);
    let woken = moment(8 * 3600 * SECOND);
    assert!(schedule.poll(woken).is_some());
    schedule.finished(1);
    assert_eq!(schedule.poll(woken), None);
    assert!(schedule.next_wake().unwrap() <= woken.tick + 10 * SECOND + GRAIN);
}

/// Every wall-clock minute at which a cron check runs between two dates.
fn cron_runs(expression: &str, zone: &str, from: &str, hours: u32) -> Vec<String> {
    let start: Timestamp = from.parse().unwrap();
    let at = |tick| Moment { tick, wall: start.checked_add(tick).unwrap() };
    let timing = Timing::Cron { expression: expression.into(), timezone: zone.into() };
    let mut schedule = Schedule::new(9);
    schedule.insert(1, "cron", &timing, at(Duration::ZERO)).unwrap();
    let mut runs = Vec::new();
    while let Some(wake) = schedule.next_wake().filter(|wake| *wake < hours * 3600 * SECOND) {
        while let Some(start) = schedule.poll(at(wake)) {
            let zoned = at(wake).wall.to_zoned(TimeZone::get(zone).unwrap());
            runs.push(zoned.strftime("%d %H:%M%:z").to_string());
            schedule.finished(start.key);
        }
    }
    runs.remove(0); // the look right after the start
    runs
}

#[test]
fn cron_is_right_across_daylight_saving() {
    let noon = ["28 12:00+01:00", "29 12:00+02:00", "30 12:00+02:00"];
    assert_eq!(cron_runs("0 12 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 72), noon);
    let autumn = ["24 12:00+02:00", "25 12:00+01:00", "26 12:00+01:00"];
    assert_eq!(cron_runs("0 12 * * *", "Europe/Berlin", "2026-10-24T00:00:00Z", 72), autumn);
    let seoul = cron_runs("0 */12 * * *", "Asia/Seoul", "2026-03-28T00:00:00Z", 24);
    assert_eq!(seoul, ["28 12:00+09:00", "29 00:00+09:00"]);
}

#[test]
fn a_clock_set_back_does_not_silence_a_cron_check() {
    let start: Timestamp = "2026-05-01T00:00:00Z".parse().unwrap();
    let timing = Timing::Cron { expression: "*/5 * * * *".into(), timezone: "UTC".into() };
    let mut schedule = Schedule::new(9);
    let at = |tick: Duration, back: Duration| Moment {
        tick,
        wall: start.checked_add(tick).unwrap().checked_sub(back).unwrap(),
    };
    schedule.insert(1, "cron", &timing, at(Duration::ZERO, Duration::ZERO)).unwrap();
    let mut runs = Vec::new();
    let set_back_at = 700 * SECOND;
    while let Some(wake) = schedule.next_wake().filter(|wake| *wake < 3600 * SECOND) {
        let back = if wake > set_back_at { 30 * 24 * 3600 * SECOND } else { Duration::ZERO };
        while let Some(start) = schedule.poll(at(wake, back)) {
            runs.push(wake.as_secs());
            schedule.finished(start.key);
        }
    }
    assert!(runs.windows(2).all(|pair| pair[1] - pair[0] <= 330), "{runs:?}");
}

#[test]
fn bad_expressions_are_told() {
    assert!(matches!(read_cron("not cron", "UTC"), Err(BadTiming::Cron(_))));
    assert!(matches!(read_cron("0 0 * * *", "Asia/Soul"), Err(BadTiming::Zone(_))));
}

proptest! {
    #[test]
    fn turns_never_come_closer_than_half_an_interval(
        name in ".{1,12}", millis in 100_u64..100_000, jitter in 0_u64..50
    ) {
        let interval = Duration::from_millis(millis);
        let mut schedule = Schedule::new(1);
        schedule.insert(1, &name, &Timing::Every(interval), moment(Duration::ZERO)).unwrap();
        let mut last: Option<Duration> = None;
        for _ in 0..20 {
            let wake = schedule.next_wake().unwrap() + Duration::from_millis(jitter);
            while schedule.poll(moment(wake)).is_some() {
                schedule.finished(1);
                if let Some(last) = last {
                    prop_assert!(wake - last + GRAIN * 2 + Duration::from_millis(jitter) >= interval / 2);
                    prop_assert!(wake - last <= interval * 2 + GRAIN * 2);
                }
                last = Some(wake);
            }
        }
    }
}
