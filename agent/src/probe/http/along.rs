//! Cookies on the way from one request to the answer that is judged.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue, Uri};

use super::ask::Ask;
use super::jar::{Jar, Visit};

/// The jar that goes along, if one does, and what the plan itself sends as Cookie.
#[derive(Debug)]
pub(super) struct Along<'j> {
    jar: Option<&'j mut Jar>,
    planned: Option<HeaderValue>,
}

impl<'j> Along<'j> {
    pub(super) fn new(jar: Option<&'j mut Jar>, first: &Ask) -> Self {
        Self { jar, planned: first.headers.get(COOKIE).cloned() }
    }

    pub(super) fn jar(&self) -> Option<&Jar> {
        self.jar.as_deref()
    }

    /// The request with the cookies that belong to it.
    pub(super) fn dressed(&mut self, mut ask: Ask) -> Ask {
        let Some(jar) = &mut self.jar else { return ask };
        // What a redirect took away, because it leads to others, does not come back.
        if ask.headers.remove(COOKIE).is_none() {
            self.planned = None;
        }
        let visit = Visit { url: &ask.url, method: &ask.method };
        let now = crate::clock::now();
        jar.asks(visit, now);
        if let Some(value) = jar.header(visit, self.planned.as_ref(), now) {
            ask.headers.insert(COOKIE, value);
            ask.prepared = None;
        }
        jar.asked(&ask);
        ask
    }

    /// Takes in what an answer sets.
    pub(super) fn take(&mut self, url: &Uri, headers: &HeaderMap) {
        if let Some(jar) = &mut self.jar {
            jar.take(url, headers, crate::clock::now());
        }
    }

    /// It is the same request again: whoever brings other cookies along may be led elsewhere.
    pub(super) fn is_again(&self, earlier: &Ask, next: &Ask) -> bool {
        earlier.url == next.url
            && earlier.method == next.method
            && (self.jar.is_none() || earlier.headers.get(COOKIE) == next.headers.get(COOKIE))
    }
}
