//! Who was reached from here, and whether not reaching somebody proves anything. From inside a network
//! its own outer address may fail though the whole world reaches it.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Mutex, PoisonError};

use health::{Code, Finding, Severity};

use crate::probe::forward::is_own_network;

/// Addresses remembered at most.
const MOST: usize = 8192;

/// The line of evidence that says whom a request went to.
pub(super) const DIALLED: &str = "dialled";

/// Addresses that accepted a connection from here at least once, on whichever port: a router that leads
/// back to itself does so for all of them. Survives reloads; after a restart it is believed from the
/// incident that an outage has made.
#[derive(Debug, Default)]
pub struct Reached(Mutex<HashSet<IpAddr>>);

impl Reached {
    /// A connection was accepted there.
    pub(super) fn note(&self, address: SocketAddr) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST {
            known.insert(address.ip());
        }
    }

    /// Whether a connection was ever accepted there.
    pub(super) fn knows(&self, address: SocketAddr) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&address.ip())
    }

    /// Believes a finding from before a restart: an address that was told to be at fault had been
    /// reached before. Forgetting that would make a notice of an outage, and resolve its incident.
    pub(crate) fn believe(&self, finding: &Finding) {
        if finding.code == Code::AcmeHttp01
            && finding.severity > Severity::Notice
            && let Some(Ok(address)) =
                finding.evidence.get(DIALLED).and_then(|text| text.as_str()).map(str::parse)
        {
            self.note(address);
        }
    }
}

/// How this machine stands to an address that it could not reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// As good as anybody's.
    Fair,
    /// It has no way there at all, such as no IPv6.
    NoWay,
    /// It stands behind a router, which may be the very one that the address belongs to.
    Behind,
}

impl Outlook {
    /// Looks at the way there; nothing is sent.
    pub(super) fn towards(address: SocketAddr, source: Option<IpAddr>) -> Self {
        let any = source.unwrap_or(match address {
            SocketAddr::V4(_) => IpAddr::from([0; 4]),
            SocketAddr::V6(_) => IpAddr::from([0; 16]),
        });
        let socket = UdpSocket::bind((any, 0));
        let local = socket.and_then(|socket| {
            socket.connect(address)?;
            socket.local_addr()
        });
        Self::of(address.ip(), local.ok().map(|local| local.ip()))
    }

    /// From the address that this machine would dial from; `None`: it would not know how.
    fn of(address: IpAddr, local: Option<IpAddr>) -> Self {
        match local {
            None => Self::NoWay,
            Some(local) if is_own_network(local) && !is_own_network(address) => Self::Behind,
            Some(_) => Self::Fair,
        }
    }
}

#[cfg(test)]
mod tests {
    use health::text;

    use super::*;

    #[test]
    fn what_not_reaching_proves() {
        for (address, local, expected) in [
            ("203.0.113.7", Some("192.168.0.10"), Outlook::Behind),
            ("203.0.113.7", Some("100.64.0.2"), Outlook::Behind),
            ("203.0.113.7", Some("203.0.113.7"), Outlook::Fair),
            ("203.0.113.7", Some("198.51.100.1"), Outlook::Fair),
            ("192.168.0.2", Some("192.168.0.10"), Outlook::Fair),
            ("127.0.0.1", Some("127.0.0.1"), Outlook::Fair),
            ("2001:db8::7", Some("2001:db8::1"), Outlook::Fair),
            ("2001:db8::7", None, Outlook::NoWay),
        ] {
            let local = local.map(|local| local.parse().unwrap());
            assert_eq!(Outlook::of(address.parse().unwrap(), local), expected, "{address}");
        }
        let here = SocketAddr::from(([127, 0, 0, 1], 80));
        assert_eq!(Outlook::towards(here, None), Outlook::Fair);
    }

    #[test]
    fn an_outage_is_believed_after_a_restart() {
        let finding = |severity| {
            Finding::new(Code::AcmeHttp01, "shop.example", text!("x", "x"), text!("y", "y"))
                .severity(severity)
        };
        let reached = Reached::default();
        reached.believe(&finding(Severity::Warning).evidence(DIALLED, "203.0.113.7:80"));
        reached.believe(&finding(Severity::Notice).evidence(DIALLED, "203.0.113.8:80"));
        reached.believe(&finding(Severity::Warning));
        let knows = |text: &str| reached.knows(text.parse().unwrap());
        assert!(knows("203.0.113.7:80") && knows("203.0.113.7:443"));
        assert!(!knows("203.0.113.8:80"));
    }
}
