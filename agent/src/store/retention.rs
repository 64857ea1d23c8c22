//! Forgetting, in pieces small enough that commits pass in between.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};

use super::ledger::nanos;
use super::{quiet, tenures, turns};

/// How long what is kept. The newest incident of every check is kept whatever its age, with its
/// notifications: the last failure is what people look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Single observations.
    pub samples: SignedDuration,
    /// Minutes.
    pub minutes: SignedDuration,
    /// Hours.
    pub hours: SignedDuration,
    /// Days.
    pub days: SignedDuration,
    /// Changes of state, who held which port, resolved incidents and their notifications.
    pub incidents: SignedDuration,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        Self {
            samples: days(2),
            minutes: days(7),
            hours: days(90),
            days: days(730),
            incidents: days(365),
        }
    }
}

/// Where forgetting is at.
#[derive(Debug)]
pub(super) struct Progress {
    keep: Retention,
    now: Timestamp,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Time series of the checks beyond this number.
    Series {
        last_check: i64,
    },
    Incidents,
    Pages,
}

impl Progress {
    pub(super) fn new(now: Timestamp, keep: Retention) -> Self {
        Self { keep, now, stage: Stage::Series { last_check: 0 } }
    }

    /// Forgets some; `true` when nothing is left. The caller's transaction makes it one step.
    pub(super) fn step(&mut self, connection: &Connection, rows: u32) -> rusqlite::Result<bool> {
        match self.stage {
            Stage::Series { last_check } => {
                let ids = connection
                    .prepare_cached("SELECT id FROM checks WHERE id > ?1 ORDER BY id LIMIT ?2")?
                    .query_map(params![last_check, rows], |row| row.get(0))?
                    .collect::<Result<Vec<i64>, _>>()?;
                for &check in &ids {
                    self.forget_series(connection, check)?;
                }
                self.stage = match ids.last() {
                    Some(&last_check) => Stage::Series { last_check },
                    None => Stage::Incidents,
                };
                Ok(false)
            }
            Stage::Incidents => {
                if self.forget_incidents(connection, rows)? == 0 {
                    let before = nanos(self.before(self.keep.incidents));
                    forget_missed(connection, before)?;
                    quiet::forget_silences(connection, self.before(self.keep.incidents))?;
                    self.stage = Stage::Pages;
                }
                Ok(false)
            }
            Stage::Pages => {
                // Gives at most 8 MiB a run back to the file system.
                let mut statement = connection.prepare("PRAGMA incremental_vacuum(2000)")?;
                let mut pages = statement.query([])?;
                while pages.next()?.is_some() {}
                Ok(true)
            }
        }
    }

    fn before(&self, age: SignedDuration) -> Timestamp {
        self.now.saturating_sub(age).unwrap_or(Timestamp::MIN)
    }

    fn forget_series(&self, connection: &Connection, check: i64) -> rusqlite::Result<()> {
        let keep = &self.keep;
        let forget = |sql: &str, before: i64| -> rusqlite::Result<usize> {
            connection.prepare_cached(sql)?.execute(params![check, before])
        };
        let samples = self.before(keep.samples).as_millisecond();
        forget("DELETE FROM sample_chunk WHERE check_id = ?1 AND first_ms < ?2", samples)?;
        let minutes = self.before(keep.minutes).as_second();
        forget("DELETE FROM minutes WHERE check_id = ?1 AND hour < ?2", minutes)?;
        let hours = self.before(keep.hours).as_second();
        forget("DELETE FROM bucket WHERE check_id = ?1 AND span = 3600 AND at < ?2", hours)?;
        let days = self.before(keep.days).as_second();
        forget("DELETE FROM bucket WHERE check_id = ?1 AND span = 86400 AND at < ?2", days)?;
        let changes = nanos(self.before(keep.incidents));
        forget("DELETE FROM change WHERE check_id = ?1 AND at < ?2", changes)?;
        tenures::forget(connection, check, changes)?;
        turns::forget(connection, check, changes)?;
        Ok(())
    }

    fn forget_incidents(&self, connection: &Connection, rows: u32) -> rusqlite::Result<usize> {
        let before = nanos(self.before(self.keep.incidents));
        let ids = connection
            .prepare_cached(
                "SELECT id FROM incident AS old INDEXED BY incident_resolved
                 WHERE resolved_at < ?1 AND EXISTS (
                     SELECT 1 FROM incident AS newer WHERE newer.check_id = old.check_id
                         AND newer.opened_at > old.opened_at)
                 LIMIT ?2",
            )?
            .query_map(params![before, rows], |row| row.get(0))?
            .collect::<Result<Vec<String>, _>>()?;
        for id in &ids {
            for sql in [
                "DELETE FROM attempt
                 WHERE notification IN (SELECT id FROM notification WHERE incident = ?1)",
                // Of several incidents in one message, the last to be forgotten takes its attempts along.
                "DELETE FROM attempt WHERE notification IN (
                     SELECT bundle FROM notification AS own
                     WHERE incident = ?1 AND bundle IS NOT NULL AND NOT EXISTS (
                         SELECT 1 FROM notification AS other
                         WHERE other.bundle = own.bundle AND other.incident <> ?1))",
                "DELETE FROM notification WHERE incident = ?1",
                "DELETE FROM decision WHERE incident = ?1",
            ] {
                connection.prepare_cached(sql)?.execute([id])?;
            }
            connection.prepare_cached("DELETE FROM incident WHERE id = ?1")?.execute([id])?;
        }
        Ok(ids.len())
    }
}

/// Forgets what was said of times in which the agent was not running: no incident takes it along.
fn forget_missed(connection: &Connection, before: i64) -> rusqlite::Result<()> {
    let which = "incident >= 'missed-' AND incident < 'missed.' AND created_at < ?1
        AND standing <> 'pending'";
    for sql in [
        format!(
            "DELETE FROM attempt WHERE notification IN (SELECT id FROM notification WHERE {which})"
        ),
        format!("DELETE FROM notification WHERE {which}"),
    ] {
        connection.prepare_cached(&sql)?.execute([before])?;
    }
    Ok(())
}
