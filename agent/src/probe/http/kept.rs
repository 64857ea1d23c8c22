//! What the first requests of all probes of one plan have in common, worked out at the first and
//! kept for those that follow. Deliberately absent: requests that redirects lead to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use health::facts::RequestFacts;
use http::Version;

use super::Spec;
use super::ask::Ask;
use super::exchange::{Answer, Broken, Question};
use super::written::Written;
use crate::plan::Endpoint;

/// The first request of a spec, once it was needed. A copy begins without: it may yet be changed.
#[derive(Debug, Default)]
pub struct Kept {
    first: OnceLock<Arc<Prepared>>,
    /// An answer was followed by bytes that nobody announced. Whether they come with it or a moment
    /// later is chance: from then on they are waited for, so that what is said of it stays the same.
    was_surplus: AtomicBool,
}

impl Clone for Kept {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// A first request, ready to be sent.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) endpoint: Endpoint,
    /// As it goes over the wire with HTTP/1.1.
    pub(super) written: Written,
    /// For people.
    pub(super) facts: Arc<RequestFacts>,
}

impl Kept {
    pub(super) fn prepared(&self, spec: &Spec) -> Arc<Prepared> {
        let prepare = || {
            let ask = Ask::planned(spec);
            let written = Written::of(&ask.request(Version::HTTP_11));
            let facts = Arc::new(ask.described(spec));
            Arc::new(Prepared { endpoint: ask.endpoint(spec), written, facts })
        };
        self.first.get_or_init(prepare).clone()
    }

    /// The same question, to be listened after where that is called for.
    pub(super) fn listening(&self, question: impl Into<Question>) -> Question {
        let mut question = question.into();
        if let Question::Http1(written) = &mut question {
            written.is_listened_after = self.was_surplus.load(Ordering::Relaxed);
        }
        question
    }

    /// The same answer, remembered for what came after it.
    pub(super) fn noted(&self, answer: Result<Answer, Broken>) -> Result<Answer, Broken> {
        if let Ok(Answer { broken: Some(broken), .. }) = &answer
            && broken.is_surplus()
        {
            self.was_surplus.store(true, Ordering::Relaxed);
        }
        answer
    }
}
