//! Whether a renewer is on course: a real one, its certificates against the clock, and its own words.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::agent::{Agent, eventually};
use crate::support::certificates::{Authority, DAY, Order};
use crate::support::command::portwarden;
use crate::support::loopback::own_address;
use crate::support::nginx::Nginx;
use crate::support::pebble::{Certbot, Pebble, Practice};

const NAME: &str = "shop.example";

/// An ACME authority, a web server that answers its challenges, and a certificate issued by it.
struct Issued {
    folder: TempDir,
    pebble: Pebble,
    certbot: Certbot,
    site: SocketAddr,
    _challenges: Nginx,
}

impl Issued {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (root, site) = (folder.path(), own_address());
        let webroot = root.join("www");
        for name in ["www", "http", "https"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        let server = format!("server {{ listen {site}; root {}; }}", webroot.display());
        let challenges = Nginx::start(&root.join("http"), &[site], &server);
        let pebble = Pebble::start(root, Practice { site, validity: 90 * DAY });
        fs::write(root.join("root.pem"), pebble.root()).unwrap();
        let certbot = Certbot::of(&pebble, root);
        certbot.issue(&[NAME, "www.shop.example"], &webroot).expect(0);
        Self { folder, pebble, certbot, site, _challenges: challenges }
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn chain(&self) -> PathBuf {
        self.certbot.live(NAME).join("fullchain.pem")
    }

    /// Puts a certificate that its renewer should have replaced in the place of the one that it keeps.
    fn age(&self) {
        let aged = self.root().join("aged");
        let order =
            Order { names: &[NAME, "www.shop.example"], serial: 7, valid: (-65 * DAY, 25 * DAY) };
        Authority::new("An older root").issue(&order, &aged);
        let live = self.certbot.live(NAME);
        for (from, to) in
            [("fullchain", "cert"), ("fullchain", "fullchain"), ("privkey", "privkey")]
        {
            let to = fs::canonicalize(live.join(format!("{to}.pem"))).unwrap();
            fs::copy(aged.join(format!("{from}.pem")), to).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_renewal_is_followed_from_issue_to_reload() {
    let issued = Issued::new();
    let (address, live) = (own_address(), issued.certbot.live(NAME));
    let server = format!(
        "server {{ listen {address} ssl; ssl_certificate {0}/fullchain.pem; \
         ssl_certificate_key {0}/privkey.pem; return 200; }}",
        live.display()
    );
    let nginx = Nginx::start(&issued.root().join("https"), &[address], &server);
    let plan = format!(
        "[defaults]\ninterval = \"300ms\"\ntimeout = \"2s\"\nca = \"root.pem\"\n[[tls]]\nname = \"shop\"\n\
         address = \"{NAME}:443\"\nconnect = \"{address}\"\nfile = \"{}\"\n",
        issued.chain().display()
    );
    let agent = Agent::start(issued.root(), "", &plan).await;
    agent.state("shop", "up").await;
    let check = agent.check("shop").await;
    let renewal = &check["last"]["facts"]["renewals"][0];
    let file = issued.certbot.renewal(NAME);
    assert_eq!(
        (&renewal["source"], &renewal["path"]),
        (&"certbot".into(), &file.to_str().unwrap().into())
    );
    let leaf = &check["last"]["facts"]["tls"]["chain"][0];
    assert_eq!(renewal["fingerprint"], leaf["fingerprint"], "{check}");
    let moment =
        |text: &serde_json::Value| text.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let left = moment(&leaf["not_after"]).duration_since(moment(&renewal["due"]));
    assert_eq!((left.as_hours() + 1) / 24, 30, "{renewal}");

    issued.certbot.renew(&["--force-renewal"]).expect(0);
    let told = agent.finding("shop", "tls.not-reloaded").await;
    assert_eq!(told["evidence"]["file"], issued.chain().to_str().unwrap(), "{told}");
    nginx.reload();
    agent.healed("shop", "tls.not-reloaded").await;
    agent.state("shop", "up").await;
    let renewal = &agent.check("shop").await["last"]["facts"]["renewals"][0];
    assert_ne!(renewal["fingerprint"], leaf["fingerprint"], "the next one is followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_fails_is_told_in_certbots_own_words_until_it_works() {
    let issued = Issued::new();
    issued.age();
    let plan = format!(
        "[defaults]\ninterval = \"300ms\"\ntimeout = \"2s\"\n[[certificate]]\nname = \"stored\"\npath = \"{}\"\n",
        issued.chain().display()
    );
    let mut agent = Agent::start(issued.root(), "", &plan).await;
    let overdue = agent.finding("stored", "cert.renewal-overdue").await;
    assert_eq!(overdue["severity"], "warning", "{overdue}");
    assert_eq!(overdue["subject"], issued.chain().to_str().unwrap(), "{overdue}");
    let file = issued.certbot.renewal(NAME);
    assert_eq!(overdue["evidence"]["configuration"], file.to_str().unwrap(), "{overdue}");
    assert!(!overdue["summary"].to_string().contains("failed"), "it has not tried: {overdue}");

    // Where nobody listens.
    let nowhere = "127.3.3.3".parse().unwrap();
    issued.pebble.lead(NAME, &[nowhere]);
    issued.certbot.renew(&[]).expect(1);
    let told = agent.finding("stored", "acme.renewal").await;
    assert_eq!(told["subject"], file.to_str().unwrap());
    let said = told["evidence"]["got"].as_str().unwrap();
    assert!(
        said.starts_with("shop.example: connection: ") && said.contains("connection refused"),
        "{told}"
    );
    let command = "certbot renew --dry-run --cert-name shop.example --config-dir";
    assert!(told["remedy"].as_str().unwrap().contains(command), "{told}");
    let tried: jiff::Timestamp = told["evidence"]["tried_at"].as_str().unwrap().parse().unwrap();
    let ago = portwarden::clock::now().duration_since(tried).as_secs();
    assert!((0..300).contains(&ago), "{ago} s ago: {told}");
    eventually("the cause is told with what it causes", async || {
        let overdue = agent.finding("stored", "cert.renewal-overdue").await;
        overdue["summary"].as_str().unwrap().contains("connection refused")
    })
    .await;

    // A restart forgets nothing.
    agent.terminate();
    let agent = Agent::start_on(issued.root(), agent.listen).await;
    agent.finding("stored", "acme.renewal").await;
    issued.pebble.lead(NAME, &[issued.site.ip()]);
    issued.certbot.renew(&[]).expect(0);
    agent.healed("stored", "acme.renewal").await;
    agent.healed("stored", "cert.renewal-overdue").await;
    agent.state("stored", "up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_certbot_says_is_found_by_the_plan_too_and_skips_are_no_failures() {
    let issued = Issued::new();
    let nowhere = "127.3.3.3".parse().unwrap();
    issued.pebble.lead(NAME, &[nowhere]);
    issued.certbot.renew(&["--force-renewal"]).expect(1);
    let (address, live) = (own_address(), issued.certbot.live(NAME));
    let server = format!(
        "server {{ listen {address} ssl; ssl_certificate {0}/fullchain.pem; \
         ssl_certificate_key {0}/privkey.pem; return 200; }}",
        live.display()
    );
    let _nginx = Nginx::start(&issued.root().join("https"), &[address], &server);
    let plan = format!(
        "[defaults]\nca = \"root.pem\"\n[[tls]]\nname = \"shop\"\naddress = \"{NAME}:443\"\n\
         connect = \"{address}\"\nrenewal = \"{0}\"\n\
         [[acme]]\nname = \"way\"\nconnect = \"{1}\"\nrenewal = \"{0}\"\n",
        issued.certbot.renewal(NAME).display(),
        issued.site
    );
    fs::write(issued.root().join("probes.toml"), plan).unwrap();
    for check in ["shop", "way"] {
        let told = portwarden(issued.root(), &["once", check]).expect(1);
        let says = |words| told.out.contains(words);
        assert!(says("acme.renewal") && says("connection refused"), "{told:?}");
    }
    // Not due: the failure of before is nobody's concern any more.
    issued.certbot.renew(&[]).expect(0);
    portwarden(issued.root(), &["once", "shop"]).expect(0);
    let way = portwarden(issued.root(), &["once", "way"]);
    assert!(!way.out.contains("acme.renewal"), "{way:?}");
}

#[test]
fn lifetimes_of_every_length_are_judged_by_their_own_measure() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Test Root");
    // (days of life, days left while all is well, days left when it is late)
    let cases = [(6, 3, 1), (45, 15, 13), (90, 30, 26), (398, 130, 118)];
    for (life, well, late) in cases {
        for (left, code) in [(well, 0), (late, 1)] {
            let order =
                Order { names: &[NAME], serial: 1, valid: ((left - life) * DAY, left * DAY) };
            authority.issue(&order, folder.path());
            let plan = "[[certificate]]\nname = \"shop\"\npath = \"fullchain.pem\"\n";
            fs::write(folder.path().join("probes.toml"), plan).unwrap();
            let told = portwarden(folder.path(), &["once", "shop"]).expect(code);
            let is_overdue = told.out.contains("cert.renewal-overdue");
            assert_eq!(is_overdue, code == 1, "{left} of {life} days: {told:?}");
            // The plan knows better.
            fs::write(folder.path().join("probes.toml"), format!("{plan}renew_at = \"1%\"\n"))
                .unwrap();
            let told = portwarden(folder.path(), &["once", "shop"]);
            assert!(!told.out.contains("cert.renewal-overdue"), "{told:?}");
        }
    }
}
