//! The first page: what is wrong now, then the numbers, then everything that is watched.

use std::collections::{BTreeMap, HashMap};

use askama::Template;
use health::facts::CertificateFacts;
use health::snapshot::CheckStanding;
use health::{Code, Kind, Severity, State};
use jiff::Timestamp;
use serde::Deserialize;

use crate::findings::{self, Card};
use crate::frame::{Frame, Tab};
use crate::pages::Slice;
use crate::words::Words;
use crate::{Error, View, amount, certificates, link};

/// Findings shown on the page; the rest is counted.
const CARDS: usize = 100;
/// Findings shown with their remedy at once; those below show it on a click.
const OPEN_CARDS: usize = 10;

/// What the list on the overview is narrowed to. Anything unknown narrows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct OverviewQuery {
    /// Page of the list, from 1.
    pub page: Option<String>,
    /// `up`, `degraded`, `down`, `unknown`, or `sick` for whatever is not well.
    pub state: Option<String>,
    /// Words to look for in name, instance, host and service.
    pub q: Option<String>,
    /// A kind's label.
    pub kind: Option<String>,
}

/// How many checks are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) up: usize,
    pub(crate) degraded: usize,
    pub(crate) down: usize,
    pub(crate) unknown: usize,
}

impl Tally {
    pub(crate) fn count(&mut self, state: State) {
        match state {
            State::Up => self.up += 1,
            State::Degraded => self.degraded += 1,
            State::Down => self.down += 1,
            State::Unknown => self.unknown += 1,
        }
    }

    /// The worst state that any is in.
    pub(crate) fn worst(self) -> State {
        match self {
            Self { down: 1.., .. } => State::Down,
            Self { degraded: 1.., .. } => State::Degraded,
            Self { up: 1.., .. } => State::Up,
            _ => State::Unknown,
        }
    }

    fn all(self) -> usize {
        self.up + self.degraded + self.down + self.unknown
    }
}

/// One stretch of the bar that shows the states in proportion, in percent of its width.
struct Stretch {
    class: &'static str,
    x: String,
    width: String,
}

struct Group<'a> {
    title: String,
    /// Name of the host whose ports these are; empty for anything else.
    host: &'a str,
    tally: Tally,
    rows: Vec<&'a CheckStanding>,
}

/// The certificate that ends first.
struct Ending<'a> {
    certificate: &'a CertificateFacts,
    href: String,
    name: &'a str,
    days: i64,
    class: &'static str,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Page<'a> {
    page: Frame<'a>,
    t: Words,
    tone: &'static str,
    verdict: String,
    watched: String,
    last_look: Option<Timestamp>,
    tally: Tally,
    stretches: Vec<Stretch>,
    cards: Vec<Card<'a>>,
    causes: usize,
    consequences: usize,
    cards_left: usize,
    ending: Option<Ending<'a>>,
    groups: Vec<Group<'a>>,
    slice: Slice,
    query: &'a OverviewQuery,
    is_filtered: bool,
}

/// The overview.
///
/// # Errors
/// When the template fails.
pub fn overview(view: &View<'_>, query: &OverviewQuery) -> Result<String, Error> {
    let t = Words(view.language);
    let snapshot = view.snapshot;
    let mut tally = Tally::default();
    snapshot.checks.iter().for_each(|standing| tally.count(standing.state));
    let mut cards = findings::tree(snapshot);
    let causes = cards.len();
    let consequences = cards.iter().map(|card| card.follow.len()).sum();
    let cards_left = cards.len().saturating_sub(CARDS);
    cards.truncate(CARDS);
    cards.iter_mut().skip(OPEN_CARDS).for_each(|card| card.is_folded = true);
    let (tone, verdict) = verdict(t, tally, cards.len());
    let (groups, slice) = groups(view, query, t);
    let title = match tally.down + tally.degraded {
        0 => t.overview().to_owned(),
        sick => format!("({sick}) {}", t.overview()),
    };
    let checks = t.n_checks(tally.all());
    let watched = match snapshot.hosts.len() {
        0 => t.watched_from_hostless(&checks, &snapshot.agent),
        hosts => t.watched_from(&checks, &t.n_hosts(hosts), &snapshot.agent),
    };
    let last_look = snapshot.checks.iter().filter_map(|standing| Some(standing.last.as_ref()?.at));
    let page = Page {
        page: Frame::new(view, Tab::Overview, title),
        t,
        tone,
        verdict,
        watched,
        last_look: last_look.max(),
        tally,
        stretches: stretches(tally),
        cards,
        causes,
        consequences,
        cards_left,
        ending: ending(view),
        groups,
        slice,
        query,
        is_filtered: query.is_narrowing(),
    };
    Ok(page.render()?)
}

/// The headline: colour and words.
fn verdict(t: Words, tally: Tally, findings: usize) -> (&'static str, String) {
    match (tally.down, tally.degraded) {
        (0, 0) if tally.all() == 0 => ("unknown", t.nothing_watched().to_owned()),
        (0, 0) if tally.up == 0 => ("unknown", t.first_look().to_owned()),
        (0, 0) if findings > 0 => ("up", t.minor_only().to_owned()),
        (0, 0) => ("up", t.all_well().to_owned()),
        (0, degraded) => ("degraded", t.n_degraded(degraded)),
        (down, 0) => ("down", t.n_down(down)),
        (down, degraded) => ("down", t.and_then(&t.n_down(down), &t.n_more_degraded(degraded))),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a width in percent needs no 53 bits")]
fn stretches(tally: Tally) -> Vec<Stretch> {
    let all = tally.all().max(1) as f64;
    let parts = [
        ("down", tally.down),
        ("degraded", tally.degraded),
        ("unknown", tally.unknown),
        ("up", tally.up),
    ];
    let present = parts.iter().filter(|(_, count)| *count > 0);
    // What is few must still be seen: no stretch is narrower than one percent.
    let weights: Vec<(&'static str, f64)> =
        present.map(|&(class, count)| (class, (count as f64 / all).max(0.01))).collect();
    let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let mut x = 0.0;
    weights
        .into_iter()
        .map(|(class, weight)| {
            let width = weight / sum * 100.0;
            let stretch = Stretch { class, x: format!("{x:.2}%"), width: format!("{width:.2}%") };
            x += width;
            stretch
        })
        .collect()
}

/// The leaf certificate that ends first.
fn ending<'a>(view: &View<'a>) -> Option<Ending<'a>> {
    let leaves = view.snapshot.checks.iter().filter_map(|standing| {
        let facts = &standing.last.as_ref()?.facts;
        let served = facts.tls.as_ref().and_then(|tls| tls.chain.first());
        let elsewhere = facts.served.iter().filter_map(|served| served.chain.first());
        let filed = facts.files.iter().filter_map(|file| file.chain.first());
        let leaves = served.into_iter().chain(elsewhere).chain(filed);
        Some((leaves.min_by_key(|leaf| leaf.not_after)?, standing))
    });
    let (certificate, standing) = leaves.min_by_key(|(leaf, _)| leaf.not_after)?;
    let left = certificate.not_after.duration_since(view.now);
    let dated = standing.findings.iter().map(|found| &found.finding).filter(|finding| {
        matches!(finding.code, Code::CertExpired | Code::CertExpiring | Code::CertRenewalOverdue)
    });
    let class = match dated.map(|finding| finding.severity).max() {
        _ if left.is_negative() => "down",
        Some(Severity::Critical) => "down",
        Some(Severity::Warning) => "degraded",
        Some(Severity::Notice) | None => "up",
    };
    let href = link::certificate(&certificate.fingerprint);
    let (name, days) = (certificates::title(certificate, 0), left.as_secs().div_euclid(86_400));
    Some(Ending { certificate, href, name, days, class })
}

impl OverviewQuery {
    fn kind(&self) -> Option<Kind> {
        let label = self.kind.as_deref()?;
        Kind::ALL.iter().copied().find(|kind| kind.label() == label)
    }

    fn words(&self) -> Option<String> {
        let words = self.q.as_deref()?.trim();
        (!words.is_empty()).then(|| words.to_lowercase())
    }

    fn is_narrowing(&self) -> bool {
        self.kind().is_some() || self.words().is_some() || self.state_asked().is_some()
    }

    fn state_asked(&self) -> Option<&str> {
        self.state
            .as_deref()
            .filter(|state| ["up", "degraded", "down", "unknown", "sick"].contains(state))
    }

    fn has_state(&self, label: &str) -> bool {
        self.state.as_deref() == Some(label)
    }

    fn has_kind(&self, kind: &Kind) -> bool {
        self.kind() == Some(*kind)
    }

    fn typed(&self) -> &str {
        self.q.as_deref().unwrap_or_default()
    }

    fn at_page(&self, page: &usize) -> String {
        let page = page.to_string();
        let parameters = [
            ("q", self.typed()),
            ("state", self.state_asked().unwrap_or_default()),
            ("kind", self.kind().map_or("", Kind::label)),
            ("page", page.as_str()),
        ];
        format!("{}#list", link::with_query("/", &parameters))
    }

    fn admits(&self, standing: &CheckStanding, words: Option<&str>, kind: Option<Kind>) -> bool {
        let state = match self.state_asked() {
            Some("sick") => {
                !standing.findings.is_empty()
                    || matches!(standing.state, State::Down | State::Degraded)
            }
            Some(label) => standing.state.label() == label,
            None => true,
        };
        state
            && kind.is_none_or(|kind| standing.check.kind == kind)
            && words.is_none_or(|words| mentions(standing, words))
    }
}

/// Whether a check's name, instance, host or service holds these words, given in lower case.
pub(crate) fn mentions(standing: &CheckStanding, words: &str) -> bool {
    let check = &standing.check;
    let holds = |text: &str| text.to_lowercase().contains(words);
    holds(&check.name)
        || holds(&check.instance)
        || check.host.as_deref().is_some_and(holds)
        || standing.claim.as_ref().is_some_and(|claim| holds(&claim.service))
}

/// One page of the checks that the query admits, grouped by kind, ports by host. When the list is
/// longer than a page, what is not well comes first.
fn groups<'a>(view: &View<'a>, query: &OverviewQuery, t: Words) -> (Vec<Group<'a>>, Slice) {
    let (words, kind) = (query.words(), query.kind());
    let mut rows: Vec<&CheckStanding> = view
        .snapshot
        .checks
        .iter()
        .map(|standing| &**standing)
        .filter(|standing| query.admits(standing, words.as_deref(), kind))
        .collect();
    let slice = Slice::of(rows.len(), query.page.as_deref());
    if slice.pages > 1 {
        rows.sort_by_key(|standing| match standing.state {
            State::Down => 0,
            State::Degraded => 1,
            State::Unknown => 2,
            State::Up => 3,
        });
    }
    let order: HashMap<&str, usize> =
        view.snapshot.hosts.iter().enumerate().map(|(at, host)| (&*host.name, at)).collect();
    let mut grouped: BTreeMap<(usize, usize, &str), Group<'a>> = BTreeMap::new();
    for row in &rows[slice.range()] {
        let check = &row.check;
        let place = Kind::ALL.iter().position(|&kind| kind == check.kind).unwrap_or_default();
        let host = match check.kind {
            Kind::Port => check.host.as_deref().unwrap_or_default(),
            _ => "",
        };
        let group = grouped
            .entry((place, order.get(host).copied().unwrap_or(usize::MAX), host))
            .or_insert_with(|| Group {
                title: if host.is_empty() {
                    t.kind_of(check.kind).to_owned()
                } else {
                    t.ports_on(host)
                },
                host,
                tally: Tally::default(),
                rows: Vec::new(),
            });
        group.tally.count(row.state);
        group.rows.push(row);
    }
    (grouped.into_values().collect(), slice)
}

/// How long the last probe took, for a row.
fn took(standing: &CheckStanding) -> String {
    standing.last.as_ref().map_or_else(|| "—".to_owned(), |last| amount::took(last.duration))
}

/// The service of a claim, when it has a name.
fn service(standing: &CheckStanding) -> Option<&str> {
    standing.claim.as_ref().map(|claim| &*claim.service).filter(|service| !service.is_empty())
}
