//! Questions put to nameservers, counted as probes report them.

use health::facts::{DnsFacts, ServerFacts};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use super::series::{MOST_SERVERS, bounded};

/// Questions by check, nameserver and what became of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Queries(Family<QueryLabels, Counter>);

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct QueryLabels {
    check: String,
    nameserver: String,
    outcome: &'static str,
}

impl Queries {
    pub(super) fn family(&self) -> Family<QueryLabels, Counter> {
        self.0.clone()
    }

    /// Adds what one probe asked.
    pub(super) fn add(&self, check: &str, dns: &DnsFacts) {
        for server in dns.servers.iter().take(MOST_SERVERS) {
            let nameserver = nameserver_label(server);
            let answered = server.asked.saturating_sub(server.repeated).saturating_sub(server.lost);
            for (outcome, count) in
                [("answered", answered), ("repeated", server.repeated), ("lost", server.lost)]
            {
                let labels = QueryLabels {
                    check: bounded(check).to_owned(),
                    nameserver: bounded(&nameserver).to_owned(),
                    outcome,
                };
                self.0.get_or_create(&labels).inc_by(count.into());
            }
        }
    }

    /// Begins anew: whoever left the plan leaves no series behind, and who stays counts from zero,
    /// which is what a counter may do.
    pub(super) fn clear(&self) {
        self.0.clear();
    }
}

/// A server as labels name it: name and address, or the address alone.
pub(super) fn nameserver_label(server: &ServerFacts) -> String {
    match server.address {
        Some(address)
            if *server.name != *address.to_string()
                && *server.name != *address.ip().to_string() =>
        {
            format!("{} ({address})", server.name)
        }
        Some(address) => address.to_string(),
        None => server.name.to_string(),
    }
}
