//! DNS: the same questions to every authoritative server of a zone, directly, and to the caches
//! that the plan names. Deliberately absent: what another zone says: that is its own check's
//! business.

mod above;
mod asking;
mod caa;
mod caches;
mod challenge;
mod delegation;
pub mod dnssec;
mod exchange;
mod expectation;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod inquiry;
mod judge;
mod memory;
mod outside;
mod over_tcp;
mod over_tls;
mod peers;
pub mod presence;
mod question;
mod reply;
mod serial;
mod server;
mod shelf;
mod snapshot;
mod survey;
mod tcp_trial;
mod told;
mod transfer;
mod values;
mod wildcard;
mod wording;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use health::{Code, Facts, Phase};
use hickory_proto::rr::{Name, RecordType};

use inquiry::Inquiry;
use survey::Survey;

use super::{Sight, Stopwatch};
use crate::clock::monotonic;
use crate::net::{Net, could_not_look};
use crate::plan::Endpoint;

pub use asking::{Asking, OverTls};
pub use delegation::renew as renew_delegation;
pub use inquiry::Kept;
pub use memory::Memory;
pub(crate) use snapshot::snapshot;
pub use told::ValueSource;
pub(crate) use transfer::transfer;
pub use values::normalise;
pub(crate) use values::render_name as shown;

/// `[[dns]]` after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The zone, fully qualified, lower case.
    pub zone: Name,
    /// Whom to ask (port 53 unless given); empty: as the parent delegates.
    pub nameservers: Vec<Endpoint>,
    /// The parent's servers; empty: found by walking the delegation.
    pub parent: Vec<SocketAddr>,
    /// Root servers to walk from; empty: the walk is left to the agent's resolver.
    pub hints: Vec<SocketAddr>,
    /// Caches to compare with the authoritative truth.
    pub resolvers: Vec<SocketAddr>,
    /// Nameservers must agree, SOA serials too.
    pub consistent: bool,
    /// How they are asked.
    pub asking: Asking,
    /// For so long a server may be behind the newest serial before it is told.
    pub serial_grace: Duration,
    /// Ask from this address.
    pub source: Option<IpAddr>,
    /// What the zone must hold.
    pub records: Vec<Record>,
    /// How its certificates are renewed, as far as CAA may ask.
    pub renewal: Renewal,
    /// Whether it must be signed, and by whose word.
    pub dnssec: dnssec::Policy,
    /// What follows from the above.
    pub kept: Kept,
}

/// How certificates are renewed, as far as CAA records may ask (RFC 8657).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renewal {
    /// The URL of the ACME account.
    pub account: Option<String>,
    /// `http-01`, `dns-01` or `tls-alpn-01`.
    pub method: Option<&'static str>,
}

/// `[[dns.record]]` after validation.
#[derive(Clone, Debug)]
pub struct Record {
    /// Fully qualified, lower case.
    pub name: Name,
    /// One that [`normalise`] knows.
    pub record_type: RecordType,
    /// What must be there.
    pub expectation: Expectation,
    /// Within which its TTL must be.
    pub ttl: TtlLimits,
}

/// Bounds on a TTL, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TtlLimits {
    /// Seconds.
    pub min_seconds: Option<u32>,
    /// Seconds.
    pub max_seconds: Option<u32>,
}

/// What must be there. Values are in presentation format as the plan writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// This set, no more and no less.
    Exactly(Vec<String>),
    /// At least these.
    Contains(Vec<String>),
    /// No such record.
    Absent,
    /// Whatever it is, the servers must agree on it.
    Anything,
    /// The set of values that is written elsewhere, read for every probe.
    Told(ValueSource),
}

/// Runs one probe: finds out whom to ask, asks everybody side by side, then, side by side again and
/// until the deadline, what the answers give rise to; judges.
pub async fn observe(spec: &Spec, net: &Net, watch: &mut Stopwatch) -> Sight {
    let inquiry = Inquiry::of(spec);
    // Asking has to be left some time when a command hangs.
    let half = watch.deadline() - watch.left() / 2;
    let (records, unknown) = told::fill_in(&inquiry, &spec.zone, &net.dns.outputs, half).await;
    let roll = server::call(spec, net, watch).await;
    let mut findings = roll.findings;
    findings.extend(unknown);
    let mut turn = caa::turn(spec, net, &roll.servers);
    let mut attention = dnssec::Attention::of(spec, net, &roll.servers, roll.delegation.as_deref());
    // One silent server takes all the time it is given: what the answers of the others give rise to
    // must not go without.
    let asked_by = watch.deadline() - watch.left() / 3;
    let (mut survey, (), above, ()) = tokio::join!(
        Survey::conduct(spec, roll.servers, &records, net, asked_by),
        caa::look(&mut turn, spec, net, asked_by),
        above::look(spec, net, asked_by),
        attention.examine(asked_by),
    );
    watch.lap(Phase::Request);
    if let Some(lack) = survey.lack() {
        let findings = vec![could_not_look(&values::render_name(&spec.zone), lack)];
        let facts = Facts { blind: Some(lack.to_owned()), ..Facts::default() };
        return Sight { facts, findings };
    }
    let deadline = watch.deadline();
    let (controls, (), unchecked, pursuits, (), ()) = tokio::join!(
        wildcard::control(&survey, spec, net, deadline),
        outside::look(&survey, net, deadline),
        caches::ask_unchecked(spec, &survey, net, watch),
        Box::pin(challenge::pursue(spec, &survey, net, watch)),
        tcp_trial::conduct(&survey, spec, &net.dns.wire, deadline),
        attention.follow(&survey, deadline),
    );
    for (record, control) in controls {
        survey.records[record].control = control;
    }
    outside::complete(&mut survey, net);
    survey.recall(spec, net);
    survey.standings = net.dns.lags.note(&survey, spec.serial_grace, monotonic());
    watch.lap(Phase::Request);
    findings.extend(judge::judge(&survey, roll.delegation.as_deref()));
    judge::caches(&survey, &net.dns.caches, &unchecked, &mut findings);
    judge::challenges(&survey, &pursuits, &mut findings);
    findings.extend(turn.into_iter().flat_map(|turn| caa::conclude(turn, spec, net, &survey)));
    if spec.nameservers.is_empty() && !survey.is_any_authority_heard() {
        net.dns.delegations.shorten(&delegation::key(spec), monotonic());
    } else if findings.iter().any(|finding| finding.code == Code::DnsDelegation) {
        let soon = monotonic() + delegation::SHORTEST_KEPT;
        net.dns.delegations.shorten(&delegation::key(spec), soon);
    }
    let mut seen = survey.facts();
    seen.dnssec = attention.conclude(&survey, &mut findings);
    findings.extend(above.into_iter().flat_map(|above| above.report(&mut seen)));
    let facts = Facts {
        address: survey.servers.iter().find_map(|server| server.address),
        dns: Some(Box::new(seen)),
        ..Facts::default()
    };
    Sight { facts, findings }
}
