//! Lateness, memory and the time of pages with many checks.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use serde_json::Value;

use crate::agent::Agent;
use crate::process::Memory;
use crate::report::Cost;
use crate::targets::{Kind, Targets};

const INTERVAL: Duration = Duration::from_secs(10);
const KIND: Kind = Kind::Tcp;
/// How often each page is loaded; the median counts.
const LOADS: usize = 10;

/// What a plan of this size costs.
pub(crate) struct Scale {
    pub(crate) checks: usize,
    pub(crate) cost: Cost,
    /// Median and 99th percentile of how late probes started, from the agent's own histogram.
    pub(crate) lateness: [Duration; 2],
    /// The same of how far two runs of a check are from being whole intervals apart, from /api/v1/checks.
    pub(crate) unevenness: [Duration; 2],
    /// Before any page but /metrics was loaded.
    pub(crate) memory: Memory,
    /// After all pages were.
    pub(crate) memory_after_pages: Memory,
    pub(crate) pages: Vec<Page>,
}

/// How long a page takes.
pub(crate) struct Page {
    pub(crate) path: &'static str,
    pub(crate) encoding: &'static str,
    pub(crate) bytes: usize,
    pub(crate) median: Duration,
    pub(crate) slowest: Duration,
}

/// Runs a plan of this many tcp checks, each once in ten seconds.
pub(crate) async fn measure(
    checks: usize,
    folder: &Path,
    targets: &Targets,
) -> anyhow::Result<Scale> {
    let agent = Agent::start(folder, &targets.plan(KIND, checks, "10s")).await?;
    agent.warm_up(KIND, checks).await?;
    let lateness_before = agent.scrape().await?.lateness();
    let (cost, _) = agent.cost(KIND).await?;
    let lateness = agent.scrape().await?.lateness();
    let memory = agent.memory()?;
    let lateness = [0.5, 0.99].map(|share| percentile(&lateness_before, &lateness, share));
    let first = last_runs(&agent).await?;
    tokio::time::sleep(INTERVAL + Duration::from_secs(1)).await;
    let unevenness = unevenness(&first, &last_runs(&agent).await?);
    let mut pages = Vec::new();
    for (path, encoding) in
        [("/metrics", "identity"), ("/metrics", "gzip"), ("/", "identity"), ("/", "gzip")]
    {
        pages.push(page(&agent, path, encoding).await?);
    }
    let memory_after_pages = agent.memory()?;
    Ok(Scale { checks, cost, lateness, unevenness, memory, memory_after_pages, pages })
}

async fn page(agent: &Agent, path: &'static str, encoding: &'static str) -> anyhow::Result<Page> {
    let mut times = Vec::with_capacity(LOADS);
    let mut bytes = 0;
    for _ in 0..LOADS {
        // A pause, so that no answer made for one of them can serve the next.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (time, length) = agent.load(path, encoding).await?;
        times.push(time);
        bytes = length;
    }
    times.sort_unstable();
    let slowest = times.last().copied().unwrap_or_default();
    Ok(Page { path, encoding, bytes, median: times[LOADS / 2], slowest })
}

/// A percentile of what a cumulative histogram gained between two scrapes, even within a bucket.
fn percentile(before: &[(f64, f64)], after: &[(f64, f64)], share: f64) -> Duration {
    let gained: Vec<(f64, f64)> = after
        .iter()
        .zip(before)
        .map(|((bound, after), (_, before))| (*bound, after - before))
        .collect();
    let wanted = gained.last().map_or(0.0, |(_, all)| all * share);
    let (mut lower, mut below) = (0.0, 0.0);
    for (bound, count) in gained {
        if count >= wanted && bound.is_finite() {
            let within = if count > below { (wanted - below) / (count - below) } else { 0.0 };
            return Duration::from_secs_f64(lower + (bound - lower) * within);
        }
        (lower, below) = (bound, count);
    }
    Duration::MAX
}

/// When each check ran last.
async fn last_runs(agent: &Agent) -> anyhow::Result<HashMap<String, Timestamp>> {
    let answer: Value = serde_json::from_str(&agent.page("/api/v1/checks").await?)?;
    let checks = answer["checks"].as_array().context("no checks")?;
    let run = |check: &Value| {
        let at = check["last"]["at"].as_str()?.parse().ok()?;
        Some((check["name"].as_str()?.to_owned(), at))
    };
    Ok(checks.iter().filter_map(run).collect())
}

/// How far runs are from being whole intervals apart: median and 99th percentile.
fn unevenness(
    first: &HashMap<String, Timestamp>,
    second: &HashMap<String, Timestamp>,
) -> [Duration; 2] {
    let interval = INTERVAL.as_secs_f64();
    let mut apart: Vec<Duration> = second
        .iter()
        .filter_map(|(name, later)| {
            let between = later.duration_since(*first.get(name)?).as_secs_f64();
            let nearest = (between / interval).round() * interval;
            Some(Duration::from_secs_f64((between - nearest).abs()))
        })
        .collect();
    apart.sort_unstable();
    [50, 99].map(|share| apart.get(apart.len() * share / 100).copied().unwrap_or(Duration::MAX))
}
