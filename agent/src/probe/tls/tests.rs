//! Servers with certificates of every state, and what is said of them.

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use health::Severity;
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

mod places;

use super::*;
use crate::plan::Target;
use crate::tls::workshop::{
    Authority, Leaf, days, issued_by_openssl, noon, openssl, pem, plain, serve, serve_raw, trusting,
};

const SHOP: &[&str] = &["shop.example"];
const DAY: u64 = 24 * 60 * 60;

/// Address, options, floor, what must be found, and which versions it must name.
type OldCase<'a> = (&'a str, &'a str, Option<ProtocolFloor>, &'a [&'a str], &'a str);

fn spec(address: SocketAddr, roots: &Roots) -> Spec {
    Spec {
        target: Endpoint { host: Target::Name("shop.example".into()), port: 443 },
        connect: Some(Endpoint { host: Target::Address(address.ip()), port: address.port() }),
        source: None,
        server_name: "shop.example".to_owned(),
        sends_name: true,
        every_address: EveryAddress::Same,
        pins: Vec::new(),
        file: None,
        issuer: None,
        expiring: Expiring::default(),
        renewal: Expected::default(),
        min_version: None,
        revocation: Inquiry::Lists,
        ari: None,
        starttls: None,
        alpn: Vec::new(),
        client: None,
        roots: roots.clone(),
    }
}

async fn look_at(spec: &Spec, timeout: Duration, now: Timestamp) -> Sight {
    let net = Net::new(Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 53)))).unwrap();
    let mut watch = Stopwatch::start(timeout);
    let sight = observe(spec, &net, &mut watch, now).await;
    let most = timeout + Duration::from_millis(1_500);
    assert!(watch.elapsed() < most, "took {:?} of {timeout:?}", watch.elapsed());
    sight
}

async fn look(spec: &Spec) -> Sight {
    look_at(spec, Duration::from_secs(5), noon()).await
}

fn said(sight: &Sight) -> Vec<String> {
    let mut said: Vec<String> = sight
        .findings
        .iter()
        .map(|finding| format!("{}/{}", finding.code.label(), finding.severity.label()))
        .collect();
    said.sort();
    said
}

struct Site {
    address: SocketAddr,
    issuer: Authority,
    leaf: CertificateDer<'static>,
    roots: Roots,
}

/// A server whose leaf began and ends so many days from noon.
async fn site(ip: &str, from: i64, to: i64, alpn: &[&str]) -> Site {
    let root = Authority::root("Test Root");
    let issuer = root.intermediate("Test R3", &plain);
    let Leaf { der, key } = issuer.leaf(SHOP, &|params| days(params, from, to));
    let key = Leaf { der: der.clone(), key }.private_key();
    let address = serve(ip, vec![der.clone(), issuer.der()], key, alpn).await;
    Site { address, issuer, leaf: der, roots: trusting(&[root.der()]) }
}

#[tokio::test]
async fn a_healthy_server_is_told_in_full() {
    let site = site("127.41.1.1", -30, 60, &["h2", "http/1.1"]).await;
    let sight = look(&spec(site.address, &site.roots)).await;
    assert_eq!(said(&sight), [""; 0], "{:#?}", sight.findings);
    let facts = sight.facts.tls.unwrap();
    assert_eq!(facts.protocol, "TLS 1.3");
    assert!(facts.cipher.starts_with("TLS_AES_"), "{}", facts.cipher);
    assert_eq!(facts.alpn.as_deref(), Some("h2"));
    assert_eq!(facts.chain.len(), 2);
    assert!(facts.trusted);
    assert_eq!(facts.path_not_after, Some(facts.chain[0].not_after));
    assert_eq!(sight.facts.address, Some(site.address));
}

#[tokio::test]
async fn a_bad_chain_is_kept_in_full() {
    let site = site("127.41.1.2", -90, -1, &[]).await;
    let sight = look(&spec(site.address, &trusting(&[]))).await;
    assert_eq!(said(&sight), ["cert.expired/critical", "tls.untrusted/critical"]);
    let facts = sight.facts.tls.unwrap();
    assert_eq!(facts.chain.len(), 2);
    assert!(!facts.trusted);
}

#[tokio::test]
async fn the_end_is_told_before_it_comes() {
    for (last, to, expected) in
        [(3, 60, None), (4, 20, Some(Severity::Warning)), (5, 6, Some(Severity::Critical))]
    {
        let site = site(&format!("127.41.1.{last}"), to - 90, to, &[]).await;
        let sight = look(&spec(site.address, &site.roots)).await;
        assert_eq!(sight.findings.first().map(|finding| finding.severity), expected);
        if let Some(finding) = sight.findings.first() {
            assert_eq!(finding.code.label(), "cert.expiring");
            assert_eq!(finding.evidence["days_left"], to);
            assert!(finding.summary.en.contains(&format!("in {to} days")), "{:?}", finding.summary);
        }
        let mut by_time = spec(site.address, &site.roots);
        by_time.expiring.warning = tls::Remaining::Time(Duration::from_secs(61 * DAY));
        by_time.expiring.critical = tls::Remaining::Time(Duration::from_secs(DAY));
        assert_eq!(said(&look(&by_time).await), ["cert.expiring/warning"]);
    }
}

#[tokio::test]
async fn what_the_path_does_not_need_may_end_when_it_likes() {
    let (old, new) = (Authority::root("Old Root"), Authority::root("New Root"));
    // Served for older clients, and about to end; the leaf ends even before, but not soon.
    let spare = new.cross_signed_by(&old, "New Root", &|params| days(params, -900, 21));
    let weeks = |params: &mut rcgen::CertificateParams| days(params, -10, 20);
    let leaf = new.leaf(SHOP, &weeks);
    let chain = vec![leaf.der.clone(), spare.der()];
    let address = serve("127.41.1.30", chain, leaf.private_key(), &[]).await;
    let mut by_time = spec(address, &trusting(&[new.der()]));
    by_time.expiring.warning = tls::Remaining::Time(Duration::from_secs(21 * DAY));
    by_time.expiring.critical = tls::Remaining::Time(Duration::from_secs(DAY));
    let sight = look(&by_time).await;
    let subject = format!("{address} (shop.example)");
    let subjects: Vec<&str> = sight.findings.iter().map(|one| one.subject.as_str()).collect();
    assert_eq!(subjects, [&*subject], "{:#?}", sight.findings);
    // Where it is what the path needs, it is told.
    by_time.roots = trusting(&[old.der()]);
    let sight = look(&by_time).await;
    assert_eq!(said(&sight), ["cert.expiring/warning"; 2], "{:#?}", sight.findings);
}

#[tokio::test]
async fn a_server_that_swallows_old_hellos_leaves_time_for_the_file() {
    let site = site("127.41.1.31", -30, 60, &[]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fullchain.pem");
    std::fs::write(&path, pem(&[&site.leaf, &site.issuer.der()])).unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let mut spec =
        spec(answering_once("127.41.1.32", site.address, Arc::clone(&count)).await, &site.roots);
    spec.min_version = Some(ProtocolFloor::Tls12);
    spec.file = Some(path);
    let timeout = Duration::from_secs(2);
    let sight = look_at(&spec, timeout, noon()).await;
    assert_eq!(said(&sight), [""; 0], "{:#?}", sight.findings);
    assert_eq!(sight.facts.tls.unwrap().file.unwrap().chain.len(), 2);
    assert!(count.load(Ordering::Relaxed) > 1, "asked again");

    // The file is of the other kind, and whether the server has one like it cannot be told.
    issued_by_openssl(folder.path(), &site.issuer, &format!("{RSA}2048"), "-sha256");
    spec.min_version = None;
    spec.file = Some(folder.path().join("leaf.pem"));
    let count = Arc::new(AtomicUsize::new(0));
    let silent = answering_once("127.41.1.33", site.address, Arc::clone(&count)).await;
    let told = |address: SocketAddr| Endpoint {
        host: Target::Address(address.ip()),
        port: address.port(),
    };
    spec.connect = Some(told(silent));
    let sight = look_at(&spec, timeout, noon()).await;
    assert_eq!(said(&sight), [""; 0], "{:#?}", sight.findings);
    assert!(count.load(Ordering::Relaxed) > 1, "asked for that kind");
    // One that says so has none.
    spec.connect = Some(told(site.address));
    let sight = look_at(&spec, timeout, noon()).await;
    assert_eq!(said(&sight), ["tls.not-reloaded/critical"], "{:#?}", sight.findings);
}

/// The first connection goes on to a server; nobody ever answers another one.
async fn answering_once(ip: &str, behind: SocketAddr, count: Arc<AtomicUsize>) -> SocketAddr {
    serve_raw(ip, move |mut stream| {
        let is_first = count.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            if is_first {
                let mut server = tokio::net::TcpStream::connect(behind).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            }
            while let Ok(1..) = stream.read(&mut [0; 4096]).await {}
        }
    })
    .await
}

#[tokio::test]
async fn served_against_file() {
    let site = site("127.41.1.6", -60, 30, &[]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fullchain.pem");
    let mut spec = spec(site.address, &site.roots);
    spec.file = Some(path.clone());
    let renewed = site.issuer.leaf(SHOP, &|params| days(params, -1, 89));
    let older = site.issuer.leaf(SHOP, &|params| days(params, -80, 10));
    let others = site.issuer.leaf(&["other.example"], &|params| days(params, -1, 89));
    let chain = |leaf: &CertificateDer<'_>| pem(&[leaf, &site.issuer.der()]);
    let bundle = pem(&[&renewed.der, &site.leaf]);
    let cases: [(&str, Option<String>, &[&str]); 8] = [
        ("the same", Some(chain(&site.leaf)), &[]),
        ("a newer one", Some(chain(&renewed.der)), &["tls.not-reloaded/critical"]),
        ("the same again", Some(chain(&site.leaf)), &[]),
        ("an older one", Some(chain(&older.der)), &["tls.not-reloaded/notice"]),
        ("another site's", Some(chain(&others.der)), &["cert.wrong-name/warning"]),
        ("somewhere in it", Some(bundle), &[]),
        (
            "garbage",
            Some("-----BEGIN CERTIFICATE-----\n!".to_owned()),
            &["cert.unreadable/critical"],
        ),
        ("gone", None, &["cert.unreadable/critical"]),
    ];
    for (case, contents, expected) in cases {
        match contents {
            Some(contents) => std::fs::write(&path, contents).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let sight = look(&spec).await;
        assert_eq!(said(&sight), expected, "{case}: {:#?}", sight.findings);
        let file = sight.facts.tls.unwrap().file.unwrap();
        assert_eq!(file.path, path.display().to_string());
        if expected == ["tls.not-reloaded/critical"] {
            let finding = &sight.findings[0];
            let renewed = finding.summary.en.contains("certificate renewed");
            assert!(renewed && finding.summary.en.contains("ends in 30 days"), "{finding:#?}");
            assert!(finding.remedy.en.contains("`nginx -s reload`"), "{finding:#?}");
            assert!(finding.remedy.en.contains("`systemctl reload nginx`"), "{finding:#?}");
            assert_eq!(file.chain.len(), 2);
            assert!(file.modified.is_some());
        }
    }
}

#[tokio::test]
async fn a_file_that_did_not_change_is_read_once() {
    let root = Authority::root("Test Root");
    let leaf = root.leaf(SHOP, &plain);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cert.pem");
    std::fs::write(&path, pem(&[&leaf.der])).unwrap();
    let later = crate::clock::now() + Duration::from_secs(60);
    let first = files::read(&path, later).unwrap();
    assert!(Arc::ptr_eq(&first, &files::read(&path, later).unwrap()));
    let other = root.leaf(SHOP, &plain);
    std::fs::write(&path, pem(&[&other.der])).unwrap();
    assert!(!Arc::ptr_eq(&first, &files::read(&path, later).unwrap()));
    // One that has just changed may change again within the same tick of the file system's clock.
    let now = crate::clock::now();
    std::fs::write(&path, pem(&[&leaf.der])).unwrap();
    let fresh = files::read(&path, now).unwrap();
    assert!(!Arc::ptr_eq(&fresh, &files::read(&path, now).unwrap()));
}

#[tokio::test]
async fn those_that_insist_on_their_own_protocol_are_asked_without() {
    let site = site("127.41.1.7", -30, 60, &["mqtt"]).await;
    let sight = look(&spec(site.address, &site.roots)).await;
    assert_eq!(said(&sight), [""; 0], "{:#?}", sight.findings);
    assert_eq!(sight.facts.tls.unwrap().alpn, None);
}

#[tokio::test]
async fn the_floor_finds_what_is_still_spoken() {
    let site = site("127.41.1.8", -30, 60, &[]).await;
    let mut spec = spec(site.address, &site.roots);
    spec.min_version = Some(ProtocolFloor::Tls12);
    assert_eq!(said(&look(&spec).await), [""; 0]);
    spec.min_version = Some(ProtocolFloor::Tls13);
    let sight = look(&spec).await;
    assert_eq!(said(&sight), ["tls.old-protocol/warning"]);
    assert_eq!(sight.findings[0].evidence["got"], "TLS 1.2");
}

#[tokio::test]
async fn a_name_that_is_none_is_refused_before_anything_is_sent() {
    let site = site("127.41.1.9", -30, 60, &[]).await;
    for name in ["가게.example", "", "a b"] {
        let mut spec = spec(site.address, &site.roots);
        spec.server_name = name.to_owned();
        let sight = look(&spec).await;
        assert_eq!(said(&sight), ["tls.handshake/critical"], "{name:?}");
    }
}

#[tokio::test]
async fn an_address_is_asked_for_without_sni() {
    let root = Authority::root("Test Root");
    let leaf = root.leaf(&["127.41.1.10"], &plain);
    let (der, key) = (leaf.der.clone(), leaf.private_key());
    let address = serve("127.41.1.10", vec![der], key, &[]).await;
    let mut spec = spec(address, &trusting(&[root.der()]));
    spec.server_name = "127.41.1.10".to_owned();
    assert_eq!(said(&look(&spec).await), [""; 0]);
    spec.server_name = "127.41.1.11".to_owned();
    assert_eq!(said(&look(&spec).await), ["cert.wrong-name/critical"]);
}

/// Reads the ClientHello, so that closing does not reset, and says these bytes.
async fn answering(ip: &str, words: &'static [u8]) -> SocketAddr {
    serve_raw(ip, move |mut stream| async move {
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer).await;
        let _ = stream.write_all(words).await;
        let _ = stream.shutdown().await;
        while let Ok(1..) = stream.read(&mut buffer).await {}
    })
    .await
}

#[tokio::test]
async fn strangers_are_recognised() {
    let cases: [(&str, &[u8], &str); 8] = [
        (
            "127.41.2.1",
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
            "speaks HTTP without TLS",
        ),
        ("127.41.2.2", b"SSH-2.0-OpenSSH_9.6\r\n", "speaks SSH without TLS"),
        ("127.41.2.3", b"220 mail.example ESMTP\r\n", "speaks SMTP or FTP without TLS"),
        ("127.41.2.4", b"<!DOCTYPE HTML>\n<html>", "speaks HTTP without TLS"),
        ("127.41.2.5", b"\xff\xfe\xfd\xfc\x00\x01\x02\x03\x04\x05", "not a TLS handshake"),
        ("127.41.2.6", b"", "closed the connection during the handshake"),
        ("127.41.2.7", &[21, 3, 3, 0, 2, 2, 112], "the alert unrecognized_name"),
        ("127.41.2.8", &[21, 3, 3, 0, 2, 2, 40], "the alert handshake_failure"),
    ];
    for (ip, words, expected) in cases {
        let address = answering(ip, words).await;
        let sight = look(&spec(address, &trusting(&[]))).await;
        assert_eq!(said(&sight), ["tls.handshake/critical"], "{expected}");
        let summary = &sight.findings[0].summary.en;
        assert!(summary.contains(expected), "{summary}");
        assert!(summary.contains(&address.to_string()), "{summary}");
    }
}

#[tokio::test]
async fn a_cut_is_told_as_a_cut() {
    let address = serve_raw("127.41.2.9", |mut stream| async move {
        let _ = stream.read(&mut [0; 16]).await;
        // Closing with unread bytes, and without lingering, resets.
        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    })
    .await;
    assert_eq!(said(&look(&spec(address, &trusting(&[]))).await), ["tcp.reset/critical"]);

    let port = serve_raw("127.41.2.10", |_| async {}).await.port();
    let nowhere = SocketAddr::from(([127, 41, 2, 11], port));
    assert_eq!(said(&look(&spec(nowhere, &trusting(&[]))).await), ["tcp.refused/critical"]);
}

#[tokio::test]
async fn silence_and_dripping_end_at_the_deadline() {
    let timeout = Duration::from_millis(300);
    let silent = serve_raw("127.41.2.12", |mut stream| async move {
        while let Ok(1..) = stream.read(&mut [0; 4096]).await {}
    })
    .await;
    // A record that claims 16 KiB and arrives a byte at a time.
    let dripping = serve_raw("127.41.2.13", |mut stream| async move {
        let _ = stream.write_all(&[22, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xf0]).await;
        while stream.write_all(&[3]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    for address in [silent, dripping] {
        let sight = look_at(&spec(address, &trusting(&[])), timeout, noon()).await;
        assert_eq!(said(&sight), ["tls.handshake/critical"]);
        let summary = &sight.findings[0].summary.en;
        assert!(summary.contains("no full handshake within 300ms"), "{summary}");
    }
}

/// ServerHello for TLS 1.2 with TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256.
fn server_hello() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0xc0, 0x2f, 0]);
    let mut message = vec![2, 0, 0, u8::try_from(body.len()).unwrap()];
    message.extend(body);
    record(&message)
}

fn record(payload: &[u8]) -> Vec<u8> {
    let mut record = vec![22, 3, 3];
    record.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    record.extend(payload);
    record
}

/// Says hello, then the same record over and over, and counts how much of it was taken.
async fn pouring(ip: &str, start: &'static [u8], poured: Arc<AtomicUsize>) -> SocketAddr {
    serve_raw(ip, move |mut stream| {
        let poured = Arc::clone(&poured);
        async move {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(&server_hello()).await;
            let _ = stream.write_all(&record(start)).await;
            let filler = record(&[0; 16_000]);
            while stream.write_all(&filler).await.is_ok() {
                if poured.fetch_add(filler.len(), Ordering::Relaxed) > 400_000_000 {
                    break;
                }
            }
        }
    })
    .await
}

#[tokio::test]
async fn endless_handshakes_are_cut_off() {
    let cases: [(&str, &'static [u8], &str); 3] = [
        // A certificate message of almost 16 MiB; 20 MB are poured after it.
        ("127.41.2.14", &[11, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc], "larger than 64 KiB"),
        // Hello requests without end (four zero bytes are one).
        ("127.41.2.15", &[0, 0, 0, 0], "no TLS"),
        // Garbage after a good beginning.
        ("127.41.2.16", &[99, 0, 0, 1, 5], "not a TLS handshake"),
    ];
    for (ip, start, expected) in cases {
        let poured = Arc::new(AtomicUsize::new(0));
        let address = pouring(ip, start, Arc::clone(&poured)).await;
        let spec = spec(address, &trusting(&[]));
        let sight = look_at(&spec, Duration::from_millis(700), noon()).await;
        assert_eq!(said(&sight), ["tls.handshake/critical"], "{:#?}", sight.findings);
        let summary = &sight.findings[0].summary.en;
        assert!(summary.contains(expected), "{summary}");
        // What rustls did not take stays in the buffers of the sockets.
        let poured = poured.load(Ordering::Relaxed);
        assert!(expected == "no TLS" || poured < 16_000_000, "{poured} bytes for {summary}");
    }
}

/// `openssl s_server`, which speaks what rustls does not.
struct OldServer {
    child: Child,
    address: SocketAddr,
}

impl OldServer {
    fn start(ip: &str, folder: &Path, arguments: &str) -> Self {
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", &format!("{ip}:0"), "-naccept", "100"])
            .args(arguments.split_whitespace())
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is missing: apt-get install openssl");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned))
            .expect("openssl s_server says where it listens");
        // It must be able to go on talking.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, address: address.parse().unwrap() }
    }
}

impl Drop for OldServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const RSA: &str = "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:";

#[tokio::test]
async fn old_servers_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let root = Authority::root("Test Root");
    let roots = trusting(&[root.der()]);
    issued_by_openssl(folder, &root, &format!("{RSA}2048"), "-sha256");
    let own = "-cert leaf.pem -key leaf.key -cipher ALL:@SECLEVEL=0";
    let cases: [OldCase<'_>; 5] = [
        ("127.41.3.1", "-tls1_1", None, &["tls.old-protocol/critical"], "TLS 1.1"),
        ("127.41.3.2", "-tls1", None, &["tls.old-protocol/critical"], "TLS 1.0"),
        (
            "127.41.3.3",
            "-min_protocol TLSv1",
            Some(ProtocolFloor::Tls12),
            &["tls.old-protocol/warning"],
            "TLS 1.1, TLS 1.0",
        ),
        ("127.41.3.4", "-min_protocol TLSv1.2", Some(ProtocolFloor::Tls12), &[], ""),
        (
            "127.41.3.5",
            "-tls1_2 -cipher AES128-SHA:@SECLEVEL=0",
            None,
            &["tls.handshake/critical"],
            "",
        ),
    ];
    for (ip, options, floor, expected, got) in cases {
        let server = OldServer::start(ip, folder, &format!("{own} {options}"));
        let mut spec = spec(server.address, &roots);
        spec.min_version = floor;
        let sight = look_at(&spec, Duration::from_secs(5), crate::clock::now()).await;
        assert_eq!(said(&sight), expected, "{options}: {:#?}", sight.findings);
        if let Some(finding) = sight.findings.first()
            && !got.is_empty()
        {
            assert_eq!(finding.evidence["got"], got, "{options}");
        }
        // Whatever it speaks, its chain is known, and so is when it ends.
        let facts = sight.facts.tls.expect(options);
        assert_eq!(facts.chain[0].names, SHOP, "{options}");
        assert!(facts.trusted, "{options}");
        assert!(facts.protocol.starts_with("TLS 1."), "{options}: {}", facts.protocol);
    }
}

#[tokio::test]
async fn keys_that_prove_nothing_are_told_as_keys() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let root = Authority::root("Test Root");
    let roots = trusting(&[root.der()]);
    let own = "-cert leaf.pem -key leaf.key -cipher ALL:@SECLEVEL=0";
    issued_by_openssl(folder, &root, &format!("{RSA}1024"), "-sha256");
    let server = OldServer::start("127.41.3.6", folder, own);
    let sight =
        look_at(&spec(server.address, &roots), Duration::from_secs(5), crate::clock::now()).await;
    assert_eq!(said(&sight), ["cert.weak-key/critical"], "{:#?}", sight.findings);
    assert_eq!(sight.facts.tls.unwrap().chain[0].key, "RSA 1024");

    issued_by_openssl(folder, &root, "ecparam -name secp521r1 -genkey -noout", "-sha256");
    let server = OldServer::start("127.41.3.7", folder, own);
    let sight =
        look_at(&spec(server.address, &roots), Duration::from_secs(5), crate::clock::now()).await;
    assert_eq!(said(&sight), ["tls.handshake/critical"], "{:#?}", sight.findings);
    assert_eq!(sight.findings[0].evidence["key"], "ECDSA P-521");
    assert_eq!(sight.facts.tls.unwrap().chain[0].key, "ECDSA P-521");
}

#[tokio::test]
async fn a_server_with_two_kinds_of_certificate_is_asked_for_the_files_kind() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let root = Authority::root("Test Root");
    let roots = trusting(&[root.der()]);
    issued_by_openssl(folder, &root, "ecparam -name prime256v1 -genkey -noout", "-sha256");
    for (from, to) in [("leaf.pem", "ec.pem"), ("leaf.key", "ec.key")] {
        std::fs::rename(folder.join(from), folder.join(to)).unwrap();
    }
    issued_by_openssl(folder, &root, &format!("{RSA}2048"), "-sha256");
    let both = "-cert ec.pem -key ec.key -dcert leaf.pem -dkey leaf.key";
    let server = OldServer::start("127.41.3.8", folder, both);
    let renewed = folder.join("renewed.pem");
    for file in ["ec.pem", "leaf.pem"] {
        let mut spec = spec(server.address, &roots);
        spec.file = Some(folder.join(file));
        let sight = look_at(&spec, Duration::from_secs(5), crate::clock::now()).await;
        assert_eq!(said(&sight), [""; 0], "{file}: {:#?}", sight.findings);
    }
    // Renewed, with a longer life: the server does hold that kind, but not that one.
    openssl(
        folder,
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 95 -extfile ext -out renewed.pem",
    );
    let mut spec = spec(server.address, &roots);
    spec.file = Some(renewed);
    let sight = look_at(&spec, Duration::from_secs(5), crate::clock::now()).await;
    assert_eq!(said(&sight), ["tls.not-reloaded/critical"], "{:#?}", sight.findings);

    // Who is let in nowhere without a certificate sees what is served all the same.
    let members = format!("{both} -tls1_2 -Verify 1 -verify_return_error");
    let server = OldServer::start("127.41.3.9", folder, &members);
    let address = server.address;
    spec.connect = Some(Endpoint { host: Target::Address(address.ip()), port: address.port() });
    let sight = look_at(&spec, Duration::from_secs(5), crate::clock::now()).await;
    let expected = ["tls.handshake/notice", "tls.not-reloaded/critical"];
    assert_eq!(said(&sight), expected, "{:#?}", sight.findings);
    spec.file = Some(folder.join("leaf.pem"));
    let sight = look_at(&spec, Duration::from_secs(5), crate::clock::now()).await;
    assert_eq!(said(&sight), expected[..1], "{:#?}", sight.findings);
}
