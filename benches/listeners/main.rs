//! What one look at all listening sockets and their owners takes, beside `ss -tulpn` in the same
//! run: 10,000 sockets of 1,000 real processes, on loopback addresses of their own. The processes
//! end with the bench, however it ends. The measured part of docs/benchmarks.md is written anew.
//! Deliberately absent: assertions on time; a figure is for people.

mod crowd;
#[path = "../marked.rs"]
mod marked;
mod report;

use std::hint::black_box;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use health::Owner;
use portwarden::clock::monotonic;
use portwarden::listeners::{Sockets, Table};
use tokio::runtime::Runtime;

use crowd::Crowd;
use report::Report;

/// How many processes hold sockets.
const PROCESSES: usize = 1_000;
/// How many sockets each of them holds.
const SOCKETS_EACH: usize = 10;
/// How often everything is measured, one after the other in turns.
const ROUNDS: usize = 21;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, number] = &arguments[..]
        && mode == crowd::ARGUMENT
    {
        return crowd::hold(number.parse()?, SOCKETS_EACH);
    }
    portwarden::open_files::raise_limit();
    let crowd = Crowd::start(PROCESSES)?;
    let report = measure()?;
    drop(crowd);
    println!("{report}");
    if !arguments.iter().any(|argument| argument == "--print") {
        marked::write("listeners", &report)?;
    }
    Ok(())
}

fn measure() -> anyhow::Result<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let known = Sockets::default();
    let first = look(&runtime, &known)?;
    let counted = count(&first)?;
    let mut report = Report::new(counted)?;
    for _ in 0..ROUNDS {
        report.ss.push(timed(ss)?);
        report.cold.push(timed(|| look(&runtime, &Sockets::default()))?);
        report.unchanged.push(timed(|| look(&runtime, &known))?);
        // One socket more than before, so that its owner has to be looked for.
        let another = TcpListener::bind("127.92.0.1:0")?;
        report.changed.push(timed(|| look(&runtime, &known))?);
        drop(another);
        look(&runtime, &known)?;
    }
    Ok(report)
}

fn timed<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<Duration> {
    let began = monotonic();
    black_box(work()?);
    Ok(monotonic() - began)
}

fn look(runtime: &Runtime, sockets: &Sockets) -> anyhow::Result<Arc<Table>> {
    Ok(runtime.block_on(sockets.table(Duration::ZERO))?)
}

/// All it prints is thrown away, which is in its favour.
fn ss() -> anyhow::Result<()> {
    let mut command = Command::new("ss");
    command.arg("-tulpn").stdin(Stdio::null()).stdout(Stdio::null());
    let ended = command.status().context("ss is needed: apt-get install iproute2")?;
    if !ended.success() {
        bail!("ss ended with {ended}");
    }
    Ok(())
}

/// How many sockets and processes there are; an error when an owner of the crowd is not seen.
fn count(table: &Table) -> anyhow::Result<(usize, usize)> {
    let mut processes = std::collections::HashSet::new();
    for listener in &table.listeners {
        match &listener.owner {
            Owner::Processes(owners) => processes.extend(owners.iter().map(|owner| owner.pid)),
            owner if crowd::is_one(listener.bind) => bail!("{}: {owner:?}", listener.bind),
            Owner::Hidden { .. } | Owner::Kernel => {}
        }
    }
    let sockets = table.listeners.len();
    if sockets < PROCESSES * SOCKETS_EACH || processes.len() < PROCESSES {
        bail!("{sockets} sockets of {} processes", processes.len());
    }
    Ok((sockets, processes.len()))
}
