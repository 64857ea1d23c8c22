//! `[[udp]]`

use health::Kind;

use super::frame::{self, Pace};
use super::names::{Hosts, Names};
use super::notes::{Wrong, shown};
use super::row::Row;
use crate::probe::{self, udp};

/// Most bytes that fit into one datagram over IPv4.
const MOST_BYTES: usize = 65_507;

/// Reads one `[[udp]]`.
pub(super) fn check(
    row: &Row<'_>,
    pace: &Pace,
    hosts: &Hosts,
    names: &mut Names,
) -> Option<probe::Check> {
    let named = frame::named(row, names);
    let pace = pace.overridden(row);
    let address = row.need("address", row.text("address"));
    let target =
        address.as_ref().and_then(|text| frame::endpoint(row, "address", text, hosts, None));
    let source = frame::source(row, target.as_ref().map(|dialled| &dialled.endpoint.host));
    frame::exclusive(row, &["send", "send_hex"]);
    let text = row.text("send").map(|at| at.value.as_bytes().to_vec());
    let hex = row.parsed("send_hex", bytes).map(|at| at.value);
    if !row.has("send") && !row.has("send_hex") {
        let help = "send = \"text\", or send_hex = \"00 0a ff\": without a question nobody answers";
        row.note_missing(format!("{} needs `send` or `send_hex`", row.header()), help);
    }
    let expect = row.text("expect").and_then(|text| frame::byte_pattern(row, "expect", &text));
    let (address, target, send) = (address?, target?, text.or(hex)?);
    if send.len() > MOST_BYTES {
        let wrong = Wrong::new(format!("{} bytes are no datagram", send.len()))
            .help(format!("at most {MOST_BYTES}"));
        row.note(&row.span, wrong);
    }
    let frame = named.frame(&pace, Kind::Udp, address.value, target.owner)?;
    let spec = udp::Spec { target: target.endpoint, source, send, expect };
    Some(probe::Check { frame, spec: probe::Spec::Udp(Box::new(spec)) })
}

/// Bytes as two hexadecimal digits each, with or without blanks and colons between them.
fn bytes(text: &str) -> Result<Vec<u8>, Wrong> {
    let wrong = || {
        Wrong::new(format!("{} is not hexadecimal", shown(text)))
            .help("two digits a byte, such as \"00 0a ff\"")
    };
    let digits: Vec<char> =
        text.chars().filter(|letter| !matches!(letter, ' ' | ':' | '\n' | '\t')).collect();
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return Err(wrong());
    }
    let byte = |pair: &[char]| {
        let (high, low) = (pair[0].to_digit(16)?, pair[1].to_digit(16)?);
        u8::try_from(high * 16 + low).ok()
    };
    digits.chunks(2).map(byte).collect::<Option<Vec<u8>>>().ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal() {
        assert_eq!(bytes("00 0a:FF\n7f"), Ok(vec![0, 10, 255, 127]));
        for text in ["", "0", "0 0a", "0x00", "zz", "0é"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
