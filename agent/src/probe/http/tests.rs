//! HTTP probes against servers of the tests' own, most of them raw bytes.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use regex::Regex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::plan::Target;

mod expectations;
mod hostile;
mod judgement;
mod upstream;
mod way;
mod ways;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(500);

static ROOTS: LazyLock<Roots> = LazyLock::new(|| Roots::load(&[]).unwrap());

pub(crate) fn spec(url: &str) -> Spec {
    let url = url.parse().unwrap();
    Spec {
        keeps_body: false,
        in_plain: None,
        ways: None,
        shown: shown(&url).into(),
        url,
        connect: Vec::new(),
        source: None,
        road: None,
        version: None,
        grant: None,
        method: Method::GET,
        headers: HeaderMap::new(),
        body: Bytes::new(),
        hidden: Vec::new(),
        follow_redirects: true,
        max_body_bytes: 1 << 20,
        expect: Expect::default(),
        upstream: Vec::new(),
        stub_status: None,
        behind: Behind::default(),
        roots: ROOTS.clone(),
        kept: Kept::default(),
    }
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint { host: Target::Address(address.ip()), port: address.port() }
}

/// Dials `to` for requests to `host:port`.
fn connecting(host: &str, port: u16, to: SocketAddr) -> Connect {
    Connect { from: (host.to_owned(), port), to: endpoint(to) }
}

fn regex(pattern: &str) -> Option<Pattern> {
    Some(Pattern(Regex::new(pattern).unwrap()))
}

/// Serves every connection with `serve`.
async fn serving<F, G>(serve: F) -> SocketAddr
where
    F: Fn(TcpStream) -> G + Send + 'static,
    G: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.80.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// Answers each request with what `answer` makes of it, then closes.
async fn answering<F>(answer: F) -> SocketAddr
where
    F: Fn(&str) -> String + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    serving(move |mut stream| {
        let answer = Arc::clone(&answer);
        async move {
            let request = request(&mut stream).await;
            let _ = stream.write_all(answer(&request).as_bytes()).await;
        }
    })
    .await
}

/// Reads a request, its body by Content-Length.
async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()
                })
                .unwrap_or(0);
            if body.len() >= length {
                return text.into_owned();
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return String::from_utf8_lossy(&bytes).into_owned();
        }
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

async fn look(spec: &Spec, timeout: Duration) -> (Sight, Stopwatch) {
    let net = Net::new(Some("127.53.9.9:53".parse().unwrap())).unwrap();
    let mut watch = Stopwatch::start(timeout);
    let sight = Box::pin(observe(spec, &net, &mut watch)).await;
    assert!(watch.elapsed() < timeout + Duration::from_secs(1), "past the deadline");
    (sight, watch)
}

async fn sight(spec: &Spec) -> Sight {
    look(spec, LONG).await.0
}

fn codes(sight: &Sight) -> Vec<&'static str> {
    sight.findings.iter().map(|finding| finding.code.label()).collect()
}

fn http(sight: &Sight) -> &HttpFacts {
    sight.facts.http.as_deref().unwrap()
}
