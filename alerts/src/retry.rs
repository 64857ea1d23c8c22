//! When to try again: pure, so that three days of outage are a table.

use jiff::{SignedDuration, Timestamp};

use crate::Outcome;

/// How long delivery is attempted.
const RETRY_FOR: SignedDuration = SignedDuration::from_hours(72);
/// The pause after the first failed attempt; it doubles from there.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// The longest pause: a receiver that comes back after a night is told within this time.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(30);
/// The longest that a receiver may ask for by Retry-After.
pub const LONGEST_RETRY_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// What becomes of a notification after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It arrived.
    Delivered,
    /// It is tried again at this moment.
    Retry(Timestamp),
    /// It was refused for good: given up, and recorded.
    Failed,
    /// It was tried for as long as anything is: given up, and recorded.
    Expired,
}

impl Verdict {
    /// The `outcome` label of `portwarden_notifications_total`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retry(_) => "retried",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

/// When the last attempt at a notification decided now is made.
#[must_use]
pub fn expires_at(now: Timestamp) -> Timestamp {
    later(now, RETRY_FOR)
}

/// Decides after the `attempts`th attempt (counted from 1). `jitter` from 0 to 1 spreads the pause by
/// a fifth either way, so that receivers are not met by everybody at once when they come back.
#[must_use]
pub fn after(
    attempts: u32,
    outcome: &Outcome,
    expires_at: Timestamp,
    now: Timestamp,
    jitter: f64,
) -> Verdict {
    let asked = match outcome {
        Outcome::Delivered { .. } | Outcome::Taken { .. } => return Verdict::Delivered,
        Outcome::Unsendable { .. } | Outcome::Refused { .. } => return Verdict::Failed,
        Outcome::Answered { status, .. } if !is_temporary(*status) => return Verdict::Failed,
        Outcome::Answered { retry_after, .. } => retry_after.unwrap_or(SignedDuration::ZERO),
        Outcome::Lost { .. } | Outcome::Deferred { .. } => SignedDuration::ZERO,
    };
    if now >= expires_at {
        return Verdict::Expired;
    }
    let doublings = attempts.saturating_sub(1).min(16);
    let pause = FIRST_PAUSE.saturating_mul(1_i32 << doublings).min(LONGEST_PAUSE);
    let spread = 0.8 + 0.4 * jitter.clamp(0.0, 1.0);
    let pause = SignedDuration::try_from_secs_f64(pause.as_secs_f64() * spread).unwrap_or(pause);
    Verdict::Retry(later(now, pause.max(asked.min(LONGEST_RETRY_AFTER))).min(expires_at))
}

/// Answers that say the same message may be taken later.
pub(crate) fn is_temporary(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

/// Saturates at the end of time.
pub(crate) fn later(at: Timestamp, pause: SignedDuration) -> Timestamp {
    at.saturating_add(pause).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn answered(status: u16, retry_after: Option<i64>) -> Outcome {
        let retry_after = retry_after.map(SignedDuration::from_secs);
        Outcome::Answered { status, excerpt: String::new(), retry_after }
    }

    fn lost() -> Outcome {
        Outcome::Lost { reason: "connection refused".to_owned() }
    }

    #[test]
    fn what_is_tried_again() {
        let retry = |seconds| Verdict::Retry(at(seconds));
        let table = [
            (1, Outcome::Delivered { status: 204 }, Verdict::Delivered),
            (1, Outcome::Unsendable { reason: "no host".to_owned() }, Verdict::Failed),
            (1, Outcome::Taken { words: "250 queued".to_owned() }, Verdict::Delivered),
            (1, Outcome::Refused { reason: "550 no such user".to_owned() }, Verdict::Failed),
            (2, Outcome::Deferred { reason: "450 busy".to_owned() }, retry(10)),
            (1, lost(), retry(5)),
            (2, lost(), retry(10)),
            (5, lost(), retry(80)),
            (10, lost(), retry(1800)),
            (4_000_000_000, lost(), retry(1800)),
            (1, answered(500, None), retry(5)),
            (1, answered(503, Some(120)), retry(120)),
            (9, answered(503, Some(120)), retry(1280)),
            (1, answered(429, Some(7_000_000)), retry(86_400)),
            (1, answered(408, None), retry(5)),
            (1, answered(425, None), retry(5)),
            (1, answered(301, None), Verdict::Failed),
            (1, answered(307, Some(5)), Verdict::Failed),
            (1, answered(400, None), Verdict::Failed),
            (1, answered(404, None), Verdict::Failed),
            (1, answered(410, None), Verdict::Failed),
        ];
        for (attempts, outcome, verdict) in table {
            let got = after(attempts, &outcome, expires_at(at(0)), at(0), 0.5);
            assert_eq!(got, verdict, "{attempts} {outcome:?}");
        }
    }

    #[test]
    fn the_last_attempt_is_made_at_the_very_end() {
        let end = expires_at(at(0));
        let near = end.checked_sub(SignedDuration::from_secs(3)).unwrap();
        assert_eq!(after(20, &lost(), end, near, 0.5), Verdict::Retry(end));
        assert_eq!(after(21, &lost(), end, end, 0.5), Verdict::Expired);
        let delivered = Outcome::Delivered { status: 200 };
        assert_eq!(after(21, &delivered, end, end, 0.5), Verdict::Delivered);
    }

    proptest! {
        #[test]
        fn an_outage_is_waited_out_for_a_day_and_ends(jitter in 0.0..1.0_f64) {
            let (start, end) = (at(0), expires_at(at(0)));
            let (mut now, mut attempts) = (start, 0);
            loop {
                attempts += 1;
                match after(attempts, &lost(), end, now, jitter) {
                    Verdict::Retry(next) => {
                        prop_assert!(next > now && next <= end);
                        prop_assert!(next.duration_since(now) <= SignedDuration::from_mins(36));
                        now = next;
                    }
                    Verdict::Expired => break,
                    Verdict::Delivered | Verdict::Failed => prop_assert!(false),
                }
            }
            prop_assert!(now.duration_since(start) >= SignedDuration::from_hours(24));
            prop_assert!((100..250).contains(&attempts));
        }
    }
}
