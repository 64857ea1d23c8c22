//! Key exchanges that mean harm.

use super::exchange::{farewell, fields};
use super::key::{Family, HostKey};
use super::terms::agree;
use super::{Fingerprint, turned_away};

/// The messages of a key exchange, each as if it were the whole.
pub fn ssh(bytes: &[u8]) {
    if let Ok(terms) = agree(bytes, &Family::ALL) {
        assert!(!terms.families.is_empty());
    }
    let _ = fields(bytes);
    let _ = farewell(bytes);
    let _ = turned_away(bytes);
    if let Some(key) = HostKey::parse(bytes) {
        let _ = key.can_be_verified();
        for algorithm in key.family.algorithms() {
            let _ = key.has_signed(b"message", algorithm, bytes);
        }
        assert_eq!(Fingerprint::parse(&key.fingerprint.to_string()), Some(key.fingerprint));
    }
    let _ = std::str::from_utf8(bytes).map(Fingerprint::parse);
}
