//! The real binary, running a plan of the bench's own, and what its /metrics say of it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::WINDOW;
use crate::client::{client, free_address, monotonic, page};
use crate::process::{Memory, Running};
use crate::report::Cost;
use crate::targets::Kind;

/// The agent is scraped this often while it is measured, and pays for it.
const SCRAPE_EVERY: Duration = Duration::from_secs(5);
/// The longest that a condition is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `portwarden run`.
pub(crate) struct Agent {
    process: Running,
    client: reqwest::Client,
    listen: SocketAddr,
    /// Plan, database and log.
    folder: TempDir,
}

/// One scrape.
pub(crate) struct Scrape {
    text: String,
}

impl Agent {
    /// Starts it on a plan, given without the first lines of its `[agent]`, and waits until it is ready.
    pub(crate) async fn start(folder: &Path, plan: &str) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("agent-").tempdir_in(folder)?;
        let listen = free_address("127.77.1.1")?;
        let text = format!("[agent]\nname = \"bench\"\nlisten = \"{listen}\"\n{plan}");
        fs::write(folder.path().join("probes.toml"), text)?;
        let process = Running::start(
            Command::new(env!("CARGO_BIN_EXE_portwarden")).current_dir(folder.path()).args([
                "run",
                "--config",
                "probes.toml",
            ]),
            &folder.path().join("agent.log"),
        )?;
        let agent = Self { process, client: client()?, listen, folder };
        for _ in 0..500 {
            if agent.page("/readyz").await.is_ok() {
                return Ok(agent);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("the agent does not get ready:\n{}", agent.log())
    }

    /// Waits until every check ran at least twice, and makes sure that none of them found anything.
    pub(crate) async fn warm_up(&self, kind: Kind, checks: usize) -> anyhow::Result<()> {
        let start = monotonic();
        let wanted = u64::try_from(checks)? * 2;
        while self.scrape().await?.probes(kind)? < wanted {
            if start.elapsed() > PATIENCE {
                bail!("the checks do not run:\n{}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let findings: Value = serde_json::from_str(&self.page("/api/v1/findings").await?)?;
        match findings["findings"].get(0) {
            Some(finding) => bail!("a target is not well: {finding}"),
            None => Ok(()),
        }
    }

    /// CPU time per probe of the whole process, and how many probes there were.
    pub(crate) async fn cost(&self, kind: Kind) -> anyhow::Result<(Cost, u64)> {
        let before = self.scrape().await?.probes(kind)?;
        let cpu_before = self.process.cpu()?;
        let start = monotonic();
        let mut after = before;
        while start.elapsed() < WINDOW {
            tokio::time::sleep(SCRAPE_EVERY).await;
            after = self.scrape().await?.probes(kind)?;
        }
        let cpu = self.process.cpu()? - cpu_before;
        Ok((Cost::of(cpu, after - before), after - before))
    }

    /// One scrape of /metrics.
    pub(crate) async fn scrape(&self) -> anyhow::Result<Scrape> {
        Ok(Scrape { text: self.page("/metrics").await? })
    }

    /// The body of a page.
    pub(crate) async fn page(&self, path: &str) -> anyhow::Result<String> {
        page(&self.client, &format!("http://{}{path}", self.listen)).await
    }

    /// How long a page takes from request to last byte, and how many bytes it has.
    pub(crate) async fn load(
        &self,
        path: &str,
        encoding: &str,
    ) -> anyhow::Result<(Duration, usize)> {
        let start = monotonic();
        let request = self.client.get(format!("http://{}{path}", self.listen));
        let answer = request
            .header("accept-encoding", encoding)
            .header("accept-language", "en")
            .send()
            .await?
            .error_for_status()?;
        let bytes = answer.bytes().await?.len();
        Ok((start.elapsed(), bytes))
    }

    /// Its resident memory.
    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        self.process.memory()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("agent.log")).unwrap_or_default()
    }
}

impl Scrape {
    /// Probes of a kind since the start; an error when one of them failed.
    pub(crate) fn probes(&self, kind: Kind) -> anyhow::Result<u64> {
        let series = |outcome| {
            format!("portwarden_probes_total{{kind=\"{}\",outcome=\"{outcome}\"}}", kind.label())
        };
        if self.value(&series("failure")).is_some_and(|failed| failed > 0.0) {
            bail!("probes of kind {} fail", kind.label());
        }
        let count = self.value(&series("success")).context("no portwarden_probes_total")?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a counter is a whole number, far below 2^52"
        )]
        Ok(count as u64)
    }

    /// Upper bound in seconds and cumulative count of each bucket of the lateness histogram.
    pub(crate) fn lateness(&self) -> Vec<(f64, f64)> {
        let buckets = self.text.lines().filter_map(|line| {
            let rest = line.strip_prefix("portwarden_schedule_lag_seconds_bucket{le=\"")?;
            let (bound, count) = rest.split_once("\"} ")?;
            Some((bound.parse().ok()?, count.parse().ok()?))
        });
        buckets.collect()
    }

    /// The value of one series, written as /metrics writes it.
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        self.text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
    }
}
