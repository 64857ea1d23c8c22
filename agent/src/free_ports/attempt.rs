//! The truest test of a port: binding it. What is bound is not listened on and given back at once,
//! so that no client notices; without SO_REUSEADDR, so that whatever else has the port, at any
//! address and in any state, makes the kernel refuse.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use health::Protocol;
use socket2::{Domain, Socket, Type};

/// What became of binding a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// Nothing else has it.
    Bound,
    /// Something has it.
    Refused,
    /// This process may not bind it (below 1024 without the right to), or could not open a socket:
    /// it cannot be told.
    NotAllowed,
}

/// Binds a port of every address of this machine, v6 and v4 at once where there is IPv6.
pub(super) fn bind(protocol: Protocol, port: u16) -> Attempt {
    let any: [SocketAddr; 2] =
        [(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()];
    for address in any {
        match bind_at(protocol, address) {
            Ok(()) => return Attempt::Bound,
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Attempt::Refused,
            // No IPv6 here: v4 alone decides.
            Err(_) if address.is_ipv6() => {}
            Err(_) => return Attempt::NotAllowed,
        }
    }
    Attempt::NotAllowed
}

fn bind_at(protocol: Protocol, address: SocketAddr) -> io::Result<()> {
    let kind = match protocol {
        Protocol::Tcp => Type::STREAM,
        Protocol::Udp => Type::DGRAM,
    };
    let socket = Socket::new(Domain::for_address(address), kind, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(at: &str, kind: Type) -> (Socket, u16) {
        let address: SocketAddr = at.parse().unwrap();
        let socket = Socket::new(Domain::for_address(address), kind, None).unwrap();
        socket.bind(&address.into()).unwrap();
        let port = socket.local_addr().unwrap().as_socket().unwrap().port();
        (socket, port)
    }

    #[test]
    fn what_is_bound_anywhere_is_refused_though_nobody_listens() {
        for at in ["127.0.42.1:0", "0.0.0.0:0", "[::1]:0"] {
            let (socket, port) = bound(at, Type::STREAM);
            assert_eq!(bind(Protocol::Tcp, port), Attempt::Refused, "{at}");
            drop(socket);
            assert_eq!(bind(Protocol::Tcp, port), Attempt::Bound, "{at}");
            let (_socket, port) = bound(at, Type::DGRAM);
            assert_eq!(bind(Protocol::Udp, port), Attempt::Refused, "{at}");
        }
    }
}
