//! The one HTTP server: pages, metrics, the API and live events, all read from the snapshot.
//!
//! Two things are told here: jobs report, each in its own name; and whoever has the token asks for quiet
//! (`quiet`, behind `guard` and `access`). Deliberately absent: any other way to change the agent.

mod access;
mod api;
mod asked;
mod certificates;
mod connections;
mod events;
mod forms;
mod free;
mod guard;
mod heartbeat;
mod pages;
mod quiet;
mod refusal;
mod silence_asked;
#[cfg(test)]
mod tests;
mod zones;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use health::history::{Account, History};
use health::ports::Tenure;
use health::{Incident, Snapshot};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

use crate::clock;
use crate::main_loop::Message;
use crate::metrics::{Format, Metrics};
use crate::probe::heartbeat::Pulses;
use crate::store::Store;

pub use access::Access;
pub use connections::serve;

/// What the server reads from.
#[derive(Debug)]
pub struct Served {
    /// Everything at the last moment.
    pub snapshot: watch::Receiver<Arc<Snapshot>>,
    /// `/metrics`.
    pub metrics: Arc<Metrics>,
    /// The past.
    pub store: Store,
    /// When the loop turned last.
    pub turned: watch::Receiver<std::time::Instant>,
    /// What jobs have reported.
    pub heartbeats: Arc<Pulses>,
    /// Where the loop is told of a call, and of quiet that is asked for.
    pub inbox: mpsc::UnboundedSender<Message>,
    /// Who may ask for quiet.
    pub access: Access,
    /// Ends live events, so that the server can end.
    pub stop: CancellationToken,
}

/// The loop turns at least this often; slower means it hangs.
pub const TURN_SECONDS: u64 = 15;
/// How many incidents the pages and the API look back to.
const PAST_INCIDENTS: u32 = 100;
/// How many changes the page of a host looks back to.
const PORT_CHANGES: u32 = 60;

impl Served {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.borrow().clone()
    }

    /// A check's past; empty, with a line in the log, when the store cannot be read.
    async fn history(&self, check: &str) -> History {
        self.store.history(check, clock::now()).await.unwrap_or_else(|error| {
            tracing::warn!(check, %error, "the history cannot be read");
            History::default()
        })
    }

    /// The ports of a host that changed hands, newest first.
    async fn port_changes(&self, host: &str) -> Vec<(Arc<str>, Tenure)> {
        self.store.tenures_on(host, PORT_CHANGES).await.unwrap_or_else(|error| {
            tracing::warn!(host, %error, "who held which port cannot be read");
            Vec::new()
        })
    }

    /// Incidents of the past, newest first.
    async fn past_incidents(&self) -> Vec<Incident> {
        self.store.incidents(PAST_INCIDENTS, None).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "past incidents cannot be read");
            Vec::new()
        })
    }

    /// Everything known of one incident, open or past.
    async fn incident(&self, id: &str) -> Option<Account> {
        match self.store.incident(id).await {
            Ok(Some(found)) => Some(found),
            outcome => {
                if let Err(error) = outcome {
                    tracing::warn!(id, %error, "the incident cannot be read");
                }
                let snapshot = self.snapshot();
                let open = snapshot.incidents.iter().find(|incident| &*incident.id == id)?;
                Some(Account {
                    incident: Incident::clone(open),
                    notifications: Vec::new(),
                    decisions: Vec::new(),
                })
            }
        }
    }
}

fn router(served: Arc<Served>) -> Router {
    let compressed = SizeAbove::new(1024).and(NotForContentType::new("text/event-stream"));
    let api = Router::new()
        .route("/findings", get(api::findings))
        .route("/checks", get(api::checks))
        .route("/checks/{*name}", get(api::check))
        .route("/ports", get(api::ports))
        .route("/ports/{host}/{port}/changes", get(api::port_changes))
        .route("/ports/free", get(free::ports_free))
        .route("/certificates", get(certificates::list))
        .route("/certificates/{fingerprint}", get(certificates::one))
        .route("/dns", get(zones::dns))
        .route("/dns/{check}/turns", get(zones::turns))
        .route("/incidents", get(api::incidents))
        .route("/incidents/{id}", get(api::incident))
        .route("/events", get(events::events))
        .merge(quiet::router().layer(from_fn_with_state(served.clone(), guard::programs)))
        .merge(heartbeat::router())
        .fallback(|| async { api::missing("the API has no such path") });
    Router::new()
        .merge(pages::router())
        .merge(forms::router().layer(from_fn_with_state(served.clone(), guard::people)))
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .nest("/api/v1", api)
        .layer(axum::middleware::from_fn(harden))
        .layer(
            CompressionLayer::new()
                .quality(tower_http::CompressionLevel::Fastest)
                .compress_when(compressed),
        )
        .with_state(served)
}

/// Headers that keep a page what it is, wherever it is shown.
async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, dashboard::CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn metrics(State(served): State<Arc<Served>>, request: Request) -> Response {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::negotiate(accept);
    // Off the runtime's own threads: at many thousands of checks this takes a while.
    let rendered = tokio::task::spawn_blocking(move || served.metrics.render(format)).await;
    match rendered {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, format.content_type())], text).into_response(),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "metrics could not be written\n").into_response(),
    }
}

/// Plan loaded, store writable, loop turning.
async fn ready(State(served): State<Arc<Served>>) -> Response {
    let mut missing = Vec::new();
    let since_turn = clock::monotonic().saturating_duration_since(*served.turned.borrow());
    if since_turn.as_secs() >= TURN_SECONDS {
        missing.push(format!("the loop has not turned for {} s", since_turn.as_secs()));
    }
    if !served.store.writable(clock::now()).await {
        let trouble = served.store.trouble().borrow().clone();
        let why = trouble.map_or_else(|| "no answer".to_owned(), |trouble| trouble.message.en);
        missing.push(format!("the store does not take writes: {why}"));
    }
    if missing.is_empty() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n").into_response()
    }
}
