//! `/metrics`: counters of the agent's own work, and everything else read from the snapshot at
//! the moment of the scrape. Deliberately absent: series kept beside the snapshot, which could
//! disagree with the pages.

mod exposition;
mod process;
mod queries;
mod series;
mod vocabulary;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use health::facts::DnsFacts;
use health::{Kind, Severity, Snapshot};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

pub use exposition::Format;
pub(crate) use series::bounded;
pub use vocabulary::Vocabulary;

use vocabulary::Spoken;

/// Everything `/metrics` shows.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Counters that the loop and the deliveries add to.
    pub counters: Counters,
}

/// Counters of the agent's own work. Cheap to clone: clones count together.
#[derive(Clone, Debug)]
pub struct Counters {
    probes: Family<ProbeLabels, Counter>,
    incidents: Family<SeverityLabels, Counter>,
    notifications: Family<DeliveryLabels, Counter>,
    lag: Histogram,
    /// Turns skipped because the check was still running.
    skipped: Counter,
    /// Turns that waited because the bound on probes in flight was reached.
    deferred: Counter,
    /// Observations that the store could not keep up with.
    samples_dropped: Counter,
    queries: queries::Queries,
    /// Names of other exporters that are written too.
    spoken: Spoken,
    /// Probes running now.
    pub in_flight: Gauge,
    /// The bound on them.
    pub in_flight_limit: Gauge,
    /// Notifications not yet delivered.
    outbox_pending: Gauge,
    /// 1 while the store takes writes.
    pub store_up: Gauge,
    /// 1 when the last reading of the plan succeeded.
    pub reload_successful: Gauge,
    /// When the running plan was loaded.
    pub reload_seconds: Gauge<f64, AtomicU64>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ProbeLabels {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SeverityLabels {
    severity: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DeliveryLabels {
    receiver: String,
    outcome: &'static str,
}

/// How a probe ended, as `portwarden_probes_total` counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeOutcome {
    /// Nothing worse than a notice.
    Success,
    /// At least a warning.
    Failure,
    /// It crashed.
    Panic,
}

impl ProbeOutcome {
    const fn label(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Panic => "panic",
        }
    }
}

impl Default for Counters {
    fn default() -> Self {
        let buckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
        let counters = Self {
            probes: Family::default(),
            incidents: Family::default(),
            notifications: Family::default(),
            lag: Histogram::new(buckets),
            skipped: Counter::default(),
            deferred: Counter::default(),
            samples_dropped: Counter::default(),
            queries: queries::Queries::default(),
            spoken: Spoken::default(),
            in_flight: Gauge::<i64, AtomicI64>::default(),
            in_flight_limit: Gauge::default(),
            outbox_pending: Gauge::default(),
            store_up: Gauge::default(),
            reload_successful: Gauge::default(),
            reload_seconds: Gauge::default(),
        };
        // Known label values count from zero, so that the first increase is seen by rate().
        for kind in Kind::ALL {
            for outcome in [ProbeOutcome::Success, ProbeOutcome::Failure] {
                counters.probe_cell(*kind, outcome);
            }
        }
        for severity in [Severity::Warning, Severity::Critical] {
            let _ =
                counters.incidents.get_or_create(&SeverityLabels { severity: severity.label() });
        }
        counters
    }
}

impl Counters {
    /// Counts one probe.
    pub fn probe(&self, kind: Kind, outcome: ProbeOutcome) {
        self.probe_cell(kind, outcome).inc();
    }

    /// Counts the questions of one dns probe.
    pub fn dns_queries(&self, check: &Arc<str>, dns: &DnsFacts) {
        self.queries.add(check, dns);
    }

    /// Forgets counters that speak of single checks: a new plan may be without them. From now on the
    /// names of these exporters are written too.
    pub fn plan_changed(&self, also: &[Vocabulary]) {
        self.queries.clear();
        self.spoken.choose(also);
    }

    /// Counts one opened incident.
    pub fn incident(&self, severity: Severity) {
        self.incidents.get_or_create(&SeverityLabels { severity: severity.label() }).inc();
    }

    /// Takes over what the courier counted since the start.
    pub fn dispatches(&self, dispatches: &[alerts::Dispatch]) {
        let mut pending = 0;
        for dispatch in dispatches {
            pending += dispatch.standing.pending;
            for (outcome, total) in [
                ("delivered", dispatch.delivered),
                ("retried", dispatch.retried),
                ("failed", dispatch.failed),
                ("expired", dispatch.expired),
            ] {
                let labels =
                    DeliveryLabels { receiver: dispatch.standing.name.to_string(), outcome };
                raise(&self.notifications.get_or_create(&labels), total);
            }
        }
        self.outbox_pending.set(i64::try_from(pending).unwrap_or(i64::MAX));
    }

    /// Takes over what the store counted since the start.
    pub fn samples_dropped(&self, total: u64) {
        raise(&self.samples_dropped, total);
    }

    /// Takes over what the schedule counted since the start.
    pub fn turns(&self, skipped: u64, deferred: u64) {
        raise(&self.skipped, skipped);
        raise(&self.deferred, deferred);
    }

    /// Makes a receiver's counters exist from zero.
    pub fn know_receiver(&self, receiver: &str) {
        for outcome in ["delivered", "retried", "failed", "expired"] {
            let labels = DeliveryLabels { receiver: receiver.to_owned(), outcome };
            let _ = self.notifications.get_or_create(&labels);
        }
    }

    /// Notes how late a probe started.
    pub fn lag(&self, lag: Duration) {
        self.lag.observe(lag.as_secs_f64());
    }

    fn probe_cell(&self, kind: Kind, outcome: ProbeOutcome) -> Counter {
        let labels = ProbeLabels { kind: kind.label(), outcome: outcome.label() };
        self.probes.get_or_create(&labels).clone()
    }

    fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("portwarden");
        registry.register("probes", "Probes run, by kind and outcome", self.probes.clone());
        registry.register("incidents", "Incidents opened, by severity", self.incidents.clone());
        registry.register(
            "notifications",
            "Attempts to deliver notifications, by receiver and outcome",
            self.notifications.clone(),
        );
        registry.register("schedule_lag_seconds", "How late probes started", self.lag.clone());
        registry.register(
            "probes_skipped",
            "Turns skipped because the check was still running",
            self.skipped.clone(),
        );
        registry.register(
            "probes_deferred",
            "Turns that waited because the bound on probes in flight was reached",
            self.deferred.clone(),
        );
        registry.register(
            "samples_dropped",
            "Observations not kept in the history because the store could not keep up",
            self.samples_dropped.clone(),
        );
        registry.register(
            "dns_queries",
            "Questions put to nameservers and caches, by what became of them",
            self.queries.clone(),
        );
        registry.register("probes_in_flight", "Probes running now", self.in_flight.clone());
        registry.register(
            "probes_in_flight_limit",
            "How many probes may run at once",
            self.in_flight_limit.clone(),
        );
        registry.register(
            "outbox_pending",
            "Notifications written down and not yet delivered",
            self.outbox_pending.clone(),
        );
        registry.register("store_up", "1 while the store takes writes", self.store_up.clone());
        registry.register(
            "plan_last_reload_successful",
            "1 when the last reading of the plan succeeded, else 0 and the old plan runs on",
            self.reload_successful.clone(),
        );
        registry.register(
            "plan_last_reload_success_timestamp_seconds",
            "When the running plan was loaded",
            self.reload_seconds.clone(),
        );
    }
}

/// Brings a counter up to a total that is counted elsewhere.
fn raise(counter: &Counter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}

impl Metrics {
    /// Counters, and series read from the snapshot at each scrape.
    #[must_use]
    pub fn new(snapshot: watch::Receiver<Arc<Snapshot>>) -> Self {
        let counters = Counters::default();
        let mut registry = Registry::default();
        counters.register(&mut registry);
        registry.register_collector(Box::new(process::Process));
        let series = series::Series::new(snapshot, counters.spoken.clone());
        registry.register_collector(Box::new(series));
        Self { registry, counters }
    }

    /// The whole page.
    ///
    /// # Errors
    /// Never in practice: writing into a string does not fail.
    pub fn render(&self, format: Format) -> Result<String, std::fmt::Error> {
        let mut text = String::with_capacity(64 * 1024);
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(match format {
            Format::OpenMetrics => text,
            Format::Text004 => exposition::to_text_004(&text),
        })
    }
}

#[cfg(test)]
mod tests;
