//! What the nameservers of a zone say of a record, from one change to the next: the history of its
//! drift. Deliberately absent: caches, which say what was; and silence, which says nothing.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::facts::{AnswerFacts, DnsFacts, RecordFacts, ServerFacts};

/// Odd servers remembered of one record.
const MOST_ODD: usize = 16;
/// Values remembered of one answer.
const MOST_VALUES: usize = 16;
/// Characters remembered of one value.
const LONGEST_VALUE: usize = 256;

/// What the nameservers said of one record since a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordTurn {
    /// Name and type: `www.shop.example A`.
    pub record: Arc<str>,
    /// Since when.
    pub since: Timestamp,
    /// What they said.
    #[serde(flatten)]
    pub picture: RecordPicture,
}

/// What the nameservers say of one record: what most of them say, and who says something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordPicture {
    /// What most of them say.
    #[serde(flatten)]
    pub usual: Said,
    /// Who says something else, in the order they were asked, at most sixteen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub odd: Vec<OddServer>,
}

/// An answer, boiled down.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Said {
    /// As [`AnswerFacts::outcome`].
    pub outcome: String,
    /// The values, bounded in number and length.
    pub values: Vec<String>,
    /// Holds what the plan says.
    pub matches: bool,
}

/// A server that does not say what most others say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OddServer {
    /// As [`ServerFacts::label`].
    pub server: String,
    /// What it says.
    #[serde(flatten)]
    pub said: Said,
}

impl RecordTurn {
    /// Name and type as turns have them.
    #[must_use]
    pub fn key(record: &RecordFacts) -> String {
        format!("{} {}", record.name, record.record_type)
    }
}

impl RecordPicture {
    /// What the authoritative servers say; `None` when none of them states anything.
    #[must_use]
    pub fn of(dns: &DnsFacts, record: &RecordFacts) -> Option<Self> {
        let statements: Vec<(&ServerFacts, &AnswerFacts)> = statements(dns, record).collect();
        let mut counts: HashMap<_, (usize, usize)> = HashMap::new();
        for (at, (_, answer)) in statements.iter().enumerate() {
            counts.entry((&answer.outcome, &answer.values)).or_insert((0, at)).0 += 1;
        }
        let (_, first) = counts.into_values().max_by_key(|&(n, at)| (n, std::cmp::Reverse(at)))?;
        let (_, usual) = statements[first];
        let odd = statements
            .iter()
            .filter(|(_, said)| (&said.outcome, &said.values) != (&usual.outcome, &usual.values))
            .map(|(server, answer)| OddServer { server: server.label(), said: Said::of(answer) });
        Some(Self { usual: Said::of(usual), odd: odd.take(MOST_ODD).collect() })
    }

    /// Every server said what the plan says.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.usual.matches && self.odd.iter().all(|odd| odd.said.matches)
    }
}

impl Said {
    fn of(answer: &AnswerFacts) -> Self {
        let clip = |value: &String| match value.char_indices().nth(LONGEST_VALUE) {
            Some((at, _)) => format!("{}…", &value[..at]),
            None => value.clone(),
        };
        Self {
            outcome: answer.outcome.to_string(),
            values: answer.values.iter().take(MOST_VALUES).map(clip).collect(),
            matches: answer.matches,
        }
    }
}

/// The records whose picture is another than it was at the last probe, or may be: what was silent
/// then had perhaps said something before. Whoever writes them down leaves out what is known.
#[must_use]
pub fn turns(before: Option<&DnsFacts>, now: &DnsFacts, at: Timestamp) -> Vec<RecordTurn> {
    let mut seen: Vec<RecordTurn> = Vec::new();
    for (index, record) in now.records.iter().enumerate() {
        let earlier = before.and_then(|dns| {
            let same = dns.records.get(index).filter(|earlier| is_same(earlier, record))?;
            Some((dns, same))
        });
        if let Some((dns, earlier)) = earlier
            && is_unchanged(dns, earlier, now, record)
        {
            continue;
        }
        let Some(picture) = RecordPicture::of(now, record) else { continue };
        let key = RecordTurn::key(record);
        // A record may stand in the plan twice; its answers are the same.
        if seen.iter().all(|turn| *turn.record != *key) {
            seen.push(RecordTurn { record: key.into(), since: at, picture });
        }
    }
    seen
}

fn is_same(one: &RecordFacts, other: &RecordFacts) -> bool {
    one.name == other.name && one.record_type == other.record_type
}

/// Everybody says what they said. The ordinary case, so it is told without making a picture.
fn is_unchanged(
    before: &DnsFacts,
    earlier: &RecordFacts,
    now: &DnsFacts,
    record: &RecordFacts,
) -> bool {
    let all = |dns, record| {
        statements(dns, record)
            .map(|(server, said)| (server.address, &said.outcome, &said.values, said.matches))
    };
    all(before, earlier).eq(all(now, record))
}

/// What the authoritative servers state, right or wrong.
fn statements<'a>(
    dns: &'a DnsFacts,
    record: &'a RecordFacts,
) -> impl Iterator<Item = (&'a ServerFacts, &'a AnswerFacts)> {
    record.answers.iter().filter_map(|answer| {
        let server = dns.servers.get(answer.server)?;
        (!server.is_resolver && answer.is_statement()).then_some((server, answer))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zone with one record on as many servers as there are answers; `-` is silence.
    fn zone(answers: &[&str]) -> DnsFacts {
        let server = |n: usize| ServerFacts {
            name: format!("ns{n}").into(),
            address: format!("192.0.2.{n}:53").parse().ok(),
            ..ServerFacts::default()
        };
        let answer = |(server, &value): (usize, &&str)| AnswerFacts {
            server,
            outcome: if value == "-" { "timeout" } else { "values" }.into(),
            values: Arc::new(if value == "-" { Vec::new() } else { vec![value.to_owned()] }),
            matches: value == "a",
            ..AnswerFacts::default()
        };
        DnsFacts {
            servers: (0..answers.len()).map(server).collect(),
            records: vec![RecordFacts {
                name: "www.shop.example".into(),
                record_type: "A".into(),
                answers: answers.iter().enumerate().map(answer).collect(),
                ..RecordFacts::default()
            }],
            ..DnsFacts::default()
        }
    }

    /// `usual; server=odd …`, or nothing when there was no turn.
    fn shown(before: &[&str], now: &[&str]) -> String {
        let before = (!before.is_empty()).then(|| zone(before));
        let turns = turns(before.as_ref(), &zone(now), Timestamp::UNIX_EPOCH);
        let picture = |turn: &RecordTurn| {
            let odd = turn.picture.odd.iter();
            let odd = odd.map(|odd| format!("; {}={}", odd.server, odd.said.values.join(",")));
            turn.picture.usual.values.join(",") + &odd.collect::<String>()
        };
        turns.iter().map(picture).collect()
    }

    #[test]
    fn a_turn_is_what_somebody_says_anew() {
        let cases: [(&[&str], &[&str], &str); 8] = [
            (&[], &["a", "a"], "a"),
            (&["a", "a"], &["a", "a"], ""),
            (&["a", "a", "a"], &["a", "b", "a"], "a; ns1 (192.0.2.1)=b"),
            (&["a", "b", "a"], &["b", "b", "b"], "b"),
            (&["a", "a"], &["-", "-"], ""),
            // Perhaps nothing new: the store knows what it has.
            (&["a", "-"], &["a", "a"], "a"),
            (&["-", "-"], &["b", "b"], "b"),
            (&["a", "b"], &["a", "b"], ""),
        ];
        for (before, now, told) in cases {
            assert_eq!(shown(before, now), told, "{before:?} → {now:?}");
        }
    }

    #[test]
    fn it_survives_being_written_down() {
        let turn = turns(None, &zone(&["a", "b", "a"]), Timestamp::UNIX_EPOCH).remove(0);
        let written = serde_json::to_string(&turn).unwrap();
        assert_eq!(serde_json::from_str::<RecordTurn>(&written).unwrap(), turn);
        assert!(!turn.picture.is_well() && turn.picture.usual.matches);
    }
}
