//! Plans come and go, observations come in: what the board makes of them.

use std::path::Path;
use std::time::Duration;

use health::facts::{CertificateFacts, FileFacts};
use health::{Code, Facts, Finding, Kind, Phases, Severity, Text};

use super::*;
use crate::plan::{self, ThisMachine};

mod outcomes;
mod served;
mod tenures;

fn plan(text: &str) -> Plan {
    plan::parse(text, Path::new("probes.toml"), Path::new("/"), &ThisMachine)
        .unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + seconds).unwrap()
}

fn text(words: &str) -> Text {
    Text { en: words.to_owned(), ko: words.to_owned() }
}

fn finding(code: Code) -> Finding {
    Finding::new(code, "subject", text("wrong"), text("fix it")).severity(Severity::Critical)
}

fn seen(findings: Vec<Finding>) -> Observation {
    Observation {
        at: at(0),
        duration: Duration::from_millis(1),
        phases: Phases::default(),
        facts: Facts::default(),
        findings,
    }
}

/// A board over a plan, and the names of its checks with their keys.
fn board(plan: &Plan) -> (Board, Vec<(String, Key)>) {
    let mut board = Board::default();
    let keys = keys(&board.reconcile(plan, at(0)).added);
    (board, keys)
}

fn keys(checks: &[(Key, Arc<probe::Check>)]) -> Vec<(String, Key)> {
    checks.iter().map(|(key, check)| (check.frame.name.to_string(), *key)).collect()
}

fn names(checks: &[(Key, Arc<probe::Check>)]) -> Vec<String> {
    keys(checks).into_iter().map(|(name, _)| name).collect()
}

fn standing(board: &mut Board, name: &str) -> Option<Arc<CheckStanding>> {
    board.standings().into_iter().find(|standing| &*standing.check.name == name)
}

fn listener(port: u16) -> PortKey {
    PortKey { host: "web".into(), port, protocol: health::Protocol::Tcp }
}

fn incident(check: &str, kind: Kind, code: Code) -> Incident {
    Incident {
        id: "i1".into(),
        check: check.into(),
        kind,
        instance: check.into(),
        host: None,
        severity: Severity::Critical,
        state: State::Down,
        opened_at: at(-100),
        updated_at: at(-50),
        resolved_at: None,
        findings: vec![health::StandingFinding {
            finding: Arc::new(finding(code)),
            since: at(-110),
            confirmed: true,
            explained_by: None,
        }],
        explained_by: None,
        waits_until: None,
        consequences: Vec::new(),
        labels: std::collections::BTreeMap::new(),
        flapping: None,
        acknowledged: None,
    }
}

const TCP: &str = "[[tcp]]\nname = \"a\"\naddress = \"127.0.0.1:22\"\n";
const HOST: &str = "[defaults]\nfail_after = 1\n[[host]]\nname = \"web\"\naddress = \"127.0.0.9\"\nlocal = true\nundeclared = \"warn\"\n";
const CLAIM: &str = "[[host.port]]\nport = 9000\nservice = \"app\"\n";

#[test]
fn a_reload_keeps_what_is_the_same_and_looks_anew_at_what_changed() {
    for (change, text) in [
        ("nothing", TCP.to_owned()),
        ("timing", format!("{TCP}interval = \"7s\"\n")),
        ("timeout", format!("{TCP}timeout = \"1s\"\n")),
        ("target", TCP.replace(":22", ":23")),
    ] {
        let (mut board, keys) = board(&plan(TCP));
        board.record(keys[0].1, seen(vec![finding(Code::TcpRefused)]), Some(at(9)), at(1));
        let reconciled = board.reconcile(&plan(&text), at(2));
        let is_same = change == "nothing";
        assert_eq!(names(&reconciled.kept).len(), usize::from(is_same), "{change}");
        assert_eq!(names(&reconciled.added).len(), usize::from(!is_same), "{change}");
        assert_eq!(reconciled.removed.len(), usize::from(!is_same), "{change}");
        assert!(reconciled.removed_names.is_empty(), "{change}");
        let standing = standing(&mut board, "a").unwrap();
        assert_eq!(standing.last.is_some(), is_same, "{change}");
        assert_eq!(standing.findings.len(), 1, "{change}: what is wrong is remembered");
    }
}

#[test]
fn what_an_old_probe_brings_home_is_not_taken_for_the_new_settings() {
    let (mut board, first) = board(&plan(TCP));
    let old = first[0].1;
    let reconciled = board.reconcile(&plan(&TCP.replace(":22", ":23")), at(1));
    assert_eq!(reconciled.removed, [old]);
    let new = reconciled.added[0].0;
    assert!(board.planned(old).is_none());
    assert!(board.record(old, seen(vec![finding(Code::TcpRefused)]), None, at(2)).is_none());
    assert!(standing(&mut board, "a").unwrap().findings.is_empty());
    let change = board.record(new, seen(Vec::new()), None, at(3)).unwrap();
    assert_eq!((change.from, change.to), (State::Unknown, State::Up));
}

#[test]
fn another_kind_is_another_check() {
    let (mut board, first) = board(&plan(TCP));
    board.record(first[0].1, seen(vec![finding(Code::TcpRefused)]), None, at(1));
    board.record(first[0].1, seen(vec![finding(Code::TcpRefused)]), None, at(2));
    board.note_incident("a", Some("i1".into()));
    let tls = plan("[[tls]]\nname = \"a\"\naddress = \"127.0.0.1:22\"\n");
    let reconciled = board.reconcile(&tls, at(3));
    assert_eq!(reconciled.removed, [first[0].1]);
    assert_eq!(reconciled.removed_names, ["a".into()], "its incident has to end");
    board.note_incident("a", None);
    let standing = standing(&mut board, "a").unwrap();
    assert_eq!((standing.check.kind, standing.state), (Kind::Tls, State::Unknown));
    assert!(standing.findings.is_empty() && standing.incident.is_none());
}

#[test]
fn a_check_that_goes_and_comes_back_is_new() {
    let (mut board, first) = board(&plan(TCP));
    board.record(first[0].1, seen(Vec::new()), None, at(1));
    let reconciled = board.reconcile(&plan(""), at(2));
    assert_eq!(reconciled.removed_names, ["a".into()]);
    assert!(board.standings().is_empty());
    let reconciled = board.reconcile(&plan(TCP), at(3));
    assert_eq!(names(&reconciled.added), ["a"]);
    assert_ne!(reconciled.added[0].0, first[0].1);
    assert_eq!(standing(&mut board, "a").unwrap().state, State::Unknown);
}

#[test]
fn the_order_is_that_of_the_plan_and_undeclared_listeners_come_last() {
    let with_two = format!("{HOST}{CLAIM}{TCP}");
    let plan_two = plan(&with_two);
    let (mut board, _) = board(&plan_two);
    let sweep = plan_two.sweeps[0].clone();
    board.record_sweep(
        &sweep,
        vec![(listener(7000), seen(vec![finding(Code::PortUndeclared)]))],
        at(1),
    );
    let order = |board: &mut Board| -> Vec<String> {
        board.standings().iter().map(|standing| standing.check.name.to_string()).collect()
    };
    assert_eq!(order(&mut board), ["web:9000", "a", "web:7000"]);
    let more = plan(&format!("{with_two}[[tcp]]\nname = \"b\"\naddress = \"127.0.0.1:24\"\n"));
    board.reconcile(&more, at(2));
    assert_eq!(order(&mut board), ["web:9000", "a", "b", "web:7000"]);
}

#[test]
fn an_undeclared_listener_is_found_claimed_and_let_go_again() {
    let without = plan(HOST);
    let (mut board, _) = board(&without);
    let sweep = without.sweeps[0].clone();
    let stranger = || vec![(listener(9000), seen(vec![finding(Code::PortUndeclared)]))];
    let changes = board.record_sweep(&sweep, stranger(), at(1));
    assert!(matches!(changes[0].transition, Transition::Opened(_)), "{changes:?}");
    board.note_incident("web:9000", Some("i1".into()));

    let with = plan(&format!("{HOST}{CLAIM}"));
    let reconciled = board.reconcile(&with, at(2));
    assert_eq!(names(&reconciled.added), ["web:9000"]);
    assert!(reconciled.removed_names.is_empty(), "its incident resolves when its check is well");
    let sweep = with.sweeps[0].clone();
    assert!(board.record_sweep(&sweep, stranger(), at(3)).is_empty(), "a claim is no stranger");
    assert!(standing(&mut board, "web:9000").unwrap().claim.is_some());
    let change = board.record(reconciled.added[0].0, seen(Vec::new()), None, at(4)).unwrap();
    assert_eq!(change.transition, Transition::Resolved);

    let reconciled = board.reconcile(&without, at(5));
    assert_eq!(reconciled.removed_names, ["web:9000".into()]);
    let changes = board.record_sweep(&sweep, stranger(), at(6));
    assert!(matches!(changes[0].transition, Transition::Opened(_)), "{changes:?}");
    assert!(standing(&mut board, "web:9000").unwrap().claim.is_none());
    let changes = board.record_sweep(&sweep, Vec::new(), at(7));
    assert_eq!(changes[0].transition, Transition::Resolved);
    assert!(standing(&mut board, "web:9000").is_none(), "forgotten once it is gone");
}

/// A day of listeners that come and go, looked at every 30 s with the default `fail_after`: what
/// is gone at the next look is never told, what is there twice is told once.
#[test]
fn short_lived_listeners_do_not_flap() {
    let text = format!("{HOST}{CLAIM}claim = \"reserved\"\n").replace("fail_after = 1\n", "");
    let plan = plan(&text);
    let (mut board, keys) = board(&plan);
    let sweep = plan.sweeps[0].clone();
    let mut told = Vec::new();
    for look in 0..2880_i64 {
        // Two looks in a row at noon, else every second or third look, and another owner each time.
        let is_there = look % 5 == 0 || look % 5 == 2 || look == 1441;
        let (mut strangers, mut takers) = (Vec::new(), Vec::new());
        if is_there {
            let mut stranger = finding(Code::PortUndeclared);
            stranger.subject = format!("web:7000 (owner {look})");
            if look == 1440 || look == 1441 {
                stranger.subject = "web:7000 (owner at noon)".into();
                takers.push(finding(Code::PortTaken));
            } else if look % 5 == 0 {
                takers.push(finding(Code::PortTaken));
            }
            strangers.push((listener(7000), seen(vec![stranger])));
        }
        let now = at(look * 30);
        told.extend(board.record_sweep(&sweep, strangers, now));
        told.extend(board.record(keys[0].1, seen(takers), None, now));
    }
    // That a check has been looked at for the first time is told nobody.
    told.retain(|change| change.transition != Transition::Settled);
    let told: Vec<(&str, bool)> = told
        .iter()
        .map(|change| (&*change.check.name, change.transition == Transition::Resolved))
        .collect();
    let noon = [("web:7000", false), ("web:9000", false), ("web:9000", true), ("web:7000", true)];
    assert_eq!(told, noon);
    assert!(standing(&mut board, "web:7000").is_none(), "nothing of them is kept");
}

#[test]
fn undeclared_listeners_go_with_the_sweep_of_their_host() {
    let before = plan(HOST);
    let (mut board, _) = board(&before);
    let sweep = before.sweeps[0].clone();
    let stranger = vec![(listener(7000), seen(vec![finding(Code::PortUndeclared)]))];
    board.record_sweep(&sweep, stranger, at(1));
    let slower = plan(&HOST.replace("fail_after = 1", "fail_after = 1\ninterval = \"90s\""));
    let reconciled = board.reconcile(&slower, at(2));
    assert!(reconciled.removed.is_empty() && reconciled.removed_names.is_empty());
    let timing = &standing(&mut board, "web:7000").unwrap().check.timing;
    assert_eq!(*timing, health::Timing::Every(Duration::from_secs(90)));
    for after in [HOST.replace("\"warn\"", "\"ignore\""), String::new()] {
        let mut other = Board::default();
        other.reconcile(&before, at(0));
        let stranger = vec![(listener(7000), seen(vec![finding(Code::PortUndeclared)]))];
        other.record_sweep(&sweep, stranger, at(1));
        let reconciled = other.reconcile(&plan(&after), at(3));
        assert_eq!(reconciled.removed_names, ["web:7000".into()], "{after}");
        assert!(other.standings().is_empty());
    }
}

#[test]
fn open_incidents_are_believed_after_a_restart_where_their_check_is_still_there() {
    let plan = plan(&format!("{HOST}{CLAIM}{TCP}"));
    for (check, kind, code, is_there) in [
        ("a", Kind::Tcp, Code::TcpRefused, true),
        ("a", Kind::Http, Code::HttpStatus, false),
        ("gone", Kind::Tcp, Code::TcpRefused, false),
        ("web:9000", Kind::Port, Code::PortDead, true),
        // Claimed by now.
        ("web:9000", Kind::Port, Code::PortUndeclared, true),
        ("web:7000", Kind::Port, Code::PortUndeclared, true),
        ("web:7000/udp", Kind::Port, Code::PortUndeclared, true),
        ("web:seven", Kind::Port, Code::PortUndeclared, false),
        ("other:7000", Kind::Port, Code::PortUndeclared, false),
    ] {
        let (mut board, _) = board(&plan);
        let is_known = board.resume(&incident(check, kind, code), &plan, at(1));
        assert_eq!(is_known, is_there, "{check} {kind:?}");
        let found = standing(&mut board, check).filter(|standing| standing.check.kind == kind);
        if is_there {
            let found = found.unwrap();
            assert_eq!((found.state, found.since), (State::Down, at(-100)), "{check}");
            assert_eq!(found.findings[0].finding.code, code, "{check}");
        }
    }
}

#[test]
fn a_resumed_stranger_that_is_gone_resolves_at_the_first_sweep() {
    let plan = plan(HOST);
    let (mut board, _) = board(&plan);
    assert!(board.resume(&incident("web:7000", Kind::Port, Code::PortUndeclared), &plan, at(1)));
    let changes = board.record_sweep(&plan.sweeps[0], Vec::new(), at(2));
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].transition, Transition::Resolved);
    assert!(board.standings().is_empty());
}

fn explained(board: &mut Board, name: &str) -> Option<String> {
    standing(board, name).unwrap().findings[0].explained_by.as_ref().map(ToString::to_string)
}

#[test]
fn a_sick_dependency_explains_until_it_is_well_again() {
    let plan = plan(&format!(
        "{TCP}[[tcp]]\nname = \"b\"\naddress = \"127.0.0.1:24\"\ndepends_on = [\"a\"]\n"
    ));
    let (mut board, keys) = board(&plan);
    let [a, b] = [keys[0].1, keys[1].1];
    board.record(b, seen(vec![finding(Code::TcpTimeout)]), None, at(1));
    assert_eq!(explained(&mut board, "b"), None);
    board.record(a, seen(vec![finding(Code::TcpTimeout)]), None, at(2));
    assert_eq!(explained(&mut board, "b").as_deref(), Some("a"));
    board.record(a, seen(vec![finding(Code::TcpTimeout).severity(Severity::Notice)]), None, at(3));
    assert_eq!(explained(&mut board, "b"), None, "a notice explains nothing");
}

#[test]
fn the_claim_of_the_address_explains_what_could_not_reach_it() {
    let plan = plan(&format!(
        "{HOST}{CLAIM}[[tcp]]\nname = \"a\"\naddress = \"web:9000\"\n\
         [[http]]\nname = \"shop\"\nurl = \"http://127.0.0.1:8081/\"\nupstream = \"web:9000\"\n\
         [[websocket]]\nname = \"live\"\nurl = \"ws://127.0.0.1:8081/\"\n"
    ));
    let (mut board, keys) = board(&plan);
    let [claim, tcp, http, live] = [keys[0].1, keys[1].1, keys[2].1, keys[3].1];
    let mut refused = seen(vec![finding(Code::TcpRefused)]);
    refused.facts.address = Some("127.0.0.9:9000".parse().unwrap());
    board.record(tcp, refused, None, at(1));
    board.record(http, seen(vec![finding(Code::HttpBadGateway)]), None, at(1));
    let mut gateway = finding(Code::HttpBadGateway);
    gateway.subject = "127.0.0.9:9000 (app.internal)".to_owned();
    board.record(live, seen(vec![gateway]), None, at(1));
    for (code, by) in [
        (Code::PortDead, Some("web:9000")),
        (Code::PortWrongOwner, Some("web:9000")),
        (Code::PortExposed, None),
    ] {
        board.record(claim, seen(Vec::new()), None, at(2));
        board.record(claim, seen(vec![finding(code)]), None, at(3));
        assert_eq!(explained(&mut board, "a").as_deref(), by, "{code}");
        assert_eq!(explained(&mut board, "shop").as_deref(), by, "{code}");
        assert_eq!(explained(&mut board, "live").as_deref(), by, "{code}");
    }
}

#[test]
fn two_never_explain_each_other() {
    let claim = format!("{CLAIM}depends_on = [\"a\"]\n");
    let plan = plan(&format!("{HOST}{claim}[[tcp]]\nname = \"a\"\naddress = \"127.0.0.9:9000\"\n"));
    let (mut board, keys) = board(&plan);
    let mut refused = seen(vec![finding(Code::TcpRefused)]);
    refused.facts.address = Some("127.0.0.9:9000".parse().unwrap());
    board.record(keys[1].1, refused, None, at(1));
    board.record(keys[0].1, seen(vec![finding(Code::PortDead)]), None, at(1));
    assert_eq!(explained(&mut board, "web:9000").as_deref(), Some("a"));
    assert_eq!(explained(&mut board, "a"), None);
}

fn certificate() -> CertificateFacts {
    CertificateFacts {
        fingerprint: "ab".into(),
        serial: "01".into(),
        subject: "CN=a".into(),
        issuer: "CN=b".into(),
        names: vec!["a".into()],
        not_before: at(0),
        not_after: at(9000),
        key: "ECDSA P-256".into(),
        signature: "ecdsa-with-SHA256".into(),
        is_ca: false,
        ..CertificateFacts::default()
    }
}

fn file(path: &str, chain: Vec<CertificateFacts>) -> FileFacts {
    FileFacts { path: path.into(), modified: None, chain: Arc::new(chain), ..FileFacts::default() }
}

#[test]
fn a_certificate_that_cannot_be_read_any_more_stays_known() {
    let plan = plan("[[certificate]]\nname = \"disk\"\npath = \"/nowhere/*.pem\"\n");
    let (mut board, keys) = board(&plan);
    let with = |files: Vec<FileFacts>, findings| Observation {
        facts: Facts { files, ..Facts::default() },
        ..seen(findings)
    };
    let unreadable = || vec![finding(Code::CertUnreadable)];
    board.record(keys[0].1, with(vec![file("/a", vec![certificate()])], Vec::new()), None, at(1));
    for broken in [vec![file("/a", Vec::new())], Vec::new()] {
        board.record(keys[0].1, with(broken, unreadable()), None, at(2));
        let last = standing(&mut board, "disk").unwrap().last.clone().unwrap();
        assert_eq!(last.facts.files[0].chain.len(), 1);
    }
    board.record(keys[0].1, with(vec![file("/b", vec![certificate()])], Vec::new()), None, at(3));
    let last = standing(&mut board, "disk").unwrap().last.clone().unwrap();
    let paths: Vec<&str> = last.facts.files.iter().map(|file| &*file.path).collect();
    assert_eq!(paths, ["/b"], "a file that was moved away is not kept for good");
}

#[test]
fn certificates_are_written_down_once_and_recalled_after_a_restart() {
    let plan = plan("[[certificate]]\nname = \"disk\"\npath = \"/nowhere/*.pem\"\n");
    let with = |files: Vec<FileFacts>| Observation {
        facts: Facts { files, ..Facts::default() },
        ..seen(Vec::new())
    };
    let readable = || with(vec![file("/nowhere/a.pem", vec![certificate()])]);
    let (mut first, keys) = board(&plan);
    first.record(keys[0].1, with(Vec::new()), None, at(1));
    assert!(first.take_certificates().is_empty(), "nothing known yet");
    first.record(keys[0].1, readable(), None, at(2));
    let written = first.take_certificates();
    assert_eq!(written.len(), 1);
    first.record(keys[0].1, readable(), None, at(3));
    first.record(keys[0].1, with(Vec::new()), None, at(4));
    assert!(first.take_certificates().is_empty(), "as it was");
    let renewed = CertificateFacts { not_after: at(9999), ..certificate() };
    first.record(keys[0].1, with(vec![file("/nowhere/a.pem", vec![renewed])]), None, at(5));
    assert_eq!(first.take_certificates().len(), 1);

    let seen_on = |instance: &str| {
        let mut seen = written[0].1.clone();
        seen.instance = instance.to_owned();
        HashMap::from([(written[0].0.clone(), seen)])
    };
    for (instance, kept) in [(&*written[0].1.instance, 1), ("/elsewhere/*.pem", 0)] {
        let (mut second, keys) = board(&plan);
        second.recall_certificates(seen_on(instance));
        second.record(keys[0].1, with(Vec::new()), None, at(6));
        let last = standing(&mut second, "disk").unwrap().last.clone().unwrap();
        assert_eq!(last.facts.files.len(), kept, "{instance}");
        assert!(second.take_certificates().is_empty(), "they are written already");
    }
}
