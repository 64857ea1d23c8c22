//! The last good and the last bad look, side by side, over turns and restarts.

use health::facts::HttpFacts;

use super::*;

fn look(seconds: i64, findings: Vec<Finding>) -> Observation {
    let http = HttpFacts { status: Some(200), ..HttpFacts::default() };
    let facts = Facts { http: Some(Box::new(http)), ..Facts::default() };
    Observation { at: at(seconds), facts, ..seen(findings) }
}

fn bad() -> Vec<Finding> {
    vec![finding(Code::HttpStatus)]
}

/// When the last good and the last bad look were.
fn kept(board: &mut Board) -> (Option<i64>, Option<i64>) {
    let standing = standing(board, "a").unwrap();
    let when = |last: Option<&Arc<health::snapshot::Last>>| {
        last.map(|last| last.at.as_second() - at(0).as_second())
    };
    (when(standing.last_success()), when(standing.last_failure()))
}

const HTTP: &str = "[[http]]\nname = \"a\"\nurl = \"http://127.0.0.1/\"\n";

#[test]
fn both_are_kept_and_written_down_only_when_the_outcome_turns() {
    let (mut board, keys) = board(&plan(HTTP));
    let looks = [
        (1, Vec::new(), (Some(1), None), vec![]),
        (2, Vec::new(), (Some(2), None), vec![]),
        (3, bad(), (Some(2), Some(3)), vec![2, 3]),
        (4, bad(), (Some(2), Some(4)), vec![]),
        (5, Vec::new(), (Some(5), Some(4)), vec![4]),
        (6, Vec::new(), (Some(6), Some(4)), vec![]),
        (7, bad(), (Some(6), Some(7)), vec![6, 7]),
    ];
    for (second, findings, expected, written) in looks {
        board.record(keys[0].1, look(second, findings), None, at(second));
        assert_eq!(kept(&mut board), expected, "{second}");
        let turned = board.take_outcomes();
        let turned: Vec<i64> =
            turned.iter().map(|(_, it)| it.last.at.as_second() - at(0).as_second()).collect();
        assert_eq!(turned, written, "{second}");
    }
    let last = standing(&mut board, "a").unwrap().last_failure().cloned().unwrap();
    assert_eq!(last.findings[0].code, Code::HttpStatus);
}

#[test]
fn a_restart_recalls_the_other_outcome_of_the_same_target_alone() {
    let remembered = |instance: &str| {
        let outcome = |seconds, findings: Vec<Finding>| {
            let Observation { at, duration, phases, facts, findings } = look(seconds, findings);
            let success = findings.is_empty();
            let last =
                Arc::new(health::snapshot::Last { at, duration, phases, facts, findings, success });
            health::snapshot::Outcome { instance: instance.into(), last }
        };
        HashMap::from([(Arc::from("a"), vec![outcome(-9, Vec::new()), outcome(-5, bad())])])
    };
    for (instance, findings, expected) in [
        ("http://127.0.0.1/", Vec::new(), (Some(1), Some(-5))),
        ("http://127.0.0.1/", bad(), (Some(-9), Some(1))),
        ("http://elsewhere/", bad(), (None, Some(1))),
    ] {
        let (mut board, keys) = board(&plan(HTTP));
        board.recall_outcomes(remembered(instance));
        board.record(keys[0].1, look(1, findings), None, at(1));
        assert_eq!(kept(&mut board), expected, "{instance}");
    }
}

#[test]
fn what_does_not_speak_http_is_not_written_down() {
    let (mut board, keys) = board(&plan(TCP));
    for (second, findings) in [(1, Vec::new()), (2, vec![finding(Code::TcpRefused)])] {
        board.record(keys[0].1, seen(findings), None, at(second));
    }
    assert!(board.take_outcomes().is_empty());
    assert!(standing(&mut board, "a").unwrap().contrast.is_some());
}
