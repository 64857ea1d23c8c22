//! One plan in every format.

use std::time::Duration;

use health::ports::Observed;
use health::snapshot::Last;
use health::{
    Check, Claim, Code, Facts, Finding, Kind, Phases, Process, StandingFinding, Thresholds, Timing,
    text,
};
use jiff::Timestamp;
use unicode_width::UnicodeWidthStr;

use super::*;

fn standing(host: &str, port: u16) -> CheckStanding {
    let key = PortKey { host: host.into(), port, protocol: Protocol::Tcp };
    let check = Check {
        name: key.to_string().into(),
        kind: Kind::Port,
        instance: format!("127.0.0.1:{port}").into(),
        host: Some(host.into()),
        timing: Timing::Every(Duration::from_secs(30)),
        timeout: Duration::from_secs(5),
        thresholds: Thresholds::default(),
        depends_on: Vec::new(),
        labels: std::collections::BTreeMap::new(),
    };
    CheckStanding {
        check: Arc::new(check),
        port: Some(key),
        claim: None,
        state: State::Unknown,
        since: Timestamp::UNIX_EPOCH,
        flapping: false,
        tenure: None,
        upstream: Vec::new(),
        outer_port: None,
        last: None,
        contrast: None,
        findings: Vec::new(),
        incident: None,
        next_due: None,
    }
}

fn claimed(
    host: &str,
    port: u16,
    range: (u16, u16),
    claim: ClaimKind,
    service: &str,
) -> CheckStanding {
    let mut standing = standing(host, port);
    standing.claim = Some(Arc::new(Claim {
        key: standing.port.clone().unwrap(),
        range,
        service: service.to_owned(),
        description: String::new(),
        claim,
        exposure: (claim != ClaimKind::Reserved).then_some(Exposure::Loopback),
        processes: Vec::new(),
        units: Vec::new(),
        users: Vec::new(),
        dialled: true,
    }));
    standing
}

fn seen(mut standing: CheckStanding, state: State, observed: Observed) -> CheckStanding {
    standing.state = state;
    standing.last = Some(Arc::new(Last {
        at: Timestamp::UNIX_EPOCH,
        duration: Duration::ZERO,
        phases: Phases::default(),
        facts: Facts { port: Some(Box::new(observed)), ..Facts::default() },
        findings: Vec::new(),
        success: state == State::Up,
    }));
    standing
}

fn nobody() -> Observed {
    Observed { listening: Some(false), ..Observed::default() }
}

fn owned(bind: &[&str], name: &str, pids: &[u32]) -> Observed {
    let process = |&pid: &u32| {
        Arc::new(Process {
            pid,
            name: name.to_owned(),
            executable: None,
            command_line: String::new(),
            uid: 0,
            unit: None,
        })
    };
    Observed {
        listening: Some(true),
        bind: bind.iter().map(|bind| bind.parse().unwrap()).collect(),
        owners: pids.iter().map(process).collect(),
        reachable: Some(true),
        ..Observed::default()
    }
}

fn wrong(mut standing: CheckStanding, code: Code) -> CheckStanding {
    standing.findings.push(StandingFinding {
        finding: Arc::new(Finding::new(
            code,
            "web:3013",
            text!("wrong", "잘못"),
            text!("do", "하세요"),
        )),
        since: Timestamp::UNIX_EPOCH,
        confirmed: true,
        explained_by: None,
    });
    standing
}

fn plan() -> Vec<Arc<CheckStanding>> {
    use ClaimKind::{Allocated, Reserved, System};
    let app = claimed("web", 3011, (3011, 3011), Allocated, "메인 앱");
    let nginx = claimed("web", 443, (443, 443), System, "proxy, \"edge\"");
    let hidden =
        Observed { owner_unknown: Some("permission".into()), ..owned(&["0.0.0.0:22"], "", &[]) };
    let taken = seen(
        claimed("web", 3013, (3012, 3016), Reserved, "later"),
        State::Down,
        owned(&["127.0.0.1:3013"], "=cmd|nc", &[9]),
    );
    let free =
        |port| seen(claimed("web", port, (3012, 3016), Reserved, "later"), State::Up, nobody());
    let mut tcp_check = standing("web", 1);
    tcp_check.port = None;
    [
        seen(app, State::Up, owned(&["127.0.0.1:3011"], "node", &[811])),
        free(3012),
        wrong(taken, Code::PortTaken),
        free(3014),
        free(3015),
        free(3016),
        tcp_check,
        claimed("back", 9000, (9000, 9000), Allocated, "agent"),
        seen(nginx, State::Up, owned(&["0.0.0.0:443", "[::]:443"], "nginx", &[5, 6, 7])),
        wrong(seen(standing("web", 22), State::Degraded, hidden), Code::PortUndeclared),
    ]
    .into_iter()
    .map(Arc::new)
    .collect()
}

#[test]
fn rows_are_in_order_and_free_reserved_ports_fold() {
    let rows = fold(rows(&plan()));
    let ports: Vec<String> =
        rows.iter().map(|row| format!("{}:{}", row.host, row.port_words())).collect();
    assert_eq!(
        ports,
        ["web:22", "web:443", "web:3011", "web:3012", "web:3013", "web:3014-3016", "back:9000"]
    );
}

#[test]
fn a_table_is_aligned_whatever_the_script() {
    for language in [Language::En, Language::Ko] {
        let text = table(&fold(rows(&plan())), language, Paint::Plain);
        let owner = |line: &str, word: &str| line.find(word).map(|at| line[..at].width());
        let places: Vec<usize> = text
            .lines()
            .flat_map(|line| {
                ["node (811)", "nginx (5) +2", "=cmd|nc (9)"].map(|word| owner(line, word))
            })
            .flatten()
            .collect();
        assert_eq!(places.len(), 3, "{text}");
        assert!(places.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
        assert!(text.lines().all(|line| line == line.trim_end()));
        assert!(!text.contains('\u{1b}'));
    }
    insta::assert_snapshot!(table(&fold(rows(&plan())), Language::En, Paint::Plain), @r#"
    HOST       PORT  PROTOCOL  SERVICE        CLAIM       EXPOSURE  LISTENING ON  OWNER              STATE
    web          22  tcp                      undeclared            0.0.0.0       ? (no permission)  degraded  port.undeclared
    web         443  tcp       proxy, "edge"  system      loopback  0.0.0.0, ::   nginx (5) +2       up
    web        3011  tcp       메인 앱        allocated   loopback  127.0.0.1     node (811)         up
    web        3012  tcp       later          reserved              -                                up
    web        3013  tcp       later          reserved              127.0.0.1     =cmd|nc (9)        down      port.taken
    web   3014-3016  tcp       later          reserved              -                                up
    back       9000  tcp       agent          allocated   loopback  ?                                unknown
    "#);
}

#[test]
fn colour_changes_nothing_but_colour() {
    let rows = rows(&plan());
    let painted = table(&rows, Language::En, Paint::Ansi);
    assert!(painted.contains('\u{1b}'));
    let stripped = anstream::adapter::strip_str(&painted).to_string();
    assert_eq!(stripped, table(&rows, Language::En, Paint::Plain));
}

#[test]
fn markdown_is_a_page_to_keep() {
    let page = markdown(&fold(rows(&plan())), Language::Ko);
    assert!(!page.contains("811"), "process ids change at every restart");
    insta::assert_snapshot!(page, @r#"
    # 포트

    ## web

    |      포트 | 프로토콜 | 서비스        | 구분      | 노출     | 수신 주소   | 프로세스      | 문제            | 설명 |
    | --------: | -------- | ------------- | --------- | -------- | ----------- | ------------- | --------------- | ---- |
    |        22 | tcp      |               | 미등록    |          | 0.0.0.0     | ? (권한 없음) | port.undeclared |      |
    |       443 | tcp      | proxy, "edge" | system    | loopback | 0.0.0.0, :: | nginx         |                 |      |
    |      3011 | tcp      | 메인 앱       | allocated | loopback | 127.0.0.1   | node          |                 |      |
    |      3012 | tcp      | later         | reserved  |          | -           |               |                 |      |
    |      3013 | tcp      | later         | reserved  |          | 127.0.0.1   | =cmd\|nc      | port.taken      |      |
    | 3014-3016 | tcp      | later         | reserved  |          | -           |               |                 |      |

    ## back

    | 포트 | 프로토콜 | 서비스 | 구분      | 노출     | 수신 주소 | 프로세스 | 문제 | 설명 |
    | ---: | -------- | ------ | --------- | -------- | --------- | -------- | ---- | ---- |
    | 9000 | tcp      | agent  | allocated | loopback | ?         |          |      |      |
    "#);
}

#[test]
fn csv_quotes_as_rfc_4180_says() {
    insta::assert_snapshot!(csv(&rows(&plan())).replace("\r\n", "$\n"), @r#"
    host,port,protocol,service,description,claim,exposure,listening,bind,process,pid,owner_unknown,reachable,state,findings$
    web,22,tcp,,,,,true,0.0.0.0:22,,,permission,true,degraded,port.undeclared$
    web,443,tcp,"proxy, ""edge""",,system,loopback,true,0.0.0.0:443 [::]:443,nginx,5,,true,up,$
    web,3011,tcp,메인 앱,,allocated,loopback,true,127.0.0.1:3011,node,811,,true,up,$
    web,3012,tcp,later,,reserved,,false,,,,,,up,$
    web,3013,tcp,later,,reserved,,true,127.0.0.1:3013,'=cmd|nc,9,,true,down,port.taken$
    web,3014,tcp,later,,reserved,,false,,,,,,up,$
    web,3015,tcp,later,,reserved,,false,,,,,,up,$
    web,3016,tcp,later,,reserved,,false,,,,,,up,$
    back,9000,tcp,agent,,allocated,loopback,,,,,,,unknown,$
    "#);
}

#[test]
fn json_has_every_port_on_its_own() {
    let report = json(&plan(), Language::Ko);
    let ports = report["ports"].as_array().unwrap();
    assert_eq!(ports.len(), 9);
    let taken = ports.iter().find(|port| port["port"] == 3013).unwrap();
    assert_eq!(taken["claim"], "reserved");
    assert_eq!(taken["observed"]["bind"][0], "127.0.0.1:3013");
    assert_eq!(
        (&taken["observed"]["process"], &taken["observed"]["pid"]),
        (&"=cmd|nc".into(), &9.into())
    );
    assert_eq!(taken["findings"][0]["code"], "port.taken");
    assert_eq!(taken["findings"][0]["summary"], "잘못");
    let stranger = ports.iter().find(|port| port["port"] == 22).unwrap();
    assert!(stranger["claim"].is_null() && stranger["observed"]["process"].is_null());
    assert_eq!(stranger["observed"]["owner_unknown"], "permission");
    let unseen = ports.iter().find(|port| port["port"] == 9000).unwrap();
    assert!(unseen["observed"]["listening"].is_null());
    assert_eq!(unseen["observed"]["bind"], serde_json::json!([]));
}
