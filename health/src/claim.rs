//! What the plan says of hosts and their ports.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Severity;
use crate::ports::Pattern;

/// Transport protocol of a port.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// The name used in JSON, metrics and pages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// What kind of claim the plan lays on a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClaimKind {
    /// In use by a service: somebody must listen.
    #[default]
    Allocated,
    /// Kept free for later: nobody may listen.
    Reserved,
    /// In use by the system itself; watched like an allocated one.
    System,
}

impl ClaimKind {
    /// The name used in JSON, metrics and pages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Allocated => "allocated",
            Self::Reserved => "reserved",
            Self::System => "system",
        }
    }
}

/// How widely a port may be reached. Ordered: loopback is the narrowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exposure {
    /// From this machine alone.
    Loopback,
    /// From the own network.
    Internal,
    /// From anywhere.
    Public,
}

impl Exposure {
    /// The name used in JSON, metrics and pages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Internal => "internal",
            Self::Public => "public",
        }
    }
}

/// What to make of listeners that no claim names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Undeclared {
    /// Nothing.
    Ignore,
    /// A warning each.
    #[default]
    Warn,
    /// Critical each.
    Critical,
}

impl Undeclared {
    /// The severity of `port.undeclared`, or `None` when such listeners are ignored.
    #[must_use]
    pub const fn severity(self) -> Option<Severity> {
        match self {
            Self::Ignore => None,
            Self::Warn => Some(Severity::Warning),
            Self::Critical => Some(Severity::Critical),
        }
    }
}

/// A network in CIDR notation; a single address is a /32 or /128.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    /// The network's address, host bits zero.
    pub address: IpAddr,
    /// Length of the prefix in bits.
    pub prefix: u8,
}

impl Network {
    /// Whether the address lies within. A v4-mapped v6 address counts as v4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        fn bits(address: IpAddr) -> (u128, u8) {
            match address.to_canonical() {
                IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
                IpAddr::V6(v6) => (v6.to_bits(), 128),
            }
        }
        let ((mine, my_width), (theirs, width)) = (bits(self.address), bits(address));
        my_width == width
            && (self.prefix == 0 || (mine ^ theirs) >> (128 - u32::from(self.prefix)) == 0)
    }

    /// The single address it stands for, if it is a single one.
    #[must_use]
    pub fn single(&self) -> Option<IpAddr> {
        let width = if self.address.is_ipv4() { 32 } else { 128 };
        (self.prefix == width).then_some(self.address)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.single() {
            Some(address) => address.fmt(f),
            None => write!(f, "{}/{}", self.address, self.prefix),
        }
    }
}

/// What binding to which address means on a host. Empty lists mean the RFCs' own ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Reachable from anywhere.
    pub public: Vec<Network>,
    /// Reachable from the own network.
    pub internal: Vec<Network>,
    /// Reachable from the machine alone.
    pub loopback: Vec<Network>,
}

impl Addresses {
    /// The single addresses among them, the widest first.
    pub fn singles(&self) -> impl Iterator<Item = IpAddr> + '_ {
        [&self.public, &self.internal, &self.loopback]
            .into_iter()
            .flatten()
            .filter_map(Network::single)
    }
}

/// A machine of the plan with its claims.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// Unique among hosts.
    pub name: Arc<str>,
    /// Its address, or a name that resolves to it.
    pub address: String,
    /// This machine: its claims are compared with the listening sockets.
    pub local: bool,
    /// What to make of listeners that no claim names.
    pub undeclared: Undeclared,
    /// What its addresses mean.
    pub addresses: Addresses,
    /// Listeners that no claim names and nobody wants to hear of.
    pub ignore: Vec<Pattern>,
    /// One per `[[host.port]]`, in the order of the plan; ranges are already one claim per port.
    pub claims: Vec<Arc<Claim>>,
}

/// One port of one host: the key of everything said about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortKey {
    /// Name of the host.
    pub host: Arc<str>,
    /// Port number, never 0.
    pub port: u16,
    /// Transport.
    pub protocol: Protocol,
}

impl fmt::Display for PortKey {
    /// `web:3011`, or `web:53/udp`: also the name of the check.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)?;
        match self.protocol {
            Protocol::Tcp => Ok(()),
            Protocol::Udp => f.write_str("/udp"),
        }
    }
}

/// What the plan says of one port of one host.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Which port of which host.
    pub key: PortKey,
    /// The whole range this claim was written as (`3012-3014`); equal ends for a single port.
    pub range: (u16, u16),
    /// Who it is for; may be empty.
    pub service: String,
    /// More words about it; may be empty.
    pub description: String,
    /// Allocated, reserved or system.
    pub claim: ClaimKind,
    /// How widely it may be reached; `None`: the plan does not say.
    pub exposure: Option<Exposure>,
    /// Who may own it: process names, or with a slash paths. Empty: anybody.
    pub processes: Vec<String>,
    /// The systemd units or containers it may run in. Empty: any, or none.
    pub units: Vec<String>,
    /// The users it may run as, by name or number. Empty: anybody.
    pub users: Vec<String>,
    /// Whether it is also dialled (TCP, allocated or system).
    pub dialled: bool,
}

impl Claim {
    /// The whole row of the plan that this claim is of: `web:3012-3014`, or `web:53/udp`.
    #[must_use]
    pub fn row(&self) -> String {
        let (first, last) = self.range;
        let PortKey { host, protocol, .. } = &self.key;
        let ports = if first == last { first.to_string() } else { format!("{first}-{last}") };
        match protocol {
            Protocol::Tcp => format!("{host}:{ports}"),
            Protocol::Udp => format!("{host}:{ports}/udp"),
        }
    }
}
