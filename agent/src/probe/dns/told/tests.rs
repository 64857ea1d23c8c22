//! Files and commands that are right, wrong, slow and hostile.

use std::time::Duration;

use hickory_proto::rr::RecordType;
use tokio::time::Instant;

use super::*;
use crate::clock::monotonic;
use crate::probe::dns::{Expectation, Kept, Record, Spec, TtlLimits};

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// What a source makes of a record, and what is said where it fails.
async fn told(record: &str, kind: RecordType, source: ValueSource) -> (Expected, Option<String>) {
    told_with(&Outputs::default(), record, kind, source).await
}

async fn told_with(
    outputs: &Outputs,
    record: &str,
    kind: RecordType,
    source: ValueSource,
) -> (Expected, Option<String>) {
    let spec = Spec {
        zone: name("shop.example."),
        nameservers: Vec::new(),
        parent: Vec::new(),
        hints: Vec::new(),
        resolvers: Vec::new(),
        serial_grace: Duration::ZERO,
        consistent: true,
        asking: crate::probe::dns::Asking::default(),
        source: None,
        renewal: crate::probe::dns::Renewal::default(),
        dnssec: crate::probe::dns::dnssec::Policy::default(),
        kept: Kept::default(),
        records: vec![Record {
            name: name(record),
            record_type: kind,
            expectation: Expectation::Told(source),
            ttl: TtlLimits::default(),
        }],
    };
    let deadline = Instant::from_std(monotonic()) + Duration::from_secs(5);
    let (records, findings) = fill_in(&Inquiry::of(&spec), &spec.zone, outputs, deadline).await;
    let why = findings.first().map(|finding| {
        assert_eq!(finding.code, Code::DnsValuesUnknown);
        finding.evidence["error"].as_str().unwrap().to_owned()
    });
    (records[0].expected.clone(), why)
}

const CHALLENGE: &str = "_acme-challenge.shop.example.";

fn exactly(values: &[&str]) -> Expected {
    Expected::Exactly(values.iter().map(|&value| value.to_owned()).collect())
}

fn shell(script: &str) -> ValueSource {
    ValueSource::Command(["/bin/sh", "-c", script].map(str::to_owned).to_vec())
}

#[tokio::test]
async fn a_file_has_one_value_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| ValueSource::File(folder.path().join(name));
    let put = |text: &[u8]| std::fs::write(folder.path().join("values"), text).unwrap();
    let challenge = async |source| told(CHALLENGE, RecordType::TXT, source).await;
    assert_eq!(challenge(at("values")).await, (Expected::Absent, None), "no challenge is due");
    put(b"two\r\n\n  one\ntwo\n");
    assert_eq!(challenge(at("values")).await, (exactly(&["one", "two"]), None));
    put(b"\n");
    assert_eq!(challenge(at("values")).await, (Expected::Absent, None));
    let www = async |source| told("www.shop.example.", RecordType::A, source).await;
    assert_eq!(www(at("values")).await.1.as_deref(), Some("it names no value"));
    put(b"192.0.2.10\nweb\n");
    let why = www(at("values")).await.1.unwrap();
    assert!(why.starts_with("line 2: ") && why.contains("IPv4"), "{why}");
    put(b"\xff\xfe");
    assert_eq!(challenge(at("values")).await.1.as_deref(), Some("it is not text in UTF-8"));
    assert_eq!(www(at("gone")).await, (Expected::Unknown, Some("there is no such file".into())));
    for elsewhere in ["gone/values", "."] {
        let (expected, why) = challenge(at(elsewhere)).await;
        assert_eq!(expected, Expected::Unknown, "{elsewhere}: {why:?}");
    }
}

#[tokio::test]
async fn a_command_prints_them() {
    let challenge = async |source| told(CHALLENGE, RecordType::TXT, source).await;
    assert_eq!(challenge(shell("echo b; echo a")).await, (exactly(&["a", "b"]), None));
    assert_eq!(challenge(shell(":")).await, (Expected::Absent, None));
    let about = "echo $PORTWARDEN_ZONE $PORTWARDEN_NAME $PORTWARDEN_TYPE";
    assert_eq!(
        challenge(shell(about)).await.0,
        exactly(&["shop.example _acme-challenge.shop.example TXT"])
    );
    // Set by cargo for this test, and none of a program's business.
    assert_eq!(challenge(shell("echo \"[$CARGO_MANIFEST_DIR]\"")).await.0, exactly(&["[]"]));
    for (script, expected) in [
        ("echo value; echo 'no such host' >&2; exit 3", "exit status: 3: no such host"),
        ("exit 1", "exit status: 1"),
        ("head -c 100000 /dev/zero | tr '\\0' a", "it printed more than 64 KiB"),
    ] {
        let (unknown, why) = challenge(shell(script)).await;
        assert_eq!((unknown, why.as_deref()), (Expected::Unknown, Some(expected)), "{script}");
    }
    let none = ValueSource::Command(vec!["/nonexistent/hook".to_owned()]);
    assert!(challenge(none).await.1.unwrap().contains("No such file"));
}

#[tokio::test]
async fn a_command_that_hangs_is_ended_with_all_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let script = format!("sleep 600 & echo $! > {}; wait", file.display());
    let words = ["/bin/sh", "-c", &script].map(str::to_owned);
    let start = monotonic();
    let deadline = Instant::from_std(start) + Duration::from_millis(500);
    let output = command::run(&words, &[], deadline).await;
    assert_eq!(output, Err("it did not end in time".to_owned()));
    assert!(monotonic() - start < Duration::from_secs(3));
    let child = std::fs::read_to_string(file).unwrap();
    let stat = format!("/proc/{}/stat", child.trim());
    let lives = || std::fs::read_to_string(&stat).is_ok_and(|line| !line.contains(") Z "));
    while lives() {
        assert!(monotonic() - start < Duration::from_secs(30), "{child}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_short_interval_runs_a_command_no_more_often() {
    let folder = tempfile::tempdir().unwrap();
    let count = folder.path().join("count");
    let script = format!("echo x >> {0}; wc -l < {0}", count.display());
    let outputs = Outputs::default();
    for _ in 0..3 {
        let told = told_with(&outputs, CHALLENGE, RecordType::TXT, shell(&script)).await;
        assert_eq!(told.0, exactly(&["1"]));
    }
    let key = (
        ["/bin/sh", "-c", &script].map(str::to_owned).to_vec(),
        "_acme-challenge.shop.example TXT".to_owned(),
    );
    assert!(outputs.recall(&key, monotonic()).is_some());
    assert!(outputs.recall(&key, monotonic() + GOOD_FOR).is_none());
}
