//! Questions put to nameservers, counted as probes report them. Counted by every probe and written
//! out by a scrape alone, so what a scrape needs in words is put into words there.

use std::fmt::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use health::facts::{DnsFacts, ServerFacts};
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use rustc_hash::FxHashMap;

use super::series::{MOST_SERVERS, bounded};

/// Questions by check, nameserver and what became of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Queries(Arc<Mutex<FxHashMap<Arc<str>, Vec<Asked>>>>);

/// One server, and what became of the questions that it was asked.
#[derive(Debug)]
struct Asked {
    name: Arc<str>,
    address: Option<SocketAddr>,
    answered: u64,
    repeated: u64,
    lost: u64,
}

impl Queries {
    /// Adds what one probe asked.
    pub(super) fn add(&self, check: &Arc<str>, dns: &DnsFacts) {
        let mut checks = self.lock();
        if !checks.contains_key(check) {
            checks.insert(check.clone(), Vec::new());
        }
        let Some(known) = checks.get_mut(check) else { return };
        for (index, server) in dns.servers.iter().take(MOST_SERVERS).enumerate() {
            // From one probe to the next they stand in the same order.
            let place = if known.get(index).is_some_and(|asked| asked.is_of(server)) {
                Some(index)
            } else {
                known.iter().position(|asked| asked.is_of(server))
            };
            match place {
                Some(place) => known[place].add(server),
                None if known.len() < MOST_SERVERS => {
                    let mut asked = Asked::of(server);
                    asked.add(server);
                    known.push(asked);
                }
                None => {}
            }
        }
    }

    /// Begins anew: whoever left the plan leaves no series behind, and who stays counts from zero,
    /// which is what a counter may do.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, FxHashMap<Arc<str>, Vec<Asked>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asked {
    fn of(server: &ServerFacts) -> Self {
        let (name, address) = (server.name.clone(), server.address);
        Self { name, address, answered: 0, repeated: 0, lost: 0 }
    }

    fn is_of(&self, server: &ServerFacts) -> bool {
        self.address == server.address && self.name == server.name
    }

    fn add(&mut self, server: &ServerFacts) {
        let answered = server.asked.saturating_sub(server.repeated).saturating_sub(server.lost);
        self.answered += u64::from(answered);
        self.repeated += u64::from(server.repeated);
        self.lost += u64::from(server.lost);
    }
}

impl EncodeMetric for Queries {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), Error> {
        for (check, servers) in &*self.lock() {
            for asked in servers {
                let nameserver = title(&asked.name, asked.address);
                for (outcome, count) in [
                    ("answered", asked.answered),
                    ("repeated", asked.repeated),
                    ("lost", asked.lost),
                ] {
                    let row = [
                        ("check", bounded(check)),
                        ("nameserver", bounded(&nameserver)),
                        ("outcome", outcome),
                    ];
                    encoder
                        .encode_family(&row)?
                        .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
                }
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }
}

/// A server as labels name it: name and address, or the address alone.
pub(super) fn nameserver_label(server: &ServerFacts) -> String {
    title(&server.name, server.address)
}

fn title(name: &str, address: Option<SocketAddr>) -> String {
    match address {
        Some(address) if *name != address.to_string() && *name != address.ip().to_string() => {
            format!("{name} ({address})")
        }
        Some(address) => address.to_string(),
        None => name.to_owned(),
    }
}
