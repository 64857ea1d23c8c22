//! What portwarden costs, in one run: CPU time per probe beside blackbox_exporter and beside the
//! bare system calls, lateness and memory at 1,000 and 10,000 checks, and the time its pages take.
//! Everything runs on loopback and is ended by its process id. The measured part of
//! docs/benchmarks.md is written anew. Deliberately absent: assertions; a figure is for people.

mod agent;
mod bare;
mod blackbox;
mod client;
#[path = "../marked.rs"]
mod marked;
#[allow(dead_code, reason = "shared with the bench of handshakes")]
mod process;
mod report;
mod scale;
mod targets;

use std::path::Path;
use std::time::Duration;

use agent::Agent;
use blackbox::Blackbox;
use report::{KindCost, Report};
use targets::{Kind, Targets};

/// How long each is measured after its warm-up.
pub(crate) const WINDOW: Duration = Duration::from_secs(10);
/// Two sizes of plan, every check due once in ten seconds.
const SIZES: [usize; 2] = [1_000, 10_000];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == bare::ARGUMENT) {
        return bare::run(&arguments[1..]);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(arguments.iter().any(|argument| argument == "--print")))
}

/// Measures everything; prints it, and writes it down unless it is only to be printed.
async fn measure(only_print: bool) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("portwarden-bench-").tempdir()?;
    let targets = Targets::start(folder.path()).await?;
    let mut report = Report::new(&targets)?;
    for kind in Kind::ALL {
        let cost = cost_of(*kind, folder.path(), &targets).await?;
        eprintln!("{cost}");
        report.kinds.push(cost);
    }
    for checks in SIZES {
        let scale = scale::measure(checks, folder.path(), &targets).await?;
        eprintln!("{scale}");
        report.scales.push(scale);
    }
    println!("{report}");
    if !only_print {
        marked::write("measured", &report)?;
    }
    Ok(())
}

async fn cost_of(kind: Kind, folder: &Path, targets: &Targets) -> anyhow::Result<KindCost> {
    let checks = usize::try_from(kind.rate())?;
    let agent = Agent::start(folder, &targets.plan(kind, checks, "1s")).await?;
    agent.warm_up(kind, checks).await?;
    let queries_before = targets.dns_queries()?;
    let (portwarden, probes) = agent.cost(kind).await?;
    let queries = targets.dns_queries()? - queries_before;
    drop(agent);
    let blackbox = Blackbox::start(folder, targets).await?.cost(kind, targets).await?;
    // Last, because its many connections leave ports behind that the kernel has to step over.
    let bare = bare::measure(kind, targets)?;
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let queries_per_probe = if kind.is_dns() { Some(queries as f64 / probes as f64) } else { None };
    Ok(KindCost { kind, portwarden, blackbox, bare, queries_per_probe })
}
