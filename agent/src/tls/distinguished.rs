//! Names out of certificates, made fit for people: RFC 4514 strings, nothing that could move a
//! cursor, hide itself or turn the writing direction, and a bound on their length.

use std::fmt::Write;

use health::text::is_deceptive;

use x509_parser::der_parser::oid::Oid;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// Longest name shown, in characters.
const LONGEST: usize = 400;
/// Most attributes of one name that are read.
const MOST_ATTRIBUTES: usize = 40;
/// Longest object identifier that is written out, in bytes as encoded.
const LONGEST_OID: usize = 64;

/// A distinguished name as an RFC 4514 string: last attribute first, specials escaped.
pub(super) fn distinguished(name: &X509Name<'_>) -> String {
    let mut parts: Vec<String> = name
        .iter_rdn()
        .take(MOST_ATTRIBUTES)
        .map(|rdn| rdn.iter().take(MOST_ATTRIBUTES).map(written).collect::<Vec<_>>().join("+"))
        .collect();
    parts.reverse();
    shortened(parts.join(","))
}

/// The first attribute of this kind, such as `CN`, of a name as [`distinguished`] writes it, as it
/// reads without escapes; what cannot be seen stays escaped.
pub(crate) fn attribute(name: &str, kind: &str) -> Option<String> {
    let mut parts = vec![String::new()];
    let mut characters = name.chars();
    while let Some(character) = characters.next() {
        match (character, parts.last_mut()) {
            (',' | '+', _) => parts.push(String::new()),
            ('\\', Some(part)) => match characters.next() {
                Some(digit) if digit.is_ascii_hexdigit() => part.extend(['\\', digit]),
                special => part.extend(special),
            },
            (_, Some(part)) => part.push(character),
            (_, None) => {}
        }
    }
    let valued = |part: &String| Some(part.strip_prefix(kind)?.strip_prefix('=')?.to_owned());
    parts.iter().find_map(valued)
}

/// Outside text as it may be shown: what cannot be seen is written `\XX`, byte by byte.
pub(super) fn printable(words: &str) -> String {
    let mut shown = String::new();
    for character in words.chars().take(LONGEST + 1) {
        if is_unseen(character) { escape(&mut shown, character) } else { shown.push(character) }
    }
    shortened(shown)
}

/// An object identifier in numbers. One of absurd length stays unwritten: its numbers would have to be
/// worked out, digit by digit.
pub(super) fn dotted(oid: &Oid<'_>) -> String {
    match oid.as_bytes().len() {
        0..=LONGEST_OID => oid.to_id_string(),
        length => format!("an object identifier of {length} bytes"),
    }
}

fn written(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = dotted(attribute.attr_type());
    let kind = match oid.as_str() {
        "2.5.4.3" => "CN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        other => other,
    };
    match attribute.as_str() {
        Ok(value) => format!("{kind}={}", escaped(value)),
        // RFC 4514 section 2.4: other encodings as a number sign and the hexadecimal bytes.
        Err(_) => {
            let bytes = attribute.as_slice();
            let mut value = format!("{kind}=#");
            for byte in bytes.iter().take(LONGEST / 2) {
                let _ = write!(value, "{byte:02x}");
            }
            value
        }
    }
}

/// RFC 4514 section 2.4.
fn escaped(value: &str) -> String {
    let mut shown = String::new();
    let last = value.chars().count().saturating_sub(1);
    for (index, character) in value.chars().take(LONGEST + 1).enumerate() {
        match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => {
                shown.push('\\');
                shown.push(character);
            }
            '#' if index == 0 => shown.push_str("\\#"),
            ' ' if index == 0 || index == last => shown.push_str("\\ "),
            _ if is_unseen(character) => escape(&mut shown, character),
            _ => shown.push(character),
        }
    }
    shown
}

fn escape(shown: &mut String, character: char) {
    let mut bytes = [0; 4];
    for byte in character.encode_utf8(&mut bytes).bytes() {
        let _ = write!(shown, "\\{byte:02X}");
    }
}

/// In a name that is compared by eye not even joiners go unseen.
fn is_unseen(character: char) -> bool {
    is_deceptive(character) || matches!(character, '\u{200c}' | '\u{200d}')
}

fn shortened(mut shown: String) -> String {
    if let Some((end, _)) = shown.char_indices().nth(LONGEST) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{attribute, escaped, printable};

    #[test]
    fn attributes_of_a_name() {
        let name = "CN=a\\, b\\00,OU=x+O=K\\+K,O=second,C=KR";
        for (kind, expected) in [
            ("CN", Some("a, b\\00")),
            ("O", Some("K+K")),
            ("OU", Some("x")),
            ("C", Some("KR")),
            ("ST", None),
        ] {
            assert_eq!(attribute(name, kind).as_deref(), expected, "{kind}");
        }
        assert_eq!(attribute("", "CN"), None);
    }

    #[test]
    fn escapes_as_rfc_4514_and_hides_nothing() {
        let cases = [
            ("plain", "plain"),
            ("a, b", "a\\, b"),
            ("#1", "\\#1"),
            (" x ", "\\ x\\ "),
            ("bank.example\0.evil.example", "bank.example\\00.evil.example"),
            ("\u{202e}moc.elpmaxe", "\\E2\\80\\AEmoc.elpmaxe"),
            ("한글 주식회사", "한글 주식회사"),
            ("\u{1b}[2J", "\\1B[2J"),
        ];
        for (raw, shown) in cases {
            assert_eq!(escaped(raw), shown, "{raw:?}");
        }
        assert_eq!(printable("a\0b\nc"), "a\\00b\\0Ac");
        assert_eq!(printable(&"x".repeat(10_000)).chars().count(), 401);
    }
}
