//! What trials amount to, from tables. Real servers, a real CA and a real client are in
//! tests/certificates.

use std::path::PathBuf;
use std::sync::Arc;

use health::facts::HopFacts;
use health::{Finding, Severity, text};
use http::StatusCode;

use super::aim::{Aim, aims};
use super::body::Instead;
use super::certbot::{Renewal, Unread};
use super::detour::Detour;
use super::reached::{Outlook, Reached};
use super::token::Challenge;
use super::trial::{Stumble, Trial};
use super::{Connect, Spec, judge};
use crate::net::Failure;
use crate::plan::{Endpoint, Target};
use crate::tls::Roots;

fn spec(domains: &[&str]) -> Spec {
    Spec {
        domains: domains.iter().map(|&domain| Arc::from(domain)).collect(),
        webroot: Some(PathBuf::from("/srv/web")),
        connect: Vec::new(),
        source: None,
        renewal: None,
        roots: Roots::of(&[], &[]).unwrap(),
    }
}

fn connect(host: Option<&str>, port: u16, to: &str) -> Connect {
    let to: std::net::SocketAddr = to.parse().unwrap();
    let to = Endpoint { host: Target::Address(to.ip()), port: to.port() };
    Connect { host: host.map(Arc::from), port, to }
}

fn challenge() -> Challenge {
    Challenge { name: "portwarden-x".to_owned(), body: "portwarden-x.y".to_owned() }
}

/// A trial that ended at the last of these requests.
fn trial(domain: &str, urls: &[(&str, &str)], end: Result<(), Stumble>) -> Trial {
    let hops: Vec<HopFacts> = urls
        .iter()
        .map(|(url, address)| HopFacts {
            url: url.replace("TOKEN", "portwarden-x"),
            address: Some(address.parse().unwrap()),
            ..HopFacts::default()
        })
        .collect();
    let aim = Arc::new(Aim { domain: domain.into(), webroot: "/srv/web".into() });
    Trial { aim, address: hops.first().and_then(|hop| hop.address), hops, end }
}

const FIRST: (&str, &str) =
    ("http://shop.example/.well-known/acme-challenge/TOKEN", "203.0.113.7:80");
const SECOND: (&str, &str) =
    ("https://shop.example/.well-known/acme-challenge/TOKEN", "203.0.113.7:443");

fn found(spec: &Spec, trials: &[Trial], reached: &Reached) -> Vec<String> {
    let findings = judge::judge(spec, trials, &challenge(), reached);
    for finding in &findings {
        for text in [&finding.summary, &finding.remedy] {
            assert!(!text.en.contains("portwarden-x"), "{}", text.en);
            assert_ne!(text.en, text.ko);
        }
    }
    let line = |finding: &Finding| {
        format!("{} {} {}", finding.severity.label(), finding.code.label(), finding.subject)
    };
    findings.iter().map(line).collect()
}

#[test]
fn every_stumble_is_told_at_its_hop() {
    let spec = spec(&["shop.example"]);
    let status = |number: u16| Stumble::Status(StatusCode::from_u16(number).unwrap(), None);
    let instead = |instead: Instead| Stumble::Instead(instead, Some("nginx".to_owned()));
    let handshake = Finding::new(
        health::Code::TlsHandshake,
        "203.0.113.7:443",
        text!("it does not speak TLS", "TLS로 응답하지 않습니다"),
        text!("x", "y"),
    );
    for (stumble, en, remedy) in [
        (status(404), "it answers 404 Not Found", "location ^~ /.well-known/acme-challenge/"),
        (status(403), "it answers 403 Forbidden", "namei -l /srv/web/.well-known/acme-challenge"),
        (status(401), "it answers 401 Unauthorized", "auth_basic off;"),
        (status(502), "it answers 502 Bad Gateway", "hand the file out itself"),
        (instead(Instead::Login("Sign in".into())), "a login page came instead", "no password"),
        (instead(Instead::Page("Shop".into())), "a page came instead: \"Shop\"", "looks elsewhere"),
        (instead(Instead::Nothing), "200, but nothing in it", "looks elsewhere"),
        (instead(Instead::OtherChallenge), "answers challenges by itself", "looks elsewhere"),
        (Stumble::Detour(Detour::Port(8443)), "redirects to port 8443", "before the redirect"),
        (Stumble::Detour(Detour::Loop), "the redirect loops", "X-Forwarded-Proto"),
        (Stumble::Silent, "no answer in time", "Read the log"),
        (Stumble::Cut("closed".into()), "the connection was closed", "Read the log"),
        (Stumble::NotHttp("bad".into(), "SSH-2.0".into()), "\"SSH-2.0\"", "Something else has"),
        (Stumble::NoTls(Box::new(handshake)), "it does not speak TLS", "Something else has"),
    ] {
        let trials = [trial("shop.example", &[FIRST], Err(stumble))];
        let finding = &judge::judge(&spec, &trials, &challenge(), &Reached::default())[0];
        let summary = &finding.summary.en;
        assert!(summary.contains(en), "{summary}");
        assert!(summary.contains("http://shop.example/.well-known/acme-challenge/TOKEN"));
        assert!(finding.remedy.en.contains(remedy), "{}", finding.remedy.en);
        assert_eq!(finding.subject, "203.0.113.7:80 (shop.example)");
        assert_eq!(finding.severity, Severity::Warning);
    }
}

#[test]
fn a_dead_redirect_is_told_with_who_leads_there() {
    let mut spec = spec(&["shop.example"]);
    spec.connect = vec![connect(None, 80, "127.0.0.1:8081")];
    let stumble = Stumble::Closed(Failure::Refused, Outlook::Fair);
    let trials = [trial("shop.example", &[FIRST, SECOND], Err(stumble))];
    let finding = &judge::judge(&spec, &trials, &challenge(), &Reached::default())[0];
    assert_eq!(
        finding.summary.en,
        "the challenge for shop.example does not come back: request 2, to \
         https://shop.example/.well-known/acme-challenge/TOKEN (203.0.113.7:443), where \
         http://shop.example/.well-known/acme-challenge/TOKEN redirects to, fails: the connection is \
         refused"
    );
    // The first way was given, this one was not.
    assert!(finding.remedy.en.contains("443 = \"…\""), "{}", finding.remedy.en);
    assert!(finding.evidence["by_hand"].as_str().unwrap().contains("--connect-to"));
}

#[test]
fn how_sure_it_is_decides_how_loud() {
    let plain = spec(&["shop.example", "www.shop.example"]);
    let closed = |outlook| Err(Stumble::Closed(Failure::Timeout, outlook));
    let v6 = (FIRST.0, "[2001:db8::7]:80");
    let inner = (FIRST.0, "192.168.0.10:80");
    let one = "203.0.113.7:80";
    let nobody = Reached::default();
    let known = Reached::default();
    known.note(one.parse().unwrap());
    let shop = |hop, end| trial("shop.example", &[hop], end);
    for (trials, reached, expected) in [
        (vec![shop(FIRST, Ok(()))], &nobody, vec![]),
        // One address, however many names.
        (
            vec![
                shop(FIRST, closed(Outlook::Fair)),
                trial("www.shop.example", &[FIRST], closed(Outlook::Fair)),
            ],
            &nobody,
            vec!["warning acme.http01 203.0.113.7:80"],
        ),
        // Behind a router it may be the router's own address; not where it worked before.
        (
            vec![shop(FIRST, closed(Outlook::Behind))],
            &nobody,
            vec!["notice acme.http01 203.0.113.7:80"],
        ),
        (
            vec![shop(FIRST, closed(Outlook::Behind))],
            &known,
            vec!["warning acme.http01 203.0.113.7:80"],
        ),
        // No IPv6 here is no news beside an IPv4 that was tried, and all there is to say without.
        (vec![shop(v6, closed(Outlook::NoWay)), shop(FIRST, Ok(()))], &nobody, vec![]),
        (
            vec![shop(v6, closed(Outlook::NoWay))],
            &nobody,
            vec!["notice acme.http01 [2001:db8::7]:80"],
        ),
        (
            vec![shop(v6, closed(Outlook::Fair)), shop(FIRST, Ok(()))],
            &nobody,
            vec!["warning acme.http01 [2001:db8::7]:80"],
        ),
        // It works, but no CA would come that way.
        (
            vec![shop(inner, Ok(()))],
            &nobody,
            vec!["notice acme.http01 192.168.0.10:80 (shop.example)"],
        ),
        (
            vec![trial("shop.example", &[FIRST, SECOND], closed(Outlook::Behind))],
            &nobody,
            vec!["notice acme.http01 203.0.113.7:80 (shop.example)"],
        ),
    ] {
        assert_eq!(found(&plain, &trials, reached), expected, "{trials:?}");
    }
    let mut given = spec(&["shop.example"]);
    given.connect = vec![connect(None, 80, "192.168.0.10:80")];
    assert_eq!(found(&given, &[shop(inner, Ok(()))], &nobody), [""; 0]);
}

#[test]
fn the_way_in_is_given_by_port_or_by_name() {
    let mut spec = spec(&["shop.example"]);
    spec.connect = vec![
        connect(None, 80, "127.0.0.1:8081"),
        connect(None, 443, "127.0.0.1:8443"),
        connect(Some("sso.example"), 443, "127.0.0.1:9443"),
    ];
    for (host, port, expected) in [
        ("shop.example", 80, Some("127.0.0.1:8081")),
        ("SHOP.example", 443, Some("127.0.0.1:8443")),
        ("sso.example", 443, Some("127.0.0.1:9443")),
        ("sso.example", 80, None),
        ("other.example", 443, None),
    ] {
        let to = spec.endpoint(host, port).map(ToString::to_string);
        assert_eq!(to.as_deref(), expected, "{host}:{port}");
    }
}

#[test]
fn what_certbot_will_do_is_what_is_tried() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.conf");
    let written = |authenticator: &str| {
        format!(
            "[renewalparams]\nauthenticator = {authenticator}\n[[webroot_map]]\n\
             shop.example = /srv/web\n*.shop.example = /srv/web\nwww.shop.example = /srv/www\n"
        )
    };
    let read = |text: String| {
        std::fs::write(&path, text).unwrap();
        Renewal::read(&path, jiff::Timestamp::UNIX_EPOCH)
    };
    let with = |domains: &[&str], webroot: Option<&str>| Spec {
        webroot: webroot.map(PathBuf::from),
        renewal: Some(path.clone()),
        ..spec(domains)
    };
    let at = |suffix: &str| format!("{}{suffix}", path.display());
    let both = ["shop.example /srv/web", "www.shop.example /srv/www"];
    for (spec, renewal, expected, codes) in [
        (with(&[], None), read(written("webroot")), &both[..], vec![]),
        (with(&["shop.example"], Some("/srv/web")), read(written("webroot")), &both[..1], vec![]),
        (
            with(&["www.shop.example"], Some("/srv/web")),
            read(written("webroot")),
            &both[1..],
            vec![("warning", at(""))],
        ),
        (
            with(&["shop.example", "api.shop.example"], Some("/srv/web")),
            read(written("webroot")),
            &["shop.example /srv/web", "api.shop.example /srv/web"],
            vec![("warning", at(" (api.shop.example)"))],
        ),
        (with(&[], None), read(written("standalone")), &[], vec![("notice", at(""))]),
        (with(&["shop.example"], Some("/srv/web")), read(written("nginx")), &both[..1], vec![]),
        (with(&[], None), read("[renewalparams]\nauthenticator = webroot\n".to_owned()), &[], {
            vec![("notice", at(""))]
        }),
        (with(&[], None), Err(Unread::Missing), &[], vec![("warning", at(""))]),
        (with(&[], None), Err(Unread::Foreign), &[], vec![("warning", at(""))]),
        (
            with(&["shop.example"], Some("/srv/web")),
            Err(Unread::Closed("Permission denied".to_owned())),
            &both[..1],
            vec![("notice", at(""))],
        ),
    ] {
        let (aims, findings) = aims(&spec, Some(&renewal));
        let shown: Vec<String> =
            aims.iter().map(|aim| format!("{} {}", aim.domain, aim.webroot.display())).collect();
        assert_eq!(shown, expected);
        let told: Vec<(&str, String)> = findings
            .iter()
            .map(|finding| (finding.severity.label(), finding.subject.clone()))
            .collect();
        assert_eq!(told, codes, "{findings:?}");
    }
}
