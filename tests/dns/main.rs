//! DNS, end to end: against real nameservers (Knot, NSD) and resolvers (unbound) on loopback.
//!
//! `observed` runs single probes in this process; everything else runs the real binary.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its servers fails")]
#![allow(unreachable_pub, reason = "modules of a test")]

#[path = "../support/mod.rs"]
mod support;

mod acme;
mod caa;
mod caches;
mod codes;
mod compared;
mod delegation;
mod dnssec;
mod hostile;
mod observed;
mod page;
mod plan_help;
mod records;
mod resolvers;
mod roads;
mod scene;
mod servers;
mod wait;
mod watched;
mod wire;
