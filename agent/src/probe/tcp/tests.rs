//! Judgement and dialogues against listeners of the test's own.

use std::net::SocketAddr;
use std::time::Duration;

use health::{Code, Phase};
use regex::bytes::Regex;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::dialogue::MAX_STEP_BYTES;
use super::*;
use crate::plan::Target;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(400);

fn expecting(steps: &[(&str, &str)]) -> Vec<Step> {
    let step = |&(send, expect): &(&str, &str)| Step {
        send: send.as_bytes().to_vec(),
        expect: (!expect.is_empty()).then(|| Regex::new(expect).unwrap()),
    };
    steps.iter().map(step).collect()
}

fn spec(address: SocketAddr, steps: &[(&str, &str)]) -> Spec {
    let target = Endpoint { host: Target::Address(address.ip()), port: address.port() };
    Spec { target, source: None, expect_closed: false, steps: expecting(steps), speaks: None }
}

/// Serves one connection after another with `serve`.
async fn serving<F, G>(listen: &str, serve: F) -> SocketAddr
where
    F: Fn(TcpStream) -> G + Send + 'static,
    G: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(listen).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

async fn look(spec: &Spec, timeout: Duration) -> (Sight, Stopwatch) {
    let net = Net::new(Some("127.53.9.9:53".parse().unwrap())).unwrap();
    let mut watch = Stopwatch::start(timeout);
    let sight = observe(spec, &net, &mut watch).await;
    assert!(watch.elapsed() < timeout + Duration::from_secs(1), "past the deadline");
    (sight, watch)
}

fn codes(sight: &Sight) -> Vec<&'static str> {
    sight.findings.iter().map(|finding| finding.code.label()).collect()
}

async fn hang(stream: TcpStream) {
    std::future::pending::<()>().await;
    drop(stream);
}

#[test]
fn judgement_by_table() {
    let address: SocketAddr = "127.0.0.1:22".parse().unwrap();
    let reply = |outcome| Reply { subject: address.to_string(), address, outcome, timeout: LONG };
    let open = spec(address, &[("", "^SSH-")]);
    let closed = Spec { expect_closed: true, ..spec(address, &[]) };
    let wrong = Outcome::Unexpected { step: 0, got: b"\x00220 ftp\r\n".to_vec(), ended: "x" };
    for (spec, outcome, expected) in [
        (&open, None, None),
        (&open, Some(Outcome::Spoken), None),
        (&open, Some(Outcome::Silent { step: 0 }), Some(Code::TcpSilent)),
        (&open, Some(Outcome::Cut { step: 0, how: String::new() }), Some(Code::TcpReset)),
        (&open, Some(wrong.clone()), Some(Code::TcpUnexpectedReply)),
        (&closed, None, Some(Code::TcpOpen)),
    ] {
        let findings = judge(spec, &reply(outcome.clone()));
        assert_eq!(findings.first().map(|finding| finding.code), expected, "{outcome:?}");
        assert!(findings.iter().all(|finding| finding.subject == "127.0.0.1:22"));
    }
    let finding = &judge(&open, &reply(Some(wrong)))[0];
    assert_eq!(finding.evidence["expected"], "^SSH-");
    assert_eq!(finding.evidence["got"], "\\u{0}220 ftp\\r\\n");
}

#[tokio::test]
async fn connecting_is_enough_on_both_families() {
    for listen in ["127.0.0.1:0", "[::1]:0"] {
        let address = serving(listen, hang).await;
        let (sight, watch) = look(&spec(address, &[]), LONG).await;
        assert!(sight.findings.is_empty());
        assert_eq!(sight.facts.address, Some(address));
        assert!(watch.phases().of(Phase::Connect).is_some());
    }
}

#[tokio::test]
async fn a_banner_in_pieces_is_put_together() {
    let address = serving("127.0.0.1:0", |mut stream| async move {
        for piece in ["SS", "H-2", ".0-OpenSSH_9.2", "\r\n"] {
            stream.write_all(piece.as_bytes()).await.unwrap();
            tokio::task::yield_now().await;
        }
        hang(stream).await;
    })
    .await;
    let (sight, watch) = look(&spec(address, &[("", "^SSH-2\\.0-.+\r\n")]), LONG).await;
    assert_eq!(codes(&sight), [""; 0]);
    assert_eq!(sight.facts.banner.as_deref(), Some("SSH-2.0-OpenSSH_9.2"));
    assert!(watch.phases().of(Phase::Dialogue).is_some());
}

#[tokio::test]
async fn a_dialogue_of_several_steps() {
    let address = serving("127.0.0.1:0", |mut stream| async move {
        let mut asked = [0; 6];
        // The rest of the greeting comes with the answer: no new reply begins there.
        stream.write_all(b"220 mail").await.unwrap();
        stream.read_exact(&mut asked).await.unwrap();
        stream.write_all(b".example ready\r\n250-one\r\n250 two\r\n").await.unwrap();
        stream.read_exact(&mut asked).await.unwrap();
        stream.write_all(b"221 bye\r\n").await.unwrap();
    })
    .await;
    let steps =
        [("", "^220 mail"), ("EHLO\r\n", "^250-one"), ("", "250 two"), ("QUIT\r\n", "^221")];
    let (sight, _) = look(&spec(address, &steps), LONG).await;
    assert_eq!(codes(&sight), [""; 0], "{:?}", sight.findings);
    assert_eq!(sight.facts.banner.as_deref(), Some("220 mail"));
}

#[tokio::test]
async fn silence_is_told_from_a_cut_and_from_a_wrong_reply() {
    let silent = serving("127.0.0.1:0", hang).await;
    let closing = serving("127.0.0.1:0", |stream| async move { drop(stream) }).await;
    let resetting = serving("127.0.0.1:0", |stream| async move {
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    })
    .await;
    let other = serving("127.0.0.1:0", |mut stream| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    })
    .await;
    for (address, code) in [
        (silent, "tcp.silent"),
        (closing, "tcp.reset"),
        (resetting, "tcp.reset"),
        (other, "tcp.unexpected-reply"),
    ] {
        let (sight, _) = look(&spec(address, &[("", "^SSH-")]), SHORT).await;
        assert_eq!(codes(&sight), [code]);
        assert_eq!(sight.findings[0].subject, address.to_string());
        assert_eq!(sight.findings[0].evidence["step"], 1);
    }
}

#[tokio::test]
async fn the_step_that_failed_is_named() {
    let address = serving("127.0.0.1:0", |mut stream| async move {
        let mut asked = [0; 6];
        stream.read_exact(&mut asked).await.unwrap();
        stream.write_all(b"+PONG\r\n").await.unwrap();
        stream.read_exact(&mut asked).await.unwrap();
        stream.write_all(b"-ERR\r\n").await.unwrap();
    })
    .await;
    let steps = [("PING\r\n", "^\\+PONG"), ("ROLE\r\n", "master")];
    let (sight, _) = look(&spec(address, &steps), LONG).await;
    assert_eq!(codes(&sight), ["tcp.unexpected-reply"]);
    assert_eq!(sight.findings[0].evidence["step"], 2);
    assert_eq!(sight.findings[0].evidence["got"], "-ERR\\r\\n");
}

#[tokio::test]
async fn an_endless_reply_stops_at_the_cap_and_a_drip_at_the_deadline() {
    let flood = serving("127.0.0.1:0", |mut stream| async move {
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    })
    .await;
    let drip = serving("127.0.0.1:0", |mut stream| async move {
        stream.set_nodelay(true).unwrap();
        while stream.write_all(b"\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let (sight, _) = look(&spec(flood, &[("", "^SSH-")]), LONG).await;
    assert_eq!(codes(&sight), ["tcp.unexpected-reply"]);
    assert!(sight.findings[0].evidence["got"].as_str().unwrap().len() < MAX_STEP_BYTES / 64);
    let (sight, _) = look(&spec(drip, &[("", "^SSH-")]), SHORT).await;
    assert_eq!(codes(&sight), ["tcp.unexpected-reply"]);
}

#[tokio::test]
async fn closed_is_good_where_it_must_be() {
    let open = serving("127.0.0.1:0", hang).await;
    let bound = TcpSocket::new_v4().unwrap();
    bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let refusing = bound.local_addr().unwrap();
    for (address, expected) in [(open, vec!["tcp.open"]), (refusing, Vec::new())] {
        let spec = Spec { expect_closed: true, ..spec(address, &[]) };
        let (sight, _) = look(&spec, LONG).await;
        assert_eq!(codes(&sight), expected);
    }
    // From an address that is not ours nothing can be said about the port.
    let source = Some("203.0.113.99".parse().unwrap());
    let spec = Spec { expect_closed: true, source, ..spec(refusing, &[]) };
    assert_eq!(codes(&look(&spec, LONG).await.0), ["tcp.unreachable"]);
}

#[tokio::test]
async fn a_dropped_connection_attempt_counts_as_closed() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    loop {
        let until = tokio::time::Instant::from_std(crate::clock::monotonic() + SHORT);
        match crate::net::connect(address, None, until).await {
            Ok(stream) => held.push(stream),
            Err(_) => break,
        }
        assert!(held.len() < 50, "the queue never filled");
    }
    assert_eq!(codes(&look(&spec(address, &[]), SHORT).await.0), ["tcp.timeout"]);
    let closed = Spec { expect_closed: true, ..spec(address, &[]) };
    assert_eq!(codes(&look(&closed, SHORT).await.0), [""; 0]);
}
