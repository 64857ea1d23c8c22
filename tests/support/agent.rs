//! The real binary, started on a plan of the test's own and ended by its pid.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use portwarden::clock::monotonic;
use serde_json::Value;

use super::daemon::{self, signal};
use super::loopback::own_address;

/// The longest any condition is waited for; what is tested comes far earlier.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running `portwarden run`.
pub struct Agent {
    child: Child,
    /// Where it serves.
    pub listen: SocketAddr,
    folder: PathBuf,
    client: reqwest::Client,
}

impl Agent {
    /// Starts the binary on this plan, in this folder, and waits until it is ready. The plan's
    /// `[agent]` table is written here, with `agent_keys` added to it.
    pub async fn start(folder: &Path, agent_keys: &str, plan: &str) -> Self {
        let listen = write_plan(folder, agent_keys, plan);
        Self::start_on(folder, listen).await
    }

    /// Starts the binary again on the plan that already lies in the folder.
    pub async fn start_on(folder: &Path, listen: SocketAddr) -> Self {
        let binary = Command::new(env!("CARGO_BIN_EXE_portwarden"));
        Self::start_by(binary, folder, listen, "/readyz").await
    }

    /// Starts it by a command of the test's own, to which the arguments are added, and waits until
    /// this path answers 200.
    pub async fn start_by(
        mut command: Command,
        folder: &Path,
        listen: SocketAddr,
        sign: &str,
    ) -> Self {
        let log = File::options().create(true).append(true).open(folder.join("agent.log")).unwrap();
        command
            .current_dir(folder)
            .args(["run", "--config", "probes.toml"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let child = daemon::spawn(&mut command).unwrap();
        let mut agent = Self { child, listen, folder: folder.to_owned(), client: client() };
        eventually("the agent is ready", async || {
            if let Some(ended) = agent.child.try_wait().unwrap() {
                panic!("the agent ended with {ended}:\n{}", agent.log());
            }
            agent.fetch(sign).await.is_some_and(|(status, _)| status == 200)
        })
        .await;
        agent
    }

    /// Writes another plan in the place of the running one, as an editor would.
    pub fn replan(&self, agent_keys: &str, plan: &str) {
        let text = plan_text(self.listen, agent_keys, plan);
        let written = self.folder.join("probes.toml.new");
        fs::write(&written, text).unwrap();
        fs::rename(written, self.folder.join("probes.toml")).unwrap();
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How much memory it holds, KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Everything it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("agent.log")).unwrap_or_default()
    }

    /// Status and body of a page; `None` when there is no answer.
    pub async fn fetch(&self, path: &str) -> Option<(u16, String)> {
        let answer = self.client.get(format!("http://{}{path}", self.listen)).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.text().await.ok()?))
    }

    /// A page of the API.
    pub async fn api(&self, path: &str) -> Value {
        let (status, body) = self.fetch(&format!("/api/v1{path}")).await.expect("an answer");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Everything found now, as (check, code, subject).
    pub async fn findings(&self) -> Vec<(String, String, String)> {
        let findings = self.api("/findings").await;
        let word =
            |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        findings["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| {
                (word(finding, "check"), word(finding, "code"), word(finding, "subject"))
            })
            .collect()
    }

    /// Waits until a check has a finding with this code, and hands it back.
    pub async fn finding(&self, check: &str, code: &str) -> Value {
        let mut found = Value::Null;
        eventually(&format!("{check} has {code}"), async || {
            let findings = self.api("/findings").await;
            let findings = findings["findings"].as_array().unwrap().clone();
            let wanted = findings.into_iter().find(|f| f["check"] == check && f["code"] == code);
            found = wanted.unwrap_or_default();
            !found.is_null()
        })
        .await;
        found
    }

    /// Waits until a check's finding with this code is explained by another check.
    pub async fn explained(&self, check: &str, code: &str, by: &str) {
        eventually(&format!("{check}'s {code} is explained by {by}"), async || {
            self.finding(check, code).await["explained_by"] == by
        })
        .await;
    }

    /// Waits until a check has no finding with this code any more.
    pub async fn healed(&self, check: &str, code: &str) {
        eventually(&format!("{check} is rid of {code}"), async || {
            let findings = self.findings().await;
            !findings.iter().any(|(known, found, _)| known == check && found == code)
        })
        .await;
    }

    /// How a check stands now; `null` when there is none with this name.
    pub async fn check(&self, name: &str) -> Value {
        let checks = self.api("/checks").await;
        let checks = checks["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).cloned().unwrap_or_default()
    }

    /// An incident by its id, open or past, as soon as it is shown.
    pub async fn incident(&self, id: &str) -> Value {
        let mut found = Value::Null;
        eventually(&format!("incident {id} is shown"), async || {
            let incidents = self.api("/incidents").await;
            let mut incidents = incidents["incidents"].as_array().unwrap().iter();
            found = incidents.find(|incident| incident["id"] == id).cloned().unwrap_or_default();
            !found.is_null()
        })
        .await;
        found
    }

    /// Lines of /metrics that begin with this.
    pub async fn metrics(&self, begin: &str) -> Vec<String> {
        let (status, text) = self.fetch("/metrics").await.expect("an answer");
        assert_eq!(status, 200);
        text.lines().filter(|line| line.starts_with(begin)).map(str::to_owned).collect()
    }

    /// Waits until a series of this name and label, such as `check="shop"`, has this value.
    pub async fn metric(&self, name: &str, label: &str, value: &str) {
        eventually(&format!("{name} with {label} is {value}"), async || {
            let lines = self.metrics(name).await;
            let ending = format!(" {value}");
            lines.iter().any(|line| line.contains(label) && line.ends_with(&ending))
        })
        .await;
    }

    /// Waits until a check is in this state.
    pub async fn state(&self, check: &str, state: &str) {
        eventually(&format!("{check} is {state}"), async || {
            let checks = self.api("/checks").await;
            let checks = checks["checks"].as_array().unwrap();
            checks.iter().any(|known| known["name"] == check && known["state"] == state)
        })
        .await;
    }

    /// Ends it as the kernel would: no farewell.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Asks it to end and waits until it has.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        self.signal("TERM");
        self.child.wait().unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- agent.log\n{}", self.log());
        }
    }
}

/// Writes a plan with an `[agent]` table of its own, and says where the agent will serve.
pub fn write_plan(folder: &Path, agent_keys: &str, plan: &str) -> SocketAddr {
    let listen = own_address();
    fs::write(folder.join("probes.toml"), plan_text(listen, agent_keys, plan)).unwrap();
    listen
}

fn plan_text(listen: SocketAddr, agent_keys: &str, plan: &str) -> String {
    // The system's resolver is outside: one that refuses stands in where a test has none.
    let own =
        if agent_keys.contains("resolver") { "" } else { "resolver = \"127.53.255.254:9\"\n" };
    format!("[agent]\nname = \"test\"\nlisten = \"{listen}\"\n{own}{agent_keys}\n{plan}")
}

/// A client that never goes through a proxy and never waits long.
pub fn client() -> reqwest::Client {
    client_within(Duration::from_secs(10))
}

/// A client that goes where it is sent, and nowhere from there.
pub fn client_that_stays() -> reqwest::Client {
    building(Duration::from_secs(10)).redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// A client that never goes through a proxy and waits for a whole answer this long.
pub fn client_within(timeout: Duration) -> reqwest::Client {
    building(timeout).build().unwrap()
}

fn building(timeout: Duration) -> reqwest::ClientBuilder {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().timeout(timeout)
}

/// Asks again and again until it holds; panics, naming it, when that takes too long.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = monotonic();
    while !holds().await {
        assert!(monotonic() - start < PATIENCE, "still not true after {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An address on which nobody listens at this moment.
pub fn free_address(ip: &str) -> SocketAddr {
    TcpListener::bind(format!("{ip}:0")).unwrap().local_addr().unwrap()
}
