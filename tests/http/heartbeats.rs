//! Jobs that report by themselves.
