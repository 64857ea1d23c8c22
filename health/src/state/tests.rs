//! Timelines as tables, and what holds for every timeline.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{Code, Facts, Phases, Text};

fn at(minute: usize) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + 60 * i64::try_from(minute).unwrap()).unwrap()
}

fn finding(code: Code, severity: Severity, subject: &str) -> Finding {
    Finding::new(code, subject, Text::same("what"), Text::same("do")).severity(severity)
}

/// One letter is one finding; `.` is a good observation.
fn observation(letters: &str, at: Timestamp) -> Observation {
    let findings = letters
        .chars()
        .filter_map(|letter| match letter {
            'C' => Some(finding(Code::TcpRefused, Severity::Critical, "a")),
            'D' => Some(finding(Code::TcpTimeout, Severity::Critical, "a")),
            'E' => Some(finding(Code::TcpRefused, Severity::Critical, "b")),
            'W' => Some(finding(Code::TcpRefused, Severity::Warning, "a")),
            'n' => Some(finding(Code::TcpRefused, Severity::Notice, "a")),
            _ => None,
        })
        .collect();
    Observation {
        at,
        duration: Duration::ZERO,
        phases: Phases::default(),
        facts: Facts::default(),
        findings,
    }
}

fn letter(standing: &StandingFinding) -> char {
    let finding = &standing.finding;
    match (finding.code, finding.severity, &*finding.subject) {
        (Code::TcpRefused, Severity::Critical, "a") => 'C',
        (Code::TcpTimeout, ..) => 'D',
        (Code::TcpRefused, Severity::Critical, _) => 'E',
        (_, Severity::Warning, _) => 'W',
        _ => 'n',
    }
}

fn told(transition: Option<&Transition>) -> String {
    let letters = |findings: &[StandingFinding]| findings.iter().map(letter).collect::<String>();
    match transition {
        None => "-".to_owned(),
        Some(Transition::Settled) => "settled".to_owned(),
        Some(Transition::Opened(findings)) => format!("opened:{}", letters(findings)),
        Some(Transition::Updated(findings)) => format!("updated:{}", letters(findings)),
        Some(Transition::Resolved) => "resolved".to_owned(),
    }
}

#[test]
fn timelines() {
    // fail_after, recover_after, observations, what each changed, the state at the end
    let table: &[(u32, u32, &str, &str, State)] = &[
        (2, 1, ".", "settled", State::Up),
        (2, 1, "C", "-", State::Unknown),
        (2, 1, "C C", "- opened:C", State::Down),
        (1, 1, "W", "opened:W", State::Degraded),
        (1, 1, "n", "settled", State::Up),
        (2, 1, ". C . C .", "settled - - - -", State::Up),
        (2, 1, "C C .", "- opened:C resolved", State::Up),
        (2, 2, "C C . C . .", "- opened:C - - - resolved", State::Up),
        // Never twice the same, and bad all the same.
        (2, 1, "C D", "- opened:D", State::Down),
        (3, 1, "C D C", "- - opened:C", State::Down),
        // A second finding is told once it is confirmed, a forgotten one once it is gone.
        (2, 1, "C C CE CE", "- opened:C - updated:CE", State::Down),
        (2, 1, "CE CE C", "- opened:CE updated:C", State::Down),
        (2, 2, "CE CE C C", "- opened:CE - updated:C", State::Down),
        // Another severity of the same finding.
        (2, 1, "W W C", "- opened:W updated:C", State::Down),
        (2, 1, "C C W", "- opened:C updated:W", State::Degraded),
        // One odd observation does not replace the reason of an open incident; two do.
        (2, 1, "C C D C", "- opened:C - -", State::Down),
        (2, 1, "C C D D", "- opened:C - updated:D", State::Down),
        (2, 1, "C C D E", "- opened:C - updated:E", State::Down),
        (2, 1, "C C D .", "- opened:C - resolved", State::Up),
        // The whole set exchanged at once.
        (1, 1, "C D", "opened:C updated:D", State::Down),
        // Two take turns, and the good observations find neither: the last reason stays.
        (2, 2, "W W D . .", "- opened:W - - resolved", State::Up),
        (2, 2, "W W D . D", "- opened:W - - updated:D", State::Down),
        // A notice neither opens nor keeps open, however long it has lasted.
        (2, 1, "n n C", "settled - -", State::Up),
        (2, 1, "n n C C", "settled - - opened:C", State::Down),
        (1, 2, "C n n", "opened:C - resolved", State::Up),
        (1, 3, "W n n W n n n", "opened:W - - - - - resolved", State::Up),
        // Two findings share code and subject: the worst one speaks.
        (1, 1, "nWC", "opened:C", State::Down),
        (1, 1, "CWn", "opened:C", State::Down),
    ];
    for &(fail_after, recover_after, seen, changed, state) in table {
        let mut track = Track::new(at(0));
        let thresholds = Thresholds { fail_after, recover_after };
        let told: Vec<String> = seen
            .split(' ')
            .enumerate()
            .map(|(minute, letters)| {
                let now = at(minute + 1);
                told(track.advance(&observation(letters, now), thresholds, now).as_ref())
            })
            .collect();
        assert_eq!(told.join(" "), changed, "{seen} after {fail_after}/{recover_after}");
        assert_eq!(track.state(), state, "{seen}");
    }
}

#[test]
fn a_finding_stands_since_it_was_first_seen_without_interruption() {
    let thresholds = Thresholds { fail_after: 2, recover_after: 1 };
    let mut track = Track::new(at(0));
    for (minute, letters) in ["C", ".", "C", "C"].into_iter().enumerate() {
        track.advance(&observation(letters, at(minute)), thresholds, at(minute));
    }
    assert_eq!(track.findings().map(|standing| standing.since).collect::<Vec<_>>(), [at(2)]);
    assert_eq!(track.since(), at(3));
}

#[test]
fn evidence_is_as_seen_last_and_changes_nothing_else() {
    let thresholds = Thresholds { fail_after: 1, recover_after: 1 };
    let mut track = Track::new(at(0));
    let mut seen = observation("C", at(1));
    track.advance(&seen, thresholds, at(1));
    seen.findings[0].evidence.insert("got".to_owned(), 7.into());
    assert_eq!(track.advance(&seen, thresholds, at(2)), None);
    assert_eq!(track.findings().next().unwrap().finding.evidence["got"], 7);
}

#[test]
fn six_changes_within_an_hour_are_flapping() {
    let thresholds = Thresholds { fail_after: 1, recover_after: 1 };
    let mut track = Track::new(at(0));
    for minute in 0..6 {
        let letters = if minute % 2 == 0 { "." } else { "C" };
        track.advance(&observation(letters, at(minute)), thresholds, at(minute));
    }
    assert!(!track.is_flapping(at(6)));
    track.advance(&observation(".", at(6)), thresholds, at(6));
    assert!(track.is_flapping(at(6)));
    assert!(track.is_flapping(at(61)));
    assert!(!track.is_flapping(at(62)));
}

#[test]
fn a_resumed_track_resolves_like_the_one_before_the_restart() {
    let thresholds = Thresholds { fail_after: 3, recover_after: 2 };
    let incident = Incident {
        id: "i".into(),
        check: "c".into(),
        kind: crate::Kind::Tcp,
        instance: "x".into(),
        host: None,
        severity: Severity::Critical,
        state: State::Down,
        opened_at: at(0),
        updated_at: at(0),
        resolved_at: None,
        findings: vec![StandingFinding {
            finding: Arc::new(finding(Code::TcpRefused, Severity::Critical, "a")),
            since: at(0),
            confirmed: true,
            explained_by: None,
        }],
        explained_by: None,
        waits_until: None,
        consequences: Vec::new(),
        labels: BTreeMap::new(),
        flapping: None,
        acknowledged: None,
    };
    let mut track = Track::resume(&incident, thresholds);
    assert_eq!(track.state(), State::Down);
    let changed: Vec<_> = ["C", ".", "C", ".", "."]
        .into_iter()
        .enumerate()
        .map(|(minute, letters)| {
            told(track.advance(&observation(letters, at(minute)), thresholds, at(minute)).as_ref())
        })
        .collect();
    assert_eq!(changed, ["-", "-", "-", "-", "resolved"]);
}

proptest! {
    #[test]
    fn what_holds_after_every_observation(
        seen in proptest::collection::vec("[CDEWn]{0,3}", 1..60),
        fail_after in 1_u32..4,
        recover_after in 1_u32..4,
    ) {
        let thresholds = Thresholds { fail_after, recover_after };
        let mut track = Track::new(at(0));
        let (mut bad_run, mut good_run) = (0, 0);
        let mut last_told: Option<Vec<char>> = None;
        for (minute, letters) in seen.iter().enumerate() {
            let now = at(minute + 1);
            let was_open = track.is_incident_open();
            let observed = observation(letters, now);
            if observed.is_good() { good_run += 1; bad_run = 0 } else { bad_run += 1; good_run = 0 }
            let transition = track.advance(&observed, thresholds, now);
            let confirmed: Vec<&StandingFinding> = track.findings()
                .filter(|standing| standing.confirmed && is_bad(&standing.finding)).collect();

            // Opened and resolved alternate, and come exactly when the thresholds say.
            prop_assert_eq!(matches!(transition, Some(Transition::Opened(_))), !was_open && bad_run >= fail_after);
            prop_assert_eq!(matches!(transition, Some(Transition::Resolved)), was_open && good_run >= recover_after);
            if let Some(Transition::Updated(_)) = transition {
                prop_assert!(was_open && track.is_incident_open());
            }
            // An open incident always has a reason, a closed one never.
            prop_assert_eq!(track.is_incident_open(), !confirmed.is_empty());
            let worst = confirmed.iter().map(|standing| standing.finding.severity).max();
            match worst {
                Some(Severity::Critical) => prop_assert_eq!(track.state(), State::Down),
                Some(_) => prop_assert_eq!(track.state(), State::Degraded),
                None => prop_assert!(matches!(track.state(), State::Up | State::Unknown)),
            }
            // A message says something new, and nothing new goes without one.
            let bad: Vec<char> = confirmed.iter().copied().map(letter).collect();
            match &transition {
                Some(Transition::Opened(_)) => last_told = Some(bad),
                Some(Transition::Updated(_)) => {
                    prop_assert_ne!(last_told.as_ref(), Some(&bad));
                    last_told = Some(bad);
                }
                Some(Transition::Resolved) => last_told = None,
                _ if was_open => prop_assert_eq!(last_told.as_ref(), Some(&bad)),
                _ => {}
            }
            // Nothing is remembered beyond its time but the last reason of an open incident.
            prop_assert!(track.is_incident_open()
                || track.memories.iter().all(|memory| memory.absent_run < recover_after));
            prop_assert!(track.memories.windows(2).all(|pair|
                pair[0].standing.finding.severity >= pair[1].standing.finding.severity));
        }
    }
}
