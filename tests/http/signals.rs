//! Echo requests and datagrams.
