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
    let heard = |heard, values: &[&str], now| {
        challenges.see(7, &values.iter().copied().collect(), heard, at(now))
    };
    let see = |values: &[&str], now| heard(Heard::Everybody, values, now);
    assert_eq!(see(&["one"], 100), BTreeMap::from([("one".to_owned(), at(100))]));
    let both = BTreeMap::from([("one".to_owned(), at(100)), ("two".to_owned(), at(200))]);
    assert_eq!(see(&["one", "two"], 200), both);
    assert_eq!(see(&["two"], 300), BTreeMap::from([("two".to_owned(), at(200))]));
    assert_eq!(see(&[], 400), BTreeMap::new());
    assert_eq!(see(&["one"], 500), BTreeMap::from([("one".to_owned(), at(500))]), "it is another");
    assert_eq!(heard(Heard::Some, &[], 600), BTreeMap::new(), "not counted while nobody names it");
    assert_eq!(
        see(&["one"], 700),
        BTreeMap::from([("one".to_owned(), at(500))]),
        "and not forgotten"
    );
    assert_eq!(challenges.see(8, &BTreeSet::new(), Heard::Everybody, at(800)), BTreeMap::new());
    assert_eq!(see(&["one"], 900).len(), 1, "another view of the zone is another matter");
    for number in 0..1000 {
        let value = number.to_string();
        heard(Heard::Some, &[&value], 1000);
    }
    assert!(challenges.kept.lock().unwrap()[&7].seen.len() <= MOST_VALUES + 1);
    challenges.believe(9, "old", at(50), at(2000));
    let old = challenges.see(9, &BTreeSet::from(["new", "old"]), Heard::Everybody, at(2000));
    assert_eq!(old["old"], at(50), "from before this program was started");
    assert_eq!(old["new"], at(2000));
}

#[test]
fn a_doubled_name_is_looked_for_every_hour_and_while_it_is_there() {
    let challenges = Challenges::default();
    let state = |now| (challenges.is_doubled_due(7, at(now)), challenges.doubled(7, at(now)));
    assert_eq!(state(0), (true, None), "never looked");
    challenges.keep_doubled(7, None, at(0));
    assert_eq!(state(3599), (false, None));
    assert_eq!(state(3600), (true, None), "it is time");
    let found = Some(Doubled { name: name("x."), values: vec!["new".to_owned()] });
    challenges.keep_doubled(7, found.clone(), at(3600));
    assert_eq!(state(3601), (true, found), "until it is gone");
    challenges.keep_doubled(7, None, at(3602));
    assert_eq!(state(3603), (false, None));
}

#[test]
fn a_wildcard_is_no_doubled_name() {
    let value = || Outcome::Values(vec!["any".to_owned()]);
    let lost = || Outcome::Lost(Loss::Timeout);
    let some = |values: &[&str]| Some(values.iter().map(|&v| v.to_owned()).collect());
    type Row = [Outcome; 2];
    let table: [(&[Row], Option<BTreeSet<String>>); 7] = [
        (&[], some(&[])),
        (&[[Outcome::Nxdomain, Outcome::Nxdomain]], some(&[])),
        (&[[value(), Outcome::Nxdomain]], some(&["any"])),
        (&[[value(), value()]], some(&[])),
        (&[[value(), lost()]], None),
        (&[[Outcome::Nxdomain, Outcome::Nxdomain], [lost(), Outcome::Nxdomain]], None),
        (&[[value(), Outcome::Nxdomain], [lost(), lost()]], some(&["any"])),
    ];
    for (rows, expected) in table {
        let reply =
            |outcome: &Outcome| Reply { outcome: outcome.clone(), ..Reply::lost(Loss::Timeout) };
        let replies: Vec<Vec<Reply>> =
            rows.iter().map(|row| row.iter().map(reply).collect()).collect();
        assert_eq!(beside_wildcards(replies.iter().map(|row| &**row)), expected, "{rows:?}");
    }
}

#[test]
fn what_is_remembered_is_bounded() {
    let challenges = Challenges::default();
    let see = |key: usize, values: &[&str], now| {
        let values = values.iter().copied().collect();
        challenges.see(u64::try_from(key).unwrap(), &values, Heard::Everybody, at(now))
    };
    for number in 0..=MOST_KEPT {
        see(number, &["value"], 0);
    }
    assert_eq!(challenges.kept.lock().unwrap().len(), MOST_KEPT);
    see(MOST_KEPT, &[], 90_000);
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
