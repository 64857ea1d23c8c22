use health::Severity;

use super::packet::{ECHO_BYTES, Family, Mark, Said, behind_header, read, request, words};
use super::*;

const MARK: Mark = *b"sixteen bytes ok";

fn spec() -> Spec {
    Spec {
        target: Target::Address("127.0.0.1".parse().unwrap()),
        source: None,
        count: 4,
        gap: Duration::from_millis(1),
        within: Some(Duration::from_millis(50)),
        loss: 0.5,
    }
}

fn seen(round_trips: &[Option<f64>], error: Option<&str>) -> Reply {
    Reply::Asked(IcmpFacts {
        address: Some("192.0.2.1".parse().unwrap()),
        sent: u32::try_from(round_trips.len()).unwrap(),
        received: u32::try_from(round_trips.iter().flatten().count()).unwrap(),
        round_trips_seconds: round_trips.to_vec(),
        error: error.map(str::to_owned),
    })
}

#[test]
fn replies_are_judged() {
    let (fast, slow) = (Some(0.01), Some(0.2));
    let denied = || io::Error::from_raw_os_error(libc::EHOSTUNREACH);
    let address: IpAddr = "192.0.2.1".parse().unwrap();
    let cases: [(Reply, &[&str]); 12] = [
        (seen(&[fast; 4], None), &[]),
        (seen(&[fast, None, fast, None], None), &[]),
        (seen(&[fast, None, None, None], None), &["icmp.loss"]),
        (seen(&[slow; 4], None), &["icmp.slow"]),
        (seen(&[slow, fast, fast, fast], None), &["icmp.slow"]),
        (seen(&[slow, None, None, None], None), &["icmp.loss", "icmp.slow"]),
        (seen(&[None; 4], None), &["icmp.timeout"]),
        (seen(&[None; 4], Some("No route to host")), &["icmp.unreachable"]),
        // Some arrived: that one did not is a loss, whoever says so.
        (seen(&[fast, fast, fast, None], Some("No route to host")), &[]),
        (Reply::Unsent(address, denied()), &["icmp.unreachable"]),
        (Reply::NotPermitted("Operation not permitted".to_owned()), &["icmp.not-permitted"]),
        (Reply::Exhausted("Too many open files".to_owned()), &["tcp.unreachable"]),
    ];
    for (reply, expected) in cases {
        let findings = judge(&spec(), &reply, Duration::from_secs(1));
        let codes: Vec<&str> = findings.iter().map(|finding| finding.code.label()).collect();
        assert_eq!(codes, expected, "{reply:?}");
    }
}

#[test]
fn a_finding_names_the_address_and_its_name() {
    let mut named = spec();
    named.target = Target::Name("router.lan".into());
    let findings = judge(&named, &seen(&[None; 3], None), Duration::from_secs(2));
    assert_eq!(findings[0].subject, "192.0.2.1 (router.lan)");
    assert_eq!(findings[0].severity, Severity::Critical);
    assert!(findings[0].summary.en.contains("none of 3 echo requests within 2s"), "{findings:?}");
    let findings = judge(&named, &seen(&[Some(0.01), None, None], None), Duration::from_secs(2));
    assert!(findings[0].summary.en.contains("1 of 3"), "{findings:?}");
    assert!(findings[0].summary.en.contains("67 % are lost, 50 % may be"), "{findings:?}");
}

/// An IPv4 or IPv6 header before a message, as a router quotes it.
fn quoting(family: Family, header: &[u8], message: &[u8]) -> Vec<u8> {
    let mut bytes = match family {
        Family::V4 => [&[3, 1, 0, 0, 0, 0, 0, 0], header].concat(),
        Family::V6 => [&[1, 3, 0, 0, 0, 0, 0, 0], header].concat(),
    };
    bytes.extend_from_slice(message);
    bytes
}

#[test]
fn messages_are_read_when_they_are_ours() {
    let mut v4 = [0_u8; 20];
    v4[0] = 0x45;
    v4[9] = 1;
    let mut v6 = [0_u8; 40];
    v6[6] = 58;
    for (family, header) in [(Family::V4, &v4[..]), (Family::V6, &v6[..])] {
        let asked = request(family, 77, 2, &MARK);
        let mut reply = asked;
        reply[0] = if family == Family::V4 { 0 } else { 129 };
        let said = |bytes: &[u8], identifier| read(family, bytes, identifier, &MARK);
        assert_eq!(said(&reply, Some(77)), Some(Said::Reply { sequence: 2 }));
        assert_eq!(said(&reply, None), Some(Said::Reply { sequence: 2 }));
        assert_eq!(said(&reply, Some(78)), None, "another process's");
        assert_eq!(said(&asked, Some(77)), None, "our own request, over loopback");
        let mut other = reply;
        other[20] ^= 1;
        assert_eq!(said(&other, None), None, "another mark");
        let quoted = quoting(family, header, &asked);
        let code = if family == Family::V4 { 1 } else { 3 };
        let kind = if family == Family::V4 { 3 } else { 1 };
        let undelivered = Some(Said::Undelivered { sequence: 2, kind, code });
        assert_eq!(said(&quoted, Some(77)), undelivered);
        assert_eq!(said(&quoted[..quoted.len() - 16], Some(77)), undelivered, "eight bytes");
        assert_eq!(said(&quoted, Some(78)), None);
        assert!(words(family, kind, code).starts_with("No route to host"));
        // Whatever is cut off anywhere, nothing is read beyond it.
        for end in 0..quoted.len() {
            let _ = said(&quoted[..end], Some(77));
            let _ = said(&reply[..end.min(ECHO_BYTES)], Some(77));
        }
    }
    assert_eq!(behind_header(&[0x4f; 20]), None, "options beyond the packet");
    assert_eq!(behind_header(&[0x60; 60]), None);
    assert_eq!(behind_header(&[]), None);
    let mut packet = [0_u8; 28];
    packet[0] = 0x45;
    assert_eq!(behind_header(&packet).map(<[u8]>::len), Some(8));
}

#[test]
fn the_checksum_is_that_of_the_rfc() {
    let bytes = request(Family::V4, 0x1234, 1, &MARK);
    let sum: u32 =
        bytes.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff);
    assert_eq!(request(Family::V6, 1, 1, &MARK)[2..4], [0, 0], "left to the kernel");
}
