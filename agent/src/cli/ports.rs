//! `ports`: the port plan against reality, looked at now; the allocation document; free ports.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use health::snapshot::CheckStanding;
use health::{Language, Text};

use super::{Outcome, once, paint};
use crate::listeners;
use crate::plan::Plan;
use crate::port_document::{self, Stranger};
use crate::port_report::{self, Paint, Presence};

mod check;
mod free;
mod import;

/// `ports`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Ports {
    /// What else than the report.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How the report is written; markdown writes the allocation document.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// With --format markdown: add what listens without a claim. Everything else in the document
    /// comes from the plan alone.
    #[arg(long)]
    pub observed: bool,
    /// Say where this allocation document, written here or kept by hand (Markdown or CSV), no longer
    /// holds.
    #[arg(long, value_name = "FILE", conflicts_with = "observed")]
    pub check: Option<PathBuf>,
    /// With --check: what to hold the document against.
    #[arg(long, value_enum, default_value_t, requires = "check")]
    pub against: Against,
    /// With --check: the host of rows that name none.
    #[arg(long, value_name = "NAME", requires = "check")]
    pub host: Option<String>,
}

/// What else than the report.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Name ports that can be given to the next service: not claimed, not listened on at any address
    /// of this machine, no connection's local port (TIME_WAIT too), not among those that the kernel
    /// gives to clients, and bound for a moment to be sure.
    Free(free::Free),
    /// Read a hand-kept Markdown or CSV table of ports into [[host.port]] claims, to standard output.
    Import(import::Import),
}

/// How the report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal.
    #[default]
    Table,
    /// The allocation document, to be committed: what the plan says, whatever the machine does.
    Markdown,
    /// For a spreadsheet.
    Csv,
    /// For programs: the same as /api/v1/ports.
    Json,
}

/// What a document is held against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Against {
    /// The plan, and what its ports look like now.
    #[default]
    Both,
    /// The plan alone: where the machine cannot be seen, as in CI.
    Plan,
}

/// The languages of a command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tongues {
    /// What `--language` says.
    pub(super) asked: Option<Language>,
    /// What is printed in, unless a document says otherwise.
    pub(super) language: Language,
}

pub(super) fn execute(ports: &Ports, config: &Path, tongues: Tongues) -> anyhow::Result<Outcome> {
    if let Some(Command::Import(import)) = &ports.command {
        return import::execute(import, tongues.language);
    }
    let Some(mut plan) = super::load(config) else { return Ok(Outcome::Failed) };
    if let Some(Command::Free(free)) = &ports.command {
        return free::execute(free, &plan);
    }
    plan.checks.retain(|check| check.frame.kind == health::Kind::Port);
    if let Some(file) = &ports.check {
        return check::execute(ports, file, &plan, tongues.language);
    }
    if ports.format == Format::Markdown {
        return document(&plan, ports.observed, tongues.asked.unwrap_or(plan.agent.language));
    }
    report(&plan, ports.format, tongues.language)
}

fn report(plan: &Plan, format: Format, language: Language) -> anyhow::Result<Outcome> {
    let (standings, outcome) = look(plan)?;
    let rows = port_report::rows(&standings);
    let text = match format {
        Format::Table => {
            let paint = if std::io::stdout().is_terminal() { Paint::Ansi } else { Paint::Plain };
            port_report::table(&port_report::fold(rows), language, paint)
        }
        Format::Markdown => port_report::markdown(&port_report::fold(rows), language),
        Format::Csv => port_report::csv(&rows),
        Format::Json => port_report::json(&standings, language).to_string(),
    };
    paint::line(text.trim_end());
    tell_limits(plan, &standings, language);
    Ok(outcome)
}

/// What could not be seen, each said once, on standard error.
fn tell_limits(plan: &Plan, standings: &[Arc<CheckStanding>], language: Language) {
    for note in limits(plan, standings) {
        anstream::eprintln!("\n{}", note.in_language(language));
    }
}

fn limits(plan: &Plan, standings: &[Arc<CheckStanding>]) -> Vec<Text> {
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

/// The allocation document. Without a look at the machine there is nothing that could be found.
fn document(plan: &Plan, observed: bool, language: Language) -> anyhow::Result<Outcome> {
    let (strangers, outcome) = if observed {
        let (standings, outcome) = look(plan)?;
        tell_limits(plan, &standings, language);
        (Some(strangers(&standings, language)), outcome)
    } else {
        (None, Outcome::Well)
    };
    let text = port_document::write(&plan.hosts, language, strangers.as_deref());
    paint::line(text.trim_end());
    Ok(outcome)
}

/// Looks at every port of the plan and at undeclared listeners.
fn look(plan: &Plan) -> anyhow::Result<(Vec<Arc<CheckStanding>>, Outcome)> {
    let seen = super::runtime()?.block_on(once::look(plan, |_| true))?;
    let bad = seen.iter().any(|seen| !seen.observation.is_good());
    let standings = seen.into_iter().map(|seen| Arc::new(seen.into_standing())).collect();
    Ok((standings, if bad { Outcome::Findings } else { Outcome::Well }))
}

/// What listens without a claim, as the document tells it.
fn strangers(standings: &[Arc<CheckStanding>], language: Language) -> Vec<Stranger> {
    port_report::rows(standings)
        .into_iter()
        .filter(|row| row.claim.is_none())
        .map(|row| Stranger {
            owner: row.owner.name(language),
            key: health::PortKey { host: row.host, port: row.ports.0, protocol: row.protocol },
            binds: match row.presence {
                Presence::Bound(binds) => binds,
                Presence::Nobody | Presence::Answers | Presence::Unknown => Vec::new(),
            },
        })
        .collect()
}
