//! `ports`: the port plan against reality, looked at now.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use health::Language;
use health::snapshot::CheckStanding;

use super::{Outcome, once, paint};
use crate::port_report::{self, Paint};

/// `ports`
#[derive(Debug, Args)]
pub struct Ports {
    /// How the report is written.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
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
    Ok(if bad { Outcome::Findings } else { Outcome::Well })
}
