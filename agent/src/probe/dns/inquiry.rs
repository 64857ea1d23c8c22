//! What one plan asks of a zone, worked out at its first probe and kept for those that follow.
//! Deliberately absent: who is asked, besides the nameservers that the plan names itself.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use hickory_proto::rr::{Name, RecordType};

use super::delegation::Delegated;
use super::expectation::Expected;
use super::question::Question;
use super::reply::Outcome;
use super::told::ValueSource;
use super::values::render_name;
use super::{Expectation, Record, Spec, TtlLimits, dnssec};

/// Where a CA looks for its proof, below the name of the certificate.
pub(super) const CHALLENGE_LABEL: &[u8] = b"_acme-challenge";

/// The index of the SOA question, which everybody is asked.
pub(super) const SOA: usize = 0;

/// The inquiry of a spec, once it was needed. A copy begins without: it may yet be changed.
#[derive(Debug, Default)]
pub struct Kept(OnceLock<Arc<Inquiry>>);

impl Clone for Kept {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// All that the probes of one plan have in common.
#[derive(Debug)]
pub(super) struct Inquiry {
    /// The zone for people.
    pub(super) title: Arc<str>,
    /// The nameservers that the plan names.
    pub(super) nameservers: Vec<Delegated>,
    pub(super) records: Vec<Arc<Planned>>,
    /// The zone's own NS, on which its nameservers must agree, planned or not.
    pub(super) apex: Arc<Planned>,
    /// Those for the records, then the one for the zone's own NS where that is not planned.
    pub(super) questions: Vec<Question>,
    /// How many of them are for the records.
    pub(super) planned: usize,
    /// What the servers above are asked, where the zone's own DS is planned.
    pub(super) above: Option<Arc<Inquiry>>,
    /// What the zone's last DNSSEC examination is remembered under.
    pub(super) dnssec: u64,
}

/// A planned record and which questions are asked for it.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) name: Name,
    pub(super) record_type: RecordType,
    pub(super) expected: Expected,
    /// Index into the questions.
    pub(super) question: usize,
    /// The question that follows a planned CNAME to its end.
    pub(super) follow: Option<usize>,
    /// Within which its TTL must be.
    pub(super) ttl: TtlLimits,
    /// By which it is remembered from probe to probe: who is asked, name and type.
    pub(super) key: u64,
    /// Where the expected values are, if not in the plan.
    pub(super) source: Option<ValueSource>,
    /// A proof for a CA (RFC 8555 §8.4): it is followed into other zones, and judged in their words.
    pub(super) is_challenge: bool,
    /// Name, type and expectation for people.
    pub(super) shown: [Arc<str>; 3],
}

impl Inquiry {
    pub(super) fn of(spec: &Spec) -> Arc<Self> {
        spec.kept.0.get_or_init(|| Arc::new(Self::new(spec))).clone()
    }

    fn new(spec: &Spec) -> Self {
        let zone = &spec.zone;
        // Everybody is asked for the SOA, so this is where each may say which instance it is.
        let mut questions = vec![Question::identifying(zone, RecordType::SOA)];
        let mut known = HashMap::from([((zone.clone(), RecordType::SOA), SOA)]);
        let mut ask = |name: &Name, record_type| {
            *known.entry((name.clone(), record_type)).or_insert_with(|| {
                questions.push(Question::new(name, record_type));
                questions.len() - 1
            })
        };
        let (above, own): (Vec<_>, Vec<_>) =
            spec.records.iter().partition(|record| is_above(record, zone));
        let records = own.into_iter().map(|record| {
            let question = ask(&record.name, record.record_type);
            let follow = is_followed(record).then(|| ask(&record.name, RecordType::A));
            let expected = Expected::of(record, zone);
            let planned = Planned::new(&record.name, record.record_type, expected, question);
            let source = match &record.expectation {
                Expectation::Told(source) => Some(source.clone()),
                _ => None,
            };
            let key = key(spec, record);
            Arc::new(Planned { follow, ttl: record.ttl, key, source, ..planned })
        });
        let records = records.collect();
        let planned = questions.len();
        let question = known.get(&(zone.clone(), RecordType::NS)).copied().unwrap_or(planned);
        if question == planned {
            questions.push(Question::new(zone, RecordType::NS));
        }
        let apex = Planned::new(zone, RecordType::NS, Expected::Anything, question);
        Self {
            title: render_name(zone).into(),
            nameservers: spec.nameservers.iter().map(Delegated::from).collect(),
            records,
            apex: Arc::new(apex),
            questions,
            planned,
            above: above.first().map(|record| Arc::new(Self::above(spec, record))),
            dnssec: dnssec::key(spec),
        }
    }

    /// The inquiry about the zone's own DS, for the servers of the zone above.
    fn above(spec: &Spec, record: &Record) -> Self {
        let expected = Expected::of(record, &spec.zone);
        let planned = Planned::new(&record.name, record.record_type, expected, 0);
        let key = key(spec, record);
        let planned = Arc::new(Planned { ttl: record.ttl, key, ..planned });
        Self {
            title: render_name(&spec.zone.base_name()).into(),
            nameservers: Vec::new(),
            records: vec![planned.clone()],
            apex: planned,
            questions: vec![Question::new(&record.name, record.record_type)],
            planned: 1,
            above: None,
            dnssec: 0,
        }
    }
}

impl Planned {
    fn new(name: &Name, record_type: RecordType, expected: Expected, question: usize) -> Self {
        let shown = [render_name(name), record_type.to_string(), expected.to_string()];
        let shown = shown.map(Arc::from);
        let is_challenge =
            record_type == RecordType::TXT && name.iter().next() == Some(CHALLENGE_LABEL);
        Self {
            name: name.clone(),
            record_type,
            expected,
            question,
            follow: None,
            ttl: TtlLimits::default(),
            key: 0,
            source: None,
            is_challenge,
            shown,
        }
    }

    /// The same record with what is expected of it filled in.
    pub(super) fn with_expected(&self, expected: Expected) -> Self {
        let mut shown = self.shown.clone();
        shown[2] = expected.to_string().into();
        let (name, source) = (self.name.clone(), self.source.clone());
        Self { name, expected, source, shown, ..*self }
    }

    /// Whether a server's answer is what the plan says. A challenge may be delegated: what its CNAME
    /// leads to is judged where it leads; and where none is due, nothing has to be there.
    pub(super) fn holds(&self, outcome: &Outcome) -> bool {
        self.expected.holds(outcome)
            || (self.is_challenge
                && match outcome {
                    Outcome::Alias(_) | Outcome::Delegated(_) => true,
                    Outcome::Dangling(_) => self.expected == Expected::Absent,
                    _ => false,
                })
    }
}

/// The same for as long as the same servers are asked for the same record, of two views of one zone
/// another for each.
fn key(spec: &Spec, record: &Record) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&spec.zone, &spec.nameservers, &spec.parent, &spec.hints).hash(&mut hasher);
    (&record.name, record.record_type).hash(&mut hasher);
    hasher.finish()
}

/// The DS of the zone itself is its parent's to publish (RFC 4035 §3.1.4.1).
fn is_above(record: &Record, zone: &Name) -> bool {
    record.record_type == RecordType::DS && record.name.eq_ignore_root(zone)
}

/// A CNAME that the plan wants is followed, to see whether its target exists.
fn is_followed(record: &Record) -> bool {
    record.record_type == RecordType::CNAME && record.expectation != Expectation::Absent
}
