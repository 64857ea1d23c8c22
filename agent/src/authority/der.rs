//! DER as far as answers of a CA need it: one element after the other, and moments.
//!
//! Deliberately absent: values of more than 4 GiB, indefinite lengths and tags above 30, which DER
//! or these answers do not have.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT: u8 = 0x06;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;

/// The tag of a constructed field with a number of its own.
pub(super) const fn field(number: u8) -> u8 {
    0xa0 | number
}

/// One element: its tag, what it holds, and all of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    pub(super) whole: &'a [u8],
}

/// Reads elements from the front of its bytes.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next element, whatever it is.
    pub(super) fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length =
                    bytes.iter().fold(0_usize, |sum, &byte| (sum << 8) | usize::from(byte));
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len() - rest.len())?;
        self.0 = rest;
        Some(Element { tag, content, whole })
    }

    /// The next element, if it is of this tag; else it stays.
    pub(super) fn optional(&mut self, tag: u8) -> Option<Element<'a>> {
        if self.0.first() != Some(&tag) {
            return None;
        }
        self.next()
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// A reader of what the next element holds, if that is of this tag.
    pub(super) fn enter(&mut self, tag: u8) -> Option<Self> {
        self.optional(tag).map(|element| Self(element.content))
    }
}

/// A UTCTime or GeneralizedTime as RFC 5280 section 4.1.2.5 has them: with seconds, in UTC.
pub(super) fn moment(element: Element<'_>) -> Option<Timestamp> {
    let digits = element.content.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i16> {
        let digits = digits.get(from..to)?.iter();
        Some(digits.fold(0, |sum, digit| sum * 10 + i16::from(digit - b'0')))
    };
    let small = |from: usize| number(from, from + 2).and_then(|two| i8::try_from(two).ok());
    let (year, rest) = match (element.tag, digits.len()) {
        (GENERALIZED_TIME, 14) => (number(0, 4)?, 4),
        (UTC_TIME, 12) => {
            let year = number(0, 2)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, 2)
        }
        _ => return None,
    };
    let civil = DateTime::new(
        year,
        small(rest)?,
        small(rest + 2)?,
        small(rest + 4)?,
        small(rest + 6)?,
        small(rest + 8)?,
        0,
    );
    civil.ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::{Element, GENERALIZED_TIME, Reader, SEQUENCE, UTC_TIME, moment};

    #[test]
    fn reads_elements_and_nothing_beyond_the_end() {
        let long = [&[0x30, 0x81, 0x80][..], &[7; 0x80]].concat();
        let cases: [(&[u8], Option<usize>); 9] = [
            (&[], None),
            (&[0x30], None),
            (&[0x30, 0], Some(0)),
            (&[0x30, 2, 1, 1], Some(2)),
            (&[0x30, 3, 1, 1], None),
            (&[0x30, 0x80, 0, 0], None),
            (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], None),
            (&[0x3f, 0x81, 1, 0], None),
            (&long, Some(0x80)),
        ];
        for (bytes, expected) in cases {
            let read = Reader::new(bytes).next().map(|element| element.content.len());
            assert_eq!(read, expected, "{bytes:02x?}");
        }
        let mut two = Reader::new(&[0x30, 1, 9, 0x02, 0]);
        assert!(two.optional(0x02).is_none(), "stays");
        assert_eq!(two.next().unwrap().whole, [0x30, 1, 9]);
        assert!(two.enter(SEQUENCE).is_none());
        assert_eq!(two.next().unwrap().tag, 0x02);
        assert!(two.next().is_none());
    }

    #[test]
    fn reads_moments() {
        let cases = [
            (GENERALIZED_TIME, "20260615120000Z", Some("2026-06-15T12:00:00Z")),
            (UTC_TIME, "260615120000Z", Some("2026-06-15T12:00:00Z")),
            (UTC_TIME, "500101000000Z", Some("1950-01-01T00:00:00Z")),
            (UTC_TIME, "20260615120000Z", None),
            (GENERALIZED_TIME, "20260615120000", None),
            (GENERALIZED_TIME, "20261315120000Z", None),
            (GENERALIZED_TIME, "2026061512000xZ", None),
        ];
        for (tag, text, expected) in cases {
            let element = Element { tag, content: text.as_bytes(), whole: &[] };
            assert_eq!(moment(element), expected.map(|at| at.parse().unwrap()), "{text}");
        }
    }
}
