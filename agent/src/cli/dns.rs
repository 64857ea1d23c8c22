//! `dns`: entries of a plan from a zone file, or from what a zone's servers answer.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use hickory_proto::rr::Name;
use serde_json::{Value, json};

use super::{Outcome, paint};
use crate::net::Net;
use crate::plan::{self, Plan};
use crate::probe::{self, Stopwatch};
use crate::zone_plan::{self, Draft};

/// A zone file larger than this is not read.
const LARGEST_FILE_BYTES: u64 = 64 << 20;

/// `dns`
#[derive(Debug, Args)]
pub struct Dns {
    /// Where the records come from.
    #[command(subcommand)]
    pub source: Source,
}

/// Where the records come from.
#[derive(Debug, Subcommand)]
pub enum Source {
    /// A zone file (RFC 1035) as [[dns]] and [[dns.record]].
    Import {
        /// The file; `-` is standard input.
        file: PathBuf,
        /// The zone; default: the owner of the file's SOA.
        #[arg(long)]
        zone: Option<String>,
        /// Whom the plan is to ask; default: as the parent delegates. May be repeated.
        #[arg(long, value_name = "NAME[:PORT]")]
        nameserver: Vec<String>,
    },
    /// What a zone's servers answer for the names that zones usually have, as the same.
    Snapshot {
        /// The zone.
        zone: String,
        /// Ask these; default: as the parent delegates. May be repeated.
        #[arg(long, value_name = "NAME[:PORT]")]
        nameserver: Vec<String>,
        /// Transfer the whole zone, where a server lets you.
        #[arg(long)]
        axfr: bool,
        /// Resolver for the delegation and for names of nameservers; default: the system's.
        #[arg(long, value_name = "ADDRESS:PORT")]
        via: Option<String>,
        /// The bound on it all, in seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
        timeout: u64,
    },
}

pub(super) fn execute(asked: Dns) -> anyhow::Result<Outcome> {
    match asked.source {
        Source::Import { file, zone, nameserver } => import(&file, zone.as_deref(), &nameserver),
        Source::Snapshot { zone, nameserver, axfr, via, timeout } => {
            let Some(plan) = small_plan(&zone, &nameserver, via.as_deref()) else {
                return Ok(Outcome::Failed);
            };
            let within = Duration::from_secs(timeout);
            super::runtime()?.block_on(snapshot(&plan, &nameserver, axfr.into(), within))
        }
    }
}

/// How a zone's records are learnt.
#[derive(Clone, Copy)]
enum Way {
    Transfer,
    Questions,
}

impl From<bool> for Way {
    fn from(axfr: bool) -> Self {
        if axfr { Self::Transfer } else { Self::Questions }
    }
}

fn import(file: &Path, zone: Option<&str>, nameservers: &[String]) -> anyhow::Result<Outcome> {
    let shown = file.display();
    let bytes = contents(file).with_context(|| format!("{shown} cannot be read"))?;
    if bytes.len() as u64 > LARGEST_FILE_BYTES {
        bail!("{shown} is larger than {} MiB", LARGEST_FILE_BYTES >> 20);
    }
    let zone = match zone {
        Some(zone) => {
            let mut name =
                Name::from_ascii(zone).with_context(|| format!("{zone:?} is no name"))?;
            name.set_fqdn(true);
            Some(name.to_lowercase())
        }
        None => None,
    };
    let text = zone_plan::text(&bytes);
    match zone_plan::read(&text, zone.as_ref()) {
        Ok((zone, held)) => {
            // What is written has to be a plan, whatever the zone is called and whoever is to be asked.
            if small_plan(&probe::dns::shown(&zone), nameservers, None).is_none() {
                return Ok(Outcome::Failed);
            }
            let source =
                if file == Path::new("-") { "standard input".into() } else { shown.to_string() };
            Ok(print(&Draft::of(&zone, held), &source, nameservers, &[]))
        }
        Err(mistake) => {
            anstream::eprintln!("{shown}:{}: {}", mistake.line, paint::printable(&mistake.message));
            Ok(Outcome::Failed)
        }
    }
}

fn contents(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = LARGEST_FILE_BYTES + 1;
    if file == Path::new("-") {
        std::io::stdin().take(most).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(file)?.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

async fn snapshot(
    plan: &Plan,
    nameservers: &[String],
    way: Way,
    within: Duration,
) -> anyhow::Result<Outcome> {
    let Some(probe::Spec::Dns(spec)) = plan.checks.first().map(|check| &check.spec) else {
        bail!("nothing to ask");
    };
    let net = Net::new(plan.agent.resolver).map_err(anyhow::Error::msg)?;
    let mut watch = Stopwatch::start(within);
    let (source, held, notes) = match way {
        Way::Transfer => {
            let transferred = probe::dns::transfer(spec, &net, &mut watch).await;
            let (server, held) = transferred.map_err(|why| {
                anyhow::anyhow!("the zone is not transferred: {why}. Without --axfr the usual names are asked for.")
            })?;
            (format!("a transfer from {server}"), held, Vec::new())
        }
        Way::Questions => {
            let seen =
                probe::dns::snapshot(spec, &net, &mut watch).await.map_err(anyhow::Error::msg)?;
            let mut notes = vec![format!(
                "{} usual names were asked for; what has another name is not here.",
                seen.names
            )];
            notes.extend(seen.notes);
            (seen.servers.join(", "), seen.held, notes)
        }
    };
    Ok(print(&Draft::of(&spec.zone, held), &source, nameservers, &notes))
}

/// A plan of one zone: so its arguments are checked, and said to be wrong, as a plan's are.
fn small_plan(zone: &str, nameservers: &[String], via: Option<&str>) -> Option<Plan> {
    let mut text = String::new();
    if let Some(via) = via {
        let _ = writeln!(text, "[agent]\nresolver = {}", Value::from(via));
    }
    let _ = writeln!(text, "[[dns]]\nname = \"zone\"\nzone = {}", Value::from(zone));
    if !nameservers.is_empty() {
        let _ = writeln!(text, "nameservers = {}", json!(nameservers));
    }
    match plan::parse(&text, Path::new("dns"), Path::new("/"), &plan::ThisMachine) {
        Ok(plan) => Some(plan),
        Err(mistakes) => {
            for mistake in mistakes.list() {
                let help = mistake.help.as_deref().map(|help| format!("; {help}"));
                anstream::eprintln!("portwarden: {}{}", mistake.message, help.unwrap_or_default());
            }
            None
        }
    }
}

fn print(draft: &Draft, source: &str, nameservers: &[String], notes: &[String]) -> Outcome {
    paint::line(draft.write(source, nameservers, notes).trim_end());
    anstream::eprintln!(
        "{} record sets; read them, add them to the plan, then: portwarden validate",
        draft.len()
    );
    Outcome::Well
}
