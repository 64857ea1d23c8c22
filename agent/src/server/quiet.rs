//! Quiet that is asked for: silences and acknowledgements, for pages and programs alike.
//! `/api/v1/silences`, and the acknowledgement of an incident.
//!
//! The loop decides and writes down; whoever asks is answered once both is done, and what they look at
//! next shows it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use health::{Acknowledgement, Language, Silence, Snapshot, Text, text};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::refusal::Refusal;
use super::silence_asked::{self, SilenceAsked};
use super::{Served, api};
use crate::clock;
use crate::main_loop::Message;
use crate::token::unguessable;

/// How long the loop may take to write something down.
const WRITTEN_WITHIN: Duration = Duration::from_secs(5);
/// How long pages may take to show it.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);
/// Silences at once; more are a mistake of some program.
const MOST: usize = 500;
/// Silences of the past that are told.
pub(super) const PAST: u32 = 100;

pub(super) fn router() -> Router<Arc<Served>> {
    Router::new()
        .route("/silences", get(list).post(create))
        .route("/silences/{id}", get(one).delete(delete))
        .route("/incidents/{id}/acknowledgement", post(acknowledged).delete(withdrawn))
}

impl Served {
    /// Keeps quiet as it is asked for, and hands the silence back.
    pub(super) async fn silence(&self, asked: SilenceAsked) -> Result<Silence, Refusal> {
        if self.snapshot().silences.len() >= MOST {
            return Err(Refusal::new(
                StatusCode::CONFLICT,
                text!(
                    "there are {MOST} silences already; end some first",
                    "이미 알림 중지가 {MOST}개 있습니다. 먼저 일부를 끝내십시오"
                ),
            ));
        }
        let chance = unguessable().ok_or_else(gone)?;
        let id = format!("s-{}", &chance[..12]);
        let silence =
            asked.silence(&id, &TimeZone::system(), clock::now()).map_err(Refusal::wrong)?;
        let made = silence.clone();
        self.written(|written| Message::Silence { silence, written }).await?;
        self.shown(|snapshot| snapshot.silences.iter().any(|known| known.id == made.id)).await;
        tracing::info!(
            id = &*made.id,
            author = &*made.author,
            until = %made.ends_at,
            "a silence was asked for"
        );
        Ok(made)
    }

    /// Ends a silence before its time.
    pub(super) async fn end_silence(&self, id: &str) -> Result<(), Refusal> {
        let asked = Arc::from(id);
        let is_known = self.written(|written| Message::EndSilence { id: asked, written }).await?;
        if !is_known {
            return Err(Refusal::new(
                StatusCode::NOT_FOUND,
                text!(
                    "no silence has this id, or it has ended",
                    "이 ID의 알림 중지가 없거나 이미 끝났습니다"
                ),
            ));
        }
        self.shown(|snapshot| snapshot.silences.iter().all(|known| *known.id != *id)).await;
        tracing::info!(id, "a silence was ended");
        Ok(())
    }

    /// Notes that somebody is on an incident; or, with `None`, that nobody is any more.
    pub(super) async fn acknowledge(
        &self,
        id: &str,
        acknowledgement: Option<Acknowledgement>,
    ) -> Result<(), Refusal> {
        let (incident, is_on_it) = (Arc::from(id), acknowledgement.is_some());
        let is_open = self
            .written(|written| Message::Acknowledge { incident, acknowledgement, written })
            .await?;
        if !is_open {
            return Err(Refusal::new(
                StatusCode::NOT_FOUND,
                text!("no open incident has this id", "이 ID의 진행 중인 장애가 없습니다"),
            ));
        }
        self.shown(|snapshot| {
            let mut open = snapshot.incidents.iter();
            open.find(|incident| *incident.id == *id)
                .is_none_or(|incident| incident.acknowledged.is_some() == is_on_it)
        })
        .await;
        Ok(())
    }

    /// What a loop answers once it has written something down.
    async fn written<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<T>) -> Message,
    ) -> Result<T, Refusal> {
        let (written, is_written) = oneshot::channel();
        self.inbox.send(message(written)).map_err(|_| gone())?;
        match tokio::time::timeout(WRITTEN_WITHIN, is_written).await {
            Ok(Ok(answer)) => Ok(answer),
            // It holds already: the loop decides first, and writes then.
            Ok(Err(_)) | Err(_) => Err(Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                text!(
                    "it holds until the agent ends, but it is not written down: the store does not take writes",
                    "에이전트가 끝날 때까지만 적용됩니다. 저장소에 쓸 수 없어 기록하지 못했습니다"
                ),
            )),
        }
    }

    /// Waits until the snapshot shows it; a little while, because it holds all the same.
    async fn shown(&self, is_there: impl FnMut(&Snapshot) -> bool) {
        let mut is_there = is_there;
        let mut snapshots = self.snapshot.clone();
        let waiting = snapshots.wait_for(|snapshot| is_there(snapshot));
        let _ = tokio::time::timeout(SHOWN_WITHIN, waiting).await;
    }

    /// Silences that are over, the last first.
    pub(super) async fn past_silences(&self) -> Vec<Silence> {
        let now = clock::now();
        let known = u32::try_from(MOST).unwrap_or(PAST) + PAST;
        let mut silences = self.store.silences(known).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "past silences cannot be read");
            Vec::new()
        });
        let current = self.snapshot();
        silences.retain(|silence| {
            silence.ends_at <= now && current.silences.iter().all(|it| it.id != silence.id)
        });
        silences.truncate(PAST as usize);
        silences
    }
}

/// `GET /api/v1/silences`: those that hold or will, maintenance windows, and the last hundred that are over.
async fn list(State(served): State<Arc<Served>>) -> Response {
    let (snapshot, now) = (served.snapshot(), clock::now());
    let past = served.past_silences().await;
    let current = snapshot.silences.iter().map(|silence| &**silence);
    let silences: Vec<Value> = current.chain(&past).map(|it| view(it, &snapshot, now)).collect();
    let maintenance: Vec<Value> = snapshot
        .maintenance
        .iter()
        .map(|window| {
            json!({
                "name": window.name,
                "about": window.about,
                "from": window.from,
                "until": window.until,
                "active": window.from <= now && now < window.until,
            })
        })
        .collect();
    Json(json!({ "silences": silences, "maintenance": maintenance })).into_response()
}

/// `GET /api/v1/silences/{id}`
async fn one(State(served): State<Arc<Served>>, Path(id): Path<String>) -> Response {
    let (snapshot, now) = (served.snapshot(), clock::now());
    if let Some(silence) = snapshot.silences.iter().find(|silence| *silence.id == *id) {
        return Json(view(silence, &snapshot, now)).into_response();
    }
    match served.past_silences().await.iter().find(|silence| *silence.id == *id) {
        Some(silence) => Json(view(silence, &snapshot, now)).into_response(),
        None => api::missing("no silence has this id"),
    }
}

/// `POST /api/v1/silences`
async fn create(State(served): State<Arc<Served>>, body: Bytes) -> Response {
    let made = match read::<SilenceAsked>(&body) {
        Ok(asked) => served.silence(asked).await,
        Err(refusal) => Err(refusal),
    };
    match made {
        Ok(silence) => {
            let place = [(header::LOCATION, format!("/api/v1/silences/{}", silence.id))];
            let body = Json(view(&silence, &served.snapshot(), clock::now()));
            (StatusCode::CREATED, place, body).into_response()
        }
        Err(refusal) => refusal.json(Language::En),
    }
}

/// `DELETE /api/v1/silences/{id}`
async fn delete(State(served): State<Arc<Served>>, Path(id): Path<String>) -> Response {
    no_content(served.end_silence(&id).await)
}

/// What `POST /api/v1/incidents/{id}/acknowledgement` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AcknowledgementAsked {
    author: String,
    #[serde(default)]
    note: Option<String>,
}

/// `POST /api/v1/incidents/{id}/acknowledgement`
async fn acknowledged(
    State(served): State<Arc<Served>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let asked = read::<AcknowledgementAsked>(&body).and_then(|asked| {
        let said = acknowledgement(&asked.author, asked.note.as_deref(), clock::now());
        said.map_err(Refusal::wrong)
    });
    match asked {
        Ok(said) => match served.acknowledge(&id, Some(said.clone())).await {
            Ok(()) => Json(json!({ "incident": id, "acknowledged": said })).into_response(),
            Err(refusal) => refusal.json(Language::En),
        },
        Err(refusal) => refusal.json(Language::En),
    }
}

/// `DELETE /api/v1/incidents/{id}/acknowledgement`
async fn withdrawn(State(served): State<Arc<Served>>, Path(id): Path<String>) -> Response {
    no_content(served.acknowledge(&id, None).await)
}

/// That somebody is on an incident, as it is to be remembered.
pub(super) fn acknowledgement(
    author: &str,
    note: Option<&str>,
    now: Timestamp,
) -> Result<Acknowledgement, Text> {
    let (author, note) = (silence_asked::author(author)?, silence_asked::note(note)?);
    Ok(Acknowledgement { author, at: now, note })
}

fn view(silence: &Silence, snapshot: &Snapshot, now: Timestamp) -> Value {
    let state = match silence {
        it if it.is_active(now) => "active",
        it if now < it.starts_at && now < it.ends_at => "upcoming",
        _ => "ended",
    };
    // One that is over holds back nothing.
    let open = snapshot.incidents.iter().filter(|_| state != "ended");
    let matching = open.filter(|incident| silence.about.is_about(incident));
    let mut view = json!(silence);
    view["state"] = state.into();
    view["open_incidents"] = matching.count().into();
    view
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::wrong(Text::same(error.to_string())))
}

fn no_content(outcome: Result<(), Refusal>) -> Response {
    match outcome {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refusal.json(Language::En),
    }
}

fn gone() -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        text!(
            "it could not be written down; nothing has changed",
            "기록하지 못했습니다. 바뀐 것은 없습니다"
        ),
    )
}
