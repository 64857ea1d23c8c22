//! The embedded database: what must survive the process.
//!
//! One thread writes, in batches, each one transaction; reads go through connections of their own and
//! never wait for it. What cannot be written (a full disk, a locked file) is kept in memory up to a
//! bound and tried again, while probing goes on; [`Store::trouble`] says so.
//!
//! Deliberately absent: clocks (every call that needs the time takes it) and decisions.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use alerts::{Gathered, Notification, OpenIncident};
use health::facts::CertificatesSeen;
use health::history::{Change, Sample};
use health::ports::Tenure;
use health::records::RecordTurn;
use health::snapshot::{Outcome, Trouble};
use health::{Decision, Incident, Silence, State};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{oneshot, watch};

mod certificates;
mod ledger;
mod open;
mod outbox;
mod outcomes;
mod pulses;
mod quiet;
mod read;
mod retention;
mod rollup;
mod samples;
mod schema;
mod tenures;
mod turns;
mod writer;

pub use retention::Retention;

use crate::probe::heartbeat::Pulse;
use read::Reads;
use samples::SampleBuffer;
use writer::{Chore, Entry, Job, Write};

/// Changes, incidents and notifications that may wait in memory for a database that fails. Beyond
/// that, the newest batch is refused, counted and told in the log.
const WAITING: usize = 20_000;
/// Tenures, certificates, outcomes and turns of records that may wait beside them. Losing one loses history alone, so they
/// never take the room of what must be told.
const NOTES: usize = 10_000;
/// How long `/readyz` waits for the database.
const WRITABLE_WITHIN: Duration = Duration::from_secs(2);
/// How long a proof that the database can be written holds.
const WRITABLE_FOR: SignedDuration = SignedDuration::from_secs(10);

/// A handle on the database; cheap to clone. Once the last one is dropped, what was handed over is
/// still written; [`Store::close`] waits for it.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.0.path).finish()
    }
}

struct Shared {
    jobs: mpsc::Sender<Job>,
    waiting: Arc<Waiting>,
    refused: AtomicU64,
    samples: Arc<SampleBuffer>,
    reads: Reads,
    trouble: watch::Receiver<Option<Trouble>>,
    added: Arc<watch::Sender<u64>>,
    /// When writing was last proven, nanoseconds; 0: never.
    proven_at: AtomicI64,
    path: Option<PathBuf>,
}

/// What waits in memory for the database.
#[derive(Debug, Default)]
struct Waiting {
    /// Changes, incidents, notifications and what became of these.
    decided: AtomicUsize,
    /// Tenures, certificates, outcomes and turns of records.
    notes: AtomicUsize,
}

/// What one turn of the loop writes down: what it decided in one transaction, then what it noted
/// (tenures, certificates, outcomes and turns of records).
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// When it was decided.
    pub at: Timestamp,
    /// Changes of state, by check name.
    pub changes: Vec<(Arc<str>, Change)>,
    /// Incidents that opened, changed or resolved.
    pub incidents: Vec<Incident>,
    /// Ports that changed hands, by check name.
    pub tenures: Vec<(Arc<str>, Arc<Tenure>)>,
    /// Checks that saw other certificates than before.
    pub certificates: Vec<(Arc<str>, CertificatesSeen)>,
    /// Looks that came out another way than the one before, by check name.
    pub outcomes: Vec<(Arc<str>, Outcome)>,
    /// What nameservers said anew of their records, by check name.
    pub turns: Vec<(Arc<str>, Vec<RecordTurn>)>,
    /// What jobs have reported, by check name; `None`: to be forgotten.
    pub pulses: Vec<(Arc<str>, Option<Pulse>)>,
    /// Silences that were made, changed or ended.
    pub silences: Vec<Silence>,
    /// What was decided about telling whom of what, by the incident's id.
    pub decisions: Vec<(Arc<str>, Decision)>,
    /// Messages that follow, in the order in which they are to be sent.
    pub notifications: Vec<Notification>,
    /// What waited for others and does no longer, those messages among them.
    pub complete: Vec<Gathered>,
}

impl Batch {
    /// Nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes tenures, certificates, outcomes and turns of records out.
    fn split_notes(&mut self) -> Self {
        Self {
            at: self.at,
            tenures: std::mem::take(&mut self.tenures),
            certificates: std::mem::take(&mut self.certificates),
            outcomes: std::mem::take(&mut self.outcomes),
            turns: std::mem::take(&mut self.turns),
            pulses: std::mem::take(&mut self.pulses),
            ..Self::default()
        }
    }

    fn len(&self) -> usize {
        self.changes.len()
            + self.tenures.len()
            + self.certificates.len()
            + self.outcomes.len()
            + self.turns.len()
            + self.pulses.len()
            + self.incidents.len()
            + self.silences.len()
            + self.decisions.len()
            + self.notifications.len()
            + self.complete.len()
    }
}

/// What the agent knew when it last ran.
#[derive(Debug, Default)]
pub struct Restored {
    /// Open incidents with whom they were told to: for [`alerts::Engine::resume`].
    pub incidents: Vec<OpenIncident>,
    /// The last state of every check, and since when.
    pub states: HashMap<Arc<str>, (State, Timestamp)>,
    /// Changes of state of the last hour, oldest first: for [`alerts::Engine::resume_turns`].
    pub turns: Vec<(Arc<str>, Timestamp, State)>,
    /// Who holds every port, and since when.
    pub tenures: HashMap<Arc<str>, Tenure>,
    /// The certificates that every check saw last.
    pub certificates: HashMap<Arc<str>, CertificatesSeen>,
    /// How every check that speaks HTTP came out last, well and badly.
    pub outcomes: HashMap<Arc<str>, Vec<Outcome>>,
    /// What every job has reported.
    pub pulses: HashMap<Arc<str>, Pulse>,
    /// Silences, those that have ended among them.
    pub silences: Vec<Silence>,
    /// The agent's last sign of life.
    pub alive_at: Option<Timestamp>,
    /// Notifications not yet delivered.
    pub pending: u64,
}

/// The database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It could not be opened.
    #[error("the database {} cannot be opened: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<StoreError>,
    },
    /// Another agent has it open; two would send everything twice.
    #[error("another portwarden is running with this database")]
    InUse,
    /// It was written by a later version.
    #[error("it was written by a later version of portwarden (format {version})")]
    Newer {
        /// Its format.
        version: u32,
    },
    /// The file exists and may not be written.
    #[error("it may only be read: check its owner and mode with `ls -l`")]
    ReadOnly,
    /// The file system refused.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// SQLite refused.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// Too much waits in memory already.
    #[error("{WAITING} changes wait for the database already; this one is lost")]
    Backlog,
    /// Too many tenures, certificates, outcomes and turns of records wait in memory already.
    #[error(
        "{NOTES} tenures, certificates, outcomes and turns of records wait for the database already; these are lost"
    )]
    Notes,
    /// The store was closed.
    #[error("the database is closed")]
    Closed,
}

/// A promise that a batch is durable; may be dropped.
#[derive(Debug)]
pub struct Receipt(oneshot::Receiver<Result<(), StoreError>>);

impl Receipt {
    /// Waits until it is durable, however long the database fails.
    ///
    /// # Errors
    /// When it never will be: too much was waiting, it is not acceptable, or the store was closed.
    pub async fn written(self) -> Result<(), StoreError> {
        self.0.await.unwrap_or(Err(StoreError::Closed))
    }
}

impl Store {
    /// Hands a batch over; returns at once. It is kept in memory and tried again while the database
    /// fails; nothing in it is delivered before it is durable. The receipt is for what was noted
    /// only when there is nothing else: where too many wait, they are left out.
    pub fn commit(&self, mut batch: Batch) -> Receipt {
        let at = batch.at;
        let notes = batch.split_notes();
        if notes.is_empty() {
            return self.submit(Entry::Commit(Box::new(batch)), at);
        }
        let decided = (!batch.is_empty()).then(|| self.submit(Entry::Commit(Box::new(batch)), at));
        let noted = self.submit(Entry::Note(Box::new(notes)), at);
        decided.unwrap_or(noted)
    }

    /// Adds observations to the recent ones; never waits for the disk. They become durable within five
    /// minutes; when the writer is behind, they are dropped and counted.
    pub fn append<'a>(&self, samples: impl IntoIterator<Item = (&'a Arc<str>, Sample)>) {
        // Without a file they would fill the memory.
        if self.0.path.is_some() {
            self.0.samples.add(samples);
        }
    }

    /// Boils observations down to minutes, hours and days. Takes up where it left off; may be called
    /// again for the same time. Commits pass in between.
    ///
    /// # Errors
    /// When the database refuses; what was done stays done.
    pub async fn roll_up(&self, now: Timestamp) -> Result<(), StoreError> {
        self.chore(|done| Chore::roll_up(now, done)).await
    }

    /// Forgets what is older than wanted, in small pieces. Commits pass in between.
    ///
    /// # Errors
    /// When the database refuses; what was done stays done.
    pub async fn retain(&self, now: Timestamp, keep: Retention) -> Result<(), StoreError> {
        self.chore(|done| Chore::retain(now, keep, done)).await
    }

    /// Whether the database can be written right now (proven within the last ten seconds).
    pub async fn writable(&self, now: Timestamp) -> bool {
        if self.0.path.is_none() || self.0.trouble.borrow().is_some() {
            return false;
        }
        let nanos = ledger::nanos(now);
        let since = nanos.saturating_sub(self.0.proven_at.load(Ordering::Relaxed));
        if (0..i64::try_from(WRITABLE_FOR.as_nanos()).unwrap_or(0)).contains(&since) {
            return true;
        }
        let receipt = self.submit(Entry::Heartbeat { at: now }, now);
        let proven = tokio::time::timeout(WRITABLE_WITHIN, receipt.written()).await;
        let is_proven = matches!(proven, Ok(Ok(())));
        if is_proven {
            self.0.proven_at.store(nanos, Ordering::Relaxed);
        }
        is_proven
    }

    /// Writes down that the agent is alive; nobody waits for it.
    pub fn note_alive(&self, now: Timestamp) {
        drop(self.submit(Entry::Heartbeat { at: now }, now));
    }

    /// What ails the database, if anything.
    #[must_use]
    pub fn trouble(&self) -> watch::Receiver<Option<Trouble>> {
        self.0.trouble.clone()
    }

    /// Observations dropped because the writer was behind.
    #[must_use]
    pub fn samples_dropped(&self) -> u64 {
        self.0.samples.dropped()
    }

    /// Batches refused because too much was waiting.
    #[must_use]
    pub fn batches_refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// The file; `None` when everything is in memory only.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// Writes everything that waits, recent observations too, and ends the writer.
    ///
    /// # Errors
    /// When the database refuses: what waited is lost.
    pub async fn close(&self) -> Result<(), StoreError> {
        let (ack, done) = oneshot::channel();
        self.0.jobs.send(Job::Close(ack)).map_err(|_| StoreError::Closed)?;
        done.await.unwrap_or(Err(StoreError::Closed))
    }

    fn submit(&self, entry: Entry, at: Timestamp) -> Receipt {
        let (ack, receipt) = oneshot::channel();
        let size = entry.len();
        let counter = entry.counted_in(&self.0.waiting);
        let waiting = counter.fetch_add(size, Ordering::AcqRel);
        let is_note = matches!(entry, Entry::Note(_));
        // A large plan notes more than the bound in its first turn; alone it may pass.
        let is_beyond =
            if is_note { waiting > 0 && waiting + size > NOTES } else { waiting + size > WAITING };
        let refusal = if is_beyond {
            if !is_note {
                self.0.refused.fetch_add(1, Ordering::Relaxed);
            }
            Some((ack, if is_note { StoreError::Notes } else { StoreError::Backlog }))
        } else {
            match self.0.jobs.send(Job::Write(Write { entry, at, ack })) {
                Ok(()) => None,
                Err(mpsc::SendError(Job::Write(write))) => Some((write.ack, StoreError::Closed)),
                Err(_) => return Receipt(receipt),
            }
        };
        if let Some((ack, error)) = refusal {
            counter.fetch_sub(size, Ordering::AcqRel);
            tracing::error!(%error, "not written down");
            // Nobody may be waiting for it.
            let _ = ack.send(Err(error));
        }
        Receipt(receipt)
    }

    async fn chore(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<(), StoreError>>) -> Chore,
    ) -> Result<(), StoreError> {
        let (ack, done) = oneshot::channel();
        self.0.jobs.send(Job::Chore(make(ack))).map_err(|_| StoreError::Closed)?;
        done.await.unwrap_or(Err(StoreError::Closed))
    }
}

#[cfg(test)]
mod tests;
