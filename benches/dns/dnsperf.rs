//! dnsperf, as Debian packages it: what it costs to ask the same, with nothing around it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::client::monotonic;
use crate::nameservers::Nameservers;
use crate::process::{cpu_of_ended, output_of};

/// One run of it.
pub(crate) struct Run {
    pub(crate) cpu: Duration,
    pub(crate) took: Duration,
    pub(crate) lost: u64,
}

/// Asks at this rate, or as fast as it can.
pub(crate) fn run(
    folder: &Path,
    nameservers: &Nameservers,
    rate: Option<u64>,
    time: Duration,
) -> anyhow::Result<Run> {
    let questions = folder.join("questions");
    fs::write(&questions, nameservers.questions())?;
    let (server, seconds) = (nameservers.first(), time.as_secs().to_string());
    let mut command = Command::new("dnsperf");
    command.arg("-d").arg(&questions).args(["-s", &server.ip().to_string()]);
    command.args(["-p", &server.port().to_string(), "-l", &seconds, "-e"]);
    if let Some(rate) = rate {
        command.args(["-Q", &rate.to_string()]);
    }
    let (before, start) = (cpu_of_ended()?, monotonic());
    let said = output_of(&mut command).context("dnsperf is needed; see tests/install")?;
    let (took, cpu) = (start.elapsed(), cpu_of_ended()? - before);
    let lost = said.lines().find_map(|line| line.trim().strip_prefix("Queries lost:"));
    let lost = lost.and_then(|line| line.split_whitespace().next()?.parse().ok());
    match lost {
        Some(lost) => Ok(Run { cpu, took, lost }),
        None => bail!("dnsperf says something else than it did:\n{said}"),
    }
}
