//! What a CA says of a certificate: a list, an OCSP answer stapled by nginx, a window for renewal.

use std::net::SocketAddr;
use std::path::Path;

use crate::support::agent::{Agent, eventually};
use crate::support::loopback::own_address;
use crate::support::nginx::Nginx;
use crate::support::office::Office;
use crate::support::receiver::Receiver;

/// A CA, its web server, and a shop with a certificate of that CA's.
struct Scene {
    folder: tempfile::TempDir,
    office: Office,
    shop: SocketAddr,
    lists: SocketAddr,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let office = Office::open(folder.path());
        std::fs::create_dir(folder.path().join("www")).unwrap();
        Self { office, shop: own_address(), lists: own_address(), folder }
    }

    fn issue(&self, name: &str, more: &str) {
        let place = self.lists;
        let list = format!("crlDistributionPoints = URI:http://{place}/list.crl\n{more}");
        self.office.issue(name, &list);
    }

    /// What the shop serves from now on; nginx has to be told.
    fn install(&self, name: &str) {
        for kind in ["pem", "key"] {
            let bytes = self.office.read(&format!("{name}.{kind}"));
            std::fs::write(self.path().join(format!("served.{kind}")), bytes).unwrap();
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn nginx(&self, stapling: &str) -> Nginx {
        let (shop, lists) = (self.shop, self.lists);
        let servers = format!(
            "server {{ listen {lists}; root www; }} \
             server {{ listen {shop} ssl; ssl_certificate served.pem; \
             ssl_certificate_key served.key; {stapling} return 200; }}"
        );
        Nginx::start(self.path(), &[shop, lists], &servers)
    }

    fn plan(&self, more: &str) -> String {
        let shop = self.shop;
        format!(
            "[defaults]\ninterval = \"300ms\"\ntimeout = \"3s\"\n[[tls]]\nname = \"shop\"\n\
             address = \"shop.example:443\"\nconnect = \"{shop}\"\nca = \"ca.pem\"\n{more}\n"
        )
    }
}

const STAPLING: &str = "ssl_stapling on; ssl_stapling_file staple.der;";

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_certificate_is_told_until_another_is_served() {
    let scene = Scene::new();
    let ops = Receiver::start().await;
    scene.issue("first", "");
    scene.issue("second", "");
    scene.office.revoke("first", "keyCompromise");
    scene.office.publish("www/list.crl", "-crldays 7 -crlexts list");
    scene.install("first");
    let nginx = scene.nginx("");
    let sites = "[[tls]]\nname = \"sites\"\nnginx = \"nginx.conf\"\nca = \"ca.pem\"\n";
    let plan = format!("{}{sites}{}", scene.plan(""), ops.in_plan(scene.path()));
    let mut agent = Agent::start(scene.path(), "", &plan).await;
    let opened = ops.expect("incident.opened", "shop").await;
    let finding = agent.finding("shop", "tls.revoked").await;
    assert_eq!(finding["severity"], "critical");
    assert!(finding["subject"].as_str().unwrap().contains(&scene.shop.to_string()), "{finding}");
    assert_eq!(finding["evidence"]["reason"], "keyCompromise", "{finding}");
    assert_eq!(finding["evidence"]["serial"], "10:00", "{finding}");
    let list = format!("http://{}/list.crl", scene.lists);
    assert_eq!(finding["evidence"]["said_by"], list.as_str(), "{finding}");
    assert!(finding["remedy"].as_str().unwrap().contains("certbot renew"), "{finding}");
    let site = agent.finding("sites", "tls.revoked").await;
    assert_eq!(
        site["evidence"]["serial"], "10:00",
        "of a site that the plan does not name: {site}"
    );

    // The list is gone, and the agent begins anew: what is revoked stays revoked.
    std::fs::remove_file(scene.path().join("www/list.crl")).unwrap();
    agent.terminate();
    let agent = Agent::start_on(scene.path(), agent.listen).await;
    let still = agent.finding("shop", "tls.revoked").await;
    assert_eq!(still["since"], finding["since"], "{still}");

    scene.install("second");
    nginx.reload();
    let resolved = ops.expect("incident.resolved", "shop").await;
    assert_eq!(resolved.message["id"], opened.message["id"]);
    agent.healed("sites", "tls.revoked").await;
    eventually("nothing is known of it, because the list is gone", async || {
        let facts = &agent.check("shop").await["last"]["facts"]["tls"];
        let why = facts["revocation_unread"].as_str();
        facts["revocation"].is_null() && why.is_some_and(|why| why.contains("404"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nginx_staples_is_held_against_the_certificate() {
    let scene = Scene::new();
    scene.issue("shop", "");
    scene.issue("other", "");
    scene.install("shop");
    let answer = |name: &str| scene.office.answer(name, "ca", "staple.der", "-ndays 7");
    answer("shop");
    let nginx = scene.nginx(STAPLING);
    let plan = scene.plan("revocation = \"staple\"");
    let agent = Agent::start(scene.path(), "", &plan).await;
    agent.state("shop", "up").await;
    let facts = agent.check("shop").await["last"]["facts"]["tls"]["revocation"].clone();
    assert_eq!((&facts["standing"], &facts["source"]), (&"good".into(), &"staple".into()));

    answer("other");
    nginx.reload();
    let finding = agent.finding("shop", "tls.staple").await;
    assert!(finding["summary"].as_str().unwrap().contains("10:01"), "{finding}");

    scene.office.revoke("shop", "superseded");
    answer("shop");
    nginx.reload();
    agent.healed("shop", "tls.staple").await;
    let finding = agent.finding("shop", "tls.revoked").await;
    assert_eq!(finding["evidence"]["reason"], "superseded", "{finding}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_staple_that_the_certificate_demands_is_missed() {
    let scene = Scene::new();
    scene.issue("shop", "tlsfeature = status_request");
    scene.install("shop");
    let _nginx = scene.nginx("");
    let agent = Agent::start(scene.path(), "", &scene.plan("")).await;
    let finding = agent.finding("shop", "tls.staple").await;
    assert!(finding["summary"].as_str().unwrap().contains("must-staple"), "{finding}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_that_wants_its_certificate_back_early_is_heard() {
    let scene = Scene::new();
    let ca = own_address();
    scene.issue("shop", "");
    scene.issue("directory", &format!("subjectAltName = IP:{}", ca.ip()));
    scene.install("shop");
    let (shop, window) =
        (scene.shop, r#"{"start":"2020-01-01T00:00:00Z","end":"2020-01-02T00:00:00Z"}"#);
    let servers = format!(
        "server {{ listen {shop} ssl; ssl_certificate served.pem; ssl_certificate_key served.key; return 200; }} \
         server {{ listen {ca} ssl; ssl_certificate directory.pem; ssl_certificate_key directory.key; \
         location = /directory {{ return 200 '{{\"renewalInfo\":\"https://{ca}/renewal\"}}'; }} \
         location /renewal/ {{ return 200 '{{\"suggestedWindow\":{window},\"explanationURL\":\"https://ca.example/why\"}}'; }} }}"
    );
    let _nginx = Nginx::start(scene.path(), &[shop, ca], &servers);
    let plan = scene.plan(&format!("revocation = \"off\"\nari = \"https://{ca}/directory\""));
    let agent = Agent::start(scene.path(), "", &plan).await;
    agent.finding("shop", "cert.renewal-overdue").await;
    let renewal = &agent.check("shop").await["last"]["facts"]["renewals"][0];
    assert_eq!(renewal["source"], "ari", "{renewal}");
    assert_eq!(renewal["explanation"], "https://ca.example/why", "{renewal}");
}
