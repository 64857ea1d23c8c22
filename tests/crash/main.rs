//! What survives: kill -9 at the worst moments, SIGTERM, a disk that takes nothing more.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its servers fails")]

mod ending;
mod kill;
mod lack;
#[path = "../support/mod.rs"]
mod support;
mod target;
mod telling;
