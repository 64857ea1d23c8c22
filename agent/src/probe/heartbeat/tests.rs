use std::collections::HashMap;
use std::sync::Arc;

use health::facts::Signal;

use super::*;

/// 2026-01-01 00:00:00 UTC and so many minutes.
fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + minutes * 60).unwrap()
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

fn spec_of(rhythm: Rhythm) -> Spec {
    Spec {
        name: "backup".into(),
        url: "http://127.0.0.1:9740/api/v1/heartbeat/backup".to_owned(),
        by_hand: "curl http://127.0.0.1:9740/api/v1/heartbeat/backup".to_owned(),
        terms: Arc::new(Terms {
            rhythm,
            grace: minutes(10),
            runs_within: minutes(30),
            token: None,
        }),
    }
}

fn hourly() -> Spec {
    spec_of(Rhythm::every(minutes(60), "1h"))
}

fn cron(expression: &str, zone: &str) -> Rhythm {
    let (cron, zone) = crate::schedule::read_cron(expression, zone).unwrap();
    Rhythm::cron(cron, zone, expression)
}

fn call(minute: i64, signal: Signal) -> CallFacts {
    let exit = (signal == Signal::Fail).then_some(3);
    CallFacts { at: at(minute), signal, exit, from: None, said: None }
}

/// A room that has heard these calls.
fn heard(spec: &Spec, calls: &[(i64, Signal)]) -> Pulses {
    let pulses = Pulses::default();
    pulses.adopt(std::iter::once(spec), at(0));
    for &(minute, signal) in calls {
        pulses.take(&spec.name, call(minute, signal));
    }
    pulses
}

/// The agent lives through these minutes.
fn awake(pulses: &Pulses, minutes: std::ops::RangeInclusive<i64>) {
    minutes.for_each(|minute| pulses.alive(at(minute)));
}

/// Code and severity of everything found at a minute.
fn found(spec: &Spec, pulses: &Pulses, minute: i64) -> Vec<&'static str> {
    let sight = look(spec, pulses, at(minute));
    let words = |finding: &Finding| match (finding.code, finding.severity) {
        (Code::HeartbeatMissed, Severity::Critical) => "missed",
        (Code::HeartbeatMissed, Severity::Notice) => "awaited",
        (Code::HeartbeatFailed, Severity::Critical) => "failed",
        (Code::HeartbeatOverrun, Severity::Warning) => "overrun",
        other => panic!("{other:?}"),
    };
    sight.findings.iter().map(words).collect()
}

#[test]
fn a_job_is_held_against_its_period_and_its_grace() {
    use Signal::{Fail, Start, Success};
    let spec = hourly();
    type Case<'a> = (&'a [(i64, Signal)], i64, &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        (&[], 0, &["awaited"]),
        (&[], 69, &["awaited"]),
        (&[], 70, &["missed"]),
        (&[(5, Success)], 6, &[]),
        (&[(5, Success)], 74, &[]),
        (&[(5, Success)], 75, &["missed"]),
        (&[(5, Success), (75, Success)], 76, &[]),
        (&[(5, Success), (80, Success)], 100, &[]),
        // It failed: said until it goes well, and its absence besides.
        (&[(5, Fail)], 6, &["failed"]),
        (&[(5, Fail)], 75, &["missed", "failed"]),
        (&[(5, Fail), (6, Success)], 7, &[]),
        (&[(5, Fail), (20, Start)], 21, &["failed"]),
        // It runs: neither late nor well, until it takes too long.
        (&[(5, Success), (64, Start)], 90, &[]),
        (&[(5, Success), (64, Start)], 93, &[]),
        (&[(5, Success), (64, Start)], 94, &["overrun"]),
        (&[(5, Success), (64, Start)], 134, &["overrun", "missed"]),
        (&[(5, Success), (64, Start), (95, Success)], 96, &[]),
        (&[(64, Start), (120, Start)], 149, &[]),
        (&[(64, Start), (65, Fail)], 66, &["failed"]),
    ];
    for (calls, minute, expected) in cases {
        let pulses = heard(&spec, calls);
        assert_eq!(found(&spec, &pulses, *minute), *expected, "{calls:?} at {minute}");
    }
}

#[test]
fn a_job_by_cron_is_due_at_its_turns_in_its_own_zone() {
    let day = |day: i64, hour: i64| at((day * 24 + hour) * 60);
    // 03:00 in Seoul is 18:00 UTC of the day before.
    let rhythm = cron("0 3 * * *", "Asia/Seoul");
    assert_eq!(rhythm.after(day(0, 0)), Some(day(0, 18)));
    assert_eq!(rhythm.after(day(0, 18)), Some(day(1, 18)), "the call of this turn");
    let second = Duration::from_secs(1);
    assert_eq!(
        rhythm.after(day(0, 18) - 3 * second),
        Some(day(1, 18)),
        "a clock that is ahead means the turn that is near"
    );
    assert_eq!(rhythm.after(day(0, 18) - 60 * second), Some(day(0, 18)));
    assert_eq!(rhythm.period(day(0, 0)), minutes(24 * 60));
    // Every minute, the tolerance is no more than a part of it.
    let dense = cron("* * * * *", "UTC");
    assert_eq!(dense.after(at(1) - 5 * second), Some(at(2)));
    assert_eq!(dense.after(at(1) - 30 * second), Some(at(1)));
    // Daylight saving: 02:30 does not exist in Berlin on 2026-03-29.
    let night = cron("30 2 * * *", "Europe/Berlin");
    let before: Timestamp = "2026-03-28T12:00:00Z".parse().unwrap();
    let next = night.after(before).unwrap();
    assert!(next > before && next < "2026-03-30T01:00:00Z".parse().unwrap(), "{next}");

    let spec = spec_of(cron("0 * * * *", "UTC"));
    let pulses = heard(&spec, &[(62, Signal::Success)]);
    assert_eq!(found(&spec, &pulses, 129), [""; 0]);
    assert_eq!(found(&spec, &pulses, 130), ["missed"]);
}

#[test]
fn what_the_agent_could_not_hear_is_not_missed() {
    let spec = hourly();
    // (last sign of life, back again, looked at, expected)
    let cases: &[(i64, i64, i64, &[&str])] = &[
        // Away long before the call was due, and back in time.
        (10, 40, 41, &[]),
        (10, 40, 75, &["missed"]),
        // Away when it was due: the next one is waited for, an hour from when it was back.
        (60, 90, 90, &["awaited"]),
        (60, 90, 159, &["awaited"]),
        (60, 90, 160, &["missed"]),
        (10, 300, 301, &["awaited"]),
        // It had been missed before the agent went away, and that still stands.
        (80, 200, 200, &["missed"]),
    ];
    for &(from, until, minute, expected) in cases {
        let pulses = Pulses::default();
        pulses.adopt(std::iter::once(&spec), at(until));
        let mut pulse = Pulse::new("1h", at(0));
        pulse.take(call(5, Signal::Success));
        let stored = HashMap::from([(spec.name.clone(), pulse)]);
        pulses.recall(stored, Some(at(from)), at(until));
        assert_eq!(found(&spec, &pulses, minute), expected, "away {from} to {until}, at {minute}");
    }
}

#[test]
fn a_short_restart_gives_who_called_in_vain_a_minute() {
    let spec = hourly();
    let pulses = Pulses::default();
    let second = Duration::from_secs(1);
    let (from, until) = (at(75) - 20 * second, at(75) + 10 * second);
    pulses.adopt(std::iter::once(&spec), until);
    let mut pulse = Pulse::new("1h", at(0));
    pulse.take(call(5, Signal::Success));
    pulses.recall(HashMap::from([(spec.name.clone(), pulse)]), Some(from), until);
    assert_eq!(found(&spec, &pulses, 76), [""; 0]);
    assert_eq!(found(&spec, &pulses, 77), ["missed"]);
}

#[test]
fn one_absence_is_excused_and_not_the_next() {
    let spec = hourly();
    let pulses = heard(&spec, &[(5, Signal::Success)]);
    awake(&pulses, 0..=64);
    pulses.alive(at(80));
    assert_eq!(found(&spec, &pulses, 81), ["awaited"], "the machine slept");
    awake(&pulses, 80..=135);
    pulses.alive(at(155));
    assert_eq!(found(&spec, &pulses, 157), ["missed"], "due at 140, and again nobody there");
    pulses.take(&spec.name, call(158, Signal::Success));
    assert_eq!(found(&spec, &pulses, 159), [""; 0]);
    // A clock that is set back is no absence.
    awake(&pulses, 10..=11);
    assert_eq!(found(&spec, &pulses, 159), [""; 0]);
}

#[test]
fn a_run_whose_end_nobody_could_hear_is_not_an_overrun_at_once() {
    let spec = hourly();
    let pulses = heard(&spec, &[(5, Signal::Start)]);
    awake(&pulses, 0..=10);
    pulses.alive(at(60));
    assert_eq!(found(&spec, &pulses, 61), ["awaited"], "it may still run, or have ended unheard");
    assert_eq!(found(&spec, &pulses, 90), ["overrun", "awaited"]);
}

#[test]
fn another_rhythm_is_counted_from_when_it_was_agreed() {
    let (daily, hourly) = (spec_of(Rhythm::every(minutes(1440), "1d")), hourly());
    let pulses = heard(&daily, &[(5, Signal::Success)]);
    assert_eq!(pulses.take_news().len(), 1);
    pulses.adopt(std::iter::once(&hourly), at(600));
    assert_eq!(found(&hourly, &pulses, 601), [""; 0]);
    assert_eq!(found(&hourly, &pulses, 670), ["missed"]);
    assert_eq!(pulses.take_news().len(), 1);
    assert_eq!(pulses.take_news().len(), 0);
    // Gone, and to be forgotten; back again, it begins anew.
    pulses.adopt(std::iter::empty(), at(700));
    assert!(pulses.is_used());
    assert_eq!(pulses.take_news(), [(hourly.name.clone(), None)]);
    assert!(!pulses.is_used() && pulses.heard("backup").is_none());
    pulses.adopt(std::iter::once(&hourly), at(800));
    assert_eq!(found(&hourly, &pulses, 801), ["awaited"]);
}

#[test]
fn a_call_has_to_name_the_job_and_bring_its_token() {
    let mut spec = hourly();
    spec.name = "nightly backup".into();
    Arc::make_mut(&mut spec.terms).token = Some(Token::new("s3cret"));
    let pulses = heard(&spec, &[]);
    let admit = |name: &str, token: Option<&str>| pulses.admit(name, token, at(3));
    assert_eq!(admit("other", Some("s3cret")), Err(Deaf::Unknown));
    assert_eq!(admit("nightly backup", None), Err(Deaf::Token));
    assert_eq!(admit("nightly-backup", Some("s3cre")), Err(Deaf::Token));
    let missed = look(&spec, &pulses, at(70));
    assert!(missed.findings[0].evidence.contains_key("refused"), "{missed:?}");
    assert!(!format!("{spec:?}{pulses:?}").contains("s3cret"));
    assert_eq!(admit("nightly-backup", Some("s3cret")).as_deref(), Ok("nightly backup"));
}

#[test]
fn calls_that_are_kept_are_few_and_the_last_failure_is_told() {
    let spec = hourly();
    let pulses = heard(&spec, &[]);
    for minute in 0..50 {
        pulses.take(&spec.name, call(minute, Signal::Fail));
    }
    let sight = look(&spec, &pulses, at(50));
    let facts = sight.facts.heartbeat.unwrap();
    assert_eq!(facts.calls.len(), 10);
    assert_eq!(facts.calls[0].at, at(49));
    let finding = &sight.findings[0];
    assert_eq!((finding.code, &*finding.subject), (Code::HeartbeatFailed, "backup"));
    assert!(finding.summary.en.contains("status 3"), "{finding:?}");
    assert_eq!(finding.evidence["failing_since"], "2026-01-01 00:00:00 UTC");
}

#[test]
fn who_looks_once_says_that_it_cannot_be_told() {
    let sight = look(&hourly(), &Pulses::default(), at(0));
    assert_eq!(sight.findings.len(), 1);
    assert_eq!(sight.findings[0].severity, Severity::Notice);
}

#[test]
fn what_a_job_says_is_shown_without_secrets() {
    let long = format!("{}\nlast line", "x".repeat(5000));
    let cases: &[(&str, &str)] = &[
        ("renewed 3 certificates\n", "renewed 3 certificates"),
        ("password=hunter2 failed", "password=(hidden) failed"),
        ("PGPASSWORD: \"hunter2\"", "PGPASSWORD: \"(hidden)\""),
        ("AWS_SECRET_ACCESS_KEY=abc/def", "AWS_SECRET_ACCESS_KEY=(hidden)"),
        ("token abcdef", "token (hidden)"),
        ("Authorization: Bearer abc.def\nok", "Authorization: (hidden)\\nok"),
        ("sent Bearer abcdefgh123", "sent Bearer (hidden)"),
        ("pg_dump postgres://joe:pw@db/x", "pg_dump postgres://(hidden)db/x"),
        ("\x1b[31mred\x1b[0m", "\\u{1b}[31mred\\u{1b}[0m"),
    ];
    for (said, shown) in cases {
        assert_eq!(tail(said.as_bytes(), false).as_deref(), Some(*shown), "{said}");
    }
    assert_eq!(tail(b"", false), None);
    assert_eq!(tail(b" \n", false), None);
    let shown = tail(long.as_bytes(), false).unwrap();
    assert!(shown.starts_with("…x") && shown.ends_with("\\nlast line"), "{shown}");
    // Where the beginning is cut off, so is the line that it would have begun.
    assert_eq!(tail(b"nter2\nrest", true).as_deref(), Some("…rest"));
    assert_eq!(tail(b"one endless line", true), None);
}
