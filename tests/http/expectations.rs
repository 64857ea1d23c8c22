//! What is expected of an answer.
