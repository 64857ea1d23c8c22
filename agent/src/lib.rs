//! The program: reads the plan, runs probes on a schedule, keeps the board, serves pages and
//! metrics, and hands notifications to `alerts`.
//!
//! Deliberately absent: rules. What a finding means, when a state changes and whom to tell is
//! decided in `health` and `alerts`, without I/O; this crate does the I/O around them.

pub mod board;
pub mod clock;
pub mod explain;
pub mod listeners;
pub mod metrics;
pub mod net;
pub mod plan;
pub mod port_report;
pub mod probe;
pub mod schedule;
pub mod store;
pub mod tls;
