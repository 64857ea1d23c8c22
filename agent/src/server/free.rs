//! `GET /api/v1/ports/free`: ports that can be given to the next service, looked for when asked.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use health::{Host, Protocol, Snapshot};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::Served;
use crate::free_ports::{self, Found, USUAL_COUNT, USUAL_RANGE, Wanted};

/// More at once would be a copy of the table, not an answer to a question.
const MOST: usize = 1000;
/// Reading every socket and binding ports is work: one question at a time.
static TURN: Semaphore = Semaphore::const_new(1);
/// How long a question waits for those before it.
const PATIENCE: Duration = Duration::from_secs(3);

/// The query, word for word: unlike a page, which is narrowed to nothing by what it does not
/// understand, this would name ports that nobody asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FreeQuery {
    range: Option<String>,
    count: Option<String>,
    block: Option<String>,
    protocol: Option<String>,
    host: Option<String>,
}

/// `GET /api/v1/ports/free?range=3000-3999&count=3&block=4&protocol=udp&host=web`
pub(super) async fn ports_free(
    State(served): State<Arc<Served>>,
    query: Result<Query<FreeQuery>, QueryRejection>,
) -> Response {
    let query = match query {
        Ok(Query(query)) => query,
        Err(rejection) => {
            let told = rejection.body_text();
            return refuse(&format!(
                "{told}; take range, count, block, protocol and host, each once"
            ));
        }
    };
    let wanted = match wanted(&query) {
        Ok(wanted) => wanted,
        Err(told) => return refuse(&told),
    };
    let Some(turn) = turn(&TURN, PATIENCE).await else {
        let told = "others are looking for free ports at this moment; ask again in a few seconds";
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": told }))).into_response();
    };
    match find(&served.snapshot(), query.host.as_deref(), wanted.clone(), turn).await {
        Ok(Ok(found)) => Json(found.json(&wanted)).into_response(),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the sockets of this machine cannot be read");
            let told =
                json!({ "error": format!("the sockets of this machine cannot be read: {error}") });
            (StatusCode::SERVICE_UNAVAILABLE, Json(told)).into_response()
        }
        Err(told) => refuse(&told),
    }
}

/// The right to look; `None` when nobody before was done in time.
async fn turn(turns: &'static Semaphore, patience: Duration) -> Option<SemaphorePermit<'static>> {
    timeout(patience, turns.acquire()).await.ok()?.ok()
}

fn refuse(told: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": told }))).into_response()
}

fn wanted(query: &FreeQuery) -> Result<Wanted, String> {
    let range = match query.range.as_deref() {
        None => USUAL_RANGE,
        Some(words) => free_ports::range(words)
            .map_err(|told| format!("range={words}: {told}, such as range=3000-3999"))?,
    };
    let number = |name: &str, words: Option<&str>, usual: usize| match words {
        None => Ok(usual),
        Some(words) => match words.parse() {
            Ok(number @ 1..=MOST) => Ok(number),
            _ => Err(format!("{name}={words}: write a number from 1 to {MOST}")),
        },
    };
    let block = number("block", query.block.as_deref(), 1)?;
    let usual = if query.block.is_some() { 1 } else { USUAL_COUNT };
    let count = number("count", query.count.as_deref(), usual)?;
    let protocol = match query.protocol.as_deref() {
        None | Some("tcp") => Protocol::Tcp,
        Some("udp") => Protocol::Udp,
        Some(words) => return Err(format!("protocol={words}: write tcp or udp")),
    };
    Ok(Wanted { range, protocol, block: u16::try_from(block).unwrap_or(u16::MAX), count })
}

/// Outer: a query that cannot be answered, in words. Inner: a machine that could not be read.
async fn find(
    snapshot: &Snapshot,
    host: Option<&str>,
    wanted: Wanted,
    turn: SemaphorePermit<'static>,
) -> Result<std::io::Result<Found>, String> {
    let hosts = || snapshot.hosts.iter().map(|host| &**host);
    let named = match host {
        None => None,
        Some(name) => Some(hosts().find(|host| *host.name == *name).ok_or_else(|| {
            let names: Vec<&str> = hosts().map(|host| &*host.name).take(20).collect();
            format!("host={name}: the plan has no such host; it has {}", names.join(", "))
        })?),
    };
    let forwarded = snapshot.checks.iter().filter_map(|standing| standing.outer_port);
    if let Some(other) = named.filter(|host| !host.local) {
        let claimed = free_ports::claimed([other], forwarded, wanted.protocol);
        return Ok(Ok(free_ports::elsewhere(&wanted, claimed)));
    }
    let local: Vec<&Host> = hosts().filter(|host| host.local).collect();
    let claimed = free_ports::claimed(local, forwarded, wanted.protocol);
    // Whoever asked may be gone before the work is done: the turn goes with the work.
    let look = move || {
        let _turn = turn;
        free_ports::here(&wanted, claimed)
    };
    let found = tokio::task::spawn_blocking(look).await;
    Ok(found.unwrap_or_else(|error| Err(std::io::Error::other(error))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_question_at_a_time() {
        static TURNS: Semaphore = Semaphore::const_new(1);
        let first = turn(&TURNS, PATIENCE).await;
        assert!(first.is_some());
        assert!(turn(&TURNS, Duration::from_millis(5)).await.is_none());
        drop(first);
        assert!(turn(&TURNS, PATIENCE).await.is_some());
    }
}
