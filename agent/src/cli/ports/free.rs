//! `ports free`: ports that can be given to the next service.

use std::num::{NonZeroU16, NonZeroUsize};
use std::ops::RangeInclusive;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use health::{Host, Protocol};

use super::super::{Format, Outcome, paint};
use crate::free_ports::{self, Found, Looked, USUAL_COUNT, Wanted, run_words};
use crate::plan::Plan;

/// `ports free`
#[derive(Debug, Args)]
pub struct Free {
    /// FIRST-LAST, or one port [default: 3000-9999].
    #[arg(value_parser = free_ports::range)]
    pub range: Option<RangeInclusive<u16>>,
    /// How many to name; with --block: how many blocks [default: 10, with --block 1].
    #[arg(long, value_name = "N")]
    pub count: Option<NonZeroUsize>,
    /// So many ports in a row, written FIRST-LAST.
    #[arg(long, value_name = "N")]
    pub block: Option<NonZeroU16>,
    /// Transport.
    #[arg(long, value_enum, default_value_t)]
    pub protocol: Transport,
    /// The same as --protocol udp.
    #[arg(long, conflicts_with = "protocol")]
    pub udp: bool,
    /// For this host of the plan; default: this machine. Of another machine only the plan is known.
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// How the outcome is written.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Transport of a port.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Transport {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

pub(super) fn execute(free: &Free, plan: &Plan) -> anyhow::Result<Outcome> {
    let wanted = free.wanted();
    let found = find(free, &wanted, plan)?;
    match free.format {
        Format::Json => paint::line(&found.json(&wanted).to_string()),
        Format::Text => found.blocks.iter().for_each(|block| paint::line(&run_words(*block))),
    }
    if found.blocks.is_empty() {
        bail!(refusal(&found, &wanted, free, plan));
    }
    tell(&found, &wanted);
    // Whoever asked for three and gets two has not got what they asked for.
    let short = free.count.is_some_and(|count| found.blocks.len() < count.get());
    Ok(if short { Outcome::Findings } else { Outcome::Well })
}

fn find(free: &Free, wanted: &Wanted, plan: &Plan) -> anyhow::Result<Found> {
    let hosts = || plan.hosts.iter().map(|host| &**host);
    let named = match &free.host {
        None => None,
        Some(name) => match hosts().find(|host| *host.name == **name) {
            Some(host) => Some(host),
            None => {
                let names: Vec<&str> = hosts().map(|host| &*host.name).collect();
                bail!("the plan has no host {name:?}; it has {}", names.join(", "));
            }
        },
    };
    let forwarded = plan.checks.iter().filter_map(|check| check.spec.outer_port());
    if let Some(other) = named.filter(|host| !host.local) {
        let claimed = free_ports::claimed([other], forwarded, wanted.protocol);
        return Ok(free_ports::elsewhere(wanted, claimed));
    }
    let local: Vec<&Host> = hosts().filter(|host| host.local).collect();
    free_ports::here(wanted, free_ports::claimed(local, forwarded, wanted.protocol))
        .context("the sockets of this machine cannot be read")
}

/// Why there is none, and whose the port is where one was asked for.
fn refusal(found: &Found, wanted: &Wanted, free: &Free, plan: &Plan) -> String {
    let (first, last) = (*wanted.range.start(), *wanted.range.end());
    let claim = plan
        .hosts
        .iter()
        .filter(|host| free.host.as_deref().map_or(host.local, |name| *host.name == *name))
        .flat_map(|host| &host.claims)
        .find(|claim| claim.key.port == first && claim.key.protocol == wanted.protocol);
    let (what, within) = (what(wanted), run_words((first, last)));
    match (claim, found.reasons()) {
        (Some(claim), _) if first == last => {
            let (key, kind) = (&claim.key, claim.claim.label());
            match &*claim.service {
                "" => format!("{within} is not free: the plan has {key} as {kind}"),
                service => {
                    format!("{within} is not free: the plan has {key} as {kind}, {service:?}")
                }
            }
        }
        (_, reasons) if first == last => format!("{within} is not free: {reasons}"),
        (_, reasons) if reasons.is_empty() => format!("{within} has no {what}"),
        (_, reasons) => format!("{within} has no {what}: {reasons}"),
    }
}

fn what(wanted: &Wanted) -> String {
    let protocol = wanted.protocol.label();
    match wanted.block {
        1 => format!("free {protocol} port"),
        block => format!("{block} free {protocol} ports in a row"),
    }
}

/// What a reader of the ports has to know besides, on standard error.
fn tell(found: &Found, wanted: &Wanted) {
    if found.looked == Looked::AtThePlan {
        anstream::eprintln!(
            "portwarden: another machine: free by the plan; who listens there cannot be seen from here"
        );
    }
    if let (Some(first), Some(last)) = (found.untried.first(), found.untried.last()) {
        let ports = if first == last { first.to_string() } else { format!("{first} to {last}") };
        anstream::eprintln!(
            "portwarden: {ports}: nothing is known against it, but this user may not bind it to be sure"
        );
    }
    if let Some(port) = found.given_up_at {
        anstream::eprintln!("portwarden: given up at {port}, having bound many: ask from there on");
    }
    if found.blocks.len() < wanted.count && !found.passed_over.is_empty() {
        anstream::eprintln!("portwarden: no more than these: {}", found.reasons());
    }
}

impl Free {
    fn wanted(&self) -> Wanted {
        let count = match (self.count, self.block) {
            (Some(count), _) => count.get(),
            (None, Some(_)) => 1,
            (None, None) => USUAL_COUNT,
        };
        let protocol = match (self.protocol, self.udp) {
            (Transport::Udp, _) | (_, true) => Protocol::Udp,
            (Transport::Tcp, false) => Protocol::Tcp,
        };
        Wanted {
            range: self.range.clone().unwrap_or(free_ports::USUAL_RANGE),
            protocol,
            block: self.block.map_or(1, NonZeroU16::get),
            count,
        }
    }
}
