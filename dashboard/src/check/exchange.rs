//! What was asked and what came back, of the last bad look and of the last good one, side by side;
//! what differs is marked.

use health::facts::{Headers, HttpFacts, Role, VisitFacts};
use health::snapshot::{CheckStanding, Last};

/// Requests shown of one look.
const SHOWN: usize = 40;
/// Headers that are another every time, and tell nothing by that.
const VARYING: [&str; 14] = [
    "date",
    "age",
    "expires",
    "etag",
    "x-request-id",
    "x-correlation-id",
    "x-trace-id",
    "traceparent",
    "x-runtime",
    "x-response-time",
    "server-timing",
    "cf-ray",
    "sec-websocket-key",
    "sec-websocket-accept",
];

/// One look: the last bad one or the last good one.
pub(crate) struct Side<'a> {
    pub(crate) last: &'a Last,
    pub(crate) talks: Vec<Talk<'a>>,
    /// Requests that are left out.
    pub(crate) left: usize,
}

/// One request and what came of it.
pub(crate) struct Talk<'a> {
    /// Which one, of a look that made several.
    pub(crate) visit: Option<&'a VisitFacts>,
    pub(crate) http: Option<&'a HttpFacts>,
    /// Headers of the request, and of the answer.
    pub(crate) sent: Vec<Line<'a>>,
    pub(crate) headers: Vec<Line<'a>>,
    /// The body as it begins, line by line.
    pub(crate) excerpt: Option<String>,
    /// Shown without a click: what went wrong, or else where it ended.
    pub(crate) is_open: bool,
}

/// One header of a request or of an answer.
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a str,
    pub(crate) change: Change,
}

/// How a header compares with the other look's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Same,
    /// Another value, or not there at all, in the other look.
    Other,
    /// There in the other look, and missing here.
    Missing,
}

/// The last bad look first. Empty where nothing was asked over HTTP.
pub(crate) fn sides(standing: &CheckStanding) -> Vec<Side<'_>> {
    let both = [standing.last_failure(), standing.last_success()].map(|last| last.map(|it| &**it));
    let [failure, success] = both;
    let pairs = [(failure, success), (success, failure)];
    let sides = pairs.into_iter().filter_map(|(last, other)| Some(side(last?, other)));
    let mut sides: Vec<Side<'_>> = sides.filter(|side| !side.talks.is_empty()).collect();
    unfold(&mut sides);
    sides
}

/// Shows the request that failed without a click, and the same one beside it.
fn unfold(sides: &mut [Side<'_>]) {
    let mut shown: Option<&VisitFacts> = None;
    for side in sides {
        let talks = &mut side.talks;
        let same = shown.and_then(|shown| {
            talks.iter().position(|talk| talk.visit.is_some_and(|visit| is_same(visit, shown)))
        });
        let guilty = || talks.iter().position(|talk| talk.visit.is_some_and(has_failed));
        // Of several ways in, the one that visitors come by.
        let way = talks.first().and_then(|talk| talk.visit?.way.as_deref());
        let end = || {
            let is_of_it = |talk: &Talk<'_>| talk.visit.is_none_or(|it| it.way.as_deref() == way);
            talks.iter().rposition(|talk| talk.http.is_some() && is_of_it(talk))
        };
        if let Some(talk) = same.or_else(guilty).or_else(end).and_then(|at| talks.get_mut(at)) {
            talk.is_open = true;
            shown = shown.or(talk.visit);
        }
    }
}

fn has_failed(visit: &VisitFacts) -> bool {
    !visit.codes.is_empty() || (visit.failure.is_some() && !visit.took.is_zero())
}

fn is_same(one: &VisitFacts, other: &VisitFacts) -> bool {
    one.role == other.role && one.name == other.name && one.way == other.way
}

fn side<'a>(last: &'a Last, other: Option<&'a Last>) -> Side<'a> {
    let visits = &last.facts.visits;
    let talks = if visits.is_empty() {
        let twin = other.and_then(|other| other.facts.http.as_deref());
        last.facts.http.as_deref().map(|http| talk(None, Some(http), twin)).into_iter().collect()
    } else {
        let twin = |visit| other.and_then(|other| twin(visit, other));
        let shown = told(visits).take(SHOWN);
        shown.map(|it| talk(Some(it), it.http.as_deref(), twin(it))).collect()
    };
    Side { last, talks, left: told(visits).count().saturating_sub(SHOWN) }
}

/// Requests whose words are known: of an upstream nothing is kept but how it is, and the waterfall has
/// that.
fn told(visits: &[VisitFacts]) -> impl Iterator<Item = &VisitFacts> {
    visits.iter().filter(|visit| visit.role != Role::Upstream)
}

/// The same request in the other look, which may have made no other one.
fn twin<'a>(visit: &VisitFacts, other: &'a Last) -> Option<&'a HttpFacts> {
    if other.facts.visits.is_empty() {
        let url = &visit.http.as_ref()?.url;
        return other.facts.http.as_deref().filter(|http| http.url == *url);
    }
    other.facts.visits.iter().find(|other| is_same(visit, other))?.http.as_deref()
}

fn talk<'a>(
    visit: Option<&'a VisitFacts>,
    http: Option<&'a HttpFacts>,
    twin: Option<&'a HttpFacts>,
) -> Talk<'a> {
    let excerpt = http.and_then(|http| http.excerpt.as_deref()).map(|excerpt| {
        // Line ends are kept as they are written in a program, so that an excerpt is one line.
        excerpt.replace("\\r", "").replace("\\n", "\n").replace("\\t", "\t")
    });
    let headers = http.map(|http| compared(&http.headers, twin.map(|twin| &twin.headers)));
    let asked = |http: Option<&'a HttpFacts>| Some(&http?.request.as_ref()?.headers);
    let sent = asked(http).map(|sent| compared(sent, asked(twin))).unwrap_or_default();
    Talk { visit, http, sent, headers: headers.unwrap_or_default(), excerpt, is_open: false }
}

/// Headers, each held against those of the same message in the other look, if there was one.
fn compared<'a>(own: &'a Headers, other: Option<&'a Headers>) -> Vec<Line<'a>> {
    let varies = |name: &str| VARYING.contains(&name);
    let mut lines: Vec<Line<'a>> = own
        .iter()
        .map(|(name, value)| {
            let is_same = varies(name)
                || other.is_none_or(|other| other.iter().any(|it| it == (name, value)));
            let change = if is_same { Change::Same } else { Change::Other };
            Line { name, value, change }
        })
        .collect();
    let missing = other
        .into_iter()
        .flat_map(Headers::iter)
        .filter(|(name, _)| !varies(name) && !own.iter().any(|(known, _)| known == *name));
    lines.extend(missing.map(|(name, value)| Line { name, value, change: Change::Missing }));
    lines
}

impl Talk<'_> {
    /// `POST`, where the request is known.
    pub(crate) fn method(&self) -> &str {
        let request = self.http.and_then(|http| http.request.as_ref());
        request.map_or("GET", |request| &*request.method)
    }

    /// The command that asks the same by hand.
    pub(crate) fn by_hand(&self) -> Option<&str> {
        let request = self.http?.request.as_ref()?;
        (!request.by_hand.is_empty()).then_some(&*request.by_hand)
    }
}

impl Line<'_> {
    pub(crate) fn class(&self) -> &'static str {
        match self.change {
            Change::Same => "",
            Change::Other => "differs",
            Change::Missing => "missing",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use health::{Code, Facts, Phases};
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn headers_that_differ_or_are_missing_are_marked() {
        let own = Headers::from_iter([
            ("date", "now"),
            ("server", "nginx"),
            ("content-type", "text/html"),
        ]);
        let other = Headers::from_iter([
            ("date", "then"),
            ("server", "nginx"),
            ("content-type", "application/json"),
            ("strict-transport-security", "max-age=1"),
            ("etag", "\"x\""),
        ]);
        let told = |own, other| -> Vec<(String, Change)> {
            let lines = compared(own, other).into_iter();
            lines.map(|line| (line.name.to_owned(), line.change)).collect()
        };
        assert_eq!(
            told(&own, Some(&other)),
            [
                ("date".to_owned(), Change::Same),
                ("server".to_owned(), Change::Same),
                ("content-type".to_owned(), Change::Other),
                ("strict-transport-security".to_owned(), Change::Missing),
            ]
        );
        assert!(told(&own, None).iter().all(|(_, change)| *change == Change::Same));
    }

    #[test]
    fn a_request_alone_is_held_against_the_same_one_among_others() {
        let answer = |status, header| HttpFacts {
            status: Some(status),
            url: "https://shop.example/".into(),
            headers: Headers::from_iter([("server", header)]),
            ..HttpFacts::default()
        };
        let visit = |role, http| VisitFacts {
            role,
            name: "https://shop.example/".into(),
            way: None,
            begun: Duration::ZERO,
            took: Duration::from_millis(1),
            phases: Phases::default(),
            address: None,
            http: Some(Box::new(http)),
            codes: vec![Code::HttpBadGateway],
            failure: None,
        };
        let last = |success, http: HttpFacts, visits| Last {
            at: Timestamp::UNIX_EPOCH,
            duration: Duration::from_millis(1),
            phases: Phases::default(),
            facts: Facts { http: Some(Box::new(http)), visits, ..Facts::default() },
            findings: Vec::new(),
            success,
        };
        let refused = HttpFacts { status: Some(502), ..HttpFacts::default() };
        let bad = answer(502, "proxy");
        let visits = vec![visit(Role::Way, bad.clone()), visit(Role::Upstream, refused)];
        let (bad, good) = (last(false, bad, visits), last(true, answer(200, "app"), Vec::new()));
        let ways = ["outer", "app"].map(|way| VisitFacts {
            way: Some(way.into()),
            name: way.into(),
            codes: Vec::new(),
            ..visit(Role::Way, answer(200, way))
        });
        let differing = last(false, answer(200, "outer"), ways.to_vec());
        let mut differing = [side(&differing, None)];
        unfold(&mut differing);
        let open: Vec<bool> = differing[0].talks.iter().map(|talk| talk.is_open).collect();
        assert_eq!(open, [true, false], "the way that visitors come by is shown");

        let (bad, good) = (side(&bad, Some(&good)), side(&good, Some(&bad)));
        // Of an upstream there is nothing to be shown but what the waterfall shows.
        assert_eq!((bad.talks.len(), good.talks.len(), bad.left), (1, 1, 0));
        for talk in [&bad.talks[0], &good.talks[0]] {
            assert_eq!(talk.headers[0].change, Change::Other);
        }
    }
}
