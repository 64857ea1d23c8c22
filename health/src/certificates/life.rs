//! How far through its life a certificate is, and when its renewer should act.

use jiff::{SignedDuration, Timestamp};

use crate::facts::{CertificateFacts, RenewalFacts, RenewalSource};

/// Shorter lives than this are renewed at half of them.
const SHORT: SignedDuration = SignedDuration::from_hours(24 * 10);
/// Longer ones are reckoned as this.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 398);

/// When a certificate is due for renewal.
#[derive(Clone, Copy, Debug)]
pub struct Renewal<'a> {
    /// From when on its renewer should act.
    pub due: Timestamp,
    /// Past this moment it is late; `None`: no check has said.
    pub overdue: Option<Timestamp>,
    /// Who says so.
    pub source: RenewalSource,
    /// What a check found out about it.
    pub facts: Option<&'a RenewalFacts>,
}

impl<'a> Renewal<'a> {
    /// As its lifetime alone has it: a third left, half for a short-lived one.
    #[must_use]
    pub fn by_lifetime(certificate: &CertificateFacts) -> Self {
        let life = certificate.not_after.duration_since(certificate.not_before);
        let left = if life < SHORT { life / 2 } else { life.min(LONGEST) / 3 };
        Self {
            due: certificate.not_after - left,
            overdue: None,
            source: RenewalSource::Lifetime,
            facts: None,
        }
    }

    pub(super) fn of(facts: &'a RenewalFacts) -> Self {
        Self {
            due: facts.due,
            overdue: Some(facts.overdue),
            source: facts.source,
            facts: Some(facts),
        }
    }

    /// The better informed of two; a failure that only one knows of is kept.
    pub(super) fn or(self, other: Self) -> Self {
        let fails = |renewal: &Self| renewal.facts.is_some_and(|facts| facts.failure.is_some());
        let rank = |renewal: &Self| (fails(renewal), weight(renewal.source));
        if rank(&other) > rank(&self) { other } else { self }
    }
}

fn weight(source: RenewalSource) -> u8 {
    match source {
        RenewalSource::Lifetime => 0,
        RenewalSource::AcmeSh | RenewalSource::Certbot => 1,
        RenewalSource::Ari => 2,
        RenewalSource::Plan => 3,
    }
}

/// How a certificate stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Not valid yet.
    Early,
    /// Valid, and nothing to be done.
    Fresh,
    /// Its renewer should act.
    Due,
    /// Its renewer should have acted.
    Overdue,
    /// Its renewer should have acted, and has: a newer one for the same names is there.
    Replaced,
    /// Ended.
    Over,
}

impl Life {
    /// As it stands now; a certificate that nobody renews is fresh until it ends.
    #[must_use]
    pub fn of(
        certificate: &CertificateFacts,
        renewal: Option<&Renewal<'_>>,
        now: Timestamp,
    ) -> Self {
        let overdue = renewal.and_then(|renewal| renewal.overdue);
        if now < certificate.not_before {
            Self::Early
        } else if now > certificate.not_after {
            Self::Over
        } else if overdue.is_some_and(|overdue| now >= overdue) {
            Self::Overdue
        } else if renewal.is_some_and(|renewal| now >= renewal.due) {
            Self::Due
        } else {
            Self::Fresh
        }
    }

    /// The word used in the API and in downloads.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Early => "early",
            Self::Fresh => "fresh",
            Self::Due => "due",
            Self::Overdue => "overdue",
            Self::Replaced => "replaced",
            Self::Over => "over",
        }
    }
}
