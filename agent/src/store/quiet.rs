//! Silences, and what was decided about telling whom of what, as rows.

use health::{Decision, Silence};
use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ledger::nanos;

/// Decisions of one incident that are shown.
const MOST_DECISIONS: u32 = 500;

/// Writes a silence, or what has become of it.
pub(super) fn write_silence(connection: &Connection, silence: &Silence) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO silence (id, ends_at, body) VALUES (?1, ?2, ?3)")?
        .execute(params![&*silence.id, nanos(silence.ends_at), body(silence)?])
        .map(drop)
}

/// Writes what was decided about an incident.
pub(super) fn write_decision(
    connection: &Connection,
    incident: &str,
    decision: &Decision,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO decision (incident, at, body) VALUES (?1, ?2, ?3)")?
        .execute(params![incident, nanos(decision.at), body(decision)?])
        .map(drop)
}

/// Every silence that has not been forgotten, the one that ends last before the others.
pub(super) fn silences(connection: &Connection, limit: u32) -> rusqlite::Result<Vec<Silence>> {
    let sql = "SELECT body FROM silence ORDER BY ends_at DESC, id LIMIT ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let bodies = statement.query_map([limit], |row| row.get::<_, String>(0))?;
    understood(bodies)
}

/// What was decided about one incident, oldest first; of very many the latest.
pub(super) fn decisions(
    connection: &Connection,
    incident: &str,
) -> rusqlite::Result<Vec<Decision>> {
    let sql = "SELECT body FROM (
            SELECT body, at, rowid FROM decision WHERE incident = ?1
            ORDER BY at DESC, rowid DESC LIMIT ?2)
        ORDER BY at, rowid";
    let mut statement = connection.prepare_cached(sql)?;
    let bodies =
        statement.query_map(params![incident, MOST_DECISIONS], |row| row.get::<_, String>(0))?;
    understood(bodies)
}

/// Forgets silences that ended before this moment.
pub(super) fn forget_silences(connection: &Connection, before: Timestamp) -> rusqlite::Result<()> {
    let sql = "DELETE FROM silence WHERE ends_at < ?1";
    connection.prepare_cached(sql)?.execute([nanos(before)]).map(drop)
}

fn body(thing: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(thing)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// A row that is not understood, such as after going back to an earlier version, is left out and told
/// in the log.
fn understood<T: DeserializeOwned>(
    bodies: impl Iterator<Item = rusqlite::Result<String>>,
) -> rusqlite::Result<Vec<T>> {
    let mut all = Vec::new();
    for body in bodies {
        match serde_json::from_str(&body?) {
            Ok(thing) => all.push(thing),
            Err(error) => tracing::error!(%error, "a stored silence or decision is not understood"),
        }
    }
    Ok(all)
}
