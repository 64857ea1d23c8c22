//! Ports that change hands.

use super::*;

const PLAN: &str =
    "[[host]]\nname = \"web\"\naddress = \"127.0.0.9\"\nlocal = true\n[[host.port]]\nport = 3011\n";

fn held(names: &[(&str, u32)], bind: &str, at_second: i64) -> Observation {
    let process = |&(name, pid): &(&str, u32)| {
        Arc::new(health::Process {
            pid,
            name: name.to_owned(),
            executable: None,
            command_line: String::new(),
            uid: 1,
            unit: None,
        })
    };
    let port = health::ports::Observed {
        listening: Some(!names.is_empty()),
        bind: (!names.is_empty()).then(|| bind.parse().unwrap()).into_iter().collect(),
        owners: names.iter().map(process).collect(),
        ..Default::default()
    };
    let facts = Facts { port: Some(Box::new(port)), ..Facts::default() };
    Observation { at: at(at_second), facts, ..seen(Vec::new()) }
}

/// Port, since when, pid after and before.
type Move = (String, i64, Option<u32>, Option<Option<u32>>);

/// Every change of hands since the last call.
fn moves(board: &mut Board) -> Vec<Move> {
    let moved = board.take_tenures().into_iter();
    let second = |at: Timestamp| at.as_second() - 1_750_000_000;
    moved
        .map(|(name, tenure)| {
            let before = tenure.before.as_ref().map(|before| before.pid);
            (name.to_string(), second(tenure.since), tenure.holding.pid, before)
        })
        .collect()
}

#[test]
fn a_port_that_changes_hands_is_noticed_once() {
    let (mut board, keys) = board(&plan(PLAN));
    let &(ref name, key) = keys.iter().find(|(name, _)| name.starts_with("web:")).unwrap();
    let mut look = |names: &[(&str, u32)], bind: &str, second| {
        board.record(key, held(names, bind, second), None, at(second));
        moves(&mut board)
    };
    let moved = |since, pid, before| vec![(name.clone(), since, pid, before)];
    let bind = "127.0.0.1:3011";
    assert_eq!(look(&[("node", 811)], bind, 1), moved(1, Some(811), None), "nothing known before");
    assert_eq!(look(&[("node", 811), ("node", 812)], bind, 2), [], "a worker more");
    assert_eq!(look(&[("node", 900)], bind, 3), moved(3, Some(900), Some(Some(811))), "restarted");
    assert_eq!(look(&[("node", 900)], "0.0.0.0:3011", 4), moved(4, Some(900), Some(Some(900))));
    assert_eq!(look(&[], bind, 5), [], "one look in vain is not believed");
    assert_eq!(look(&[("node", 901)], bind, 6), moved(6, Some(901), Some(Some(900))));
    assert_eq!(look(&[], bind, 7), []);
    assert_eq!(look(&[], bind, 8), moved(7, None, Some(Some(901))), "gone since the first");
    assert_eq!(look(&[], bind, 9), []);
    board.record(key, seen(Vec::new()), None, at(10));
    assert_eq!(moves(&mut board), [], "nothing seen is no change");
}

#[test]
fn tenures_survive_a_restart_and_what_left_meanwhile_is_told() {
    let plan = plan(PLAN);
    let sweep = plan.sweeps[0].clone();
    let (mut board, keys) = board(&plan);
    let &(ref name, key) = keys.iter().find(|(name, _)| name.starts_with("web:")).unwrap();
    let tenure = |pid, since| {
        let Facts { port, .. } = held(&[("node", pid)], "127.0.0.1:3011", 0).facts;
        let holding = health::ports::Holding::of(&port.unwrap()).unwrap();
        health::ports::Tenure { since: at(since), holding, before: None }
    };
    board.recall_tenures(
        [
            (name.as_str().into(), tenure(811, -50)),
            ("web:9999".into(), tenure(7, -40)),
            ("web:9998".into(), tenure(8, -30)),
        ]
        .into(),
    );
    board.record(key, held(&[("node", 811)], "127.0.0.1:3011", 1), None, at(1));
    assert_eq!(moves(&mut board), [], "as it was");
    assert_eq!(standing(&mut board, name).unwrap().tenure.as_ref().unwrap().since, at(-50));

    let stranger = |port, pid| (listener(port), held(&[("nc", pid)], "127.0.0.1:9999", 2));
    let known = (listener(9999), held(&[("node", 7)], "127.0.0.1:3011", 2));
    board.record_sweep(&sweep, vec![known], at(2));
    let gone = ("web:9998".to_owned(), 2, None, Some(Some(8)));
    assert_eq!(moves(&mut board), [gone], "the other one is still there");

    board.record_sweep(&sweep, vec![stranger(9997, 70)], at(3));
    let new = ("web:9997".to_owned(), 2, Some(70), Some(None));
    let left = ("web:9999".to_owned(), 3, None, Some(Some(7)));
    let mut all = moves(&mut board);
    all.sort();
    assert_eq!(all, [new, left], "nobody was there before");
}

#[test]
fn what_the_plan_no_longer_looks_for_has_not_gone() {
    let before = plan(PLAN);
    let after = plan(&PLAN.replace("local = true\n", "local = true\nignore = [\"nc\"]\n"));
    let (mut board, _) = board(&before);
    let stranger = |port, second| (listener(port), held(&[("nc", 7)], "127.0.0.1:9999", second));
    board.record_sweep(&before.sweeps[0], vec![stranger(9999, 1)], at(1));
    assert_eq!(moves(&mut board).len(), 1);
    assert_eq!(board.swept().len(), 1);
    board.reconcile(&after, at(2));
    assert!(board.swept().is_empty(), "not as the plan says now");
    for second in 3..9 {
        board.record_sweep(&after.sweeps[0], Vec::new(), at(second));
        assert_eq!(moves(&mut board), [], "it is left out, not gone");
    }
    assert!(standing(&mut board, "web:9999").is_none());

    board.reconcile(&before, at(10));
    board.record_sweep(&before.sweeps[0], vec![stranger(9999, 11)], at(11));
    let first = ("web:9999".to_owned(), 11, Some(7), None);
    assert_eq!(moves(&mut board), [first], "nobody knows since when");
}

#[test]
fn a_host_looked_at_from_elsewhere_begins_anew() {
    let (mut board, keys) = board(&plan(PLAN));
    let &(ref name, key) = keys.iter().find(|(name, _)| name.starts_with("web:")).unwrap();
    board.record(key, held(&[("node", 811)], "127.0.0.1:3011", 1), None, at(1));
    assert!(standing(&mut board, name).unwrap().tenure.is_some());
    board.reconcile(&plan(&PLAN.replace("local = true", "local = false")), at(2));
    assert!(standing(&mut board, name).unwrap().tenure.is_none());
}
