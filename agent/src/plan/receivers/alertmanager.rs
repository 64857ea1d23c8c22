//! `alertmanager = { url = [ … ] }`

use std::time::Duration;

use alerts::{Alertmanager, Channel};
use jiff::SignedDuration;

use super::login;
use crate::plan::row::Row;
use crate::plan::{http, values};

/// Shorter, it could not be refreshed in time; longer, a dead agent would be noticed too late.
const STANDS_FOR: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(86_400));

pub(super) fn alertmanager(row: &Row<'_>) -> Option<Channel> {
    let texts = row.need("url", row.texts("url"));
    let urls = texts.and_then(|texts| {
        let read = |text| row.understood("url", text, http::url);
        let urls: Vec<_> = texts.iter().map(read).collect();
        let urls: Option<Vec<_>> = urls.into_iter().collect();
        Some(urls?.into_iter().map(|url| url.value.to_string()).collect::<Vec<_>>())
    });
    let stands_for = row
        .parsed("stands_for", |text| values::duration_within(text, STANDS_FOR, "from 4s to 1d"))
        .and_then(|at| SignedDuration::try_from(at.value).ok());
    let stands_for = stands_for.unwrap_or(SignedDuration::from_mins(5));
    let login = login::login(row).ok()?;
    Some(Channel::Alertmanager(Alertmanager {
        urls: urls?,
        login,
        stands_for,
        turn: alerts::Turn::default(),
    }))
}
