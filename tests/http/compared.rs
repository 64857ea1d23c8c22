//! The same requests beside curl.
