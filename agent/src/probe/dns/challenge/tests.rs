//! What is remembered of challenges, and where answers send whoever asks.

use hickory_proto::rr::RecordType;

use super::*;
use crate::probe::dns::exchange::Loss;
use crate::probe::dns::{Kept, Spec};

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn values_are_dated_until_they_are_gone() {
    let challenges = Challenges::default();
    let key = (name("shop.example."), name("_acme-challenge.shop.example."));
    let see =
        |values: &[&str], now| challenges.see(&key, &values.iter().copied().collect(), at(now));
    assert_eq!(see(&["one"], 100), BTreeMap::from([("one".to_owned(), at(100))]));
    let both = BTreeMap::from([("one".to_owned(), at(100)), ("two".to_owned(), at(200))]);
    assert_eq!(see(&["one", "two"], 200), both);
    assert_eq!(see(&["two"], 300), BTreeMap::from([("two".to_owned(), at(200))]));
    assert_eq!(see(&[], 400), BTreeMap::new());
    assert_eq!(see(&["one"], 500), BTreeMap::from([("one".to_owned(), at(500))]), "it is another");
}

#[test]
fn a_doubled_name_is_looked_for_every_hour() {
    let challenges = Challenges::default();
    let key = (name("shop.example."), name("_acme-challenge.shop.example."));
    assert_eq!(challenges.doubled(&key, at(0)), None, "never looked");
    let found = Some(Doubled { name: name("x."), values: vec!["new".to_owned()] });
    challenges.keep_doubled(&key, found.clone(), at(0));
    assert_eq!(challenges.doubled(&key, at(3599)), Some(found));
    assert_eq!(challenges.doubled(&key, at(3600)), None, "it is time");
}

#[test]
fn what_is_remembered_is_bounded() {
    let challenges = Challenges::default();
    let key = |number: usize| {
        (name("shop.example."), name(&format!("_acme-challenge.x{number}.shop.example.")))
    };
    for number in 0..=MOST_KEPT {
        challenges.see(&key(number), &BTreeSet::from(["value"]), at(0));
    }
    assert_eq!(challenges.kept.lock().unwrap().len(), MOST_KEPT);
    challenges.see(&key(MOST_KEPT), &BTreeSet::new(), at(90_000));
    assert_eq!(challenges.kept.lock().unwrap().len(), 1, "a day later they made room");
}

#[test]
fn an_answer_says_who_decides() {
    let zone = name("shop.example.");
    let spec = Spec {
        zone: zone.clone(),
        nameservers: Vec::new(),
        parent: Vec::new(),
        hints: Vec::new(),
        resolvers: Vec::new(),
        consistent: true,
        serial_grace: Duration::ZERO,
        source: None,
        asking: crate::probe::dns::Asking::default(),
        dnssec: crate::probe::dns::dnssec::Policy::default(),
        renewal: crate::probe::dns::Renewal::default(),
        kept: Kept::default(),
        records: vec![Record {
            name: name("_acme-challenge.shop.example."),
            record_type: RecordType::TXT,
            expectation: Expectation::Absent,
            ttl: TtlLimits::default(),
        }],
    };
    let planned = Inquiry::of(&spec).records[0].clone();
    assert!(planned.is_challenge);
    let values = || Outcome::Values(vec!["new".to_owned()]);
    let outside = "shop.acme.example";
    let table = [
        (None, values(), None),
        (None, Outcome::Nxdomain, None),
        (Some(outside), Outcome::Alias(outside.to_owned()), Some(outside)),
        // The server has the other zone too; that zone's own may say something else.
        (Some(outside), values(), Some(outside)),
        (Some(outside), Outcome::Nxdomain, Some(outside)),
        (Some("x.shop.example"), values(), None),
        (
            Some("x.shop.example"),
            Outcome::Alias("x.shop.example".to_owned()),
            Some("x.shop.example"),
        ),
        (Some(outside), Outcome::Lost(Loss::Timeout), None),
        (None, Outcome::Delegated(Vec::new()), Some("_acme-challenge.shop.example")),
    ];
    for (alias, outcome, expected) in table {
        let case = format!("{alias:?} {outcome:?}");
        let alias = alias.map(str::to_owned);
        let reply = Reply { outcome, alias, ..Reply::lost(Loss::Timeout) };
        let target = leads_to(&reply, &planned, &zone);
        assert_eq!(target, expected.map(|target| name(&format!("{target}."))), "{case}");
    }
}
