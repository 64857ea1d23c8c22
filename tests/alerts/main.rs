//! Who is told of what, when, and when not: end to end, with the real binary, real receivers where
//! Debian has them, and stand-ins that check what they are sent where a service is somebody's cloud.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its servers fails")]

mod chat;
mod delivery;
mod engine;
mod mail;
mod page;
mod rules;
#[path = "../support/mod.rs"]
mod support;
