//! DNS, end to end: against real nameservers (Knot, NSD) and resolvers (unbound) on loopback.
//!
//! `observed` runs single probes in this process; everything else runs the real binary.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its servers fails")]
#![allow(unreachable_pub, reason = "modules of a test")]

#[path = "../support/mod.rs"]
mod support;

mod acme;
mod caches;
mod codes;
mod delegation;
mod hostile;
mod observed;
mod records;
mod resolvers;
mod roads;
mod scene;
mod servers;
mod watched;
mod wire;
