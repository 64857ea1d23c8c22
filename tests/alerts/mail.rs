//! Mail, Alertmanager, programs and the services of others.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use portwarden::clock::monotonic;
use serde_json::Value;

use super::support::agent::{Agent, eventually, free_address};
use super::support::alertmanager::Alertmanager;
use super::support::daemon::Daemon;
use super::support::receiver::Receiver;

const PACE: &str = "[defaults]\ninterval = \"200ms\"\ntimeout = \"1s\"\nfail_after = 1\n";

fn door(address: SocketAddr) -> String {
    format!("[[tcp]]\nname = \"door\"\naddress = \"{address}\"\n")
}

/// What Alertmanager sent on, as (its word, startsAt, endsAt).
fn sent_on(hook: &Receiver) -> Vec<(String, String, String)> {
    let word = |alert: &Value, key: &str| alert[key].as_str().unwrap().to_owned();
    let heard = hook.taken();
    let alerts = heard.iter().flat_map(|heard| heard.message["alerts"].as_array().unwrap());
    alerts
        .map(|alert| (word(alert, "status"), word(alert, "startsAt"), word(alert, "endsAt")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_alertmanager_holds_an_alert_of_two_agents_once_until_it_is_over() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hook = Receiver::start().await;
    let alertmanager = Alertmanager::start("127.46.1.1", one.path(), &hook).await;
    let gone = free_address("127.46.1.2");
    let closed = free_address("127.46.1.3");
    let plan = format!(
        "{PACE}[[receiver]]\nname = \"am\"\n[receiver.alertmanager]\nurl = [\"http://{}\", \"http://{gone}\"]\n\
         stands_for = \"4s\"\n{}labels = {{ team = \"shop\" }}\n",
        alertmanager.address,
        door(closed)
    );
    let first = Agent::start(one.path(), "", &plan).await;
    let second = Agent::start(two.path(), "", &plan).await;
    for agent in [&first, &second] {
        agent.metric("portwarden_notifications_total", "outcome=\"delivered\"", "1").await;
    }
    let begun = monotonic();
    eventually("both have refreshed it for longer than it stands by itself", async || {
        let active = alertmanager.active().await;
        assert_eq!(active.len(), 1, "{active:#?}");
        let labels = &active[0]["labels"];
        assert_eq!(
            (&labels["alertname"], &labels["check"], &labels["team"]),
            (&"tcp.refused".into(), &"door".into(), &"shop".into())
        );
        monotonic() - begun > Duration::from_secs(9)
    })
    .await;
    assert_eq!(sent_on(&hook).len(), 1, "{:?}", sent_on(&hook));

    let _listener = tokio::net::TcpListener::bind(closed).await.unwrap();
    eventually("it is resolved", async || {
        sent_on(&hook).iter().any(|(word, ..)| word == "resolved")
            && alertmanager.active().await.is_empty()
    })
    .await;
    let incident = &first.api("/incidents").await["incidents"][0];
    let heard = sent_on(&hook);
    let ended: jiff::Timestamp = heard.last().unwrap().2.parse().unwrap();
    let resolved_at: jiff::Timestamp = incident["resolved_at"].as_str().unwrap().parse().unwrap();
    let apart = ended.duration_since(resolved_at).abs();
    assert!(apart < jiff::SignedDuration::from_secs(2), "{ended} {resolved_at}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_reads_the_message_and_is_run_again_until_it_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let script = "#!/bin/sh\n[ -e tried ] || { touch tried; echo not yet >&2; exit 75; }\ncat >> heard; echo >> heard\n";
    let path = folder.path().join("siren");
    std::fs::write(&path, script).unwrap();
    std::process::Command::new("chmod").arg("+x").arg(&path).status().unwrap();
    let closed = free_address("127.46.2.3");
    let plan = format!(
        "{PACE}[[receiver]]\nname = \"siren\"\nprogram = {{ command = [\"./siren\"] }}\n{}",
        door(closed)
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    agent.metric("portwarden_notifications_total", "outcome=\"delivered\"", "1").await;
    let heard = std::fs::read_to_string(folder.path().join("heard")).unwrap();
    let message: Value = serde_json::from_str(heard.trim()).unwrap();
    assert_eq!((&message["type"], &message["check"]), (&"incident.opened".into(), &"door".into()));
    agent.metric("portwarden_notifications_total", "outcome=\"retried\"", "1").await;
}

/// A real mail server; the letters that it took.
struct Post {
    address: SocketAddr,
    folder: std::path::PathBuf,
    _daemon: Daemon,
}

impl Post {
    fn start(ip: &str, folder: &Path, mode: &str) -> Self {
        let address = free_address(ip);
        let made = std::process::Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=mail",
            ])
            .args(["-addext", &format!("subjectAltName=IP:{ip}")])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(folder.join("key.pem"))
            .arg("-out")
            .arg(folder.join("roots.pem"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let own = |name: &str| folder.join(name).display().to_string();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/support/smtp.py");
        let (port, letters) = (address.port().to_string(), own("letters"));
        let (certificate, key) = (own("roots.pem"), own("key.pem"));
        let arguments = [script, ip, &port, &letters, mode, &certificate, &key];
        let mut daemon = Daemon::start("/usr/bin/python3", "python3-aiosmtpd", &arguments, folder);
        daemon.await_ready(|| std::net::TcpStream::connect(address).is_ok());
        Self { address, folder: folder.to_owned(), _daemon: daemon }
    }

    fn letters(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.join("letters")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn in_plan(&self, to: &str, more: &str) -> String {
        format!(
            "[[receiver]]\nname = \"office\"\n[receiver.mail]\nserver = \"{}\"\nto = {to}\n\
             from = \"portwarden <alerts@shop.example>\"\n{more}\n",
            self.address
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_arrive_in_the_clear_by_starttls_and_by_tls() {
    for (number, mode) in ["plain", "starttls", "tls"].into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let post = Post::start(&format!("127.46.3.{}", number + 1), folder.path(), mode);
        std::fs::write(folder.path().join("password"), "a word\n").unwrap();
        let more = match mode {
            "plain" => "security = \"none\"".to_owned(),
            mode => format!(
                "security = \"{mode}\"\nca = \"roots.pem\"\nuser = \"alerts\"\npassword_file = \"password\""
            ),
        };
        let closed = free_address("127.46.3.9");
        let plan = format!("{PACE}{}{}", post.in_plan("\"ops@shop.example\"", &more), door(closed));
        let _agent = Agent::start(folder.path(), "language = \"ko\"\n", &plan).await;
        eventually("the letter is there", async || !post.letters().is_empty()).await;
        let letter = &post.letters()[0];
        assert_eq!(letter["tls"], mode != "plain", "{mode}");
        let text = letter["text"].as_str().unwrap();
        assert!(text.contains("Message-ID: <") && text.contains("multipart/alternative"), "{text}");
        let _listener = tokio::net::TcpListener::bind(closed).await.unwrap();
        eventually("the end is told", async || post.letters().len() == 2).await;
        let id = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
            line.split_once(": ").unwrap().1.to_owned()
        };
        let answer = post.letters()[1]["text"].as_str().unwrap().to_owned();
        assert_eq!(id(&answer, "In-Reply-To"), id(text, "Message-ID"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_recipient_is_judged_by_itself_and_nobody_is_told_twice() {
    let folder = tempfile::tempdir().unwrap();
    let post = Post::start("127.46.4.1", folder.path(), "plain");
    let to = "[\"ops@shop.example\", \"nobody@shop.example\", \"busy@shop.example\"]";
    let closed = free_address("127.46.4.9");
    let plan = format!("{PACE}{}{}", post.in_plan(to, "security = \"none\""), door(closed));
    let agent = Agent::start(folder.path(), "", &plan).await;
    agent.metric("portwarden_notifications_total", "outcome=\"delivered\"", "1").await;
    let to: Vec<Value> = post.letters().iter().map(|letter| letter["to"].clone()).collect();
    assert_eq!(
        to,
        [serde_json::json!(["ops@shop.example"]), serde_json::json!(["busy@shop.example"])]
    );
}
