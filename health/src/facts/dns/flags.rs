//! The flags of a DNS header in one byte: every answer has some, and the last ones are kept.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The flags as people write them (RFC 1035 section 4.1.1, RFC 4035 section 3.2), by bit.
const NAMES: [&str; 6] = ["aa", "tc", "rd", "ra", "ad", "cd"];

/// Header flags that were set: `aa tc rd ra ad cd`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(u8);

impl Flags {
    /// The names of those set.
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        NAMES
            .into_iter()
            .enumerate()
            .filter(move |(bit, _)| self.0 & (1 << bit) != 0)
            .map(|(_, name)| name)
    }

    /// Whether none is set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Names that are no flag's are left out.
impl<S: AsRef<str>> FromIterator<S> for Flags {
    fn from_iter<T: IntoIterator<Item = S>>(names: T) -> Self {
        let bits = names.into_iter().filter_map(|name| {
            NAMES.iter().position(|known| *known == name.as_ref()).map(|bit| 1 << bit)
        });
        Self(bits.fold(0, |flags, bit: u8| flags | bit))
    }
}

/// Those set, with a blank between.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A list of names.
impl Serialize for Flags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Flags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<String>::deserialize(deserializer).map(Self::from_iter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_a_list_of_names_outside() {
        let flags = Flags::from_iter(["ra", "aa", "zz"]);
        assert_eq!(flags.to_string(), "aa ra");
        let json = serde_json::to_string(&flags).unwrap();
        assert_eq!(json, r#"["aa","ra"]"#);
        assert_eq!(serde_json::from_str::<Flags>(&json).unwrap(), flags);
        assert!(Flags::default().is_empty() && !flags.is_empty());
    }
}
