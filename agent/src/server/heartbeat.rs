//! `/api/v1/heartbeat/NAME`: where jobs report. The one thing here that is told something: that a job
//! has called. It changes nothing else, and who lacks a job's token changes not even that.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use health::facts::{CallFacts, Signal};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use tokio::sync::oneshot;

use super::asked::Asked;
use super::{Served, api};
use crate::clock;
use crate::main_loop::Message;
use crate::probe::heartbeat::{Deaf, KEPT_BYTES, tail};

/// Most bytes of a body that are taken from the wire.
const MOST_BYTES: usize = 1024 * 1024;
/// How long a body may take.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// How long a call waits to be written down before it is answered all the same.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);

/// Who is at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// What may stand in the query.
#[derive(Debug, Default, Deserialize)]
struct Words {
    #[serde(default)]
    token: Option<String>,
}

pub(super) fn router() -> Router<Arc<Served>> {
    Router::new()
        .route("/heartbeat/{name}", get(ended_well).post(ended_well))
        .route("/heartbeat/{name}/{signal}", get(said).post(said))
}

async fn ended_well(
    State(served): State<Arc<Served>>,
    Path(name): Path<String>,
    Asked(words): Asked<Words>,
    request: Request,
) -> Response {
    report(&served, &name, (Signal::Success, None), words, request).await
}

async fn said(
    State(served): State<Arc<Served>>,
    Path((name, signal)): Path<(String, String)>,
    Asked(words): Asked<Words>,
    request: Request,
) -> Response {
    match signal_of(&signal) {
        Some(signal) => report(&served, &name, signal, words, request).await,
        None => api::missing(
            "after the name comes nothing, start, fail, or an exit status from 0 to 255",
        ),
    }
}

/// What the end of the path says.
fn signal_of(word: &str) -> Option<(Signal, Option<u8>)> {
    match word {
        "start" => Some((Signal::Start, None)),
        "fail" => Some((Signal::Fail, None)),
        _ => match word.parse::<u8>().ok()? {
            0 => Some((Signal::Success, Some(0))),
            exit => Some((Signal::Fail, Some(exit))),
        },
    }
}

async fn report(
    served: &Served,
    called: &str,
    (signal, exit): (Signal, Option<u8>),
    words: Words,
    request: Request,
) -> Response {
    let headers = request.headers();
    if is_not_meant(headers) {
        let why = "a browser called this for a page of another site, or in advance";
        return refused(StatusCode::FORBIDDEN, why);
    }
    let token = words.token.or_else(|| bearer(headers));
    let at = clock::now();
    let name = match served.heartbeats.admit(called, token.as_deref(), at) {
        Ok(name) => name,
        Err(Deaf::Unknown) => return api::missing("no heartbeat has this name"),
        Err(Deaf::Token) => {
            let mut answer =
                refused(StatusCode::UNAUTHORIZED, "this heartbeat takes a token, and another one");
            let challenge = HeaderValue::from_static("Bearer");
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            return answer;
        }
    };
    let from = request.extensions().get::<Peer>().map(|peer| caller(peer.0.ip()));
    let said = read(request.into_body(), token.as_deref()).await;
    served.heartbeats.take(&name, CallFacts { at, signal, exit, from, said });
    let (written, is_written) = oneshot::channel();
    // Once the loop is gone, the process ends, and it writes what it has heard.
    let _ = served.inbox.send(Message::Called { name, written });
    let _ = tokio::time::timeout(WRITTEN_WITHIN, is_written).await;
    "ok\n".into_response()
}

fn caller(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// A page somewhere else, or a browser that looks ahead, speaks for no job.
fn is_not_meant(headers: &HeaderMap) -> bool {
    let is = |name: &str, words: &[&str]| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| words.iter().any(|word| value.starts_with(word)))
    };
    is("sec-fetch-site", &["cross-site", "same-site"])
        || is("sec-purpose", &["prefetch"])
        || is("purpose", &["prefetch"])
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, axum::Json(serde_json::json!({ "error": why }))).into_response()
}

/// The end of what is sent along. A body that breaks off, or never ends, is no reason not to count the
/// call.
async fn read(mut body: Body, token: Option<&str>) -> Option<String> {
    if body.is_end_stream() {
        return None;
    }
    let mut kept = Kept::default();
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            if let Ok(bytes) = frame.into_data() {
                kept.take(&bytes);
            }
            if kept.seen >= MOST_BYTES {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(BODY_WITHIN, reading).await;
    let said = tail(&kept.bytes, kept.seen > kept.bytes.len())?;
    Some(match token {
        Some(token) if token.len() >= 4 => said.replace(token, "(hidden)"),
        _ => said,
    })
}

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    seen: usize,
}

impl Kept {
    fn take(&mut self, more: &Bytes) {
        self.seen += more.len();
        self.bytes.extend_from_slice(more);
        let surplus = self.bytes.len().saturating_sub(KEPT_BYTES);
        self.bytes.drain(..surplus);
    }
}
