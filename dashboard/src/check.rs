//! One check: what it looks at, what it saw last, what is wrong, and how it has been.

use askama::Template;
use health::facts::{FileFacts, HttpFacts, TlsFacts};
use health::history::History;
use health::snapshot::{CheckStanding, Last};
use health::{Incident, Timing};

use crate::chain::Certificate;
use crate::chart::{self, Bars, Cut, Line, Stretch};
use crate::dns::{self, Zone};
use crate::findings::{self, Card};
use crate::frame::{Frame, Tab};
use crate::words::Words;
use crate::{Error, View};

/// Changes of state and incidents listed.
const LISTED: usize = 20;

#[derive(Template)]
#[template(path = "check.html")]
struct Page<'a> {
    page: Frame<'a>,
    t: Words,
    standing: &'a CheckStanding,
    cards: Vec<Card<'a>>,
    stretches: Vec<Stretch>,
    zone: Option<Zone<'a>>,
    history: &'a History,
    hours: Bars,
    days: Bars,
    line: Option<Line>,
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
    let page = Page {
        page: Frame::new(view, Tab::Check, name),
        t,
        standing,
        cards: findings::of_check(standing),
        stretches,
        zone: dns::of_check(standing),
        history,
        hours: chart::bars(t, &history.hours, Cut::Hours, view.now),
        days: chart::bars(t, &history.days, Cut::Days, view.now),
        line: chart::line(&history.samples),
    };
    Ok(Some(page.render()?))
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

    fn served(&self) -> Vec<Certificate<'a>> {
        let now = self.page.view.now;
        let chain = self.tls().map(|tls| tls.chain.iter());
        chain.into_iter().flatten().map(|facts| Certificate::new(facts, now)).collect()
    }

    fn filed(&self, file: &'a FileFacts) -> Vec<Certificate<'a>> {
        file.chain.iter().map(|facts| Certificate::new(facts, self.page.view.now)).collect()
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
