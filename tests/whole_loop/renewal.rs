//! Certificates that end, and renewals that the server has not noticed.

use std::path::Path;

use crate::support::agent::Agent;
use crate::support::certificates::{Authority, DAY, Order};
use crate::support::loopback::own_address;
use crate::support::nginx::Nginx;
use crate::support::receiver::Receiver;

const NAMES: &[&str] = &["shop.example"];

fn authority(folder: &Path) -> Authority {
    let authority = Authority::new("Test Root");
    std::fs::write(folder.join("root.pem"), authority.pem()).unwrap();
    authority
}

fn server(address: &std::net::SocketAddr) -> String {
    format!(
        "server {{ listen {address} ssl; ssl_certificate fullchain.pem; \
         ssl_certificate_key privkey.pem; return 200; }}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_without_reload_is_told_until_the_reload() {
    let folder = tempfile::tempdir().unwrap();
    let ops = Receiver::start().await;
    let address = own_address();
    let root = authority(folder.path());
    let old = Order { names: NAMES, serial: 0x0a11, valid: (-60 * DAY, 30 * DAY) };
    root.issue(&old, folder.path());
    let nginx = Nginx::start(folder.path(), &[address], &server(&address));
    let plan = format!(
        r#"
        [defaults]
        interval = "300ms"
        timeout = "2s"

        [[tls]]
        name = "shop certificate"
        address = "shop.example:443"
        connect = "{address}"
        file = "fullchain.pem"
        ca = "root.pem"
        expiring_within = ["20%", "10%"]
        {}"#,
        ops.in_plan(folder.path())
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    agent.state("shop certificate", "up").await;

    let renewed = Order { names: NAMES, serial: 0x0b22, valid: (-DAY, 89 * DAY) };
    root.issue(&renewed, folder.path());
    let opened = ops.expect("incident.opened", "shop certificate").await;
    assert!(opened.is_signed());
    let finding = agent.finding("shop certificate", "tls.not-reloaded").await;
    assert!(finding["subject"].as_str().unwrap().contains(&address.to_string()), "{finding}");
    let evidence = &finding["evidence"];
    let file = folder.path().join("fullchain.pem");
    assert_eq!(evidence["file"], file.to_str().unwrap(), "{evidence}");
    let serials = (evidence["expected"].to_string(), evidence["got"].to_string());
    assert!(serials.0.to_lowercase().contains("0b:22"), "{evidence}");
    assert!(serials.1.to_lowercase().contains("0a:11"), "{evidence}");
    assert!(finding["remedy"].as_str().unwrap().contains("nginx -s reload"), "{finding}");

    nginx.reload();
    let resolved = ops.expect("incident.resolved", "shop certificate").await;
    assert_eq!(resolved.message["id"], opened.message["id"]);
    agent.state("shop certificate", "up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_near_its_end_is_told_as_served_and_as_file() {
    let folder = tempfile::tempdir().unwrap();
    let ops = Receiver::start().await;
    let address = own_address();
    let root = authority(folder.path());
    root.issue(&Order { names: NAMES, serial: 1, valid: (-87 * DAY, 3 * DAY) }, folder.path());
    let nginx = Nginx::start(folder.path(), &[address], &server(&address));
    let plan = format!(
        r#"
        [defaults]
        interval = "300ms"
        timeout = "2s"

        [[tls]]
        name = "as served"
        address = "shop.example:443"
        connect = "{address}"
        ca = "root.pem"

        [[certificate]]
        name = "as file"
        path = "full*.pem"
        expiring_within = ["10d", "1d"]
        {}"#,
        ops.in_plan(folder.path())
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    let opened = ops.expect("incident.opened", "as served").await;
    assert!(opened.is_signed());
    let told = &opened.message["findings"][0];
    assert_eq!(told["code"], "cert.expiring");
    assert_eq!(told["severity"], "critical", "3 % of its lifetime are left: {told}");
    // A minute or two of the 72 hours are gone.
    assert_eq!(told["evidence"]["hours_left"], 71, "{told}");
    let file = ops.expect("incident.opened", "as file").await;
    assert_eq!(file.message["findings"][0]["code"], "cert.expiring");
    assert_eq!(file.message["severity"], "warning", "more than a day is left");
    let certificates = agent.api("/certificates").await;
    let places = certificates["certificates"][0]["places"].as_array().unwrap();
    assert_eq!(places.len(), 2, "one certificate, in two places: {certificates}");

    root.issue(&Order { names: NAMES, serial: 2, valid: (-DAY, 89 * DAY) }, folder.path());
    nginx.reload();
    for check in ["as served", "as file"] {
        let resolved = ops.expect("incident.resolved", check).await;
        let opened = ops.expect("incident.opened", check).await;
        assert_eq!(resolved.message["id"], opened.message["id"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_end_stays_exported_though_the_server_is_gone_and_the_agent_restarted() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address();
    let root = authority(folder.path());
    root.issue(&Order { names: NAMES, serial: 1, valid: (-30 * DAY, 60 * DAY) }, folder.path());
    let mut nginx = Nginx::start(folder.path(), &[address], &server(&address));
    let plan = format!(
        "[defaults]\ninterval = \"300ms\"\ntimeout = \"2s\"\n[[tls]]\nname = \"shop\"\n\
         address = \"shop.example:443\"\nconnect = \"{address}\"\nca = \"root.pem\"\n"
    );
    let mut agent = Agent::start(folder.path(), "", &plan).await;
    agent.state("shop", "up").await;
    let names = ["portwarden_certificate_not_after", "probe_ssl_earliest_cert_expiry"];
    let mut known = Vec::new();
    for name in names {
        known.push(agent.metrics(name).await);
    }
    assert!(known.iter().all(|series| !series.is_empty()), "{known:?}");
    agent.terminate();
    nginx.stop();

    let agent = Agent::start_on(folder.path(), agent.listen).await;
    agent.finding("shop", "tcp.refused").await;
    for (name, known) in names.into_iter().zip(known) {
        assert_eq!(agent.metrics(name).await, known);
    }
}
