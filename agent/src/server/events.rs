//! `/api/v1/events`: server-sent events, one whenever the snapshot changed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use health::Severity;
use serde_json::json;

use super::Served;

/// Never more often than this, however fast things change.
const PAUSE: Duration = Duration::from_secs(1);

/// A stream that ends when the server does.
pub(super) async fn events(
    State(served): State<Arc<Served>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let snapshots = served.snapshot.clone();
    let stream = stream::unfold(
        (snapshots, served, true),
        |(mut snapshots, served, first)| async move {
            if !first {
                let next = async {
                    tokio::time::sleep(PAUSE).await;
                    snapshots.changed().await
                };
                tokio::select! {
                    changed = next => changed.ok()?,
                    () = served.stop.cancelled() => return None,
                }
            }
            let snapshot = snapshots.borrow_and_update().clone();
            let findings = || {
                let standing = snapshot.checks.iter().flat_map(|standing| &standing.findings);
                standing.filter(|finding| finding.finding.severity > Severity::Notice)
            };
            let body = json!({
                "at": snapshot.at,
                "open": snapshot.incidents.len(),
                "findings": findings().count(),
                "critical": findings().filter(|finding| finding.finding.severity == Severity::Critical).count(),
            });
            let event = Event::default().event("snapshot").data(body.to_string());
            Some((Ok(event), (snapshots, served, false)))
        },
    );
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(20)))
}
