//! `probe`: one probe without a plan. The arguments become a small plan of one check, so that
//! everything a plan can say can be said here, and is checked the same way.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Args, Subcommand};
use health::{Check, Language, Observation};
use serde_json::{Value, json};

use super::{Format, Outcome, paint};
use crate::net::Net;
use crate::plan;

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
    /// A TCP connection, and what is said first.
    Tcp {
        /// HOST:PORT
        target: String,
        /// A regular expression on what it says first.
        #[arg(long)]
        expect: Option<String>,
        /// It must not accept.
        #[arg(long)]
        expect_closed: bool,
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
        /// The zone; default: the name itself.
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

pub(super) fn execute(probe: Probe, language: Language) -> anyhow::Result<Outcome> {
    let (text, format) = probe.kind.into_plan();
    let folder = std::env::current_dir()?;
    let plan = match plan::parse(&text, Path::new("probe"), &folder, &plan::ThisMachine) {
        Ok(plan) => plan,
        Err(mistakes) => {
            for mistake in mistakes.list() {
                let help = mistake.help.as_deref().unwrap_or_default();
                anstream::eprintln!("portwarden: {}; {help}", mistake.message);
            }
            return Ok(Outcome::Failed);
        }
    };
    let Some(check) = plan.checks.first() else { anyhow::bail!("nothing to probe") };
    let observation = super::runtime()?.block_on(async {
        let net = Net::new(plan.agent.resolver).map_err(anyhow::Error::msg)?;
        anyhow::Ok(crate::probe::guarded(check, &net).await)
    })?;
    match format {
        Format::Json => paint::line(&to_json(&check.frame, &observation).to_string()),
        Format::Text => print(&observation, language),
    }
    Ok(if observation.is_good() { Outcome::Well } else { Outcome::Findings })
}

impl Kind {
    /// The plan that this probe is short for.
    fn into_plan(self) -> (String, Format) {
        let mut plan = PlanText::default();
        let more = match self {
            Self::Tcp { target, expect, expect_closed, more } => {
                plan.table("tcp", &[("address", Some(target)), ("expect", expect)]);
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

/// A plan being written.
#[derive(Default)]
struct PlanText(String);

impl PlanText {
    fn table(&mut self, kind: &str, keys: &[(&str, Option<String>)]) {
        let _ = writeln!(self.0, "[[{kind}]]\nname = \"probe\"");
        for (key, value) in keys {
            if let Some(value) = value {
                self.key(key, value);
            }
        }
    }

    fn key(&mut self, key: &str, value: &str) {
        // A JSON string is a TOML basic string.
        let _ = writeln!(self.0, "{key} = {}", Value::from(value));
    }

    fn list(&mut self, key: &str, values: &[String]) {
        if !values.is_empty() {
            let _ = writeln!(self.0, "{key} = {}", json!(values));
        }
    }

    fn more(&mut self, more: &More) {
        self.key("timeout", &more.timeout);
        for line in &more.set {
            let _ = writeln!(self.0, "{line}");
        }
    }

    fn with_agent(self, via: Option<&str>) -> String {
        match via {
            Some(via) => format!("[agent]\nresolver = {}\n{}", Value::from(via), self.0),
            None => self.0,
        }
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

fn print(observation: &Observation, language: Language) {
    let (bold, dim) = (paint::BOLD, paint::DIM);
    for (phase, took) in observation.phases.iter() {
        paint::line(&format!("{dim}{:<12}{dim:#} {}", phase.label(), paint::milliseconds(took)));
    }
    paint::line(&format!(
        "{bold}{:<12}{bold:#} {}\n",
        "total",
        paint::milliseconds(observation.duration)
    ));
    if let Ok(Value::Object(facts)) = serde_json::to_value(&observation.facts) {
        for (name, value) in &facts {
            print_fact(name, value, 0);
        }
    }
    if observation.findings.is_empty() {
        let good = paint::state(health::State::Up);
        paint::line(&format!("\n{good}nothing is wrong{good:#}"));
    }
    for finding in &observation.findings {
        paint::line("");
        paint::finding(finding, language, "");
    }
}

fn print_fact(name: &str, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    let dim = paint::DIM;
    let is_plain = |value: &Value| !value.is_object() && !value.is_array();
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            paint::line(&format!("{dim}{indent}{name}{dim:#}"));
            for (name, value) in fields {
                print_fact(name, value, depth + 1);
            }
        }
        Value::Array(items) if items.is_empty() => {}
        Value::Array(items) if items.iter().all(is_plain) => {
            let words: Vec<String> = items.iter().map(plain).collect();
            paint::line(&format!("{dim}{indent}{name:<16}{dim:#} {}", words.join(", ")));
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                print_fact(&format!("{name} {}", place + 1), item, depth);
            }
        }
        plain_value => {
            paint::line(&format!("{dim}{indent}{name:<16}{dim:#} {}", plain(plain_value)));
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(words) => paint::printable(words),
        other => other.to_string(),
    }
}
