//! One request over HTTP/2 whose answer has trailers, as a gRPC call has: with TLS, or in plain by
//! prior knowledge (RFC 9113 section 3.3).
//!
//! Deliberately absent: redirects, which nobody follows there, and what the answer means.

use std::sync::Arc;

use health::facts::{HttpFacts, RequestFacts};
use http::{HeaderMap, StatusCode};

use super::arrival::{Arrived, arrive};
use super::ask::Ask;
use super::exchange::{Answer, Appetite, exchange};
use super::visit::{self, Failed};
use super::{EXCERPT_CHARS, Spec, scrubbed};
use crate::net::{Net, printable};
use crate::probe::{Sight, Stopwatch};

const APPETITE: Appetite =
    Appetite { cap_bytes: 64 * 1024, keep_bytes: 4096, skip_redirects: false };

/// An answer.
#[derive(Debug)]
pub(crate) struct Called {
    /// Facts and findings so far.
    pub(crate) sight: Sight,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// What followed the body.
    pub(crate) trailers: HeaderMap,
    /// Its beginning.
    pub(crate) body: Vec<u8>,
    /// The address dialled, and the name it stands for.
    pub(crate) peer: String,
}

/// None.
#[derive(Debug)]
pub(crate) struct Uncalled {
    /// Facts, and why.
    pub(crate) sight: Sight,
    /// What came instead began like HTTP/1.
    pub(crate) speaks_http1: bool,
}

/// Asks what the spec says, which has to be over HTTP/2; `by_hand` is a command that asks the same.
///
/// # Errors
/// What was seen instead, with its finding.
pub(crate) async fn call(
    spec: &Spec,
    by_hand: &str,
    net: &Net,
    watch: &mut Stopwatch,
) -> Result<Box<Called>, Box<Uncalled>> {
    let ask = Ask::planned(spec);
    let request = RequestFacts { by_hand: by_hand.to_owned(), ..ask.described(spec) };
    let request = Some(Arc::new(request));
    let mut sight = Sight::default();
    let came = match arrive(spec, &ask, net, watch, &mut sight).await {
        Ok(Arrived { wire, question, guard, .. }) => {
            let came = exchange(wire, question, APPETITE, watch).await;
            came.map_err(|broken| visit::failed(guard, broken, spec, &ask, &sight.facts))
        }
        Err(failed) => Err(failed),
    };
    let (answer, broken) = match came {
        Ok(mut answer) => match answer.broken.take() {
            // What it says of itself is said before its end.
            Some(broken) if answer.status == StatusCode::OK => (Some(answer), Some(broken)),
            _ => (Some(answer), None),
        },
        Err(Failed::Before(finding)) => {
            sight.findings.push(*finding);
            (None, None)
        }
        Err(Failed::Asking(broken)) => (None, Some(broken)),
    };
    let mut facts = match &answer {
        Some(answer) => super::facts(spec, &ask, answer, Vec::new()),
        None => HttpFacts { url: spec.shown.clone(), ..HttpFacts::default() },
    };
    facts.request = request;
    let speaks_http1 = broken.as_ref().is_some_and(|broken| broken.first.starts_with(b"HTTP/1."));
    if let Some(broken) = broken {
        let asked = visit::asked(spec, &ask, &sight.facts, watch.timeout());
        sight.findings.push(broken.into_finding(&asked).evidence("by_hand", by_hand));
        return Err(Box::new(Uncalled { sight: scrubbed(spec, sight, facts), speaks_http1 }));
    }
    let Some(Answer { status, headers, mut body, .. }) = answer else {
        return Err(Box::new(Uncalled { sight: scrubbed(spec, sight, facts), speaks_http1 }));
    };
    facts.excerpt = Some(printable(&body.kept, EXCERPT_CHARS)).filter(|text| !text.is_empty());
    let trailers = body.trailers.take().map_or_else(HeaderMap::new, |trailers| *trailers);
    let peer = visit::peer(spec, &ask, &sight.facts);
    let sight = scrubbed(spec, sight, facts);
    Ok(Box::new(Called { sight, status, headers, trailers, body: body.kept, peer }))
}
