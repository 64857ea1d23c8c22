//! Identities compared and verdicts given, by table.

use std::net::SocketAddr;

use health::facts::ForwardFacts;
use health::{Code, Severity};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::identity::{Identity, Likeness, Tongue, likeness};
use super::judge::{Beside, Case, Outer, inner_dead, judge};
use super::standpoint::Standpoint;
use super::*;
use crate::probe::http::Glance;
use crate::ssh::HostKey;

fn said(words: &str) -> Identity {
    Identity::words(words.as_bytes(), Tongue::Banner)
}

fn key(seed: u8) -> Identity {
    Identity::Key(HostKey::of_ed25519([seed; 32]))
}

fn certificate(fingerprint: &str) -> Identity {
    Identity::Certificate { fingerprint: fingerprint.to_owned(), name: "shop.example".to_owned() }
}

fn page(status: u16, server: &'static str, body: &str) -> Identity {
    let mut headers = HeaderMap::new();
    headers.insert("server", HeaderValue::from_static(server));
    let status = StatusCode::from_u16(status).unwrap();
    let body = Some(body.as_bytes().to_vec());
    Identity::page(&Glance { status, headers, body }, "shop.example:8081")
}

/// Of 200, whose body broke off.
fn cut_page(server: &'static str) -> Identity {
    let mut headers = HeaderMap::new();
    headers.insert("server", HeaderValue::from_static(server));
    Identity::page(&Glance { status: StatusCode::OK, headers, body: None }, "shop.example")
}

fn redirect(location: &'static str) -> Identity {
    let mut headers = HeaderMap::new();
    headers.insert("location", HeaderValue::from_static(location));
    let body = Some(b"<title>301 Moved Permanently</title>".to_vec());
    let glance = Glance { status: StatusCode::MOVED_PERMANENTLY, headers, body };
    Identity::page(&glance, "shop.example:8081")
}

#[test]
fn what_changes_from_visit_to_visit_is_nobodys_identity() {
    use Likeness::{Different, Same, Untold};
    let smtp = "220 mail.example ESMTP ready Sat, 21 Nov 2026 15:00:0";
    let mysql = |salt: &str| said(&format!("J\0\0\0\x0a8.0.36\0{salt}\0x"));
    let shop = |token: u8| {
        page(200, "nginx", &format!("<html><TITLE>\n Shop </title><i>{token}</i></html>"))
    };
    for (inner, again, outer, expected) in [
        (certificate("aa"), None, certificate("aa"), Same),
        (certificate("aa"), None, certificate("bb"), Different),
        (certificate("aa"), Some(certificate("bb")), certificate("bb"), Untold),
        (said("220 a"), None, said("220 a"), Same),
        (said("220 a"), None, said("220 a b"), Different),
        (said("220 a"), Some(said("220 a")), said("220 b"), Different),
        (said(&format!("{smtp}1")), None, said(&format!("{smtp}2")), Different),
        (
            said(&format!("{smtp}1")),
            Some(said(&format!("{smtp}3"))),
            said(&format!("{smtp}2")),
            Same,
        ),
        (mysql("abc"), None, mysql("klm"), Same),
        (mysql("a b"), Some(mysql("xyz")), mysql("k\tl\nm"), Same),
        (mysql("abc"), Some(mysql("xyz")), said("J\0\0\0\x0a5.7.44\0abc\0x"), Different),
        (said("220 a b c"), None, said("220 c b a"), Same),
        (said("220-a\r\n220 b"), None, said("220-a\r\n"), Same),
        (shop(1), None, shop(1), Same),
        (shop(1), None, shop(2), Different),
        (shop(1), Some(shop(3)), shop(2), Same),
        (shop(1), Some(shop(3)), page(200, "nginx", "<title>Router</title>"), Different),
        (shop(1), Some(shop(3)), page(200, "lighttpd", "<title>Shop</title>"), Different),
        (shop(1), None, certificate("aa"), Different),
        (shop(1), Some(shop(1)), said("SSH-2.0-x"), Different),
        (shop(1), Some(Identity::Mute), certificate("aa"), Untold),
        (said("now 1"), Some(said("at 2")), said("on 3"), Untold),
        (Identity::Mute, None, Identity::Mute, Untold),
        (Identity::Mute, None, said("220 a"), Untold),
        (Identity::Mute, Some(Identity::Mute), shop(1), Untold),
        // A body that did not come whole is no other one, and no proof.
        (shop(1), None, cut_page("nginx"), Untold),
        (cut_page("nginx"), Some(shop(1)), shop(2), Untold),
        (shop(1), Some(shop(1)), cut_page("lighttpd"), Different),
        (cut_page("nginx"), None, cut_page("nginx"), Untold),
        // What any server would say.
        (page(200, "nginx", ""), None, page(200, "nginx", ""), Untold),
        (page(200, "nginx", ""), Some(page(200, "nginx", "")), shop(1), Different),
        (redirect("https://shop.example/"), None, redirect("https://shop.example/"), Untold),
        (redirect("/"), None, redirect("/"), Untold),
        (redirect("/admin"), None, redirect("/admin"), Same),
        (redirect("https://shop.example/"), None, redirect("https://b.example/"), Different),
        // An SSH server without its key may be any.
        (said("SSH-2.0-x"), None, said("SSH-2.0-x"), Untold),
        (said("SSH-2.0-x"), None, said("SSH-2.0-y"), Untold),
        (said("SSH-2.0-x"), None, said("Not allowed at this time"), Untold),
        (key(1), None, said("SSH-2.0-x"), Untold),
        (key(1), None, said("Exceeded MaxStartups"), Untold),
        (said("Not allowed at this time"), None, key(1), Untold),
        (key(1), None, said("220 a"), Different),
        (key(1), None, shop(1), Different),
        (key(1), None, key(1), Same),
        (key(1), None, key(2), Different),
    ] {
        let got = likeness(&inner, again.as_ref(), &outer);
        assert_eq!(got, expected, "{inner:?} {again:?} {outer:?}");
    }
}

#[test]
fn only_what_one_machine_has_proves_a_passage() {
    for (identity, expected) in [
        (key(1), true),
        (certificate("aa"), true),
        (page(200, "nginx", "Shop"), true),
        (page(200, "nginx", ""), false),
        (cut_page("nginx"), false),
        (redirect("/admin"), false),
        (said("220 a"), false),
        (Identity::Mute, false),
    ] {
        assert_eq!(identity.is_proof(), expected, "{identity:?}");
    }
}

#[test]
fn a_host_header_brackets_what_needs_it() {
    for (from, expected) in [
        ("203.0.113.7:80", "203.0.113.7"),
        ("203.0.113.7:81", "203.0.113.7:81"),
        ("[2001:db8::7]:80", "[2001:db8::7]"),
        ("[2001:db8::7]:81", "[2001:db8::7]:81"),
    ] {
        let from: SocketAddr = from.parse().unwrap();
        let from = Endpoint { host: Target::Address(from.ip()), port: from.port() };
        assert_eq!(Spec { from, ..spec() }.host_header(), expected);
    }
}

#[test]
fn titles_are_found_however_they_are_written() {
    for (body, expected) in [
        ("<title>Shop</title>", Some("Shop")),
        ("<HTML><Title lang=ko>\n 내\t 가게 </TITLE>", Some("내 가게")),
        ("<title></title>", None),
        ("<title>never ends", None),
        ("<title", None),
        ("", None),
    ] {
        let Identity::Page(page) = page(200, "x", body) else { panic!() };
        assert_eq!(page.title.as_deref(), expected, "{body}");
    }
}

fn spec() -> Spec {
    let endpoint = |text: &str| {
        let address: SocketAddr = text.parse().unwrap();
        Endpoint { host: Target::Address(address.ip()), port: address.port() }
    };
    Spec {
        from: endpoint("203.0.113.7:80"),
        to: endpoint("192.168.0.10:8081"),
        source: None,
        seen_from: None,
        speaks: None,
        roots: Roots::load(&[]).unwrap(),
    }
}

#[test]
fn the_verdict_depends_on_where_it_is_seen_from() {
    use Code::{ForwardBroken, ForwardMisdirected, ForwardNoHairpin};
    use Severity::{Critical, Notice, Warning};
    use Standpoint::{Outside, Passed, Within, WithinItSeems};
    let (spec, inner, seen) = (spec(), certificate("aa"), ForwardFacts::default());
    let elsewhere = || Outer::Elsewhere(said("SSH-2.0-other"));
    for (outer, standpoint, expected) in [
        (Outer::Dead(Code::TcpTimeout), Outside, (ForwardBroken, Critical)),
        (Outer::Dead(Code::TcpRefused), Passed, (ForwardBroken, Critical)),
        (Outer::Dead(Code::TcpTimeout), WithinItSeems, (ForwardNoHairpin, Notice)),
        (Outer::Dead(Code::TcpRefused), Within, (ForwardNoHairpin, Notice)),
        (Outer::Mute, Outside, (ForwardBroken, Critical)),
        (Outer::Mute, Within, (ForwardNoHairpin, Notice)),
        (elsewhere(), Outside, (ForwardMisdirected, Critical)),
        (elsewhere(), Passed, (ForwardMisdirected, Critical)),
        (elsewhere(), WithinItSeems, (ForwardMisdirected, Warning)),
        (elsewhere(), Within, (ForwardNoHairpin, Notice)),
    ] {
        let case = Case { spec: &spec, inner: &inner, outer: &outer, standpoint, seen: &seen };
        let finding = judge(&case);
        assert_eq!((finding.code, finding.severity), expected, "{outer:?} {standpoint:?}");
        assert_eq!(finding.subject, "203.0.113.7:80");
        for words in [&finding.summary.en, &finding.summary.ko] {
            assert!(words.contains("192.168.0.10:8081"), "{words}");
        }
        if let Outer::Elsewhere(_) = outer {
            assert!(finding.evidence["got"].to_string().contains("SSH-2.0-other"));
        }
    }
    let (inner, outer) = (Identity::Mute, elsewhere());
    let case = Case { spec: &spec, inner: &inner, outer: &outer, standpoint: Outside, seen: &seen };
    assert!(judge(&case).summary.en.ends_with("192.168.0.10:8081 says nothing"));
}

#[test]
fn a_dead_target_is_no_fault_of_the_forward() {
    let dead = crate::net::Failure::Refused.into_finding(
        &spec().to,
        "192.168.0.10:8081".parse().unwrap(),
        Duration::from_secs(1),
    );
    let answer = said("220 somebody");
    for (outer, expected) in
        [(Beside::Closed, "does not answer either"), (Beside::Untried, "could not be tried")]
    {
        let finding = inner_dead(&spec(), dead.clone(), outer);
        assert_eq!(finding.evidence["outer"], expected);
    }
    let finding = inner_dead(&spec(), dead, Beside::Answers(&answer));
    assert_eq!((finding.code, &*finding.subject), (Code::TcpRefused, "192.168.0.10:8081"));
    assert!(finding.summary.en.contains("cannot be judged"), "{}", finding.summary.en);
    assert_eq!(finding.evidence["outer"], "\"220 somebody\"");
}

#[test]
fn a_loopback_source_stands_for_this_machine() {
    let source = |text: &str| Some(text.parse().unwrap());
    for (written, outer, inner) in [
        (source("127.0.0.1"), None, None),
        (source("192.168.0.2"), source("192.168.0.2"), source("192.168.0.2")),
        (source("2001:db8::2"), None, None),
    ] {
        let spec = Spec { source: written, ..spec() };
        assert_eq!(spec.source_for(&spec.from), outer);
        assert_eq!(spec.source_for(&spec.to), inner);
    }
    let near = Endpoint { host: Target::Address("127.0.0.9".parse().unwrap()), port: 1 };
    let spec = Spec { source: source("127.0.0.1"), ..spec() };
    assert_eq!(spec.source_for(&near), source("127.0.0.1"));
}

/// Serves whoever connects: says something first, answers whatever it is told, and never hangs up.
#[derive(Clone, Copy, Debug)]
enum Server {
    First(&'static str),
    Answer(&'static str),
    /// Understands a request for a page alone, and waits for the end of anything else.
    ToGet(&'static str),
    Mute,
}

impl Server {
    async fn start(self) -> Endpoint {
        let listener = TcpListener::bind("127.53.40.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(self.serve(stream));
            }
        });
        Endpoint { host: Target::Address(address.ip()), port: address.port() }
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut heard = [0; 4096];
        if let Self::First(words) = self {
            let _ = stream.write_all(words.as_bytes()).await;
        }
        while let Ok(1..) = stream.read(&mut heard).await {
            let answer = match self {
                Self::Answer(words) => words,
                Self::ToGet(words) if heard.starts_with(b"GET ") => words,
                Self::ToGet(_) | Self::First(_) | Self::Mute => "",
            };
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_slow_is_nobody_else() {
    use Server::{Answer, First, Mute};
    let page = Answer("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nShop");
    let begun = Answer("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nS");
    let busy = First("Not allowed at this time\r\n");
    let http = Some(Tongue::Http);
    for (speaks, inner, outer, expected, same) in [
        (http, page, page, "", Some(true)),
        (http, page, Mute, "forward.broken", None),
        (http, page, begun, "", None),
        (http, begun, page, "", None),
        (http, page, First("220 mail.example\r\n"), "forward.misdirected", Some(false)),
        (None, Mute, First("220 mail.example\r\n"), "", None),
        (None, Mute, Mute, "", None),
        (None, First("SSH-2.0-slow\r\n"), First("SSH-2.0-slow\r\n"), "", None),
        (Some(Tongue::Ssh), First("SSH-2.0-slow\r\n"), busy, "", None),
        (None, First("220-a\r\n220 b\r\n"), First("220-a\r\n"), "", Some(true)),
        (
            None,
            First("J\0\0\0\x0a8.0.36\0\x01\0\0\0a b\0"),
            First("J\0\0\0\x0a8.0.36\0\x02\0\0\0cd\t\0"),
            "",
            Some(true),
        ),
    ] {
        let spec = Spec { from: outer.start().await, to: inner.start().await, speaks, ..spec() };
        let net = Net::new(Some("127.53.9.9:53".parse().unwrap())).unwrap();
        let mut watch = Stopwatch::start(Duration::from_secs(2));
        let sight = observe(&spec, &net, &mut watch).await;
        let codes: Vec<_> = sight.findings.iter().map(|finding| finding.code.label()).collect();
        assert_eq!(codes.join(" "), expected, "{inner:?} {outer:?} {:?}", sight.findings);
        assert_eq!(sight.facts.forward.unwrap().same, same, "{inner:?} {outer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_slow_in_the_tongue_asked_for_is_not_named_by_another() {
    let server = Server::ToGet("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nShop");
    let spec = Spec { to: server.start().await, ..spec() };
    let net = Net::new(Some("127.53.9.9:53".parse().unwrap())).unwrap();
    for (tongue, expected) in [
        (Some(Tongue::Tls), None),
        (Some(Tongue::Ssh), None),
        // Nothing said first is an answer to those.
        (Some(Tongue::Banner), Some(Tongue::Http)),
        (Some(Tongue::Http), Some(Tongue::Http)),
        (None, Some(Tongue::Http)),
    ] {
        let mut watch = Stopwatch::start(Duration::from_secs(2));
        let inquiry = Inquiry::new(&spec, &net);
        let asked = inquiry.ask(&spec.to, tongue, &mut watch, &mut Facts::default()).await;
        assert_eq!(asked.unwrap().tongue(), expected, "{tongue:?}");
    }
}
