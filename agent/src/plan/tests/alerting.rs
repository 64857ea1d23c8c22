//! Routes, maintenance, labels and `[alerts]`: what they become, and what is said of wrong ones.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use alerts::Window;
use health::{Kind, Severity};
use jiff::civil::{Weekday, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::*;

/// Machines, checks and receivers to be named.
const GROUND: &str = r#"
[defaults]
labels = { site = "seoul", team = "platform" }
[[host]]
name = "web"
address = "192.0.2.10"
labels = { team = "shop" }
[[host.port]]
port = 443
labels = { tier = "gold" }
[[host]]
name = "here"
local = true
labels = { team = "desk" }
[[tcp]]
name = "cache"
address = "web:6379"
[[tcp]]
name = "queue"
address = "web:5672"
labels = { team = "queue" }
[[heartbeat]]
name = "backup"
period = "1d"
labels = { tier = "iron" }
[[receiver]]
name = "ops"
webhook.url = "http://127.0.0.1:1/"
[[receiver]]
name = "boss"
webhook.url = "http://127.0.0.1:1/"
"#;

fn on_ground(text: &str) -> String {
    format!("{GROUND}{text}")
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<Arc<str>, Arc<str>> {
    pairs.iter().map(|&(name, value)| (name.into(), value.into())).collect()
}

#[test]
fn labels_of_a_check_win_over_its_host_and_that_over_the_defaults() {
    let plan = good(GROUND);
    let table: [(&str, &[(&str, &str)]); 4] = [
        ("web:443", &[("site", "seoul"), ("team", "shop"), ("tier", "gold")]),
        ("cache", &[("site", "seoul"), ("team", "shop")]),
        ("queue", &[("site", "seoul"), ("team", "queue")]),
        ("backup", &[("site", "seoul"), ("team", "platform"), ("tier", "iron")]),
    ];
    for (name, expected) in table {
        let check = plan.checks.iter().find(|check| &*check.frame.name == name).unwrap();
        assert_eq!(check.frame.labels, labels(expected), "{name}");
    }
    assert_eq!(plan.sweeps[0].labels, labels(&[("site", "seoul"), ("team", "desk")]));
}

#[test]
fn routes_with_all_their_keys() {
    let plan = good(&on_ground(
        r#"
[alerts]
timezone = "Europe/Berlin"
[[route]]
severity = "critical"
check = ["web:*", "cache", "here:8080/udp"]
host = "web"
kind = ["tcp", "port", "agent"]
code = ["tcp.*", "tls.not-reloaded"]
label = { team = "sho*" }
hours = "22:00-06:00"
days = ["fri-sat", "mon"]
receivers = "ops"
escalate = [{ after = "1h", receivers = ["boss"] }]
[[route]]
days = "sun"
timezone = "Asia/Seoul"
receivers = ["ops", "boss"]
[[route]]
receivers = "ops"
"#,
    ));
    let [night, sunday, rest] = &plan.routes[..] else { panic!("{:?}", plan.routes) };
    assert_eq!(night.about.severity, Some(Severity::Critical));
    assert_eq!(night.about.kind, [Kind::Tcp, Kind::Port, Kind::Agent]);
    assert_eq!(night.about.check, ["web:*".into(), "cache".into(), "here:8080/udp".into()]);
    assert_eq!(night.about.code, ["tcp.*".into(), "tls.not-reloaded".into()]);
    assert_eq!(night.about.label, labels(&[("team", "sho*")]));
    let hours = night.hours.as_ref().unwrap();
    assert_eq!(hours.days, [Weekday::Monday, Weekday::Friday, Weekday::Saturday]);
    assert_eq!((hours.from, hours.until), (time(22, 0, 0, 0), time(6, 0, 0, 0)));
    assert_eq!(hours.timezone, TimeZone::get("Europe/Berlin").unwrap());
    assert_eq!(night.escalation[0].after, SignedDuration::from_hours(1));
    assert_eq!(night.escalation[0].receivers, ["boss"]);
    let hours = sunday.hours.as_ref().unwrap();
    assert_eq!((hours.from, hours.until, &hours.days[..]), {
        (time(0, 0, 0, 0), time(0, 0, 0, 0), &[Weekday::Sunday][..])
    });
    assert_eq!(hours.timezone, TimeZone::get("Asia/Seoul").unwrap());
    assert!(rest.hours.is_none() && rest.about.is_everything());
}

#[test]
fn maintenance_again_and_again_and_once() {
    let plan = good(&on_ground(
        r#"
[alerts]
timezone = "Asia/Seoul"
[[maintenance]]
name = "nightly"
cron = "0 3 * * *"
for = "90m"
host = "web"
[[maintenance]]
name = "by its clocks"
cron = "30 0 3 * * sun"
for = "1h"
timezone = "UTC"
[[maintenance]]
name = "once"
from = 2026-12-24T22:00:00
until = "2026-12-25 02:00"
[[maintenance]]
name = "with an offset"
from = 2026-12-24T22:00:00+09:00
for = "4h"
"#,
    ));
    let [nightly, own, once, offset] = &plan.maintenance[..] else { panic!() };
    let seoul = TimeZone::get("Asia/Seoul").unwrap();
    let lasts = SignedDuration::from_mins(90);
    let expression = "0 3 * * *".to_owned();
    assert_eq!(nightly.window, Window::Cron { expression, timezone: seoul, lasts });
    assert_eq!(&*nightly.about.host[0], "web");
    assert!(matches!(&own.window, Window::Cron { timezone, .. } if *timezone == TimeZone::UTC));
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let (from, until) = (at("2026-12-24T13:00:00Z"), at("2026-12-24T17:00:00Z"));
    assert_eq!(once.window, Window::Once { from, until });
    assert_eq!(offset.window, Window::Once { from, until });
    assert!(offset.about.is_everything());
}

#[test]
fn how_incidents_are_told() {
    let usual = good("[alerts]\ntimezone = \"UTC\"").alerting;
    assert_eq!(usual.reminders, alerts::Reminders::default());
    assert_eq!(usual.grouping, alerts::Grouping::default());
    assert_eq!(usual.heartbeat, None);
    let own = good(
        "[alerts]\nreminders = [\"30m\", \"2h\"]\ngroup_wait = \"0s\"\ngroup_interval = \"30s\"\n\
         settled_after = \"3s\"\nheartbeat_url_env = \"HEARTBEAT_URL\"\nheartbeat_every = \"10s\"",
    )
    .alerting;
    assert_eq!(own.reminders.pauses, [30, 120].map(SignedDuration::from_mins));
    assert_eq!(own.grouping.wait, SignedDuration::ZERO);
    assert_eq!(own.flaps.settled_after, SignedDuration::from_secs(3));
    assert_eq!(own.grouping.interval, SignedDuration::from_secs(30));
    let heartbeat = own.heartbeat.unwrap();
    assert_eq!(heartbeat.url.expose(), "https://alive.example/4f2d");
    assert_eq!(heartbeat.every, Duration::from_secs(10));
    assert!(!format!("{heartbeat:?}").contains("4f2d"));
    let quiet = good("[alerts]\nreminders = \"never\"\nheartbeat_url = \"http://127.0.0.1:1/a\"");
    assert_eq!(quiet.alerting.reminders.pauses, []);
    assert_eq!(quiet.alerting.heartbeat.unwrap().every, Duration::from_secs(60));
}

/// What is said about each text below the ground, which is left out of it.
#[track_caller]
fn said(texts: &[&str]) -> String {
    let each = |text: &&str| {
        let whole = on_ground(text.trim());
        format!("{}\n────\n{}", text.trim(), bad(&whole))
    };
    texts.iter().map(each).collect::<Vec<_>>().join("\n════════\n\n")
}

#[test]
fn mistakes_in_routes() {
    insta::assert_snapshot!(said(&[
        "[[route]]\nreceivers = \"ops\"\ncheck = [\"cach\", \"web\", \"shop*\", \"here:99999\"]\nhost = [\"wep\", \"x*\"]\nkind = \"tpc\"\ncode = [\"tls.not-reloadet\", \"dsn.*\"]\nlabel = { taem = \"shop\", team = \"shopp\", tier = 3 }",
        "[[route]]\nreceivers = \"ops\"\nhours = \"9-18\"\ndays = [\"mon-fry\", \"Sat\"]\ntimezone = \"Asia/Seul\"",
        "[[route]]\nreceivers = \"ops\"\nhours = \"09:00-09:00\"\n[[route]]\nreceivers = \"ops\"\ntimezone = \"UTC\"",
        "[[route]]\nreceivers = [\"ops\"]\nescalate = [{ after = \"0s\", receivers = [\"bos\"] }, { receivers = \"ops\" }]",
        "[[route]]\nreceivers = [\"ops\"]\nescalate = { after = \"1m\", receivers = [\"boss\"] }",
        "[[route]]\nhost = \"we*\"\nreceivers = \"ops\"\n[[route]]\nhost = \"web\"\nseverity = \"critical\"\nhours = \"09:00-18:00\"\nreceivers = \"boss\"",
        "[[route]]\nhours = \"09:00-18:00\"\nreceivers = \"ops\"\n[[route]]\ncode = \"tcp.*\"\nhours = \"09:00-18:00\"\nreceivers = \"boss\"",
    ]));
}

#[test]
fn maintenance_begins_and_ends_at_a_time_of_day() {
    // A day alone is its midnight: one would expect to be left in peace until it is over.
    for (from, until) in
        [("2026-12-24", "2026-12-25T02:00:00"), ("\"2026-12-24 22:00\"", "\"2026-12-25\"")]
    {
        let said = bad(&format!("[[maintenance]]\nname = \"a\"\nfrom = {from}\nuntil = {until}"));
        assert!(said.contains("is not a date with a time"), "{said}");
    }
}

#[test]
fn mistakes_in_maintenance_labels_and_alerts() {
    insta::assert_snapshot!(said(&[
        "[[maintenance]]\nname = \"a\"\n[[maintenance]]\nname = \"a\"\ncron = \"0 3 * *\"\nfor = \"0s\"\nhost = \"db\"",
        "[[maintenance]]\nname = \"a\"\ncron = \"0 3 * * *\"",
        "[[maintenance]]\nname = \"a\"\ncron = \"*/10 * * * *\"\nfor = \"15m\"",
        "[[maintenance]]\nname = \"a\"\ncron = \"0 3 * * *\"\nfor = \"1h\"\nuntil = 2026-01-01T00:00:00Z",
        "[[maintenance]]\nname = \"a\"\nfrom = 2026-01-02T00:00:00Z\nuntil = 2026-01-01T00:00:00Z",
        "[[maintenance]]\nname = \"a\"\nfrom = 22:00:00\nuntil = \"tomorrow\"\n[[maintenance]]\nname = \"b\"\nfrom = 3",
        "[[tcp]]\nname = \"a\"\naddress = \"a:1\"\nlabels = { \"cost-centre\" = \"1\", severity = \"high\", team = \"\", x = 1 }",
        "[[tcp]]\nname = \"a\"\naddress = \"a:1\"\nlabels = \"shop\"",
        "[alerts]\nreminders = [\"10s\", \"never\"]\ngroup_wait = \"2h\"\ngroup_interval = 5\nheartbeat_every = \"1m\"",
        "[alerts]\nheartbeat_url = \"http://a/\"\nheartbeat_url_env = \"PLAIN_SECRET\"\nheartbeat_every = \"0s\"",
        "[alerts]\nheartbeat_url_env = \"PLAIN_SECRET\"",
        "[alerts]\nheartbeat_url = \"alive.example\"",
    ]));
}

#[test]
fn a_later_route_is_there_where_the_earlier_ones_leave_something() {
    let routes = [
        ["host = \"web\"", "host = \"here\""],
        ["host = \"web\"", "host = \"we*\""],
        ["check = \"cache\"", "kind = \"tcp\""],
        ["severity = \"critical\"", ""],
        ["label = { team = \"shop\" }", "label = { tier = \"gold\" }"],
        ["hours = \"09:00-18:00\"", ""],
        ["hours = \"09:00-18:00\"", "hours = \"08:00-18:00\""],
        ["code = [\"tcp.*\", \"tls.*\"]", "code = [\"tcp.refused\", \"dns.*\"]"],
    ];
    for [first, second] in routes {
        let route = |keys: &str| format!("[[route]]\n{keys}\nreceivers = \"ops\"\n");
        good(&on_ground(&format!("{}{}", route(first), route(second))));
    }
}
