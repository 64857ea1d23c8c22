//! `probe`: one probe without a plan. The arguments become a small plan of one check, so that
//! everything a plan can say can be said here, and is checked the same way.

mod facts;
mod handshake;
pub(super) mod matrix;
pub(super) mod plan_text;
mod questions;
#[cfg(test)]
mod tests;
mod verdicts;
mod visits;
pub(super) mod zone;

use std::path::Path;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use health::{Check, Language, Observation};
use serde_json::{Value, json};

use super::{Format, Outcome, paint};
use crate::net::Net;
use crate::probe::tcp::speaks::PROTOCOLS;
use crate::probe::tls::starttls;
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
    /// A TLS handshake, the chain served at every address, and how all of it comes out.
    Tls {
        /// HOST:PORT; without a port, port 443.
        target: String,
        /// Dial here instead.
        #[arg(long, value_name = "HOST:PORT")]
        connect: Option<String>,
        /// The name to ask for and to check; default: the host of the target.
        #[arg(long, value_name = "NAME")]
        server_name: Option<String>,
        /// The protocol that begins without TLS, such as smtp.
        #[arg(long, value_name = "PROTOCOL", value_parser = PossibleValuesParser::new(starttls::PROTOCOLS))]
        starttls: Option<String>,
        /// Do not send the name; it is checked all the same.
        #[arg(long)]
        no_sni: bool,
        /// Versions below it that are still enabled are a finding; default: 1.2.
        #[arg(long, value_name = "VERSION", value_parser = ["1.0", "1.1", "1.2", "1.3"])]
        min_version: Option<String>,
        /// A key that may be served: sha256/BASE64, or a certificate's SHA-256 in hex. May be repeated.
        #[arg(long, value_name = "PIN")]
        pin: Vec<String>,
        /// Roots to trust besides the system's. May be repeated.
        #[arg(long, value_name = "FILE")]
        ca: Vec<String>,
        /// The certificate file that should be served.
        #[arg(long, value_name = "FILE")]
        file: Option<String>,
        #[command(flatten)]
        more: More,
    },
    /// Records on every authoritative nameserver of their zone, and on caches.
    Dns {
        /// NAME, NAME TYPE, or ZONE and as many NAME TYPE as you like: shop.example www A @ MX.
        /// A zone alone shows what is at its apex.
        #[arg(required = true, value_name = "ZONE|NAME TYPE")]
        words: Vec<String>,
        /// The zone; default: the nearest one above the name that the resolver knows.
        #[arg(long)]
        zone: Option<String>,
        /// Ask these; default: as the parent delegates. May be repeated.
        #[arg(long, value_name = "NAME[:PORT]")]
        nameserver: Vec<String>,
        /// Compare with these caches. May be repeated.
        #[arg(long, value_name = "ADDRESS:PORT")]
        resolver: Vec<String>,
        /// What must be there, exactly; of one record. May be repeated.
        #[arg(long)]
        value: Vec<String>,
        /// Show each answer as it came: flags, TTL, round trip, sections, and the dig for it.
        #[arg(long)]
        raw: bool,
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

impl More {
    /// A value of this command's own for a key that the plan has none for, unless it was set.
    fn unless_set(&self, key: &str, value: &str) -> Option<String> {
        let is_set = |line: &String| line.split('=').next().is_some_and(|set| set.trim() == key);
        (!self.set.iter().any(is_set)).then(|| value.to_owned())
    }
}

/// How much of what was seen is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// What a person looks for first.
    Brief,
    /// Every answer as it came.
    Raw,
}

pub(super) fn execute(asked: Probe, detail: Detail, language: Language) -> anyhow::Result<Outcome> {
    let detail = match &asked.kind {
        Kind::Dns { raw: true, .. } => Detail::Raw,
        _ => detail,
    };
    let (text, format) = asked.kind.into_plan().map_err(anyhow::Error::msg)?;
    let Some(plan) = understood(&text)? else { return Ok(Outcome::Failed) };
    let Some(check) = plan.checks.first() else { anyhow::bail!("nothing to probe") };
    let observation = super::runtime()?.block_on(async {
        let net = Net::for_one_look(plan.agent.resolver).map_err(anyhow::Error::msg)?;
        anyhow::Ok(probe::guarded(check, &net).await)
    })?;
    match format {
        Format::Json => paint::line(&to_json(&check.frame, &observation).to_string()),
        Format::Text => print(check, &observation, detail, language),
    }
    Ok(if observation.is_good() { Outcome::Well } else { Outcome::Findings })
}

/// The plan that arguments were made into, or `None` after their mistakes have been printed.
pub(super) fn understood(text: &str) -> anyhow::Result<Option<plan::Plan>> {
    let folder = std::env::current_dir()?;
    match plan::parse(text, Path::new("probe"), &folder, &plan::ThisMachine) {
        Ok(plan) => Ok(Some(plan)),
        Err(mistakes) => {
            for mistake in mistakes.list() {
                let help = mistake.help.as_deref().map(|help| format!("; {help}"));
                anstream::eprintln!("portwarden: {}{}", mistake.message, help.unwrap_or_default());
            }
            Ok(None)
        }
    }
}

impl Kind {
    /// The plan that this probe is short for.
    ///
    /// # Errors
    /// A sentence for people: the zone of a name is not known.
    fn into_plan(self) -> Result<(String, Format), String> {
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
            Self::Tls {
                target,
                connect,
                server_name,
                starttls,
                no_sni,
                min_version,
                pin,
                ca,
                file,
                more,
            } => {
                plan.table(
                    "tls",
                    &[
                        ("address", Some(target)),
                        ("connect", connect),
                        ("server_name", server_name),
                        ("starttls", starttls),
                        (
                            "min_version",
                            min_version.or_else(|| more.unless_set("min_version", "1.2")),
                        ),
                        ("file", file),
                    ],
                );
                plan.list("pin", &pin);
                plan.list("ca", &ca);
                if no_sni {
                    plan.0.push_str("sni = false\n");
                }
                more
            }
            Self::Dns { words, zone, nameserver, resolver, value, more, .. } => {
                let find = |name: &str| zone::of(name, &nameserver, more.via.as_deref());
                let asked = questions::Questions::of(&words, zone, find)?;
                if !value.is_empty() && asked.records.len() != 1 {
                    return Err("--value speaks of one record: give one NAME TYPE".to_owned());
                }
                plan.table("dns", &[("zone", Some(asked.zone))]);
                plan.list("nameservers", &nameserver);
                plan.list("resolvers", &resolver);
                plan.more(&more);
                for (name, record_type) in asked.records {
                    plan.0.push_str("[[dns.record]]\n");
                    plan.key("name", &name);
                    plan.key("type", &record_type);
                    plan.list("values", &value);
                }
                return Ok((plan.with_agent(more.via.as_deref()), more.format));
            }
        };
        plan.more(&more);
        Ok((plan.with_agent(more.via.as_deref()), more.format))
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

fn print(check: &probe::Check, observation: &Observation, detail: Detail, language: Language) {
    let (bold, dim) = (paint::BOLD, paint::DIM);
    for (phase, took) in observation.phases.iter() {
        paint::line(&format!("{dim}{:<12}{dim:#}{}", phase.label(), paint::milliseconds(took)));
    }
    let total = paint::milliseconds(observation.duration);
    paint::line(&format!("{bold}{:<12}{bold:#}{total}", "total"));
    for block in facts::blocks(&check.spec, observation, detail, language) {
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
