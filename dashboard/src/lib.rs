//! Snapshot → HTML, pure.
