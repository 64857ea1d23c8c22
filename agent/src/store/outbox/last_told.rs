//! What a receiver was last told of each incident, for receivers that forget what is not repeated.

use alerts::LastTold;
use health::Event;
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::super::ledger::nanos;

/// The newest notification of each incident that is open, and of each that resolved lately.
const LAST_TOLD: &str = "
    SELECT n.event, n.body FROM incident AS i INDEXED BY incident_open
    JOIN notification AS n ON n.seq = (
        SELECT max(seq) FROM notification INDEXED BY notification_by_incident
        WHERE incident = i.id AND receiver = ?1)
    WHERE i.resolved_at IS NULL AND n.event <> 'resolved'
    UNION ALL
    SELECT n.event, n.body FROM incident AS i INDEXED BY incident_resolved
    JOIN notification AS n ON n.seq = (
        SELECT max(seq) FROM notification INDEXED BY notification_by_incident
        WHERE incident = i.id AND receiver = ?1)
    WHERE i.resolved_at IS NOT NULL AND i.resolved_at > ?2
        AND n.event = 'resolved' AND n.standing = 'delivered'";

pub(super) fn read(
    connection: &Connection,
    receiver: &str,
    resolved_after: Timestamp,
) -> rusqlite::Result<Vec<LastTold>> {
    let mut statement = connection.prepare_cached(LAST_TOLD)?;
    let rows = statement.query_map(params![receiver, nanos(resolved_after)], |row| {
        let event = Event::from_label(&row.get::<_, String>(0)?).unwrap_or(Event::Updated);
        Ok(LastTold { event, body: row.get::<_, String>(1)?.into() })
    })?;
    rows.collect()
}
