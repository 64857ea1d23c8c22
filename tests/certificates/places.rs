//! One name, several addresses: a real nginx on each, a real nameserver, and the address that lags.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use crate::support::agent::Agent;
use crate::support::certificates::{Authority, DAY, Order};
use crate::support::command::portwarden;
use crate::support::daemon::free_port;
use crate::support::nameserver::{Nameserver, Zone};
use crate::support::nginx::Nginx;

const ADDRESSES: [&str; 3] = ["127.43.1.1", "127.43.1.2", "127.43.1.3"];

/// An nginx that serves `shop.example` at each address from a folder of its own, and at the first
/// another site to who names nobody.
struct Stage {
    folder: tempfile::TempDir,
    authority: Authority,
    port: u16,
    nginx: Nginx,
    nameserver: Nameserver,
}

impl Stage {
    fn new(ip: &str, addresses: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("Test Root");
        std::fs::write(folder.path().join("roots.pem"), authority.pem()).unwrap();
        let port = free_port(addresses);
        let mut servers = format!(
            "server {{ listen {}:{port} ssl default_server; server_name other.example;\n  \
             ssl_certificate other/fullchain.pem; ssl_certificate_key other/privkey.pem; }}\n",
            addresses[0]
        );
        issue(&authority, folder.path(), "other", "other.example", 7, 60);
        for address in addresses {
            issue(&authority, folder.path(), address, "shop.example", 1, 60);
            servers += &format!(
                "server {{ listen {address}:{port} ssl; server_name shop.example;\n  \
                 ssl_certificate {address}/fullchain.pem; ssl_certificate_key {address}/privkey.pem; }}\n"
            );
        }
        copy(folder.path(), addresses[0], &addresses[1..]);
        let listen: Vec<SocketAddr> =
            addresses.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), port)).collect();
        let nginx = Nginx::start(folder.path(), &listen, &servers);
        let records: String = addresses.iter().map(|ip| format!("@ A {ip}\n")).collect();
        let records = format!("@ NS ns1\nns1 A {ip}\n{records}");
        let nameserver = Nameserver::start(ip, &[Zone::new("shop.example", 1, &records)]);
        Self { folder, authority, port, nginx, nameserver }
    }

    fn probe(&self, more: &[&str]) -> crate::support::command::Ended {
        let (target, via) =
            (format!("shop.example:{}", self.port), self.nameserver.address().to_string());
        let mut arguments = vec!["probe", "tls", &target, "--via", &via, "--ca", "roots.pem"];
        arguments.extend(more);
        portwarden(self.folder.path(), &arguments)
    }
}

fn issue(authority: &Authority, folder: &Path, into: &str, name: &str, serial: u64, days: i64) {
    let order = Order { names: &[name], serial, valid: ((days - 90) * DAY, days * DAY) };
    authority.issue(&order, &folder.join(into));
}

fn copy(folder: &Path, from: &str, to: &[&str]) {
    for to in to {
        for file in ["privkey.pem", "fullchain.pem"] {
            std::fs::copy(folder.join(from).join(file), folder.join(to).join(file)).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_renewed_at_some_addresses_only() {
    let stage = Stage::new("127.43.1.53", &ADDRESSES);
    let folder = stage.folder.path();
    let keys = format!("resolver = \"{}\"", stage.nameserver.address());
    let plan = format!(
        "[defaults]\ninterval = \"300ms\"\ntimeout = \"3s\"\nfail_after = 1\nca = \"roots.pem\"\n\
         [[tls]]\nname = \"shop\"\naddress = \"shop.example:{}\"\n",
        stage.port
    );
    let agent = Agent::start(folder, &keys, &plan).await;
    agent.state("shop", "up").await;

    // Renewed, and brought to the first and to the second address only.
    issue(&stage.authority, folder, ADDRESSES[0], "shop.example", 2, 89);
    copy(folder, ADDRESSES[0], &ADDRESSES[1..2]);
    stage.nginx.reload();
    let finding = agent.finding("shop", "tls.differs-by-address").await;
    assert_eq!(finding["subject"], format!("shop.example:{}", stage.port));
    assert_eq!(finding["severity"], "warning");
    let lagging = format!("{}:{}", ADDRESSES[2], stage.port);
    let remedy = finding["remedy"].as_str().unwrap();
    assert!(remedy.contains(&format!("bring it to {lagging} and reload")), "{remedy}");
    let served = finding["evidence"]["served"].as_object().unwrap();
    assert_eq!(served.len(), 3);
    assert!(served[&lagging].as_str().unwrap().starts_with("serial 01,"), "{served:?}");

    // What is looked at elsewhere is known after a restart, and while nobody answers.
    let check = agent.check("shop").await;
    let places = |check: &Value| -> Vec<(String, String)> {
        let served = check["last"]["facts"]["served"].as_array().unwrap().clone();
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        served
            .iter()
            .map(|place| (word(&place["address"]), word(&place["chain"][0]["serial"])))
            .collect()
    };
    let seen = places(&check);
    assert_eq!(seen.last().unwrap(), &(lagging.clone(), "01".to_owned()));

    copy(folder, ADDRESSES[0], &ADDRESSES[2..]);
    stage.nginx.reload();
    agent.healed("shop", "tls.differs-by-address").await;
    assert!(places(&agent.check("shop").await).iter().all(|(_, serial)| serial == "02"));
}

#[test]
fn the_command_says_line_by_line_how_it_came_out() {
    let addresses = ["127.43.2.1", "127.43.2.2"];
    let mut stage = Stage::new("127.43.2.53", &addresses);
    let folder = stage.folder.path().to_owned();
    let port = stage.port;
    issue(&stage.authority, &folder, addresses[0], "shop.example", 1, 80);
    copy(&folder, addresses[0], &addresses[1..]);
    stage.nginx.stop();
    stage.nginx.start_again();

    let well = stage.probe(&[]).expect(0);
    for line in [
        "✓ name      the certificate is valid for shop.example",
        "✓ chain     leads to the trusted root CN=Test Root",
        "✓ versions  nothing below TLS 1.2 is spoken",
        "✓ addresses all 2 serve the same certificate",
        "└  CN=Test Root  trusted here, not sent",
        "without SNI  TLS 1.2  CN=other.example  serial 07  59 of 90 days left",
        "nothing is wrong",
    ] {
        assert!(well.out.contains(line), "{line}: {}", well.out);
    }

    let json = stage.probe(&["--format", "json"]).expect(0).json();
    let served = json["facts"]["served"].as_array().unwrap();
    assert_eq!(served.len(), 2, "{served:#?}");
    assert_eq!(served[0]["server_name"], Value::Null);
    assert_eq!(served[0]["chain"][0]["names"][0], "other.example");
    assert_eq!(served[1]["address"], format!("{}:{port}", addresses[1]));
    let leaf = &json["facts"]["tls"]["chain"][0];
    let pin = format!("sha256/{}", leaf["spki_sha256"].as_str().unwrap());
    assert!(well.out.contains(&format!("pin       {pin}")), "{}", well.out);

    // The pin that was printed is one that holds; openssl's fingerprint is too.
    assert!(stage.probe(&["--pin", &pin]).expect(0).out.contains("✓ pin"));
    let fingerprint = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(folder.join(addresses[0]).join("fullchain.pem"))
        .output()
        .expect("openssl is missing: apt-get install openssl");
    let fingerprint = String::from_utf8(fingerprint.stdout).unwrap();
    let fingerprint = fingerprint.trim().rsplit('=').next().unwrap();
    stage.probe(&["--pin", fingerprint]).expect(0);
    let other = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let mismatch = stage.probe(&["--pin", other]).expect(1).out;
    assert!(mismatch.contains("✗ pin       tls.pin-mismatch"), "{mismatch}");
    assert!(stage.probe(&["--pin", "sha256/short"]).expect(2).err.contains("SHA-256"));

    // Who names nobody gets the other site's certificate.
    let nameless = stage.probe(&["--no-sni"]).expect(1).out;
    assert!(nameless.contains("asked for   shop.example (not sent)"), "{nameless}");
    assert!(nameless.contains("✗ name      cert.wrong-name"), "{nameless}");

    // The second address serves an old one.
    issue(&stage.authority, &folder, addresses[1], "shop.example", 9, -3);
    stage.nginx.stop();
    stage.nginx.start_again();
    let sick = stage.probe(&[]).expect(1).out;
    for line in [
        "! addresses tls.differs-by-address\n".to_owned(),
        format!("✗ dates     cert.expired at {}:{port}\n", addresses[1]),
        "CN=shop.example  serial 09  expired 3 days ago".to_owned(),
    ] {
        assert!(sick.contains(&line), "{line}: {sick}");
    }
}
