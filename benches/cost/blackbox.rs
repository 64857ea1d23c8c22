//! blackbox_exporter as Debian has it, driven over its /probe at the same pace on the same targets.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{fs, iter};

use anyhow::{Context, bail};
use tokio::time::MissedTickBehavior;

use crate::WINDOW;
use crate::client::{client, free_address, page};
use crate::process::Running;
use crate::report::Cost;
use crate::targets::{ADDRESSES, Kind, NAME, RECORD, Targets};

/// The program, as Debian calls it.
pub(crate) const PROGRAM: &str = "prometheus-blackbox-exporter";
/// Connections that ask side by side, each kept open.
const LANES: u32 = 10;
const WARM_UP: Duration = Duration::from_secs(3);

/// A running blackbox_exporter.
pub(crate) struct Blackbox {
    process: Running,
    listen: SocketAddr,
}

impl Blackbox {
    /// Starts it with one module for each kind.
    pub(crate) async fn start(folder: &Path, targets: &Targets) -> anyhow::Result<Self> {
        let settings = folder.join("blackbox.yml");
        fs::write(&settings, modules(targets))?;
        let listen = free_address("127.77.9.1")?;
        let process = Running::start(
            Command::new(PROGRAM)
                .arg(format!("--config.file={}", settings.display()))
                .arg(format!("--web.listen-address={listen}")),
            &folder.join("blackbox.log"),
        )?;
        let client = client()?;
        for _ in 0..200 {
            if page(&client, &format!("http://{listen}/-/healthy")).await.is_ok() {
                return Ok(Self { process, listen });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("{PROGRAM} does not answer; see tests/install")
    }

    /// CPU time per probe.
    pub(crate) async fn cost(&self, kind: Kind, targets: &Targets) -> anyhow::Result<Cost> {
        self.drive(kind, targets, WARM_UP).await?;
        let before = self.process.cpu()?;
        let probes = self.drive(kind, targets, WINDOW).await?;
        Ok(Cost::of(self.process.cpu()? - before, probes))
    }

    /// Asks for probes at the agent's pace; how many there were.
    async fn drive(&self, kind: Kind, targets: &Targets, time: Duration) -> anyhow::Result<u64> {
        let rounds = time.as_millis() * u128::from(kind.rate()) / 1000 / u128::from(LANES);
        let client = client()?;
        let mut lanes = Vec::new();
        for lane in 0..LANES {
            let urls: Vec<String> = (0..ADDRESSES)
                .map(|index| {
                    let address = targets.address(kind, index);
                    let target = match kind {
                        Kind::Http => format!("http://{address}/"),
                        Kind::Https => format!("https://{address}/"),
                        _ => address.to_string(),
                    };
                    format!("http://{}/probe?module={}&target={target}", self.listen, kind.title())
                })
                .collect();
            let client = client.clone();
            let period = Duration::from_secs(1) * LANES / kind.rate();
            lanes.push(tokio::spawn(async move {
                tokio::time::sleep(period * lane / LANES).await;
                let mut ticks = tokio::time::interval(period);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
                for (_, url) in iter::zip(0..rounds, urls.iter().cycle()) {
                    ticks.tick().await;
                    let text = page(&client, url).await?;
                    if !text.lines().any(|line| line == "probe_success 1") {
                        bail!("{url} did not succeed:\n{text}");
                    }
                }
                Ok(u64::try_from(rounds)?)
            }));
        }
        let mut probes = 0;
        for lane in lanes {
            probes += lane.await?.context("blackbox_exporter")?;
        }
        Ok(probes)
    }
}

fn modules(targets: &Targets) -> String {
    let tls = format!("tls_config: {{ ca_file: {}, server_name: {NAME} }}", targets.root.display());
    let mut modules = format!(
        "modules:\n  tcp: {{ prober: tcp }}\n  http: {{ prober: http }}\n  \
         https:\n    prober: http\n    http:\n      headers: {{ Host: {NAME} }}\n      {tls}\n  \
         tls:\n    prober: tcp\n    tcp:\n      tls: true\n      {tls}\n"
    );
    for (kind, answer) in
        [(Kind::Dns, RECORD.replace('.', "\\.")), (Kind::DnsSoa, "SOA".to_owned())]
    {
        modules += &format!(
            "  {}:\n    prober: dns\n    dns:\n      query_name: {NAME}\n      query_type: {}\n      \
             preferred_ip_protocol: ip4\n      validate_answer_rrs:\n        \
             fail_if_not_matches_regexp: ['.*\\s{answer}.*']\n",
            kind.title(),
            kind.record_type(),
        );
    }
    modules
}
