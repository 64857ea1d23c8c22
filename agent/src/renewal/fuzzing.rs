//! Files and logs of renewers, as no renewer writes them.

use std::path::Path;

use jiff::Timestamp;

use super::acme_sh::{self, Kept};
use super::certbot::{self, Lineage};
use super::certbot_log;
use super::tries::{LONGEST, Outcome, Try};

/// A file, a log and a path of either renewer's.
pub fn renewer(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let lineage = Lineage::read("shop.example", &text);
    let _ = (lineage.setting(), lineage.obstacle());
    let _ = certbot::file_about(Path::new(&*text));
    if let Some(kept) = Kept::read(&text) {
        assert!(!kept.name.is_empty());
        let _ = kept.setting(Timestamp::MAX);
    }
    let _ = acme_sh::log_named_in(&text);
    let certbots = certbot_log::tries(&text, Some(Timestamp::MIN));
    for last in certbots.into_values().chain(acme_sh::tries(&text).into_values()) {
        if let Try { outcome: Outcome::Failed(words, _), .. } = last {
            assert!(words.chars().count() <= LONGEST + 1, "{words}");
        }
    }
}
