//! Ports that can be given away.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use crate::{Claim, Listener, Protocol};

/// The ports of this range that nobody has: not claimed, not listened on at any address, and not
/// among those that the kernel gives to clients (`ephemeral`, first and last), where a service may
/// find its port taken by a connection when it starts.
pub fn free(
    range: RangeInclusive<u16>,
    protocol: Protocol,
    claims: &[&Claim],
    listeners: &[Listener],
    ephemeral: (u16, u16),
) -> impl Iterator<Item = u16> + use<> {
    let claimed = claims.iter().map(|claim| (claim.key.protocol, claim.key.port));
    let listened = listeners.iter().map(|listener| (listener.protocol, listener.bind.port()));
    let taken: HashSet<u16> =
        claimed.chain(listened).filter(|taken| taken.0 == protocol).map(|taken| taken.1).collect();
    range
        .filter(move |port| *port != 0 && !(ephemeral.0..=ephemeral.1).contains(port))
        .filter(move |port| !taken.contains(port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClaimKind, Owner, PortKey};

    fn claim(port: u16, protocol: Protocol) -> Claim {
        Claim {
            key: PortKey { host: "web".into(), port, protocol },
            range: (port, port),
            service: String::new(),
            description: String::new(),
            claim: ClaimKind::Reserved,
            exposure: None,
            processes: Vec::new(),
            units: Vec::new(),
            users: Vec::new(),
            dialled: false,
        }
    }

    fn listener(bind: &str) -> Listener {
        let bind = bind.parse().unwrap();
        Listener { protocol: Protocol::Tcp, bind, v6_only: None, inode: 1, owner: Owner::Kernel }
    }

    #[test]
    fn neither_claimed_nor_listening_nor_for_clients() {
        let claims = [claim(3001, Protocol::Tcp), claim(3002, Protocol::Udp)];
        let listeners = [listener("127.0.0.9:3003"), listener("[::]:3005")];
        let found = |range, protocol| -> Vec<u16> {
            free(range, protocol, &claims.each_ref(), &listeners, (3007, 3999)).collect()
        };
        assert_eq!(found(3000..=3008, Protocol::Tcp), [3000, 3002, 3004, 3006]);
        assert_eq!(found(3000..=3003, Protocol::Udp), [3000, 3001, 3003]);
        assert_eq!(found(0..=1, Protocol::Tcp), [1]);
        assert_eq!(found(65535..=65535, Protocol::Tcp), [65535]);
    }
}
