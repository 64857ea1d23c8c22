//! A life as a bar: how much of it is spent, where the renewal point lies, and where now is.

use health::certificates::Renewal;
use health::facts::CertificateFacts;
use jiff::Timestamp;

/// Shares of a bar's width, in percent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lifeline {
    pub(crate) spent: String,
    pub(crate) left: String,
    /// `None`: now lies outside of its life.
    pub(crate) now: Option<String>,
    pub(crate) due: Option<String>,
    pub(crate) overdue: Option<String>,
}

impl Lifeline {
    pub(crate) fn of(
        certificate: &CertificateFacts,
        renewal: Option<&Renewal<'_>>,
        now: Timestamp,
    ) -> Self {
        let share = |at| share(certificate, at);
        let spent = share(now);
        let is_valid = (certificate.not_before..=certificate.not_after).contains(&now);
        Self {
            spent: percent(spent),
            left: percent(1.0 - spent),
            now: is_valid.then(|| percent(spent)),
            due: renewal.map(|renewal| percent(share(renewal.due))),
            overdue: renewal.and_then(|renewal| renewal.overdue).map(|at| percent(share(at))),
        }
    }
}

/// How much of its life is over at a moment, 0 to 1.
fn share(certificate: &CertificateFacts, at: Timestamp) -> f64 {
    let life = certificate.not_after.duration_since(certificate.not_before).as_secs_f64();
    if life <= 0.0 {
        return 1.0;
    }
    (at.duration_since(certificate.not_before).as_secs_f64() / life).clamp(0.0, 1.0)
}

fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_never_leaves_its_box() {
        let day = |day: i64| Timestamp::from_second(86_400 * day).unwrap();
        let life = |from, to| CertificateFacts {
            not_before: day(from),
            not_after: day(to),
            ..CertificateFacts::default()
        };
        let line = |facts: &CertificateFacts, now| {
            let renewal = Renewal::by_lifetime(facts);
            let Lifeline { spent, left, now, due, .. } = Lifeline::of(facts, Some(&renewal), now);
            (spent, left, now, due.unwrap())
        };
        let own = |text: &str| text.to_owned();
        assert_eq!(
            line(&life(0, 90), day(45)),
            (own("50.00%"), own("50.00%"), Some(own("50.00%")), own("66.67%"))
        );
        assert_eq!(line(&life(0, 6), day(9)), (own("100.00%"), own("0.00%"), None, own("50.00%")));
        assert_eq!(line(&life(0, 6), day(-9)).0, "0.00%");
        assert_eq!(line(&life(6, 6), day(6)).0, "100.00%", "no life at all");
        assert_eq!(line(&life(9, 3), day(6)).0, "100.00%", "an end before its beginning");
    }
}
