//! A Prometheus of Debian, with storage of its own, that scrapes one agent.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use super::agent::{client, eventually, free_address};
use super::daemon::Daemon;

/// A running Prometheus.
pub struct Prometheus {
    address: SocketAddr,
    client: reqwest::Client,
    _daemon: Daemon,
}

impl Prometheus {
    /// Starts it at an address, with the rules in these files of the folder, and waits until it
    /// answers.
    pub async fn start(ip: &str, agent: SocketAddr, folder: &Path, rules: &[&str]) -> Self {
        let address = free_address(ip);
        let settings = folder.join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 500ms, evaluation_interval: 500ms }}\n\
             rule_files: {rules:?}\nscrape_configs:\n  - job_name: portwarden\n    \
             static_configs:\n      - targets: ['{agent}']\n"
        );
        fs::write(&settings, text).unwrap();
        let daemon = Daemon::start(
            "prometheus",
            "prometheus",
            &[
                &format!("--config.file={}", settings.display()),
                &format!("--storage.tsdb.path={}", folder.join("series").display()),
                &format!("--web.listen-address={address}"),
            ],
            folder,
        );
        let prometheus = Self { address, client: client(), _daemon: daemon };
        prometheus.answers("vector(1)", 1.0).await;
        prometheus
    }

    /// Waits until the query has one answer, and it is this.
    pub async fn answers(&self, query: &str, value: f64) {
        let mut last = Value::Null;
        eventually(&format!("{query} is {value}"), async || {
            last = self.query(query).await.unwrap_or_default();
            let [one] = last.as_array().map(Vec::as_slice).unwrap_or_default() else {
                return false;
            };
            let seen: Option<f64> = one["value"][1].as_str().and_then(|text| text.parse().ok());
            seen.is_some_and(|seen| (seen - value).abs() < 1e-6)
        })
        .await;
    }

    async fn query(&self, query: &str) -> Option<Value> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        Some(self.api(&format!("query?query={encoded}")).await?["result"].clone())
    }

    /// What its API says under a path; `None` while it does not answer.
    pub async fn api(&self, path: &str) -> Option<Value> {
        let url = format!("http://{}/api/v1/{path}", self.address);
        let answer = self.client.get(url).send().await.ok()?;
        let answer: Value = serde_json::from_str(&answer.text().await.ok()?).ok()?;
        Some(answer["data"].clone())
    }
}
