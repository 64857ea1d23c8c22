//! Every page, drawn from fixed snapshots: what it says, that it is whole, and that nothing from
//! outside can do more on it than be read.

#![allow(clippy::unwrap_used, reason = "a page that cannot be drawn must fail")]

mod fixture;

use std::sync::Arc;
use std::time::Duration;

use dashboard::{CertificatesQuery, DnsQuery, LoginForm, OverviewQuery, PortsQuery, View, Visitor};
use fixture::hostile::{self, NASTY};
use health::history::Account;
use health::incident::Flapping;
use health::snapshot::Trouble;
use health::{Code, Incident, Kind, Language, Snapshot, Text};
use jiff::tz::TimeZone;

static ZONE: TimeZone = TimeZone::UTC;

fn view(snapshot: &Snapshot, language: Language) -> View<'_> {
    let visitor = None;
    View { snapshot, language, now: fixture::now(), zone: &ZONE, path: "/x", query: "q=1", visitor }
}

const DOCUMENT: &str = "# Title\n\nWhat it means.\n\n## Fix\n\n```sh\nss -ltnp\n```\n";

/// Every page of a snapshot by name; the checks' pages by the number of the check.
fn pages(snapshot: &Snapshot, language: Language) -> Vec<(String, String)> {
    let view = view(snapshot, language);
    let incidents = fixture::past::incidents(snapshot);
    let mut told = fixture::past::notifications();
    told.push(hostile::poisoned(&told[1]));
    let mut pages = vec![
        ("overview", dashboard::overview(&view, &OverviewQuery::default()).unwrap()),
        ("ports", dashboard::ports(&view, &PortsQuery::default()).unwrap()),
        ("certificates", dashboard::certificates(&view, &CertificatesQuery::default()).unwrap()),
        ("dns", dashboard::dns(&view, &DnsQuery::default()).unwrap()),
        ("incidents", dashboard::incidents(&view, &incidents).unwrap()),
        ("explain-index", dashboard::explain_index(&view).unwrap()),
        ("explain", dashboard::explain(&view, Code::PortTaken, DOCUMENT).unwrap()),
        ("not-found", dashboard::not_found(&view).unwrap()),
        ("failed", dashboard::failed(&view, 500, &hostile::nasty("why")).unwrap()),
        ("refused", dashboard::refused(&view, 403, &hostile::nasty("why")).unwrap()),
    ];
    pages.extend(quiet(snapshot, language));
    if let Some(incident) = incidents.first() {
        let account =
            Account { incident: incident.clone(), notifications: told, decisions: Vec::new() };
        pages.push(("incident", dashboard::incident(&view, &account).unwrap()));
    }
    for (page, host) in ["host", "other-host"].into_iter().zip(&snapshot.hosts) {
        let past = fixture::past::of_host(snapshot, &host.name);
        pages.push((page, dashboard::host(&view, &host.name, &past, None).unwrap().unwrap()));
    }
    let mut pages: Vec<_> = pages.into_iter().map(|(name, html)| (name.to_owned(), html)).collect();
    let all = health::certificates::Certificates::of(snapshot, view.now);
    for (number, certificate) in all.iter().enumerate() {
        let html = dashboard::certificate(&view, &certificate.facts.fingerprint).unwrap().unwrap();
        pages.push((format!("certificate-{number:02}"), html));
    }
    for (number, standing) in snapshot.checks.iter().enumerate() {
        let name = &standing.check.name;
        let history = fixture::past::history(snapshot, name);
        let html = dashboard::check(&view, name, &history).unwrap().unwrap();
        pages.push((format!("check-{number:02}"), html));
        let zone = dashboard::dns_zone(&view, name, &history, &DnsQuery::default()).unwrap();
        pages.extend(zone.map(|html| ("zone".to_owned(), html)));
    }
    pages
}

/// What somebody who has logged in sees of quiet.
fn quiet(snapshot: &Snapshot, language: Language) -> Vec<(&'static str, String)> {
    let name = hostile::nasty("kim");
    let visitor = Some(Visitor { name: &name, csrf: "CSRF" });
    let view = View { visitor, ..view(snapshot, language) };
    let past = [hostile::poisoned(&fixture::quiet::past()[0])];
    let form = LoginForm { seal: Some("SEAL"), next: "/", name: &name, refused: Some(&*name) };
    let mut pages = vec![
        ("silences", dashboard::silences(&view, &past).unwrap()),
        ("login", dashboard::login(&view, &form).unwrap()),
    ];
    if let Some(incident) = fixture::past::incidents(snapshot).first() {
        let incident = Incident {
            acknowledged: Some(hostile::poisoned(&fixture::quiet::acknowledgement())),
            flapping: Some(Flapping {
                since: incident.opened_at,
                turns: 7,
                changed_at: incident.opened_at,
                bad_seconds: 130,
                settled_at: Some(fixture::now()),
            }),
            ..incident.clone()
        };
        let decisions = fixture::quiet::decisions();
        let notifications = fixture::past::notifications();
        let account = Account { incident, notifications, decisions };
        pages.push(("incident-told", dashboard::incident(&view, &account).unwrap()));
    }
    pages
}

#[test]
fn whoever_has_not_logged_in_finds_no_form_that_changes_anything() {
    let sick = fixture::sick();
    for (name, html) in pages(&sick, Language::En) {
        let is_visitors = ["silences", "login", "incident-told"].contains(&name.as_str());
        assert_eq!(html.contains("method=\"post\""), is_visitors, "{name}");
    }
}

#[test]
fn a_receiver_that_is_not_reached_is_said_once() {
    let mut sick = fixture::sick();
    let since = fixture::ago(900);
    sick.receivers[0].failing_since = Some(since);
    let name = sick.receivers[0].name.clone();
    let message = Text::same(format!("Messages to {name} do not arrive: 503."));
    sick.troubles = vec![Trouble { since, message: message.clone() }];
    let banners = |snapshot: &Snapshot| {
        let view = view(snapshot, Language::En);
        let html = dashboard::overview(&view, &OverviewQuery::default()).unwrap();
        html.matches("do not arrive").count()
    };
    assert_eq!(banners(&sick), 1);
    // Another one's trouble is not this one's.
    sick.troubles = vec![Trouble { since: fixture::ago(800), message }];
    assert_eq!(banners(&sick), 2);
    // One that has just begun is said by its last answer.
    sick.troubles.clear();
    assert_eq!(banners(&sick), 1);
}

#[test]
fn an_incident_of_the_agent_itself_is_of_no_check_that_left() {
    let sick = fixture::sick();
    let left = "The check left the plan";
    for (kind, has_left) in [(Kind::Agent, false), (Kind::Tcp, true)] {
        let account = Account {
            incident: Incident {
                check: "receiver pager".into(),
                kind,
                ..fixture::past::incidents(&sick)[0].clone()
            },
            notifications: Vec::new(),
            decisions: Vec::new(),
        };
        let html = dashboard::incident(&view(&sick, Language::En), &account).unwrap();
        assert_eq!(html.contains(left), has_left, "{kind:?}");
        assert!(!html.contains("/checks/receiver"), "{kind:?}: there is no such page");
    }
}

/// The page as it is kept: without what changes whenever the stylesheet or the version does.
fn stable(html: &str) -> String {
    let mut parts = html.split("/assets/");
    let mut stable = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        stable.push_str("/assets/HASH");
        stable.push_str(&part[16..]);
    }
    stable.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn pages_look_as_they_did() {
    let sick = fixture::sick();
    let kept = ["check-00", "check-03", "check-05", "check-06", "check-08", "check-09", "check-12"];
    let kept_too = ["certificate-00", "certificate-02"];
    for (name, html) in pages(&sick, Language::En) {
        let is_one_of_many = name.starts_with("check-") || name.starts_with("certificate-");
        if !is_one_of_many || kept.contains(&name.as_str()) || kept_too.contains(&name.as_str()) {
            insta::assert_snapshot!(format!("sick-{name}-en"), stable(&html));
        }
    }
    for (name, html) in pages(&sick, Language::Ko) {
        if [
            "overview",
            "ports",
            "host",
            "check-00",
            "check-08",
            "certificates",
            "certificate-00",
            "zone",
            "silences",
            "incident-told",
            "login",
        ]
        .contains(&name.as_str())
        {
            insta::assert_snapshot!(format!("sick-{name}-ko"), stable(&html));
        }
    }
    for (day, snapshot) in [("well", fixture::healthy()), ("empty", fixture::empty())] {
        for (name, html) in pages(&snapshot, Language::En) {
            if ["overview", "ports"].contains(&name.as_str()) {
                insta::assert_snapshot!(format!("{day}-{name}-en"), stable(&html));
            }
        }
    }
}

#[test]
fn nothing_from_outside_survives_unescaped() {
    let snapshot = hostile::snapshot();
    for language in [Language::En, Language::Ko] {
        for (name, html) in pages(&snapshot, language) {
            assert!(html.contains("alert(&#34;&#39;&#38;&#34;)"), "{name}: shown, as text");
            assert!(html.contains("[U+202E]"), "{name}: shown for what it is");
            assert!(!html.contains('\u{202e}'), "{name}: turned around");
            assert_eq!(html.matches("<script").count(), 1, "{name}: our own script alone");
            assert!(!html.contains("alert(\"") && !html.contains("alert('"), "{name}: quotes");
            assert_whole(&name, &html);
        }
    }
    let query = OverviewQuery {
        q: Some(NASTY.to_owned()),
        state: Some(NASTY.to_owned()),
        kind: Some(NASTY.to_owned()),
        page: Some(NASTY.to_owned()),
    };
    let view = View { path: "/", query: "q=%3Cscript%3E&lang=xx", ..view(&snapshot, Language::En) };
    let html = dashboard::overview(&view, &query).unwrap();
    assert_eq!(html.matches("<script").count(), 1);
    let query = PortsQuery { host: Some(NASTY.to_owned()), ..PortsQuery::default() };
    let html = dashboard::ports(&view, &query).unwrap();
    assert_eq!(html.matches("<script").count(), 1);
}

#[test]
fn pages_keep_to_the_content_security_policy() {
    let sick = fixture::sick();
    for (name, html) in pages(&sick, Language::En) {
        assert!(!html.contains(" style=") && !html.contains("<style"), "{name}: inline style");
        let inline = html.split("<script").skip(1).all(|rest| rest.starts_with(" src=\"/assets/"));
        assert!(inline, "{name}: inline script");
        for event in [" onclick=", " onload=", " onerror=", "javascript:"] {
            assert!(!html.contains(event), "{name}: {event}");
        }
        for attribute in ["src=\"", "href=\""] {
            let foreign = html.split(attribute).skip(1).any(|rest| rest.starts_with("http"));
            assert!(!foreign, "{name}: {attribute} leads away");
        }
        assert_whole(&name, &html);
    }
}

/// Every element that opens also closes, in order.
fn assert_whole(name: &str, html: &str) {
    const VOID: [&str; 7] = ["wbr", "meta", "link", "img", "input", "br", "col"];
    let mut open: Vec<&str> = Vec::new();
    for tag in html.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap_or((tag, ""));
        let element = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap_or_default();
        if tag.starts_with('!') || tag.ends_with('/') || VOID.contains(&element) {
            continue;
        }
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(element), "{name}");
        } else {
            open.push(element);
        }
    }
    assert!(open.is_empty(), "{name}: {open:?} stay open");
}

#[test]
fn filters_narrow_and_garbage_narrows_nothing() {
    let sick = fixture::sick();
    let view = view(&sick, Language::En);
    let rows = |query: &OverviewQuery| {
        dashboard::overview(&view, query)
            .unwrap()
            .matches("<th scope=\"row\" class=\"c-name\">")
            .count()
    };
    let asked = |state: &str, kind: &str, q: &str| OverviewQuery {
        state: Some(state.to_owned()),
        kind: Some(kind.to_owned()),
        q: Some(q.to_owned()),
        page: Some("no number".to_owned()),
    };
    assert_eq!(rows(&OverviewQuery::default()), sick.checks.len());
    assert_eq!(rows(&asked("??", "??", "  ")), sick.checks.len());
    assert_eq!(rows(&asked("down", "http", "")), 3);
    assert_eq!(rows(&asked("", "", "POSTGRES")), 1);
    assert_eq!(rows(&asked("up", "http", "nothing like it")), 0);

    let ports = |query: &PortsQuery| {
        dashboard::ports(&view, query).unwrap().matches("<th scope=\"row\" class=\"c-port").count()
    };
    let claimed =
        |claim: &str| PortsQuery { claim: Some(claim.to_owned()), ..PortsQuery::default() };
    assert_eq!(ports(&claimed("undeclared")), 1);
    assert_eq!(ports(&claimed("reserved")), 4, "two quiet stretches, one taken, one alone");
    let owner = PortsQuery { q: Some("python".to_owned()), ..PortsQuery::default() };
    assert_eq!(ports(&owner), 1);
}

#[test]
fn what_follows_lies_below_its_cause() {
    let sick = fixture::sick();
    let html = dashboard::overview(&view(&sick, Language::En), &OverviewQuery::default()).unwrap();
    assert_eq!(html.matches("<article class=\"card").count(), 11);
    assert!(html.contains("3 more have this cause"));
}

#[test]
fn ten_thousand_checks_stay_a_page() {
    let many = fixture::many(10_000);
    let view = view(&many, Language::En);
    let html = dashboard::overview(&view, &OverviewQuery::default()).unwrap();
    assert!(html.len() < 600_000, "{} bytes", html.len());
    assert!(html.contains("Page 1 of 20"));
    let last = OverviewQuery { page: Some("20".to_owned()), ..OverviewQuery::default() };
    let html = dashboard::overview(&view, &last).unwrap();
    assert!(html.contains("9,501–10,000 of 10,000"));
}

#[test]
fn five_hundred_hosts_stay_a_page() {
    let fleet = fixture::fleet(500);
    let view = view(&fleet, Language::En);
    let page = |query: &PortsQuery| dashboard::ports(&view, query).unwrap();
    let at = |html: &str, n| html.find(&format!("/hosts/{}\"", fixture::fleet_host(n))).unwrap();
    let shown = |html: &str| html.matches("<th scope=\"row\" class=\"c-port").count();

    let html = page(&PortsQuery::default());
    assert!(html.len() < 1_200_000, "{} bytes", html.len());
    assert!(html.contains("Page 1 of 5"));
    assert!(at(&html, 3) < at(&html, 0), "trouble first");
    assert!(
        html.matches("<section class=\"group port-host\">").count() <= 20,
        "the rest is folded"
    );
    assert_whole("fleet", &html);

    let one = page(&PortsQuery { host: Some("node-400".to_owned()), ..PortsQuery::default() });
    assert!(one.len() < 100_000 && shown(&one) > 30, "{} bytes", one.len());
    let sick = page(&PortsQuery { state: Some("sick".to_owned()), ..PortsQuery::default() });
    assert_eq!(shown(&sick), 50, "one on every tenth host");
    let found = page(&PortsQuery { q: Some("8077".to_owned()), ..PortsQuery::default() });
    assert_eq!(shown(&found), 100, "found on every host, a page of them");
    let last = page(&PortsQuery { page: Some("5".to_owned()), ..PortsQuery::default() });
    assert!(at(&last, 499) > 0 && !last.contains("/hosts/node-003"));
}

#[test]
fn very_many_zones_and_very_wide_ones_stay_a_page() {
    let zones = fixture::zone::zones(240);
    let many = view(&zones, Language::En);
    let page = |query: &DnsQuery| dashboard::dns(&many, query).unwrap();
    let html = page(&DnsQuery::default());
    assert!(html.len() < 700_000, "{} bytes", html.len());
    assert!(html.contains("Page 1 of 3"));
    assert_eq!(html.matches("<section class=\"group zone\">").count(), 6, "the rest is folded");
    assert!(html.find("customer-0007").unwrap() < html.find("/dns/zone%200000").unwrap());
    assert_whole("zones", &html);
    let wrong = page(&DnsQuery { only: Some("wrong".to_owned()), ..DnsQuery::default() });
    assert!(
        !wrong.contains("customer-0008.example</a>") && wrong.contains("customer-0207.example")
    );
    let one = page(&DnsQuery { zone: Some("customer-0010.example".into()), ..DnsQuery::default() });
    assert_eq!(one.matches("<table class=\"matrix").count(), 2, "its servers, and the cache");
    let found = page(&DnsQuery { q: Some("LETSENCRYPT".to_owned()), ..DnsQuery::default() });
    assert!(found.contains("0 issue") && !found.contains("192.0.2.10"), "that record alone");
    let garbage =
        DnsQuery { only: Some(NASTY.to_owned()), page: Some("x".into()), ..DnsQuery::default() };
    assert_eq!(page(&garbage).matches("<section class=\"group zone\">").count(), 6);

    let wide = fixture::zone::wide_snapshot();
    let html = dashboard::dns(&view(&wide, Language::En), &DnsQuery::default()).unwrap();
    let at = |name: &str| html.find(&format!("<b>{name}.")).unwrap();
    assert!(at("ns17") < at("ns01") && at("ns21") < at("ns01"), "the odd ones first");
    assert_eq!(
        html.matches("popover id=").count(),
        240,
        "no more raw answers than there is room for"
    );
    assert!(html.contains("<a class=\"cell\" href=\"/dns/zone?q="), "the others on their page");
}

/// Titles of the rows, in their order.
fn titles(html: &str) -> Vec<&str> {
    let rows = html.split("<div class=\"cert-who\">").skip(1);
    rows.filter_map(|row| row.split("\">").nth(2)?.split('<').next()).collect()
}

#[test]
fn certificates_are_filtered_and_ordered() {
    let sick = fixture::sick();
    let view = view(&sick, Language::En);
    let page = |query: &CertificatesQuery| dashboard::certificates(&view, query).unwrap();
    let asked = |key: &str, value: &str| {
        let value = Some(value.to_owned());
        let none = CertificatesQuery::default();
        page(&match key {
            "state" => CertificatesQuery { state: value, ..none },
            "place" => CertificatesQuery { place: value, ..none },
            "issuer" => CertificatesQuery { issuer: value, ..none },
            "order" => CertificatesQuery { order: value, ..none },
            _ => CertificatesQuery { q: value, ..none },
        })
    };
    let (old, shop, blog) = ("old.example", "shop.example", "blog.example");
    let usual = [old, shop, blog, shop, "localhost", "R11"];
    for (key, value, expected) in [
        ("state", "garbage", &usual[..]),
        ("q", "  ", &usual),
        ("state", "sick", &[old, shop, blog]),
        ("state", "over", &[old]),
        ("state", "late", &[blog]),
        ("state", "soon", &[shop]),
        ("state", "blocked", &[blog]),
        ("state", "well", &[shop, "localhost", "R11"]),
        ("place", "file", &[old, blog, shop, "R11"]),
        ("issuer", "localhost", &["localhost"]),
        ("order", "name", &[blog, "localhost", old, shop, shop, "R11"]),
        ("order", "end", &[old, shop, blog, shop, "localhost", "R11"]),
        ("q", "BETA.shop", &[shop]),
        ("q", "04:9F:1a", &[shop]),
        ("q", "049f1a", &[shop]),
        ("q", "live/blog", &[blog]),
        ("q", "tls.differs", &[shop]),
        ("q", "192.0.2.26", &[shop]),
        ("q", "nothing like it", &[]),
    ] {
        let html = asked(key, value);
        assert_eq!(titles(&html), expected, "{key}={value}");
        assert_whole(value, &html);
    }
    let html = asked("q", NASTY);
    assert_eq!(html.matches("<script").count(), 1);
    let narrowed = CertificatesQuery {
        q: Some("a&b".to_owned()),
        order: Some("end".to_owned()),
        ..CertificatesQuery::default()
    };
    assert!(page(&narrowed).contains("/certificates.csv?q=a%26b&#38;order=end"), "as downloaded");
}

#[test]
fn an_address_asked_with_a_name_and_without_is_one_line() {
    let list = |snapshot: &Snapshot| {
        dashboard::certificates(&view(snapshot, Language::En), &CertificatesQuery::default())
            .unwrap()
    };
    let mut sick = fixture::sick();
    let before = list(&sick);
    let checks = sick.checks.iter_mut().map(Arc::make_mut);
    let mut lasts = checks.filter_map(|standing| standing.last.as_mut());
    let last = lasts.find(|last| last.facts.served.iter().any(|one| one.server_name.is_some()));
    let served = &mut Arc::make_mut(last.unwrap()).facts.served;
    let mut nameless = served[0].clone();
    nameless.server_name = None;
    served.push(nameless);
    assert_eq!(list(&sick), before);
}

#[test]
fn ten_thousand_certificates_stay_a_page() {
    let store = fixture::certificates(10_000);
    let view = view(&store, Language::En);
    let page = |query: &CertificatesQuery| dashboard::certificates(&view, query).unwrap();
    let html = page(&CertificatesQuery::default());
    assert!(html.len() < 250_000, "{} bytes", html.len());
    assert!(html.contains("Page 1 of 100") && html.contains("1–100 of 10,000"));
    assert!(titles(&html)[..100].iter().all(|title| title.ends_with("-42.example")), "ended first");
    assert!(html.contains("10,000 certificates below"));
    let one = page(&CertificatesQuery {
        q: Some("customer-077-13".to_owned()),
        ..CertificatesQuery::default()
    });
    assert_eq!(titles(&one), ["customer-077-13.example"]);
    let issuing = fixture::fingerprint(&store, "8a:7d").unwrap();
    let html = dashboard::certificate(&view, &issuing).unwrap().unwrap();
    assert!(html.len() < 400_000, "{} bytes", html.len());
    assert_whole("issuing", &html);
}

#[test]
fn a_certificate_is_found_however_its_fingerprint_is_written() {
    let sick = fixture::sick();
    let view = view(&sick, Language::En);
    let own = fixture::fingerprint(&sick, "blog.example").unwrap();
    let colons: Vec<String> =
        own.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).to_uppercase()).collect();
    for written in [&own, &colons.join(":")] {
        let html = dashboard::certificate(&view, written).unwrap().unwrap();
        assert!(html.contains("<h1>blog.example</h1>"), "{written}");
        assert!(html.contains("Certbot failed to authenticate some domains"));
        assert!(html.contains("the challenge is redirected to https, where a login page answers"));
    }
    for unknown in ["", "00", "x", NASTY] {
        assert!(dashboard::certificate(&view, unknown).unwrap().is_none(), "{unknown}");
    }
}

#[test]
fn a_cell_opens_to_the_raw_answer() {
    let sick = fixture::sick();
    let html = dashboard::dns(&view(&sick, Language::En), &DnsQuery::default()).unwrap();
    assert_eq!(html.matches("popovertarget=\"answer-zone-2-2\"").count(), 2, "opened and closed");
    let sheet = html.split("popover id=\"answer-zone-1-4\"").nth(1).unwrap();
    let sheet = sheet.split("</dl>").next().unwrap();
    for told in ["NOERROR", "old-shop.example", "1,741 s", "29 min 1 s", "UDP", "1 · 0 · 1"] {
        assert!(sheet.contains(told), "{told}: {sheet}");
    }
    assert!(sheet.contains("<code class=\"command\">dig @127.0.0.1 www.shop.example CNAME</code>"));
    assert!(
        dashboard::dns_zone(
            &view(&sick, Language::En),
            "ssh",
            &Default::default(),
            &DnsQuery::default()
        )
        .unwrap()
        .is_none()
    );
}

#[test]
fn a_host_has_a_page_with_its_ports_alone() {
    let sick = fixture::sick();
    let view = view(&sick, Language::En);
    assert!(dashboard::host(&view, "nobody", &[], None).unwrap().is_none());
    let html = dashboard::host(&view, "back", &[], None).unwrap().unwrap();
    assert!(html.contains("18443") && !html.contains("gunicorn"), "its own ports");
    let web = dashboard::host(&view, "web", &[], None).unwrap().unwrap();
    assert!(web.contains("Checks that lead here") && web.contains("python3"));
    assert!(html.contains("Nothing has changed since it is watched."));
}

#[test]
fn what_lies_between_is_told_unless_rows_are_left_out() {
    let sick = fixture::sick();
    let view = view(&sick, Language::En);
    let html = dashboard::ports(&view, &PortsQuery::default()).unwrap();
    assert!(html.contains("32768–60999"), "the kernel's own");
    let gaps = |query: &PortsQuery| {
        dashboard::ports(&view, query).unwrap().matches("<tr class=\"gap").count()
    };
    assert!(gaps(&PortsQuery::default()) > 3);
    assert!(gaps(&PortsQuery { host: Some("web".to_owned()), ..PortsQuery::default() }) > 3);
    assert_eq!(gaps(&PortsQuery { q: Some("node".to_owned()), ..PortsQuery::default() }), 0);
}

#[test]
fn an_unknown_check_has_no_page() {
    let well = fixture::healthy();
    let page = dashboard::check(&view(&well, Language::En), "nobody", &Default::default());
    assert!(page.unwrap().is_none());
}

#[test]
fn intervals_of_any_length_are_told() {
    let mut well = fixture::healthy();
    let check = Arc::make_mut(&mut well.checks[0]);
    Arc::make_mut(&mut check.check).timeout = Duration::from_millis(250);
    let name = check.check.name.clone();
    let html = dashboard::check(&view(&well, Language::En), &name, &Default::default());
    assert!(html.unwrap().unwrap().contains("<dd>250 ms</dd>"));
}
