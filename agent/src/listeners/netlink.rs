//! Netlink dumps: sockets by `NETLINK_SOCK_DIAG`, interface addresses by `NETLINK_ROUTE`.
//! The parsers take any bytes; what is too short or of another kind is passed over.

use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use health::Protocol;
use socket2::{Domain, Type};

use super::socket::{Family, Socket, SocketId};

/// The kernel answers at once or not at all.
const DEADLINE: Duration = Duration::from_secs(2);
/// The kernel never sends more in one datagram.
const DATAGRAM_BYTES: usize = 64 << 10;
/// More than any machine has sockets: an answer without an end is an error.
const DATAGRAMS: usize = 100_000;
/// How often a dump is repeated that changed while it was read.
const ATTEMPTS: usize = 3;

// linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h, linux/rtnetlink.h
const HEADER_BYTES: usize = 16;
const REQUEST_DUMP: u16 = 0x301;
const DUMP_INTERRUPTED: u16 = 0x10;
const KIND_ERROR: u16 = 2;
const KIND_DONE: u16 = 3;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const GET_ADDRESS: u16 = 22;
/// `SOCK_DIAG_BY_FAMILY` is answered by its own kind, `RTM_GETADDR` by `RTM_NEWADDR`: both 20.
const ANSWER: u16 = 20;
const DIAG_BYTES: usize = 72;
const DIAG_V6_ONLY: u16 = 11;
const STATE_CLOSE: u32 = 7;
/// A TCP socket that waits for connections.
pub(super) const STATE_LISTEN: u32 = 10;
const ADDRESS_BYTES: usize = 8;
const ADDRESS: u16 = 1;
const ADDRESS_LOCAL: u16 = 2;

/// A netlink socket that asks for dumps.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: socket2::Socket,
    sequence: u32,
    datagram: Vec<u8>,
}

/// What became of one datagram of a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    Done,
    /// A negated errno.
    Refused(i32),
}

impl Netlink {
    /// Opens a socket to the part of the kernel that knows sockets.
    pub(super) fn for_sockets() -> io::Result<Self> {
        Self::open(libc::NETLINK_SOCK_DIAG)
    }

    /// Opens a socket to the part of the kernel that knows interfaces.
    pub(super) fn for_addresses() -> io::Result<Self> {
        Self::open(libc::NETLINK_ROUTE)
    }

    fn open(protocol: libc::c_int) -> io::Result<Self> {
        let domain = Domain::from(libc::AF_NETLINK);
        let socket = socket2::Socket::new(domain, Type::DGRAM, Some(protocol.into()))?;
        socket.set_read_timeout(Some(DEADLINE))?;
        socket.set_write_timeout(Some(DEADLINE))?;
        Ok(Self { socket, sequence: 0, datagram: vec![0; DATAGRAM_BYTES] })
    }

    /// Every listening socket of one table.
    pub(super) fn listening(
        &mut self,
        protocol: Protocol,
        family: Family,
    ) -> io::Result<Vec<Socket>> {
        let state = match protocol {
            Protocol::Tcp => STATE_LISTEN,
            Protocol::Udp => STATE_CLOSE,
        };
        self.in_states(protocol, family, 1 << state)
    }

    /// Every socket of one table that is in one of these states: bit n for state n of
    /// `linux/tcp_states.h`.
    pub(super) fn in_states(
        &mut self,
        protocol: Protocol,
        family: Family,
        states: u32,
    ) -> io::Result<Vec<Socket>> {
        let number = match protocol {
            Protocol::Tcp => libc::IPPROTO_TCP,
            Protocol::Udp => libc::IPPROTO_UDP,
        };
        let mut request = [0; 56];
        request[0] = match family {
            Family::V4 => libc::AF_INET as u8,
            Family::V6 => libc::AF_INET6 as u8,
        };
        request[1] = number as u8;
        request[4..8].copy_from_slice(&u32::to_ne_bytes(states));
        self.dump(SOCK_DIAG_BY_FAMILY, &request, |body| diag_message(body, protocol))
    }

    /// Every address of every interface.
    pub(super) fn addresses(&mut self) -> io::Result<Vec<IpAddr>> {
        self.dump(GET_ADDRESS, &[0; ADDRESS_BYTES], address_message)
    }

    fn dump<T>(
        &mut self,
        kind: u16,
        body: &[u8],
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> io::Result<Vec<T>> {
        for attempt in 1.. {
            self.sequence = self.sequence.wrapping_add(1);
            self.socket.send(&request(kind, self.sequence, body))?;
            let mut found = Vec::new();
            let mut flags = 0;
            self.receive(|message_flags, body| {
                flags |= message_flags;
                found.extend(read(body));
            })?;
            // What changed while it was read may hold one socket twice or not at all.
            if flags & DUMP_INTERRUPTED == 0 || attempt == ATTEMPTS {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    fn receive(&mut self, mut each: impl FnMut(u16, &[u8])) -> io::Result<()> {
        for _ in 0..DATAGRAMS {
            let length = match (&self.socket).read(&mut self.datagram) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let datagram = self.datagram.get(..length).unwrap_or_default();
            match parse(datagram, self.sequence, &mut each) {
                Progress::More => {}
                Progress::Done => return Ok(()),
                Progress::Refused(errno) => return Err(io::Error::from_raw_os_error(errno)),
            }
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "a netlink dump without an end"))
    }
}

fn request(kind: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADER_BYTES + body.len());
    let length = u32::try_from(HEADER_BYTES + body.len()).unwrap_or(u32::MAX);
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(REQUEST_DUMP.to_ne_bytes());
    message.extend(sequence.to_ne_bytes());
    message.extend(0_u32.to_ne_bytes());
    message.extend(body);
    message
}

/// Walks the messages of one datagram and hands flags and body of those that belong to the dump
/// to `each`.
pub(super) fn parse(
    mut datagram: &[u8],
    sequence: u32,
    each: &mut impl FnMut(u16, &[u8]),
) -> Progress {
    while let Some(header) = datagram.get(..HEADER_BYTES) {
        let length = u32_at(header, 0) as usize;
        let (kind, flags) = (u16_at(header, 4), u16_at(header, 6));
        let Some(body) = datagram.get(HEADER_BYTES..length) else { break };
        if u32_at(header, 8) == sequence {
            match kind {
                KIND_DONE => return Progress::Done,
                KIND_ERROR => {
                    let errno = body.get(..4).map_or(0, |bytes| u32_at(bytes, 0).cast_signed());
                    return Progress::Refused(errno.saturating_neg());
                }
                ANSWER => each(flags, body),
                _ => {}
            }
        }
        let Some(rest) = datagram.get(length.next_multiple_of(4)..) else { break };
        datagram = rest;
    }
    Progress::More
}

/// `struct inet_diag_msg` and its attributes.
pub(super) fn diag_message(body: &[u8], protocol: Protocol) -> Option<Socket> {
    let message = body.get(..DIAG_BYTES)?;
    let port = u16::from_be_bytes([message[4], message[5]]);
    if port == 0 {
        return None;
    }
    let mut v6_only = None;
    let bind = match i32::from(message[0]) {
        libc::AF_INET => {
            let octets: [u8; 4] = message[8..12].try_into().ok()?;
            SocketAddr::new(Ipv4Addr::from(octets).into(), port)
        }
        libc::AF_INET6 => {
            let octets: [u8; 16] = message[8..24].try_into().ok()?;
            let address = Ipv6Addr::from(octets);
            let scope = if address.is_unicast_link_local() { u32_at(message, 40) } else { 0 };
            v6_only = attributes(body.get(DIAG_BYTES..).unwrap_or_default())
                .find(|&(kind, _)| kind == DIAG_V6_ONLY)
                .and_then(|(_, value)| value.first().map(|&only| only != 0));
            SocketAddrV6::new(address, port, 0, scope).into()
        }
        _ => return None,
    };
    let cookie = u64::from(u32_at(message, 44)) | u64::from(u32_at(message, 48)) << 32;
    let id = SocketId { inode: u32_at(message, 68).into(), cookie };
    Some(Socket { protocol, bind, v6_only, id, uid: u32_at(message, 64) })
}

/// `struct ifaddrmsg` and its attributes.
pub(super) fn address_message(body: &[u8]) -> Option<IpAddr> {
    let family = i32::from(*body.first()?);
    let of = |wanted: u16| {
        attributes(body.get(ADDRESS_BYTES..).unwrap_or_default())
            .find(|&(kind, _)| kind == wanted)
            .map(|(_, value)| value)
    };
    // On a point-to-point link the plain address is the other end's.
    let value = of(ADDRESS_LOCAL).or_else(|| of(ADDRESS))?;
    match family {
        libc::AF_INET => <[u8; 4]>::try_from(value).ok().map(IpAddr::from),
        libc::AF_INET6 => <[u8; 16]>::try_from(value).ok().map(IpAddr::from),
        _ => None,
    }
}

fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(bytes.get(..2)?, 0));
        let kind = u16_at(bytes.get(2..4)?, 0);
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// Reads what is there: 0 past the end.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |&chunk: &[u8; 2]| u16::from_ne_bytes(chunk))
}

/// Reads what is there: 0 past the end.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |&chunk: &[u8; 4]| u32::from_ne_bytes(chunk))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = request(kind, sequence, body);
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn diag(family: i32, address: &[u8], port: u16) -> Vec<u8> {
        let mut body = vec![0; DIAG_BYTES];
        body[0] = u8::try_from(family).unwrap();
        body[4..6].copy_from_slice(&port.to_be_bytes());
        body[8..8 + address.len()].copy_from_slice(address);
        body[40..44].copy_from_slice(&3_u32.to_ne_bytes());
        body[44..48].copy_from_slice(&7_u32.to_ne_bytes());
        body[64..68].copy_from_slice(&33_u32.to_ne_bytes());
        body[68..72].copy_from_slice(&4242_u32.to_ne_bytes());
        body
    }

    fn run(bytes: &[u8]) -> (Vec<Socket>, Progress) {
        let mut found = Vec::new();
        let progress = parse(bytes, 5, &mut |_, body| {
            found.extend(diag_message(body, Protocol::Tcp));
        });
        (found, progress)
    }

    #[test]
    fn several_messages_in_one_datagram() {
        let mut only = diag(libc::AF_INET6, &[0; 16], 443);
        only.extend([5, 0, 11, 0, 1, 0, 0, 0]);
        let mut link = [0; 16];
        link[..2].copy_from_slice(&[0xfe, 0x80]);
        let bytes = [
            message(SOCK_DIAG_BY_FAMILY, 2, 5, &diag(libc::AF_INET, &[127, 0, 3, 1], 80)),
            message(SOCK_DIAG_BY_FAMILY, 2, 4, &diag(libc::AF_INET, &[127, 0, 3, 1], 81)),
            message(SOCK_DIAG_BY_FAMILY, 2, 5, &only),
            message(SOCK_DIAG_BY_FAMILY, 2, 5, &diag(libc::AF_INET6, &link, 22)),
            message(SOCK_DIAG_BY_FAMILY, 2, 5, &diag(libc::AF_INET, &[0; 4], 0)),
            message(KIND_DONE, 2, 5, &[0; 4]),
        ]
        .concat();
        let (found, progress) = run(&bytes);
        assert_eq!(progress, Progress::Done);
        let binds: Vec<String> = found.iter().map(|socket| socket.bind.to_string()).collect();
        // Another dump's message and a socket without a port are passed over.
        assert_eq!(binds, ["127.0.3.1:80", "[::]:443", "[fe80::%3]:22"]);
        assert_eq!(found[0].id, SocketId { inode: 4242, cookie: 7 });
        assert_eq!((found[0].uid, found[0].v6_only), (33, None));
        assert_eq!(found[1].v6_only, Some(true));
        assert_eq!(found[2].v6_only, None);
    }

    #[test]
    fn a_refusal_is_an_error() {
        let errno = (-libc::EPERM).to_ne_bytes();
        let (found, progress) = run(&message(KIND_ERROR, 0, 5, &errno));
        assert_eq!((found.len(), progress), (0, Progress::Refused(libc::EPERM)));
    }

    #[test]
    fn lengths_that_lie_end_the_walk() {
        let whole = message(SOCK_DIAG_BY_FAMILY, 0, 5, &diag(libc::AF_INET, &[127, 0, 0, 1], 80));
        for length in [0_u32, 1, 15, u32::MAX, 4096] {
            let mut bytes = whole.clone();
            bytes[..4].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(run(&bytes), (Vec::new(), Progress::More), "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            run(&bytes);
            diag_message(&bytes, Protocol::Udp);
            address_message(&bytes);
            attributes(&bytes).count();
        }

        #[test]
        fn any_body_in_a_good_frame_is_survived(
            body in prop::collection::vec(any::<u8>(), 0..200),
            flip in 0_usize..300,
            bit in 0_u8..8,
        ) {
            let mut bytes = message(SOCK_DIAG_BY_FAMILY, 0, 5, &body);
            let flip = flip % bytes.len();
            bytes[flip] ^= 1 << bit;
            run(&bytes);
        }
    }
}
