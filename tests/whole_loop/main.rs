//! From probes.toml to a page, a scrape and a webhook: the real binary against real servers.
//!
//! Each test breaks something, waits for the finding, the incident and the signed message, heals
//! it and waits until all of that is over. Deliberately absent: kills and restarts of the agent
//! itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its servers fails")]

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod first_run;
mod forwards;
mod hostile;
mod https;
mod listeners;
mod outage;
mod ports;
mod reload;
mod renewal;
mod ssh;
mod tenures;
mod zone;
