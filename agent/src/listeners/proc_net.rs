//! The socket tables of /proc/net: the way when netlink is not permitted. They know neither
//! cookies nor whether a v6 socket takes v4 connections.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use health::Protocol;

use super::process::read_capped;
use super::socket::{Family, Socket, SocketId};

/// Some 400,000 sockets.
const TABLE_BYTES: u64 = 64 << 20;

/// Every listening socket of one table; none when the machine has no such table (no IPv6).
pub(super) fn listening(protocol: Protocol, family: Family) -> io::Result<Vec<Socket>> {
    Ok(parse(&table(protocol, family)?, protocol))
}

/// One table as it stands in /proc; empty when the machine has no such table (no IPv6).
pub(super) fn table(protocol: Protocol, family: Family) -> io::Result<String> {
    let path = match (protocol, family) {
        (Protocol::Tcp, Family::V4) => "/proc/net/tcp",
        (Protocol::Tcp, Family::V6) => "/proc/net/tcp6",
        (Protocol::Udp, Family::V4) => "/proc/net/udp",
        (Protocol::Udp, Family::V6) => "/proc/net/udp6",
    };
    match read_capped(path, TABLE_BYTES) {
        Ok(table) => Ok(String::from_utf8_lossy(&table).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && family == Family::V6 => {
            Ok(String::new())
        }
        Err(error) => Err(io::Error::new(error.kind(), format!("{path}: {error}"))),
    }
}

pub(super) fn parse(table: &str, protocol: Protocol) -> Vec<Socket> {
    table.lines().skip(1).filter_map(|line| socket(line, protocol)).collect()
}

/// `sl local_address rem_address st queues timer retrnsmt uid timeout inode …`
fn socket(line: &str, protocol: Protocol) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace();
    let local = fields.nth(1)?;
    let remote = fields.next()?;
    let state = fields.next()?;
    let uid = fields.nth(3)?.parse().ok()?;
    let inode = fields.nth(1)?.parse().ok()?;
    let listens = match protocol {
        Protocol::Tcp => state == "0A",
        Protocol::Udp => state == "07" && remote.ends_with(":0000"),
    };
    let bind = address(local)?;
    (listens && bind.port() != 0).then_some(Socket {
        protocol,
        bind,
        v6_only: None,
        id: SocketId { inode, cookie: 0 },
        uid,
    })
}

/// `0100007F:1F90`: the address as words of the machine's own byte order.
pub(super) fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let words = |count: usize| -> Option<Vec<u8>> {
        if address.len() != count * 8 || !address.is_ascii() {
            return None;
        }
        (0..count)
            .map(|word| u32::from_str_radix(address.get(word * 8..word * 8 + 8)?, 16).ok())
            .map(|word| word.map(u32::to_ne_bytes))
            .collect::<Option<Vec<_>>>()
            .map(|words| words.concat())
    };
    let ip: IpAddr = match address.len() {
        8 => Ipv4Addr::from(<[u8; 4]>::try_from(words(1)?).ok()?).into(),
        32 => Ipv6Addr::from(<[u8; 16]>::try_from(words(4)?).ok()?).into(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    #[test]
    #[cfg(target_endian = "little")]
    fn lines() {
        let cases = [
            (
                Protocol::Tcp,
                "   0: 0100007F:0BC3 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 4242 1 0",
                Some("127.0.0.1:3011"),
            ),
            (
                Protocol::Tcp,
                "   1: 0100007F:0BC3 0100007F:9999 01 00000000:00000000 00:00000000 00000000    33        0 4243 1 0",
                None,
            ),
            (
                Protocol::Tcp,
                "   2: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1 0",
                Some("[::1]:80"),
            ),
            (
                Protocol::Udp,
                "  10: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 88 2 0",
                Some("0.0.0.0:53"),
            ),
            (
                Protocol::Udp,
                "  11: 0100007F:A001 0100007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 89 2 0",
                None,
            ),
            (Protocol::Tcp, "   3: 0100007F:0BC3 0000", None),
            (Protocol::Tcp, "", None),
        ];
        for (protocol, line, expected) in cases {
            let found = parse(&format!("{HEADER}{line}\n"), protocol);
            let binds: Vec<String> = found.iter().map(|socket| socket.bind.to_string()).collect();
            assert_eq!(binds, expected.into_iter().collect::<Vec<_>>(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let text = format!("{HEADER}{}", String::from_utf8_lossy(&bytes));
            parse(&text, Protocol::Tcp);
            parse(&text, Protocol::Udp);
        }

        #[test]
        fn any_address_is_survived(text in "[0-9A-Fa-f가:]{0,40}") {
            address(&text);
        }
    }
}
