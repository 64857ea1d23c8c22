//! What the DNS pages are narrowed to: kept in the address, so that a filter can be sent to somebody.

use health::facts::{RecordFacts, ServerFacts};
use health::records::RecordTurn;
use health::snapshot::CheckStanding;
use serde::Deserialize;

use crate::link;

/// What the DNS pages are narrowed to. Anything unknown narrows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DnsQuery {
    /// Name of a zone.
    pub zone: Option<String>,
    /// `wrong`: only records that some server does not have as planned, or unlike the others.
    pub only: Option<String>,
    /// Words to look for in zone, check, record, values and server.
    pub q: Option<String>,
    /// Page of the list, from 1.
    pub page: Option<String>,
}

impl DnsQuery {
    pub(crate) fn typed(&self) -> &str {
        self.q.as_deref().unwrap_or_default()
    }

    pub(crate) fn zone_asked(&self) -> &str {
        self.zone.as_deref().unwrap_or_default()
    }

    pub(crate) fn only_wrong(&self) -> bool {
        self.only.as_deref() == Some("wrong")
    }

    pub(crate) fn is_narrowing(&self) -> bool {
        !self.zone_asked().is_empty() || self.picks_records()
    }

    /// Some records of a zone may be left out.
    pub(crate) fn picks_records(&self) -> bool {
        self.only_wrong() || self.words().is_some()
    }

    pub(crate) fn words(&self) -> Option<String> {
        let words = self.typed().trim();
        (!words.is_empty()).then(|| words.to_lowercase())
    }

    pub(crate) fn at_page(&self, page: &usize) -> String {
        let only = if self.only_wrong() { "wrong" } else { "" };
        let page = page.to_string();
        let parameters =
            [("zone", self.zone_asked()), ("only", only), ("q", self.typed()), ("page", &page)];
        link::with_query("/dns", &parameters)
    }

    /// The zone itself is what was asked for, and so all of its records are.
    pub(crate) fn admits_zone(&self, standing: &CheckStanding) -> bool {
        let zone = dns(standing).map_or(&*standing.check.instance, |dns| &*dns.zone);
        self.zone_asked().is_empty() || zone == self.zone_asked()
    }
}

/// What a check saw of its zone last.
pub(crate) fn dns(standing: &CheckStanding) -> Option<&health::facts::DnsFacts> {
    standing.last.as_ref()?.facts.dns.as_deref()
}

/// Which records are shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Narrow {
    words: Option<String>,
    pub(crate) only_wrong: bool,
}

impl Narrow {
    /// All of a zone's records, if the words speak of the zone itself or of a server of it.
    pub(crate) fn of(query: &DnsQuery, standing: &CheckStanding) -> Self {
        let is_in = |words: &str, text: &str| text.to_lowercase().contains(words);
        let speaks_of_zone = |words: &String| {
            is_in(words, &standing.check.name)
                || is_in(words, &standing.check.instance)
                || dns(standing).is_some_and(|dns| {
                    let says = |server: &ServerFacts| is_in(words, &server.label());
                    is_in(words, &dns.zone) || dns.servers.iter().any(says)
                })
        };
        let words = query.words().filter(|words| !speaks_of_zone(words));
        Self { words, only_wrong: query.only_wrong() }
    }

    pub(crate) fn admits(&self, record: &RecordFacts) -> bool {
        self.words.as_deref().is_none_or(|words| {
            let title = format!("{} {}", record.name, record.record_type).to_lowercase();
            title.contains(words)
                || record.expected.to_lowercase().contains(words)
                || record.answers.iter().any(|answer| {
                    answer.values.iter().any(|value| value.to_lowercase().contains(words))
                })
        })
    }

    pub(crate) fn admits_turn(&self, turn: &RecordTurn) -> bool {
        self.words.as_deref().is_none_or(|words| turn.record.to_lowercase().contains(words))
            && !(self.only_wrong && turn.picture.is_well())
    }

    /// Whether some records may be left out.
    pub(crate) fn is_narrowing(&self) -> bool {
        self.only_wrong || self.words.is_some()
    }
}
