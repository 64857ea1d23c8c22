//! Strings, integers and name-lists as SSH writes them (RFC 4251 section 5). Pure.

/// Writes the fields of a message.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    /// A message of this number (RFC 4253 section 12).
    pub(super) fn message(number: u8) -> Self {
        Self(vec![number])
    }

    /// Bytes as they are.
    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A string: its length, then its bytes. All of ours are far below 4 GiB.
    pub(super) fn string(self, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.raw(&length.to_be_bytes()).raw(bytes)
    }

    /// A positive integer: without leading zeros, except one before a set high bit.
    pub(super) fn integer(self, big_endian: &[u8]) -> Self {
        let bytes = without_zeros(big_endian);
        match bytes.first() {
            Some(first) if first & 0x80 != 0 => self.string(&[&[0], bytes].concat()),
            _ => self.string(bytes),
        }
    }
}

/// Reads the fields of a message; `None` once it ends too early.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(*self.bytes(4)?.first_chunk()?))
    }

    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.bytes(length)
    }

    /// A positive integer without leading zeros.
    pub(super) fn integer(&mut self) -> Option<&'a [u8]> {
        self.string().map(without_zeros)
    }

    /// Names with commas between them; whatever is not ASCII makes none.
    pub(super) fn names(&mut self) -> Option<Vec<&'a str>> {
        let list = std::str::from_utf8(self.string()?).ok().filter(|list| list.is_ascii())?;
        Some(list.split(',').filter(|name| !name.is_empty()).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    &bytes[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_written_as_the_rfc_has_them() {
        for (value, expected) in [
            (&[][..], &[0, 0, 0, 0][..]),
            (&[0, 0], &[0, 0, 0, 0]),
            (&[0x80], &[0, 0, 0, 2, 0, 0x80]),
            (&[0, 0x7f], &[0, 0, 0, 1, 0x7f]),
            (
                &[0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7],
                &[0, 0, 0, 8, 0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7],
            ),
        ] {
            assert_eq!(Writer::default().integer(value).0, expected);
        }
    }

    #[test]
    fn what_ends_too_early_is_nothing() {
        let message = Writer::default().string(b"a,b,,c").integer(&[0x80]).0;
        let mut reader = Reader::new(&message);
        assert_eq!(reader.names(), Some(vec!["a", "b", "c"]));
        assert_eq!(reader.integer(), Some(&[0x80][..]));
        assert!(reader.is_empty());
        for short in 0..message.len() {
            let mut reader = Reader::new(&message[..short]);
            assert!(reader.names().and_then(|_| reader.integer()).is_none(), "{short}");
        }
        assert_eq!(Reader::new(&[0xff; 4]).string(), None);
        assert_eq!(Reader::new(&[0, 0, 0, 1, 0xff]).names(), None);
    }
}
