//! DNS: the same questions to every authoritative server of a zone, directly, and to the caches
//! that the plan names. Deliberately absent: DNSSEC validation, and following CNAMEs out of the
//! zone: what another zone says is its own check's business.

mod asking;
mod delegation;
mod exchange;
mod expectation;
mod inquiry;
mod judge;
mod memory;
mod over_tcp;
mod over_tls;
mod peers;
mod question;
mod reply;
mod server;
mod survey;
mod tcp_trial;
mod values;
mod wording;

use std::net::{IpAddr, SocketAddr};

use health::{Facts, Phase};
use hickory_proto::rr::{Name, RecordType};

use super::{Sight, Stopwatch};
use crate::net::{Net, could_not_look};
use crate::plan::Endpoint;

pub use asking::{Asking, OverTls};
pub use delegation::renew as renew_delegation;
pub use inquiry::Kept;
pub use memory::Memory;
pub use values::normalise;

/// `[[dns]]` after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The zone, fully qualified, lower case.
    pub zone: Name,
    /// Whom to ask (port 53 unless given); empty: as the parent delegates.
    pub nameservers: Vec<Endpoint>,
    /// The parent's servers; empty: found by walking the delegation.
    pub parent: Vec<SocketAddr>,
    /// Caches to compare with the authoritative truth.
    pub resolvers: Vec<SocketAddr>,
    /// Nameservers must agree, SOA serials too.
    pub consistent: bool,
    /// How they are asked.
    pub asking: Asking,
    /// Ask from this address.
    pub source: Option<IpAddr>,
    /// What the zone must hold.
    pub records: Vec<Record>,
    /// What follows from the above.
    pub kept: Kept,
}

/// `[[dns.record]]` after validation.
#[derive(Clone, Debug)]
pub struct Record {
    /// Fully qualified, lower case.
    pub name: Name,
    /// A, AAAA, CNAME, TXT, MX, NS, SOA, CAA or SRV.
    pub record_type: RecordType,
    /// What must be there.
    pub expectation: Expectation,
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
}

/// Runs one probe: finds out whom to ask, asks everybody side by side until the deadline, judges.
pub async fn observe(spec: &Spec, net: &Net, watch: &mut Stopwatch) -> Sight {
    let roll = server::call(spec, net, watch).await;
    let mut findings = roll.findings;
    let survey = survey::Survey::conduct(spec, roll.servers, net, watch.deadline()).await;
    watch.lap(Phase::Request);
    if let Some(lack) = survey.lack() {
        let findings = vec![could_not_look(&values::render_name(&spec.zone), lack)];
        let facts = Facts { blind: Some(lack.to_owned()), ..Facts::default() };
        return Sight { facts, findings };
    }
    findings.extend(judge::judge(&survey, roll.delegated.as_deref()));
    if spec.nameservers.is_empty() && !survey.is_any_authority_heard() {
        net.dns.delegations.forget(spec);
    }
    let facts = Facts {
        address: survey.servers.iter().find_map(|server| server.address),
        dns: Some(Box::new(survey.facts())),
        ..Facts::default()
    };
    Sight { facts, findings }
}
