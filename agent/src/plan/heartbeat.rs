//! `[[heartbeat]]`

use health::Kind;

use super::frame::{self, Pace};
use super::names::{Hosts, Names};
use super::row::Row;
use crate::probe::{self, heartbeat};

/// Reads one `[[heartbeat]]`.
pub(super) fn check(
    row: &Row<'_>,
    pace: &Pace,
    _hosts: &Hosts,
    names: &mut Names,
) -> Option<probe::Check> {
    let named = frame::named(row, names);
    let pace = pace.overridden(row);
    let frame = named.frame(&pace, Kind::Heartbeat, "", None)?;
    let spec = heartbeat::Spec {};
    Some(probe::Check { frame, spec: probe::Spec::Heartbeat(Box::new(spec)) })
}
