//! Would HTTP-01 work right now: a challenge put into a real webroot, fetched through a real nginx, and
//! what a real CA and a real client make of the same.

use std::fs;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::agent::{Agent, eventually};
use crate::support::certificates::{Authority, DAY, Order};
use crate::support::command::portwarden;
use crate::support::loopback::{on, own_address, own_ip};
use crate::support::nginx::Nginx;
use crate::support::pebble::{Certbot, Pebble, Practice};

const PACE: &str = "[defaults]\ninterval = \"300ms\"\ntimeout = \"3s\"\n";
const CHECK: &str = "renewal path";

/// nginx whose way to challenges can be changed.
struct Site {
    folder: PathBuf,
    webroot: PathBuf,
    address: SocketAddr,
    nginx: Nginx,
}

impl Site {
    fn start(folder: &Path, address: SocketAddr) -> Self {
        let webroot = folder.join("webroot");
        fs::create_dir_all(&webroot).unwrap();
        fs::create_dir_all(folder.join("elsewhere")).unwrap();
        fs::write(folder.join("way.conf"), right_way(&webroot)).unwrap();
        let server = format!("server {{ listen {address}; include way.conf; }}");
        let nginx = Nginx::start(folder, &[address], &server);
        Self { folder: folder.to_owned(), webroot, address, nginx }
    }

    /// Has nginx go another way from now on.
    fn go(&self, way: &str) {
        fs::write(self.folder.join("way.conf"), way).unwrap();
        self.nginx.reload();
    }

    fn go_right(&self) {
        self.go(&right_way(&self.webroot));
    }

    /// Every way to break it that this site knows, with what is said of it.
    fn broken_ways(&self) -> [(String, &'static str); 4] {
        let elsewhere = self.folder.join("elsewhere");
        [
            (right_way(&elsewhere), "it answers 404 Not Found"),
            (
                "location / { default_type text/html; return 200 '<html><title>Sign in</title>\
                 <input type=\"password\">'; }"
                    .to_owned(),
                "a login page came instead: \"Sign in\"",
            ),
            ("return 301 https://$host$request_uri;".to_owned(), "the connection is refused"),
            ("location / { deny all; }".to_owned(), "it answers 403 Forbidden"),
        ]
    }
}

fn right_way(webroot: &Path) -> String {
    format!("location ^~ /.well-known/acme-challenge/ {{ root {}; }}", webroot.display())
}

fn challenges(webroot: &Path) -> Vec<String> {
    let Ok(folder) = fs::read_dir(webroot.join(".well-known/acme-challenge")) else {
        return Vec::new();
    };
    folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Waits until what is wrong is this, and hands it back.
async fn told(agent: &Agent, words: &str) -> Value {
    let mut found = Value::Null;
    eventually(&format!("{CHECK} says: {words}"), async || {
        found = agent.finding(CHECK, "acme.http01").await;
        found["summary"].as_str().unwrap().contains(words)
    })
    .await;
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webroot_broken_in_many_ways_is_told_hop_by_hop_and_heals() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = Site::start(folder.path(), own_address());
    let dead = own_address();
    let (webroot, address) = (site.webroot.clone(), site.address);
    let plan = format!(
        "{PACE}fail_after = 1\n[[acme]]\nname = \"{CHECK}\"\ndomains = [\"shop.example\"]\n\
         webroot = \"webroot\"\nconnect = {{ 80 = \"{address}\", 443 = \"{dead}\" }}\n"
    );
    let mut agent = Agent::start(folder.path(), "", &plan).await;
    agent.state(CHECK, "up").await;
    let facts = agent.check(CHECK).await["last"]["facts"]["acme"].clone();
    assert_eq!(facts["trials"][0]["passed"], true, "{facts}");
    assert!(facts["file"].as_str().unwrap().starts_with(webroot.to_str().unwrap()), "{facts}");

    for (way, words) in site.broken_ways() {
        site.go(&way);
        let finding = told(&agent, words).await;
        assert_eq!(finding["subject"], format!("{address} (shop.example)"));
        assert_eq!(finding["severity"], "warning");
        let evidence = &finding["evidence"];
        assert!(evidence["file"].as_str().unwrap().ends_with("acme-challenge/TOKEN"), "{evidence}");
        let hop = if way.contains("https") { 2 } else { 1 };
        assert_eq!(evidence["hop"], hop, "{finding}");
        assert_eq!(evidence["hops"].as_array().unwrap().len(), hop, "{finding}");
        agent.state(CHECK, "degraded").await;
        site.go_right();
        agent.state(CHECK, "up").await;
    }

    site.go("location / { return 301 http://shop.example:8080$request_uri; }");
    told(&agent, "it redirects to port 8080").await;
    site.go("location / { return 301 http://$host$request_uri; }");
    told(&agent, "the redirect loops").await;
    site.go_right();
    agent.state(CHECK, "up").await;

    fs::rename(&webroot, folder.path().join("moved")).unwrap();
    let finding = told(&agent, "does not exist").await;
    assert_eq!(finding["subject"], webroot.to_str().unwrap());
    fs::rename(folder.path().join("moved"), &webroot).unwrap();
    agent.state(CHECK, "up").await;

    site.nginx.stop();
    let finding = told(&agent, "the connection is refused").await;
    assert_eq!(finding["subject"], address.to_string());
    site.nginx.start_again();
    agent.state(CHECK, "up").await;

    agent.terminate();
    assert_eq!(challenges(&webroot), [""; 0], "nothing is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_to_https_whatever_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let ip = own_ip();
    let (plain, secure) = (on(ip), on(ip));
    let ended = Order { names: &["other.example"], serial: 1, valid: (-60 * DAY, -DAY) };
    Authority::new("Nobody trusts it").issue(&ended, folder.path());
    fs::create_dir(folder.path().join("webroot")).unwrap();
    let servers = format!(
        "server {{ listen {plain}; return 308 https://www.shop.example$request_uri; }}\n\
         server {{ listen {secure} ssl; ssl_certificate fullchain.pem; \
         ssl_certificate_key privkey.pem; root {}/webroot; }}",
        folder.path().display()
    );
    let _nginx = Nginx::start(folder.path(), &[plain, secure], &servers);
    let plan = format!(
        "[agent]\nname = \"test\"\nlisten = \"{}\"\nresolver = \"127.53.255.254:9\"\n\
         [[acme]]\nname = \"{CHECK}\"\ndomains = [\"shop.example\"]\nwebroot = \"webroot\"\n\
         connect = {{ 80 = \"{plain}\", \"www.shop.example:443\" = \"{secure}\" }}\n",
        own_address()
    );
    fs::write(folder.path().join("probes.toml"), plan).unwrap();
    let once = portwarden(folder.path(), &["once", "--format", "json"]).expect(0).json();
    let trial = &once["checks"][0]["facts"]["acme"]["trials"][0];
    assert_eq!(trial["passed"], true, "{once}");
    let hops = trial["hops"].as_array().unwrap();
    assert_eq!(hops.len(), 2, "{trial}");
    assert_eq!((&hops[0]["status"], &hops[1]["status"]), (&308.into(), &200.into()));
    assert_eq!(hops[1]["address"], secure.to_string());
    assert_eq!(challenges(&folder.path().join("webroot")), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_left_behind_by_a_killed_agent_goes_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let webroot = folder.path().join("webroot");
    fs::create_dir_all(webroot.join(".well-known/acme-challenge")).unwrap();
    // Accepts, and never answers: the challenge lies there until the probe's end.
    let silent = TcpListener::bind((own_ip(), 0)).unwrap();
    let address = silent.local_addr().unwrap();
    let plan = format!(
        "[defaults]\ninterval = \"300ms\"\ntimeout = \"60s\"\n[[acme]]\nname = \"{CHECK}\"\n\
         domains = [\"shop.example\"]\nwebroot = \"webroot\"\nconnect = \"{address}\"\n"
    );
    let mut agent = Agent::start(folder.path(), "", &plan).await;
    eventually("a challenge is put down", async || !challenges(&webroot).is_empty()).await;
    let left = challenges(&webroot).remove(0);
    agent.kill();
    assert_eq!(challenges(&webroot), [left.as_str()], "nobody was there to remove it");
    let foreign = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA";
    fs::write(webroot.join(".well-known/acme-challenge").join(foreign), "a renewer's").unwrap();

    let mut agent = Agent::start_on(folder.path(), agent.listen).await;
    eventually("it is removed", async || !challenges(&webroot).contains(&left)).await;
    agent.signal("TERM");
    agent.terminate();
    assert_eq!(challenges(&webroot), [foreign], "its own goes with it, a renewer's stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_nobody_serves_is_told_beside_one_that_is() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path(), own_address());
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, site.address.port()));
    let pebble = Pebble::start(folder.path(), Practice { site: site.address, validity: 90 * DAY });
    pebble.lead("shop.example", &[site.address.ip(), v6.ip()]);
    let plan = format!(
        "{PACE}[[acme]]\nname = \"{CHECK}\"\ndomains = [\"shop.example\"]\nwebroot = \"webroot\"\n\
         connect = \"shop.example:{}\"\n",
        v6.port()
    );
    let resolver = format!("resolver = \"{}\"", pebble.nameserver);
    let agent = Agent::start(folder.path(), &resolver, &plan).await;
    let finding = told(&agent, "though it can from").await;
    assert_eq!(finding["subject"], v6.to_string());
    let trials = agent.check(CHECK).await["last"]["facts"]["acme"]["trials"].clone();
    let passed = |address: SocketAddr| {
        let trials = trials.as_array().unwrap();
        let trial = trials.iter().find(|trial| trial["address"] == address.to_string());
        trial.unwrap_or_else(|| panic!("{trials:?}"))["passed"] == true
    };
    assert!(passed(site.address) && !passed(v6), "{trials}");

    // Another machine's answer is worse than none: no CA falls back from it.
    let second = folder.path().join("second");
    fs::create_dir(&second).unwrap();
    let other = Nginx::start(&second, &[v6], &format!("server {{ listen {v6}; return 404; }}"));
    let finding = told(&agent, "it answers 404 Not Found").await;
    assert_eq!(finding["subject"], format!("{v6} (shop.example)"));
    drop(other);
    pebble.lead("shop.example", &[site.address.ip()]);
    agent.state(CHECK, "up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certbot_and_a_ca_come_to_the_same_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path(), own_address());
    let pebble = Pebble::start(folder.path(), Practice { site: site.address, validity: 90 * DAY });
    let certbot = Certbot::of(&pebble, folder.path());
    certbot.issue(&["shop.example", "www.shop.example"], &site.webroot).expect(0);
    let renewal = certbot.renewal("shop.example");
    // Only what certbot itself has written down says which domains, and which webroot.
    let plan = format!(
        "{PACE}fail_after = 1\n[[acme]]\nname = \"{CHECK}\"\nrenewal = \"{}\"\nconnect = \"{}\"\n",
        renewal.display(),
        site.address
    );
    let resolver = format!("resolver = \"{}\"", pebble.nameserver);
    let agent = Agent::start(folder.path(), &resolver, &plan).await;
    agent.state(CHECK, "up").await;
    let trials = agent.check(CHECK).await["last"]["facts"]["acme"]["trials"].clone();
    let mut domains: Vec<&str> =
        trials.as_array().unwrap().iter().map(|trial| trial["domain"].as_str().unwrap()).collect();
    domains.sort_unstable();
    assert_eq!(domains, ["shop.example", "www.shop.example"]);
    certbot.renew(&["--force-renewal"]).expect(0);

    for (way, words) in site.broken_ways() {
        site.go(&way);
        told(&agent, words).await;
        certbot.renew(&["--force-renewal"]).expect(1);
        let failed = agent.finding(CHECK, "acme.renewal").await;
        assert_eq!(failed["subject"], renewal.to_str().unwrap(), "{failed}");
        site.go_right();
        // `connect` is not the way that a CA takes: what certbot said of that stands until its next try.
        agent.healed(CHECK, "acme.http01").await;
        agent.finding(CHECK, "acme.renewal").await;
        certbot.renew(&["--force-renewal"]).expect(0);
        agent.state(CHECK, "up").await;
    }

    let text = fs::read_to_string(&renewal).unwrap();
    fs::remove_file(&renewal).unwrap();
    let finding = agent.finding(CHECK, "acme.renewal").await;
    assert_eq!(finding["subject"], renewal.to_str().unwrap());
    fs::write(&renewal, text.replace("authenticator = webroot", "authenticator = standalone"))
        .unwrap();
    eventually("it does not renew through a webroot", async || {
        let finding = agent.finding(CHECK, "acme.renewal").await;
        finding["severity"] == "notice"
            && finding["summary"].as_str().unwrap().contains("renews by standalone")
    })
    .await;
    fs::write(&renewal, text).unwrap();
    agent.healed(CHECK, "acme.renewal").await;
}
