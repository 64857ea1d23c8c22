//! What a probe says of a real server.
