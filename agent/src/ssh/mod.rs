//! SSH as far as the host key: who a server says it is, and the proof that it is.
//!
//! Deliberately absent: everything after the key exchange. No user is ever named, nothing is
//! encrypted, and the secret agreed on is forgotten once the signature over it has been verified.

mod exchange;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod key;
mod packet;
mod refusal;
mod terms;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use exchange::{Failure, Met, meet};
pub use key::Fingerprint;
pub(crate) use key::{Family, HostKey};
pub(crate) use refusal::{TurnedAway, turned_away};
