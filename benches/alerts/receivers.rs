//! Two receivers on loopback that count what they are told: one reads bodies as programs do, the other
//! takes what is posted for people.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::bail;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::client::monotonic;

/// What of one event arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// Messages to the program, and when the first and the last of them came.
    pub(crate) program: usize,
    pub(crate) first: Option<Instant>,
    pub(crate) last: Option<Instant>,
    /// Incidents that the program was told of.
    pub(crate) incidents: usize,
    /// Messages to people, and when the last of them came.
    pub(crate) people: usize,
    pub(crate) people_last: Option<Instant>,
    /// Incidents counted in what people were told: those listed and those beyond the list.
    pub(crate) bytes: usize,
}

/// Both receivers.
pub(crate) struct Receivers {
    address: std::net::SocketAddr,
    seen: Seen,
    posted: Posted,
}

/// A message to the program: its kind, how many incidents it tells of, its bytes, and when it came.
type Heard = (String, usize, usize, Instant);
type Seen = Arc<Mutex<Vec<Heard>>>;
/// Messages to people: their bytes, and when they came.
type Posted = Arc<Mutex<Vec<(usize, Instant)>>>;

impl Receivers {
    /// Starts both.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.93.0.3:0").await?;
        let address = listener.local_addr()?;
        let (seen, posted) = (Seen::default(), Posted::default());
        let router = Router::new()
            .route("/hook", post(hear).with_state(Arc::clone(&seen)))
            .route("/chat", post(read).with_state(Arc::clone(&posted)))
            .layer(DefaultBodyLimit::max(16 * 1024 * 1024));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, seen, posted })
    }

    /// Where programs are told.
    pub(crate) fn webhook_url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Where people are told.
    pub(crate) fn chat_url(&self) -> String {
        format!("http://{}/chat", self.address)
    }

    /// Waits until the program was told this event of so many incidents, and people have had a message
    /// and then none for some seconds; hands back what came since the last call.
    pub(crate) async fn told(
        &self,
        event: &str,
        incidents: usize,
        patience: Duration,
    ) -> anyhow::Result<Told> {
        let kind = format!("incident.{event}");
        let begin = monotonic();
        loop {
            let told = self.of(&kind);
            let is_quiet =
                told.people_last.is_some_and(|last| last.elapsed() > Duration::from_secs(8));
            if told.incidents >= incidents && is_quiet {
                self.posted.lock().map_err(|_| anyhow::anyhow!("poisoned"))?.clear();
                return Ok(told);
            }
            if begin.elapsed() > patience {
                bail!("{kind}: only {told:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn of(&self, kind: &str) -> Told {
        let mut told = Told::default();
        let (Ok(seen), Ok(posted)) = (self.seen.lock(), self.posted.lock()) else { return told };
        for (_, incidents, bytes, at) in seen.iter().filter(|(known, ..)| known == kind) {
            told.program += 1;
            told.incidents += incidents;
            told.bytes += bytes;
            told.first = Some(told.first.map_or(*at, |first| first.min(*at)));
            told.last = Some(told.last.map_or(*at, |last| last.max(*at)));
        }
        told.people = posted.len();
        told.people_last = posted.iter().map(|(_, at)| *at).max();
        told
    }
}

async fn hear(State(seen): State<Seen>, body: Bytes) {
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let others = message["others"].as_array().map_or(0, Vec::len);
    let kind = message["type"].as_str().unwrap_or_default().to_owned();
    if let Ok(mut seen) = seen.lock() {
        seen.push((kind, 1 + others, body.len(), monotonic()));
    }
}

async fn read(State(posted): State<Posted>, body: Bytes) {
    if let Ok(mut posted) = posted.lock() {
        posted.push((body.len(), monotonic()));
    }
}
