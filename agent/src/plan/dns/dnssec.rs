//! `dnssec`, `trust_anchor` and `expiring_within` of `[[dns]]`

use hickory_proto::rr::Name;

use crate::plan::notes::{At, Wrong};
use crate::plan::row::Row;
use crate::plan::tls;
use crate::probe::dns::dnssec::{Anchor, Mode, Policy, anchors_in_file};

/// What the plan wants of a zone's signatures.
pub(super) fn policy(row: &Row<'_>, zone: Option<&Name>) -> Policy {
    let mode = match row.choice("dnssec") {
        Some("signed") => Mode::Signed,
        Some("off") => Mode::Off,
        _ => Mode::Auto,
    };
    let texts = row.texts("trust_anchor").unwrap_or_default();
    let read = |text: &At<_>| row.understood("trust_anchor", text, |text| anchors(row, text));
    let trusted: Vec<Anchor> = texts.iter().filter_map(read).flat_map(|at| at.value).collect();
    if let Some(zone) = zone.filter(|zone| {
        !trusted.is_empty() && !trusted.iter().any(|anchor| anchor.zone().zone_of(zone))
    }) {
        let wrong = Wrong::new(format!("no trust anchor is for {zone} or for a zone above it"));
        row.note_key("trust_anchor", &row.span_of("trust_anchor"), wrong);
    }
    let trusted = trusted.into();
    let near_end = tls::expiring(row).unwrap_or(Policy::default().near_end);
    Policy { mode, trusted, near_end }
}

/// A record, or what a file holds.
fn anchors(row: &Row<'_>, text: &str) -> Result<Vec<Anchor>, Wrong> {
    if text.split_whitespace().count() > 1 {
        let wrong = |why| Wrong::new(format!("{text:?} is no trust anchor: {why}"));
        let help =
            "such as \"shop.example. DS 12345 13 2 …\", a DNSKEY record, or the path of a file";
        return text
            .parse::<Anchor>()
            .map(|anchor| vec![anchor])
            .map_err(|why| wrong(why).help(help));
    }
    let path = row.reading.path(text)?;
    let wrong = |why| {
        Wrong::new(format!("{} cannot be read as a trust anchor: {why}", path.display()))
            .help("DS or DNSKEY records as in a zone file, or BIND's trust-anchors")
    };
    let contents = row.reading.surroundings.text_file(&path).map_err(wrong)?;
    anchors_in_file(&contents).map_err(wrong)
}
