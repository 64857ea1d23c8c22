//! What a job might print.

use health::text::is_deceptive;

use super::tail;

/// What is shown of it is short, and harmless on a terminal and on a page.
pub fn job(bytes: &[u8]) {
    for is_cut in [false, true] {
        if let Some(shown) = tail(bytes, is_cut) {
            assert!(shown.chars().count() <= 1001);
            assert!(!shown.chars().any(is_deceptive));
        }
    }
}
