//! Ports that are free and the page that says whose the others are: the real binary against real
//! sockets and real files.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its sockets fails")]

#[path = "../support/mod.rs"]
mod support;

mod document;
mod free;
mod import;
