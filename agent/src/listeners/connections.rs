//! Every port that this machine uses in whatever way, for who looks for one that is free. Owners
//! do not matter to that, so that this reads sockets alone and nothing of any process.

use std::collections::HashSet;
use std::io;

use health::Protocol;
use health::ports::{ClientPorts, Occupancy};

use super::netlink::{Netlink, STATE_LISTEN};
use super::socket::{Family, TABLES};
use super::{client_ports, proc_net};

/// All states of `linux/tcp_states.h` but that of listening: TIME_WAIT among them.
const CONNECTED_TCP: u32 = 0x1ffe & !(1 << STATE_LISTEN);
/// A UDP socket that has a peer.
const CONNECTED_UDP: u32 = 1 << 1;

/// What this machine does with its ports now. Blocks for a moment; knows nothing of claims.
///
/// # Errors
/// When neither netlink nor /proc/net can be read.
pub fn occupancy(protocol: Protocol) -> io::Result<Occupancy> {
    let mut netlink = Netlink::for_sockets().ok();
    let mut occupancy = Occupancy { clients: clients(), ..Occupancy::default() };
    for (_, family) in TABLES.into_iter().filter(|table| table.0 == protocol) {
        let by_netlink =
            netlink.as_mut().and_then(|netlink| by_netlink(netlink, protocol, family).ok());
        let (listening, connected) = match by_netlink {
            Some(ports) => ports,
            None => split(&proc_net::table(protocol, family)?, protocol),
        };
        occupancy.listening.extend(listening);
        occupancy.connected.extend(connected);
    }
    Ok(occupancy)
}

/// Listening ports, and local ports of connections.
type Ports = (HashSet<u16>, HashSet<u16>);

fn by_netlink(netlink: &mut Netlink, protocol: Protocol, family: Family) -> io::Result<Ports> {
    let listening = netlink.listening(protocol, family)?;
    let connected = match protocol {
        Protocol::Tcp => CONNECTED_TCP,
        Protocol::Udp => CONNECTED_UDP,
    };
    let connected = netlink.in_states(protocol, family, connected)?;
    let ports = |sockets: Vec<super::socket::Socket>| {
        sockets.into_iter().map(|socket| socket.bind.port()).collect()
    };
    Ok((ports(listening), ports(connected)))
}

fn split(table: &str, protocol: Protocol) -> Ports {
    let mut ports = Ports::default();
    for line in table.lines().skip(1) {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (Some(local), Some(_), Some(state)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let Some(local) = proc_net::address(local).filter(|local| local.port() != 0) else {
            continue;
        };
        let listens = match protocol {
            Protocol::Tcp => state == "0A",
            Protocol::Udp => state == "07",
        };
        let side = if listens { &mut ports.0 } else { &mut ports.1 };
        side.insert(local.port());
    }
    ports
}

fn clients() -> ClientPorts {
    ClientPorts {
        range: Some(client_ports::ephemeral()),
        left_out: client_ports::kept_back().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};

    use proptest::prelude::*;

    use super::*;

    /// Local ports by both ways, which must agree about this one.
    fn both(protocol: Protocol, port: u16) -> [(bool, bool); 2] {
        let read = occupancy(protocol).unwrap();
        let mut by_proc = Ports::default();
        for (_, family) in TABLES.into_iter().filter(|table| table.0 == protocol) {
            let (listening, connected) =
                split(&proc_net::table(protocol, family).unwrap(), protocol);
            by_proc.0.extend(listening);
            by_proc.1.extend(connected);
        }
        [(read.listening, read.connected), by_proc]
            .map(|(listening, connected)| (listening.contains(&port), connected.contains(&port)))
    }

    #[test]
    fn a_connection_that_is_over_still_has_its_port() {
        let listener = TcpListener::bind("127.0.41.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(both(Protocol::Tcp, address.port()), [(true, false); 2]);
        let mut client = TcpStream::connect(address).unwrap();
        let (served, _) = listener.accept().unwrap();
        drop(listener);
        assert_eq!(both(Protocol::Tcp, address.port()), [(false, true); 2]);
        // Who ends it first keeps the port for a minute: the server's end is the one.
        served.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
        drop((client, served));
        assert_eq!(both(Protocol::Tcp, address.port()), [(false, true); 2]);
        let table = proc_net::table(Protocol::Tcp, Family::V4).unwrap();
        let local = format!("0129007F:{:04X} ", address.port());
        let line = table.lines().find(|line| line.contains(&format!(": {local}"))).unwrap();
        assert_eq!(line.split_ascii_whitespace().nth(3), Some("06"), "TIME_WAIT: {line}");
    }

    #[test]
    fn datagram_sockets_with_and_without_a_peer() {
        let one = UdpSocket::bind("127.0.41.2:0").unwrap();
        let other = UdpSocket::bind("127.0.41.2:0").unwrap();
        other.connect(one.local_addr().unwrap()).unwrap();
        assert_eq!(both(Protocol::Udp, one.local_addr().unwrap().port()), [(true, false); 2]);
        assert_eq!(both(Protocol::Udp, other.local_addr().unwrap().port()), [(false, true); 2]);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,200}") {
            split(&text, Protocol::Udp);
        }
    }
}
