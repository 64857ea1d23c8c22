//! `rules`: alerting rules for Prometheus from the plan, and unit tests of them.

use std::path::Path;

use clap::{Args, ValueEnum};

use super::{Outcome, paint};
use crate::rules::{rules, trial, written};

/// `rules`
#[derive(Debug, Args)]
pub struct Rules {
    /// How they are written.
    #[arg(long, value_enum, default_value_t)]
    pub format: RuleFormat,
    /// Print unit tests for `promtool test rules` instead, of the rules that are kept in this file.
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        default_missing_value = "portwarden.rules.yml"
    )]
    pub tests: Option<String>,
}

/// How rules are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RuleFormat {
    /// For Prometheus.
    #[default]
    Yaml,
    /// The same for programs; Prometheus reads it as well.
    Json,
}

pub(super) fn execute(asked: &Rules, config: &Path) -> anyhow::Result<Outcome> {
    let Some(plan) = super::load(config) else { return Ok(Outcome::Failed) };
    let rules = rules(&plan);
    let text = match (&asked.tests, asked.format) {
        (None, RuleFormat::Yaml) => {
            let again = "portwarden rules > portwarden.rules.yml";
            format!("# Made from the plan; after it has changed: {again}\n{}", written(&rules)?)
        }
        (None, RuleFormat::Json) => serde_json::to_string_pretty(&rules)?,
        (Some(file), RuleFormat::Yaml) => written(&trial(&plan, &rules, file))?,
        (Some(file), RuleFormat::Json) => {
            serde_json::to_string_pretty(&trial(&plan, &rules, file))?
        }
    };
    paint::line(text.trim_end());
    Ok(Outcome::Well)
}
