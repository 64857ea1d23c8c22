//! The outbox: what the courier takes from the database and writes back.

use std::sync::Arc;

use alerts::{Attempt, LastTold, Notification, Outbox, OutboxError, Pending, Verdict, Waiting};
use health::Event;
use health::snapshot::ReceiverStanding;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
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

    async fn record(&self, attempt: Attempt) -> Result<(), OutboxError> {
        let at = attempt.at;
        self.submit(Entry::Record(Box::new(attempt)), at).written().await.map_err(boxed)
    }

    async fn hasten(&self, receiver: &str, now: Timestamp) -> Result<(), OutboxError> {
        let entry = Entry::Hasten { receiver: receiver.to_owned(), at: now };
        self.submit(entry, now).written().await.map_err(boxed)
    }

    async fn abandon(&self, known: Vec<Arc<str>>, now: Timestamp) -> Result<(), OutboxError> {
        let mut receivers = self.read(pending_receivers).await.map_err(boxed)?;
        receivers.retain(|name| !known.iter().any(|known| **known == **name));
        if receivers.is_empty() {
            return Ok(());
        }
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

fn boxed(error: StoreError) -> OutboxError {
    OutboxError(Box::new(error))
}

/// The oldest pending notification of each incident, those due first.
pub(super) const HEADS: &str = "
    SELECT id, incident, event, body, created_at, expires_at, attempts, due_at, thread
    FROM notification AS n INDEXED BY notification_due
    WHERE receiver = ?1 AND standing = 'pending' AND NOT EXISTS (
        SELECT 1 FROM notification AS earlier INDEXED BY notification_order
        WHERE earlier.receiver = n.receiver AND earlier.incident = n.incident
            AND earlier.standing = 'pending' AND earlier.seq < n.seq)
    ORDER BY due_at LIMIT ?2";

fn waiting(connection: &Connection, receiver: &str, limit: i64) -> rusqlite::Result<Waiting> {
    let mut statement = connection.prepare_cached(HEADS)?;
    let heads = statement.query_map(params![receiver, limit], |row| {
        let event = Event::from_label(&row.get::<_, String>(2)?).unwrap_or(Event::Updated);
        Ok(Pending {
            notification: Notification {
                id: row.get::<_, String>(0)?.into(),
                incident: row.get::<_, String>(1)?.into(),
                receiver: receiver.into(),
                event,
                body: row.get::<_, String>(3)?.into(),
                created_at: moment(row.get(4)?),
                expires_at: moment(row.get(5)?),
                due_at: moment(row.get(7)?),
                thread: row.get::<_, Option<String>>(8)?.map(Into::into),
            },
            attempts: row.get(6)?,
            due_at: moment(row.get(7)?),
        })
    })?;
    let heads = heads.collect::<Result<Vec<_>, _>>()?;
    let pending: i64 = connection
        .prepare_cached(
            "SELECT count(*) FROM notification WHERE receiver = ?1 AND standing = 'pending'",
        )?
        .query_row([receiver], |row| row.get(0))?;
    Ok(Waiting { heads, pending: u64::try_from(pending).unwrap_or(0) })
}

fn pending_receivers(connection: &Connection) -> rusqlite::Result<Vec<String>> {
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
             WHERE receiver = ?1 AND standing IN ('pending', 'failed') AND attempted_at > ?2
             ORDER BY attempted_at DESC LIMIT 1",
            params![name, delivered_at.unwrap_or(0)],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let pending = waiting(connection, name, 0)?.pending;
    Ok(ReceiverStanding {
        name: name.into(),
        pending,
        delivered_at: delivered_at.map(moment),
        failed: failed.map(|(at, outcome)| (moment(at), outcome)),
        failing_since: None,
        channel: "",
    })
}

/// Writes down one attempt.
pub(super) fn record(connection: &Connection, attempt: &Attempt) -> rusqlite::Result<()> {
    let (standing, due_at) = match attempt.verdict {
        Verdict::Delivered => ("delivered", None),
        Verdict::Retry(at) => ("pending", Some(nanos(at))),
        Verdict::Failed => ("failed", None),
    };
    connection
        .prepare_cached(
            "UPDATE notification SET standing = ?2, attempts = attempts + 1, attempted_at = ?3,
                 outcome = ?4, due_at = coalesce(?5, due_at)
             WHERE id = ?1 AND standing = 'pending'",
        )?
        .execute(params![
            &*attempt.notification,
            standing,
            nanos(attempt.at),
            attempt.outcome,
            due_at
        ])?;
    connection
        .prepare_cached("INSERT INTO attempt (notification, at, outcome) VALUES (?1, ?2, ?3)")?
        .execute(params![&*attempt.notification, nanos(attempt.at), attempt.outcome])?;
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
             WHERE receiver = ?1 AND standing = 'pending' AND due_at > ?2",
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
             outcome = 'the receiver left the plan'
         WHERE receiver = ?1 AND standing = 'pending'",
    )?;
    for receiver in receivers {
        statement.execute(params![receiver, nanos(now)])?;
    }
    Ok(())
}

mod last_told;

#[cfg(test)]
mod tests;
