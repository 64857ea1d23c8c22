//! The program: reads the plan, runs probes on a schedule, keeps the board, serves pages and
//! metrics, and hands notifications to `alerts`.
//!
//! Deliberately absent: rules. What a finding means, when a state changes and whom to tell is
//! decided in `health` and `alerts`, without I/O; this crate does the I/O around them.

pub mod authority;
pub mod board;
pub mod cli;
pub mod clock;
mod csv;
pub mod dead_man;
pub mod demo;
pub mod discover;
pub mod explain;
pub mod free_ports;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod housekeeping;
pub mod listeners;
pub mod main_loop;
pub mod metrics;
pub mod net;
pub mod nginx;
pub mod open_files;
mod patience;
pub mod plan;
pub mod plan_watch;
pub mod port_document;
pub mod port_report;
pub mod probe;
pub mod renewal;
pub mod rules;
pub mod run;
pub mod schedule;
pub mod server;
mod small_file;
pub mod ssh;
pub mod store;
pub mod supervisor;
pub mod tls;
pub mod token;
mod zone_plan;
