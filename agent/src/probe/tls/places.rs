//! Every address of a name: one is looked at in full, the others beside it, for visitors reach any
//! of them.
//!
//! Deliberately absent: racing addresses for the first to answer, and what is looked at once for
//! all of them: versions below the floor, and the file.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use health::facts::{CertificateFacts, ServedFacts, TlsFacts};
use health::{Facts, Finding, Severity};
use jiff::Timestamp;

use super::client::Client;
use super::differs::{self, Place};
use super::{Sight, Spec, note};
use crate::net::{Connection, Failure, Net, connect};
use crate::probe::Stopwatch;
use crate::tls::{self, Offer, Presented, Refused};

/// Most addresses of one name that are looked at.
const MOST_ADDRESSES: usize = 16;

/// What is asked of the addresses of one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EveryAddress {
    /// Each is looked at, and all serve the same certificate.
    #[default]
    Same,
    /// Each is looked at and serves a good one.
    Valid,
    /// The first that accepts speaks for all.
    Off,
}

/// The addresses of a name besides the one that is looked at in full.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// Not dialled yet.
    untried: Vec<SocketAddr>,
    /// Dialled before one accepted.
    failed: Vec<(SocketAddr, Failure)>,
}

impl Others {
    /// The name has one address, or one speaks for all.
    pub(super) fn is_none(&self) -> bool {
        self.untried.is_empty() && self.failed.is_empty()
    }
}

/// What came of a look at one address.
pub(super) struct Visit {
    address: SocketAddr,
    outcome: Outcome,
}

/// What came of a handshake.
pub(super) enum Outcome {
    Closed(Failure),
    Refused(Box<Refused>),
    /// With the alert that came after it, if one did.
    Shaken(Presented, Option<u8>),
}

impl Spec {
    /// The name that goes out as SNI to this address, or the address itself, which is no name that
    /// could be sent (RFC 6066 section 3).
    pub(super) fn asked(&self, address: SocketAddr) -> Cow<'_, str> {
        if self.sends_name {
            Cow::Borrowed(&self.server_name)
        } else {
            Cow::Owned(address.ip().to_string())
        }
    }

    /// The same, as facts have it.
    fn asked_facts(&self) -> Option<String> {
        self.sends_name.then(|| self.server_name.clone())
    }
}

/// Dials the first address that accepts, always in the same order, so that what is found is found at
/// the same address from probe to probe however the resolver turns its answers. Notes addresses in
/// `facts`.
///
/// # Errors
/// As [`Net::dial`], about the first address when none accepts.
pub(super) async fn dial(
    spec: &Spec,
    net: &Net,
    watch: &mut Stopwatch,
    facts: &mut Facts,
) -> Result<(Connection, Others), Box<Finding>> {
    let endpoint = spec.dialled();
    if endpoint.address().is_some() || spec.every_address == EveryAddress::Off {
        let stream = net.dial(endpoint, spec.source, watch, facts).await?;
        return Ok((stream, Others::default()));
    }
    let mut addresses = net.resolve(endpoint, watch, facts).await?;
    addresses.sort_unstable();
    addresses.dedup();
    facts.resolved = addresses.iter().map(SocketAddr::ip).collect();
    if let Some(source) = spec.source {
        // Those of the other family cannot be dialled from there; if all are, the attempt says so.
        let same = |address: &SocketAddr| address.is_ipv4() == source.is_ipv4();
        if addresses.iter().any(same) {
            addresses.retain(same);
        }
    }
    addresses.truncate(MOST_ADDRESSES);
    let mut failed: Vec<(SocketAddr, Failure)> = Vec::new();
    for (index, &address) in addresses.iter().enumerate() {
        // Every address left gets an equal share of the time left.
        let left = watch.left();
        let share = left / u32::try_from(addresses.len() - index).unwrap_or(1);
        let until = watch.deadline() - (left - share);
        facts.address = Some(address);
        match connect(address, spec.source, until).await {
            Ok(stream) => {
                watch.lap(health::Phase::Connect);
                let untried = addresses.split_off(index + 1);
                return Ok((stream, Others { untried, failed }));
            }
            Err(Failure::Exhausted(lack)) => {
                facts.blind = Some(lack.clone());
                let timeout = watch.timeout();
                let finding = Failure::Exhausted(lack).into_finding(endpoint, address, timeout);
                return Err(Box::new(finding));
            }
            Err(failure) => failed.push((address, failure)),
        }
    }
    watch.lap(health::Phase::Connect);
    let nowhere = (SocketAddr::from(([0, 0, 0, 0], endpoint.port)), Failure::Timeout);
    let (address, failure) = failed.into_iter().next().unwrap_or(nowhere);
    facts.address = Some(address);
    Err(Box::new(failure.into_finding(endpoint, address, watch.timeout())))
}

/// Shakes hands with every other address, side by side, within the time left.
pub(super) async fn visit(
    spec: &Spec,
    others: Others,
    offer: Offer<'_>,
    left: Duration,
) -> Vec<Visit> {
    let failed = others.failed.into_iter();
    let mut visits: Vec<Visit> = failed
        .map(|(address, failure)| Visit { address, outcome: Outcome::Closed(failure) })
        .collect();
    let looks = others.untried.into_iter().map(|address| look_at(spec, address, offer, left));
    visits.extend(join_all(looks).await);
    visits
}

async fn look_at(spec: &Spec, address: SocketAddr, offer: Offer<'_>, left: Duration) -> Visit {
    Visit { address, outcome: shake(spec, address, &spec.asked(address), offer, left).await }
}

/// A handshake with one address on a connection of its own; `name` as [`Spec::asked`] has it.
pub(super) async fn shake(
    spec: &Spec,
    address: SocketAddr,
    name: &str,
    offer: Offer<'_>,
    left: Duration,
) -> Outcome {
    let mut watch = Stopwatch::start(left);
    let stream = match connect(address, spec.source, watch.deadline()).await {
        Ok(stream) => stream,
        Err(failure) => return Outcome::Closed(failure),
    };
    match tls::attempt(stream, name, offer, &spec.roots, &mut watch).await {
        Ok((stream, presented)) => {
            let alert = tls::part(stream, &presented, offer, watch.deadline()).await;
            Outcome::Shaken(presented, alert)
        }
        Err(refused) => Outcome::Refused(refused),
    }
}

/// Judges what the other addresses serve, each in itself and all beside the one looked at in full,
/// whose facts and findings `sight` has already. A chain served at several is judged at the first.
/// Returns what was presented that nobody had seen yet, with what findings call it.
pub(super) fn compare(
    spec: &Spec,
    client: &Client,
    visits: Vec<Visit>,
    timeout: Duration,
    now: Timestamp,
    sight: &mut Sight,
) -> Vec<(Presented, String)> {
    let mut shown = Vec::new();
    let is_within_reach = reach(&visits, sight.facts.address);
    let mut judged: Vec<Chain> =
        sight.facts.tls.iter().map(|facts| Arc::clone(&facts.chain)).collect();
    let told: Vec<_> =
        sight.findings.iter().map(|finding| (finding.code, finding.severity)).collect();
    let is_told_alike = |finding: &Finding| told.contains(&(finding.code, finding.severity));
    for Visit { address, outcome } in visits {
        let subject = tls::subject(address, &spec.server_name);
        let mut served = ServedFacts {
            address,
            server_name: spec.asked_facts(),
            protocol: String::new(),
            chain: Arc::default(),
            file: None,
            named_in: None,
            failure: None,
        };
        let mut is_whole = false;
        let (presented, finding) = match outcome {
            Outcome::Shaken(presented, alert) => {
                is_whole = true;
                let refusal = client.refusal(&presented, alert, &subject);
                (Some(presented), refusal.filter(|finding| !is_told_alike(finding)))
            }
            Outcome::Refused(refused) => {
                let Refused { finding, presented } = *refused;
                let is_let_be = spec.lets_be(&finding);
                served.failure = (!is_let_be).then(|| finding.summary.en.clone());
                let is_said = is_let_be || client.explains(&finding) || is_told_alike(&finding);
                (presented, (!is_said).then_some(finding))
            }
            Outcome::Closed(failure) => {
                if let Failure::Exhausted(lack) = &failure {
                    // Nothing is known of this one: what was found there stands as it did.
                    sight.facts.blind = Some(lack.clone());
                }
                let (told, words) = closed(spec, address, failure, timeout, &is_within_reach);
                served.failure = Some(words);
                (None, told)
            }
        };
        if let Some(presented) = presented {
            let mut findings = Vec::new();
            let facts = note(spec, &presented, &subject, now, &mut findings);
            // As of the one looked at in full: the judgement may say the same, less loudly.
            findings.retain(|judged| finding.as_ref().is_none_or(|told| !judged.is_same_as(told)));
            let is_new = !judged.iter().any(|chain| is_same(chain, &facts.chain));
            if is_new {
                judged.push(Arc::clone(&facts.chain));
                sight.findings.append(&mut findings);
            }
            let TlsFacts { protocol, chain, .. } = facts;
            (served.protocol, served.chain) = (protocol, chain);
            if is_new && is_whole {
                shown.push((presented, subject));
            }
        }
        sight.findings.extend(finding);
        sight.facts.served.push(served);
    }
    sight.facts.served.sort_by_key(|served| served.address);
    if spec.every_address == EveryAddress::Same {
        let found = differences(spec, &sight.facts, now);
        sight.findings.extend(found);
    }
    shown
}

type Chain = Arc<Vec<CertificateFacts>>;

fn is_same(one: &Chain, other: &Chain) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

/// Whether this machine reaches addresses of a family at all: where no address of it answers in any
/// way, an unreachable one says nothing about the server.
fn reach(visits: &[Visit], main: Option<SocketAddr>) -> impl Fn(SocketAddr) -> bool + use<> {
    let answers = |visit: &&Visit| {
        !matches!(visit.outcome, Outcome::Closed(Failure::Unreachable(_) | Failure::Timeout))
    };
    let reached: Vec<SocketAddr> =
        visits.iter().filter(answers).map(|visit| visit.address).chain(main).collect();
    move |address| reached.iter().any(|one| one.is_ipv4() == address.is_ipv4())
}

/// No connection to one address while others accept: clients go on to the next, so it is a warning.
fn closed(
    spec: &Spec,
    address: SocketAddr,
    failure: Failure,
    timeout: Duration,
    is_within_reach: impl Fn(SocketAddr) -> bool,
) -> (Option<Finding>, String) {
    let is_told = match failure {
        Failure::Refused | Failure::Timeout | Failure::Reset => true,
        Failure::Unreachable(_) => is_within_reach(address),
        Failure::Exhausted(_) => false,
    };
    let finding =
        failure.into_finding(spec.dialled(), address, timeout).severity(Severity::Warning);
    let words = finding.summary.en.clone();
    (is_told.then_some(finding), words)
}

fn differences(spec: &Spec, facts: &Facts, now: Timestamp) -> Option<Finding> {
    let main = facts.address.zip(facts.tls.as_ref().and_then(|tls| tls.chain.first()));
    let asked = spec.asked_facts();
    let others = facts.served.iter().filter(|served| served.server_name == asked);
    let others = others.filter_map(|served| {
        let leaf = served.chain.first()?;
        Some(Place { address: served.address, leaf })
    });
    let places: Vec<Place<'_>> =
        main.map(|(address, leaf)| Place { address, leaf }).into_iter().chain(others).collect();
    let endpoint = spec.dialled();
    let (shown, name) = (endpoint.to_string(), &spec.server_name);
    let is_named = shown.strip_suffix(&format!(":{}", endpoint.port)) == Some(name);
    let subject = if is_named { shown } else { format!("{shown} ({name})") };
    differs::judge(&subject, places, now)
}
