//! Browsers that have given the token: kept in memory, few, and not for ever.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use ring::digest::{SHA256, digest};

/// How long somebody stays logged in.
pub(super) const SESSION_FOR: SignedDuration = SignedDuration::from_hours(12);
/// More at once end those that would end first.
const MOST: usize = 64;

/// Somebody who is logged in.
#[derive(Clone)]
pub(in crate::server) struct Session {
    /// Who, as they said.
    pub(in crate::server) name: Arc<str>,
    /// What each form has to carry: a page somewhere else cannot know it.
    pub(in crate::server) csrf: Arc<str>,
    until: Timestamp,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Everybody who is logged in, by the digest of what their cookie holds.
#[derive(Debug, Default)]
pub(super) struct Sessions(HashMap<[u8; 32], Session>);

impl Sessions {
    pub(super) fn open(&mut self, id: &str, name: &str, csrf: String, now: Timestamp) {
        self.0.retain(|_, session| now < session.until);
        while self.0.len() >= MOST {
            let first = self.0.iter().min_by_key(|(_, session)| session.until);
            let Some(first) = first.map(|(id, _)| *id) else { break };
            self.0.remove(&first);
        }
        let session = Session { name: name.into(), csrf: csrf.into(), until: now + SESSION_FOR };
        self.0.insert(key(id), session);
    }

    pub(super) fn find(&self, id: &str, now: Timestamp) -> Option<Session> {
        self.0.get(&key(id)).filter(|session| now < session.until).cloned()
    }

    pub(super) fn end(&mut self, id: &str) {
        self.0.remove(&key(id));
    }
}

fn key(id: &str) -> [u8; 32] {
    let mut key = [0; 32];
    key.copy_from_slice(digest(&SHA256, id.as_bytes()).as_ref());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_more_than_fit() {
        let mut sessions = Sessions::default();
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        for n in 0..100 {
            sessions.open(&n.to_string(), "", String::new(), at(n));
        }
        assert_eq!(sessions.0.len(), MOST);
        assert!(sessions.find("35", at(100)).is_none());
        assert!(sessions.find("36", at(100)).is_some());
    }
}
