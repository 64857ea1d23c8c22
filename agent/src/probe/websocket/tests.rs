//! Servers that break the rules of WebSocket, or mean harm: each ends in a finding, in time.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::*;

const SHORT: Duration = Duration::from_millis(600);

/// How a server goes on after it has upgraded.
#[derive(Clone, Copy, Debug)]
enum After {
    /// Says this, and waits.
    Says(&'static [u8]),
    /// Says this, and closes.
    Ends(&'static [u8]),
    /// Says this without end.
    Repeats(&'static [u8]),
}

async fn server(after: After) -> SocketAddr {
    let listener = TcpListener::bind("127.80.2.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, after));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, after: After) -> std::io::Result<()> {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut asked).await? == 0 {
            return Ok(());
        }
    }
    let asked = String::from_utf8_lossy(&asked);
    let key = asked.lines().find_map(|line| line.strip_prefix("sec-websocket-key: "));
    let accept = derive_accept_key(key.unwrap_or_default().as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    match after {
        After::Says(bytes) => {
            stream.write_all(bytes).await?;
            std::future::pending().await
        }
        After::Ends(bytes) => stream.write_all(bytes).await,
        After::Repeats(bytes) => loop {
            stream.write_all(bytes).await?;
        },
    }
}

/// A check of this server that waits for a message, or only pings.
fn spec(address: SocketAddr, expect: Option<&str>) -> Spec {
    let mut request = http::tests::spec(&format!("http://{address}/live"));
    http::ask_for_upgrade(&mut request, &[]);
    let step = |pattern| Step { send: None, expect: Some(Regex::new(pattern).unwrap()) };
    let steps: Vec<Step> = expect.map(step).into_iter().collect();
    Spec { request, subprotocols: Vec::new(), ping: steps.is_empty(), steps }
}

async fn look(spec: &Spec) -> Sight {
    let net = Net::new(Some("127.53.9.9:53".parse().unwrap())).unwrap();
    let mut watch = Stopwatch::start(SHORT);
    let sight = Box::pin(observe(spec, &net, &mut watch)).await;
    assert!(watch.elapsed() < SHORT + Duration::from_secs(1), "past the deadline");
    sight
}

/// Text of five bytes, a ping that nobody asked for, the pong of another.
const HELLO: &[u8] = b"\x81\x05hello";
const PING: &[u8] = b"\x89\x02hi";
const OTHER_PONG: &[u8] = b"\x8a\x02hi";

#[tokio::test]
async fn every_breach_has_its_finding() {
    use After::{Ends, Repeats, Says};
    let hello = Some("hello");
    for (after, expect, code, words) in [
        (Says(HELLO), hello, "", ""),
        (Says(b"\x01\x02he\x89\x00\x80\x03llo"), hello, "", ""),
        (Repeats(HELLO), hello, "", ""),
        // It talks so much that its pong is not waited for.
        (Repeats(HELLO), None, "", ""),
        (Says(b""), hello, "websocket.silent", "then says nothing"),
        (Says(b""), None, "websocket.silent", "does not answer a ping"),
        (Says(OTHER_PONG), None, "websocket.silent", "does not answer a ping"),
        (Says(HELLO), Some("bye"), "websocket.unexpected-reply", "got \"hello\""),
        (Repeats(HELLO), Some("bye"), "websocket.unexpected-reply", "got \"hello\""),
        (Repeats(PING), hello, "websocket.silent", "says nothing"),
        (Says(b"\x81\x05hel"), hello, "websocket.silent", "says nothing"),
        (Ends(b""), hello, "websocket.closed", "cut without a word"),
        (Ends(b"\x81\x05hel"), hello, "websocket.closed", "cut without a word"),
        (Ends(HELLO), Some("bye"), "websocket.unexpected-reply", "got \"hello\""),
        (Says(b"\x88\x02\x03\xf0"), hello, "websocket.closed", "closes with 1008"),
        (Says(b"\x88\x05\x03\xf3why"), None, "websocket.closed", "1011 \"why\""),
        (Says(b"\x88\x00"), None, "websocket.closed", "does not say why"),
        (Ends(&[b'H'; 200]), hello, "websocket.unexpected-reply", "no proper"),
        (Says(b"\x81\x02\xff\xff"), hello, "websocket.unexpected-reply", "no proper"),
        (Says(b"\x81\x85\0\0\0\0hello"), hello, "websocket.unexpected-reply", "no proper"),
        (Says(b"\xf1\x00"), hello, "websocket.unexpected-reply", "no proper"),
        // A message of 2^63 bytes is announced.
        (
            Says(b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"),
            hello,
            "websocket.unexpected-reply",
            "more than",
        ),
        // Fragments without end.
        (Repeats(b"\x01\x7e\x04\x00"), hello, "websocket.unexpected-reply", "no proper"),
    ] {
        let sight = look(&spec(server(after).await, expect)).await;
        let codes: Vec<&str> = sight.findings.iter().map(|finding| finding.code.label()).collect();
        assert_eq!(codes.join(" "), code, "{after:?} {expect:?}: {:?}", sight.findings);
        if let Some(finding) = sight.findings.first() {
            assert!(finding.summary.en.contains(words), "{after:?}: {}", finding.summary.en);
            assert!(finding.subject.starts_with("ws://127.80.2.1"), "{}", finding.subject);
        }
        let said = &sight.facts.websocket.as_ref().unwrap().said;
        assert!(said.len() <= 12, "{}", said.len());
    }
}

#[tokio::test]
async fn binary_messages_are_shown_as_escapes() {
    let sight =
        look(&spec(server(After::Says(b"\x82\x02\x00\xff")).await, Some(r"^\\u\{0\}\\xff$"))).await;
    assert_eq!(sight.findings, []);
}
