//! `[[icmp]]`

use std::time::Duration;

use health::Kind;

use super::frame::{self, Pace};
use super::names::{Hosts, Names};
use super::notes::Wrong;
use super::row::Row;
use super::values;
use crate::probe::{self, icmp};
use crate::tls::Remaining;

/// Requests of a probe, and the time between two.
const USUAL: (u32, Duration) = (3, Duration::from_millis(200));
/// Bounds of the time between two.
const GAPS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(10));
/// The share that may be lost where the plan says none.
const USUAL_LOSS: f64 = 0.5;

/// Reads one `[[icmp]]`.
pub(super) fn check(
    row: &Row<'_>,
    pace: &Pace,
    hosts: &Hosts,
    names: &mut Names,
) -> Option<probe::Check> {
    let named = frame::named(row, names);
    let pace = pace.overridden(row);
    let address = row.need("address", row.text("address"));
    let target = address.as_ref().and_then(|text| {
        let target = hosts.target(text.value);
        target.map_err(|wrong| row.note_key("address", &text.span, wrong)).ok()
    });
    let source = frame::source(row, target.as_ref());
    let count = row.whole("count").and_then(|at| u32::try_from(at.value).ok()).unwrap_or(USUAL.0);
    let gap = row.parsed("gap", |text| values::duration_within(text, GAPS, "from 10ms to 10s"));
    let gap = gap.map_or(USUAL.1, |at| at.value);
    if gap * (count - 1) >= pace.timeout {
        let wrong =
            Wrong::new(format!("{count} requests, {gap:?} apart, do not fit into the timeout"))
                .help(format!(
                    "fewer, closer together, or a longer `timeout` than {:?}",
                    pace.timeout
                ));
        row.note(&row.span_of("count"), wrong);
    }
    let expect = row.row("expect");
    let within = expect.as_ref().and_then(|row| row.parsed("within", values::duration));
    let loss = expect.as_ref().and_then(|row| row.parsed("loss", share));
    let (address, target) = (address?, target?);
    let owner = hosts.owner(address.value, &target);
    let frame = named.frame(&pace, Kind::Icmp, address.value, owner)?;
    let spec = icmp::Spec {
        target,
        source,
        count,
        gap,
        within: within.map(|at| at.value),
        loss: loss.map_or(USUAL_LOSS, |at| at.value),
    };
    Some(probe::Check { frame, spec: probe::Spec::Icmp(Box::new(spec)) })
}

/// A share that may be lost; nothing may be, too.
fn share(text: &str) -> Result<f64, Wrong> {
    if text == "0%" {
        return Ok(0.0);
    }
    match values::remaining(text) {
        Ok(Remaining::Share(share)) if share < 1.0 => Ok(share),
        _ => Err(Wrong::new(format!("{text:?} is not a share that may be lost"))
            .help("from \"0%\" to below \"100%\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        assert_eq!(share("0%"), Ok(0.0));
        assert_eq!(share("34%"), Ok(0.34));
        for text in ["100%", "0", "21d", "-1%", ""] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
