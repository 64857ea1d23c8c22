//! What goes over the wire before, in and after a handshake: STARTTLS with every server that Debian has
//! for it, old versions, client certificates, application protocols.

mod servers;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::agent::eventually;
use crate::support::certificates::{Authority, DAY, Order};
use crate::support::command::portwarden;
use crate::support::loopback::own_address;
use crate::support::postgres::Postgres;

const NAME: &str = "mail.example";

/// A folder with a certificate for `mail.example`, its key, and `root.pem`, which issued it.
struct Papers {
    folder: tempfile::TempDir,
    authority: Authority,
}

impl Papers {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("Wire Test Root");
        let order = Order { names: &[NAME], serial: 0x0517, valid: (-DAY, 80 * DAY) };
        authority.issue(&order, folder.path());
        std::fs::write(folder.path().join("root.pem"), authority.pem()).unwrap();
        Self { folder, authority }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What `portwarden probe tls ADDRESS …` sees, as JSON; `more` are further arguments.
    #[track_caller]
    fn probe(&self, address: SocketAddr, more: &[&str]) -> Value {
        let address = address.to_string();
        let mut arguments = vec!["probe", "tls", &address, "--server-name", NAME];
        arguments.extend(["--ca", "root.pem", "--format", "json"]);
        arguments.extend(more);
        let ended = portwarden(self.path(), &arguments);
        assert!(matches!(ended.code, 0 | 1), "{ended:?}");
        ended.json()
    }
}

/// `code/severity` of everything found.
fn said(seen: &Value) -> Vec<String> {
    let findings = seen["findings"].as_array().unwrap().iter();
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    findings
        .map(|finding| format!("{}/{}", word(finding, "code"), word(finding, "severity")))
        .collect()
}

/// Fails unless nothing is wrong with what was served after this protocol.
#[track_caller]
fn well(seen: &Value, starttls: &str) {
    assert_eq!(said(seen), [""; 0], "{seen:#}");
    let tls = &seen["facts"]["tls"];
    assert_eq!(tls["chain"][0]["names"][0], NAME, "{seen:#}");
    assert_eq!((&tls["trusted"], &tls["starttls"]), (&true.into(), &starttls.into()), "{seen:#}");
    assert!(seen["phases"]["dialogue"].as_f64().is_some_and(|took| took > 0.0), "{seen:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    let papers = Papers::new();
    let mut server = Postgres::start(own_address(), "ssl_ciphers = 'ALL:@SECLEVEL=0'");
    let address = server.address;
    let probe =
        |more: &[&str]| papers.probe(address, &[&["--starttls", "postgres"], more].concat());

    let seen = probe(&[]);
    assert_eq!(said(&seen), ["tls.handshake/critical"], "{seen:#}");
    assert!(
        seen["findings"][0]["summary"].as_str().unwrap().contains("without STARTTLS"),
        "{seen:#}"
    );
    assert!(seen["findings"][0]["remedy"].as_str().unwrap().contains("ssl = on"), "{seen:#}");

    for file in ["fullchain.pem", "privkey.pem"] {
        servers::hand_over(&papers.path().join(file), server.folder());
        let path = server.folder().join(file);
        let key = if file == "privkey.pem" { "ssl_key_file" } else { "ssl_cert_file" };
        server.execute(&format!("alter system set {key} = '{}'", path.display()));
    }
    server.execute("alter system set ssl = on");
    server.signal("HUP");
    eventually("PostgreSQL has TLS", async || said(&probe(&[])).is_empty()).await;
    let before = server.log();
    well(&probe(&["--min-version", "1.0"]), "postgres");
    assert_eq!(server.log(), before, "one that asks for nothing old leaves no line");
    well(&probe(&["--min-version", "1.2"]), "postgres");

    // Another protocol than the one that was told.
    let seen = papers.probe(address, &["--starttls", "smtp", "--timeout", "1s"]);
    assert_eq!(said(&seen), ["tcp.silent/critical"], "{seen:#}");

    server.execute("alter system set ssl_min_protocol_version = 'TLSv1'");
    server.signal("HUP");
    eventually("old versions are enabled", async || {
        said(&probe(&["--min-version", "1.2"])) == ["tls.old-protocol/warning"]
    })
    .await;
    let seen = probe(&["--min-version", "1.2"]);
    assert_eq!(
        seen["facts"]["tls"]["old_versions"],
        serde_json::json!(["TLS 1.1", "TLS 1.0"]),
        "{seen:#}"
    );
    assert!(seen["findings"][0]["remedy"].as_str().unwrap().contains("ssl_min_protocol_version"));
    server.execute("alter system set ssl_max_protocol_version = 'TLSv1.1'");
    server.signal("HUP");
    eventually("old versions are all there is", async || {
        said(&probe(&[])) == ["tls.old-protocol/critical"]
    })
    .await;
    let seen = probe(&["--min-version", "1.0"]);
    assert_eq!(said(&seen), [""; 0], "let be by the plan: {seen:#}");
    assert_eq!(seen["facts"]["tls"]["protocol"], "TLS 1.1", "{seen:#}");

    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn postfix() {
    let papers = Papers::new();
    let places @ [with, floored, without] = [own_address(), own_address(), own_address()];
    let server = servers::postfix(papers.path(), places);
    // As it comes, it speaks what is retired.
    let seen = papers.probe(with, &["--starttls", "smtp"]);
    assert_eq!(said(&seen), ["tls.old-protocol/warning"], "{seen:#}");
    let remedy = seen["findings"][0]["remedy"].as_str().unwrap();
    assert!(remedy.contains("'smtpd_tls_protocols = >=TLSv1.2'"), "{seen:#}");
    well(&papers.probe(with, &["--starttls", "smtp", "--min-version", "1.0"]), "smtp");
    well(&papers.probe(floored, &["--starttls", "smtp"]), "smtp");
    let seen = papers.probe(without, &["--starttls", "smtp"]);
    assert_eq!(said(&seen), ["tls.handshake/critical"], "{seen:#}");
    assert!(seen["findings"][0]["remedy"].as_str().unwrap().contains("postconf"), "{seen:#}");
    // Who does not know of STARTTLS is led to it.
    let seen = papers.probe(with, &["--timeout", "4s"]);
    assert_eq!(said(&seen), ["tls.handshake/critical"], "{seen:#}");
    assert!(
        seen["findings"][0]["remedy"].as_str().unwrap().contains("starttls = \"smtp\""),
        "{seen:#}"
    );
    server.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn dovecot() {
    let papers = Papers::new();
    let ports = [own_address(), own_address(), own_address()];
    let server = servers::dovecot(papers.path(), ports);
    for (address, protocol) in ports.into_iter().zip(["imap", "pop3", "sieve"]) {
        well(&papers.probe(address, &["--starttls", protocol]), protocol);
    }
    let seen = papers.probe(ports[0], &["--starttls", "pop3"]);
    assert_eq!(said(&seen), ["tcp.unexpected-reply/critical"], "{seen:#}");
    assert!(seen["findings"][0]["summary"].as_str().unwrap().contains("IMAP"), "{seen:#}");
    server.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_never_locks_us_out() {
    let papers = Papers::new();
    let address = own_address();
    let server = servers::mariadb(papers.path(), address);
    // From an address whose broken connections it counts; 127.0.0.1 is exempt.
    let source = format!("source = \"{}\"", address.ip());
    let of_floor = ["--starttls", "mysql", "--min-version", "1.2", "--set", &source];
    for _ in 0..6 {
        well(&papers.probe(address, &of_floor), "mysql");
    }
    // A file with another kind of key, which no handshake that is broken off may look for.
    let of_rsa = "req -x509 -newkey rsa:2048 -nodes -keyout rsa.key -out rsa.pem -days 90 -subj /CN=mail.example -addext subjectAltName=DNS:mail.example";
    let mut making = Command::new("openssl");
    making.args(of_rsa.split(' ')).current_dir(papers.path()).stderr(Stdio::null());
    assert!(making.status().unwrap().success());
    for _ in 0..6 {
        let of_file = [&of_floor[..], &["--set", "file = \"rsa.pem\""]].concat();
        let seen = papers.probe(address, &of_file);
        assert_eq!(said(&seen), ["tls.not-reloaded/critical"], "{seen:#}");
    }
    well(&papers.probe(address, &of_floor), "mysql");
    server.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn slapd() {
    let papers = Papers::new();
    // Debian's GnuTLS has old versions enabled until it is told otherwise.
    let old = own_address();
    let server = servers::slapd(papers.path(), old, servers::Tls::On);
    let seen = papers.probe(old, &["--starttls", "ldap"]);
    assert_eq!(said(&seen), ["tls.old-protocol/warning"], "{seen:#}");
    assert_eq!(seen["findings"][0]["evidence"]["got"], "TLS 1.1, TLS 1.0", "{seen:#}");
    assert!(
        seen["findings"][0]["remedy"]
            .as_str()
            .unwrap()
            .contains("NORMAL:-VERS-TLS1.0:-VERS-TLS1.1`")
    );
    server.terminate();
    let floored = own_address();
    let server = servers::slapd(papers.path(), floored, servers::Tls::Floored);
    well(&papers.probe(floored, &["--starttls", "ldap"]), "ldap");
    server.terminate();
    let without = own_address();
    let server = servers::slapd(papers.path(), without, servers::Tls::Off);
    let seen = papers.probe(without, &["--starttls", "ldap"]);
    assert_eq!(said(&seen), ["tls.handshake/critical"], "{seen:#}");
    server.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn vsftpd() {
    let papers = Papers::new();
    for (tls, expected) in
        [(servers::Tls::On, None), (servers::Tls::Off, Some("tls.handshake/critical"))]
    {
        let address = own_address();
        let server = servers::vsftpd(papers.path(), address, tls);
        let seen = papers.probe(address, &["--starttls", "ftp"]);
        match expected {
            None => well(&seen, "ftp"),
            Some(expected) => assert_eq!(said(&seen), [expected], "{seen:#}"),
        }
        server.terminate();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prosody() {
    let papers = Papers::new();
    let address = own_address();
    let server = servers::prosody(papers.path(), address);
    well(&papers.probe(address, &["--starttls", "xmpp"]), "xmpp");
    let more = ["--starttls", "xmpp", "--set", "server_name = \"other.example\""];
    let target = address.to_string();
    let ended = portwarden(
        papers.path(),
        &[&["probe", "tls", &target, "--format", "json"], &more[..]].concat(),
    );
    let seen = ended.json();
    assert_eq!(said(&seen), ["tcp.not-ready/critical"], "{seen:#}");
    assert!(seen["findings"][0]["summary"].as_str().unwrap().contains("host-unknown"), "{seen:#}");
    server.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn news_and_local_mail() {
    let papers = Papers::new();
    let nntp = servers::upgrading(
        papers.path(),
        &[("", "200 news.example\r\n"), ("STARTTLS\r\n", "382 go\r\n")],
    )
    .await;
    well(&papers.probe(nntp, &["--starttls", "nntp"]), "nntp");
    let lmtp = servers::upgrading(
        papers.path(),
        &[
            ("", "220 mail.example LMTP\r\n"),
            ("LHLO ", "250-mail.example\r\n250 STARTTLS\r\n"),
            ("STARTTLS\r\n", "220 go\r\n"),
        ],
    )
    .await;
    well(&papers.probe(lmtp, &["--starttls", "lmtp"]), "lmtp");
}

#[tokio::test(flavor = "multi_thread")]
async fn client_certificates() {
    let papers = Papers::new();
    let (ours, stranger) = (papers.path().join("ours"), papers.path().join("stranger"));
    papers.authority.issue_client("monitor", (-DAY, 80 * DAY), &ours);
    Authority::new("Another Root").issue_client("nobody", (-DAY, 80 * DAY), &stranger);
    let order = Order { names: &[NAME], serial: 0x0518, valid: (-DAY, 85 * DAY) };
    papers.authority.issue(&order, &papers.path().join("renewed"));
    let pair = |folder: &str| {
        ["certificate", "key"].map(|what| {
            let file = if what == "key" { "privkey.pem" } else { "fullchain.pem" };
            format!("client_{what} = \"{folder}/{file}\"")
        })
    };
    let showing = |address: SocketAddr, folder: &str| {
        let [certificate, key] = pair(folder);
        papers.probe(address, &["--set", &certificate, "--set", &key])
    };
    for version in ["TLSv1.3", "TLSv1.2"] {
        let address = own_address();
        let options =
            format!("verify required ca-file root.pem ssl-min-ver TLSv1.2 ssl-max-ver {version}");
        let server = servers::haproxy(papers.path(), address, &options);
        let seen = papers.probe(address, &[]);
        assert_eq!(said(&seen), ["tls.handshake/notice"], "{version}: {seen:#}");
        let remedy = seen["findings"][0]["remedy"].as_str().unwrap();
        assert!(remedy.contains("CN=Wire Test Root") && remedy.contains("client_key"), "{seen:#}");
        assert_eq!(seen["facts"]["tls"]["asks_for_certificate"], true, "{seen:#}");
        assert_eq!(seen["facts"]["tls"]["chain"][0]["names"][0], NAME, "{seen:#}");

        let seen = papers.probe(address, &["--set", "file = \"renewed/fullchain.pem\""]);
        let mut found = said(&seen);
        found.sort();
        let expected = ["tls.handshake/notice", "tls.not-reloaded/critical"];
        assert_eq!(found, expected, "{version}: who may not come in sees it too: {seen:#}");

        let seen = showing(address, "ours");
        assert_eq!(said(&seen), [""; 0], "{version}: {seen:#}");
        let seen = showing(address, "stranger");
        assert_eq!(said(&seen), ["tls.handshake/critical"], "{version}: {seen:#}");
        let remedy = seen["findings"][0]["remedy"].as_str().unwrap();
        assert!(remedy.contains("issued by CN=Another Root"), "{seen:#}");
        server.terminate();
    }
    // What is wrong with ours is said once, whatever the server makes of it.
    let address = own_address();
    let server = servers::haproxy(papers.path(), address, "verify required ca-file root.pem");
    assert_eq!(said(&showing(address, "nowhere")), ["cert.unreadable/critical"]);
    std::fs::copy(stranger.join("privkey.pem"), ours.join("privkey.pem")).unwrap();
    assert_eq!(said(&showing(address, "ours")), ["cert.key-mismatch/critical"]);
    papers.authority.issue_client("monitor", (-80 * DAY, 4 * DAY), &ours);
    assert_eq!(said(&showing(address, "ours")), ["cert.expiring/critical"]);
    papers.authority.issue_client("monitor", (-80 * DAY, -DAY), &ours);
    let found = said(&showing(address, "ours"));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.contains(&"cert.expired/critical".to_owned()), "{found:?}");
    assert!(found.contains(&"tls.handshake/critical".to_owned()), "{found:?}");
    server.terminate();
    // One that asks, and lets everybody in.
    let address = own_address();
    let server = servers::haproxy(papers.path(), address, "verify optional ca-file root.pem");
    let seen = papers.probe(address, &[]);
    assert_eq!(said(&seen), [""; 0], "{seen:#}");
    assert_eq!(seen["facts"]["tls"]["asks_for_certificate"], true, "{seen:#}");
    let took = Duration::from_secs_f64(seen["duration_seconds"].as_f64().unwrap());
    assert!(took < Duration::from_millis(900), "{took:?}: it is not waited for in vain");
    server.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn application_protocols() {
    let papers = Papers::new();
    let planned = |address: SocketAddr, alpn: &str| {
        papers.probe(address, &["--set", &format!("alpn = [{alpn}]")])
    };
    let both = own_address();
    let server = servers::haproxy(papers.path(), both, "alpn h2,http/1.1");
    for (alpn, expected) in
        [("\"h2\"", &[][..]), ("\"http/1.1\"", &[]), ("\"postgresql\"", &["tls.alpn/warning"])]
    {
        let seen = planned(both, alpn);
        assert_eq!(said(&seen), expected, "{alpn}: {seen:#}");
    }
    server.terminate();
    let old = own_address();
    let server = servers::haproxy(papers.path(), old, "alpn http/1.1");
    assert_eq!(said(&planned(old, "\"h2\"")), ["tls.alpn/warning"]);
    assert_eq!(said(&planned(old, "\"h2\", \"http/1.1\"")), [""; 0]);
    server.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_old_versions() {
    let papers = Papers::new();
    for (option, version) in [("-tls1", "TLS 1.0"), ("-tls1_1", "TLS 1.1")] {
        let address = own_address();
        let server = servers::openssl(papers.path(), address, option);
        let seen = papers.probe(address, &[]);
        assert_eq!(said(&seen), ["tls.old-protocol/critical"], "{option}: {seen:#}");
        let tls = &seen["facts"]["tls"];
        assert_eq!(
            (&tls["protocol"], &tls["trusted"]),
            (&version.into(), &true.into()),
            "{seen:#}"
        );
        assert_eq!(tls["old_versions"], serde_json::json!([version]), "{seen:#}");
        let tolerated = papers.probe(address, &["--min-version", "1.0"]);
        assert_eq!(said(&tolerated), [""; 0], "{tolerated:#}");
        server.terminate();
    }
}
