//! A real Alertmanager, with a webhook that hears what it sends on.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use super::agent::{client, eventually, free_address};
use super::daemon::Daemon;
use super::receiver::Receiver;

/// A real Alertmanager.
pub struct Alertmanager {
    /// Where its API is.
    pub address: SocketAddr,
    daemon: Daemon,
}

impl Alertmanager {
    /// Starts one on this address, which sends what it decides to this receiver.
    pub async fn start(ip: &str, folder: &Path, sends_to: &Receiver) -> Self {
        Self::start_in_cluster(ip, folder, sends_to, None).await
    }

    /// The same without a peer, or as one of a cluster with its peer's address.
    pub async fn start_in_cluster(
        ip: &str,
        folder: &Path,
        sends_to: &Receiver,
        peer: Option<&str>,
    ) -> Self {
        let address = free_address(ip);
        let own = folder.join(ip);
        std::fs::create_dir_all(&own).unwrap();
        let plan = own.join("alertmanager.yml");
        let url = sends_to.url();
        // It would resolve what has no end after two seconds.
        let text = format!(
            "global: {{ resolve_timeout: 2s }}\n\
             route: {{ receiver: hook, group_by: ['...'], group_wait: 100ms, group_interval: 500ms }}\n\
             receivers:\n- name: hook\n  webhook_configs:\n  - url: {url}\n    send_resolved: true\n"
        );
        std::fs::write(&plan, text).unwrap();
        let cluster = match peer {
            Some(own) => vec![format!("--cluster.listen-address={own}")],
            None => vec!["--cluster.listen-address=".to_owned()],
        };
        let mut arguments = vec![
            format!("--config.file={}", plan.display()),
            format!("--storage.path={}", own.join("state").display()),
            format!("--web.listen-address={address}"),
        ];
        arguments.extend(cluster);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let daemon =
            Daemon::start("prometheus-alertmanager", "prometheus-alertmanager", &arguments, &own);
        let alertmanager = Self { address, daemon };
        eventually("Alertmanager is ready", async || {
            let answer = client().get(format!("http://{address}/-/ready")).send().await;
            answer.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        alertmanager
    }

    /// Every alert that it holds to be active.
    pub async fn active(&self) -> Vec<Value> {
        let url = format!("http://{}/api/v2/alerts?active=true", self.address);
        let answer = client().get(url).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    /// Stops it for good.
    pub fn stop(self) {
        self.daemon.terminate();
    }
}
