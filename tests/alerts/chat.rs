//! Chat services.
