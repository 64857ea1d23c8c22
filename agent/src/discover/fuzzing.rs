//! Compose files that compose would not take.

use std::path::Path;

use super::compose;

/// One file.
pub fn compose(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = compose::read(text, Path::new("/fuzz/compose.yaml"));
}
