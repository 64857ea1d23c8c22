//! Ports to give to the next service: what the command `ports free` and `/api/v1/ports/free` name.
//!
//! A port that is named has passed every test there is without disturbing anybody: no claim, no
//! listener at any address, no connection that has it as its local port (TIME_WAIT too), not among
//! those that the kernel gives to clients, and the kernel let us bind it. Deliberately absent:
//! keeping it. Between this answer and the start of the service somebody else may take the port; a
//! claim in the plan is what keeps it.

use std::collections::HashSet;
use std::io;
use std::ops::RangeInclusive;

use health::ports::{Obstacle, Occupancy};
use health::{Host, Protocol};
use serde_json::{Value, json};

mod attempt;

use attempt::Attempt;

/// Where services of one's own usually live: above what needs root and below what the kernel gives
/// to clients, whatever the distribution.
pub const USUAL_RANGE: RangeInclusive<u16> = 3000..=9999;
/// How many are named when nobody says how many.
pub const USUAL_COUNT: usize = 10;
/// Ports bound for one question, so that no question keeps the kernel busy.
const MOST_BOUND: usize = 16_384;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where to look.
    pub range: RangeInclusive<u16>,
    /// Transport.
    pub protocol: Protocol,
    /// How many ports in a row; 1 for single ones.
    pub block: u16,
    /// How many single ports, or how many blocks.
    pub count: usize,
}

/// How well a free port was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// At this machine's sockets and by binding.
    Here,
    /// At the plan alone: what another host does with its ports cannot be seen from here.
    AtThePlan,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// First and last of each block, the lowest first; equal for single ports.
    pub blocks: Vec<(u16, u16)>,
    /// What was passed over on the way, in runs, and why.
    pub passed_over: Vec<((u16, u16), Obstacle)>,
    /// Ports named without having been bound, because this user may not bind them.
    pub untried: Vec<u16>,
    /// Where the search was given up, because it had bound as many ports as one question may.
    pub given_up_at: Option<u16>,
    /// How well they were looked at.
    pub looked: Looked,
}

/// What is taken by the plan: the claims of a host, and for a local one those of every local host,
/// because they share the ports of this machine; and the outer ports of forwards, which are TCP.
/// Nobody listens on those where the kernel or a router does the forwarding.
#[must_use]
pub fn claimed<'a>(
    hosts: impl IntoIterator<Item = &'a Host>,
    forwarded: impl IntoIterator<Item = u16>,
    protocol: Protocol,
) -> HashSet<u16> {
    let claims = hosts.into_iter().flat_map(|host| &host.claims);
    let claims = claims.filter(|claim| claim.key.protocol == protocol);
    let forwarded = forwarded.into_iter().filter(|_| protocol == Protocol::Tcp);
    claims.map(|claim| claim.key.port).chain(forwarded).collect()
}

/// Free ports of this machine. Blocks for a moment.
///
/// # Errors
/// When the sockets of this machine cannot be read.
pub fn here(wanted: &Wanted, claimed: HashSet<u16>) -> io::Result<Found> {
    let mut occupancy = crate::listeners::occupancy(wanted.protocol)?;
    occupancy.claimed = claimed;
    Ok(find(wanted, &occupancy, Looked::Here, |port| attempt::bind(wanted.protocol, port)))
}

/// Ports of another host that the plan leaves free.
#[must_use]
pub fn elsewhere(wanted: &Wanted, claimed: HashSet<u16>) -> Found {
    let occupancy = Occupancy { claimed, ..Occupancy::default() };
    find(wanted, &occupancy, Looked::AtThePlan, |_| Attempt::Bound)
}

fn find(
    wanted: &Wanted,
    occupancy: &Occupancy,
    looked: Looked,
    bind: impl Fn(u16) -> Attempt,
) -> Found {
    let mut found = Found {
        blocks: Vec::new(),
        passed_over: Vec::new(),
        untried: Vec::new(),
        given_up_at: None,
        looked,
    };
    let block = usize::from(wanted.block.max(1));
    let mut bound = 0;
    // Ports in a row that nothing is known against, none of them bound yet.
    let mut row: Vec<u16> = Vec::new();
    for port in wanted.range.clone().filter(|port| *port != 0) {
        if found.blocks.len() >= wanted.count {
            break;
        }
        if let Some(obstacle) = occupancy.obstacle(port) {
            found.pass_over(port, obstacle);
            row.clear();
            continue;
        }
        row.push(port);
        if row.len() < block {
            continue;
        }
        if bound + block > MOST_BOUND {
            found.given_up_at = Some(row[0]);
            break;
        }
        let mut untried = Vec::new();
        let refused = row.iter().position(|&port| {
            bound += 1;
            match bind(port) {
                Attempt::Bound => false,
                Attempt::Refused => true,
                Attempt::NotAllowed => {
                    untried.push(port);
                    false
                }
            }
        });
        match refused {
            Some(at) => {
                found.pass_over(row[at], Obstacle::Refused);
                row.drain(..=at);
            }
            None => {
                found.blocks.push((row[0], port));
                found.untried.append(&mut untried);
                row.clear();
            }
        }
    }
    found
}

impl Found {
    fn pass_over(&mut self, port: u16, obstacle: Obstacle) {
        match self.passed_over.last_mut() {
            Some((run, reason)) if *reason == obstacle && run.1.checked_add(1) == Some(port) => {
                run.1 = port;
            }
            _ => self.passed_over.push(((port, port), obstacle)),
        }
    }

    /// `{"ports":[…],"blocks":[…],"passed_over":[…]}`: the body of `/api/v1/ports/free`.
    #[must_use]
    pub fn json(&self, wanted: &Wanted) -> Value {
        let ports: Vec<u16> = self.blocks.iter().flat_map(|&(first, last)| first..=last).collect();
        let run = |&(first, last): &(u16, u16)| json!({ "first": first, "last": last });
        let passed_over = self.passed_over.iter().map(
            |((first, last), obstacle)| json!({ "first": first, "last": last, "why": obstacle }),
        );
        json!({
            "ports": ports,
            "blocks": self.blocks.iter().map(run).collect::<Vec<_>>(),
            "range": { "first": wanted.range.start(), "last": wanted.range.end() },
            "protocol": wanted.protocol,
            "passed_over": passed_over.collect::<Vec<_>>(),
            "looked_at_sockets": self.looked == Looked::Here,
            "untried": self.untried,
            "given_up_at": self.given_up_at,
        })
    }

    /// `3000-3002 claimed, 3003 listened on`, cut after a few; empty when nothing was passed over.
    #[must_use]
    pub fn reasons(&self) -> String {
        const SHOWN: usize = 8;
        let words = self.passed_over.iter().take(SHOWN).map(|(run, obstacle)| {
            let why = match obstacle {
                Obstacle::Claimed => "claimed by the plan",
                Obstacle::Listening => "listened on",
                Obstacle::Connected => "in use by connections, or was a moment ago",
                Obstacle::Ephemeral => "given to clients by the kernel (ip_local_port_range)",
                Obstacle::Refused => "refused by the kernel when bound",
            };
            format!("{} {why}", run_words(*run))
        });
        let mut words = words.collect::<Vec<_>>().join(", ");
        if self.passed_over.len() > SHOWN {
            words.push_str(", …");
        }
        words
    }
}

/// FIRST-LAST, or one port.
///
/// # Errors
/// In words for people, when it is neither.
pub fn range(words: &str) -> Result<RangeInclusive<u16>, String> {
    let (first, last) = words.split_once('-').unwrap_or((words, words));
    let port = |word: &str| {
        let word = word.trim();
        let digits = word.bytes().all(|byte| byte.is_ascii_digit());
        word.parse::<u16>().ok().filter(|port| digits && *port != 0)
    };
    match (port(first), port(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        (Some(first), Some(last)) => {
            Err(format!("the first port is above the last; write {last}-{first}"))
        }
        _ => Err("write FIRST-LAST, or one port, each from 1 to 65535".to_owned()),
    }
}

/// `3000`, or `3000-3009`.
#[must_use]
pub fn run_words(run: (u16, u16)) -> String {
    match run {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    }
}

#[cfg(test)]
mod tests;
