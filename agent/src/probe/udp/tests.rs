use health::Observation;

use super::*;
use crate::plan::Target;
use crate::probe::{self, Check};

fn spec(address: SocketAddr, expect: Option<&str>) -> Spec {
    Spec {
        target: Endpoint { host: Target::Address(address.ip()), port: address.port() },
        source: None,
        send: b"PING\0".to_vec(),
        expect: expect.map(|pattern| Regex::new(pattern).unwrap()),
    }
}

async fn look(spec: Spec, timeout: Duration) -> Observation {
    let frame = health::Check {
        name: "names".into(),
        kind: health::Kind::Udp,
        instance: spec.target.to_string().into(),
        host: None,
        timing: health::Timing::Every(Duration::from_secs(30)),
        timeout,
        thresholds: health::Thresholds::default(),
        depends_on: Vec::new(),
        labels: std::collections::BTreeMap::new(),
    };
    let check = Check { frame: frame.into(), spec: probe::Spec::Udp(Box::new(spec)) };
    let net = Net::new(Some("127.0.0.1:9".parse().unwrap())).unwrap();
    probe::run(&check, &net).await
}

fn codes(seen: &Observation) -> Vec<&'static str> {
    seen.findings.iter().map(|finding| finding.code.label()).collect()
}

/// Answers the datagram of this number, counted from 1, with these bytes; says what it was asked.
async fn server(
    answers: usize,
    with: &'static [u8],
) -> (SocketAddr, tokio::task::JoinHandle<Vec<u8>>) {
    let socket = UdpSocket::bind("127.0.0.7:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let mut buffer = [0; 64];
        let mut asked = Vec::new();
        for _ in 0..answers {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            asked = buffer[..length].to_vec();
            socket.connect(from).await.unwrap();
        }
        if answers > 0 {
            socket.send(with).await.unwrap();
        }
        asked
    });
    (address, serving)
}

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn an_answer_is_held_against_what_is_expected() {
    let (address, serving) = server(1, b"\xffPONG\r\n").await;
    let seen = look(spec(address, Some(r"(?-u)^\xffPONG")), SOON).await;
    assert_eq!(codes(&seen), [""; 0]);
    assert_eq!(serving.await.unwrap(), b"PING\0");
    let facts = seen.facts.udp.unwrap();
    assert_eq!((facts.tries, facts.sent_bytes, facts.answer_bytes), (1, 5, 7));
    assert_eq!(facts.answer.as_deref(), Some("\\xffPONG\\r\\n"));
    assert!(facts.round_trip_seconds.is_some());

    let (address, _serving) = server(1, b"ERR not now").await;
    let seen = look(spec(address, Some("^PONG")), SOON).await;
    assert_eq!(codes(&seen), ["udp.unexpected-reply"]);
    let finding = &seen.findings[0];
    assert_eq!(finding.subject, address.to_string());
    assert_eq!(finding.evidence["got"], "ERR not now");
}

#[tokio::test]
async fn a_lost_datagram_is_sent_again() {
    let (address, _serving) = server(2, b"PONG").await;
    let seen = look(spec(address, Some("^PONG")), Duration::from_millis(900)).await;
    assert_eq!(codes(&seen), [""; 0]);
    assert_eq!(seen.facts.udp.unwrap().tries, 2);
}

#[tokio::test]
async fn nobody_there_is_a_refusal_whatever_is_expected() {
    let gone = UdpSocket::bind("127.0.0.7:0").await.unwrap().local_addr().unwrap();
    for expect in [None, Some("PONG")] {
        let seen = look(spec(gone, expect), SOON).await;
        assert_eq!(codes(&seen), ["udp.refused"], "{expect:?}");
        assert!(seen.duration < SOON / 2, "{:?}", seen.duration);
    }
}

#[tokio::test]
async fn silence_is_a_finding_only_where_an_answer_is_due() {
    let socket = UdpSocket::bind("127.0.0.7:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let timeout = Duration::from_millis(300);
    let seen = look(spec(address, Some("PONG")), timeout).await;
    assert_eq!(codes(&seen), ["udp.silent"]);
    assert!(seen.duration < timeout * 3, "{:?}", seen.duration);
    assert_eq!(seen.facts.udp.unwrap().tries, 3);
    assert_eq!(codes(&look(spec(address, None), timeout).await), [""; 0]);
}

#[tokio::test]
async fn a_source_that_is_not_ours_is_told_as_such() {
    let mut spec = spec("127.0.0.7:53".parse().unwrap(), None);
    spec.source = Some("192.0.2.77".parse().unwrap());
    let seen = look(spec, SOON).await;
    assert_eq!(codes(&seen), ["tcp.unreachable"]);
    assert!(seen.findings[0].summary.en.contains("source 192.0.2.77"), "{:?}", seen.findings);
}
