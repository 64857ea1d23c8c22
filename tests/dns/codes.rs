//! Every code about records, injected into a real zone, found by the real binary, and gone again.

use serde_json::{Value, json};

use crate::support::agent::eventually;
use crate::support::tree::{Signing, Tree};
use crate::watched::Watched;

/// A zone that is as planned.
const RIGHT: &str = "www A 192.0.2.10
    api A 192.0.2.20
    v6 AAAA 2001:db8::10
    v6 A 192.0.2.11
    alias CNAME target
    target A 192.0.2.12
    round A 192.0.2.13
    there A 192.0.2.14
    x.wild A 192.0.2.15
    _acme-challenge.live TXT \"token\"
    ";

const PLAN: &str = r#"
    [[dns.record]]
    name = "www"
    type = "A"
    values = ["192.0.2.10"]
    [[dns.record]]
    name = "api"
    type = "A"
    values = ["192.0.2.20"]
    [[dns.record]]
    name = "v6"
    type = "AAAA"
    values = ["2001:db8::10"]
    [[dns.record]]
    name = "alias"
    type = "CNAME"
    values = ["target.shop.example"]
    [[dns.record]]
    name = "round"
    type = "A"
    values = ["192.0.2.13"]
    [[dns.record]]
    name = "x.wild"
    type = "A"
    values = ["192.0.2.15"]
    [[dns.record]]
    name = "old"
    type = "A"
    absent = true
    [[dns.record]]
    name = "_acme-challenge"
    type = "TXT"
    absent = true
    [[dns.record]]
    name = "_acme-challenge.live"
    type = "TXT"
    values = ["token"]
"#;

/// What is done to the zone, and what is found then.
struct Ailment {
    /// This line of the zone …
    line: &'static str,
    /// … becomes these.
    becomes: &'static str,
    code: &'static str,
    subject: &'static str,
    /// `expected` and `got` of the evidence.
    evidence: [Value; 2],
}

fn ailments() -> [Ailment; 9] {
    let ailment = |line, becomes, code, subject, expected: &str, got| Ailment {
        line,
        becomes,
        code,
        subject,
        evidence: [expected.into(), got],
    };
    [
        ailment(
            "www A 192.0.2.10",
            "www A 192.0.2.99",
            "dns.drift",
            "www.shop.example A",
            "192.0.2.10",
            json!(["192.0.2.99"]),
        ),
        ailment(
            "api A 192.0.2.20",
            "",
            "dns.nxdomain",
            "api.shop.example A",
            "192.0.2.20",
            json!("nxdomain"),
        ),
        ailment(
            "v6 AAAA 2001:db8::10",
            "",
            "dns.missing",
            "v6.shop.example AAAA",
            "2001:db8::10",
            json!("nodata"),
        ),
        ailment(
            "there A 192.0.2.14",
            "old A 192.0.2.14",
            "dns.unexpected",
            "old.shop.example A",
            "absent",
            json!(["192.0.2.14"]),
        ),
        ailment(
            "target A 192.0.2.12",
            "",
            "dns.dangling",
            "alias.shop.example CNAME",
            "target.shop.example",
            json!(["target.shop.example"]),
        ),
        ailment(
            "round A 192.0.2.13",
            "round CNAME square\nsquare CNAME round",
            "dns.cname-loop",
            "round.shop.example A",
            "192.0.2.13",
            json!(["round.shop.example", "square.shop.example", "round.shop.example"]),
        ),
        ailment(
            "x.wild A 192.0.2.15",
            "*.wild A 192.0.2.66",
            "dns.wildcard",
            "x.wild.shop.example A",
            "192.0.2.15",
            json!(["192.0.2.66"]),
        ),
        ailment(
            "there A 192.0.2.14",
            "_acme-challenge TXT \"left\"",
            "dns.acme-leftover",
            "_acme-challenge.shop.example TXT",
            "absent",
            json!(["left"]),
        ),
        ailment(
            "_acme-challenge.live TXT \"token\"",
            "_acme-challenge.live TXT \"other\"",
            "dns.acme-mismatch",
            "_acme-challenge.live.shop.example TXT",
            "token",
            json!(["other"]),
        ),
    ]
}

fn plan(tree: &Tree) -> String {
    let listed = tree.listed();
    format!(
        "[[dns]]\nname = \"zone\"\nzone = \"shop.example\"\nnameservers = [{listed}]\n\
         serial_grace = \"1ms\"\n{PLAN}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_record_everywhere_is_said_once_until_it_is_right() {
    let mut tree = Tree::grow(Signing::Unsigned, RIGHT);
    let watched = Watched::start(&plan(&tree)).await;
    watched.is_well().await;
    let mut serial = 1;
    for ailment in ailments() {
        let Ailment { line, becomes, code, subject, evidence: [expected, got] } = ailment;
        assert!(RIGHT.contains(line));
        serial += 2;
        tree.publish(serial - 1, &RIGHT.replace(line, becomes));
        watched.says(&[(code, subject)]).await;
        // A probe may have come between one server's new zone and the next one's.
        eventually("it is the same on all four", async || {
            let finding = watched.agent.finding("zone", code).await;
            finding["evidence"]["nameservers"].as_object().unwrap().len() == 4
        })
        .await;
        let finding = watched.agent.finding("zone", code).await;
        assert_eq!(finding["subject"], subject);
        assert_eq!(finding["evidence"]["expected"], expected, "{finding}");
        assert_eq!(finding["evidence"]["got"], got, "{finding}");
        assert!(finding["remedy"].as_str().unwrap().contains("dig "), "{finding}");
        tree.publish(serial, RIGHT);
        watched.is_well().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_odd_server_out_is_named_whatever_is_wrong_with_it() {
    let mut tree = Tree::grow(Signing::Unsigned, RIGHT);
    let watched = Watched::start(&plan(&tree)).await;
    watched.is_well().await;
    let wrong = RIGHT.replace("www A 192.0.2.10", "www A 192.0.2.99");
    for (serial, odd) in [(2, 0), (4, 1)] {
        let address = tree.servers[odd].address().to_string();
        for server in 0..4 {
            tree.publish_on(server, serial, if server == odd { &wrong } else { RIGHT });
        }
        watched.says(&[("dns.inconsistent", &address)]).await;
        let finding = watched.agent.finding("zone", "dns.inconsistent").await;
        assert_eq!(finding["subject"], format!("www.shop.example A @ {address}"));
        assert_eq!(finding["evidence"]["got"], json!(["192.0.2.99"]), "{finding}");
        tree.publish(serial + 1, RIGHT);
        watched.is_well().await;
    }

    // One stays behind: what it says of records is right, its serial is old.
    for server in [0, 1, 2] {
        tree.publish_on(server, 6, RIGHT);
    }
    let behind = tree.servers[3].address().to_string();
    watched.says(&[("dns.serial", &behind)]).await;
    let finding = watched.agent.finding("zone", "dns.serial").await;
    assert_eq!(finding["evidence"]["expected"], 6, "{finding}");
    assert_eq!(finding["evidence"]["got"], 5, "{finding}");
    tree.publish_on(3, 6, RIGHT);
    watched.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn order_spelling_time_to_live_and_a_transfer_never_alarm() {
    let written = [
        "mail 300 MX 10 a.host.example.\nmail 300 MX 20 b.host.example.\nset A 192.0.2.1\nset A 192.0.2.2\ntext TXT \"one two\"",
        "set A 192.0.2.2\nset A 192.0.2.1\nMAIL 60 MX 20 B.Host.Example.\nmail 60 MX 10 a.HOST.example.\ntext TXT \"one\" \" two\"",
        "text 60 TXT \"o\" \"ne two\"\nSet A 192.0.2.1\nsEt A 192.0.2.2\nmail MX 10 A.host.example.\nmail MX 20 b.host.EXAMPLE.",
    ];
    let mut tree = Tree::grow(Signing::Unsigned, written[0]);
    let plan = format!(
        r#"
        [[dns]]
        name = "zone"
        zone = "Shop.Example"
        nameservers = [{}]
        [[dns.record]]
        name = "set"
        type = "A"
        values = ["192.0.2.2", "192.0.2.1"]
        [[dns.record]]
        name = "Mail"
        type = "MX"
        values = ["20 b.host.example", "10 A.host.example."]
        [[dns.record]]
        name = "text"
        type = "TXT"
        values = ["one two"]
        "#,
        tree.listed()
    );
    // As people run it: what is seen once and not again is not believed.
    let defaults = "interval = \"300ms\"\ntimeout = \"1s\"\nfail_after = 2";
    let watched = Watched::start_with(defaults, &plan).await;
    watched.is_well().await;
    for serial in 2..5 {
        for server in 0..4 {
            tree.publish_on(server, serial, written[(server + serial as usize) % 3]);
        }
        watched.looks_again("zone", 3).await;
    }
    // A transfer that takes less than `serial_grace`.
    for server in 0..4 {
        tree.publish_on(server, 5, &format!("{}\nmore A 192.0.2.3", written[0]));
        watched.looks_again("zone", 2).await;
    }
    watched.is_well().await;
    assert_eq!(watched.incidents().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stays_behind_is_told_through_a_restart() {
    let mut tree = Tree::grow(Signing::Unsigned, RIGHT);
    // Believed at once, taken back at once: a restart that gave the grace anew would show.
    let defaults = "interval = \"300ms\"\ntimeout = \"1s\"\nfail_after = 1\nrecover_after = 1";
    let plan = format!(
        "[[dns]]\nname = \"zone\"\nzone = \"shop.example\"\nnameservers = [{}]\nserial_grace = \"3s\"\n",
        tree.listed()
    );
    let mut watched = Watched::start_with(defaults, &plan).await;
    watched.is_well().await;
    for server in [0, 1, 2] {
        tree.publish_on(server, 2, RIGHT);
    }
    let behind = tree.servers[3].address().to_string();
    watched.says(&[("dns.serial", &behind)]).await;
    watched.starts_again().await;
    watched.looks_again("zone", 2).await;
    watched.says(&[("dns.serial", &behind)]).await;
    tree.publish_on(3, 2, RIGHT);
    watched.is_well().await;
    assert_eq!(watched.incidents().await, 1);
}
