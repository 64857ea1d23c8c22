//! Hostile servers, all at once, against the running agent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use portwarden::clock::monotonic;

use crate::support::agent::{Agent, eventually};
use crate::support::hostile::{Malice, looping_nameserver};
use crate::support::loopback::own_ip;

const TIMEOUT: Duration = Duration::from_secs(1);
/// How often the healthy check runs.
const INTERVAL: Duration = Duration::from_millis(200);
/// A drip ends only at the deadline, and a busy machine notices later.
const SLACK: Duration = Duration::from_millis(400);
/// What allocators, the store and histories may still add once everything has been seen.
const GROWTH_KIB: u64 = 8 * 1024;

/// Name, kind of check, what the server does, and what must be found.
const SERVERS: [(&str, &str, Malice, &str); 14] = [
    (
        "endless body",
        "http",
        Malice::Flood(b"HTTP/1.1 200 OK\r\n\r\n", b"all work and no play "),
        "http.too-large",
    ),
    (
        "endless chunks",
        "http",
        Malice::Flood(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            b"10\r\n0123456789abcdef\r\n",
        ),
        "http.too-large",
    ),
    (
        "endless headers",
        "http",
        Malice::Flood(b"HTTP/1.1 200 OK\r\n", b"x-filler: more\r\n"),
        "http.protocol",
    ),
    ("header drip", "http", Malice::Drip(b"HTTP/1.1 200 OK\r\nx-slow: ", b"a"), "http.timeout"),
    (
        "body drip",
        "http",
        Malice::Drip(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b"a"),
        "http.timeout",
    ),
    ("unasked", "http", Malice::Babble(b"220 mail.example ESMTP\r\n"), "http.protocol"),
    ("no answer", "http", Malice::Silence, "http.timeout"),
    ("garbage", "http", Malice::Flood(b"", b"\x00\xff\x1b[2J"), "http.protocol"),
    ("tls garbage", "tls", Malice::Flood(b"", b"\xff\xfe\x00\x01"), "tls.handshake"),
    ("tls silence", "tls", Malice::Silence, "tls.handshake"),
    (
        "tls drip",
        "tls",
        Malice::Drip(&[22, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xf0], &[3]),
        "tls.handshake",
    ),
    ("endless chain", "tls", Malice::EndlessChain, "tls.handshake"),
    ("endless banner", "tcp", Malice::Babble(b"no such banner "), "tcp.unexpected-reply"),
    ("no banner", "tcp", Malice::Silence, "tcp.silent"),
];

async fn plan() -> String {
    let timeout = TIMEOUT.as_millis();
    let mut plan = format!("[defaults]\ninterval = \"500ms\"\ntimeout = \"{timeout}ms\"\n");
    for (name, kind, malice, _) in SERVERS {
        let address = malice.start().await;
        let keys = match kind {
            "http" => format!(
                "url = \"http://{address}/\"\nmax_body_bytes = 65536\nexpect.body = \"well\""
            ),
            "tls" => format!("address = \"{address}\"\nserver_name = \"shop.example\""),
            _ => format!("address = \"{address}\"\nexpect = \"^SSH-\""),
        };
        plan += &format!("[[{kind}]]\nname = \"{name}\"\n{keys}\n");
    }
    let nameserver = looping_nameserver().await;
    plan + &format!(
        "[[dns]]\nname = \"pointer loop\"\nzone = \"shop.example\"\nnameservers = [\"{nameserver}\"]\n\
         [[dns.record]]\nname = \"_acme-challenge\"\ntype = \"TXT\"\n"
    )
}

/// Answers well, and counts how often it was asked.
async fn healthy(asked: Arc<AtomicUsize>) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind((own_ip(), 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move || {
        asked.fetch_add(1, Ordering::Relaxed);
        std::future::ready("well")
    };
    let app = Router::new().route("/", get(answer));
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_servers_are_findings_and_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let well = healthy(asked.clone()).await;
    let plan = plan().await
        + &format!(
            "[[http]]\nname = \"healthy\"\nurl = \"http://{well}/\"\ninterval = \"{}ms\"\nexpect.body = \"well\"\n",
            INTERVAL.as_millis()
        );
    let agent = Agent::start(folder.path(), "", &plan).await;
    for (name, _, _, code) in SERVERS {
        agent.finding(name, code).await;
    }
    agent.finding("pointer loop", "dns.unreachable").await;
    agent.state("healthy", "up").await;

    // From here on everything has happened once; now it happens for a while.
    let (before, asked_before, start) =
        (agent.resident_kib(), asked.load(Ordering::Relaxed), monotonic());
    eventually("the healthy one is asked 40 times more", async || {
        asked.load(Ordering::Relaxed) >= asked_before + 40
    })
    .await;
    let took = monotonic() - start;
    assert!(took < 40 * INTERVAL * 2, "40 probes took {took:?}");
    let after = agent.resident_kib();
    assert!(after < before + GROWTH_KIB, "from {before} KiB to {after} KiB");

    let checks = agent.api("/checks").await;
    for check in checks["checks"].as_array().unwrap() {
        let took = check["last"]["duration_seconds"].as_f64().unwrap();
        assert!(took < (TIMEOUT + SLACK).as_secs_f64(), "{}: {took} s", check["name"]);
    }
    assert_eq!(agent.check("healthy").await["state"], "up");
    let panics = agent.metrics("portwarden_probes_total").await;
    let panicked = panics.iter().any(|line| line.contains("panic") && !line.ends_with(" 0"));
    assert!(!panicked, "{panics:#?}");
    // What they sent is nowhere shown as it came.
    for path in ["/", "/checks/garbage", "/metrics", "/api/v1/findings"] {
        let (status, page) = agent.fetch(path).await.unwrap();
        assert!(!page.contains('\x1b') && !page.contains('\0'), "{path} ({status})");
    }
}
