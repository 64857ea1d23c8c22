//! `renew_at` and `renewal` of `[[tls]]` and `[[certificate]]`

use super::frame;
use super::row::Row;
use super::values;
use crate::renewal::Expected;

/// What the plan says of the renewal of certificates that are served.
pub(super) fn served(row: &Row<'_>) -> Expected {
    let renewer = row.text("renewal").and_then(|text| frame::path(row, "renewal", &text));
    Expected { renewer, ..stored(row) }
}

/// What it says of those that are stored: their renewer is looked for beside each.
pub(super) fn stored(row: &Row<'_>) -> Expected {
    let renew_at = row.parsed("renew_at", values::remaining).map(|at| at.value);
    Expected { renew_at, renewer: None }
}
