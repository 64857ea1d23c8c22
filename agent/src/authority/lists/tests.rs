//! What is held, and for how long.

use health::facts::{CertificateFacts, RevocationFacts, RevocationSource, RevocationStanding};
use jiff::SignedDuration;

use super::{Lists, Standing, later, refresh_at};
use crate::tls::workshop::noon;

fn told(standing: RevocationStanding, hours: i64) -> RevocationFacts {
    RevocationFacts {
        standing,
        source: RevocationSource::Crl,
        url: None,
        this_update: noon(),
        next_update: Some(later(noon(), SignedDuration::from_hours(hours))),
        revoked_at: None,
        reason: None,
    }
}

fn said(lists: &Lists, hours: i64) -> Option<Option<RevocationStanding>> {
    let at = later(noon(), SignedDuration::from_hours(hours));
    let standing = lists.standing(&"leaf".to_owned(), at)?;
    Some(standing.says.ok().map(|facts| facts.standing))
}

#[test]
fn keeps_its_word_when_nothing_newer_is_to_be_had() {
    for (standing, held_after_the_end) in [
        (RevocationStanding::Good, None),
        (RevocationStanding::Revoked, Some(RevocationStanding::Revoked)),
    ] {
        let lists = Lists::default();
        assert_eq!(said(&lists, 0), None, "nothing is known");
        let leaf =
            CertificateFacts { fingerprint: "leaf".to_owned(), ..CertificateFacts::default() };
        // As after a restart, and then the CA cannot be reached.
        lists.recall(&leaf, &told(standing, 10));
        assert_eq!(said(&lists, 0), Some(Some(standing)));
        let nine = later(noon(), SignedDuration::from_hours(9));
        lists.note("leaf".to_owned(), Standing::unknown("no answer", nine), nine);
        assert_eq!(said(&lists, 9), Some(Some(standing)), "until the list ends");
        assert_eq!(said(&lists, 10), Some(held_after_the_end));
    }
}

#[test]
fn asks_again_within_hours() {
    let hours = |hours| later(noon(), SignedDuration::from_hours(hours));
    for (ends_in, earliest, latest) in [(200, 270, 450), (2, 120, 120), (0, 10, 10), (-5, 10, 10)] {
        let refresh = refresh_at(hours(ends_in), "http://127.0.0.1/list.crl", noon());
        let minutes = refresh.duration_since(noon()).as_mins();
        assert!((earliest..=latest).contains(&minutes), "{ends_in} h: {minutes} min");
    }
}
