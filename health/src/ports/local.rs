//! Which listeners of this machine are a host's own, and how widely each of them reaches.
//!
//! **Whose it is.** A listener bound to `0.0.0.0` or `::` belongs to every local host. One bound
//! to an exact address belongs to the hosts that own it: whose `address` it is, or that have it
//! as a single address in `addresses` (`localhost` stands for `127.0.0.1` and `::1`). When the
//! plan has one local host alone, everything else on the machine is its own too, so that
//! `address = "203.0.113.7"` sees what listens on `127.0.0.1`. Addresses such as `127.0.3.1` are
//! the exception on both sides: people give them to one thing each (a host of a test, a stub
//! resolver), so only who names such an address owns it, and a host whose `address` is one owns
//! no other.
//!
//! **How wide it is.** The most specific network of `addresses` that holds the address decides,
//! else the RFCs. `0.0.0.0` and `::` are as wide as the widest address of the host: its `address`
//! and the single addresses listed; when none is listed, the addresses of the machine's
//! interfaces count too, because whoever writes `address = "127.0.0.1"` has not said that the
//! machine has no other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::claim::Addresses;
use crate::{Exposure, Host, Listener, Protocol};

use super::Machine;

/// A local host of the plan, on the machine it stands for.
#[derive(Clone, Copy, Debug)]
pub struct Local<'a> {
    /// The host.
    pub host: &'a Host,
    /// Every local host of the plan, this one among them or not.
    pub neighbours: &'a [Arc<Host>],
    /// The machine.
    pub machine: Machine<'a>,
}

impl<'a> Local<'a> {
    /// The host's own listeners on a port.
    #[must_use]
    pub fn listeners(&self, protocol: Protocol, port: u16) -> Vec<&'a Listener> {
        let all = self.machine.on(protocol, port).iter();
        all.filter(|listener| self.owns(listener.bind.ip())).collect()
    }

    /// Whether what is bound to this address is the host's own.
    #[must_use]
    pub fn owns(&self, bind: IpAddr) -> bool {
        let bind = bind.to_canonical();
        if bind.is_unspecified() || names(self.host, bind) {
            return true;
        }
        let alone = self.neighbours.iter().all(|other| other.name == self.host.name);
        alone && !is_stand_in(bind) && !address_of(self.host).is_some_and(is_stand_in)
    }

    /// Whether a claim of any host on this machine speaks of a listener.
    pub(super) fn is_claimed(&self, listener: &Listener) -> bool {
        let of_one = |host: &'a Host| {
            let speaks = |claim: &Arc<crate::Claim>| {
                claim.key.port == listener.bind.port() && claim.key.protocol == listener.protocol
            };
            Local { host, ..*self }.owns(listener.bind.ip()) && host.claims.iter().any(speaks)
        };
        of_one(self.host) || self.neighbours.iter().any(|host| of_one(host))
    }

    /// How widely a listener reaches.
    #[must_use]
    pub fn reach(&self, listener: &Listener) -> Exposure {
        let bind = listener.bind.ip().to_canonical();
        if !bind.is_unspecified() {
            return class(&self.host.addresses, bind);
        }
        let covers = |address: &IpAddr| match bind {
            IpAddr::V4(_) => address.is_ipv4(),
            IpAddr::V6(_) => address.is_ipv6() || listener.v6_only != Some(true),
        };
        let of_the_plan: Vec<IpAddr> = self
            .host
            .addresses
            .singles()
            .chain(address_of(self.host))
            .map(|ip| ip.to_canonical())
            .collect();
        let of_the_machine: &[IpAddr] = if self.host.addresses.singles().next().is_none() {
            self.machine.addresses
        } else {
            &[]
        };
        let all = || of_the_plan.iter().chain(of_the_machine);
        let widest = |addresses: &mut dyn Iterator<Item = &IpAddr>| {
            addresses.map(|&address| class(&self.host.addresses, address)).max()
        };
        widest(&mut all().filter(|address| covers(address)))
            .or_else(|| widest(&mut all()))
            .unwrap_or(Exposure::Loopback)
    }
}

/// What binding to an address means: the most specific network listed that holds it, the wider
/// one of two alike; else loopback (RFC 1122, RFC 4291), internal (RFC 1918, RFC 6598 shared
/// space, RFC 3927 and RFC 4291 link-local, RFC 4193 unique local), and the rest public.
#[must_use]
pub fn class(addresses: &Addresses, ip: IpAddr) -> Exposure {
    let ip = ip.to_canonical();
    let lists = [
        (Exposure::Loopback, &addresses.loopback),
        (Exposure::Internal, &addresses.internal),
        (Exposure::Public, &addresses.public),
    ];
    let mut best: Option<(u8, Exposure)> = None;
    for (exposure, networks) in lists {
        for network in networks.iter().filter(|network| network.contains(ip)) {
            best = best.max(Some((network.prefix, exposure)));
        }
    }
    best.map_or_else(|| class_by_rfc(ip), |(_, exposure)| exposure)
}

fn class_by_rfc(ip: IpAddr) -> Exposure {
    let internal = match ip {
        _ if ip.is_loopback() => return Exposure::Loopback,
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private() || v4.is_link_local() || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(v6) => {
            // fec0::/10 was site-local before RFC 3879 and is still found on old networks.
            v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.segments()[0] & 0xffc0 == 0xfec0
        }
    };
    if internal { Exposure::Internal } else { Exposure::Public }
}

/// The host's `address`, where it is one and not a name.
pub(super) fn address_of(host: &Host) -> Option<IpAddr> {
    host.address.parse().ok().map(|address: IpAddr| address.to_canonical())
}

fn names(host: &Host, bind: IpAddr) -> bool {
    let localhost = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    address_of(host) == Some(bind)
        || (host.address.eq_ignore_ascii_case("localhost") && localhost.contains(&bind))
        || host.addresses.singles().any(|address| address.to_canonical() == bind)
}

/// A loopback address that was given to one thing of its own.
pub(super) fn is_stand_in(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if v4.is_loopback() && v4 != Ipv4Addr::LOCALHOST)
}
