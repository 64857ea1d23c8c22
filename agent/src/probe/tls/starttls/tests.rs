//! What servers say before TLS, however it is cut, and what is made of it.

use health::{Code, Severity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::tls::workshop::serve_raw;

/// What became of a wish for TLS, in a word.
fn word(outcome: &Result<Connection, Trouble>) -> String {
    let words = |words: &[u8]| String::from_utf8_lossy(words).into_owned();
    match outcome {
        Ok(_) => "begins".to_owned(),
        Err(Trouble::NotOffered(said)) => format!("not offered: {}", words(said)),
        Err(Trouble::Denied(said)) => format!("denied: {}", words(said)),
        Err(Trouble::TurnedAway(said)) => format!("turned away: {}", words(said)),
        Err(Trouble::Unheard(unheard)) => {
            let unheard = format!("{unheard:?}");
            unheard.split(['(', ' ']).next().unwrap_or_default().to_owned()
        }
    }
}

/// A server that says these words in turn, each after it was spoken to; the first at once where the
/// protocol has the server begin. A word comes a byte at a time.
async fn saying(ip: &str, begins: bool, words: &'static [&'static [u8]]) -> SocketAddr {
    serve_raw(ip, move |mut stream| async move {
        let _ = stream.set_nodelay(true);
        let mut heard = [0; 4096];
        for (turn, word) in words.iter().enumerate() {
            if (turn > 0 || !begins) && !matches!(stream.read(&mut heard).await, Ok(1..)) {
                return;
            }
            for byte in word.chunks(1) {
                let _ = stream.write_all(byte).await;
            }
        }
        while let Ok(1..) = stream.read(&mut heard).await {}
    })
    .await
}

async fn wish(
    starttls: Starttls,
    address: SocketAddr,
    wait: Duration,
) -> Result<Connection, Trouble> {
    let until = Instant::from_std(monotonic() + wait);
    let connection = crate::net::connect(address, None, until).await.unwrap();
    starttls.begin(connection, "shop.example", until).await
}

type Case = (&'static str, &'static [&'static [u8]], &'static str);

const MYSQL_WITH: &[u8] =
    b"\x27\0\0\0\x0a8.0.36\0\x01\0\0\0abcdefgh\0\xff\xff\x2d\x02\0\xff\xc1\x15\0\0\0\0\0\0\0\0\0\0";
const MYSQL_WITHOUT: &[u8] =
    b"\x27\0\0\0\x0a8.0.36\0\x01\0\0\0abcdefgh\0\xff\xf7\x2d\x02\0\xff\xc1\x15\0\0\0\0\0\0\0\0\0\0";

/// How each protocol goes on with TLS, says no, or is not itself.
const CASES: &[Case] = &[
    ("smtp", &[b"220-wait\r\n220 mx ESMTP\r\n", b"250-mx\r\n250-SIZE 1\r\n250 starttls\r\n", b"220 go\r\n"], "begins"),
    ("smtp", &[b"220 mx\r\n", b"250-mx\r\n250 STARTTLSX\r\n"], "not offered: 250-mx"),
    ("smtp", &[b"220 mx\r\n", b"502 what\r\n"], "not offered: 502 what"),
    ("smtp", &[b"220 mx\r\n", b"250-mx\r\n250 STARTTLS\r\n", b"454 no key\r\n"], "denied: 454 no key"),
    ("smtp", &[b"554 go away\r\n"], "turned away: 554 go away"),
    ("smtp", &[b"SSH-2.0-OpenSSH_9.6\r\n"], "Stranger"),
    ("smtp", &[b"220 mx\r\n", b"250 STARTTLS\r\n250 mx\r\n"], "not offered: 250 STARTTLS"),
    ("lmtp", &[b"220 mx LMTP\r\n", b"250-mx\r\n250 STARTTLS\r\n", b"220 go\r\n"], "begins"),
    ("imap", &[b"* OK ready\r\n", b"* CAPABILITY X\r\na1 OK go\r\n"], "begins"),
    ("imap", &[b"* OK ready\r\n", b"a1 BAD unknown\r\n"], "not offered: a1 BAD unknown"),
    ("imap", &[b"* OK ready\r\n", b"a1 NO later\r\n"], "denied: a1 NO later"),
    ("imap", &[b"* BYE full\r\n"], "turned away: * BYE full"),
    ("imap", &[b"+OK POP3\r\n"], "Stranger"),
    ("pop3", &[b"+OK ready\r\n", b"+OK go\r\n"], "begins"),
    ("pop3", &[b"+OK ready\r\n", b"-ERR unknown\r\n"], "not offered: -ERR unknown"),
    ("pop3", &[b"-ERR full\r\n"], "turned away: -ERR full"),
    ("ftp", &[b"120 soon\r\n220 ftp\r\n", b"234 go\r\n"], "begins"),
    ("ftp", &[b"220 ftp\r\n", b"530 log in\r\n"], "not offered: 530 log in"),
    ("ftp", &[b"220 ftp\r\n", b"431 no key\r\n"], "denied: 431 no key"),
    ("ftp", &[b"421 full\r\n"], "turned away: 421 full"),
    ("nntp", &[b"201 news\r\n", b"382 go\r\n"], "begins"),
    ("nntp", &[b"200 news\r\n", b"500 what\r\n"], "not offered: 500 what"),
    ("nntp", &[b"400 full\r\n"], "turned away: 400 full"),
    ("sieve", &[b"\"IMPLEMENTATION\" \"x\"\r\n\"StartTLS\"\r\nOK\r\n", b"OK go\r\n"], "begins"),
    ("sieve", &[b"\"IMPLEMENTATION\" \"x\"\r\nOK hi\r\n"], "not offered: OK hi"),
    ("sieve", &[b"\"STARTTLS\"\r\nOK\r\n", b"NO key\r\n"], "denied: NO key"),
    ("sieve", &[b"BYE full\r\n"], "turned away: BYE full"),
    ("sieve", &[b"* OK IMAP\r\n"], "Stranger"),
    (
        "xmpp",
        &[
            b"<?xml version='1.0'?><stream:stream id='1'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>",
            b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        ],
        "begins",
    ),
    (
        "xmpp",
        &[b"<stream:stream><stream:features><starttls xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"/></stream:features>", b"<failure xmlns='x'/>"],
        "denied: <failure xmlns='x'/>",
    ),
    ("xmpp", &[b"<stream:stream><stream:features/>"], "not offered: <stream:features/>"),
    (
        "xmpp",
        &[b"<stream:stream><stream:error><host-unknown/></stream:error>"],
        "turned away: <stream:error><host-unknown/></stream:error>",
    ),
    ("xmpp", &[b"HTTP/1.1 400 Bad Request\r\n"], "Stranger"),
    ("postgres", &[b"S"], "begins"),
    ("postgres", &[b"N"], "not offered: N"),
    ("postgres", &[b"SSH-2.0-OpenSSH_9.6\r\n"], "Stranger"),
    ("postgres", &[b"HTTP/1.1 400\r\n"], "Stranger"),
    ("mysql", &[MYSQL_WITH], "begins"),
    ("mysql", &[MYSQL_WITHOUT, b"\x03\0\0\x02\xff\x15\x04"], "not offered: CLIENT_SSL is not among what it can"),
    ("mysql", &[b"\x17\0\0\0\xff\x10\x04Too many connections"], "turned away: 1040: Too many connections"),
    ("mysql", &[b"220 mx\r\n"], "Stranger"),
    ("ldap", &[b"0\x0c\x02\x01\x01x\x07\x0a\x01\0\x04\0\x04\0"], "begins"),
    ("ldap", &[b"0\x0e\x02\x01\x01x\x09\x0a\x01\x02\x04\0\x04\x02no"], "not offered: result 2: no"),
    ("ldap", &[b"0\x0c\x02\x01\x01x\x07\x0a\x01\x34\x04\0\x04\0"], "denied: result 52: "),
];

#[tokio::test]
async fn every_protocol_by_table() {
    for (index, (name, words, expected)) in CASES.iter().enumerate() {
        let starttls = Starttls::named(name).unwrap();
        let begins = !matches!(starttls, Starttls::Ldap | Starttls::Postgres | Starttls::Xmpp);
        let address = saying(&format!("127.41.7.{}", index + 1), begins, words).await;
        let outcome = wish(starttls, address, Duration::from_secs(5)).await;
        assert_eq!(word(&outcome), *expected, "{name} {words:?}");
    }
    for name in PROTOCOLS {
        assert_eq!(Starttls::named(name).map(Starttls::label), Some(*name));
        assert!(CASES.iter().any(|(tried, _, expected)| tried == name && *expected == "begins"));
    }
    assert!(PROTOCOLS.is_sorted());
}

#[tokio::test]
async fn what_is_said_past_the_go_ahead_is_not_taken_into_tls() {
    let whole = serve_raw("127.41.8.2", |mut stream| async move {
        let _ = stream.write_all(b"+OK hi\r\n").await;
        let _ = stream.read(&mut [0; 64]).await;
        let _ = stream.write_all(b"+OK go\r\n+OK injected\r\n").await;
        let _ = stream.read(&mut [0; 64]).await;
    })
    .await;
    let outcome = wish(Starttls::Pop3, whole, Duration::from_secs(5)).await;
    assert_eq!(word(&outcome), "Stranger");
}

#[tokio::test]
async fn the_silent_the_cut_and_the_endless_end() {
    let wait = Duration::from_millis(300);
    let silent = serve_raw("127.41.8.3", |mut stream| async move {
        while let Ok(1..) = stream.read(&mut [0; 64]).await {}
    })
    .await;
    let cut = serve_raw("127.41.8.4", |_| async {}).await;
    let endless = serve_raw("127.41.8.5", |mut stream| async move {
        while stream.write_all(b"220-and so on\r\n").await.is_ok() {}
    })
    .await;
    for (address, expected) in [(silent, "Silent"), (cut, "Cut"), (endless, "Stranger")] {
        assert_eq!(word(&wish(Starttls::Smtp, address, wait).await), expected);
    }
}

#[test]
fn troubles_become_findings() {
    let address = SocketAddr::from(([127, 0, 0, 1], 25));
    for (trouble, code, says) in [
        (Trouble::TurnedAway(b"421 busy".to_vec()), Code::TcpNotReady, "421 busy"),
        (Trouble::NotOffered(b"250 mx".to_vec()), Code::TlsHandshake, "without STARTTLS"),
        (Trouble::Denied(b"454 no key".to_vec()), Code::TlsHandshake, "refuses it: \"454 no key\""),
        (Trouble::Unheard(Unheard::Silent), Code::TcpSilent, "SMTP"),
    ] {
        let finding = Starttls::Smtp.judge("mx:25", address, Duration::from_secs(5), &trouble);
        assert_eq!((finding.code, finding.severity), (code, Severity::Critical));
        assert!(finding.summary.en.contains(says), "{finding:#?}");
    }
    for name in PROTOCOLS {
        let starttls = Starttls::named(name).unwrap();
        let denied = Trouble::Denied(Vec::new());
        let finding = starttls.judge("x", address, Duration::from_secs(5), &denied);
        assert!(finding.remedy.en.contains(&format!("-starttls {name}")), "{finding:#?}");
        // Without it, openssl asks for the address in place of the domain.
        assert_eq!(finding.remedy.en.contains("-xmpphost"), starttls == Starttls::Xmpp);
        assert!(starttls.raise_floor("TLS 1.2").en.contains("TLS 1.2"));
    }
}
