//! One certificate: what is wrong with it, where it stands in its life, whether its renewal would
//! work, its chain, and every place where it is.

use std::collections::{HashMap, HashSet};

use askama::Template;
use health::certificates::{Certificate, Certificates, Life, Place};
use health::facts::{CertificateFacts, RenewalFacts, RevocationFacts, RevocationStanding};
use health::{Snapshot, State};
use jiff::Timestamp;

use super::lifeline::Lifeline;
use super::links::Chain;
use super::readiness::{self, Readiness};
use super::row::{self, Blocked, Row};
use crate::findings::Card;
use crate::frame::{Frame, Tab};
use crate::words::Words;
use crate::{Error, View};

/// Places on one page.
const PLACES: usize = 200;
/// Different chains on one page.
const CHAINS: usize = 4;
/// Other certificates named, and findings shown, on one page.
const OTHERS: usize = 50;

#[derive(Template)]
#[template(path = "certificate.html")]
struct Page<'a> {
    page: Frame<'a>,
    t: Words,
    facts: &'a CertificateFacts,
    state: State,
    is_leaf: bool,
    left: String,
    renewal_words: Option<String>,
    line: Lifeline,
    moments: Vec<Moment>,
    cards: Vec<Card<'a>>,
    blocks: Vec<Blocked<'a>>,
    /// Who says when it is due.
    source: Option<&'static str>,
    renewal: Option<&'a RenewalFacts>,
    revocation: Option<&'a RevocationFacts>,
    readiness: Vec<Readiness<'a>>,
    chains: Vec<Chain<'a>>,
    places: Vec<Place<'a>>,
    places_left: usize,
    others: Vec<Other<'a>>,
    below: Vec<Row<'a>>,
    below_left: usize,
    commands: Vec<String>,
}

/// A moment of its life, in the order in which they come.
struct Moment {
    at: Timestamp,
    class: &'static str,
    words: &'static str,
}

/// Another certificate for the same name.
struct Other<'a> {
    row: Row<'a>,
    is_newer: bool,
    /// Addresses and paths, each once however many checks see it there.
    places: Vec<String>,
}

/// The page of the certificate with this SHA-256 in hex, colons and capitals allowed; `None` when
/// none was seen.
///
/// # Errors
/// When the template fails.
pub fn certificate(view: &View<'_>, fingerprint: &str) -> Result<Option<String>, Error> {
    let t = Words(view.language);
    let all = Certificates::of(view.snapshot, view.now);
    let Some(it) = all.by_fingerprint(fingerprint) else { return Ok(None) };
    let (below, below_left) = below(it, &all, t, view.now);
    let renewal = it.renewal.and_then(|renewal| renewal.facts);
    let page = Page {
        page: Frame::new(view, Tab::Certificates, it.title()),
        t,
        facts: it.facts,
        state: it.state(),
        is_leaf: it.is_leaf(),
        left: row::left(it, t),
        renewal_words: row::renewal(it, t, view.now),
        line: Lifeline::of(it.facts, it.renewal.as_ref(), view.now),
        moments: moments(it, t, view.now),
        cards: cards(it),
        blocks: row::blocked(it, t),
        source: it.renewal.map(|renewal| t.renewal_source(renewal.source)),
        renewal,
        revocation: it.revocation,
        readiness: if it.is_leaf() { ready(it, view.snapshot) } else { Vec::new() },
        chains: chains(it, t, view.now),
        places: it.places.iter().take(PLACES).cloned().collect(),
        places_left: it.places.len().saturating_sub(PLACES),
        others: others(it, &all, t, view.now),
        below,
        below_left,
        commands: commands(it),
    };
    Ok(Some(page.render()?))
}

/// Names of which nothing is known are left out, unless something is known of another.
fn ready<'a>(certificate: &Certificate<'a>, snapshot: &'a Snapshot) -> Vec<Readiness<'a>> {
    let known = readiness::of_certificate(certificate, snapshot);
    let is_known = known.iter().any(|name| !name.trials.is_empty() || !name.zones.is_empty());
    if is_known { known } else { Vec::new() }
}

fn cards<'a>(certificate: &Certificate<'a>) -> Vec<Card<'a>> {
    let told = certificate.findings.iter().take(OTHERS);
    let mut cards: Vec<Card<'a>> = told
        .map(|&(standing, found)| Card { standing, found, follow: Vec::new(), is_folded: false })
        .collect();
    cards.sort_by_key(|card| std::cmp::Reverse(card.found.finding.severity));
    cards
}

fn moments(certificate: &Certificate<'_>, t: Words, now: Timestamp) -> Vec<Moment> {
    let facts = certificate.facts;
    let passed = |at: Timestamp, class| if at <= now { class } else { "ahead" };
    let mut moments = vec![Moment { at: facts.not_before, class: "ahead", words: t.issued() }];
    if let Some(renewal) = certificate.renewal {
        let is_late = certificate.life() == Life::Overdue;
        let due = if is_late { "late" } else { passed(renewal.due, "due") };
        moments.push(Moment { at: renewal.due, class: due, words: t.renewal_point() });
        moments.extend(renewal.overdue.map(|at| Moment {
            at,
            class: passed(at, "late"),
            words: t.late_after(),
        }));
    }
    moments.push(Moment { at: now, class: "now", words: t.now_is() });
    moments.push(Moment {
        at: facts.not_after,
        class: passed(facts.not_after, "over"),
        words: t.ends(),
    });
    moments.sort_by_key(|moment| moment.at);
    moments
}

/// The different chains that it stands in, each with the places where it is sent or stored so.
fn chains<'a>(certificate: &Certificate<'a>, t: Words, now: Timestamp) -> Vec<Chain<'a>> {
    let mut known: HashMap<Vec<&str>, usize> = HashMap::new();
    let mut chains: Vec<(&Place<'a>, Vec<String>)> = Vec::new();
    for place in certificate.places.iter().filter(|place| place.position == 0).take(PLACES) {
        let links = place.chain.iter().map(|link| &*link.fingerprint);
        let kind = if place.stored().is_some() { "file" } else { "served" };
        let key: Vec<&str> = std::iter::once(kind).chain(links).collect();
        let index = *known.entry(key).or_insert_with(|| {
            chains.push((place, Vec::new()));
            chains.len() - 1
        });
        let (at, places) = (place.at(), &mut chains[index].1);
        if !places.contains(&at) {
            places.push(at);
        }
    }
    chains.truncate(CHAINS);
    chains.into_iter().map(|(place, places)| Chain::at(place, places, t, now)).collect()
}

/// Other leaves for the first of its names: what it replaced, and what replaces it.
fn others<'a>(
    certificate: &Certificate<'a>,
    all: &Certificates<'a>,
    t: Words,
    now: Timestamp,
) -> Vec<Other<'a>> {
    let Some(name) = certificate.facts.names.first().filter(|_| certificate.is_leaf()) else {
        return Vec::new();
    };
    let own = &*certificate.facts.fingerprint;
    let alike = all.leaves.iter().filter(|leaf| leaf.facts.names.first() == Some(name));
    let mut others: Vec<&Certificate<'a>> =
        alike.filter(|leaf| leaf.facts.fingerprint != own).take(OTHERS).collect();
    others.sort_by_key(|leaf| std::cmp::Reverse(leaf.facts.not_before));
    let is_newer = |leaf: &Certificate<'_>| leaf.facts.not_before > certificate.facts.not_before;
    let drawn = |leaf: &Certificate<'a>| {
        let row = Row::new(leaf, t, now);
        let mut places: Vec<String> = row.places.iter().map(Place::at).collect();
        places.dedup();
        Other { row, is_newer: is_newer(leaf), places }
    };
    others.into_iter().map(drawn).collect()
}

/// The leaves that were seen below it, the first to end first, and how many more there are.
fn below<'a>(
    certificate: &Certificate<'a>,
    all: &Certificates<'a>,
    t: Words,
    now: Timestamp,
) -> (Vec<Row<'a>>, usize) {
    if certificate.is_leaf() {
        return (Vec::new(), 0);
    }
    let leaves = certificate.places.iter().filter_map(|place| place.chain.first());
    let own: HashSet<&str> = leaves.map(|leaf| &*leaf.fingerprint).collect();
    let mut leaves: Vec<&Certificate<'a>> =
        all.leaves.iter().filter(|leaf| own.contains(&*leaf.facts.fingerprint)).collect();
    leaves.sort_by_key(|leaf| leaf.facts.not_after);
    let left = leaves.len().saturating_sub(OTHERS);
    (leaves.into_iter().take(OTHERS).map(|leaf| Row::new(leaf, t, now)).collect(), left)
}

/// What to type to see the same by hand.
fn commands(certificate: &Certificate<'_>) -> Vec<String> {
    let mut commands = Vec::new();
    let plain = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:[]@+,=".contains(&byte))
    };
    for place in certificate.places.iter().filter(|place| place.position == 0) {
        let at = place.at();
        if commands.len() == 4 || !plain(&at) {
            continue;
        }
        let command = match place.served() {
            None => format!("openssl x509 -in {at} -noout -subject -issuer -dates -serial"),
            Some(handshake) => {
                let name = match handshake.server_name.filter(|name| plain(name)) {
                    Some(name) => format!("-servername {name}"),
                    None => "-noservername".to_owned(),
                };
                let starttls = handshake.starttls.filter(|name| plain(name));
                let starttls =
                    starttls.map(|name| format!(" -starttls {name}")).unwrap_or_default();
                format!("openssl s_client -connect {at} {name}{starttls} -showcerts </dev/null")
            }
        };
        if !commands.contains(&command) {
            commands.push(command);
        }
    }
    commands
}
