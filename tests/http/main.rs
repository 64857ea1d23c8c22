//! HTTP end to end: the journey, the hop, and the cause.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its servers fails")]

mod ask;
mod cause;
mod compared;
mod expectations;
mod heartbeats;
mod journeys;
mod page;
mod scene;
mod signals;
mod sockets;
#[path = "../support/mod.rs"]
mod support;
mod ways;
