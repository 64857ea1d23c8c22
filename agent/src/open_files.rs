//! Room for as many sockets as the system grants: every probe under way holds at least one.
//! Deliberately absent: more than an administrator granted (the hard limit).

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit on open files from the soft one, often 1024, to the hard one. Out of files, a probe
/// cannot look.
pub fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        tracing::warn!(%error, ?limit, "the limit on open files stays");
    }
}
