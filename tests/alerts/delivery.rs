//! What arrives, when, and what happens when it does not.
