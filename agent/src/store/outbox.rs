//! The outbox: what the courier takes from the database and writes back.

use std::sync::Arc;

use alerts::{Attempt, Head, LastTold, Notification, Outbox, OutboxError, Verdict, Waiting};
use health::Event;
use health::snapshot::ReceiverStanding;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use tokio::sync::watch;

use super::ledger::{moment, nanos};
use super::writer::Entry;
use super::{Store, StoreError};

impl Outbox for Store {
    async fn waiting(&self, receiver: &str, limit: usize) -> Result<Waiting, OutboxError> {
        let receiver = receiver.to_owned();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |connection| waiting(connection, &receiver, limit)).await.map_err(boxed)
    }

    async fn join(
        &self,
        bundle: Arc<str>,
        members: Vec<Arc<str>>,
        now: Timestamp,
    ) -> Result<(), OutboxError> {
        let entry = Entry::Join { bundle, members };
        self.submit(entry, now).written().await.map_err(boxed)
    }

    async fn contents(&self, bundle: Arc<str>) -> Result<Vec<Notification>, OutboxError> {
        self.read(move |connection| contents(connection, &bundle)).await.map_err(boxed)
    }

    async fn record(&self, attempt: Attempt) -> Result<(), OutboxError> {
        let at = attempt.at;
        self.submit(Entry::Record(Box::new(attempt)), at).written().await.map_err(boxed)
    }

    async fn hasten(&self, receiver: &str, now: Timestamp) -> Result<(), OutboxError> {
        let entry = Entry::Hasten { receiver: receiver.to_owned(), at: now };
        self.submit(entry, now).written().await.map_err(boxed)
    }

    async fn addressees(&self) -> Result<Vec<String>, OutboxError> {
        self.read(addressees).await.map_err(boxed)
    }

    async fn abandon(&self, receivers: Vec<String>, now: Timestamp) -> Result<(), OutboxError> {
        self.submit(Entry::Abandon { receivers, at: now }, now).written().await.map_err(boxed)
    }

    async fn standings(&self) -> Result<Vec<ReceiverStanding>, OutboxError> {
        self.read(standings).await.map_err(boxed)
    }

    async fn last_told(
        &self,
        receiver: &str,
        resolved_after: Timestamp,
    ) -> Result<Vec<LastTold>, OutboxError> {
        let receiver = receiver.to_owned();
        self.read(move |connection| last_told::read(connection, &receiver, resolved_after))
            .await
            .map_err(boxed)
    }

    fn added(&self) -> watch::Receiver<u64> {
        self.0.added.subscribe()
    }
}

/// What is said of messages that were given up with their receiver; it is no failure of the receiver,
/// should the plan name it again.
const LEFT: &str = "the receiver left the plan";

fn boxed(error: StoreError) -> OutboxError {
    OutboxError(Box::new(error))
}

/// The oldest pending notification of each incident that was tried before, those due first.
pub(super) const TRIED: &str = "
    SELECT id, event, thread, bundle, attempts, due_at, expires_at, octet_length(body)
    FROM notification AS n INDEXED BY notification_tried
    WHERE receiver = ?1 AND standing = 'pending' AND attempts > 0 AND NOT EXISTS (
        SELECT 1 FROM notification AS earlier INDEXED BY notification_order
        WHERE earlier.receiver = n.receiver AND earlier.incident = n.incident
            AND earlier.standing = 'pending' AND earlier.seq < n.seq)
    ORDER BY due_at LIMIT ?2";

/// The same of those that were not.
pub(super) const FRESH: &str = "
    SELECT id, event, thread, bundle, attempts, due_at, expires_at, octet_length(body)
    FROM notification AS n INDEXED BY notification_due
    WHERE receiver = ?1 AND standing = 'pending' AND attempts = 0 AND NOT EXISTS (
        SELECT 1 FROM notification AS earlier INDEXED BY notification_order
        WHERE earlier.receiver = n.receiver AND earlier.incident = n.incident
            AND earlier.standing = 'pending' AND earlier.seq < n.seq)
    ORDER BY due_at LIMIT ?2";

fn waiting(connection: &Connection, receiver: &str, limit: i64) -> rusqlite::Result<Waiting> {
    // One moment for all of it: what is tried meanwhile would be missed, or seen twice.
    let connection = connection.unchecked_transaction()?;
    let mut heads = Vec::new();
    for sql in [TRIED, FRESH] {
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map(params![receiver, limit], read_head)?;
        for head in rows {
            heads.push(head?);
        }
    }
    let pending: i64 = connection
        .prepare_cached(
            "SELECT count(*) FROM notification WHERE receiver = ?1 AND standing = 'pending'",
        )?
        .query_row([receiver], |row| row.get(0))?;
    Ok(Waiting { heads, pending: u64::try_from(pending).unwrap_or(0) })
}

fn read_head(row: &Row<'_>) -> rusqlite::Result<Head> {
    let event = Event::from_label(&row.get::<_, String>(1)?).unwrap_or(Event::Updated);
    Ok(Head {
        id: row.get::<_, String>(0)?.into(),
        event,
        thread: row.get::<_, Option<String>>(2)?.map(Into::into),
        bundle: row.get::<_, Option<String>>(3)?.map(Into::into),
        attempts: row.get(4)?,
        due_at: moment(row.get(5)?),
        expires_at: moment(row.get(6)?),
        bytes: u64::try_from(row.get::<_, i64>(7)?).unwrap_or(0),
    })
}

fn contents(connection: &Connection, bundle: &str) -> rusqlite::Result<Vec<Notification>> {
    let sql = "
        SELECT id, incident, receiver, event, body, created_at, expires_at, due_at, thread, seq
        FROM notification WHERE id = ?1 AND bundle IS NULL AND standing = 'pending'
        UNION ALL
        SELECT id, incident, receiver, event, body, created_at, expires_at, due_at, thread, seq
        FROM notification INDEXED BY notification_by_bundle
        WHERE bundle = ?1 AND standing = 'pending'
        ORDER BY seq";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([bundle], |row| {
        let event = Event::from_label(&row.get::<_, String>(3)?).unwrap_or(Event::Updated);
        Ok(Notification {
            id: row.get::<_, String>(0)?.into(),
            incident: row.get::<_, String>(1)?.into(),
            receiver: row.get::<_, String>(2)?.into(),
            event,
            body: row.get::<_, String>(4)?.into(),
            created_at: moment(row.get(5)?),
            expires_at: moment(row.get(6)?),
            due_at: moment(row.get(7)?),
            thread: row.get::<_, Option<String>>(8)?.map(Into::into),
        })
    })?;
    rows.collect()
}

/// Writes down what goes out together.
pub(super) fn join(
    connection: &Connection,
    bundle: &str,
    members: &[Arc<str>],
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE notification SET bundle = ?2
         WHERE id = ?1 AND bundle IS NULL AND standing = 'pending'",
    )?;
    for member in members {
        statement.execute(params![&**member, bundle])?;
    }
    Ok(())
}

fn addressees(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT receiver FROM notification INDEXED BY notification_due
         WHERE standing = 'pending'",
    )?;
    statement.query_map([], |row| row.get(0))?.collect()
}

fn standings(connection: &Connection) -> rusqlite::Result<Vec<ReceiverStanding>> {
    let mut statement = connection.prepare("SELECT DISTINCT receiver FROM notification")?;
    let names = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    names.into_iter().map(|name| standing(connection, &name)).collect()
}

fn standing(connection: &Connection, name: &str) -> rusqlite::Result<ReceiverStanding> {
    let delivered_at: Option<i64> = connection.query_row(
        "SELECT max(attempted_at) FROM notification WHERE receiver = ?1 AND standing = 'delivered'",
        [name],
        |row| row.get(0),
    )?;
    let failed: Option<(i64, String)> = connection
        .query_row(
            "SELECT attempted_at, outcome FROM notification
             WHERE receiver = ?1 AND standing IN ('pending', 'failed', 'expired')
                 AND attempted_at > ?2 AND outcome <> ?3
             ORDER BY attempted_at DESC LIMIT 1",
            params![name, delivered_at.unwrap_or(0), LEFT],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    // Of a message that failed before as well, the attempts tell since when.
    let failing_since: Option<i64> = connection.query_row(
        "WITH sent AS (
             SELECT DISTINCT coalesce(bundle, id) AS id FROM notification
             WHERE receiver = ?1 AND standing IN ('pending', 'failed', 'expired')
                 AND attempted_at > ?2 AND outcome <> ?3)
         SELECT min(at) FROM sent JOIN attempt ON notification = sent.id WHERE at > ?2",
        params![name, delivered_at.unwrap_or(0), LEFT],
        |row| row.get(0),
    )?;
    let pending = waiting(connection, name, 0)?.pending;
    Ok(ReceiverStanding {
        name: name.into(),
        pending,
        delivered_at: delivered_at.map(moment),
        failed: failed.map(|(at, outcome)| (moment(at), outcome)),
        failing_since: failing_since.map(moment),
        channel: "",
    })
}

/// Writes down one attempt, for all that went out with it.
pub(super) fn record(connection: &Connection, attempt: &Attempt) -> rusqlite::Result<()> {
    let (standing, due_at) = match attempt.verdict {
        Verdict::Delivered => ("delivered", None),
        Verdict::Retry(at) => ("pending", Some(nanos(at))),
        Verdict::Failed => ("failed", None),
        Verdict::Expired => ("expired", None),
    };
    for sql in [
        "UPDATE notification SET standing = ?2, attempts = attempts + 1, attempted_at = ?3,
             outcome = ?4, due_at = coalesce(?5, due_at)
         WHERE id = ?1 AND bundle IS NULL AND standing = 'pending'",
        "UPDATE notification INDEXED BY notification_by_bundle
         SET standing = ?2, attempts = attempts + 1, attempted_at = ?3,
             outcome = ?4, due_at = coalesce(?5, due_at)
         WHERE bundle = ?1 AND standing = 'pending'",
    ] {
        connection.prepare_cached(sql)?.execute(params![
            &*attempt.bundle,
            standing,
            nanos(attempt.at),
            attempt.outcome,
            due_at
        ])?;
    }
    connection
        .prepare_cached("INSERT INTO attempt (notification, at, outcome) VALUES (?1, ?2, ?3)")?
        .execute(params![&*attempt.bundle, nanos(attempt.at), attempt.outcome])?;
    Ok(())
}

/// Makes everything that waits for another attempt due.
pub(super) fn hasten(
    connection: &Connection,
    receiver: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE notification SET due_at = ?2
             WHERE receiver = ?1 AND standing = 'pending' AND attempts > 0 AND due_at > ?2",
        )?
        .execute(params![receiver, nanos(now)])?;
    Ok(())
}

/// Gives up what is pending for receivers that left the plan.
pub(super) fn abandon(
    connection: &Connection,
    receivers: &[String],
    now: Timestamp,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE notification SET standing = 'failed', attempted_at = ?2,
             outcome = ?3
         WHERE receiver = ?1 AND standing = 'pending'",
    )?;
    for receiver in receivers {
        statement.execute(params![receiver, nanos(now), LEFT])?;
    }
    Ok(())
}

mod last_told;

#[cfg(test)]
mod tests;
