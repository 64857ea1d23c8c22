//! The pure half, by table.

use health::{Code, Phase, Phases};
use http::{HeaderName, HeaderValue};
use serde_json::json;

use super::super::exchange::Payload;
use super::super::gateway::{Health, Upstream};
use super::super::judge::judge;
use super::super::status::Control;
use super::*;

pub(super) fn reply(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Reply {
    let headers = headers
        .iter()
        .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
    Reply {
        subject: "http://shop.example/".to_owned(),
        url: Uri::from_static("http://shop.example/"),
        hops: 0,
        version: Version::HTTP_11,
        now: "2026-03-14T09:00:00Z".parse().unwrap(),
        as_planned: None,
        status: StatusCode::from_u16(status).unwrap(),
        headers,
        body: Payload {
            kept: body.as_bytes().to_vec(),
            received: body.len() as u64,
            is_over_cap: false,
            trailers: None,
        },
        is_complete: true,
        elapsed: Duration::from_millis(100),
        phases: Phases::default(),
        control: None,
        upstream: Vec::new(),
    }
}

/// This value at this pointer.
pub(super) fn at(pointer: &str, value: serde_json::Value) -> JsonRule {
    JsonRule {
        place: Place::Pointer(pointer.to_owned()),
        count: Bounds::at_least(1.0),
        tests: vec![Test::Equals(value)],
    }
}

fn matching(name: &'static str, pattern: &str) -> HeaderRule {
    let wanted = HeaderWanted::Matches(regex(pattern).unwrap());
    HeaderRule { name: HeaderName::from_static(name), wanted }
}

fn labels(spec: &Spec, reply: &Reply) -> Vec<&'static str> {
    judge(spec, reply).iter().map(|finding| finding.code.label()).collect()
}

#[test]
fn statuses() {
    let plain = spec("http://shop.example/");
    let mut ranges = plain.clone();
    ranges.expect.status = vec![(200, 299), (404, 404)];
    let staying = Spec { follow_redirects: false, ..plain.clone() };
    let mut located = plain.clone();
    located.expect.location = regex("^https://");
    let mut only_redirect = plain.clone();
    only_redirect.expect.status = vec![(301, 301)];
    for (spec, status, expected) in [
        (&plain, 200, None),
        (&plain, 204, None),
        (&plain, 304, Some("http.status")),
        (&plain, 404, Some("http.status")),
        (&plain, 500, Some("http.status")),
        (&plain, 502, Some("http.status")),
        (&plain, 421, Some("http.host-rejected")),
        (&plain, 400, Some("http.host-rejected")),
        (&ranges, 404, None),
        (&ranges, 301, Some("http.status")),
        (&staying, 302, None),
        (&staying, 404, Some("http.status")),
        (&located, 200, Some("http.redirect")),
        (&only_redirect, 301, None),
        (&only_redirect, 200, Some("http.status")),
    ] {
        let found = labels(spec, &reply(status, &[], ""));
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{status}");
    }
}

#[test]
fn another_answer_is_one_cause() {
    let mut page = spec("http://shop.example/");
    page.expect.status = vec![(200, 200)];
    page.expect.body = regex("shop");
    page.expect.json = vec![at("/status", json!("ok"))];
    page.expect.headers = vec![matching("x-frame-options", "DENY")];
    page.expect.within = Some(Duration::from_millis(1));
    let mut moved = spec("http://shop.example/");
    moved.expect.status = vec![(301, 301)];
    moved.expect.location = regex("^https://");
    let elsewhere = [("location", "http://other.example/")];
    let right = [("location", "https://shop.example/")];
    for (spec, reply, expected) in [
        (&page, reply(502, &[], "oops"), "http.status"),
        (&page, reply(204, &[], ""), "http.status"),
        (&moved, reply(200, &[], ""), "http.redirect"),
        (&moved, reply(302, &elsewhere, ""), "http.redirect"),
        (&moved, reply(302, &right, ""), "http.status"),
        (&moved, reply(404, &[], ""), "http.status"),
    ] {
        assert_eq!(labels(spec, &reply), [expected], "{}", reply.status);
    }
}

#[test]
fn a_bad_request_is_put_down_to_the_name_only_where_that_holds() {
    let spec = spec("http://shop.example/");
    let nginx = "<h1>400 Bad Request</h1> The plain HTTP request was sent to HTTPS port";
    let status = |status| Some(Control::Answered(StatusCode::from_u16(status).unwrap()));
    for (control, body, expected) in [
        (status(400), "", Code::HttpHostRejected),
        (status(421), "", Code::HttpHostRejected),
        (status(404), "", Code::HttpStatus),
        (status(200), "", Code::HttpStatus),
        (Some(Control::Unverified), "", Code::HttpHostRejected),
        (status(400), nginx, Code::HttpStatus),
    ] {
        let reply = Reply { control, ..reply(400, &[], body) };
        let findings = judge(&spec, &reply);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].code, expected, "{control:?} {body}");
    }
    let mut accepted = spec;
    accepted.expect.status = vec![(400, 400)];
    assert_eq!(labels(&accepted, &reply(400, &[], "")), [""; 0]);
}

#[test]
fn a_bad_gateway_names_the_upstream_at_fault() {
    let spec = spec("http://shop.example/");
    let upstream = |health| Upstream {
        subject: "127.0.0.1:3011 (web)".to_owned(),
        port: 3011,
        health,
        is_nearest: true,
        ..Upstream::default()
    };
    for (health, code, words) in [
        (Health::Refused, Code::HttpBadGateway, "refuses connections"),
        (Health::Hangs, Code::HttpBadGateway, "gives no answer"),
        (Health::Reset, Code::HttpBadGateway, "accepts and cuts"),
        (Health::Timeout, Code::HttpBadGateway, "does not answer the connection"),
        (Health::Answers(500), Code::HttpBadGateway, "answers 500"),
        (Health::Answers(200), Code::HttpStatus, "answers 200"),
        (Health::Unverified, Code::HttpStatus, "not verified"),
    ] {
        let reply = Reply { upstream: vec![upstream(health.clone())], ..reply(502, &[], "") };
        let finding = &judge(&spec, &reply)[0];
        assert_eq!(finding.code, code, "{health:?}");
        let told = format!("{} {:?}", finding.summary.en, finding.evidence);
        assert!(told.contains(words), "{told}");
        if code == Code::HttpBadGateway {
            assert_eq!(finding.subject, "127.0.0.1:3011 (web)");
        }
    }
}

#[test]
fn headers_locations_and_bodies() {
    let hsts = [("strict-transport-security", "max-age=31536000")];
    for (pattern, headers, expected) in
        [("max-age=\\d+", &hsts[..], 0), ("max-age=0$", &hsts[..], 1), ("max-age", &[][..], 1)]
    {
        let mut spec = spec("http://shop.example/");
        spec.expect.headers = vec![matching("strict-transport-security", pattern)];
        let found = judge(&spec, &reply(200, headers, ""));
        assert_eq!(found.len(), expected, "{pattern}");
        assert!(found.iter().all(|finding| finding.code == Code::HttpHeader
            && finding.subject == "http://shop.example/ [strict-transport-security]"));
    }
    for (location, expected) in [("https://shop.example/", 0), ("http://other/", 1)] {
        let mut spec = spec("http://shop.example/");
        spec.expect.location = regex("^https://");
        let found = labels(&spec, &reply(301, &[("location", location)], ""));
        assert_eq!(found.len(), expected, "{location}");
    }
    for (pattern, body, expected) in
        [("hel+o", "hello", 0), ("^x", "hello", 1), ("안녕", "안녕하세요", 0)]
    {
        let mut spec = spec("http://shop.example/");
        spec.expect.body = regex(pattern);
        assert_eq!(labels(&spec, &reply(200, &[], body)).len(), expected, "{pattern}");
    }
}

#[test]
fn secret_headers_are_not_shown_even_when_they_are_wrong() {
    let mut spec = spec("http://shop.example/");
    spec.expect.headers = vec![matching("set-cookie", "HttpOnly")];
    let findings = judge(&spec, &reply(200, &[("set-cookie", "sid=topsecret")], ""));
    assert_eq!(findings.len(), 1);
    assert!(!format!("{findings:?}").contains("topsecret"));
}

#[test]
fn json_pointers() {
    let body = r#"{"status":"ok","n":1,"deep":[{"a~b/c":null}]}"#;
    for (pointer, expected, subject) in [
        ("/status", json!("ok"), None),
        ("/n", json!(1.0), None),
        ("/deep/0/a~0b~1c", json!(null), None),
        ("", json!({"status": "ok", "n": 1, "deep": [{"a~b/c": null}]}), None),
        ("/status", json!("sick"), Some("http://shop.example/#/status")),
        ("/missing", json!(1), Some("http://shop.example/#/missing")),
        ("/missing", json!(null), Some("http://shop.example/#/missing")),
    ] {
        let mut spec = spec("http://shop.example/");
        spec.expect.json = vec![at(pointer, expected)];
        let findings = judge(&spec, &reply(200, &[], body));
        let subjects: Vec<&str> = findings.iter().map(|found| &*found.subject).collect();
        assert_eq!(subjects, subject.into_iter().collect::<Vec<_>>(), "{pointer}");
    }
    for body in ["<html>", "", "{\"status\":", &"[".repeat(1000)] {
        let mut spec = spec("http://shop.example/");
        spec.expect.json = vec![at("/status", json!("ok")), at("/n", json!(1))];
        let findings = judge(&spec, &reply(200, &[], body));
        assert_eq!(findings.len(), 1, "{body}");
        assert!(findings[0].summary.en.contains("not JSON"));
    }
}

#[test]
fn slowness_names_the_phase() {
    let mut spec = spec("http://shop.example/");
    spec.expect.within = Some(Duration::from_millis(80));
    let mut reply = reply(200, &[], "");
    reply.phases.add(Phase::Connect, Duration::from_millis(20));
    reply.phases.add(Phase::Processing, Duration::from_millis(70));
    let findings = judge(&spec, &reply);
    assert_eq!(findings[0].code, Code::HttpSlow);
    assert_eq!(findings[0].evidence["slowest_phase"], "processing");
    spec.expect.within = Some(Duration::from_millis(100));
    assert_eq!(labels(&spec, &reply), [""; 0]);
}

#[test]
fn an_answer_cut_short_is_judged_by_its_head_alone() {
    let mut spec = spec("http://shop.example/");
    spec.expect.body = regex("whole");
    spec.expect.within = Some(Duration::from_millis(1));
    let reply = Reply { is_complete: false, ..reply(500, &[], "who") };
    assert_eq!(labels(&spec, &reply), ["http.status"]);
}
