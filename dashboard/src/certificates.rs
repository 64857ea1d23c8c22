//! Every certificate once: a page of all of them, and a page for each.
//!
//! However many there are, a page draws a bounded number; what needs a look comes first.

mod lifeline;
mod links;
mod one;
mod query;
pub(crate) mod readiness;
mod row;

use std::collections::HashMap;

use askama::Template;
use health::State;
use health::certificates::{Certificate, Certificates, Life, Unseen, common_name};
use health::facts::CertificateFacts;
use jiff::SignedDuration;

use crate::frame::{Frame, Tab};
use crate::pages::Slice;
use crate::words::Words;
use crate::{Error, View};

pub(crate) use health::certificates::tried;
pub(crate) use links::{Chain, title};
pub use one::certificate;
pub use query::CertificatesQuery;
pub(crate) use readiness::Readiness;
use row::Row;

/// Certificates on one page.
const ON_A_PAGE: usize = 100;
/// Issuing certificates, and places where none was seen, on one page.
const BESIDE: usize = 50;
/// Issuers offered in the filter.
const ISSUERS: usize = 60;
/// What ends sooner is counted apart.
const SOON: SignedDuration = SignedDuration::from_hours(24 * 7);

#[derive(Template)]
#[template(path = "certificates.html")]
struct Page<'a> {
    page: Frame<'a>,
    t: Words,
    counts: Counts,
    rows: Vec<Row<'a>>,
    issuing: Vec<Row<'a>>,
    issuing_left: usize,
    unseen: Vec<Unseen<'a>>,
    unseen_left: usize,
    issuers: Vec<&'a str>,
    any: bool,
    slice: Slice,
    query: &'a CertificatesQuery,
}

impl Page<'_> {
    /// What the filter offers.
    fn states(&self) -> [(&'static str, &'static str); 7] {
        let t = self.t;
        [
            ("sick", t.not_well()),
            ("blocked", t.now_blocked()),
            ("due", t.now_due()),
            ("late", t.state_late()),
            ("soon", t.ends_soon()),
            ("over", t.ended()),
            ("well", t.state_well()),
        ]
    }
}

/// How many leaves are in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    all: usize,
    sick: usize,
    due: usize,
    blocked: usize,
    soon: usize,
}

/// The certificates page.
///
/// # Errors
/// When the template fails.
pub fn certificates(view: &View<'_>, query: &CertificatesQuery) -> Result<String, Error> {
    let t = Words(view.language);
    let all = Certificates::of(view.snapshot, view.now);
    let counts = count(view, &all.leaves);
    let issuers = issuers(&all.leaves);
    let any = !(all.leaves.is_empty() && all.issuing.is_empty() && all.unseen.is_empty());
    let words = query.words();
    let selects = |certificate: &&Certificate<'_>| query.admits(certificate, words.as_deref());
    let mut leaves: Vec<&Certificate<'_>> = all.leaves.iter().filter(selects).collect();
    query.sort(&mut leaves);
    let slice = Slice::of_size(leaves.len(), query.page.as_deref(), ON_A_PAGE);
    let rows = leaves[slice.range()].iter().map(|leaf| Row::new(leaf, t, view.now)).collect();
    let mut issuing: Vec<&Certificate<'_>> = all.issuing.iter().filter(selects).collect();
    query.sort(&mut issuing);
    let issuing_left = issuing.len().saturating_sub(BESIDE);
    let issuing = issuing.into_iter().take(BESIDE).map(|it| Row::new(it, t, view.now)).collect();
    let mut unseen: Vec<Unseen<'_>> = Vec::new();
    if !query.is_narrowing() || query.state_asked() == "sick" {
        unseen.extend(&all.unseen);
    }
    let unseen_left = unseen.len().saturating_sub(BESIDE);
    unseen.truncate(BESIDE);
    let page = Page {
        page: Frame::new(view, Tab::Certificates, t.certificates()),
        t,
        counts,
        rows,
        issuing,
        issuing_left,
        unseen,
        unseen_left,
        issuers,
        any,
        slice,
        query,
    };
    Ok(page.render()?)
}

fn count(view: &View<'_>, leaves: &[Certificate<'_>]) -> Counts {
    let mut counts = Counts { all: leaves.len(), ..Counts::default() };
    for leaf in leaves {
        let life = leaf.life();
        counts.sick += usize::from(leaf.state() != State::Up);
        counts.due += usize::from(matches!(life, Life::Due | Life::Overdue));
        counts.blocked += usize::from(!leaf.blocks.is_empty());
        let left = leaf.facts.not_after.duration_since(view.now);
        counts.soon += usize::from(life != Life::Over && left <= SOON);
    }
    counts
}

/// The issuers of leaves, those of most of them where there are many, by name.
fn issuers<'a>(leaves: &[Certificate<'a>]) -> Vec<&'a str> {
    let mut known: HashMap<&str, usize> = HashMap::new();
    for leaf in leaves {
        *known.entry(common_name(&leaf.facts.issuer)).or_default() += 1;
    }
    let mut issuers: Vec<(&str, usize)> = known.into_iter().collect();
    issuers.sort_by_key(|&(name, count)| (std::cmp::Reverse(count), name));
    issuers.truncate(ISSUERS);
    let mut names: Vec<&str> = issuers.into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names
}

/// The issuer's common name, or all of it.
fn issuer(facts: &CertificateFacts) -> &str {
    common_name(&facts.issuer)
}
