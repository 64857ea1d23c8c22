//! Certificates end to end: what is served, what is stored, and whether the next renewal will come.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its servers fails")]

mod acme;
mod ca;
mod chain;
mod files;
mod hostile;
mod places;
mod renewal;
#[path = "../support/mod.rs"]
mod support;
mod wire;
