//! What stands while it cannot be found out anew: a lost answer neither mends a zone nor breaks it.
//! Resolvers hold a DS and keys for their TTL, too. Pure.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::ascent::{Access, Vouching};
use super::copy::Copy;
use super::keys::Voucher;

/// So long at most.
const LONGEST: Duration = Duration::from_secs(3600);

/// Something found out, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found<T> {
    pub(super) what: T,
    at: Instant,
}

impl<T> Found<T> {
    pub(super) fn new(what: T, at: Instant) -> Self {
        Self { what, at }
    }

    fn stands(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) < LONGEST
    }
}

/// Who vouches for a zone: as was just found out, or as it is known where that failed.
pub(super) fn access(new: Access, known: Option<&Found<Access>>, now: Instant) -> Found<Access> {
    let Some(known) = known.filter(|known| known.stands(now)) else { return Found::new(new, now) };
    match (&new, &known.what) {
        (Access::Unknown(_), Access::Vouched { .. } | Access::Broken(_) | Access::Open(_))
        | (Access::Vouched { by: Vouching::Assumed(_), .. }, Access::Broken(_)) => known.clone(),
        (
            Access::Vouched { vouchers, by: Vouching::Assumed(_) },
            Access::Vouched { vouchers: before, by: Vouching::Anchor(_) },
        ) if vouchers == before => known.clone(),
        _ => Found::new(new, now),
    }
}

/// One server's copy: as it just answered, or as it is known where answers were lost and what came
/// says nothing of what was wrong.
pub(super) fn copy(
    new: Option<Copy>,
    hearing: Hearing,
    known: Option<&Found<Copy>>,
    now: Instant,
) -> Option<Found<Copy>> {
    let is_telling = new.as_ref().is_some_and(|copy| !copy.broken.is_empty());
    match known.filter(|known| known.stands(now)) {
        Some(known) if hearing == Hearing::Partial && !is_telling => Some(known.clone()),
        _ => new.map(|copy| Found::new(copy, now)),
    }
}

/// Whether every question was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hearing {
    Whole,
    Partial,
}

impl Hearing {
    pub(super) fn of<T, E>(answers: &[Result<T, E>]) -> Self {
        if answers.iter().all(Result::is_ok) { Self::Whole } else { Self::Partial }
    }
}

/// The copies of one zone's servers, and what vouched for the keys in them.
#[derive(Clone, Debug, Default)]
pub(super) struct Copies {
    pub(super) vouchers: Vec<Voucher>,
    pub(super) of: Vec<(SocketAddr, Found<Copy>)>,
}

impl Copies {
    /// What is known of this server, judged by the same word.
    pub(super) fn known(&self, server: SocketAddr, vouchers: &[Voucher]) -> Option<&Found<Copy>> {
        let of_server = self.of.iter().find(|(address, _)| *address == server);
        of_server.map(|(_, found)| found).filter(|_| self.vouchers == vouchers)
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::Name;

    use super::super::ascent::{Break, Open};
    use super::super::signature::Flaw;
    use super::*;

    fn copy_with(flaws: &[Flaw]) -> Copy {
        let broken = flaws.iter().map(|flaw| ("www.shop.example A".to_owned(), flaw.clone()));
        Copy { broken: broken.collect(), looked_at: 3, ..Copy::default() }
    }

    #[test]
    fn what_cannot_be_found_out_leaves_what_is_known() {
        let unknown = || Access::Unknown("timeout".to_owned());
        let vouched = |by| Access::Vouched { vouchers: Vec::new(), by };
        let assumed = || vouched(Vouching::Assumed("timeout".to_owned()));
        let anchored = || vouched(Vouching::Anchor(Name::root()));
        let broken = || {
            let set = "example DNSKEY".to_owned();
            Access::Broken(Box::new(Break { zone: Name::root(), set, flaw: Flaw::Unsigned }))
        };
        let open = || Access::Open(Open::NoDs);
        // What was known, what is found now, what is believed.
        let table = [
            (anchored(), unknown(), anchored()),
            (broken(), unknown(), broken()),
            (open(), unknown(), open()),
            (unknown(), unknown(), unknown()),
            (broken(), assumed(), broken()),
            (anchored(), assumed(), anchored()),
            (open(), assumed(), assumed()),
            (anchored(), open(), open()),
            (anchored(), broken(), broken()),
            (broken(), anchored(), anchored()),
        ];
        let then = crate::clock::monotonic();
        for (known, new, believed) in table {
            let known = Found::new(known, then);
            let soon = access(new.clone(), Some(&known), then + LONGEST / 2);
            assert_eq!(soon.what, believed, "{known:?}, then {new:?}");
            let late = access(new.clone(), Some(&known), then + LONGEST);
            assert_eq!(late.what, new, "not for ever");
        }
    }

    #[test]
    fn a_lost_answer_does_not_mend_a_server() {
        let bad = || copy_with(&[Flaw::Forged(7)]);
        let worse = || copy_with(&[Flaw::Unsigned]);
        let good = || copy_with(&[]);
        use Hearing::{Partial, Whole};
        let table = [
            (bad(), None, Partial, Some(bad())),
            (bad(), Some(good()), Partial, Some(bad())),
            (good(), None, Partial, Some(good())),
            (bad(), Some(worse()), Partial, Some(worse())),
            (bad(), Some(good()), Whole, Some(good())),
            // It answered, and not as an authority: it has no copy any more.
            (bad(), None, Whole, None),
        ];
        let then = crate::clock::monotonic();
        for (known, new, hearing, believed) in table {
            let known = Found::new(known, then);
            let soon = copy(new.clone(), hearing, Some(&known), then + LONGEST / 2);
            assert_eq!(soon.map(|found| found.what), believed);
            let late = copy(new.clone(), hearing, Some(&known), then + LONGEST);
            assert_eq!(late.map(|found| found.what), new);
        }
        assert_eq!(copy(None, Partial, None, then), None);
    }
}
