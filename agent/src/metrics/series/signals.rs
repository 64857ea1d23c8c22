//! Echo requests, and jobs that report by themselves.

use std::fmt::Error;

use health::Snapshot;

use super::{Out, labels, looked_at, seconds, with};

impl Out<'_> {
    pub(super) fn signals(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let mut gauges = self.family(
            "probe_icmp_duration_seconds",
            "Mean round trip of the last probe's echo requests",
        )?;
        for (standing, last) in looked_at(snapshot) {
            let spread = last.facts.icmp.as_deref().and_then(|seen| seen.spread_seconds());
            if let Some((_, mean, _)) = spread {
                gauges.put(&with(labels(standing), [("phase", "rtt")]), mean)?;
            }
        }
        self.per_check(
            snapshot,
            "portwarden_icmp_loss_ratio",
            "Share of the last probe's echo requests that got no reply, from 0 to 1",
            |_, last| Some(last.facts.icmp.as_deref()?.loss()),
        )?;
        self.per_check(
            snapshot,
            "portwarden_heartbeat_success_timestamp_seconds",
            "When a job last reported that it went well",
            |_, last| Some(seconds(last.facts.heartbeat.as_deref()?.succeeded_at?)),
        )?;
        self.per_check(
            snapshot,
            "portwarden_heartbeat_missed_timestamp_seconds",
            "From when on a job counts as missed unless it calls",
            |_, last| Some(seconds(last.facts.heartbeat.as_deref()?.missed_at?)),
        )
    }
}
