//! Hellos to servers of the test's own: right, wrong and hostile. Real servers are in tests/speaks.

use std::net::SocketAddr;
use std::time::Duration;

use health::Severity;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::net::Net;
use crate::plan::{Endpoint, Target};
use crate::probe::tcp;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(400);

/// What a server does to whoever connects.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// These in turn, each after something was said; the first at once where the server greets.
    Say(&'static [&'static [u8]]),
    /// The same, after something was said.
    Answer(&'static [&'static [u8]]),
    Hang,
    Close,
    /// Says this, hears what is said to it, and closes.
    SayAndClose(&'static [u8]),
    Reset,
    Flood(&'static [u8]),
    Drip(&'static [u8]),
}

async fn serving(act: Act) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(play(stream, act));
        }
    });
    address
}

async fn play(mut stream: TcpStream, act: Act) {
    let mut heard = [0; 4096];
    match act {
        Act::Say(lines) | Act::Answer(lines) => {
            for (index, line) in lines.iter().enumerate() {
                if index > 0 || matches!(act, Act::Answer(_)) {
                    let _ = stream.read(&mut heard).await;
                }
                let _ = stream.write_all(line).await;
            }
            while let Ok(1..) = stream.read(&mut heard).await {}
        }
        Act::Hang => while let Ok(1..) = stream.read(&mut heard).await {},
        Act::Close => {}
        Act::SayAndClose(words) => {
            let _ = stream.write_all(words).await;
            let _ = stream.shutdown().await;
            while let Ok(1..) = stream.read(&mut heard).await {}
        }
        Act::Reset => SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap(),
        Act::Flood(bytes) => while stream.write_all(&bytes.repeat(512)).await.is_ok() {},
        Act::Drip(bytes) => {
            stream.set_nodelay(true).unwrap();
            while stream.write_all(bytes).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

fn named(name: &str) -> Speaks {
    Speaks::named(name, Login::default()).unwrap()
}

fn as_user(name: &str) -> Speaks {
    let login = Login { user: Some("shop".into()), database: Some("stock".into()), password: None };
    Speaks::named(name, login).unwrap()
}

async fn look(address: SocketAddr, speaks: Speaks, timeout: Duration) -> Sight {
    let target = Endpoint { host: Target::Address(address.ip()), port: address.port() };
    let spec = Spec {
        target,
        source: None,
        expect_closed: false,
        steps: Vec::new(),
        speaks: Some(speaks),
    };
    let net = Net::new(Some("127.53.9.9:53".parse().unwrap())).unwrap();
    let mut watch = Stopwatch::start(timeout);
    let sight = tcp::observe(&spec, &net, &mut watch).await;
    assert!(watch.elapsed() < timeout + Duration::from_secs(1), "past the deadline");
    // A connection may be reset before there is anything to say.
    assert!(watch.phases().of(Phase::Dialogue).is_some() || codes(&sight) == ["tcp.reset"]);
    sight
}

fn codes(sight: &Sight) -> Vec<&'static str> {
    sight.findings.iter().map(|finding| finding.code.label()).collect()
}

#[test]
fn every_protocol_of_the_plan_is_there_and_no_other() {
    for name in PROTOCOLS {
        assert!(Speaks::named(name, Login::default()).is_some(), "{name}");
    }
    assert!(PROTOCOLS.is_sorted());
    assert_eq!(Speaks::named("gopher", Login::default()), None);
}

/// An OK of MySQL after its handshake.
const MYSQL: &[u8] = b"\x4a\0\0\0\x0a8.0.36\0\x0b\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\
    \x15\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0caching_sha2_password\0";
const POSTGRES: &[u8] = b"R\x00\x00\x00\x08\x00\x00\x00\x00S\x00\x00\x00\x19server_version\x0015.18\x00Z\x00\x00\x00\x05I";
const AMQP: &[u8] = b"\x01\0\0\0\0\0\x20\0\x0a\0\x0a\0\x09\0\0\0\x0e\x07versionS\0\0\0\x013\
    \0\0\0\0\0\0\0\0\xce";

#[tokio::test]
async fn who_serves_is_well_and_tells_its_version() {
    for (name, act, version, answer) in [
        (
            "postgres",
            Act::Answer(&[POSTGRES]),
            Some("15.18"),
            "portwarden is let in, ready for query",
        ),
        (
            "postgres",
            Act::Answer(&[b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"]),
            None,
            "asks for a password (SCRAM-SHA-256)",
        ),
        (
            "postgres",
            Act::Answer(&[b"R\0\0\0\x0c\0\0\0\x05salt"]),
            None,
            "asks for a password (MD5)",
        ),
        (
            "mysql",
            Act::Say(&[MYSQL, b"\x07\0\0\x02\0\0\0\x02\0\0\0"]),
            Some("8.0.36"),
            "portwarden is let in",
        ),
        (
            "mysql",
            Act::Say(&[MYSQL, b"\x07\0\0\x02\xfeother\0", b"\x0d\0\0\x04\xff\x15\x04#28000No!!"]),
            Some("8.0.36"),
            "1045: No!!",
        ),
        ("redis", Act::Answer(&[b"+PONG\r\n"]), None, "+PONG"),
        (
            "redis",
            Act::Answer(&[b"-NOAUTH Authentication required.\r\n"]),
            None,
            "-NOAUTH Authentication required.",
        ),
        (
            "memcached",
            Act::Answer(&[b"CLIENT_ERROR unauthenticated\r\n"]),
            None,
            "CLIENT_ERROR unauthenticated",
        ),
        ("memcached", Act::Answer(&[b"VERSION 1.6.18\r\n"]), Some("1.6.18"), "VERSION 1.6.18"),
        (
            "smtp",
            Act::Say(&[
                b"220-wait\r\n220 mail.example ESMTP\r\n",
                b"250-mail.example\r\n250 SIZE\r\n",
                b"221 bye\r\n",
            ]),
            None,
            "250-mail.example",
        ),
        (
            "smtp",
            Act::Say(&[b"220 old.example\r\n", b"500 what?\r\n", b"250 old.example\r\n"]),
            None,
            "250 old.example",
        ),
        ("imap", Act::Say(&[b"* OK ready\r\n", b"* BYE\r\na1 OK\r\n"]), None, "* OK ready"),
        ("pop3", Act::Say(&[b"+OK ready\r\n", b"+OK\r\n"]), None, "+OK ready"),
        ("ftp", Act::Say(&[b"220 (vsFTPd 3.0.3)\r\n", b"221\r\n"]), None, "220 (vsFTPd 3.0.3)"),
        ("ldap", Act::Answer(&[b"0\x0c\x02\x01\x01a\x07\x0a\x01\0\x04\0\x04\0"]), None, "result 0"),
        ("amqp", Act::Answer(&[AMQP]), Some("3"), "Connection.Start of an unnamed server"),
        ("amqp", Act::Answer(&[b"AMQP\0\x01\0\0"]), None, "offers AMQP 0.1.0.0 instead"),
        ("mqtt", Act::Answer(&[b"\x20\x02\0\0"]), None, "CONNACK 0: accepted"),
        ("mqtt", Act::Answer(&[b"\x20\x02\0\x05"]), None, "CONNACK 5: not authorized"),
    ] {
        let sight = look(serving(act).await, named(name), LONG).await;
        assert_eq!(codes(&sight), [""; 0], "{name} {act:?}: {:?}", sight.findings);
        let hello = sight.facts.hello.unwrap();
        assert_eq!((hello.version.as_deref(), hello.answer.as_str()), (version, answer), "{name}");
    }
}

#[tokio::test]
async fn who_does_not_serve_says_so_in_its_own_words() {
    use Severity::{Critical, Notice, Warning};
    let full: &[u8] = b"E\x00\x00\x00\x2dSFATAL\x00C53300\x00Mtoo many clients already\x00\x00";
    let starting: &[u8] = b"E\x00\x00\x00\x19SFATAL\x00C57P03\x00Mwait\x00\x00";
    let no_line: &[u8] =
        b"E\x00\x00\x00\x2dSFATAL\x00C28000\x00Mno\x00RClientAuthentication\x00\x00";
    let no_database: &[u8] = b"E\x00\x00\x00\x18SFATAL\x00C3D000\x00Mno!\x00\x00";
    for (speaks, greets, words, severity, said) in [
        (
            named("postgres"),
            false,
            full,
            Critical,
            "takes no more clients: \"53300: too many clients already\"",
        ),
        (
            named("postgres"),
            false,
            starting,
            Critical,
            "is starting, stopping or recovering: \"57P03: wait\"",
        ),
        (named("postgres"), false, no_line, Notice, "does not let this host in: \"28000: no\""),
        (as_user("postgres"), false, no_line, Warning, "does not let this host in: \"28000: no\""),
        (
            as_user("postgres"),
            false,
            no_database,
            Critical,
            "has no database \"stock\": \"3D000: no!\"",
        ),
        (
            named("mysql"),
            true,
            b"\x07\0\0\0\xff\x10\x04full",
            Critical,
            "takes no more clients: \"1040: full\"",
        ),
        (named("mysql"), true, b"\x07\0\0\0\xff\x69\x04stop", Critical, "has blocked this host"),
        (named("mysql"), true, b"\x07\0\0\0\xff\x6a\x04stop", Notice, "does not let this host in"),
        (
            named("redis"),
            false,
            b"-LOADING Redis is loading\r\n",
            Critical,
            "is starting, stopping or recovering",
        ),
        (
            named("redis"),
            true,
            b"-DENIED Redis is running in protected mode\r\n",
            Notice,
            "does not let this host in",
        ),
        (
            named("ssh"),
            true,
            b"Not allowed at this time\r\n",
            Warning,
            "MaxStartups), or penalises this address (PerSourcePenalties)",
        ),
        (named("ssh"), true, b"Exceeded MaxStartups\r\n", Critical, "takes no more clients"),
        (
            named("memcached"),
            false,
            b"ERROR Too many open connections\r\n",
            Critical,
            "takes no more clients",
        ),
        (
            named("smtp"),
            true,
            b"421 4.7.0 Too many connections\r\n",
            Critical,
            "takes no more clients",
        ),
        (
            named("smtp"),
            true,
            b"554 no service\r\n",
            Critical,
            "says that it does not serve: \"554 no service\"",
        ),
        (named("imap"), true, b"* BYE shutting down\r\n", Critical, "says that it does not serve"),
        (named("pop3"), true, b"-ERR busy\r\n", Critical, "says that it does not serve"),
        (
            named("ftp"),
            true,
            b"421 There are too many connected users\r\n",
            Critical,
            "takes no more clients",
        ),
        (
            named("ldap"),
            false,
            b"0\x0c\x02\x01\x01a\x07\x0a\x01\x33\x04\0\x04\0",
            Critical,
            "says that it does not serve: \"result 51\"",
        ),
        (
            named("mqtt"),
            false,
            b"\x20\x02\0\x03",
            Critical,
            "says that it does not serve: \"CONNACK 3: server unavailable\"",
        ),
    ] {
        let lines: &'static [&'static [u8]] = Box::leak(Box::new([words]));
        let address = serving(if greets { Act::Say(lines) } else { Act::Answer(lines) }).await;
        let sight = look(address, speaks.clone(), LONG).await;
        assert_eq!(codes(&sight), ["tcp.not-ready"], "{speaks:?} {:?}", sight.findings);
        let finding = &sight.findings[0];
        assert!(finding.summary.en.contains(said), "{}", finding.summary.en);
        assert_eq!(
            (finding.severity, &finding.subject),
            (severity, &address.to_string()),
            "{said}"
        );
        assert_eq!(sight.facts.hello, None);
    }
}

#[tokio::test]
async fn who_answers_instead_is_named() {
    let http: &[&[u8]] = &[b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n"];
    for (name, act, other) in [
        ("postgres", Act::Say(&[b"SSH-2.0-OpenSSH_9.2\r\n"]), "SSH"),
        ("postgres", Act::Answer(http), "HTTP"),
        ("postgres", Act::Say(&[MYSQL]), "MySQL"),
        ("mysql", Act::Say(&[b"220 mail.example ESMTP Postfix\r\n"]), "SMTP"),
        ("redis", Act::Answer(http), "HTTP"),
        ("redis", Act::Say(&[b"+OK POP3 ready\r\n"]), "POP3"),
        ("memcached", Act::Answer(&[b"-ERR unknown command 'version'\r\n"]), "Redis"),
        ("smtp", Act::Say(&[b"220 (vsFTPd 3.0.3)\r\n"]), "FTP"),
        ("ftp", Act::Say(&[b"220 mail.example ESMTP Postfix\r\n"]), "SMTP"),
        ("imap", Act::Say(&[b"SSH-2.0-OpenSSH_9.2\r\n"]), "SSH"),
        ("pop3", Act::Say(&[b"* OK IMAP4rev1\r\n"]), "IMAP"),
        ("ldap", Act::Answer(&[b"\x15\x03\x01\0\x02\x02\x46"]), "TLS"),
        ("amqp", Act::Answer(http), "HTTP"),
        ("mqtt", Act::Answer(&[b"AMQP\0\0\x09\x01"]), "AMQP"),
    ] {
        let sight = look(serving(act).await, named(name), LONG).await;
        assert_eq!(codes(&sight), ["tcp.unexpected-reply"], "{name} {act:?}");
        let finding = &sight.findings[0];
        assert_eq!(finding.evidence["speaks"], other, "{name}");
        assert!(finding.summary.en.contains(&format!("{other} answers there")), "{finding:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_a_cut_and_garbage_end_every_hello_in_time() {
    let silent = serving(Act::Hang).await;
    let closing = serving(Act::Close).await;
    let resetting = serving(Act::Reset).await;
    let others = [
        serving(Act::Flood(b"x")).await,
        serving(Act::Flood(b"\0")).await,
        serving(Act::Flood(b"220-wait\r\n")).await,
        serving(Act::Flood(b"S\0\0\0\x08a\0b\0")).await,
        serving(Act::Flood(b"\x07\0\0\x01\xfea\0b\0cd")).await,
        serving(Act::Drip(b"2")).await,
        serving(Act::Drip(b"\xff")).await,
    ];
    let ends = async |name: &str, address, timeout, expected: &str| {
        let sight = look(address, named(name), timeout).await;
        assert_eq!(codes(&sight), [expected], "{name} {:?}", sight.findings);
    };
    let mut probes = Vec::new();
    for name in PROTOCOLS {
        probes.push(ends(name, silent, SHORT, "tcp.silent"));
        probes.push(ends(name, closing, LONG, "tcp.reset"));
        probes.push(ends(name, resetting, LONG, "tcp.reset"));
        probes.extend(others.map(|other| ends(name, other, LONG, "tcp.unexpected-reply")));
    }
    // What may yet become an answer, for as long as there is time.
    for (name, may_become) in [("redis", b"+"), ("pop3", b"-"), ("imap", b"*")] {
        let drip = serving(Act::Drip(may_become)).await;
        probes.push(ends(name, drip, Duration::from_secs(2), "tcp.silent"));
    }
    // A good beginning: Postfix's postscreen makes strangers wait after it.
    for (name, begun) in [
        ("smtp", &b"220-mail.example\r\n"[..]),
        ("ftp", b"220-welcome\r\n"),
        ("pop3", b"+OK rea"),
        ("ssh", b"SSH-2.0-OpenSSH_9.9\r\n"),
    ] {
        let lines: &'static [&'static [u8]] = Box::leak(Box::new([begun]));
        let (stalling, closing) =
            (serving(Act::Say(lines)).await, serving(Act::SayAndClose(begun)).await);
        probes.push(ends(name, stalling, Duration::from_secs(1), "tcp.silent"));
        probes.push(ends(name, closing, LONG, "tcp.reset"));
    }
    futures_util::future::join_all(probes).await;
}
