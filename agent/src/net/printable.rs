//! Bytes from outside as text for people: escaped, and bounded in length.

use std::borrow::Cow;

use health::text::is_deceptive;

/// The bytes as printable text of at most `max_chars` characters: deceptive characters and bytes
/// that are not UTF-8 are escaped, and an ellipsis says that something was left off.
#[must_use]
pub fn printable(bytes: &[u8], max_chars: usize) -> String {
    printed(bytes, max_chars).into_owned()
}

/// The same, borrowed where nothing has to be changed.
#[must_use]
pub fn printed(bytes: &[u8], max_chars: usize) -> Cow<'_, str> {
    // Nearly everything is short and plain, such as the headers of every answer.
    if bytes.len() <= max_chars
        && is_plain(bytes)
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return text.into();
    }
    // A character has at most four bytes, so looking further than this is never needed.
    let seen = &bytes[..bytes.len().min(max_chars.saturating_mul(4).saturating_add(4))];
    let mut text = Shortened { text: String::new(), left: max_chars, cut: false };
    for chunk in seen.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => text.push("\\n"),
                '\r' => text.push("\\r"),
                '\t' => text.push("\\t"),
                _ if is_deceptive(character) => text.push(&character.escape_unicode().to_string()),
                _ => text.push(character.encode_utf8(&mut [0; 4])),
            }
        }
        for byte in chunk.invalid() {
            text.push(&format!("\\x{byte:02x}"));
        }
    }
    text.cut |= seen.len() < bytes.len();
    if text.cut {
        text.text.push('…');
    }
    text.text.into()
}

/// Printable ASCII alone. Looking at every byte is faster than stopping at the first odd one: the
/// compiler then takes many at a time.
fn is_plain(bytes: &[u8]) -> bool {
    !bytes.iter().fold(false, |is_odd, byte| is_odd | !(b' '..=b'~').contains(byte))
}

struct Shortened {
    text: String,
    left: usize,
    cut: bool,
}

impl Shortened {
    /// Takes a piece whole or not at all, and nothing after the first that did not fit.
    fn push(&mut self, piece: &str) {
        let length = piece.chars().count();
        if self.cut || length > self.left {
            self.cut = true;
            return;
        }
        self.left -= length;
        self.text.push_str(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn escapes_and_bounds() {
        for (bytes, max_chars, expected) in [
            (&b"SSH-2.0-x"[..], 256, "SSH-2.0-x"),
            (b"220 ok\r\n", 256, "220 ok\\r\\n"),
            (b"\x15\x03\x01", 256, "\\u{15}\\u{3}\\u{1}"),
            (b"\xff\xfe", 256, "\\xff\\xfe"),
            ("포트".as_bytes(), 256, "포트"),
            ("포트포트".as_bytes(), 2, "포트…"),
            (b"abcdef", 3, "abc…"),
            (b"ab\xff", 4, "ab…"),
            ("a\u{202e}b".as_bytes(), 256, "a\\u{202e}b"),
            (b"", 3, ""),
        ] {
            assert_eq!(printable(bytes, max_chars), expected, "{bytes:?}");
        }
        let endless = vec![b'x'; 1 << 20];
        assert_eq!(printable(&endless, 256).chars().count(), 257);
    }
}
