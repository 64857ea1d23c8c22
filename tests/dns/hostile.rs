//! Nameservers that mean harm, all at once, before the running agent.

use std::net::SocketAddr;
use std::time::Duration;

use crate::support::agent::eventually;
use crate::support::relay::{Fate, Relay, Tcp};
use crate::support::tree::{Signing, Tree};
use crate::watched::Watched;

const TIMEOUT: Duration = Duration::from_millis(600);
/// A busy machine notices the end of a timeout later.
const SLACK: Duration = Duration::from_millis(400);
/// What allocators, the store and histories may still add once everything has been seen.
const GROWTH_KIB: u64 = 8 * 1024;

/// Where a packet's question ends.
fn question_end(packet: &[u8]) -> usize {
    12 + packet[12..].iter().position(|&byte| byte == 0).unwrap() + 5
}

/// Leaves the question, and says that so many answers follow.
fn answers(packet: &mut Vec<u8>, count: u8) {
    packet.truncate(question_end(packet));
    packet[6..12].copy_from_slice(&[0, count, 0, 0, 0, 0]);
}

fn other_id(packet: &mut Vec<u8>) {
    packet[1] ^= 1;
}

fn other_question(packet: &mut Vec<u8>) {
    packet[13] ^= 1;
}

fn other_type(packet: &mut Vec<u8>) {
    let end = question_end(packet);
    packet[end - 3] ^= 1;
}

fn loops(packet: &mut Vec<u8>) {
    answers(packet, 1);
    // A name that is its own end (RFC 1035 section 4.1.4).
    let here = u8::try_from(packet.len()).unwrap();
    packet.extend([0xc0, here, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4, 192, 0, 2, 66]);
}

fn forged_address(packet: &mut Vec<u8>) {
    other_id(packet);
    let end = packet.len() - 1;
    packet[end] ^= 0xff;
}

/// Name of the check, what becomes of every answer, whether TCP works, and what has to be found.
fn cast() -> [(&'static str, Fate, Tcp, Option<&'static str>); 16] {
    let lost = Some("dns.unreachable");
    [
        ("no header", Fate::Change(|packet| packet.truncate(11)), Tcp::Passed, lost),
        ("half a question", Fate::Change(|packet| packet.truncate(20)), Tcp::Passed, lost),
        (
            "cut in the answer",
            Fate::Change(|packet| {
                packet[2] &= !2;
                packet.truncate(question_end(packet) + 7);
            }),
            Tcp::Passed,
            lost,
        ),
        ("pointer loop", Fate::Change(loops), Tcp::Passed, lost),
        ("answers promised", Fate::Change(|packet| answers(packet, 255)), Tcp::Passed, lost),
        ("another id", Fate::Change(other_id), Tcp::Passed, lost),
        ("another question", Fate::Change(other_question), Tcp::Passed, lost),
        ("another type", Fate::Change(other_type), Tcp::Passed, lost),
        ("a query", Fate::Change(|packet| packet[2] &= 0x7f), Tcp::Passed, lost),
        ("another source", Fate::FromElsewhere, Tcp::Passed, lost),
        ("64 KB", Fate::Change(|packet| packet.resize(65_507, 0)), Tcp::Passed, None),
        ("64 KB of noise", Fate::Instead(vec![0xa5; 65_507]), Tcp::Passed, lost),
        ("too late", Fate::Delay(Duration::from_millis(1500)), Tcp::Passed, lost),
        (
            "truncated without end",
            Fate::Change(|packet| packet[2] |= 2),
            Tcp::Silent,
            Some("dns.no-tcp"),
        ),
        ("forged before", Fate::Forge(forged_address), Tcp::Passed, None),
        ("said twice", Fate::Twice, Tcp::Passed, None),
    ]
}

fn check(name: &str, nameserver: SocketAddr) -> String {
    format!(
        r#"
        [[dns]]
        name = "{name}"
        zone = "shop.example"
        nameservers = ["{nameserver}"]
        [[dns.record]]
        name = "www"
        type = "A"
        values = ["192.0.2.10"]
        "#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_nameserver_sends_it_is_judged_in_time_and_believed_by_nobody() {
    let tree = Tree::grow(Signing::Unsigned, "www A 192.0.2.10");
    let behind = tree.servers[0].address();
    let relays = cast().map(|(name, fate, tcp, code)| {
        let relay = Relay::start(&tree.ip(9), behind, tcp);
        relay.cycle(&[fate]);
        (name, relay, code)
    });
    let mut plan = check("honest", behind);
    for (name, relay, _) in &relays {
        plan.push_str(&check(name, relay.address()));
    }
    let watched =
        Watched::start_with("interval = \"200ms\"\ntimeout = \"600ms\"\nfail_after = 1", &plan)
            .await;
    for (name, _, code) in &relays {
        let expected: Vec<&str> = code.iter().copied().collect();
        eventually(&format!("{name} has {expected:?}"), async || {
            let check = watched.agent.check(name).await;
            let findings = check["findings"].as_array().cloned().unwrap_or_default();
            check["state"] != "unknown"
                && findings
                    .iter()
                    .map(|finding| finding["code"].as_str().unwrap())
                    .eq(expected.clone())
        })
        .await;
    }
    let before = watched.agent.resident_kib();
    watched.looks_again("too late", 8).await;
    let after = watched.agent.resident_kib();
    assert!(after < before + GROWTH_KIB, "from {before} to {after} KiB");
    for (name, ..) in &relays {
        let took = watched.agent.check(name).await["last"]["duration_seconds"].as_f64().unwrap();
        assert!(took < (TIMEOUT + SLACK).as_secs_f64(), "{name} took {took} s");
    }
    let honest = watched.agent.check("honest").await;
    assert_eq!((&honest["state"], &honest["findings"]), (&"up".into(), &serde_json::json!([])));
    for (_, relay, _) in &relays {
        relay.cycle(&[Fate::Pass]);
        relay.tcp(Tcp::Passed);
    }
    watched.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_answer_that_there_can_be_is_read_and_not_kept() {
    let text = "x".repeat(240);
    let records: String = (0..240).map(|n| format!("big TXT \"{n:03} {text}\"\n")).collect();
    let tree = Tree::grow(Signing::Unsigned, &records);
    let plan = format!(
        r#"
        [[dns]]
        name = "zone"
        zone = "shop.example"
        nameservers = [{}]
        [[dns.record]]
        name = "big"
        type = "TXT"
        contains = ["239 {text}", "000 {text}"]
        "#,
        tree.listed()
    );
    let watched = Watched::start(&plan).await;
    watched.is_well().await;
    let before = watched.agent.resident_kib();
    watched.looks_again("zone", 20).await;
    let after = watched.agent.resident_kib();
    assert!(after < before + GROWTH_KIB, "from {before} to {after} KiB");
    let facts = watched.agent.check("zone").await["last"]["facts"].clone();
    let answer = &facts["dns"]["records"][0]["answers"][0];
    assert_eq!(answer["over_tcp"], true, "{answer}");
    assert!(answer["values"].as_array().unwrap().len() <= 64, "more than anybody looks at");
}
