//! What the certificates page is narrowed to: kept in the address, so that a filter can be sent to
//! somebody. The downloads beside it hold the same.

use health::State;
use health::certificates::{Certificate, Life, Place, common_name};
use jiff::Timestamp;
use serde::Deserialize;

use crate::link;

/// What certificates are narrowed to, and in which order they come. Anything unknown narrows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CertificatesQuery {
    /// `sick`, `due` (late ones too), `late`, `blocked`, `soon`, `over`, or `well`.
    pub state: Option<String>,
    /// `served` or `file`.
    pub place: Option<String>,
    /// The common name of an issuer.
    pub issuer: Option<String>,
    /// Words to look for in names, issuer, numbers, places, checks and codes of findings.
    pub q: Option<String>,
    /// `end`, `due` or `name`; what needs a look comes first otherwise.
    pub order: Option<String>,
    /// Page of the list, from 1.
    pub page: Option<String>,
}

const STATES: [&str; 7] = ["sick", "due", "late", "blocked", "soon", "over", "well"];

impl CertificatesQuery {
    /// Those that the query admits, in its order; issuing ones too.
    #[must_use]
    pub fn select<'c, 'a>(
        &self,
        certificates: impl Iterator<Item = &'c Certificate<'a>>,
    ) -> Vec<&'c Certificate<'a>>
    where
        'a: 'c,
    {
        let words = self.words();
        let mut selected: Vec<&Certificate<'a>> =
            certificates.filter(|it| self.admits(it, words.as_deref())).collect();
        self.sort(&mut selected);
        selected
    }

    pub(crate) fn words(&self) -> Option<String> {
        let words = self.typed().trim();
        (!words.is_empty()).then(|| words.to_lowercase())
    }

    pub(crate) fn typed(&self) -> &str {
        self.q.as_deref().unwrap_or_default()
    }

    pub(crate) fn state_asked(&self) -> &str {
        known(self.state.as_deref(), &STATES)
    }

    pub(crate) fn place_asked(&self) -> &str {
        known(self.place.as_deref(), &["served", "file"])
    }

    pub(crate) fn order_asked(&self) -> &str {
        known(self.order.as_deref(), &["end", "due", "name"])
    }

    pub(crate) fn issuer_asked(&self) -> &str {
        self.issuer.as_deref().unwrap_or_default()
    }

    pub(crate) fn is_narrowing(&self) -> bool {
        self.words().is_some()
            || [self.state_asked(), self.place_asked(), self.issuer_asked()] != ["", "", ""]
    }

    pub(crate) fn address(&self, path: &str, page: &str) -> String {
        let parameters = [
            ("state", self.state_asked()),
            ("place", self.place_asked()),
            ("issuer", self.issuer_asked()),
            ("q", self.typed()),
            ("order", self.order_asked()),
            ("page", page),
        ];
        link::with_query(path, &parameters)
    }

    pub(crate) fn at_page(&self, page: &usize) -> String {
        self.address("/certificates", &page.to_string())
    }

    pub(crate) fn admits(&self, certificate: &Certificate<'_>, words: Option<&str>) -> bool {
        self.admits_state(certificate)
            && (self.issuer_asked().is_empty()
                || common_name(&certificate.facts.issuer) == self.issuer_asked())
            && match self.place_asked() {
                "served" => certificate.places.iter().any(|place| place.served().is_some()),
                "file" => certificate.places.iter().any(|place| place.stored().is_some()),
                _ => true,
            }
            && words.is_none_or(|words| mentions(certificate, words))
    }

    fn admits_state(&self, certificate: &Certificate<'_>) -> bool {
        let life = || certificate.life();
        match self.state_asked() {
            "sick" => certificate.state() != State::Up,
            "due" => matches!(life(), Life::Due | Life::Overdue),
            "late" => life() == Life::Overdue,
            "blocked" => !certificate.blocks.is_empty(),
            "soon" => life() != Life::Over && certificate.left() <= super::SOON,
            "over" => life() == Life::Over,
            "well" => certificate.state() == State::Up,
            _ => true,
        }
    }

    /// Puts them into the order asked for.
    pub(crate) fn sort(&self, certificates: &mut [&Certificate<'_>]) {
        let end = |certificate: &&Certificate<'_>| certificate.facts.not_after;
        match self.order_asked() {
            "end" => certificates.sort_by_key(end),
            "due" => certificates.sort_by_key(|it| {
                (it.renewal.map_or(Timestamp::MAX, |renewal| renewal.due), it.facts.not_after)
            }),
            "name" => certificates.sort_by_key(|it| (it.title(), it.facts.not_after)),
            _ => certificates.sort_by_cached_key(|it| (rank(it), it.facts.not_after)),
        }
    }
}

fn rank(certificate: &Certificate<'_>) -> u8 {
    match certificate.state() {
        State::Down => 0,
        State::Degraded => 1,
        State::Unknown | State::Up => 2,
    }
}

fn known<'a>(asked: Option<&'a str>, words: &[&str]) -> &'a str {
    asked.filter(|asked| words.contains(asked)).unwrap_or_default()
}

/// Whether a certificate, or a place of it, has to do with these words, given in lower case.
fn mentions(certificate: &Certificate<'_>, words: &str) -> bool {
    let facts = certificate.facts;
    let holds = |text: &str| text.to_lowercase().contains(words);
    let number: String = words.chars().filter(|it| *it != ':').collect();
    let is_number = number.len() >= 4 && number.bytes().all(|byte| byte.is_ascii_hexdigit());
    facts.names.iter().any(|name| holds(name))
        || holds(&facts.subject)
        || holds(&facts.issuer)
        || holds(&facts.key)
        || is_number
            && (facts.fingerprint.contains(&number)
                || facts.serial.replace(':', "").contains(&number))
        || certificate.findings.iter().any(|(_, found)| found.finding.code.label().contains(words))
        || certificate.is_leaf() && certificate.places.iter().any(|place| is_at(place, words))
}

fn is_at(place: &Place<'_>, words: &str) -> bool {
    let holds = |text: &str| text.to_lowercase().contains(words);
    holds(&place.standing.check.name)
        || holds(&place.at())
        || place.served().is_some_and(|handshake| handshake.server_name.is_some_and(holds))
        || place.named_in().is_some_and(holds)
}
