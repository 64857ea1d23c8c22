//! `[[udp]]`

use health::Kind;

use super::frame::{self, Pace};
use super::names::{Hosts, Names};
use super::row::Row;
use crate::probe::{self, udp};

/// Reads one `[[udp]]`.
pub(super) fn check(
    row: &Row<'_>,
    pace: &Pace,
    _hosts: &Hosts,
    names: &mut Names,
) -> Option<probe::Check> {
    let named = frame::named(row, names);
    let pace = pace.overridden(row);
    let frame = named.frame(&pace, Kind::Udp, "", None)?;
    let spec = udp::Spec {};
    Some(probe::Check { frame, spec: probe::Spec::Udp(Box::new(spec)) })
}
