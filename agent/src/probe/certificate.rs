//! Certificate files: what lies on disk.

use std::path::PathBuf;

use jiff::Timestamp;

use super::{Sight, Stopwatch};
use crate::tls::Expiring;

/// `[[certificate]]` after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Absolute path, or a glob of them.
    pub path: String,
    /// The key; default: `privkey.pem` beside a `fullchain.pem` or `cert.pem`, or the same name
    /// with `.key`, if that exists, or a key within the file itself.
    pub key: Option<PathBuf>,
    /// When its end is near.
    pub expiring: Expiring,
}

/// Runs one probe.
pub async fn observe(spec: &Spec, watch: &mut Stopwatch, now: Timestamp) -> Sight {
    let _ = (spec, watch, now);
    todo!()
}
