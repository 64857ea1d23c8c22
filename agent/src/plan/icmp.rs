//! `[[icmp]]`

use health::Kind;

use super::frame::{self, Pace};
use super::names::{Hosts, Names};
use super::row::Row;
use crate::probe::{self, icmp};

/// Reads one `[[icmp]]`.
pub(super) fn check(
    row: &Row<'_>,
    pace: &Pace,
    _hosts: &Hosts,
    names: &mut Names,
) -> Option<probe::Check> {
    let named = frame::named(row, names);
    let pace = pace.overridden(row);
    let frame = named.frame(&pace, Kind::Icmp, "", None)?;
    let spec = icmp::Spec {};
    Some(probe::Check { frame, spec: probe::Spec::Icmp(Box::new(spec)) })
}
