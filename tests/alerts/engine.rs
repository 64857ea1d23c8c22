//! Maintenance, silences, flapping and escalation.
