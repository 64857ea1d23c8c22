//! CAA against the certificates in use, and the DS above: from the edit of a zone to the finding and
//! back.

use std::path::Path;

use portwarden::clock;
use serde_json::Value;

use crate::support::agent::{Agent, eventually};
use crate::support::certificates::{Authority, DAY, Order};
use crate::support::command::portwarden;
use crate::support::relay::{Fate, Relay, Tcp};
use crate::support::secure;
use crate::support::tree::{Signing, Tree, ZONE};

const OURS: &str = "@ CAA 0 issue \"letsencrypt.org\"";
const OTHERS: &str = "@ CAA 0 issue \"digicert.com\"\n@ CAA 0 iodef \"mailto:ca@shop.example\"";

fn issue(organisation: &str, names: &[&str], folder: &Path) {
    let order = Order { names, serial: 7, valid: (-10 * DAY, 60 * DAY) };
    Authority::of(organisation).issue(&order, folder);
}

/// Waits for the finding about this subject; servers are edited one after the other, so that others
/// may come before it.
async fn forbidden(agent: &Agent, subject: &str) -> Value {
    let mut found = Value::Null;
    eventually(&format!("dns.caa of {subject}"), async || {
        let findings = agent.api("/findings").await;
        let mut findings = findings["findings"].as_array().unwrap().iter();
        let wanted = findings.find(|f| f["code"] == "dns.caa" && f["subject"] == subject);
        found = wanted.cloned().unwrap_or_default();
        !found.is_null()
    })
    .await;
    found
}

/// A check of certificate files, and a zone.
fn plan(nameservers: &str) -> String {
    format!(
        "[defaults]\ninterval = \"200ms\"\nfail_after = 1\n\
         [[certificate]]\nname = \"files\"\npath = \"live/*/fullchain.pem\"\n\
         [[dns]]\nname = \"zone\"\nzone = \"{ZONE}\"\nnameservers = [{nameservers}]\n"
    )
}

#[tokio::test]
async fn a_renewal_that_caa_forbids_is_told_before_it_fails() {
    let mut tree = Tree::grow(Signing::Unsigned, OURS);
    let folder = tempfile::tempdir().unwrap();
    let live = folder.path().join("live/shop");
    issue("Let's Encrypt", &["www.shop.example", "*.shop.example", "other.example"], &live);
    let agent = Agent::start(folder.path(), "", &plan(&tree.listed())).await;
    agent.state("zone", "up").await;

    tree.publish(2, OTHERS);
    let finding = forbidden(&agent, "shop.example CAA").await;
    let evidence = &finding["evidence"];
    assert_eq!(evidence["certificate"], serde_json::json!(["files"]));
    assert_eq!(evidence["names"], serde_json::json!(["*.shop.example", "www.shop.example"]));
    assert_eq!(evidence["found_at"], ZONE);
    assert_eq!(
        evidence["expected"],
        serde_json::json!(["shop.example. CAA 0 issue \"letsencrypt.org\""])
    );
    assert_eq!(evidence["got"][1], "0 issue \"digicert.com\"");
    tree.publish(3, OURS);
    agent.healed("zone", "dns.caa").await;

    // One server alone, which a CA may ask.
    tree.publish(4, OURS);
    let odd = tree.zone(5, "@ CAA 0 issue \";\"");
    tree.servers[1].publish(odd);
    forbidden(&agent, &format!("shop.example CAA @ {}", tree.servers[1].address())).await;
    tree.publish(6, "@ CAA 0 issue \"letsencrypt.org\"\nwww CAA 0 issue \"letsencrypt.org\"");
    agent.healed("zone", "dns.caa").await;

    // Another CA, the same zone; and a name that is nearer.
    issue("DigiCert Inc", &["www.shop.example"], &live);
    let finding = forbidden(&agent, "www.shop.example CAA").await;
    assert!(finding["summary"].as_str().unwrap().contains("digicert.com"), "{finding}");
    // One that nobody knows: nothing is said.
    issue("Our own", &["www.shop.example"], &live);
    agent.healed("zone", "dns.caa").await;
}

#[tokio::test]
async fn a_server_that_fails_for_caa_alone_forbids_it_too() {
    let tree = Tree::grow(Signing::Unsigned, "");
    let folder = tempfile::tempdir().unwrap();
    issue("Let's Encrypt", &["shop.example"], &folder.path().join("live/shop"));
    let relay = Relay::start(&tree.ip(9), tree.servers[0].address(), Tcp::Passed);
    let agent = Agent::start(folder.path(), "", &plan(&format!("\"{}\"", relay.address()))).await;
    agent.state("zone", "up").await;
    relay.rule(|_, query| {
        let is_caa = query.windows(4).any(|kind| kind == [1, 1, 0, 1]);
        if is_caa { Fate::Change(|answer| answer[3] = answer[3] & 0xf0 | 2) } else { Fate::Pass }
    });
    // Another name has to be asked for.
    issue("Let's Encrypt", &["shop.example", "www.shop.example"], &folder.path().join("live/shop"));
    let finding = forbidden(&agent, "shop.example CAA").await;
    assert_eq!(finding["evidence"]["got"], "servfail");
    relay.rule(|_, _| Fate::Pass);
    agent.healed("zone", "dns.caa").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn once_sees_what_is_served_before_it_asks() {
    let tree = Tree::grow(Signing::Unsigned, OTHERS);
    let authority = secure::Authority::new();
    let server = authority.serve(&tree.ip(7), "www.shop.example", 40).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("root.pem"), authority.pem()).unwrap();
    let look = |issuer: &str| {
        let plan = format!(
            "[[dns]]\nname = \"zone\"\nzone = \"{ZONE}\"\nnameservers = [{}]\n\
             [[tls]]\nname = \"shop\"\naddress = \"www.shop.example:443\"\nconnect = \"{}\"\n\
             ca = \"root.pem\"\n{issuer}\n",
            tree.listed(),
            server.address
        );
        std::fs::write(folder.path().join("probes.toml"), plan).unwrap();
        portwarden(folder.path(), &["once"])
    };
    let started = clock::monotonic();
    look("").expect(0);
    look("issuer = \"digicert.com\"").expect(0);
    let ended = look("issuer = \"LetsEncrypt.org\"").expect(1);
    assert!(ended.out.contains("shop.example. CAA 0 issue \"letsencrypt.org\""), "{}", ended.out);
    let mistake = look("issuer = \"Let's Encrypt\"").expect(2);
    assert!(mistake.err.contains("the domain that the CA gives for CAA"), "{}", mistake.err);
    assert!((clock::monotonic() - started).as_secs() < 30);
}

#[test]
fn the_zones_own_ds_is_asked_above() {
    let mut tree = Tree::grow(Signing::Signed, "");
    let folder = tempfile::tempdir().unwrap();
    // NAME TTL? CLASS? DS and the value, as the signer writes it.
    let ds = tree.ds();
    let value = ds.split_once("DS").unwrap().1.trim().to_uppercase();
    let look = |tree: &Tree, value: &str| {
        let plan = format!(
            "[[dns]]\nname = \"zone\"\nzone = \"{ZONE}\"\nnameservers = [{}]\nparent = [\"{}\"]\n\
             [[dns.record]]\nname = \"@\"\ntype = \"DS\"\nvalues = [\"{value}\"]\n",
            tree.listed(),
            tree.parent.address()
        );
        std::fs::write(folder.path().join("probes.toml"), plan).unwrap();
        portwarden(folder.path(), &["once", "--format", "json"])
    };
    let well = look(&tree, &value).expect(0).json();
    let facts = &well["checks"][0]["facts"]["dns"];
    assert_eq!(facts["records"].as_array().unwrap().len(), 1, "{facts}");
    assert_eq!(facts["records"][0]["answers"][0]["server"], 4, "the fifth: the parent's");
    assert_eq!(facts["servers"][4]["is_above"], true, "{facts}");
    assert!(facts["servers"][4]["serial"].is_null() && facts["servers"][0]["is_above"].is_null());
    let other =
        format!("{} {}", &value[..value.len() - 1], if value.ends_with('0') { 1 } else { 0 });
    let found = look(&tree, &other).expect(1).json();
    assert_eq!(found["checks"][0]["findings"][0]["code"], "dns.drift", "{found}");
    let delegation = tree.delegation();
    tree.delegate(2, &delegation);
    let found = look(&tree, &value).expect(1).json();
    assert_eq!(found["checks"][0]["findings"][0]["code"], "dns.missing", "{found}");
    assert_eq!(found["checks"][0]["findings"][0]["subject"], "shop.example DS");
}
