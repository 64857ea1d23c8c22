//! The real binary, running the bench's plan.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::bail;
use tempfile::TempDir;

use crate::client::{client, free_address, monotonic, page};
use crate::process::Running;

/// The longest that a condition is waited for: a minute, in which every zone is due, and more.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running `portwarden run`.
pub(crate) struct Agent {
    process: Running,
    client: reqwest::Client,
    listen: SocketAddr,
    folder: TempDir,
}

/// Probes since the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probes {
    pub(crate) well: u64,
    pub(crate) failed: u64,
}

impl Probes {
    pub(crate) fn since(self, before: Self) -> Self {
        Self { well: self.well - before.well, failed: self.failed - before.failed }
    }
}

impl Agent {
    /// Starts it on a plan, given without the first lines of its `[agent]`, and waits until it is ready.
    pub(crate) async fn start(folder: &Path, plan: &str) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("agent-").tempdir_in(folder)?;
        let listen = free_address("127.77.1.1")?;
        let text = format!("[agent]\nname = \"bench\"\nlisten = \"{listen}\"\n{plan}");
        fs::write(folder.path().join("probes.toml"), text)?;
        // Another version, to be measured the same way.
        let binary = std::env::var_os("PORTWARDEN_BENCHED")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_portwarden").into());
        let process = Running::start(
            Command::new(binary).current_dir(folder.path()).args([
                "run",
                "--config",
                "probes.toml",
            ]),
            &folder.path().join("agent.log"),
        )?;
        let agent = Self { process, client: client()?, listen, folder };
        let start = monotonic();
        while agent.page("/readyz").await.is_err() {
            if start.elapsed() > PATIENCE {
                bail!("the agent does not get ready:\n{}", agent.log());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(agent)
    }

    /// Waits until so many probes have run.
    pub(crate) async fn await_probes(&self, count: u64) -> anyhow::Result<()> {
        let start = monotonic();
        loop {
            let probes = self.probes().await?;
            if probes.well + probes.failed >= count {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                bail!("the checks do not run:\n{}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Probes since the start.
    pub(crate) async fn probes(&self) -> anyhow::Result<Probes> {
        let text = self.page("/metrics").await?;
        let count = |outcome: &str| {
            let series = format!("portwarden_probes_total{{kind=\"dns\",outcome=\"{outcome}\"}} ");
            let value = text.lines().find_map(|line| line.strip_prefix(&series));
            value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
        };
        Ok(Probes { well: count("success"), failed: count("failure") })
    }

    /// User and system time of the whole process.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        self.process.cpu()
    }

    async fn page(&self, path: &str) -> anyhow::Result<String> {
        page(&self.client, &format!("http://{}{path}", self.listen)).await
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("agent.log")).unwrap_or_default()
    }
}
