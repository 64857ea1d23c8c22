//! Reads: on connections of their own, so that pages never wait for the writer.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use health::history::{Account, Bucket, History};
use health::ports::Tenure;
use health::records::RecordTurn;
use health::{Incident, Silence};
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use super::writer::Job;
use super::{Store, StoreError, ledger, quiet, rollup, tenures, turns};

/// Connections kept for the next read.
const SPARE: usize = 4;
/// Observations, changes and incidents on a check's page.
const RECENT: (usize, u32, u32) = (300, 100, 50);

/// Where reads go.
pub(super) enum Reads {
    /// The file, by connections that may only read.
    File { path: PathBuf, spare: Mutex<Vec<Connection>> },
    /// The writer's own connection: what is in memory has no other.
    Thread(mpsc::Sender<Job>),
}

impl Reads {
    pub(super) fn file(path: PathBuf) -> Self {
        Self::File { path, spare: Mutex::default() }
    }

    pub(super) fn thread(jobs: mpsc::Sender<Job>) -> Self {
        Self::Thread(jobs)
    }
}

impl Store {
    /// A check's past. What it costs does not grow with the size of the database.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn history(&self, check: &str, now: Timestamp) -> Result<History, StoreError> {
        let name = check.to_owned();
        // Before the database is read: what becomes durable meanwhile is then seen twice, not missed.
        let fresh = self.0.samples.of(check);
        self.read(move |connection| {
            let (samples, changes, incidents) = RECENT;
            // One moment for all of it: a roll-up may end in between.
            let connection = connection.unchecked_transaction()?;
            let check = ledger::known_check(&connection, &name)?;
            let mut history = rollup::past(&connection, check, fresh, samples, now)?;
            if let Some(check) = check {
                history.changes = ledger::changes(&connection, check, changes)?;
                history.incidents = ledger::incidents_of(&connection, check, incidents)?;
                history.tenures = tenures::of_check(&connection, check)?;
                history.turns = turns::of_check(&connection, check)?;
            }
            Ok(history)
        })
        .await
    }

    /// A check's minutes from `from` until `until`, oldest first; only whole hours that have been
    /// rolled up, and minutes without observations are absent.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn minutes(
        &self,
        check: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Bucket>, StoreError> {
        let name = check.to_owned();
        self.read(move |connection| match ledger::known_check(connection, &name)? {
            Some(check) => rollup::minutes(connection, check, from, until),
            None => Ok(Vec::new()),
        })
        .await
    }

    /// Who held a port, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn tenures(&self, check: &str) -> Result<Vec<Tenure>, StoreError> {
        let name = check.to_owned();
        self.read(move |connection| match ledger::known_check(connection, &name)? {
            Some(check) => tenures::of_check(connection, check),
            None => Ok(Vec::new()),
        })
        .await
    }

    /// What nameservers said of the records of a check, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn turns(&self, check: &str) -> Result<Vec<RecordTurn>, StoreError> {
        let name = check.to_owned();
        self.read(move |connection| match ledger::known_check(connection, &name)? {
            Some(check) => turns::of_check(connection, check),
            None => Ok(Vec::new()),
        })
        .await
    }

    /// Ports of a host that changed hands, newest first, at most `limit`, each with its check's name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn tenures_on(
        &self,
        host: &str,
        limit: u32,
    ) -> Result<Vec<(Arc<str>, Tenure)>, StoreError> {
        let host = host.to_owned();
        self.read(move |connection| tenures::of_host(connection, &host, limit)).await
    }

    /// At most `limit` incidents, newest first; those that follow the incident `before`, if given.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn incidents(
        &self,
        limit: u32,
        before: Option<&str>,
    ) -> Result<Vec<Incident>, StoreError> {
        let before = before.map(str::to_owned);
        self.read(move |connection| ledger::incidents(connection, limit, before.as_deref())).await
    }

    /// Everything that is remembered of one incident.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn incident(&self, id: &str) -> Result<Option<Account>, StoreError> {
        let id = id.to_owned();
        self.read(move |connection| ledger::incident(connection, &id)).await
    }

    /// Silences, also of the past: at most `limit`, the one that ends last before the others.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn silences(&self, limit: u32) -> Result<Vec<Silence>, StoreError> {
        self.read(move |connection| quiet::silences(connection, limit)).await
    }

    /// Runs one read off the loop.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, seen) = oneshot::channel();
        match &self.0.reads {
            Reads::Thread(jobs) => {
                let job = Job::Read(Box::new(move |connection| {
                    // Whoever asked may have gone.
                    let _ = answer.send(look(connection));
                }));
                jobs.send(job).map_err(|_| StoreError::Closed)?;
            }
            Reads::File { .. } => {
                let store = self.clone();
                tokio::task::spawn_blocking(move || {
                    let _ = answer.send(store.0.reads.on_file(look));
                });
            }
        }
        seen.await.map_err(|_| StoreError::Closed)?.map_err(StoreError::from)
    }
}

impl Reads {
    fn on_file<T>(
        &self,
        look: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let Self::File { path, spare } = self else { return Err(rusqlite::Error::InvalidQuery) };
        let kept = spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match kept {
            Some(connection) => connection,
            None => open(path)?,
        };
        let seen = look(&connection)?;
        let mut spare = spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE {
            spare.push(connection);
        }
        Ok(seen)
    }
}

fn open(path: &PathBuf) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(2))?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}
