//! What a code means: the list of all, and the documentation of one.

use askama::Template;
use askama::filters::Safe;
use health::snapshot::CheckStanding;
use health::{Code, StandingFinding};

use crate::frame::{Frame, Tab};
use crate::words::Words;
use crate::{Error, View, markdown, meaning};

/// Places listed where a code is the case now.
const PLACES: usize = 20;

struct Area {
    name: &'static str,
    codes: Vec<(Code, &'static str, usize)>,
}

#[derive(Template)]
#[template(path = "explain-index.html")]
struct IndexPage<'a> {
    page: Frame<'a>,
    t: Words,
    areas: Vec<Area>,
}

/// Every code with its meaning, and how often it is the case now.
///
/// # Errors
/// When the template fails.
pub fn explain_index(view: &View<'_>) -> Result<String, Error> {
    let t = Words(view.language);
    let mut counts = std::collections::HashMap::new();
    for found in view.snapshot.checks.iter().flat_map(|standing| &standing.findings) {
        *counts.entry(found.finding.code).or_insert(0) += 1;
    }
    let mut areas: Vec<Area> = Vec::new();
    for &code in Code::ALL {
        let name = code.label().split('.').next().unwrap_or_default();
        let count = counts.get(&code).copied().unwrap_or_default();
        let entry = (code, meaning::of(code, view.language), count);
        match areas.iter_mut().find(|area| area.name == name) {
            Some(area) => area.codes.push(entry),
            None => areas.push(Area { name, codes: vec![entry] }),
        }
    }
    let page = Frame::new(view, Tab::Explain, t.findings_reference());
    Ok(IndexPage { page, t, areas }.render()?)
}

#[derive(Template)]
#[template(path = "explain.html")]
struct Page<'a> {
    page: Frame<'a>,
    t: Words,
    code: Code,
    meaning: &'static str,
    body: Safe<String>,
    places: Vec<(&'a CheckStanding, &'a StandingFinding)>,
    places_left: usize,
}

/// The documentation of a code, from its Markdown, and where it is the case now.
///
/// # Errors
/// When the template fails.
pub fn explain(view: &View<'_>, code: Code, markdown: &str) -> Result<String, Error> {
    let t = Words(view.language);
    let mut places: Vec<_> = view
        .snapshot
        .checks
        .iter()
        .flat_map(|standing| standing.findings.iter().map(move |found| (&**standing, found)))
        .filter(|(_, found)| found.finding.code == code)
        .collect();
    let places_left = places.len().saturating_sub(PLACES);
    places.truncate(PLACES);
    let page = Page {
        page: Frame::new(view, Tab::Explain, code.label()),
        t,
        code,
        meaning: meaning::of(code, view.language),
        body: markdown::to_html(markdown),
        places,
        places_left,
    };
    Ok(page.render()?)
}
