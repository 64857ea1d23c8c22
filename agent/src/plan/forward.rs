//! `[[forward]]`

use health::Kind;

use super::frame::{self, Pace};
use super::names::{Hosts, Names};
use super::notes::Wrong;
use super::row::Row;
use super::values;
use crate::probe::forward::{SeenFrom, Spec, Tongue};
use crate::probe::{self};

/// Reads one `[[forward]]`.
pub(super) fn check(
    row: &Row<'_>,
    pace: &Pace,
    hosts: &Hosts,
    names: &mut Names,
) -> Option<probe::Check> {
    let named = frame::named(row, names);
    let pace = pace.overridden(row);
    let written = row.need("from", row.text("from"));
    let from = written.as_ref().and_then(|text| frame::endpoint(row, "from", text, hosts, None));
    let inner = row.need("to", row.text("to"));
    let to = inner.as_ref().and_then(|text| frame::endpoint(row, "to", text, hosts, None));
    if let (Some(from), Some(to), Some(inner)) = (&from, &to, &inner)
        && from.endpoint == to.endpoint
    {
        let wrong = Wrong::new("it leads to where it begins")
            .help("`from` is the outer side, `to` the inner one");
        row.note_key("to", &inner.span, wrong);
    }
    // From loopback only loopback can be dialled: such a source stands for this machine.
    let target = from.as_ref().map(|from| &from.endpoint.host);
    let source = match row.parsed("source", values::ip) {
        Some(source) if source.value.is_loopback() => Some(source.value),
        Some(_) => frame::source(row, target),
        None => None,
    };
    let seen_from = row.choice("seen_from").map(|side| match side {
        "inside" => SeenFrom::Inside,
        _ => SeenFrom::Outside,
    });
    let speaks = row.choice("speaks").and_then(Tongue::named);
    let roots = pace.roots(row);
    let (written, from, to) = (written?, from?, to?);
    let frame = named.frame(&pace, Kind::Forward, written.value, to.owner)?;
    let (from, to) = (from.endpoint, to.endpoint);
    let spec = Spec { from, to, source, seen_from, speaks, roots: roots? };
    Some(probe::Check { frame, spec: probe::Spec::Forward(Box::new(spec)) })
}
