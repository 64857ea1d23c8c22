//! DNS: the same questions to every authoritative server of a zone, directly.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::rr::{Name, RecordType};

use super::{Sight, Stopwatch};
use crate::net::Net;
use crate::plan::Endpoint;

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
    /// Ask from this address.
    pub source: Option<IpAddr>,
    /// What the zone must hold.
    pub records: Vec<Record>,
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

/// Runs one probe.
pub async fn observe(spec: &Spec, net: &Net, watch: &mut Stopwatch) -> Sight {
    let _ = (spec, net, watch);
    todo!()
}
