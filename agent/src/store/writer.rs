//! The one thread that writes: what waits, in order, a group to a transaction; then a piece of
//! housekeeping; then it waits.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use alerts::Attempt;
use health::snapshot::Trouble;
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, params};
use tokio::sync::{oneshot, watch};

use super::retention::{self, Retention};
use super::samples::{CHUNKS_AT_ONCE, SampleBuffer, Take};
use super::{Batch, StoreError, Waiting, ledger, outbox, rollup};

/// Writes in one transaction at most.
const GROUP: usize = 64;
/// Checks or incidents in one step of housekeeping.
const STEP: u32 = 200;
/// How long to wait for work; recent observations are looked after this often.
const IDLE: Duration = Duration::from_secs(1);
/// Pauses between attempts at a database that fails: the first, doubling up to the last.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));

pub(super) type Ack = oneshot::Sender<Result<(), StoreError>>;

/// What the writer is asked to do.
pub(super) enum Job {
    Write(Write),
    Chore(Chore),
    Read(Box<dyn FnOnce(&Connection) + Send>),
    Close(Ack),
}

/// One thing to write, and who waits for it.
pub(super) struct Write {
    pub(super) entry: Entry,
    pub(super) at: Timestamp,
    pub(super) ack: Ack,
}

pub(super) enum Entry {
    Commit(Box<Batch>),
    /// Tenures, certificates, outcomes and turns of records alone.
    Note(Box<Batch>),
    Record(Box<Attempt>),
    /// What goes out together.
    Join {
        bundle: Arc<str>,
        members: Vec<Arc<str>>,
    },
    Hasten {
        receiver: String,
        at: Timestamp,
    },
    Abandon {
        receivers: Vec<String>,
        at: Timestamp,
    },
    Heartbeat {
        at: Timestamp,
    },
}

impl Entry {
    /// How much of the room in memory it takes.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Commit(batch) | Self::Note(batch) => batch.len().max(1),
            _ => 1,
        }
    }

    /// Whose room it takes.
    pub(super) fn counted_in<'a>(&self, waiting: &'a Waiting) -> &'a AtomicUsize {
        match self {
            Self::Note(_) => &waiting.notes,
            _ => &waiting.decided,
        }
    }

    fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        match self {
            Self::Commit(batch) | Self::Note(batch) => ledger::write(connection, batch),
            Self::Record(attempt) => outbox::record(connection, attempt),
            Self::Join { bundle, members } => outbox::join(connection, bundle, members),
            Self::Hasten { receiver, at } => outbox::hasten(connection, receiver, *at),
            Self::Abandon { receivers, at } => outbox::abandon(connection, receivers, *at),
            Self::Heartbeat { at } => connection
                .prepare_cached("INSERT OR REPLACE INTO mark (name, value) VALUES ('alive', ?1)")?
                .execute(params![ledger::nanos(*at)])
                .map(drop),
        }
    }

    fn adds_notifications(&self) -> bool {
        matches!(self, Self::Commit(batch) if !batch.notifications.is_empty())
    }
}

/// A piece of housekeeping, done step by step.
pub(super) struct Chore {
    work: Work,
    now: Timestamp,
    ack: Ack,
}

enum Work {
    RollUp(rollup::Progress),
    Retain(retention::Progress),
}

impl Chore {
    pub(super) fn roll_up(now: Timestamp, ack: Ack) -> Self {
        Self { work: Work::RollUp(rollup::Progress::new(now)), now, ack }
    }

    pub(super) fn retain(now: Timestamp, keep: Retention, ack: Ack) -> Self {
        Self { work: Work::Retain(retention::Progress::new(now, keep)), now, ack }
    }

    fn step(&mut self, connection: &Connection) -> rusqlite::Result<bool> {
        let transaction = connection.unchecked_transaction()?;
        let is_done = match &mut self.work {
            Work::RollUp(progress) => progress.step(&transaction, STEP)?,
            Work::Retain(progress) => progress.step(&transaction, STEP)?,
        };
        transaction.commit()?;
        Ok(is_done)
    }
}

pub(super) struct Writer {
    connection: Connection,
    path: Option<PathBuf>,
    jobs: Receiver<Job>,
    samples: Arc<SampleBuffer>,
    waiting: Arc<Waiting>,
    added: Arc<watch::Sender<u64>>,
    trouble: watch::Sender<Option<Trouble>>,
    backlog: VecDeque<Write>,
    chores: VecDeque<Chore>,
    /// Consecutive failures of the database.
    failures: u32,
}

/// Whether the thread goes on.
enum Turn {
    On,
    Closed(Option<Ack>),
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        path: Option<PathBuf>,
        jobs: Receiver<Job>,
        samples: Arc<SampleBuffer>,
        waiting: Arc<Waiting>,
        added: Arc<watch::Sender<u64>>,
        trouble: watch::Sender<Option<Trouble>>,
    ) -> Self {
        Self {
            connection,
            path,
            jobs,
            samples,
            waiting,
            added,
            trouble,
            backlog: VecDeque::new(),
            chores: VecDeque::new(),
            failures: 0,
        }
    }

    /// Writes until the store is closed or dropped; returns how that went to whoever waits for it.
    pub(super) fn run(mut self) -> Option<(Ack, Result<(), StoreError>)> {
        loop {
            let turn = self.listen();
            self.write_backlog();
            if let Turn::Closed(ack) = turn {
                let closed = self.finish();
                return ack.map(|ack| (ack, closed));
            }
            self.write_samples(Take::Old);
            self.keep_house();
        }
    }

    /// Takes in everything that was asked for; waits when there is nothing to do.
    fn listen(&mut self) -> Turn {
        let pause = if self.failures > 0 {
            RETRY.0.saturating_mul(1 << self.failures.min(6)).min(RETRY.1)
        } else if self.chores.is_empty() {
            IDLE
        } else {
            Duration::ZERO
        };
        let mut next = match self.jobs.recv_timeout(pause) {
            Ok(job) => Some(job),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Turn::Closed(None),
        };
        while let Some(job) = next {
            match job {
                Job::Write(write) => self.backlog.push_back(write),
                Job::Chore(chore) => self.chores.push_back(chore),
                Job::Read(look) => look(&self.connection),
                Job::Close(ack) => return Turn::Closed(Some(ack)),
            }
            if self.backlog.len() >= GROUP {
                break;
            }
            next = self.jobs.try_recv().ok();
        }
        Turn::On
    }

    fn write_backlog(&mut self) {
        let mut group = GROUP;
        while !self.backlog.is_empty() {
            let count = group.min(self.backlog.len());
            match self.write_group(count) {
                Ok(()) => self.recovered(),
                Err(error) if is_passing(&error) => {
                    self.failed(&error);
                    return;
                }
                // One of them can never be written: find it, and let the others pass.
                Err(_) if count > 1 => group = 1,
                Err(error) => {
                    tracing::error!(%error, "a batch cannot be written and is lost");
                    if let Some(write) = self.backlog.pop_front() {
                        self.acknowledge(write, Err(error.into()));
                    }
                }
            }
        }
    }

    /// Writes the first `count` in one transaction and acknowledges them.
    fn write_group(&mut self, count: usize) -> rusqlite::Result<()> {
        let transaction = self.connection.unchecked_transaction()?;
        for write in self.backlog.iter().take(count) {
            write.entry.write(&transaction)?;
        }
        transaction.commit()?;
        let written: Vec<Write> = self.backlog.drain(..count).collect();
        let adds = written.iter().any(|write| write.entry.adds_notifications());
        for write in written {
            self.acknowledge(write, Ok(()));
        }
        if adds {
            self.added.send_modify(|count| *count += 1);
        }
        Ok(())
    }

    fn acknowledge(&self, write: Write, outcome: Result<(), StoreError>) {
        let counter = write.entry.counted_in(&self.waiting);
        counter.fetch_sub(write.entry.len(), Ordering::AcqRel);
        // Whoever asked need not wait for the answer.
        let _ = write.ack.send(outcome);
    }

    /// Writes recent observations; says how many rows.
    fn write_samples(&mut self, which: Take) -> usize {
        // Changes come first; a database that refused them would only be asked twice.
        if !self.backlog.is_empty() {
            return 0;
        }
        match self.try_samples(which) {
            Ok(count) => {
                self.recovered();
                count
            }
            Err(error) => {
                self.failed(&error);
                0
            }
        }
    }

    fn try_samples(&self, which: Take) -> rusqlite::Result<usize> {
        let ready = self.samples.take(which);
        if ready.is_empty() {
            return Ok(0);
        }
        let transaction = self.connection.unchecked_transaction()?;
        for (check, chunk) in ready.iter() {
            let id = ledger::check_id(&transaction, check)?;
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO sample_chunk (check_id, first_ms, data)
                     VALUES (?1, ?2, ?3)",
                )?
                .execute(params![id, chunk.first_ms, chunk.data])?;
        }
        transaction.commit()?;
        self.samples.written();
        Ok(ready.len())
    }

    /// One step of the oldest chore.
    fn keep_house(&mut self) {
        let Some(mut chore) = self.chores.pop_front() else { return };
        if matches!(chore.work, Work::RollUp(_))
            && self.write_samples(Take::OldAt(chore.now)) == CHUNKS_AT_ONCE
        {
            // There is more, and it belongs into the sums.
            self.chores.push_front(chore);
            return;
        }
        match chore.step(&self.connection) {
            Ok(true) => {
                let _ = chore.ack.send(Ok(()));
            }
            Ok(false) => self.chores.push_front(chore),
            Err(error) => {
                // The next run takes up where this one left off.
                let _ = chore.ack.send(Err(error.into()));
            }
        }
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        while self.try_samples(Take::All)? > 0 {}
        let left = self.backlog.len();
        if left > 0 {
            tracing::error!(left, "the database failed to the end: these changes are lost");
            return Err(StoreError::Closed);
        }
        Ok(())
    }

    fn recovered(&mut self) {
        if self.failures > 0 {
            self.failures = 0;
            self.trouble.send_replace(None);
            tracing::info!("the database can be written again");
        }
    }

    fn failed(&mut self, error: &rusqlite::Error) {
        self.failures = self.failures.saturating_add(1);
        let Waiting { decided, notes } = &*self.waiting;
        let waiting = decided.load(Ordering::Acquire) + notes.load(Ordering::Acquire);
        tracing::warn!(%error, waiting, "the database cannot be written; kept in memory, tried again");
        let since = self.trouble.borrow().as_ref().map(|trouble| trouble.since);
        let since = since
            .or(self.backlog.front().map(|write| write.at))
            .unwrap_or_else(|| self.samples.latest());
        let path = self.path.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
        let message = health::text!(
            "The database {path} cannot be written: {error}. Probing goes on; {waiting} changes wait \
             in memory, and their notifications are sent once they are written. See `df -h` and \
             `ls -l {path}`.",
            "데이터베이스 {path}에 기록할 수 없습니다: {error}. 점검은 계속됩니다. 변경 {waiting}건이 메모리에서 \
             대기 중이며, 해당 알림은 기록된 뒤에 전송됩니다. `df -h`와 `ls -l {path}`로 확인해 주세요.",
            path = path,
            error = error,
            waiting = waiting
        );
        self.trouble.send_replace(Some(Trouble { since, message }));
    }
}

/// The same write may succeed later: no space, no lock, no right, a broken disk. Anything else is a
/// fault of the write itself.
fn is_passing(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => !matches!(
            failure.code,
            ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch
                | ErrorCode::TooBig
                | ErrorCode::ParameterOutOfRange
                | ErrorCode::ApiMisuse
        ),
        _ => false,
    }
}
