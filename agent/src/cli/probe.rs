//! `probe`: one probe without a plan. The arguments become a small plan of one check, so that
//! everything a plan can say can be said here, and is checked the same way.

mod facts;
mod plan_text;
#[cfg(test)]
mod tests;
mod zone;

use std::path::Path;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use health::{Check, Language, Observation};
use serde_json::{Value, json};

use super::{Format, Outcome, paint};
use crate::net::Net;
use crate::probe::tcp::speaks::PROTOCOLS;
use crate::{plan, probe};
use plan_text::PlanText;

/// `probe`
#[derive(Debug, Args)]
pub struct Probe {
    /// What to look at.
    #[command(subcommand)]
    pub kind: Kind,
}

/// What to look at.
#[derive(Debug, Subcommand)]
pub enum Kind {
    /// A TCP connection, what is said first, or a hello in a protocol.
    Tcp {
        /// HOST:PORT
        target: String,
        /// A regular expression on what it says first.
        #[arg(long)]
        expect: Option<String>,
        /// It must not accept.
        #[arg(long)]
        expect_closed: bool,
        /// The protocol that has to answer, such as postgres.
        #[arg(long, value_name = "PROTOCOL", value_parser = PossibleValuesParser::new(PROTOCOLS))]
        speaks: Option<String>,
        /// Who has to be let in, or asked for a password.
        #[arg(long, requires = "speaks")]
        user: Option<String>,
        /// The database that has to be there.
        #[arg(long, requires = "speaks")]
        database: Option<String>,
        #[command(flatten)]
        more: More,
    },
    /// An HTTP request.
    Http {
        /// http:// or https://
        target: String,
        /// Dial here, keep name, SNI and Host.
        #[arg(long, value_name = "HOST:PORT")]
        connect: Option<String>,
        #[command(flatten)]
        more: More,
    },
    /// A TLS handshake and the chain served.
    Tls {
        /// HOST:PORT
        target: String,
        /// Dial here instead.
        #[arg(long, value_name = "HOST:PORT")]
        connect: Option<String>,
        /// The name to ask for and to check; default: the host of the target.
        #[arg(long, value_name = "NAME")]
        server_name: Option<String>,
        /// The certificate file that should be served.
        #[arg(long, value_name = "FILE")]
        file: Option<String>,
        #[command(flatten)]
        more: More,
    },
    /// A record on every authoritative nameserver of its zone.
    Dns {
        /// The name of the record.
        target: String,
        /// Its type.
        #[arg(default_value = "A")]
        record_type: String,
        /// The zone; default: the nearest one above the name that the resolver knows.
        #[arg(long)]
        zone: Option<String>,
        /// Ask these; default: as the parent delegates. May be repeated.
        #[arg(long, value_name = "NAME[:PORT]")]
        nameserver: Vec<String>,
        /// Compare with these caches. May be repeated.
        #[arg(long, value_name = "ADDRESS:PORT")]
        resolver: Vec<String>,
        /// What must be there, exactly. May be repeated.
        #[arg(long)]
        value: Vec<String>,
        #[command(flatten)]
        more: More,
    },
}

/// What every probe takes.
#[derive(Debug, Args)]
pub struct More {
    /// The bound on the probe.
    #[arg(long, default_value = "5s")]
    pub timeout: String,
    /// Any other key of the plan, as it is written there: --set 'expect.status = [200, "3xx"]'.
    #[arg(long, value_name = "KEY = VALUE")]
    pub set: Vec<String>,
    /// Resolver for the target's name; default: the system's.
    #[arg(long = "via", value_name = "ADDRESS:PORT")]
    pub via: Option<String>,
    /// How the outcome is written.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

pub(super) fn execute(asked: Probe, language: Language) -> anyhow::Result<Outcome> {
    let kind = match asked.kind.with_zone() {
        Ok(kind) => kind,
        Err(reason) => anyhow::bail!("{reason}"),
    };
    let (text, format) = kind.into_plan();
    let folder = std::env::current_dir()?;
    let plan = match plan::parse(&text, Path::new("probe"), &folder, &plan::ThisMachine) {
        Ok(plan) => plan,
        Err(mistakes) => {
            for mistake in mistakes.list() {
                let help = mistake.help.as_deref().map(|help| format!("; {help}"));
                anstream::eprintln!("portwarden: {}{}", mistake.message, help.unwrap_or_default());
            }
            return Ok(Outcome::Failed);
        }
    };
    let Some(check) = plan.checks.first() else { anyhow::bail!("nothing to probe") };
    let observation = super::runtime()?.block_on(async {
        let net = Net::for_one_look(plan.agent.resolver).map_err(anyhow::Error::msg)?;
        anyhow::Ok(probe::guarded(check, &net).await)
    })?;
    match format {
        Format::Json => paint::line(&to_json(&check.frame, &observation).to_string()),
        Format::Text => print(check, &observation, language),
    }
    Ok(if observation.is_good() { Outcome::Well } else { Outcome::Findings })
}

impl Kind {
    /// The same, with the zone of a record found where it was not given.
    ///
    /// # Errors
    /// A sentence for people.
    fn with_zone(self) -> Result<Self, String> {
        let Self::Dns { target, record_type, zone: None, nameserver, resolver, value, more } = self
        else {
            return Ok(self);
        };
        let zone = Some(zone::of(&target, &nameserver, more.via.as_deref())?);
        Ok(Self::Dns { target, record_type, zone, nameserver, resolver, value, more })
    }

    /// The plan that this probe is short for.
    fn into_plan(self) -> (String, Format) {
        let mut plan = PlanText::default();
        let more = match self {
            Self::Tcp { target, expect, expect_closed, speaks, user, database, more } => {
                plan.table(
                    "tcp",
                    &[
                        ("address", Some(target)),
                        ("expect", expect),
                        ("speaks", speaks),
                        ("user", user),
                        ("database", database),
                    ],
                );
                if expect_closed {
                    plan.0.push_str("expect_closed = true\n");
                }
                more
            }
            Self::Http { target, connect, more } => {
                plan.table("http", &[("url", Some(target)), ("connect", connect)]);
                more
            }
            Self::Tls { target, connect, server_name, file, more } => {
                plan.table(
                    "tls",
                    &[
                        ("address", Some(target)),
                        ("connect", connect),
                        ("server_name", server_name),
                        ("file", file),
                    ],
                );
                more
            }
            Self::Dns { target, record_type, zone, nameserver, resolver, value, more } => {
                let name = format!("{}.", target.trim_end_matches('.'));
                let zone = zone.unwrap_or(target);
                plan.table("dns", &[("zone", Some(zone))]);
                plan.list("nameservers", &nameserver);
                plan.list("resolvers", &resolver);
                plan.more(&more);
                plan.0.push_str("[[dns.record]]\n");
                plan.key("name", &name);
                plan.key("type", &record_type);
                plan.list("values", &value);
                return (plan.with_agent(more.via.as_deref()), more.format);
            }
        };
        plan.more(&more);
        (plan.with_agent(more.via.as_deref()), more.format)
    }
}

/// What one probe saw, as the API would show it.
pub(super) fn to_json(check: &Check, observation: &Observation) -> Value {
    let findings: Vec<Value> = observation
        .findings
        .iter()
        .map(|finding| {
            json!({
                "code": finding.code,
                "severity": finding.severity,
                "subject": finding.subject,
                "summary": finding.summary.en,
                "evidence": finding.evidence,
                "remedy": finding.remedy.en,
            })
        })
        .collect();
    json!({
        "name": check.name,
        "kind": check.kind,
        "instance": check.instance,
        "at": observation.at,
        "duration_seconds": observation.duration.as_secs_f64(),
        "success": observation.is_good(),
        "phases": observation.phases,
        "facts": observation.facts,
        "findings": findings,
    })
}

fn print(check: &probe::Check, observation: &Observation, language: Language) {
    let (bold, dim) = (paint::BOLD, paint::DIM);
    for (phase, took) in observation.phases.iter() {
        paint::line(&format!("{dim}{:<12}{dim:#}{}", phase.label(), paint::milliseconds(took)));
    }
    let total = paint::milliseconds(observation.duration);
    paint::line(&format!("{bold}{:<12}{bold:#}{total}", "total"));
    for block in facts::blocks(&check.spec, observation, language) {
        paint::line("");
        paint::line(block.trim_end());
    }
    paint::line("");
    if observation.findings.is_empty() {
        let (good, words) = (
            paint::state(health::State::Up),
            match language {
                Language::En => "nothing is wrong",
                Language::Ko => "이상이 없습니다",
            },
        );
        paint::line(&format!("{good}{words}{good:#}"));
    }
    for finding in &observation.findings {
        paint::finding(finding, language, "");
    }
}
