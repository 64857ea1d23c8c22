//! `body_hash`, `same_as` and `ignoring` of an expectation.

use super::super::frame;
use super::super::notes::{Wrong, shown};
use super::super::row::Row;
use crate::probe::http::{BytePattern, Unchanged};

/// Reads what the body must stay.
pub(super) fn unchanged(row: &Row<'_>) -> Option<Unchanged> {
    frame::exclusive(row, &["body_hash", "same_as"]);
    let texts = row.texts("ignoring").unwrap_or_default();
    let patterns = texts.iter().filter_map(|text| frame::byte_pattern(row, "ignoring", text));
    let ignoring: Vec<BytePattern> = patterns.map(BytePattern).collect();
    if row.has("ignoring") && !row.has("body_hash") && !row.has("same_as") {
        let wrong = Wrong::new("there is nothing that the body is compared with")
            .help("it goes with `body_hash` or `same_as`");
        row.note_key("ignoring", &row.span_of("ignoring"), wrong);
    }
    if let Some(digest) = row.parsed("body_hash", digest) {
        return Some(Unchanged::from_digest(digest.value, ignoring));
    }
    let name = row.text("same_as")?;
    let path = frame::path(row, "same_as", &name)?;
    let text = row.understood("same_as", &name, |_| {
        row.reading.surroundings.text_file(&path).map_err(|words| {
            Wrong::new(format!("{} cannot be read: {words}", shown(&path.to_string_lossy())))
                .help("a page that is larger or no text: give its `body_hash`")
        })
    })?;
    Some(Unchanged::from_file(name.value.to_owned(), text.value.as_bytes(), ignoring))
}

/// 64 hexadecimal digits, as `sha256sum` prints them.
fn digest(text: &str) -> Result<[u8; 32], Wrong> {
    let wrong = || {
        Wrong::new(format!("{} is not a SHA-256", shown(text)))
            .help("\"sha256:\" and 64 hexadecimal digits, as `curl -s URL | sha256sum` prints them")
    };
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let mut digest = [0; 32];
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).map_err(|_| wrong())?;
    }
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests() {
        let digits = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        assert_eq!(digest(digits), digest(&format!("sha256:{}", digits.to_uppercase())));
        assert_eq!(digest(digits).map(|digest| digest[0]), Ok(0x9f));
        for text in ["", "sha256:", "md5:00", &digits[1..], "안녕", &digits.replace('9', "x")] {
            assert!(digest(text).is_err(), "{text}");
        }
    }
}
