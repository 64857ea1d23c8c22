//! Changes, incidents and notifications as rows.

use std::collections::HashMap;
use std::sync::Arc;

use alerts::{Gathered, Notification, OpenIncident, Remembered};
use health::history::{Account, Change, MOST_TRIES, NotificationRecord, Try};
use health::{Event, Incident, Severity, State};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{Batch, Restored, StoreError, certificates, outcomes, pulses, quiet, tenures, turns};

/// How far back changes of state are taken up: no further than they are counted.
const TURNS_FOR: SignedDuration = SignedDuration::from_hours(1);

/// Silences that are taken up at a start, those that end last before the others.
const MOST_SILENCES: u32 = 1000;

/// Nanoseconds since 1970; saturates beyond the year 2262.
pub(super) fn nanos(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX)
}

/// The moment that [`nanos`] wrote.
pub(super) fn moment(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or_default()
}

/// Writes a batch; the caller's transaction makes it one.
pub(super) fn write(connection: &Connection, batch: &Batch) -> rusqlite::Result<()> {
    for (check, change) in &batch.changes {
        write_change(connection, check, change)?;
    }
    for (check, tenure) in &batch.tenures {
        tenures::write(connection, check, tenure)?;
    }
    for (check, seen) in &batch.certificates {
        certificates::write(connection, check, seen)?;
    }
    for (check, outcome) in &batch.outcomes {
        outcomes::write(connection, check, outcome)?;
    }
    for (check, seen) in &batch.turns {
        turns::write(connection, check, seen)?;
    }
    for (check, pulse) in &batch.pulses {
        pulses::write(connection, check, pulse.as_ref())?;
    }
    for incident in &batch.incidents {
        write_incident(connection, incident)?;
    }
    for silence in &batch.silences {
        quiet::write_silence(connection, silence)?;
    }
    for (incident, decision) in &batch.decisions {
        quiet::write_decision(connection, incident, decision)?;
    }
    for notification in &batch.notifications {
        write_notification(connection, notification)?;
    }
    for gathered in &batch.complete {
        make_due(connection, gathered, batch.at)?;
    }
    Ok(())
}

/// The number of a check, made up where there is none yet.
pub(super) fn check_id(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    if let Some(id) = known_check(connection, name)? {
        return Ok(id);
    }
    connection.prepare_cached("INSERT INTO checks (name) VALUES (?1)")?.insert([name])
}

/// The number of a check that something is known of.
pub(super) fn known_check(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT id FROM checks WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

fn write_change(connection: &Connection, check: &str, change: &Change) -> rusqlite::Result<()> {
    let id = check_id(connection, check)?;
    let (at, before, after) = (nanos(change.at), change.from.label(), change.to.label());
    connection
        .prepare_cached("INSERT INTO change (check_id, at, before, after) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![id, at, before, after])?;
    // After a restart a check goes from unknown to the state it had: that did not begin anew.
    connection
        .prepare_cached(
            "UPDATE checks SET since = CASE WHEN state IS ?2 THEN since ELSE ?3 END, state = ?2
             WHERE id = ?1",
        )?
        .execute(params![id, after, at])?;
    Ok(())
}

fn write_incident(connection: &Connection, incident: &Incident) -> rusqlite::Result<()> {
    let body = serde_json::to_string(incident)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let check = check_id(connection, &incident.check)?;
    connection
        .prepare_cached(
            "INSERT INTO incident (id, check_id, opened_at, resolved_at, peak, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE SET resolved_at = excluded.resolved_at,
                 peak = max(peak, excluded.peak), body = excluded.body",
        )?
        .execute(params![
            &*incident.id,
            check,
            nanos(incident.opened_at),
            incident.resolved_at.map(nanos),
            rank(incident.severity),
            body
        ])?;
    Ok(())
}

fn write_notification(connection: &Connection, message: &Notification) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO notification (id, incident, receiver, event, body, created_at, expires_at,
                 standing, attempts, due_at, thread)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'pending', 0, ?8, ?9) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            &*message.id,
            &*message.incident,
            &*message.receiver,
            message.event.label(),
            &*message.body,
            nanos(message.created_at),
            nanos(message.expires_at),
            nanos(message.due_at),
            message.thread.as_deref()
        ])?;
    Ok(())
}

/// What waited for others, and was not tried yet, is due.
fn make_due(connection: &Connection, gathered: &Gathered, now: Timestamp) -> rusqlite::Result<()> {
    let Gathered { receiver, event, thread } = gathered;
    connection
        .prepare_cached(
            "UPDATE notification SET due_at = ?1
             WHERE receiver = ?2 AND standing = 'pending' AND due_at > ?1 AND thread = ?3
                 AND event = ?4 AND attempts = 0",
        )?
        .execute(params![nanos(now), &**receiver, &**thread, event.label()])
        .map(drop)
}

fn rank(severity: Severity) -> i64 {
    match severity {
        Severity::Notice => 0,
        Severity::Warning => 1,
        Severity::Critical => 2,
    }
}

fn severity(rank: i64) -> Severity {
    match rank {
        0 => Severity::Notice,
        1 => Severity::Warning,
        _ => Severity::Critical,
    }
}

fn state(label: &str) -> State {
    [State::Up, State::Degraded, State::Down]
        .into_iter()
        .find(|state| state.label() == label)
        .unwrap_or_default()
}

/// What the agent knew when it last ran.
pub(super) fn restore(connection: &Connection, now: Timestamp) -> Result<Restored, StoreError> {
    let mut states = HashMap::new();
    let mut statement =
        connection.prepare("SELECT name, state, since FROM checks WHERE state IS NOT NULL")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name: Arc<str> = row.get::<_, String>(0)?.into();
        states.insert(name, (state(&row.get::<_, String>(1)?), moment(row.get(2)?)));
    }
    let mut incidents = Vec::new();
    let mut statement = connection
        .prepare("SELECT body, peak FROM incident WHERE resolved_at IS NULL ORDER BY opened_at")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(incident) = read_incident(row)? {
            incidents.push(told_to(connection, incident, severity(row.get(1)?))?);
        }
    }
    let pending = "SELECT count(*) FROM notification WHERE standing = 'pending'";
    let pending: i64 = connection.query_row(pending, [], |row| row.get(0))?;
    let tenures = tenures::restore(connection)?;
    let certificates = certificates::restore(connection)?;
    let outcomes = outcomes::restore(connection)?;
    let pending = u64::try_from(pending).unwrap_or(0);
    let (pulses, alive_at) = (pulses::restore(connection)?, pulses::alive_at(connection)?);
    let silences = quiet::silences(connection, MOST_SILENCES)?;
    let recently = now.checked_sub(TURNS_FOR).unwrap_or(Timestamp::MIN);
    let turns = turns_since(connection, recently)?;
    Ok(Restored {
        incidents,
        states,
        turns,
        tenures,
        certificates,
        outcomes,
        pulses,
        silences,
        alive_at,
        pending,
    })
}

/// What the engine must know again of an open incident follows from the messages written for it, and
/// from what was decided about it.
fn told_to(
    connection: &Connection,
    incident: Incident,
    peak: Severity,
) -> rusqlite::Result<OpenIncident> {
    let decisions = quiet::decisions(connection, &incident.id)?;
    let mut statement = connection.prepare_cached(
        "SELECT receiver, event, created_at, body FROM notification WHERE incident = ?1 ORDER BY seq",
    )?;
    let written = statement.query_map([&*incident.id], |row| {
        let event = Event::from_label(&row.get::<_, String>(1)?).unwrap_or(Event::Updated);
        Ok((row.get::<_, String>(0)?, event, moment(row.get(2)?), row.get::<_, String>(3)?))
    })?;
    let written = written.collect::<Result<Vec<_>, _>>()?;
    let remembered = written.iter().map(|(receiver, event, created_at, body)| Remembered {
        receiver,
        event: *event,
        created_at: *created_at,
        body,
    });
    Ok(OpenIncident::recall(incident, peak, remembered, &decisions))
}

/// Changes of state since this moment, oldest first: how often a check turned is not forgotten with a
/// restart. That a check was found well at its first look is none.
fn turns_since(
    connection: &Connection,
    since: Timestamp,
) -> rusqlite::Result<Vec<(Arc<str>, Timestamp, State)>> {
    let mut statement = connection.prepare(
        "SELECT name, at, after FROM checks CROSS JOIN change ON change.check_id = checks.id
         WHERE since >= ?1 AND at >= ?1 AND NOT (before = 'unknown' AND after = 'up')
         ORDER BY at, change.rowid",
    )?;
    let rows = statement.query_map([nanos(since)], |row| {
        let name: Arc<str> = row.get::<_, String>(0)?.into();
        Ok((name, moment(row.get(1)?), state(&row.get::<_, String>(2)?)))
    })?;
    rows.collect()
}

/// The incident in a row's first column; `None` (and a line in the log) when it cannot be understood,
/// such as after going back to an earlier version.
fn read_incident(row: &Row<'_>) -> rusqlite::Result<Option<Incident>> {
    let body: String = row.get(0)?;
    Ok(serde_json::from_str(&body)
        .inspect_err(|error| tracing::error!(%error, "a stored incident is not understood"))
        .ok())
}

/// Incidents that opened before the one given, newest first; from the newest without one.
pub(super) fn incidents(
    connection: &Connection,
    limit: u32,
    before: Option<&str>,
) -> rusqlite::Result<Vec<Incident>> {
    let sql = match before {
        None => "SELECT body FROM incident ORDER BY opened_at DESC, id DESC LIMIT ?1",
        Some(_) => {
            "SELECT body FROM incident
             WHERE (opened_at, id) < (SELECT opened_at, id FROM incident WHERE id = ?2)
             ORDER BY opened_at DESC, id DESC LIMIT ?1"
        }
    };
    let mut statement = connection.prepare_cached(sql)?;
    let rows = match before {
        None => statement.query(params![limit]),
        Some(before) => statement.query(params![limit, before]),
    };
    collect_incidents(rows?)
}

/// The newest incidents of one check, newest first.
pub(super) fn incidents_of(
    connection: &Connection,
    check: i64,
    limit: u32,
) -> rusqlite::Result<Vec<Incident>> {
    let mut statement = connection.prepare_cached(
        "SELECT body FROM incident WHERE check_id = ?1 ORDER BY opened_at DESC LIMIT ?2",
    )?;
    let rows = statement.query(params![check, limit])?;
    collect_incidents(rows)
}

fn collect_incidents(mut rows: rusqlite::Rows<'_>) -> rusqlite::Result<Vec<Incident>> {
    let mut incidents = Vec::new();
    while let Some(row) = rows.next()? {
        incidents.extend(read_incident(row)?);
    }
    Ok(incidents)
}

/// Everything that is remembered of one incident.
pub(super) fn incident(connection: &Connection, id: &str) -> rusqlite::Result<Option<Account>> {
    let mut statement = connection.prepare_cached("SELECT body FROM incident WHERE id = ?1")?;
    let Some(incident) = statement.query_row([id], read_incident).optional()?.flatten() else {
        return Ok(None);
    };
    let mut statement = connection.prepare_cached(
        "SELECT id, receiver, event, created_at, attempts, attempted_at, outcome, standing, due_at,
             (SELECT count(*) - 1 FROM notification AS other WHERE other.bundle = one.bundle)
         FROM notification AS one WHERE incident = ?1 ORDER BY seq LIMIT 1000",
    )?;
    let mut notifications =
        statement.query_map([id], read_record)?.collect::<Result<Vec<_>, _>>()?;
    for notification in &mut notifications {
        notification.tries = tries(connection, &notification.id)?;
    }
    let decisions = quiet::decisions(connection, id)?;
    Ok(Some(Account { incident, notifications, decisions }))
}

fn read_record(row: &Row<'_>) -> rusqlite::Result<NotificationRecord> {
    let event = Event::from_label(&row.get::<_, String>(2)?).unwrap_or(Event::Updated);
    let attempted_at: Option<i64> = row.get(5)?;
    let standing: String = row.get(7)?;
    let due_at: i64 = row.get(8)?;
    Ok(NotificationRecord {
        id: row.get::<_, String>(0)?.into(),
        receiver: row.get::<_, String>(1)?.into(),
        event,
        created_at: moment(row.get(3)?),
        attempts: row.get(4)?,
        last_attempt_at: attempted_at.map(moment),
        last_outcome: row.get(6)?,
        delivered_at: attempted_at.filter(|_| standing == "delivered").map(moment),
        next_attempt_at: (standing == "pending").then(|| moment(due_at)),
        tries: Vec::new(),
        others: u32::try_from(row.get::<_, Option<i64>>(9)?.unwrap_or(0)).unwrap_or(0),
    })
}

/// The last attempts at one notification, oldest first.
fn tries(connection: &Connection, notification: &str) -> rusqlite::Result<Vec<Try>> {
    let mut statement = connection.prepare_cached(
        "SELECT at, outcome FROM attempt
         WHERE notification = (SELECT coalesce(bundle, id) FROM notification WHERE id = ?1)
         ORDER BY at DESC, rowid DESC LIMIT ?2",
    )?;
    let rows = statement.query_map(params![notification, MOST_TRIES], |row| {
        Ok(Try { at: moment(row.get(0)?), outcome: row.get(1)? })
    })?;
    let mut tries = rows.collect::<Result<Vec<_>, _>>()?;
    tries.reverse();
    Ok(tries)
}

/// The newest changes of state of one check, newest first.
pub(super) fn changes(
    connection: &Connection,
    check: i64,
    limit: u32,
) -> rusqlite::Result<Vec<Change>> {
    let mut statement = connection.prepare_cached(
        "SELECT at, before, after FROM change WHERE check_id = ?1 ORDER BY at DESC, rowid DESC LIMIT ?2",
    )?;
    let changes = statement.query_map(params![check, limit], |row| {
        Ok(Change {
            at: moment(row.get(0)?),
            from: state(&row.get::<_, String>(1)?),
            to: state(&row.get::<_, String>(2)?),
        })
    })?;
    changes.collect()
}
