//! `wrk` and `hey`, as Debian packages them, with one connection at a time.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::WINDOW;
use crate::process::{cpu_of_ended, output_of};
use crate::report::Figure;

/// Requests by `wrk`.
pub(crate) fn wrk(url: &str) -> anyhow::Result<Figure> {
    let seconds = format!("{}s", WINDOW.as_secs());
    let options = ["-t", "1", "-c", "1", "-d", &seconds, "-H", "Connection: close", url];
    let (said, cpu) = run(Command::new("wrk").args(options))?;
    // `  12345 requests in 3.00s, 1.90MB read`
    let count = said.lines().find(|line| line.contains(" requests in "));
    let count = count.and_then(|line| line.split_whitespace().next()?.parse().ok());
    figure("wrk", count, cpu, &said)
}

/// Requests by `hey`.
pub(crate) fn hey(url: &str) -> anyhow::Result<Figure> {
    let seconds = format!("{}s", WINDOW.as_secs());
    let options = ["-z", &seconds, "-c", "1", "-cpus", "1", "-disable-keepalive", url];
    let (said, cpu) = run(Command::new("hey").args(options))?;
    // `  [200]	12345 responses`
    let count = said.lines().find_map(|line| line.trim().strip_prefix("[200]"));
    let count = count.and_then(|line| line.split_whitespace().next()?.parse().ok());
    figure("hey", count, cpu, &said)
}

fn run(command: &mut Command) -> anyhow::Result<(String, Duration)> {
    let before = cpu_of_ended()?;
    let said = output_of(command).context("it is needed; see tests/install")?;
    Ok((said, cpu_of_ended()? - before))
}

fn figure(
    program: &str,
    requests: Option<u64>,
    cpu: Duration,
    said: &str,
) -> anyhow::Result<Figure> {
    match requests {
        Some(requests) if requests > 0 => Ok(Figure { requests, cpu }),
        _ => bail!("{program} says something else than it did:\n{said}"),
    }
}
