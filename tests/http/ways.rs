//! The same by two ways in.
