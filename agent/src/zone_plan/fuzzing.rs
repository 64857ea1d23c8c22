//! Zone files that no server would load.

use std::path::Path;

use hickory_proto::rr::Name;

use super::{Draft, read, text};
use crate::plan;

/// A zone file of a zone whose name is known or not, as the first byte says: what is read makes a plan
/// that is accepted, and a mistake has a line of the file.
pub fn zone_file(bytes: &[u8]) {
    let Some((&pick, rest)) = bytes.split_first() else { return };
    let Ok(zone) = Name::from_ascii("shop.example.") else { return };
    let text = text(rest);
    match read(&text, (pick & 1 == 1).then_some(&zone)) {
        Ok((zone, held)) => {
            let is_plan = |text: &str| {
                plan::parse(text, Path::new("fuzz"), Path::new("/"), &plan::ThisMachine).is_ok()
            };
            let draft = |held| Draft::of(&zone, held).write("fuzz", &[], &[]);
            // A zone whose name a plan cannot hold is refused before.
            if is_plan(&draft(Vec::new())) {
                let draft = draft(held);
                assert!(is_plan(&draft), "{draft}");
            }
        }
        Err(mistake) => assert!(mistake.line <= text.lines().count(), "{mistake}"),
    }
}
