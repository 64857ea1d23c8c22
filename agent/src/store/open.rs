//! Opening the file, and doing without one.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, mpsc};

use health::snapshot::Trouble;
use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::watch;

use super::read::Reads;
use super::samples::SampleBuffer;
use super::writer::Writer;
use super::{Restored, Shared, Store, StoreError, Waiting, ledger, rollup, schema};

impl Store {
    /// Opens the database, creating it (mode 0600) where there is none, and says what was known when
    /// the agent last ran. Does file I/O: call it before the loop turns.
    ///
    /// # Errors
    /// When the file cannot be used: no right to it, damaged, written by a later version, or in use by
    /// another agent. All but the last leave the choice to go on with [`Store::detached`].
    pub fn open(path: &Path, now: Timestamp) -> Result<(Self, Restored), StoreError> {
        let opened = Self::open_file(path, now);
        opened
            .map_err(|source| StoreError::Open { path: path.to_owned(), source: Box::new(source) })
    }

    /// A store without a file, for when the real one cannot be opened: probing, incidents and
    /// notifications go on in memory and are forgotten when the agent stops; there is no history.
    ///
    /// # Errors
    /// When not even that is possible.
    pub fn detached(reason: &StoreError, now: Timestamp) -> Result<Self, StoreError> {
        let mut connection = Connection::open_in_memory()?;
        schema::prepare(&mut connection)?;
        let trouble = Trouble {
            since: now,
            message: health::text!(
                "Nothing is stored: {reason}. Incidents and undelivered notifications will be \
                 forgotten when the agent stops, and there is no history. Repair or move the file, \
                 then restart.",
                "저장되지 않고 있습니다: {reason}. 에이전트가 멈추면 인시던트와 아직 전달되지 않은 알림이 \
                 사라지며 이력도 남지 않습니다. 파일을 복구하거나 옮긴 뒤 다시 시작해 주세요.",
                reason = reason
            ),
        };
        Self::start(connection, None, Some(trouble))
    }

    fn open_file(path: &Path, now: Timestamp) -> Result<(Self, Restored), StoreError> {
        let lock = lock(path)?;
        // SQLite would create it readable to all; a file that exists keeps its mode.
        OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let mut connection = Connection::open(path)?;
        if connection.is_readonly("main")? {
            return Err(StoreError::ReadOnly);
        }
        schema::prepare(&mut connection)?;
        rollup::begin(&connection, now)?;
        let restored = ledger::restore(&connection, now)?;
        let store = Self::start(connection, Some((path.to_owned(), lock)), None)?;
        Ok((store, restored))
    }

    fn start(
        connection: Connection,
        file: Option<(PathBuf, File)>,
        trouble: Option<Trouble>,
    ) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::channel();
        let (trouble_sender, trouble) = watch::channel(trouble);
        let samples = Arc::new(SampleBuffer::default());
        let waiting = Arc::new(Waiting::default());
        let added = Arc::new(watch::Sender::new(0));
        let (path, lock) = file.unzip();
        let reads = match &path {
            Some(path) => Reads::file(path.clone()),
            None => Reads::thread(jobs.clone()),
        };
        let writer = Writer::new(
            connection,
            path.clone(),
            queue,
            Arc::clone(&samples),
            Arc::clone(&waiting),
            Arc::clone(&added),
            trouble_sender,
        );
        std::thread::Builder::new().name("store".to_owned()).spawn(move || {
            let closed = writer.run();
            // Held until the last write is done and the file closed; then the next agent may have it.
            drop(lock);
            if let Some((ack, closed)) = closed {
                let _ = ack.send(closed);
            }
        })?;
        Ok(Self(Arc::new(Shared {
            jobs,
            waiting,
            refused: AtomicU64::new(0),
            samples,
            reads,
            trouble,
            added,
            proven_at: AtomicI64::new(0),
            path,
        })))
    }
}

/// A lock beside the database, which the system releases when the process ends however it ends. Not
/// on the database itself: closing it there would release SQLite's own locks.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(name)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}
