//! What a zone holds, as entries of a plan: from a zone file, or from what its servers answer.
//!
//! Deliberately absent: judgement. What is written is what is there now, right or wrong; whoever
//! takes it over says by doing so that it should be.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod master_file;
mod writing;

use std::collections::{BTreeMap, BTreeSet};

use hickory_proto::rr::{Name, RecordType};

pub(crate) use master_file::{read, text};

/// One record of a zone. The value is in presentation format, its names complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) name: Name,
    /// As it is written, such as `A` or `TYPE65280`.
    pub(crate) record_type: String,
    pub(crate) value: String,
}

/// A zone's records sorted into those that a plan can hold, and the others.
#[derive(Debug)]
pub(crate) struct Draft {
    zone: Name,
    /// By owner, the zone's own name first, then by type.
    records: BTreeMap<(Owner, String), BTreeSet<String>>,
    /// Why records are left out, how many, and an example or two.
    left_out: BTreeMap<&'static str, LeftOut>,
}

/// Labels from the top downwards, in lower case: names sort by where they are in the tree.
type Owner = Vec<Vec<u8>>;

#[derive(Debug, Default)]
struct LeftOut {
    count: usize,
    examples: BTreeSet<String>,
}

/// Types that whoever signs the zone makes anew again and again.
const MADE_BY_SIGNING: [&str; 9] =
    ["RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY", "CDS", "CDNSKEY", "ZONEMD", "TYPE65534"];

impl Draft {
    /// Sorts what a zone holds.
    pub(crate) fn of(zone: &Name, held: Vec<Held>) -> Self {
        let cuts: BTreeSet<Name> = held
            .iter()
            .filter(|record| record.record_type == "NS" && record.name != *zone)
            .map(|record| record.name.clone())
            .collect();
        let trees: BTreeSet<Name> = held
            .iter()
            .filter(|record| record.record_type == "DNAME")
            .map(|record| record.name.clone())
            .collect();
        let mut draft =
            Self { zone: zone.clone(), records: BTreeMap::new(), left_out: BTreeMap::new() };
        for record in held {
            let why = draft.reason_against(&record, &cuts, &trees);
            match why {
                Some(why) => draft.leave_out(why, &record),
                None => draft.take(record),
            }
        }
        draft
    }

    /// How many records were taken over.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    fn reason_against(
        &self,
        record: &Held,
        cuts: &BTreeSet<Name>,
        trees: &BTreeSet<Name>,
    ) -> Option<&'static str> {
        let Held { name, record_type, .. } = record;
        let kind = record_type.as_str();
        if !self.zone.zone_of(name) {
            return Some("not in the zone");
        }
        if kind == "SOA" {
            return Some("its serial changes with every edit");
        }
        if MADE_BY_SIGNING.contains(&kind) {
            return Some("made anew by whoever signs the zone");
        }
        if kind == "DS" && *name == self.zone {
            return Some("belongs into the zone above");
        }
        if kind == "TXT" && name.iter().next() == Some(b"_acme-challenge") {
            return Some("challenges come and go");
        }
        if is_occluded(name, &self.zone, kind, cuts, trees) {
            return Some("below a delegation, where another zone speaks");
        }
        None
    }

    fn take(&mut self, record: Held) {
        let Ok(record_type) = record.record_type.parse::<RecordType>() else {
            return self.leave_out("of a type that a plan cannot hold", &record);
        };
        let written = self.written_name(&record.name);
        match crate::plan::accepts(&self.zone, &record.name, &written, record_type, &record.value) {
            Ok(value) => {
                let key = (owner(&record.name), record.record_type);
                self.records.entry(key).or_default().insert(value);
            }
            Err(why) => self.leave_out(why, &record),
        }
    }

    fn leave_out(&mut self, why: &'static str, record: &Held) {
        let example = format!("{} {}", self.written_name(&record.name), record.record_type);
        let left = self.left_out.entry(why).or_default();
        left.count += 1;
        if left.examples.len() < 3 {
            left.examples.insert(example);
        }
    }

    /// `@`, or what stands before the zone's name; complete where that could be misread.
    fn written_name(&self, name: &Name) -> String {
        let full = crate::probe::dns::shown(name);
        if *name == self.zone {
            return "@".to_owned();
        }
        let zone = crate::probe::dns::shown(&self.zone);
        match full.strip_suffix(&zone).and_then(|rest| rest.strip_suffix('.')) {
            Some(rest) if !rest.ends_with(&zone) => rest.to_owned(),
            _ => format!("{full}."),
        }
    }
}

fn owner(name: &Name) -> Owner {
    let mut labels: Owner = name.iter().map(<[u8]>::to_ascii_lowercase).collect();
    labels.reverse();
    labels
}

/// What servers of the zone do not answer with, because a delegation or a DNAME is above it.
fn is_occluded(
    name: &Name,
    zone: &Name,
    kind: &str,
    cuts: &BTreeSet<Name>,
    trees: &BTreeSet<Name>,
) -> bool {
    if cuts.contains(name) && !matches!(kind, "NS" | "DS") {
        return true;
    }
    let mut above = name.clone();
    while above != *zone && !above.is_root() {
        above = above.base_name();
        if (cuts.contains(&above) && above != *zone) || trees.contains(&above) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests;
