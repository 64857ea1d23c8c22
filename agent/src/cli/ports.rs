//! `ports`: the port plan against reality, looked at now.

use std::io::IsTerminal;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use health::snapshot::CheckStanding;
use health::{Claim, Language, Protocol, Text};

use super::{Outcome, once, paint};
use crate::listeners::{self, Sockets};
use crate::plan::Plan;
use crate::port_report::{self, Paint};

/// `ports`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Ports {
    /// What else than the report.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How the report is written.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What else than the report.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Names ports that can be given to the next service: not claimed, not listened on at any
    /// address of this machine, and not among those that the kernel gives to clients.
    Free(Free),
}

/// `ports free`
#[derive(Debug, Args)]
pub struct Free {
    /// FIRST-LAST, or one port.
    #[arg(default_value = "1024-65535", value_parser = range)]
    pub range: RangeInclusive<u16>,
    /// How many to name.
    #[arg(long, default_value_t = 10)]
    pub count: usize,
    /// UDP ports instead of TCP ones.
    #[arg(long)]
    pub udp: bool,
    /// How the outcome is written.
    #[arg(long, value_enum, default_value_t)]
    pub format: super::Format,
}

/// How the report is written.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Format {
    /// For a terminal.
    #[default]
    Table,
    /// To be committed beside the plan.
    Markdown,
    /// For a spreadsheet.
    Csv,
    /// For programs: the same as /api/v1/ports.
    Json,
}

pub(super) fn execute(ports: &Ports, config: &Path, language: Language) -> anyhow::Result<Outcome> {
    let Some(mut plan) = super::load(config) else { return Ok(Outcome::Failed) };
    if let Some(Command::Free(free)) = &ports.command {
        return name_free(free, &plan);
    }
    plan.checks.retain(|check| check.frame.kind == health::Kind::Port);
    let seen = super::runtime()?.block_on(once::look(&plan, |_| true))?;
    let bad = seen.iter().any(|seen| !seen.observation.is_good());
    let standings: Vec<Arc<CheckStanding>> =
        seen.into_iter().map(|seen| Arc::new(seen.into_standing())).collect();
    let rows = port_report::rows(&standings);
    let text = match ports.format {
        Format::Table => {
            let paint = if std::io::stdout().is_terminal() { Paint::Ansi } else { Paint::Plain };
            port_report::table(&port_report::fold(rows), language, paint)
        }
        Format::Markdown => port_report::markdown(&port_report::fold(rows), language),
        Format::Csv => port_report::csv(&rows),
        Format::Json => port_report::json(&standings, language).to_string(),
    };
    paint::line(text.trim_end());
    for note in notes(&plan, &standings) {
        anstream::eprintln!("\n{}", note.in_language(language));
    }
    Ok(if bad { Outcome::Findings } else { Outcome::Well })
}

/// What could not be seen, each said once.
fn notes(plan: &Plan, standings: &[Arc<CheckStanding>]) -> Vec<Text> {
    if !plan.hosts.iter().any(|host| host.local) {
        return Vec::new();
    }
    let is_hidden = |standing: &Arc<CheckStanding>| {
        let unknown = standing.observed().and_then(|observed| observed.owner_unknown.as_deref());
        unknown == Some("permission")
    };
    let hidden = standings.iter().any(is_hidden).then(listeners::owners_hidden);
    listeners::limits().into_iter().chain(hidden).collect()
}

/// Ports that no local host claims and nobody has on this machine.
fn name_free(free: &Free, plan: &Plan) -> anyhow::Result<Outcome> {
    let table = super::runtime()?
        .block_on(async { Sockets::default().table(Duration::ZERO).await })
        .context("the listening sockets of this machine cannot be read")?;
    let hosts = plan.hosts.iter().filter(|host| host.local);
    let claims: Vec<&Claim> = hosts.flat_map(|host| &host.claims).map(|claim| &**claim).collect();
    let protocol = if free.udp { Protocol::Udp } else { Protocol::Tcp };
    let found: Vec<u16> = health::ports::free(
        free.range.clone(),
        protocol,
        &claims,
        &table.listeners,
        table.ephemeral,
    )
    .take(free.count)
    .collect();
    match free.format {
        super::Format::Json => paint::line(&serde_json::json!({ "ports": found }).to_string()),
        super::Format::Text => found.iter().for_each(|port| paint::line(&port.to_string())),
    }
    if found.is_empty() {
        let (first, last) = table.ephemeral;
        bail!(
            "no port of {}-{} is free; {first}-{last} are not named, because the kernel gives them to clients",
            free.range.start(),
            free.range.end()
        );
    }
    Ok(Outcome::Well)
}

fn range(words: &str) -> Result<RangeInclusive<u16>, String> {
    let (first, last) = words.split_once('-').unwrap_or((words, words));
    let port = |word: &str| word.trim().parse::<u16>().ok().filter(|port| *port != 0);
    match (port(first), port(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        (Some(_), Some(_)) => Err("the first port is above the last".to_owned()),
        _ => Err("write FIRST-LAST, each from 1 to 65535".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges() {
        assert_eq!(range("3000-3999"), Ok(3000..=3999));
        assert_eq!(range("3000"), Ok(3000..=3000));
        for bad in ["", "0-9", "9-1", "1-65536", "a-b", "-"] {
            assert!(range(bad).is_err(), "{bad}");
        }
    }
}
