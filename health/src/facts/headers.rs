//! The headers of an answer in one piece of memory: every answer has a dozen of them, and the last
//! answer of every check is kept.

use std::fmt;

use memchr::{memchr2, memchr3};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Between a name and its value.
const MIDDLE: &str = ": ";

/// Header names and values in the order they came.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// `name: value`, each with a line end: no header has one within (RFC 9110 sections 5.1, 5.5).
    lines: String,
}

impl Headers {
    /// None yet, and room for so many bytes of them.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { lines: String::with_capacity(bytes) }
    }

    /// One more. What a header cannot hold becomes a blank in the value, and is left out of the name.
    pub fn push(&mut self, name: &str, value: &str) {
        if memchr3(b':', b'\r', b'\n', name.as_bytes()).is_some()
            || memchr2(b'\r', b'\n', value.as_bytes()).is_some()
        {
            return self
                .push(&name.replace([':', '\r', '\n'], ""), &value.replace(['\r', '\n'], " "));
        }
        for piece in [name, MIDDLE, value, "\n"] {
            self.lines.push_str(piece);
        }
    }

    /// Name and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.split_terminator('\n').filter_map(|line| line.split_once(MIDDLE))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Headers {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(pairs: T) -> Self {
        let mut headers = Self::default();
        for (name, value) in pairs {
            headers.push(name.as_ref(), value.as_ref());
        }
        headers
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A list of pairs.
impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Headers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of pairs of name and value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Headers, A::Error> {
                let mut headers = Headers::default();
                while let Some((name, value)) = pairs.next_element::<(String, String)>()? {
                    headers.push(&name, &value);
                }
                Ok(headers)
            }
        }

        deserializer.deserialize_seq(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let pairs =
            [("server", "nginx"), ("x-empty", ""), ("x-time", "12:30: late"), ("server", "b")];
        let headers: Headers = pairs.into_iter().collect();
        assert!(headers.iter().eq(pairs));
        assert_eq!((headers.len(), headers.is_empty()), (4, false));
        assert!(Headers::default().is_empty() && Headers::default().iter().next().is_none());
    }

    #[test]
    fn a_header_stays_one_header() {
        let headers: Headers = [("a:\r\nb", "c\r\nd: e")].into_iter().collect();
        assert!(headers.iter().eq([("ab", "c  d: e")]));
    }

    #[test]
    fn others_read_a_list_of_pairs() {
        let headers: Headers = [("server", "nginx"), ("x-\u{e9}", "\"")].into_iter().collect();
        let written = serde_json::to_string(&headers).unwrap();
        assert_eq!(written, "[[\"server\",\"nginx\"],[\"x-\u{e9}\",\"\\\"\"]]");
        assert_eq!(serde_json::from_str::<Headers>(&written).unwrap(), headers);
        let known = serde_json::to_string(&[("server", "nginx")]).unwrap();
        assert_eq!(
            known,
            serde_json::to_string(&Headers::from_iter([("server", "nginx")])).unwrap()
        );
    }
}
