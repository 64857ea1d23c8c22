//! Records that are a few numbers and then bytes: DS, DNSKEY, TLSA and SSHFP. Hexadecimal is
//! rendered in lower case and base64 without blanks, however it was written (RFC 4034 §2.2, §5.3,
//! RFC 6698 §2.2, RFC 4255 §3.2). Deliberately absent: whether a key or digest is the right one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hickory_proto::rr::RecordType;

/// The numbers before the bytes, and how the bytes are written.
struct Layout {
    /// Bytes each number takes.
    widths: &'static [usize],
    is_base64: bool,
    form: &'static str,
}

const fn layout(record_type: RecordType) -> Option<Layout> {
    let (widths, is_base64, form): (&[usize], _, _) = match record_type {
        RecordType::DS => (
            &[2, 1, 1],
            false,
            "a DS value is key tag, algorithm, digest type and digest, such as `2371 13 2 1f98…`",
        ),
        RecordType::DNSKEY => (
            &[2, 1, 1],
            true,
            "a DNSKEY value is flags, protocol, algorithm and key, such as `257 3 13 mdsswUyr…`",
        ),
        RecordType::TLSA => (
            &[1, 1, 1],
            false,
            "a TLSA value is usage, selector, matching type and data, such as `3 1 1 8bd1…`",
        ),
        RecordType::SSHFP => (
            &[1, 1],
            false,
            "an SSHFP value is algorithm, fingerprint type and fingerprint, such as `4 2 123e…`",
        ),
        _ => return None,
    };
    Some(Layout { widths, is_base64, form })
}

/// Records of this type are laid out like that.
pub(super) fn covers(record_type: RecordType) -> bool {
    layout(record_type).is_some()
}

/// What a value looks like.
pub(super) fn form(record_type: RecordType) -> &'static str {
    layout(record_type).map_or("", |layout| layout.form)
}

/// A value of the plan in the one spelling.
pub(super) fn normalise(record_type: RecordType, fields: &[&str]) -> Result<String, String> {
    let layout = layout(record_type).filter(|layout| fields.len() > layout.widths.len());
    let Some(layout) = layout else { return Err(form(record_type).to_owned()) };
    let (numbers, rest) = fields.split_at(layout.widths.len());
    let mut read = Vec::with_capacity(numbers.len());
    for (place, (field, width)) in numbers.iter().zip(layout.widths).enumerate() {
        let most = if *width == 2 { u32::from(u16::MAX) } else { u32::from(u8::MAX) };
        let number = field.parse().ok().or_else(|| mnemonic(record_type, place, field));
        let number = number.filter(|number| *number <= most);
        read.push(number.ok_or_else(|| {
            format!("`{field}` is not a number from 0 to {most}; {}", layout.form)
        })?);
    }
    let joined = rest.concat();
    let bytes = if layout.is_base64 {
        STANDARD.decode(&joined).map_err(|_| format!("the key is not base64; {}", layout.form))?
    } else {
        unhex(&joined).ok_or_else(|| {
            format!("`{}` is not an even number of hexadecimal digits", abridged(&joined))
        })?
    };
    check(record_type, &read, &bytes)?;
    Ok(written(&read, &bytes, layout.is_base64))
}

/// The data of a record in the same spelling.
pub(super) fn render(record_type: RecordType, mut data: &[u8]) -> Option<String> {
    let layout = layout(record_type)?;
    let mut numbers = Vec::with_capacity(layout.widths.len());
    for &width in layout.widths {
        let (number, rest) = data.split_at_checked(width)?;
        numbers.push(number.iter().fold(0, |sum, &byte| sum << 8 | u32::from(byte)));
        data = rest;
    }
    Some(written(&numbers, data, layout.is_base64))
}

fn written(numbers: &[u32], bytes: &[u8], is_base64: bool) -> String {
    let mut text = String::with_capacity(16 + bytes.len() * 2);
    for number in numbers {
        text.push_str(&format!("{number} "));
    }
    if is_base64 {
        text.push_str(&STANDARD.encode(bytes));
    } else {
        for byte in bytes {
            text.push_str(&format!("{byte:02x}"));
        }
    }
    text
}

/// The length that a digest of a known kind has.
fn check(record_type: RecordType, numbers: &[u32], bytes: &[u8]) -> Result<(), String> {
    let (kind, expected) = match (record_type, numbers) {
        (RecordType::DS, [.., kind]) => (kind, digest_bytes(*kind, &[(1, 20), (2, 32), (4, 48)])),
        (RecordType::SSHFP, [.., kind]) => (kind, digest_bytes(*kind, &[(1, 20), (2, 32)])),
        (RecordType::TLSA, [.., kind]) => (kind, digest_bytes(*kind, &[(1, 32), (2, 64)])),
        _ => return Ok(()),
    };
    match expected {
        Some(expected) if expected != bytes.len() => Err(format!(
            "a digest of type {kind} has {} hexadecimal digits, this one has {}",
            expected * 2,
            bytes.len() * 2
        )),
        _ if bytes.is_empty() => Err(form(record_type).to_owned()),
        _ => Ok(()),
    }
}

fn digest_bytes(kind: u32, known: &[(u32, usize)]) -> Option<usize> {
    known.iter().find(|(known, _)| *known == kind).map(|&(_, length)| length)
}

/// Numbers that zone files may write as words (RFC 4034 appendix A.1, RFC 7218).
fn mnemonic(record_type: RecordType, place: usize, word: &str) -> Option<u32> {
    let words: &[(&str, u32)] = match (record_type, place) {
        (RecordType::DS, 1) | (RecordType::DNSKEY, 2) => &[
            ("RSASHA1", 5),
            ("RSASHA1-NSEC3-SHA1", 7),
            ("RSASHA256", 8),
            ("RSASHA512", 10),
            ("ECDSAP256SHA256", 13),
            ("ECDSAP384SHA384", 14),
            ("ED25519", 15),
            ("ED448", 16),
        ],
        (RecordType::TLSA, 0) => {
            &[("PKIX-TA", 0), ("PKIX-EE", 1), ("DANE-TA", 2), ("DANE-EE", 3), ("PrivCert", 255)]
        }
        (RecordType::TLSA, 1) => &[("Cert", 0), ("SPKI", 1), ("PrivSel", 255)],
        (RecordType::TLSA, 2) => &[("Full", 0), ("SHA2-256", 1), ("SHA2-512", 2)],
        _ => &[],
    };
    words.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|&(_, number)| number)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

fn abridged(text: &str) -> String {
    match text.char_indices().nth(24) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: &str = "1F987CC6583E92DF0890718C42A5F3E8B1F0A5B6C7D8E9FA0B1C2D3E4F506172";

    fn normal(record_type: RecordType, value: &str) -> Result<String, String> {
        normalise(record_type, &value.split_whitespace().collect::<Vec<_>>())
    }

    #[test]
    fn blanks_and_letter_case_are_no_difference() {
        let digest = SHA256.to_lowercase();
        let table = [
            (RecordType::DS, format!("02371 ECDSAP256SHA256 2 {SHA256}"), "2371 13 2 "),
            (
                RecordType::DS,
                format!("2371 13 2 {} {}", &SHA256[..32], &digest[32..]),
                "2371 13 2 ",
            ),
            (RecordType::TLSA, format!("DANE-EE SPKI SHA2-256 {SHA256}"), "3 1 1 "),
            (RecordType::SSHFP, format!("4 2 {SHA256}"), "4 2 "),
        ];
        for (record_type, written, numbers) in table {
            let expected = format!("{numbers}{digest}");
            assert_eq!(normal(record_type, &written).as_deref(), Ok(&*expected), "{written}");
            assert_eq!(normal(record_type, &expected), Ok(expected));
        }
        assert_eq!(
            normal(
                RecordType::DNSKEY,
                "257 3 ED25519 l02Woi0iS8Aa25FQ kUd9RMzZHJpBoRQw AQEX1SxZJA4="
            ),
            Ok("257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=".to_owned())
        );
    }

    #[test]
    fn what_a_server_sends_reads_the_same() {
        assert_eq!(
            render(RecordType::DS, &[9, 67, 13, 2, 0xab, 0xcd]).as_deref(),
            Some("2371 13 2 abcd")
        );
        assert_eq!(render(RecordType::SSHFP, &[4, 2, 1]).as_deref(), Some("4 2 01"));
        assert_eq!(render(RecordType::DNSKEY, &[1, 1, 3, 15, 0]).as_deref(), Some("257 3 15 AA=="));
        assert_eq!(render(RecordType::TLSA, &[3, 1]), None);
    }

    #[test]
    fn what_cannot_be_is_told() {
        let table = [
            (RecordType::DS, "2371 13 2", "a DS value is key tag"),
            (RecordType::DS, "70000 13 2 ab", "0 to 65535"),
            (RecordType::DS, "2371 13 2 abcd", "64 hexadecimal digits, this one has 4"),
            (RecordType::DS, "2371 13 2 abc", "even number"),
            (RecordType::TLSA, "3 1 300 ab", "0 to 255"),
            (RecordType::SSHFP, "4 2 xy", "hexadecimal"),
            (RecordType::DNSKEY, "257 3 15 ====", "base64"),
        ];
        for (record_type, written, hint) in table {
            let mistake = normal(record_type, written).unwrap_err();
            assert!(mistake.contains(hint), "{record_type} {written}: {mistake}");
        }
    }
}
