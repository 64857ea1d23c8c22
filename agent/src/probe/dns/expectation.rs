//! What the plan wants of a record, ready to be compared with answers.

use std::fmt;

use hickory_proto::rr::Name;

use super::reply::Outcome;
use super::values::normalise;
use super::{Expectation, Record};

/// An expectation with its values normalised, sorted and without repetitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Exactly(Vec<String>),
    Contains(Vec<String>),
    Absent,
    Anything,
    /// Where it is written could not be read, or is not read yet: nothing is judged.
    Unknown,
}

impl Expected {
    pub(super) fn of(record: &Record, zone: &Name) -> Self {
        let set = |values: &[String]| {
            // A value that the plan's validation should have refused is kept as written: it will
            // be reported as a drift from an impossible value instead of passing unseen.
            let mut set: Vec<String> = values
                .iter()
                .map(|value| {
                    normalise(record.record_type, zone, value).unwrap_or_else(|_| value.clone())
                })
                .collect();
            set.sort_unstable();
            set.dedup();
            set
        };
        match &record.expectation {
            Expectation::Exactly(values) => Self::Exactly(set(values)),
            Expectation::Contains(values) => Self::Contains(set(values)),
            Expectation::Absent => Self::Absent,
            Expectation::Anything => Self::Anything,
            Expectation::Told(_) => Self::Unknown,
        }
    }

    /// Whether a server's answer is what the plan says. No usable answer never is.
    pub(super) fn holds(&self, outcome: &Outcome) -> bool {
        match (self, outcome) {
            (Self::Exactly(wanted), Outcome::Values(values)) => wanted == values,
            (Self::Contains(wanted), Outcome::Values(values)) => {
                wanted.iter().all(|value| values.binary_search(value).is_ok())
            }
            (Self::Absent, Outcome::Nodata | Outcome::Nxdomain) => true,
            (Self::Anything | Self::Unknown, outcome) => {
                outcome.is_statement()
                    && !matches!(outcome, Outcome::Loop(_) | Outcome::Dangling(_))
            }
            _ => false,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(values) => f.write_str(&values.join(", ")),
            Self::Contains(values) => write!(f, "contains {}", values.join(", ")),
            Self::Absent => f.write_str("absent"),
            Self::Anything => f.write_str("anything"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::RecordType;

    use super::*;

    #[test]
    fn an_answer_holds_or_not() {
        let list = |values: &[&str]| values.iter().map(|&v| v.to_owned()).collect::<Vec<_>>();
        let values = |values: &[&str]| Outcome::Values(list(values));
        let expected = |expectation| {
            let record = Record {
                name: Name::from_ascii("shop.example.").unwrap(),
                record_type: RecordType::MX,
                expectation,
                ttl: crate::probe::dns::TtlLimits::default(),
            };
            Expected::of(&record, &record.name)
        };
        let exactly = expected(Expectation::Exactly(list(&["20 b.host.", "10 A.host.example."])));
        assert!(exactly.holds(&values(&["10 a.host.example", "20 b.host"])));
        assert!(!exactly.holds(&values(&["10 a.host.example"])));
        assert!(!exactly.holds(&Outcome::Nodata));
        let contains = expected(Expectation::Contains(list(&["10 a.host.example"])));
        assert!(contains.holds(&values(&["10 a.host.example", "20 b.host"])));
        assert!(!contains.holds(&values(&["20 b.host"])));
        let absent = expected(Expectation::Absent);
        assert!(absent.holds(&Outcome::Nodata) && absent.holds(&Outcome::Nxdomain));
        assert!(!absent.holds(&values(&["10 a.host.example"])));
        assert!(!absent.holds(&Outcome::Alias("cdn.example".to_owned())));
        assert!(!absent.holds(&Outcome::NotAuthoritative));
        let anything = expected(Expectation::Anything);
        assert!(anything.holds(&Outcome::Nodata) && !anything.holds(&Outcome::NotAuthoritative));
    }
}
