//! Expectations by table: as a plan writes them, an answer, and what is found wrong with it.

use std::path::Path;

use health::Phase;
use http::{HeaderName, HeaderValue};

use super::super::judge::judge;
use super::*;
use crate::plan::{ThisMachine, parse};
use crate::probe::Spec as AnySpec;

mod rows;

const SUBJECT: &str = "https://shop.example/";

/// One row: `expect` as the plan has it; the answer as text, its first lines of a kind of their own
/// (see [`answer`]); and the findings, each its code and what its subject has beyond the URL.
type Row = (&'static str, &'static str, &'static str);

/// An answer: a line with the status; lines with a colon in front about how it came; headers; an
/// empty line; the body.
fn answer(text: &str) -> Reply {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let status: u16 = lines.next().unwrap().parse().unwrap();
    let mut reply = Reply {
        subject: SUBJECT.to_owned(),
        url: Uri::from_static(SUBJECT),
        ..judgement::reply(status, &[], body)
    };
    for line in lines {
        if let Some(told) = line.strip_prefix(':') {
            let (name, value) = told.split_once(' ').unwrap_or((told, ""));
            let milliseconds = |text: &str| Duration::from_millis(text.parse().unwrap());
            match name {
                "http" => {
                    reply.version = match value {
                        "2" => Version::HTTP_2,
                        "1.0" => Version::HTTP_10,
                        _ => Version::HTTP_11,
                    };
                }
                "hops" => reply.hops = value.parse().unwrap(),
                "url" => reply.url = value.parse().unwrap(),
                "took" => reply.elapsed = milliseconds(value),
                "processing" => reply.phases.add(Phase::Processing, milliseconds(value)),
                "tls" => reply.phases.add(Phase::Tls, milliseconds(value)),
                "cut" => reply.is_complete = false,
                "capped" => reply.body.is_over_cap = true,
                "latin" => reply.body.kept.extend(b"\xc5\xbd\xff"),
                "was" => reply.as_planned = Some(value.as_bytes().into()),
                other => panic!("{other}"),
            }
            continue;
        }
        let (name, value) = line.split_once(": ").unwrap();
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        reply.headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    reply
}

fn specs(rows: &[Row]) -> Vec<Spec> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "<h1>Shop</h1>\n<p>Open</p>\n").unwrap();
    let entry = |(number, (expect, ..)): (usize, &Row)| {
        format!("[[http]]\nname = \"row {number}\"\nurl = \"{SUBJECT}\"\n{expect}\n")
    };
    let plan: String = rows.iter().enumerate().map(entry).collect();
    let plan = parse(&plan, Path::new("probes.toml"), folder.path(), &ThisMachine);
    let plan = plan.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let spec = |check: &Arc<crate::probe::Check>| match &check.spec {
        AnySpec::Http(spec) => (**spec).clone(),
        _ => panic!(),
    };
    plan.checks.iter().map(spec).collect()
}

#[test]
fn by_table() {
    let rows: Vec<Row> = rows::ALL.iter().flat_map(|rows| rows.iter().copied()).collect();
    assert!(rows.len() >= 150, "{}", rows.len());
    let mut wrong = String::new();
    for (spec, &(expect, text, expected)) in specs(&rows).iter().zip(&rows) {
        let findings = judge(spec, &answer(text));
        let of = |finding: &Finding| {
            let beyond =
                finding.subject.strip_prefix(SUBJECT).unwrap_or(&finding.subject).trim_start();
            format!("{} {beyond}", finding.code.label()).trim_end().to_owned()
        };
        let found = findings.iter().map(of).collect::<Vec<_>>().join(", ");
        if found != expected {
            wrong +=
                &format!("{expect}\n  {text:?}\n  expected {expected:?}\n  found    {found:?}\n");
        }
        for finding in &findings {
            let texts = [&finding.summary, &finding.remedy];
            assert!(texts.iter().all(|text| !text.en.is_empty() && !text.ko.is_empty()));
            assert!(!finding.evidence.is_empty(), "{expect}: {:?}", finding.evidence);
        }
    }
    assert_eq!(wrong, "");
}

/// What a person reads, for one row of each kind.
#[test]
fn in_words() {
    let rows: Vec<Row> = vec![
        (
            "expect.contains = [\"Order now\", \"</html>\"]\nexpect.absent = \"Fatal error\"",
            "200\n\n<b>Fatal error</b>: out of memory",
            "",
        ),
        ("expect.json = { \"/queue\" = { below = 100 } }", "200\n\n{\"queue\": 412}", ""),
        (
            "expect.json = { \"$.services[*].state\" = \"up\" }",
            "200\n\n{\"services\": [{\"state\": \"up\"}, {\"state\": \"down\"}, {\"state\": \"sick\"}]}",
            "",
        ),
        (
            "expect.json = { \"/last_backup\" = { newer_than = \"26h\" } }",
            "200\n\n{\"last_backup\": \"2026-03-12T02:00:00Z\"}",
            "",
        ),
        ("expect.headers = { x-powered-by = false }", "200\nx-powered-by: PHP/8.2.7", ""),
        ("expect.security = \"basic\"", "200\nx-content-type-options: nosniff", ""),
        ("expect.same_as = \"index.html\"", "200\n\n<h1>Owned</h1>\n<p>Open</p>\n", ""),
        ("expect.within = { processing = \"200ms\" }", "200\n:processing 950", ""),
        (
            "expect.modified_within = \"26h\"",
            "200\nlast-modified: Tue, 10 Mar 2026 02:00:00 GMT",
            "",
        ),
        (
            "expect.url = \"^https://www\\\\.\"",
            "200\n:hops 1\n:url https://shop.example/login?next=/",
            "",
        ),
        ("expect.size = { above = 2000 }", "200\n\nshort", ""),
        (
            "expect.charset = \"utf-8\"",
            "200\n:latin\ncontent-type: text/html; charset=utf-8\n\n<p>\ncaf",
            "",
        ),
    ];
    let mut said = String::new();
    for (spec, &(_, text, _)) in specs(&rows).iter().zip(&rows) {
        for finding in judge(spec, &answer(text)) {
            said += &format!("{}\n{}\n\n", finding.summary.en, finding.summary.ko);
        }
    }
    insta::assert_snapshot!(said);
}
