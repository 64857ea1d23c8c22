//! What asking all servers of 1,000 zones costs: queries a second and CPU time of each, once a minute
//! and flat out, beside `dnsperf` with the same questions in the same run. Everything runs on
//! loopback and is ended by its process id. The measured part of docs/benchmarks.md is written
//! anew. Deliberately absent: assertions; a figure is for people.

mod agent;
#[path = "../cost/client.rs"]
#[allow(dead_code, reason = "shared with the bench of every kind of probe")]
mod client;
mod dnsperf;
#[path = "../marked.rs"]
mod marked;
mod nameservers;
#[path = "../cost/process.rs"]
#[allow(dead_code, reason = "shared with the bench of every kind of probe")]
mod process;
mod report;

use std::path::Path;
use std::time::Duration;

use agent::Agent;
use nameservers::Nameservers;
use report::{Figure, Report};

/// How many zones there are, each with a check of its own.
const ZONES: usize = 1_000;
/// How long a minute is watched, and anything flat out.
const MINUTE: Duration = Duration::from_secs(60);
const FLAT_OUT: Duration = Duration::from_secs(15);

fn main() -> anyhow::Result<()> {
    let only_print = std::env::args().any(|argument| argument == "--print");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(only_print))
}

async fn measure(only_print: bool) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("portwarden-bench-").tempdir()?;
    let folder = folder.path();
    let nameservers = Nameservers::start(folder, ZONES)?;
    let mut report = Report::new(ZONES)?;
    let minute = by_agent(folder, &nameservers, "60s", MINUTE).await?;
    let flat_out = by_agent(folder, &nameservers, "100ms", FLAT_OUT).await?;
    let rate = flat_out.queries_a_second();
    for (what, figure) in [
        ("portwarden, every zone once a minute", minute),
        ("portwarden, flat out", flat_out),
        ("dnsperf, at that rate", by_dnsperf(folder, &nameservers, Some(rate))?),
        ("dnsperf, flat out", by_dnsperf(folder, &nameservers, None)?),
    ] {
        report.add(what, figure);
    }
    println!("{report}");
    if !only_print {
        marked::write("dns", &report)?;
    }
    Ok(())
}

async fn by_agent(
    folder: &Path,
    nameservers: &Nameservers,
    interval: &str,
    window: Duration,
) -> anyhow::Result<Figure> {
    let agent = Agent::start(folder, &nameservers.plan(interval)).await?;
    // Every zone was met: its delegation, its servers, its first attempt over TCP. After that the
    // checks find their places in the minute.
    agent.await_probes(u64::try_from(ZONES)?).await?;
    tokio::time::sleep(window).await;
    let (queries, probes) = (nameservers.queries()?, agent.probes().await?);
    let (cpu, start) = (agent.cpu()?, client::monotonic());
    tokio::time::sleep(window).await;
    let (cpu, took) = (agent.cpu()? - cpu, start.elapsed());
    let (queries, probes) = (nameservers.queries()? - queries, agent.probes().await?.since(probes));
    let figure = Figure { queries, probes: Some(probes), cpu, took, failed: probes.failed };
    eprintln!("{figure:?}");
    Ok(figure)
}

fn by_dnsperf(
    folder: &Path,
    nameservers: &Nameservers,
    rate: Option<u64>,
) -> anyhow::Result<Figure> {
    let before = nameservers.queries()?;
    let run = dnsperf::run(folder, nameservers, rate, FLAT_OUT)?;
    let queries = nameservers.queries()? - before;
    let figure = Figure { queries, probes: None, cpu: run.cpu, took: run.took, failed: run.lost };
    eprintln!("{figure:?}");
    Ok(figure)
}
