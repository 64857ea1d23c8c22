//! When a certificate is due for renewal, and when that is late. Pure.
//!
//! A renewer acts when a third of a lifetime is left, half of a short one: so do certbot since 4.0,
//! cert-manager, Caddy and lego, and so advises Let's Encrypt. What is known of the renewer itself, of
//! its CA or from the plan comes first.

use health::facts::{CertificateFacts, RenewalSource};
use jiff::{SignedDuration, Timestamp};

use crate::tls::Remaining;

/// Lifetimes below this are short: half of one is left when its renewer acts.
const SHORT: SignedDuration = SignedDuration::from_hours(10 * 24);
/// The longest lifetime that is reckoned with. What is valid for ten years is not renewed three
/// years early.
const LONGEST: SignedDuration = SignedDuration::from_hours(398 * 24);
/// A daily renewer is up to a day late, and one with a random pause before it a little more.
const A_DAY_AND_A_PAUSE: SignedDuration = SignedDuration::from_hours(30);

/// When a renewer should act, and when it has failed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Course {
    /// From when on its renewer should act.
    pub(crate) due: Timestamp,
    /// Past this moment it is late.
    pub(crate) overdue: Timestamp,
    /// Who says so.
    pub(crate) source: RenewalSource,
}

/// What is known beside the lifetime, best first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// The plan's `renew_at`.
    pub(crate) planned: Option<Remaining>,
    /// The CA's window (RFC 9773): from when to when a renewer should act.
    pub(crate) window: Option<(Timestamp, Timestamp)>,
    /// What the renewer itself is set to.
    pub(crate) renewer: Option<Setting>,
}

/// What a renewer is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// certbot acts when so much is left, by its own file.
    CertbotLeft(SignedDuration),
    /// certbot before 4.0 acts when 30 days are left. Which certbot will run is known only from which
    /// ran last, so the later moment of old and new holds.
    CertbotBefore4,
    /// acme.sh acts at this moment.
    AcmeShAt(Timestamp),
}

/// When this certificate is due, and overdue.
pub(crate) fn course(certificate: &CertificateFacts, known: &Known) -> Course {
    let lifetime = lifetime(certificate);
    let usual = usual_left(lifetime);
    let left = |left, source| ahead_of_end(certificate, left, source);
    if let Some(planned) = known.planned {
        return left(planned.of(lifetime), RenewalSource::Plan);
    }
    if let Some((start, end)) = known.window {
        let overdue = later(end.max(start), A_DAY_AND_A_PAUSE);
        return Course { due: start, overdue, source: RenewalSource::Ari };
    }
    match known.renewer {
        Some(Setting::CertbotLeft(set)) => left(set, RenewalSource::Certbot),
        Some(Setting::CertbotBefore4) => {
            let thirty_days = SignedDuration::from_hours(30 * 24);
            left(thirty_days.min(usual), RenewalSource::Certbot)
        }
        Some(Setting::AcmeShAt(at)) if at < certificate.not_after => {
            left(certificate.not_after.duration_since(at), RenewalSource::AcmeSh)
        }
        Some(Setting::AcmeShAt(_)) | None => left(usual, RenewalSource::Lifetime),
    }
}

/// The share of a lifetime below which its end is near, where the plan does not say: never more
/// than is left when its renewal is overdue.
pub(crate) fn usual_share(lifetime: SignedDuration, share: f64) -> SignedDuration {
    let left = usual_left(lifetime);
    let overdue = left - grace(lifetime, left);
    Remaining::Share(share).of(lifetime.min(LONGEST)).min(overdue)
}

/// How long a certificate is valid.
pub(crate) fn lifetime(certificate: &CertificateFacts) -> SignedDuration {
    certificate.not_after.duration_since(certificate.not_before).max(SignedDuration::ZERO)
}

fn usual_left(lifetime: SignedDuration) -> SignedDuration {
    if lifetime < SHORT { lifetime / 2 } else { lifetime.min(LONGEST) / 3 }
}

/// What a renewer that looks once a day may need, and a few tries more where there is time.
fn grace(lifetime: SignedDuration, left: SignedDuration) -> SignedDuration {
    let by_lifetime = lifetime.min(LONGEST) / 30;
    // Half of half a lifetime leaves the quarter at which its end is near.
    A_DAY_AND_A_PAUSE.max(by_lifetime).min(left / 2)
}

fn ahead_of_end(
    certificate: &CertificateFacts,
    left: SignedDuration,
    source: RenewalSource,
) -> Course {
    let lifetime = lifetime(certificate);
    let left = left.clamp(SignedDuration::ZERO, lifetime);
    let due = later(certificate.not_after, -left);
    Course { due, overdue: later(due, grace(lifetime, left)), source }
}

fn later(moment: Timestamp, by: SignedDuration) -> Timestamp {
    let bound = if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX };
    moment.checked_add(by).unwrap_or(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600;
    const DAY: i64 = 24 * HOUR;

    /// Valid for so many seconds from the epoch on.
    fn valid(seconds: i64) -> CertificateFacts {
        CertificateFacts {
            not_after: Timestamp::from_second(seconds).unwrap(),
            ..CertificateFacts::default()
        }
    }

    fn hours_left(seconds: i64, known: &Known) -> (i64, i64) {
        let course = course(&valid(seconds), known);
        let left = |at: Timestamp| (seconds - at.as_second()) / HOUR;
        (left(course.due), left(course.overdue))
    }

    #[test]
    fn a_renewer_acts_at_a_third_left_and_is_late_a_while_after() {
        let cases = [
            // (lifetime, hours left when due, when overdue)
            (DAY, (12, 6)),
            (6 * DAY, (72, 42)),
            // Let's Encrypt's short-lived ones.
            (160 * HOUR, (80, 50)),
            (10 * DAY, (80, 50)),
            (45 * DAY, (15 * 24, 13 * 24 + 12)),
            (47 * DAY, (376, 338)),
            (90 * DAY, (30 * 24, 27 * 24)),
            (100 * DAY, (800, 720)),
            (200 * DAY, (1_600, 1_440)),
            (398 * DAY, (3_184, 2_865)),
            (3_650 * DAY, (3_184, 2_865)),
            (0, (0, 0)),
        ];
        for (lifetime, expected) in cases {
            assert_eq!(hours_left(lifetime, &Known::default()), expected, "{lifetime} s");
        }
    }

    #[test]
    fn a_renewer_that_looks_once_a_day_is_never_accused() {
        for hours in (4 * 24..=4_000 * 24).step_by(7) {
            let (due, overdue) = hours_left(hours * HOUR, &Known::default());
            // Without an hour of rounding, and half an hour for the renewal itself.
            assert!(due - overdue >= 24, "{hours} hours: {due} {overdue}");
            let near = |share| {
                let lifetime = SignedDuration::from_hours(hours);
                usual_share(lifetime, share).as_hours()
            };
            assert!(overdue >= near(0.25) && near(0.25) > near(0.10), "{hours} hours");
        }
    }

    #[test]
    fn what_is_known_comes_first() {
        let days = |days: i64| SignedDuration::from_hours(days * 24);
        let at = |day: i64| Timestamp::from_second(day * DAY).unwrap();
        let by = |renewer| Known { renewer: Some(renewer), ..Known::default() };
        let planned = |planned| Known { planned: Some(planned), ..Known::default() };
        let cases: [(i64, Known, (i64, i64)); 11] = [
            (90, by(Setting::CertbotBefore4), (30, 27)),
            (398, by(Setting::CertbotBefore4), (30, 16)),
            // A newer certbot may run next, and it waits for a third.
            (45, by(Setting::CertbotBefore4), (15, 13)),
            (90, by(Setting::CertbotLeft(days(10))), (10, 7)),
            (90, by(Setting::CertbotLeft(days(2))), (2, 1)),
            // At every run of certbot.
            (6, by(Setting::CertbotLeft(days(30))), (6, 4)),
            (90, by(Setting::AcmeShAt(at(60))), (30, 27)),
            // Past its end: not worth more than a guess.
            (90, by(Setting::AcmeShAt(at(91))), (30, 27)),
            (90, planned(Remaining::Share(0.5)), (45, 42)),
            (3_650, planned(Remaining::Time(std::time::Duration::from_secs(864_000))), (10, 5)),
            (90, Known { window: Some((at(50), at(52))), ..Known::default() }, (40, 36)),
        ];
        for (lifetime, known, expected) in cases {
            let (due, overdue) = hours_left(lifetime * DAY, &known);
            assert_eq!((due / 24, overdue / 24), expected, "{lifetime} days, {known:?}");
        }
    }
}
