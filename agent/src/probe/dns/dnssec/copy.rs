//! One server's copy of a zone against what vouches for its keys: every answer it gave, set by set.

use std::collections::HashSet;

use hickory_proto::dnssec::Algorithm;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use jiff::Timestamp;

use super::denial::Denial;
use super::keys::{Entry, Key, Voucher, enter, keys};
use super::sets::{Set, set, sets};
use super::signature::{Flaw, Held, verify};
use crate::probe::dns::exchange::Loss;
use crate::probe::dns::question::Question;
use crate::probe::dns::values::render_name;
use crate::probe::dns::wording::title;

/// The longest chain of CNAMEs that is followed within one answer.
const MOST_ALIASES: usize = 16;
/// Sets of one section of an answer that are looked at: a chain of CNAMEs, or a proof and its SOA.
const MOST_SETS: usize = 2 * MOST_ALIASES;

/// What one server's copy comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) keys: Vec<Key>,
    /// Set where everything that vouches uses something that cannot be checked.
    pub(super) unsupported: Option<Vec<Algorithm>>,
    /// The sets that do not hold.
    pub(super) broken: Vec<(String, Flaw)>,
    /// How many sets were looked at.
    pub(super) looked_at: usize,
    /// The signature that ends first, of those that hold, and over what.
    pub(super) earliest: Option<(Held, String)>,
    pub(super) serial: Option<u32>,
}

/// Judges what a server answered to the questions, of which the first is for DNSKEY; `None` when
/// it said nothing about its keys, which is another finding's business.
pub(super) fn examine(
    zone: &Name,
    vouchers: &[Voucher],
    questions: &[Question],
    answers: &[Result<Message, Loss>],
    now: Timestamp,
) -> Option<Copy> {
    let first = answers.first()?.as_ref().ok()?;
    if !first.metadata.authoritative || first.metadata.response_code != ResponseCode::NoError {
        return None;
    }
    let dnskey = set(&first.answers, zone, RecordType::DNSKEY);
    let mut copy = Copy {
        keys: dnskey.as_ref().map(keys).unwrap_or_default(),
        serial: answers.iter().flatten().find_map(serial),
        ..Copy::default()
    };
    let entered = format!("{} DNSKEY", render_name(zone));
    let trusted = match enter(zone, dnskey.as_ref(), vouchers, now) {
        Entry::Trusted(keys, held) => {
            copy.count(entered, Ok(held));
            keys
        }
        Entry::Unsupported(algorithms) => {
            copy.unsupported = Some(algorithms);
            return Some(copy);
        }
        Entry::Flawed(flaw) => {
            copy.count(entered, Err(flaw));
            return Some(copy);
        }
    };
    let mut reading = Reading { zone, keys: &trusted, now, seen: HashSet::new(), copy };
    for (question, answer) in questions.iter().zip(answers).skip(1) {
        if let Ok(message) = answer {
            reading.read(question, message);
        }
    }
    Some(reading.copy)
}

impl Copy {
    fn count(&mut self, set: String, outcome: Result<Held, Flaw>) {
        self.looked_at += 1;
        match outcome {
            Ok(held) => {
                if self.earliest.as_ref().is_none_or(|(first, _)| held.ends < first.ends) {
                    self.earliest = Some((held, set));
                }
            }
            Err(flaw) => self.broken.push((set, flaw)),
        }
    }
}

/// Going through the answers of one server.
struct Reading<'a> {
    zone: &'a Name,
    keys: &'a [Key],
    now: Timestamp,
    /// Titles of sets that were looked at already: an SOA comes with every denial.
    seen: HashSet<String>,
    copy: Copy,
}

impl Reading<'_> {
    fn read(&mut self, question: &Question, message: &Message) {
        let code = message.metadata.response_code;
        if !message.metadata.authoritative
            || !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain)
        {
            return;
        }
        let (mut answers, mut authority) = (sets(&message.answers), sets(&message.authorities));
        answers.truncate(MOST_SETS);
        authority.truncate(MOST_SETS);
        for set in &answers {
            let is_ours = self.zone.zone_of(set.name) && !self.is_of_child(set, &authority);
            if is_ours && !is_synthesised(set, &answers) {
                let held = self.hold(set);
                if let Some(held) = held.filter(|held| held.labels < set.name.num_labels()) {
                    let denial = self.denial(&authority);
                    if let Err(flaw) = denial.expands(set.name, held.labels) {
                        self.copy.broken.push((set.title(), flaw));
                    }
                }
            }
        }
        let Some(end) = unanswered(question, &answers) else { return };
        let is_own_soa = |set: &Set<'_>| {
            set.record_type == RecordType::SOA && set.name.eq_ignore_root(self.zone)
        };
        let has_soa = authority.iter().any(is_own_soa);
        // Without SOA it is a referral, or the end of a CNAME that another zone has to answer.
        if !has_soa || !self.zone.zone_of(end) {
            return;
        }
        let is_held = |set: &&Set<'_>| set.record_type == RecordType::SOA || is_proof(set);
        let wrong = self.copy.broken.len();
        for set in authority.iter().filter(is_held) {
            self.hold(set);
        }
        if self.copy.broken.len() > wrong {
            return;
        }
        let denied = self.denial(&authority).denies(end, question.record_type, code);
        if let Err(flaw) = denied {
            self.copy.broken.push((title(&question.name, question.record_type), flaw));
        }
    }

    fn denial<'s>(&self, authority: &[Set<'s>]) -> Denial<'s>
    where
        Self: 's,
    {
        Denial::of(self.zone, authority)
    }

    /// The same server serves the zone below, too, and answered from that: by its signer, or by
    /// its NS.
    fn is_of_child(&self, set: &Set<'_>, authority: &[Set<'_>]) -> bool {
        let is_child = |zone: &Name| {
            self.zone.zone_of(zone) && !self.zone.eq_ignore_root(zone) && zone.zone_of(set.name)
        };
        set.signatures.iter().any(|signature| is_child(&signature.input().signer_name))
            || authority
                .iter()
                .any(|other| other.record_type == RecordType::NS && is_child(other.name))
    }

    /// Verifies a set that was not seen yet.
    fn hold(&mut self, set: &Set<'_>) -> Option<Held> {
        let title = set.title();
        if !self.seen.insert(title.clone()) {
            return None;
        }
        let outcome = verify(set, self.zone, self.keys, self.now);
        let held = outcome.as_ref().ok().copied();
        self.copy.count(title, outcome);
        held
    }
}

fn is_proof(set: &Set<'_>) -> bool {
    matches!(set.record_type, RecordType::NSEC | RecordType::NSEC3)
}

/// A CNAME made from a DNAME above it has no signature of its own (RFC 6672 §5.3.1).
fn is_synthesised(set: &Set<'_>, answers: &[Set<'_>]) -> bool {
    set.record_type == RecordType::CNAME
        && answers.iter().any(|other| {
            other.record_type == RecordType::DNAME
                && other.name.zone_of(set.name)
                && !other.name.eq_ignore_root(set.name)
        })
}

/// Where the answer ends without the type that was asked for: the name itself, or where its CNAMEs
/// lead; `None` when there was an answer.
fn unanswered<'a>(question: &'a Question, answers: &[Set<'a>]) -> Option<&'a Name> {
    let mut here = &question.name;
    for _ in 0..MOST_ALIASES {
        let of_name = || answers.iter().filter(|set| set.name.eq_ignore_root(here));
        if of_name().any(|set| set.record_type == question.record_type) {
            return None;
        }
        let target = of_name().flat_map(|set| &set.records).find_map(|record| match &record.data {
            RData::CNAME(target) => Some(&target.0),
            _ => None,
        });
        match target {
            Some(target) => here = target,
            None => return Some(here),
        }
    }
    None
}

fn serial(message: &Message) -> Option<u32> {
    message.answers.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(soa.serial),
        _ => None,
    })
}
