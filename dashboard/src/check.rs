//! One check: what it looks at, what it saw last, what is wrong, and how it has been.

use askama::Template;
use health::certificates::Life;
use health::facts::{
    AcmeFacts, CallFacts, CertificateFacts, FileFacts, HeartbeatFacts, HttpFacts, RenewalFacts,
    RevocationStanding, ServedFacts, Signal, TlsFacts, VisitFacts,
};
use health::history::History;
use health::snapshot::{CheckStanding, Last};
use health::{Facts, Incident, Kind, Timing};

use crate::certificates::{Chain, Readiness, readiness, title};
use crate::chart::{self, Bars, Cut, Line, Spreads, Stretch};
use crate::dns::{self, Zone};
use crate::findings::{self, Card};
use crate::frame::{Frame, Tab};
use crate::words::Words;
use crate::{Error, View};

mod exchange;
mod visits;

use exchange::{Change, Side};
use visits::Waterfall;

/// Changes of state and incidents listed.
const LISTED: usize = 20;
/// Files, places and challenges drawn on one page.
const DRAWN: usize = 100;

#[derive(Template)]
#[template(path = "check.html")]
struct Page<'a> {
    page: Frame<'a>,
    t: Words,
    standing: &'a CheckStanding,
    cards: Vec<Card<'a>>,
    stretches: Vec<Stretch>,
    /// Its requests, where the last look made several.
    waterfall: Option<Waterfall<'a>>,
    /// The last bad look and the last good one, of what speaks HTTP.
    sides: Vec<Side<'a>>,
    zone: Option<Zone<'a>>,
    /// What is known of the domains that it puts challenges down for.
    readiness: Vec<Readiness<'a>>,
    history: &'a History,
    hours: Bars,
    days: Bars,
    line: Option<Line>,
    spread: Option<Spreads>,
}

/// The page of the check with this name (decoded); `None` when there is none.
///
/// # Errors
/// When the template fails.
pub fn check(view: &View<'_>, name: &str, history: &History) -> Result<Option<String>, Error> {
    let Some(standing) = view.snapshot.check(name) else { return Ok(None) };
    let t = Words(view.language);
    let stretches = standing
        .last
        .as_ref()
        .map(|last| chart::waterfall(&last.phases, last.duration))
        .unwrap_or_default();
    // Who only looks whether a job has reported waits for nobody.
    let takes_time = standing.check.kind != Kind::Heartbeat;
    let page = Page {
        page: Frame::new(view, Tab::Check, name),
        t,
        standing,
        cards: findings::of_check(standing),
        stretches,
        waterfall: standing.last.as_ref().and_then(|last| visits::waterfall(last, t)),
        sides: exchange::sides(standing),
        zone: dns::of_check(standing),
        readiness: readiness::of_check(standing, view.snapshot),
        history,
        hours: chart::bars(t, &history.hours, Cut::Hours, view.now),
        days: chart::bars(t, &history.days, Cut::Days, view.now),
        line: takes_time.then(|| chart::line(&history.samples)).flatten(),
        spread: takes_time.then(|| chart::spread(t, &history.hours, view.now)).flatten(),
    };
    Ok(Some(page.render()?))
}

/// The way that a request went, where its name does not say it.
pub(crate) fn way_of(visit: &VisitFacts) -> Option<&str> {
    visit.way.as_deref().filter(|way| **way != *visit.name)
}

/// The shape beside a call of a job.
pub(crate) fn mark_of(call: &CallFacts) -> &'static str {
    match call.signal {
        Signal::Start => "unknown",
        Signal::Success => "up",
        Signal::Fail => "down",
    }
}

/// Another place where a certificate was served.
struct Elsewhere<'a> {
    served: &'a ServedFacts,
    leaf: Option<&'a CertificateFacts>,
    /// The certificate that the check is mainly about.
    is_same: bool,
}

impl Elsewhere<'_> {
    fn title(&self) -> &str {
        self.leaf.map_or("", |leaf| title(leaf, 0))
    }
}

impl<'a> Page<'a> {
    fn last(&self) -> Option<&'a Last> {
        self.standing.last.as_deref()
    }

    fn http(&self) -> Option<&'a HttpFacts> {
        self.last()?.facts.http.as_deref()
    }

    fn tls(&self) -> Option<&'a TlsFacts> {
        self.last()?.facts.tls.as_deref()
    }

    fn files(&self) -> &'a [FileFacts] {
        self.last().map(|last| last.facts.files.as_slice()).unwrap_or_default()
    }

    fn chain_served(&self) -> Option<Chain<'a>> {
        let tls = self.tls()?;
        Some(Chain::of(&tls.chain, Some(tls.trusted), self.t, self.page.view.now))
    }

    fn chain_of(&self, file: &'a FileFacts) -> Chain<'a> {
        Chain::of(&file.chain, None, self.t, self.page.view.now)
    }

    /// What else was served, those that differ from what the check is mainly about first.
    fn elsewhere(&self) -> Vec<Elsewhere<'a>> {
        let served = self.last().map(|last| &*last.facts.served).unwrap_or_default();
        let main = self.tls().and_then(|tls| tls.chain.first());
        let mut elsewhere: Vec<Elsewhere<'a>> = served
            .iter()
            .map(|served| {
                let leaf = served.chain.first();
                let is_same = main.is_some_and(|main| {
                    leaf.is_some_and(|leaf| leaf.fingerprint == main.fingerprint)
                });
                Elsewhere { served, leaf, is_same }
            })
            .collect();
        elsewhere.sort_by_key(|place| (place.leaf.is_some(), place.is_same));
        elsewhere.truncate(DRAWN);
        elsewhere
    }

    fn elsewhere_left(&self) -> usize {
        self.last().map_or(0, |last| last.facts.served.len().saturating_sub(DRAWN))
    }

    fn renewals(&self) -> &'a [RenewalFacts] {
        let renewals = self.last().map(|last| &*last.facts.renewals).unwrap_or_default();
        &renewals[..renewals.len().min(LISTED)]
    }

    /// Something besides challenges, a job's reports and requests, which have panels of their own.
    fn saw_more(&self) -> bool {
        self.last().is_some_and(|last| {
            let Facts { acme, heartbeat, visits, .. } = last.facts.clone();
            let is_told_there = acme.is_some() || heartbeat.is_some() || !visits.is_empty();
            let elsewhere = Facts { acme, heartbeat, visits, ..Facts::default() };
            !is_told_there || last.facts != elsewhere
        })
    }

    fn heartbeat(&self) -> Option<&'a HeartbeatFacts> {
        self.last()?.facts.heartbeat.as_deref()
    }

    fn acme(&self) -> Option<&'a AcmeFacts> {
        self.last()?.facts.acme.as_deref()
    }

    fn cron(&self) -> Option<(&str, &str)> {
        match &self.standing.check.timing {
            Timing::Cron { expression, timezone } => Some((expression, timezone)),
            Timing::Every(_) => None,
        }
    }

    fn incidents(&self) -> &'a [Incident] {
        let incidents = &self.history.incidents;
        &incidents[..incidents.len().min(LISTED)]
    }

    fn has_history(&self) -> bool {
        let history = self.history;
        !(history.samples.is_empty()
            && history.hours.is_empty()
            && history.days.is_empty()
            && history.changes.is_empty()
            && history.incidents.is_empty())
    }
}
