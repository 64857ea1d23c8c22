//! ICMP messages that no router would send.

use super::packet::{ECHO_BYTES, Family, Mark, Said, behind_header, read};

/// A message, bare and behind an IPv4 header: without the mark, nothing is a reply to us.
pub fn icmp(bytes: &[u8]) {
    let mark: Mark = *b"sixteen bytes ok";
    for family in [Family::V4, Family::V6] {
        for message in [Some(bytes), behind_header(bytes)].into_iter().flatten() {
            if let Some(Said::Reply { .. }) = read(family, message, None, &mark) {
                assert_eq!(message.get(8..ECHO_BYTES), Some(&mark[..]));
            }
        }
    }
}
