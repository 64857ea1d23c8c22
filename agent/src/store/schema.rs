//! Tables and how they came to be: one step per released version of the file.
//!
//! Times are integers: nanoseconds since 1970 for what must survive exactly (incidents, notifications,
//! changes), milliseconds for samples, seconds for roll-ups.

use rusqlite::Connection;

use super::StoreError;

/// Every step, first to last; `PRAGMA user_version` counts those taken. Never change one: add one.
pub(super) const STEPS: &[&str] = &["
CREATE TABLE checks (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, state TEXT, since INTEGER
) STRICT;
CREATE TABLE change (
    check_id INTEGER NOT NULL, at INTEGER NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL
) STRICT;
CREATE INDEX change_by_check ON change (check_id, at);

CREATE TABLE incident (
    id TEXT PRIMARY KEY, check_id INTEGER NOT NULL, opened_at INTEGER NOT NULL,
    resolved_at INTEGER, peak INTEGER NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX incident_by_time ON incident (opened_at, id);
CREATE INDEX incident_by_check ON incident (check_id, opened_at);
CREATE INDEX incident_open ON incident (opened_at) WHERE resolved_at IS NULL;
CREATE INDEX incident_resolved ON incident (resolved_at) WHERE resolved_at IS NOT NULL;

CREATE TABLE notification (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, incident TEXT NOT NULL,
    receiver TEXT NOT NULL, event TEXT NOT NULL, body TEXT NOT NULL,
    created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
    standing TEXT NOT NULL, attempts INTEGER NOT NULL, due_at INTEGER NOT NULL,
    attempted_at INTEGER, outcome TEXT
) STRICT;
CREATE INDEX notification_due ON notification (receiver, due_at) WHERE standing = 'pending';
CREATE INDEX notification_order ON notification (receiver, incident, seq) WHERE standing = 'pending';
CREATE INDEX notification_by_incident ON notification (incident, seq);
CREATE INDEX notification_done ON notification (receiver, standing, attempted_at);

CREATE TABLE sample_chunk (
    check_id INTEGER NOT NULL, first_ms INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (check_id, first_ms)
) STRICT, WITHOUT ROWID;
CREATE TABLE minutes (
    check_id INTEGER NOT NULL, hour INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (check_id, hour)
) STRICT, WITHOUT ROWID;
CREATE TABLE bucket (
    check_id INTEGER NOT NULL, span INTEGER NOT NULL, at INTEGER NOT NULL,
    good INTEGER NOT NULL, bad INTEGER NOT NULL, sum_us INTEGER NOT NULL, max_us INTEGER NOT NULL,
    PRIMARY KEY (check_id, span, at)
) STRICT, WITHOUT ROWID;
CREATE TABLE mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
", "
CREATE TABLE tenure (
    check_id INTEGER NOT NULL, since INTEGER NOT NULL, holding TEXT NOT NULL, before TEXT,
    PRIMARY KEY (check_id, since)
) STRICT, WITHOUT ROWID;
", "
CREATE TABLE certificates (check_id INTEGER PRIMARY KEY, seen TEXT NOT NULL) STRICT;
", "
CREATE TABLE turn (
    check_id INTEGER NOT NULL, record TEXT NOT NULL, since INTEGER NOT NULL, picture TEXT NOT NULL,
    PRIMARY KEY (check_id, record, since)
) STRICT, WITHOUT ROWID;
", "
CREATE TABLE outcome (
    check_id INTEGER NOT NULL, success INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (check_id, success)
) STRICT;
ALTER TABLE bucket ADD COLUMN p50_us INTEGER;
ALTER TABLE bucket ADD COLUMN p90_us INTEGER;
ALTER TABLE bucket ADD COLUMN p99_us INTEGER;
", "
CREATE TABLE pulse (check_id INTEGER PRIMARY KEY, said TEXT NOT NULL) STRICT;
", "
CREATE TABLE silence (id TEXT PRIMARY KEY, ends_at INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE decision (incident TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX decision_by_incident ON decision (incident, at);
CREATE TABLE attempt (notification TEXT NOT NULL, at INTEGER NOT NULL, outcome TEXT NOT NULL) STRICT;
CREATE INDEX attempt_by_notification ON attempt (notification, at);
ALTER TABLE notification ADD COLUMN thread TEXT;
ALTER TABLE notification ADD COLUMN bundle TEXT;
CREATE INDEX notification_by_bundle ON notification (bundle) WHERE bundle IS NOT NULL;
CREATE INDEX notification_tried ON notification (receiver, due_at)
    WHERE standing = 'pending' AND attempts > 0;
"];

/// The format this version writes.
#[expect(clippy::cast_possible_truncation, reason = "a handful")]
const VERSION: u32 = STEPS.len() as u32;

/// Settings of every connection that writes, and the tables as this version wants them.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), StoreError> {
    connection.busy_timeout(std::time::Duration::from_secs(2))?;
    // Only works before the first table; lets retention give pages back without a full VACUUM.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A notification that was acknowledged must survive a power cut, not only a crash: FULL syncs the
    // log at every commit. Commits are few (changes, and samples in batches), so that costs little.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.set_prepared_statement_cache_capacity(64);
    let taken: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if taken > VERSION {
        return Err(StoreError::Newer { version: taken });
    }
    for (version, step) in (1..=VERSION).zip(STEPS) {
        if version > taken {
            let transaction = connection.transaction()?;
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "user_version", version)?;
            transaction.commit()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_of_any_earlier_version_is_brought_up_to_date_and_keeps_what_it_has() {
        let tables = |connection: &Connection| -> Vec<String> {
            let mut statement =
                connection.prepare("SELECT sql FROM sqlite_schema ORDER BY name").unwrap();
            let rows = statement.query_map([], |row| row.get::<_, Option<String>>(0)).unwrap();
            rows.filter_map(Result::unwrap).collect()
        };
        let mut new = Connection::open_in_memory().unwrap();
        prepare(&mut new).unwrap();
        for version in 1..STEPS.len() {
            let mut old = Connection::open_in_memory().unwrap();
            for step in &STEPS[..version] {
                old.execute_batch(step).unwrap();
            }
            old.pragma_update(None, "user_version", u32::try_from(version).unwrap()).unwrap();
            old.execute("INSERT INTO checks (name) VALUES ('zone')", []).unwrap();
            prepare(&mut old).unwrap();
            assert_eq!(tables(&old), tables(&new), "from version {version}");
            let kept: String =
                old.query_one("SELECT name FROM checks", [], |row| row.get(0)).unwrap();
            assert_eq!(kept, "zone");
            let version: u32 =
                old.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
            assert_eq!(version, VERSION);
        }
    }
}
