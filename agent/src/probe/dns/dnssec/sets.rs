//! Record sets with the signatures over them, picked out of one section of an answer.

use std::collections::BTreeMap;

use hickory_proto::dnssec::rdata::{DNSSECRData, RRSIG};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use crate::probe::dns::wording::title;

/// All records of one name and type, and what signs them.
#[derive(Clone, Debug)]
pub(super) struct Set<'a> {
    pub(super) name: &'a Name,
    pub(super) record_type: RecordType,
    pub(super) records: Vec<&'a Record>,
    pub(super) signatures: Vec<&'a RRSIG>,
}

impl Set<'_> {
    /// `www.shop.example A`.
    pub(super) fn title(&self) -> String {
        title(self.name, self.record_type)
    }

    /// The lowest TTL, seconds.
    pub(super) fn ttl(&self) -> u32 {
        self.records.iter().map(|record| record.ttl).min().unwrap_or(0)
    }
}

/// The sets of a section, in canonical order. Signatures over something that is not there belong
/// to no set.
pub(super) fn sets(section: &[Record]) -> Vec<Set<'_>> {
    let mut sets: BTreeMap<(&Name, u16), Set<'_>> = BTreeMap::new();
    let records = section.iter().filter(|record| record.dns_class == DNSClass::IN);
    for record in records.clone() {
        let record_type = record.record_type();
        if record_type != RecordType::RRSIG {
            let set = sets.entry((&record.name, record_type.into())).or_insert_with(|| Set {
                name: &record.name,
                record_type,
                records: Vec::new(),
                signatures: Vec::new(),
            });
            set.records.push(record);
        }
    }
    for record in records {
        if let RData::DNSSEC(DNSSECRData::RRSIG(signature)) = &record.data {
            let covered = u16::from(signature.input().type_covered);
            if let Some(set) = sets.get_mut(&(&record.name, covered)) {
                set.signatures.push(signature);
            }
        }
    }
    sets.into_values().collect()
}

/// The set of this name and type.
pub(super) fn set<'a>(section: &'a [Record], name: &Name, kind: RecordType) -> Option<Set<'a>> {
    sets(section).into_iter().find(|set| set.record_type == kind && set.name.eq_ignore_root(name))
}
