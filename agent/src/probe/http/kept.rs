//! What the first requests of all probes of one plan have in common, worked out at the first and
//! kept for those that follow. Deliberately absent: requests that redirects lead to.

use std::sync::{Arc, OnceLock};

use health::facts::RequestFacts;
use http::Version;

use super::Spec;
use super::ask::Ask;
use super::written::Written;
use crate::plan::Endpoint;

/// The first request of a spec, once it was needed. A copy begins without: it may yet be changed.
#[derive(Debug, Default)]
pub struct Kept(OnceLock<Arc<Prepared>>);

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
        self.0.get_or_init(prepare).clone()
    }
}
