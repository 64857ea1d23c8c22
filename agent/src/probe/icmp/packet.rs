//! ICMP messages as bytes: echo requests are written, and what comes back is read (RFC 792, RFC 4443).
//! Pure; whatever comes from outside is looked at within its bounds alone.

/// What marks a probe's own requests, so that nobody else's reply is taken for one of ours.
pub(super) type Mark = [u8; 16];

/// An echo's header and its mark.
pub(super) const ECHO_BYTES: usize = 8 + size_of::<Mark>();

/// Which ICMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// What a message says of our requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The reply to this request.
    Reply { sequence: u16 },
    /// This request did not arrive: ICMP type and code.
    Undelivered { sequence: u16, kind: u8, code: u8 },
}

/// An echo request, with its checksum where we have to make it.
pub(super) fn request(
    family: Family,
    identifier: u16,
    sequence: u16,
    mark: &Mark,
) -> [u8; ECHO_BYTES] {
    let mut bytes = [0; ECHO_BYTES];
    bytes[0] = match family {
        Family::V4 => 8,
        Family::V6 => 128,
    };
    bytes[4..6].copy_from_slice(&identifier.to_be_bytes());
    bytes[6..8].copy_from_slice(&sequence.to_be_bytes());
    bytes[8..].copy_from_slice(mark);
    // Of ICMPv6 it covers addresses that only the kernel knows, which therefore makes it.
    if family == Family::V4 {
        let sum = checksum(&bytes);
        bytes[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    bytes
}

/// What a message says of requests with this mark; `None`: nothing. `identifier` is `None` where the
/// kernel chooses it and sorts by it.
pub(super) fn read(
    family: Family,
    message: &[u8],
    identifier: Option<u16>,
    mark: &Mark,
) -> Option<Said> {
    let (kind, code) = (*message.first()?, *message.get(1)?);
    let is_ours =
        |echo: &[u8]| identifier.is_none_or(|identifier| word(echo, 4) == Some(identifier));
    match (family, kind) {
        (Family::V4, 0) | (Family::V6, 129) => {
            let is_marked = message.get(8..ECHO_BYTES) == Some(&mark[..]);
            let sequence = word(message, 6)?;
            (is_marked && is_ours(message)).then_some(Said::Reply { sequence })
        }
        (Family::V4, 3 | 11) | (Family::V6, 1 | 3) => {
            let echo = quoted(family, message.get(8..)?)?;
            let request = if family == Family::V4 { 8 } else { 128 };
            // A router need quote no more than eight bytes of ours (RFC 792); the mark, where it does.
            let quotes_mark = echo.get(8..ECHO_BYTES).is_none_or(|quoted| quoted == mark);
            let sequence = word(echo, 6)?;
            (echo.first() == Some(&request) && quotes_mark && is_ours(echo))
                .then_some(Said::Undelivered { sequence, kind, code })
        }
        _ => None,
    }
}

/// The message behind an IPv4 header, which raw sockets show.
pub(super) fn behind_header(packet: &[u8]) -> Option<&[u8]> {
    let length = usize::from(*packet.first()? & 0x0f) * 4;
    (length >= 20 && packet.first()? >> 4 == 4).then(|| packet.get(length..))?
}

/// Our request in what a router quotes of it.
fn quoted(family: Family, packet: &[u8]) -> Option<&[u8]> {
    const ICMP: u8 = 1;
    const ICMP_V6: u8 = 58;
    match family {
        Family::V4 => (packet.get(9) == Some(&ICMP)).then(|| behind_header(packet))?,
        Family::V6 => (packet.get(6) == Some(&ICMP_V6)).then(|| packet.get(40..))?,
    }
}

/// What an ICMP error means, as the operating system would say it.
pub(super) fn words(family: Family, kind: u8, code: u8) -> &'static str {
    match (family, kind, code) {
        (Family::V4, 11, _) | (Family::V6, 3, _) => {
            "Time to live exceeded: the way goes in circles"
        }
        (Family::V4, _, 0) | (Family::V6, _, 0) => "Network is unreachable, a router says",
        (Family::V4, _, 1) | (Family::V6, _, 3) => "No route to host, a router says",
        (Family::V4, _, 9 | 10 | 13) | (Family::V6, _, 1 | 5) => {
            "Communication prohibited, a router or firewall says"
        }
        (Family::V4, _, 3) | (Family::V6, _, 4) => "Port unreachable, a firewall says",
        _ => "Destination unreachable, a router says",
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}
