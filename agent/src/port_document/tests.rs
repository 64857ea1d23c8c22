//! Documents there and back: written, read, compared; and tables as people keep them.

use std::path::Path;
use std::sync::Arc;

use health::{Claim, Host, Language, Protocol};
use proptest::prelude::*;

use super::*;
use crate::plan::{self, Plan, ThisMachine};

const PLAN: &str = r#"
[[host]]
name = "web"
address = "127.0.0.1"
local = true
addresses = { public = ["203.0.113.7"], internal = ["10.0.0.0/8", "10.0.0.5"] }

  [[host.port]]
  port = 3011
  service = "main | app"
  description = "*Next.js*, see [the wiki](x) & <b>ask</b> `ops`"
  exposure = "loopback"
  process = ["node", "/usr/bin/deno"]

  [[host.port]]
  port = "3012-3014"
  claim = "reserved"
  service = "API, 관리자, WebSocket"
  exposure = "loopback"

  [[host.port]]
  port = "3015-3016"
  claim = "reserved"

  [[host.port]]
  port = 443
  claim = "system"
  service = "nginx"
  exposure = "public"

  [[host.port]]
  port = 80
  claim = "system"
  service = "nginx"
  exposure = "public"

  [[host.port]]
  port = 53
  protocol = "udp"
  exposure = "internal"

  [[host.port]]
  port = "53-54"

[[host]]
name = "뒤 서버"
address = "back.example"

  [[host.port]]
  port = 9000
  service = "agent"

[[host]]
name = "spare"
address = "10.0.0.7"
"#;

fn parsed(text: &str) -> Plan {
    plan::parse(text, Path::new("probes.toml"), Path::new("/"), &ThisMachine)
        .unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"))
}

fn document(text: &str, known: &[&str]) -> Document {
    read(Path::new("PORTS.md"), text.as_bytes().to_vec(), known).unwrap()
}

fn imported(name: &str, text: &str) -> Imported {
    let document = read(Path::new(name), text.as_bytes().to_vec(), &[]).unwrap();
    let language = if name.contains(".ko.") { Language::Ko } else { Language::En };
    import(document, &Landing { file: name, host: "web", language })
}

/// What a document can say of a claim: not whether it is dialled.
fn said(hosts: &[Arc<Host>]) -> Vec<Claim> {
    let claims = hosts.iter().flat_map(|host| &host.claims);
    let mut said: Vec<Claim> =
        claims.map(|claim| Claim { dialled: false, ..Claim::clone(claim) }).collect();
    said.sort_by(|a, b| a.key.cmp(&b.key));
    said
}

#[test]
fn a_document_in_both_languages() {
    let plan = parsed(PLAN);
    let stranger = Stranger {
        key: health::PortKey { host: "web".into(), port: 8080, protocol: Protocol::Tcp },
        binds: vec!["0.0.0.0:8080".parse().unwrap()],
        owner: "=cmd|nc".to_owned(),
    };
    insta::assert_snapshot!("english", write(&plan.hosts, Language::En, None));
    insta::assert_snapshot!("korean", write(&plan.hosts, Language::Ko, Some(&[stranger])));
}

#[test]
fn what_is_written_reads_the_same_in_every_language() {
    let plan = parsed(PLAN);
    for language in [Language::En, Language::Ko] {
        for strangers in [None, Some(&[][..])] {
            let text = write(&plan.hosts, language, strangers);
            let known = written(&text).unwrap();
            assert_eq!((known.language, known.with_strangers), (language, strangers.is_some()));
            let compared = differences(&document(&text, &[]), &plan.hosts, None);
            assert_eq!(compared.differences, []);
            assert_eq!(compared.lines.len(), 12);
            let again = imported("PORTS.md", &text);
            assert_eq!(again.notes, []);
            let again = parsed(&again.toml);
            assert_eq!(said(&again.hosts), said(&plan.hosts));
            let places = |plan: &Plan| -> Vec<(Arc<str>, String, bool)> {
                let place =
                    |host: &Arc<Host>| (host.name.clone(), host.address.clone(), host.local);
                plan.hosts.iter().map(place).collect()
            };
            assert_eq!(places(&again), places(&plan));
            assert_eq!(outdated(&text, &write(&plan.hosts, language, strangers)), None);
            assert_eq!(
                outdated(&text.replace('\n', "\r\n"), &text),
                None,
                "as git on Windows has it"
            );
        }
    }
}

#[test]
fn every_difference_is_told_with_its_line() {
    let plan = parsed(PLAN);
    let text = write(&plan.hosts, Language::En, None);
    let line = |words: &str| text.lines().position(|line| line.contains(words)).unwrap() + 1;
    let told = |text: &str| -> Vec<String> {
        let compared = differences(&document(text, &["web"]), &plan.hosts, None);
        let tell = |it: Difference| {
            format!("{}: {}: {}", it.line, it.fault.words(Language::En), it.text.en)
        };
        compared.differences.into_iter().map(tell).collect()
    };
    let without: String = text
        .lines()
        .filter(|it| !it.contains("3012-3014 | tcp"))
        .map(|it| format!("{it}\n"))
        .collect();
    assert_eq!(
        told(&without),
        [format!(
            "{}: missing: 3012-3014/tcp is missing: the plan has it as reserved \"API, 관리자, WebSocket\" on web",
            line("3012-3014 | tcp")
        )]
    );
    let narrower = text.replace("| 3015-3016 | tcp", "| 3015-3017 | tcp");
    let at = line("3015-3016 | tcp");
    assert_eq!(told(&narrower), [format!("{at}: extra: 3017/tcp is not in the plan")]);
    let other =
        text.replace("public   |         |             |", "internal | apache  |             |");
    assert_eq!(
        told(&other),
        ["80/tcp", "443/tcp"].map(|port| (port, line(if port == "80/tcp" { "|   80 | tcp" } else { "|  443 | tcp" }))).iter().flat_map(|(port, at)| [
            format!("{at}: different: {port}: exposure is \"internal\" here and \"public\" in the plan"),
            format!("{at}: different: {port}: process is \"apache\" here and \"\" in the plan"),
        ]).collect::<Vec<_>>()
    );
    let unread = text.replace("| 3015-3016 | tcp", "| 3016-3015 | tcp");
    let told_of_it = told(&unread);
    assert!(told_of_it[0].contains("missing"), "{told_of_it:?}");
    assert!(
        told_of_it[1].contains("unread") && told_of_it[1].contains("3015-3016"),
        "{told_of_it:?}"
    );

    // Nothing between the tables is a row, but a document written here has it as it is.
    let other = text.replace("keep out", "let in");
    assert_eq!(told(&other), [""; 0]);
    let found = outdated(&other, &text).unwrap();
    assert_eq!(found.line, line("keep out"));
    assert!(found.text.en.contains("keep out"), "{}", found.text.en);
    let longer = format!("{text}more\n");
    assert_eq!(outdated(&longer, &text).unwrap().line, text.lines().count() + 1);
    assert_eq!(outdated(&text, &longer).unwrap().line, text.lines().count() + 1);
}

#[test]
fn a_hand_kept_table_is_held_to_what_it_says() {
    let plan = parsed(PLAN);
    // No column for exposure, process or kind: nothing to say of them.
    let table = "## web\n\n| Port | Service |\n|---|---|\n| 80, 443 | nginx |\n| 3011 | app |\n| 3011 | app |\n\n## Elsewhere (192.0.2.1)\n\n| Port |\n|---|\n| 1 |\n";
    let names: Vec<&str> = plan.hosts.iter().map(|host| &*host.name).collect();
    let compared = differences(&document(table, &names), &plan.hosts, None);
    let told: Vec<(usize, Fault)> = compared
        .differences
        .iter()
        .map(|it| (it.line, it.fault))
        .filter(|it| it.1 != Fault::Missing)
        .collect();
    assert_eq!(told, [(6, Fault::Different), (7, Fault::Twice), (13, Fault::Extra)]);
    // Which host, when the plan has several and the page names none?
    let bare = "| 포트 |\n|---|\n| 9000 |\n";
    let on = |only| differences(&document(bare, &names), &plan.hosts, only);
    let lost = on(None);
    assert!(
        lost.differences.iter().any(|it| it.fault == Fault::Extra && it.text.en.contains("--host"))
    );
    let found = on(Some("뒤 서버"));
    assert!(
        !found.differences.iter().any(|it| it.fault != Fault::Missing),
        "{:?}",
        found.differences
    );
}

#[test]
fn hand_kept_tables_become_plans() {
    for (name, text) in [
        ("portal.ko.md", include_str!("../../../tests/ports_document/samples/portal.ko.md")),
        ("two-hosts.en.md", include_str!("../../../tests/ports_document/samples/two-hosts.en.md")),
        ("table.csv", include_str!("../../../tests/ports_document/samples/table.csv")),
    ] {
        let imported = imported(name, text);
        parsed(&imported.toml);
        insta::assert_snapshot!(name, imported.toml);
    }
}

#[test]
fn words_for_nothing_are_nothing_on_both_sides() {
    for word in ["-", "없음", "N/A", "none", ".", "—", "해당 없음"] {
        let plan = parsed(&format!(
            "[[host]]\nname = \"web\"\nlocal = true\n[[host.port]]\nport = 80\nservice = \"{word}\"\nprocess = \"none\"\ndescription = \"{word}\"\n"
        ));
        for language in [Language::En, Language::Ko] {
            let text = write(&plan.hosts, language, None);
            let compared = differences(&document(&text, &[]), &plan.hosts, None);
            assert_eq!(compared.differences, [], "{word}");
            assert_eq!(outdated(&text, &write(&plan.hosts, language, None)), None);
        }
    }
}

#[test]
fn a_document_names_no_more_ports_than_there_can_be() {
    let row = "| 1-10000 |\n";
    let page = |rows: usize| format!("| Port |\n|---|\n{}", row.repeat(rows));
    let read = |rows| {
        let document = document(&page(rows), &[]);
        let mistakes: Vec<usize> = document.notes.iter().map(|note| note.line).collect();
        (document.entries.len(), mistakes)
    };
    assert_eq!(read(50), (50, vec![]));
    assert_eq!(read(2_000), (50, vec![53]));
    let wide = format!("port\n80\n\"{}\"\n81\n", "1-10000,".repeat(51));
    let wide = super::read(Path::new("a.csv"), wide.into_bytes(), &[]).unwrap();
    assert_eq!((wide.entries.len(), wide.notes[0].line), (1, 3));
}

#[test]
fn hostile_pages_cost_little() {
    let rows: String = (0..20_000).map(|n| format!("80,h{n},x\n")).collect();
    let text = format!("port,host,{}\n{rows}", "z".repeat(1 << 20));
    let document = read(Path::new("a.csv"), text.into_bytes(), &[]).unwrap();
    assert_eq!((document.hosts.len(), document.entries.len()), (1000, 1000));
    assert_eq!(document.notes.len(), 1000);
    assert!(document.entries[0].extras[0].len() < 100);
}

#[test]
fn many_lines_are_compared_at_once() {
    let page = "| Port |\n".repeat(200_000);
    assert_eq!(outdated(&page, &page), None);
}

#[test]
fn of_several_hosts_none_is_taken_for_this_machine() {
    let page = "| Host | Port | Type |\n|---|---|---|\n| a | 53 | UDP |\n| fd00::5 | 80 | TCP |\n";
    let told = imported("a.md", page);
    let plan = parsed(&told.toml);
    let hosts: Vec<_> =
        plan.hosts.iter().map(|host| (&*host.name, &*host.address, host.local)).collect();
    assert_eq!(hosts, [("a", "fill-in.invalid", false), ("fd00 5", "fd00::5", false)]);
    assert_eq!(plan.hosts[0].claims[0].key.protocol, Protocol::Udp);
    assert_eq!(told.notes.iter().map(|note| note.line).collect::<Vec<_>>(), [3]);
    let alone = imported("a.md", "| Host | Port |\n|---|---|\n| a | 53 |\n");
    assert!(parsed(&alone.toml).hosts[0].local && alone.notes.is_empty(), "{}", alone.toml);
}

#[test]
fn what_is_no_document_is_refused_in_words() {
    let refused = |name: &str, bytes: &[u8]| {
        read(Path::new(name), bytes.to_vec(), &[]).unwrap_err().to_string()
    };
    // "포트" as a Korean Windows saves it.
    assert!(refused("a.csv", b"\xc6\xf7\xc6\xae,a\r\n80,b\r\n").contains("CP949"));
    assert!(refused("a.csv", b"80,tcp\r\n").contains("port,protocol"));
    assert!(refused("a.csv", b"").contains("port,protocol"));
    assert!(refused("a.md", &vec![b' '; 9 << 20]).contains("MiB"));
    assert_eq!(document("", &[]), Document::default());
}

#[test]
fn what_looks_like_a_table_and_is_none_is_told() {
    let lines = |text: &str| -> Vec<(usize, Weight)> {
        document(text, &[]).notes.iter().map(|note| (note.line, note.weight)).collect()
    };
    assert_eq!(lines("a\n\n| Port | Service |\n| 80 | x |\n"), [(3, Weight::Mistake)]);
    assert_eq!(lines("<table>\n<tr><td>80</td></tr>\n</table>\n"), [(1, Weight::Mistake)]);
    assert_eq!(lines("| Key | Value |\n|---|---|\n| a | b |\n"), [(1, Weight::Remark)]);
}

/// Words that survive a page: blanks are one, and none at the ends; nothing that means "nothing".
fn words() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9가-힣|*_`<>&\\[\\]()!#~'\"\\\\.,:;/+=@^$%{} -]{0,24}".prop_filter_map(
        "a dash",
        |text| {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            (text.is_empty() || !cells::is_blank(&text)).then_some(text)
        },
    )
}

fn claim() -> impl Strategy<Value = String> {
    let kind = prop_oneof![Just("allocated"), Just("reserved"), Just("system")];
    let exposure = prop_oneof![
        Just(""),
        Just("exposure = \"public\"\n"),
        Just("exposure = \"internal\"\n"),
        Just("exposure = \"loopback\"\n")
    ];
    let process = prop_oneof![
        Just(""),
        Just("process = \"node\"\n"),
        Just("process = [\"a b\", \"/usr/bin/x_y\"]\n"),
        Just("unit = [\"nginx.service\", \"a_b\"]\nuser = \"www-data\"\n")
    ];
    let protocol = prop_oneof![Just("tcp"), Just("udp")];
    (1_u16..20, kind, exposure, process, protocol, words(), words()).prop_map(
        |(width, kind, exposure, process, protocol, service, description)| {
            let (service, description) =
                (toml::Value::String(service), toml::Value::String(description));
            format!(
                "{width}\nclaim = \"{kind}\"\n{exposure}{process}protocol = \"{protocol}\"\nservice = {service}\ndescription = {description}\n"
            )
        },
    )
}

proptest! {
    #[test]
    fn any_plan_survives_its_document(claims in prop::collection::vec(claim(), 0..8), korean: bool) {
        let mut text = "[[host]]\nname = \"web\"\nlocal = true\n".to_owned();
        let mut next = 1000;
        for claim in claims {
            let (width, rest) = claim.split_once('\n').unwrap();
            let last = next + width.parse::<u16>().unwrap() - 1;
            text.push_str(&format!("[[host.port]]\nport = \"{next}-{last}\"\n{rest}"));
            next = last + 1 + next % 2;
        }
        let plan = parsed(&text);
        let language = if korean { Language::Ko } else { Language::En };
        let page = write(&plan.hosts, language, None);
        prop_assert_eq!(&page, &write(&plan.hosts, language, None));
        let compared = differences(&document(&page, &[]), &plan.hosts, None);
        prop_assert_eq!(compared.differences, []);
        let again = imported("PORTS.md", &page);
        prop_assert_eq!(&again.notes, &[]);
        prop_assert_eq!(said(&parsed(&again.toml).hosts), said(&plan.hosts));
    }

    #[test]
    fn any_text_becomes_a_valid_plan(
        text in "(\\PC|[\n|:#*`0-9-]|\n\\| ?[0-9]{1,5} ?\\| ?\\PC{0,9} ?\\|\n|\\| port \\| host \\| process \\| [a-z]{0,9}\n\\|--\\|--\\|--\\|--\\|\n){0,40}",
        ending in prop_oneof![Just("md"), Just("csv"), Just("tsv")],
    ) {
        let path = format!("some file.{ending}");
        if let Ok(document) = read(Path::new(&path), text.into_bytes(), &["web"]) {
            let compared = differences(&document, &parsed(PLAN).hosts, None);
            prop_assert!(compared.differences.iter().all(|it| it.line > 0));
            let landing = Landing { file: &path, host: "", language: Language::Ko };
            parsed(&import(document, &landing).toml);
        }
    }
}
