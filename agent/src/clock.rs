//! What time is it: the one place that reads the wall clock and the monotonic clock.

use jiff::Timestamp;
use std::time::Instant;

/// The wall clock, UTC.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the place that may")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// The monotonic clock. Does not jump when the wall clock is set.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the place that may")]
pub fn monotonic() -> Instant {
    Instant::now()
}
