//! PagerDuty and Opsgenie.

use alerts::{Channel, Opsgenie, Pager, PagerDuty};

use super::{hidden, push};
use crate::plan::row::Row;

/// `pagerduty = { routing_key_env = "…" }`
pub(super) fn pagerduty(row: &Row<'_>) -> Option<Channel> {
    let url = push::url(row, "https://events.pagerduty.com/v2/enqueue");
    let routing_key = hidden(row, "routing_key_env", "routing_key_file");
    let service = PagerDuty { url: url?, routing_key: routing_key? };
    Some(Channel::Pager(Pager::PagerDuty(service)))
}

/// `opsgenie = { key_env = "…" }`
pub(super) fn opsgenie(row: &Row<'_>) -> Option<Channel> {
    let url = push::url(row, "https://api.opsgenie.com");
    let key = hidden(row, "key_env", "key_file");
    Some(Channel::Pager(Pager::Opsgenie(Opsgenie { url: url?, key: key? })))
}
