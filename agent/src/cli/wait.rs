//! `wait`: until a record is everywhere. For hooks of ACME clients, which must not ask the CA before
//! every server that it may ask has the challenge.

mod board;

use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};
use health::Language;
use hickory_proto::rr::RecordType;

use super::probe::plan_text::PlanText;
use super::{Format, Outcome, paint, probe};
use crate::clock::monotonic;
use crate::net::Net;
use crate::plan;
use crate::probe::Spec;
use crate::probe::dns::{self, presence};
use board::Board;

/// One look takes no longer than this, and has at least this long near the end.
const LONGEST_LOOK: Duration = Duration::from_secs(5);
const SHORTEST_LOOK: Duration = Duration::from_secs(1);
/// The pause between two looks grows by this much, up to the longest.
const GROWTH_PERCENT: u32 = 125;
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// `wait`
#[derive(Debug, Args)]
pub struct Wait {
    /// What to wait for.
    #[command(subcommand)]
    pub what: What,
}

/// What to wait for.
#[derive(Debug, Subcommand)]
pub enum What {
    /// A record on every authoritative nameserver of its zone: ends with 0 when all have it, and with 1
    /// and a list of those that lack it when the time is over.
    Dns(Dns),
}

/// `wait dns`
#[derive(Debug, Args)]
pub struct Dns {
    /// The name of the record. Where a CNAME delegates an `_acme-challenge`, the servers it leads to
    /// are asked too.
    pub name: String,
    /// Its type.
    pub record_type: String,
    /// What must be there: for TXT among others, for other types exactly. After `--` where one begins
    /// with a dash, as one challenge in 64 does.
    #[arg(required_unless_present = "absent", conflicts_with = "absent")]
    pub values: Vec<String>,
    /// No such record must be there.
    #[arg(long)]
    pub absent: bool,
    /// The zone; default: the nearest one above the name that the resolver knows.
    #[arg(long)]
    pub zone: Option<String>,
    /// How long to wait.
    #[arg(long, default_value = "10m")]
    pub timeout: String,
    /// The first pause between two looks; the next are longer, up to 15 s.
    #[arg(long, default_value = "2s")]
    pub interval: String,
    /// Ask these; default: as the parent delegates. May be repeated.
    #[arg(long, value_name = "NAME[:PORT]")]
    pub nameserver: Vec<String>,
    /// Servers of the zone above; default: found through the resolver. May be repeated.
    #[arg(long, value_name = "ADDRESS[:PORT]")]
    pub parent: Vec<String>,
    /// Wait for this cache too. May be repeated.
    #[arg(long, value_name = "ADDRESS[:PORT]")]
    pub resolver: Vec<String>,
    /// Take zone, nameservers and parent from this [[dns]] of the plan.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["zone", "nameserver", "parent", "via"])]
    pub check: Option<String>,
    /// With --check: wait for the plan's resolvers too.
    #[arg(long, requires = "check")]
    pub resolvers: bool,
    /// Resolver for names of servers; default: the system's.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub via: Option<String>,
    /// How the outcome is written.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

pub(super) fn execute(wait: Wait, config: &Path, language: Language) -> anyhow::Result<Outcome> {
    let What::Dns(asked) = wait.what;
    let [timeout, interval] = [("--timeout", &asked.timeout), ("--interval", &asked.interval)]
        .map(|(key, text)| plan::duration(text).map_err(|why| anyhow::anyhow!("{key}: {why}")));
    let (timeout, interval) = (timeout?, interval?);
    let Some((spec, resolver)) = spec(&asked, config)? else { return Ok(Outcome::Failed) };
    super::runtime()?.block_on(async {
        let net = Net::new(resolver).map_err(anyhow::Error::msg)?;
        let board = Board::new(asked.format, language);
        Ok(Watch { spec: &spec, net: &net, timeout, interval, board }.until_there().await)
    })
}

/// What to ask for and of whom, and through which resolver; `None` after mistakes have been printed.
fn spec(
    asked: &Dns,
    config: &Path,
) -> anyhow::Result<Option<(dns::Spec, Option<std::net::SocketAddr>)>> {
    let planned = match &asked.check {
        None => None,
        Some(check) => {
            let Some(plan) = super::load(config) else { return Ok(None) };
            let Some(spec) = named(&plan, check) else {
                anyhow::bail!("the plan has no [[dns]] named {check:?}");
            };
            Some((spec, plan.agent.resolver))
        }
    };
    let zone = match (&planned, &asked.zone) {
        (Some((spec, _)), _) => spec.zone.to_utf8(),
        (None, Some(zone)) => zone.clone(),
        (None, None) => probe::zone::of(&asked.name, &asked.nameserver, asked.via.as_deref())
            .map_err(anyhow::Error::msg)?,
    };
    let Some(plan) = probe::understood(&asked.plan_text(&zone))? else { return Ok(None) };
    let Some(Spec::Dns(asked_for)) = plan.checks.first().map(|check| &check.spec) else {
        anyhow::bail!("nothing to wait for");
    };
    Ok(Some(match planned {
        None => (asked_for.clone(), plan.agent.resolver),
        Some((spec, resolver)) => {
            let mut resolvers = asked_for.resolvers.clone();
            if asked.resolvers {
                resolvers.extend(&spec.resolvers);
            }
            let records = asked_for.records.clone();
            (dns::Spec { resolvers, records, kept: dns::Kept::default(), ..spec }, resolver)
        }
    }))
}

fn named(plan: &plan::Plan, name: &str) -> Option<dns::Spec> {
    plan.checks.iter().find_map(|check| match &check.spec {
        Spec::Dns(spec) if &*check.frame.name == name => Some(spec.clone()),
        _ => None,
    })
}

impl Dns {
    /// The plan that this is short for.
    fn plan_text(&self, zone: &str) -> String {
        let mut plan = PlanText::default();
        plan.table("dns", &[("zone", Some(zone.to_owned()))]);
        plan.list("nameservers", &self.nameserver);
        plan.list("parent", &self.parent);
        plan.list("resolvers", &self.resolver);
        plan.0.push_str("[[dns.record]]\n");
        plan.key("name", &format!("{}.", self.name.trim_end_matches('.')));
        let kind = self.record_type.to_ascii_uppercase();
        plan.key("type", &kind);
        if self.absent {
            plan.0.push_str("absent = true\n");
        } else if kind == RecordType::TXT.to_string() {
            // Others may be there too: the challenge of the name without the wildcard, say.
            plan.list("contains", &self.values);
        } else {
            plan.list("values", &self.values);
        }
        plan.with_agent(self.via.as_deref())
    }
}

/// One record being waited for.
struct Watch<'a> {
    spec: &'a dns::Spec,
    net: &'a Net,
    timeout: Duration,
    interval: Duration,
    board: Board,
}

impl Watch<'_> {
    async fn until_there(mut self) -> Outcome {
        let start = monotonic();
        let mut pause = self.interval.max(Duration::from_millis(100));
        let longest = LONGEST_PAUSE.max(pause);
        loop {
            let left = self.timeout.saturating_sub(monotonic() - start);
            let within = left.clamp(SHORTEST_LOOK, LONGEST_LOOK);
            let seen = presence::look(self.spec, self.net, within).await;
            let waited = monotonic() - start;
            self.board.show(&seen, waited);
            if seen.is_complete() {
                self.board.done(&seen, waited);
                return Outcome::Well;
            }
            let left = self.timeout.saturating_sub(waited);
            if left.is_zero() {
                self.board.lacking(&seen, waited);
                return Outcome::Findings;
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * GROWTH_PERCENT / 100).min(longest);
        }
    }
}
