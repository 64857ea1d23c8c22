//! `dnssec`, `trust_anchor` and `expiring_within` of `[[dns]]`

use std::path::Path;

use crate::plan::notes::{At, Wrong};
use crate::plan::row::Row;
use crate::plan::tls;
use crate::probe::dns::dnssec::{Anchor, Mode, Policy, anchor_record, anchors_in_file};

/// Bytes of a file of anchors that are read: such a file has a few keys.
const LONGEST_FILE_BYTES: u64 = 256 * 1024;

/// What the plan wants of a zone's signatures.
pub(super) fn policy(row: &Row<'_>) -> Policy {
    let mode = match row.choice("dnssec") {
        Some("signed") => Mode::Signed,
        Some("off") => Mode::Off,
        _ => Mode::Auto,
    };
    let texts = row.texts("trust_anchor").unwrap_or_default();
    let read = |text: &At<_>| row.understood("trust_anchor", text, |text| anchors(row, text));
    let trusted = texts.iter().filter_map(read).flat_map(|at| at.value).collect();
    let near_end = tls::expiring(row).unwrap_or(Policy::default().near_end);
    Policy { mode, trusted, near_end }
}

/// A record, or what a file holds.
fn anchors(row: &Row<'_>, text: &str) -> Result<Vec<Anchor>, Wrong> {
    if text.split_whitespace().count() > 1 {
        let wrong = |why| Wrong::new(format!("{text:?} is no trust anchor: {why}"));
        let help = "such as \"shop.example. DS 12345 13 2 …\", a DNSKEY record, or the path of a file";
        return anchor_record(text).map(|anchor| vec![anchor]).map_err(|why| wrong(why).help(help));
    }
    let path = row.reading.path(text);
    let wrong = |why| {
        Wrong::new(format!("{} cannot be read as a trust anchor: {why}", path.display()))
            .help("DS or DNSKEY records as in a zone file, or BIND's trust-anchors")
    };
    contents(&path).and_then(|text| anchors_in_file(&text)).map_err(wrong)
}

fn contents(path: &Path) -> Result<String, String> {
    use std::io::Read;
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut text = String::new();
    file.take(LONGEST_FILE_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    Ok(text)
}
