//! Who has held a port, and since when: what the history of a port is made of.
//!
//! Deliberately absent: right and wrong, and memory; a change is noticed here, kept by others.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Observed;

/// Who holds a port, and at which addresses. Of several processes the oldest counts: workers come
/// and go, and the port is still held by the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Somebody listens.
    pub listening: bool,
    /// Name of the oldest owner, where it may be seen.
    pub process: Option<String>,
    /// Its process id.
    pub pid: Option<u32>,
    /// Why the owner is not known, when it is not: `permission` or `kernel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_unknown: Option<String>,
    /// Every address it is bound to, for a local host.
    pub bind: Vec<IpAddr>,
}

/// A holding, and since when it has been so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenure {
    /// Since when; the first look, for what was there before it.
    pub since: Timestamp,
    /// Who holds the port.
    pub holding: Holding,
    /// Who held it until then; `None` where that was not seen.
    pub before: Option<Holding>,
}

impl Holding {
    /// What was seen, as a holding; `None` where it could not be told whether anybody listens.
    #[must_use]
    pub fn of(seen: &Observed) -> Option<Self> {
        let listening = seen.listening?;
        let owner = seen.owners.first();
        Some(Self {
            listening,
            process: owner.map(|owner| owner.name.clone()),
            pid: owner.map(|owner| owner.pid),
            owner_unknown: seen.owner_unknown.clone().filter(|_| owner.is_none()),
            bind: seen.bind.iter().map(|bind| bind.ip()).collect(),
        })
    }

    /// Whether what was seen is this very holding. Says so without building one: it is asked at
    /// every look.
    #[must_use]
    pub fn is_still(&self, seen: &Observed) -> bool {
        let owner = seen.owners.first();
        let unknown = seen.owner_unknown.as_deref().filter(|_| owner.is_none());
        seen.listening == Some(self.listening)
            && self.process.as_deref() == owner.map(|owner| &*owner.name)
            && self.pid == owner.map(|owner| owner.pid)
            && self.owner_unknown.as_deref() == unknown
            && self.bind.iter().copied().eq(seen.bind.iter().map(|bind| bind.ip()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Process;

    fn process(name: &str, pid: u32) -> Arc<Process> {
        Arc::new(Process {
            pid,
            name: name.to_owned(),
            executable: None,
            command_line: String::new(),
            uid: 1,
            unit: None,
        })
    }

    fn seen(owners: &[(&str, u32)], bind: &[&str]) -> Observed {
        Observed {
            listening: Some(!bind.is_empty()),
            bind: bind.iter().map(|bind| bind.parse().unwrap()).collect(),
            owners: owners.iter().map(|&(name, pid)| process(name, pid)).collect(),
            ..Observed::default()
        }
    }

    #[test]
    fn a_holding_ends_with_its_owner_or_its_addresses_alone() {
        let before = seen(&[("nginx", 10), ("nginx", 11)], &["0.0.0.0:80"]);
        let holding = Holding::of(&before).unwrap();
        let cases = [
            ("the same", before.clone(), true),
            ("another worker", seen(&[("nginx", 10), ("nginx", 99)], &["0.0.0.0:80"]), true),
            ("restarted", seen(&[("nginx", 12)], &["0.0.0.0:80"]), false),
            ("another program", seen(&[("caddy", 10)], &["0.0.0.0:80"]), false),
            ("another address", seen(&[("nginx", 10)], &["127.0.0.1:80"]), false),
            ("one more address", seen(&[("nginx", 10)], &["0.0.0.0:80", "[::]:80"]), false),
            ("nobody", seen(&[], &[]), false),
            ("cannot be told", Observed::default(), false),
        ];
        for (what, after, expected) in cases {
            assert_eq!(holding.is_still(&after), expected, "{what}");
            assert_eq!(Holding::of(&after).is_some_and(|other| other == holding), expected);
        }
    }

    #[test]
    fn an_owner_that_may_not_be_seen_is_a_holding_too() {
        let hidden = Observed {
            owner_unknown: Some("permission".to_owned()),
            ..seen(&[], &["127.0.0.1:5432"])
        };
        let holding = Holding::of(&hidden).unwrap();
        assert!(holding.is_still(&hidden) && holding.listening);
        assert!(!holding.is_still(&seen(&[("postgres", 7)], &["127.0.0.1:5432"])));
        assert!(Holding::of(&Observed::default()).is_none());
    }
}
