//! Which hop is at fault, and what counts as a difference.

use health::{Code, text};
use http::{HeaderValue, StatusCode};

use super::compare::differences;
use super::*;

fn way(name: &str) -> Taken {
    let host = name.len();
    Taken {
        name: name.into(),
        address: Some(format!("127.80.7.{host}:80").parse().unwrap()),
        findings: Vec::new(),
        answers: Vec::new(),
    }
}

/// An answer as it is written: a status, headers, and after an empty line a body.
fn answered(written: &str) -> Answered {
    let (head, body) = written.split_once("\n\n").unwrap_or((written, ""));
    let mut lines = head.lines();
    let status: u16 = lines.next().unwrap().parse().unwrap();
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    let url: Uri = "https://shop.example/app/x".parse().unwrap();
    let heard = Heard {
        url: url.clone(),
        status: StatusCode::from_u16(status).unwrap(),
        headers,
        body: body.as_bytes().to_vec(),
    };
    Answered {
        step: None,
        url,
        host: "shop.example".to_owned(),
        by_hand: "curl".to_owned(),
        heard,
        chain: None,
        cap_bytes: 1 << 20,
    }
}

#[test]
fn what_a_hop_takes_away_or_makes_worse() {
    let sameness = Sameness { same_body: true, ..Sameness::default() };
    // Outer, inner, what is told.
    let rows: &[(&str, &str, &[&str])] = &[
        ("200", "200", &[]),
        ("200\nserver: a\ndate: x\netag: 1\nvia: p", "200\nserver: b\ndate: y\netag: 2", &[]),
        ("204", "200", &["204 instead of 200"]),
        // Only the status is told of answers of two kinds.
        ("204", "200\nset-cookie: a=b\n\nbody", &["204 instead of 200"]),
        // Headers: what is added is let be.
        ("200\nstrict-transport-security: max-age=1", "200", &[]),
        (
            "200",
            "200\nstrict-transport-security: max-age=1",
            &["strict-transport-security is dropped"],
        ),
        (
            "200\nstrict-transport-security: max-age=0",
            "200\nstrict-transport-security: max-age=9",
            &["strict-transport-security is another"],
        ),
        (
            "200\nx-frame-options: DENY\nx-frame-options: SAMEORIGIN",
            "200\nx-frame-options: DENY",
            &["x-frame-options is sent 2 times"],
        ),
        (
            "200\naccess-control-allow-origin: *\naccess-control-allow-origin: *",
            "200\naccess-control-allow-origin: *",
            &["access-control-allow-origin is sent 2 times"],
        ),
        (
            "200\nreferrer-policy: no-referrer\nreferrer-policy: same-origin",
            "200\nreferrer-policy: same-origin",
            &[],
        ),
        ("200\ncontent-type: text/html; charset=utf-8", "200\ncontent-type: Text/HTML", &[]),
        (
            "200\ncontent-type: text/plain",
            "200\ncontent-type: text/html",
            &["content-type is another"],
        ),
        ("200\ncache-control: private,  no-store", "200\ncache-control: no-store, private", &[]),
        (
            "200\ncache-control: no-store\ncache-control: max-age=3",
            "200\ncache-control: no-store",
            &[],
        ),
        (
            "200\ncache-control: max-age=3600",
            "200\ncache-control: no-store",
            &["cache-control is another"],
        ),
        (
            "200\ncontent-security-policy: script-src 'nonce-abc'",
            "200\ncontent-security-policy: script-src 'nonce-xyz'",
            &[],
        ),
        (
            "200\ncontent-security-policy: script-src 'nonce-abc' 'unsafe-inline'",
            "200\ncontent-security-policy: script-src 'nonce-xyz'",
            &["content-security-policy is another"],
        ),
        // Cookies: never their values.
        ("200\nset-cookie: sid=1; Secure", "200\nset-cookie: sid=2; Secure", &[]),
        ("200\nset-cookie: sid=1\nset-cookie: lb=7", "200\nset-cookie: sid=2", &[]),
        ("200\nset-cookie: lb=1", "200\nset-cookie: sid=2", &["the cookie sid is dropped"]),
        ("200\nset-cookie: sid=1; Secure; HttpOnly", "200\nset-cookie: sid=1", &[]),
        (
            "200\nset-cookie: sid=1",
            "200\nset-cookie: sid=1; Secure; HttpOnly; SameSite=Strict",
            &["the cookie sid loses Secure, HttpOnly, SameSite"],
        ),
        (
            "200\nset-cookie: sid=1; Domain=10.0.0.7",
            "200\nset-cookie: sid=1; Domain=shop.example",
            &["the cookie sid becomes one that browsers drop (sid=(hidden); Domain=10.0.0.7)"],
        ),
        (
            "200\nset-cookie: sid=1; Domain=shop.example",
            "200\nset-cookie: sid=1; Domain=app.internal",
            &[],
        ),
        (
            "200\nset-cookie: sid=1; Path=/inner",
            "200\nset-cookie: sid=1; Path=/app",
            &["the cookie sid gets Path=/inner, and is not sent back for /app/x"],
        ),
        // Where it leads.
        ("302\nlocation: https://shop.example/login?state=1", "302\nlocation: /login?state=2", &[]),
        ("302\nlocation: /login", "302\nlocation: http://127.0.0.1:3011/login", &[]),
        (
            "302\nlocation: http://shop.example/login",
            "302\nlocation: https://shop.example/login",
            &["leads to http://shop.example/login instead of https://shop.example/login"],
        ),
        (
            "302\nlocation: /",
            "302\nlocation: /login",
            &["leads to https://shop.example/ instead of https://shop.example/login"],
        ),
        (
            "302\nlocation: http://127.0.0.1:3011/login",
            "302\nlocation: /login",
            &["leads to http://127.0.0.1:3011/login instead of https://shop.example/login"],
        ),
        // Bodies.
        ("200\n\none\ntwo", "200\n\none\ntwo", &[]),
        ("200\n\none\ntwo", "200\n\none\n2", &["the body differs from line 2 on"]),
        ("200\n\none", "200\n\none\ntwo", &["the body has 3 bytes instead of 7"]),
    ];
    for (outer, inner, expected) in rows {
        let told = differences(&answered(outer), &answered(inner), &sameness);
        let told: Vec<&str> = told.iter().map(|difference| &*difference.told.en).collect();
        assert_eq!(told, *expected, "{outer} | {inner}");
    }
}

#[test]
fn bodies_are_compared_unpacked_and_only_where_asked() {
    use std::io::Write;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"hello").unwrap();
    let mut outer = answered("200\ncontent-encoding: gzip");
    outer.heard.body = packed.finish().unwrap();
    let inner = answered("200\n\nhello");
    let sameness = Sameness { same_body: true, ..Sameness::default() };
    assert!(differences(&outer, &inner, &sameness).is_empty());
    let other = answered("200\n\nbye");
    assert_eq!(differences(&outer, &other, &sameness).len(), 1);
    assert!(differences(&outer, &other, &Sameness::default()).is_empty());
}

#[test]
fn what_may_differ_is_let_be() {
    let outer = answered("204\nlocation: /a");
    let inner = answered("200\nset-cookie: a=b\nx-frame-options: DENY");
    let mut sameness = Sameness::default();
    sameness.may_differ.status = true;
    assert!(differences(&outer, &inner, &sameness).is_empty());
    let outer = answered("200");
    assert_eq!(differences(&outer, &inner, &sameness).len(), 2);
    sameness.may_differ.cookies = true;
    sameness.may_differ.headers = vec![http::header::X_FRAME_OPTIONS];
    assert!(differences(&outer, &inner, &sameness).is_empty());
}

#[test]
fn certificates_for_the_same_names_are_the_same() {
    let with = |fingerprint: &str, names: &[&str], key: &str| {
        let certificate = CertificateFacts {
            fingerprint: fingerprint.to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            spki_sha256: key.to_owned(),
            ..CertificateFacts::default()
        };
        Answered { chain: Some(Arc::new(vec![certificate])), ..answered("200") }
    };
    let sameness = Sameness::default();
    let count = |one: &Answered, other: &Answered| differences(one, other, &sameness).len();
    let own = with("a", &["shop.example", "www.shop.example"], "k");
    assert_eq!(count(&own, &with("a", &["shop.example"], "k")), 0);
    assert_eq!(count(&own, &with("b", &["www.shop.example", "Shop.example"], "l")), 1);
    assert_eq!(count(&own, &with("b", &["shop.example"], "k")), 1);
    // A CDN's own.
    assert_eq!(count(&own, &with("b", &["*.shop.example"], "l")), 0);
    assert_eq!(count(&own, &answered("200")), 0);
}

fn wrong(code: Code, subject: &str, got: u64) -> Finding {
    Finding::new(code, subject, text!("wrong", "이상"), text!("mend", "수리")).evidence("got", got)
}

/// Ways that show these: `200`, another status, or a failure before one.
fn ways(shown: &[&str]) -> Vec<Taken> {
    let names = ["outer", "proxy2", "app"];
    let one = |(name, shown): (&&str, &&str)| {
        let mut way = way(name);
        let url = "https://shop.example/app/x";
        match *shown {
            "200" => {}
            "refused" => {
                let address = way.address.unwrap().to_string();
                way.findings = vec![wrong(Code::TcpRefused, &address, 0)];
                return way;
            }
            "hangs" => {
                way.findings = vec![wrong(Code::HttpTimeout, url, 0)];
                return way;
            }
            "no header" => {
                way.findings = vec![wrong(Code::HttpHeader, &format!("{url} [x-a]"), 0)];
            }
            "expired" => way.findings = vec![wrong(Code::CertExpired, name, 0)],
            "slow" => way.findings = vec![wrong(Code::HttpSlow, url, 0)],
            "host" => way.findings = vec![wrong(Code::HttpHostRejected, url, 400)],
            status => {
                let status = status.parse().unwrap();
                way.findings = vec![wrong(Code::HttpStatus, url, status)];
            }
        }
        way.answers = vec![answered("200")];
        way
    };
    names.iter().zip(shown).map(one).collect()
}

#[test]
fn an_upstream_that_was_named_is_not_told_of_again_by_the_way_to_it() {
    let mut taken = ways(&["502", "refused"]);
    let dead = taken[1].findings[0].subject.clone();
    taken[0].findings = vec![wrong(Code::HttpBadGateway, &dead, 502)];
    let findings = judge(&taken, &Sameness::default());
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0].code, Code::HttpBadGateway);
}

/// What each way shows, and what is told: code, hop, severity.
type Guilt<'a> = (&'a [&'a str], &'a [(&'a str, &'a str, &'a str)]);

#[test]
fn the_guilty_hop_is_named() {
    let rows: &[Guilt<'_>] = &[
        (&["200", "200"], &[]),
        (&["500", "200"], &[("http.status", "outer", "critical")]),
        (&["500", "500"], &[("http.status", "proxy2", "critical")]),
        (&["500", "500", "500"], &[("http.status", "app", "critical")]),
        (&["500", "500", "200"], &[("http.status", "proxy2", "critical")]),
        (&["500", "200", "200"], &[("http.status", "outer", "critical")]),
        (&["502", "refused"], &[("http.bad-gateway", "proxy2", "critical")]),
        (&["502", "502", "refused"], &[("http.bad-gateway", "app", "critical")]),
        (&["504", "hangs"], &[("http.bad-gateway", "proxy2", "critical")]),
        (&["502", "500", "500"], &[("http.bad-gateway", "app", "critical")]),
        (&["502", "200"], &[("http.status", "outer", "critical")]),
        (&["hangs", "200"], &[("http.timeout", "outer", "critical")]),
        (&["hangs", "hangs"], &[("http.timeout", "proxy2", "critical")]),
        (&["refused", "200"], &[("tcp.refused", "outer", "critical")]),
        (
            &["refused", "refused"],
            &[("tcp.refused", "outer", "critical"), ("tcp.refused", "proxy2", "critical")],
        ),
        (&["expired", "200"], &[("cert.expired", "outer", "critical")]),
        // A proxy that does not look at the certificate behind it fails by itself; one that does says 502.
        (
            &["500", "expired"],
            &[("http.status", "outer", "critical"), ("cert.expired", "proxy2", "critical")],
        ),
        (&["502", "expired"], &[("http.bad-gateway", "proxy2", "critical")]),
        (&["200", "expired"], &[("cert.expired", "proxy2", "warning")]),
        // What a hop adds, the ways behind it need not have.
        (&["200", "200", "no header"], &[]),
        (&["500", "no header"], &[("http.status", "outer", "critical")]),
        (&["no header", "200"], &[("http.header", "outer", "warning")]),
        (&["no header", "no header"], &[("http.header", "proxy2", "warning")]),
        (&["200", "500"], &[("http.status", "proxy2", "warning")]),
        (&["200", "refused", "200"], &[("tcp.refused", "proxy2", "warning")]),
        (&["host", "200"], &[("http.host-rejected", "outer", "critical")]),
        (&["host", "host"], &[("http.host-rejected", "proxy2", "critical")]),
        (&["slow", "200"], &[("http.slow", "outer", "warning")]),
        (&["slow", "slow"], &[("http.slow", "proxy2", "warning")]),
        (
            &["500", "404"],
            &[("http.status", "proxy2", "critical"), ("http.status", "proxy2", "critical")],
        ),
    ];
    for (shown, expected) in rows {
        let findings = judge(&ways(shown), &Sameness::default());
        let told: Vec<_> = findings
            .iter()
            .map(|finding| {
                let hop = finding.evidence["hop"].as_str().unwrap();
                (finding.code.label(), hop, finding.severity.label())
            })
            .collect();
        assert_eq!(told, *expected, "{shown:?}");
        for (index, finding) in findings.iter().enumerate() {
            assert!(finding.evidence["ways"].is_object());
            let is_known = |other: &Finding| other.is_same_as(finding);
            assert!(!findings[..index].iter().any(is_known), "{shown:?}: {}", finding.subject);
        }
    }
}

#[test]
fn a_name_that_is_not_passed_on_is_told_from_one_not_known() {
    let dropped = &judge(&ways(&["host", "200"]), &Sameness::default())[0];
    let said = &dropped.summary.en;
    assert!(said.contains("does not pass the name shop.example on"), "{said}");
    assert!(dropped.remedy.en.contains("proxy_set_header Host $host;"), "{}", dropped.remedy.en);
    assert_eq!(dropped.evidence["host_sent_inner"], "shop.example");
    let unknown = &judge(&ways(&["host", "host"]), &Sameness::default())[0];
    assert!(unknown.summary.en.contains("asked directly, says the same"));
    assert_eq!(unknown.evidence["host_sent_inner"], "shop.example");
    // nginx's own files are believed where they say it, and not where the hop does otherwise.
    let by_files = |shown: &[&str], sent: &str| {
        let mut ways = ways(shown);
        let finding = ways[0].findings.pop().unwrap();
        let finding = finding.evidence("sent", sent).evidence("written", "nginx.conf:7");
        ways[0]
            .findings
            .push(Finding { remedy: text!("At nginx.conf:7", "nginx.conf:7"), ..finding });
        judge(&ways, &Sameness::default()).remove(0)
    };
    let dropped = by_files(&["host", "200"], "app");
    assert!(dropped.summary.en.contains("but sends app (nginx.conf:7)"), "{}", dropped.summary.en);
    assert_eq!(dropped.remedy.en, "At nginx.conf:7");
    let refused = by_files(&["host", "200"], "shop.example");
    assert!(!refused.summary.en.contains("does not pass"), "{}", refused.summary.en);
    assert!(refused.summary.en.contains("refuses the name shop.example itself"));
    let both = by_files(&["host", "host"], "app");
    assert!(both.remedy.en.contains("ALLOWED_HOSTS") && both.remedy.en.contains("nginx.conf:7"));
    let mut other = ways(&["host", "200"]);
    other[1].answers[0].host = "app.internal".to_owned();
    let unclear = &judge(&other, &Sameness::default())[0];
    let said = &unclear.summary.en;
    assert!(said.contains("asked as app.internal, all is well"), "{said}");
}

#[test]
fn a_difference_is_put_down_to_one_hop() {
    let mut taken = ways(&["200", "200", "200"]);
    taken[1].answers = vec![answered("200\nset-cookie: sid=1")];
    taken[2].answers = vec![answered("200\nset-cookie: sid=1")];
    let findings = judge(&taken, &Sameness::default());
    assert_eq!(findings.len(), 1);
    let finding = &findings[0];
    assert_eq!(finding.code, Code::HttpDiffersByWay);
    assert_eq!(finding.subject, "https://shop.example/app/x [outer/proxy2]");
    assert_eq!(finding.evidence["hop"], "outer");
    assert!(finding.summary.en.ends_with("the cookie sid is dropped"), "{}", finding.summary.en);
    assert!(finding.remedy.en.contains("may_differ = [\"cookies\"]"), "{}", finding.remedy.en);
    // What fails is told as a failure, and not compared as well.
    taken[0].findings = vec![wrong(Code::HttpStatus, "https://shop.example/app/x", 500)];
    let codes: Vec<_> =
        judge(&taken, &Sameness::default()).iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [Code::HttpStatus]);
}

#[test]
fn what_is_told_of_a_way_is_not_told_again_as_a_difference() {
    let strict = "200\nset-cookie: sid=1; HttpOnly\nx-frame-options: DENY";
    for step in [None, Some(Arc::from("log in"))] {
        let mut both = [way("outer"), way("inner")];
        for (way, written) in both.iter_mut().zip(["200\nset-cookie: sid=1", strict]) {
            way.answers.push(Answered { step: step.clone(), ..answered(written) });
        }
        let of_step = step.as_deref().map(|step| format!(" ({step})")).unwrap_or_default();
        let mut told = wrong(Code::HttpCookie, &format!("/app/x [sid]{of_step}"), 0);
        told.severity = Severity::Warning;
        both[0].findings.push(told);
        let findings = judge(&both, &Sameness::default());
        let differs: Vec<_> =
            findings.iter().filter(|known| known.code == Code::HttpDiffersByWay).collect();
        assert_eq!(differs.len(), 1, "{findings:?}");
        let summary = &differs[0].summary.en;
        assert!(summary.contains("x-frame-options") && !summary.contains("sid"), "{summary}");
    }
}
