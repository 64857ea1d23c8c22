//! What is said of every word of a CA's.

use std::sync::Arc;

use health::Severity;
use health::facts::{CertificateFacts, RevocationFacts, RevocationSource, RevocationStanding};
use jiff::{SignedDuration, Timestamp};

use super::{Told, judge, newest};
use crate::authority::{Answer, Fault, Standing, Staple};
use crate::tls::workshop::noon;

fn hours(hours: i64) -> Timestamp {
    noon() + SignedDuration::from_hours(hours)
}

fn answer(standing: RevocationStanding, from: i64, to: i64) -> Answer {
    let revoked_at = (standing == RevocationStanding::Revoked).then(|| hours(-30));
    let (this_update, next_update) = (hours(from), Some(hours(to)));
    Answer { standing, this_update, next_update, revoked_at, reason: None }
}

fn listed(standing: RevocationStanding) -> Standing {
    Standing::told(Ok(Arc::new(RevocationFacts {
        standing,
        source: RevocationSource::Crl,
        url: Some("http://ca.example/1.crl".to_owned()),
        this_update: hours(-2),
        next_update: Some(hours(100)),
        revoked_at: None,
        reason: Some("keyCompromise".to_owned()),
    })))
}

/// What is found, and what is told as facts: standing and source.
fn found(
    staple: Option<&Staple>,
    demanded: bool,
    list: Option<&Standing>,
) -> (Vec<String>, Option<String>) {
    let told = Told { staple, demanded, list };
    let facts = newest(&told, noon());
    let leaf = CertificateFacts { serial: "0a:11".to_owned(), ..CertificateFacts::default() };
    let findings = judge(&told, facts.as_ref(), &leaf, "127.0.0.1:443 (shop.example)", noon());
    for finding in &findings {
        assert_eq!(finding.subject, "127.0.0.1:443 (shop.example)");
        let is_critical = finding.severity == Severity::Critical;
        assert_eq!(is_critical, finding.code.label() == "tls.revoked");
    }
    let said = findings.iter().map(|one| format!("{}: {}", one.code.label(), one.summary.en));
    let facts = facts.map(|facts| format!("{:?} by {:?}", facts.standing, facts.source));
    (said.collect(), facts)
}

#[test]
fn every_word_counts_for_what_it_is_worth() {
    use RevocationStanding::{Good, Revoked, Unknown};
    let fresh = |standing| -> Option<Staple> { Some(Ok(answer(standing, -1, 24))) };
    let fault = |fault| -> Option<Staple> { Some(Err(fault)) };
    let other = Fault::Other(vec!["0b:22".to_owned()]);
    type Case =
        (Option<Staple>, bool, Option<Standing>, &'static [&'static str], Option<&'static str>);
    let cases: [Case; 17] = [
        (None, false, None, &[], None),
        (None, false, Some(Standing::told(Err("no answer".into()))), &[], None),
        (None, false, Some(listed(Good)), &[], Some("Good by Crl")),
        (
            None,
            false,
            Some(listed(Revoked)),
            &["its key is known to others"],
            Some("Revoked by Crl"),
        ),
        (None, true, None, &["must-staple"], None),
        (fresh(Good), false, None, &[], Some("Good by Staple")),
        (fresh(Good), false, Some(listed(Good)), &[], Some("Good by Staple")),
        (fresh(Good), false, Some(listed(Revoked)), &["tls.revoked"], Some("Revoked by Crl")),
        (
            fresh(Revoked),
            false,
            Some(listed(Good)),
            &["hours ago (no reason"],
            Some("Revoked by Staple"),
        ),
        (fresh(Unknown), false, None, &["does not know it"], Some("Unknown by Staple")),
        (fresh(Unknown), false, Some(listed(Good)), &["does not know it"], Some("Good by Crl")),
        (
            Some(Ok(answer(Good, -48, -24))),
            false,
            Some(listed(Good)),
            &["ended "],
            Some("Good by Crl"),
        ),
        (
            Some(Ok(answer(Revoked, -48, -24))),
            false,
            None,
            &["tls.revoked", "ended "],
            Some("Revoked by Staple"),
        ),
        (Some(Ok(answer(Good, 2, 24))), false, None, &["clock"], None),
        (fault(other), false, None, &["about another one (serial 0b:22, not 0a:11)"], None),
        (fault(Fault::Refusal(3, "tryLater")), false, None, &["tryLater (3)"], None),
        (fault(Fault::NoIssuer), false, Some(listed(Good)), &[], Some("Good by Crl")),
    ];
    for (row, (staple, demanded, list, expected, facts)) in cases.into_iter().enumerate() {
        let (said, told) = found(staple.as_ref(), demanded, list.as_ref());
        assert_eq!(said.len(), expected.len(), "row {row}: {said:?}");
        for (said, expected) in said.iter().zip(expected) {
            assert!(said.contains(expected), "row {row}: {said}");
        }
        assert_eq!(told.as_deref(), facts, "row {row}");
    }
}

#[test]
fn the_serial_is_looked_for_as_openssl_prints_it() {
    for (serial, printed) in [("00:f0:11", " f011`"), ("0a:11", " 0a11`"), ("00", " 00`")] {
        let list = listed(RevocationStanding::Revoked);
        let told = Told { list: Some(&list), ..Told::default() };
        let facts = newest(&told, noon());
        let leaf = CertificateFacts { serial: serial.to_owned(), ..CertificateFacts::default() };
        let findings = judge(&told, facts.as_ref(), &leaf, "shop", noon());
        let remedy = &findings[0].remedy.en;
        assert!(remedy.contains(printed), "{serial}: {remedy}");
    }
}
