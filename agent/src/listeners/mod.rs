//! What this machine listens on, and who owns it: netlink `sock_diag`, owners from /proc.
//!
//! One read serves everybody who asks at about the same time, and a read that finds the same
//! sockets as the one before hands out the same table. Deliberately absent: judgement, which is
//! pure and lives in [`health::ports`]. Connected sockets are read only for who asks which ports are
//! free.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use health::Listener;
use health::ports::{Machine, Names};
use tokio::sync::watch;
use tokio::time::timeout_at;

mod client_ports;
mod connections;
mod containers;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod interfaces;
mod netlink;
mod owners;
mod proc_dir;
mod proc_net;
mod process;
mod reader;
mod seen_from;
mod socket;

pub use connections::occupancy;
use reader::Reader;
pub use seen_from::{limits, owners_hidden};

/// All listening sockets at one moment.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Every listening TCP socket and bound UDP socket, in the order of [`health::ports::order`].
    pub listeners: Vec<Listener>,
    /// Some owners could not be seen for lack of the right to look into /proc.
    pub owners_hidden: bool,
    /// The addresses of this machine's interfaces; empty when they could not be read.
    pub addresses: Vec<IpAddr>,
    /// Ports that the system gives to clients, both ends included (`ip_local_port_range`).
    pub ephemeral: (u16, u16),
    /// Ports among them that it keeps back all the same (`ip_local_reserved_ports`), as sorted
    /// ranges; `None` when they could not be read.
    pub kept_back: Option<Vec<(u16, u16)>>,
    /// Names of this machine's users, by user id.
    pub users: BTreeMap<u32, String>,
    names: Names,
}

impl Table {
    /// The same, as judgement wants it.
    #[must_use]
    pub fn machine(&self) -> Machine<'_> {
        Machine {
            listeners: &self.listeners,
            addresses: &self.addresses,
            ephemeral: self.ephemeral,
            kept_back: self.kept_back.as_deref(),
            users: &self.users,
            names: &self.names,
        }
    }
}

/// A read that takes longer hangs, as /proc does behind a process in uninterruptible sleep: nobody
/// waits for it any longer.
const HANGS_AFTER: Duration = Duration::from_secs(10);

/// Reads the socket table, at most once per `max_age` however many claims ask.
#[derive(Clone, Debug, Default)]
pub struct Sockets {
    shared: Arc<Mutex<Shared>>,
}

/// Never locked while anything is read.
#[derive(Debug, Default)]
struct Shared {
    latest: Option<Reading>,
    /// There while a read is under way; everybody who needs it waits on it.
    under_way: Option<UnderWay>,
    /// Gone while a read is under way.
    reader: Option<Box<Reader>>,
}

/// A read that has not ended.
#[derive(Clone, Debug)]
struct UnderWay {
    began: Instant,
    outcome: watch::Receiver<Option<Outcome>>,
    /// The log says that it hangs.
    is_told: bool,
}

/// One successful read.
#[derive(Clone, Debug)]
struct Reading {
    began: Instant,
    table: Arc<Table>,
}

/// How one read ended. Shared by all who waited, which an [`io::Error`] cannot be.
type Outcome = Result<Reading, (io::ErrorKind, Arc<str>)>;

impl Sockets {
    /// The table, not older than `max_age`.
    ///
    /// # Errors
    /// When neither netlink nor /proc/net can be read, or reading hangs: the next one starts only
    /// when that has ended, so that threads do not pile up behind it.
    pub async fn table(&self, max_age: Duration) -> Result<Arc<Table>, io::Error> {
        let asked = crate::clock::monotonic();
        let is_fresh = |reading: &Reading| reading.began + max_age >= asked;
        loop {
            let UnderWay { began, outcome: mut read, .. } = {
                let mut shared = lock(&self.shared);
                if let Some(reading) = shared.latest.as_ref().filter(|reading| is_fresh(reading)) {
                    return Ok(reading.table.clone());
                }
                // A sender that is gone belonged to a read that panicked.
                let alive = |read: &&UnderWay| read.outcome.has_changed().is_ok();
                match shared.under_way.as_ref().filter(alive) {
                    Some(read) => read.clone(),
                    None => self.start(&mut shared),
                }
            };
            let ended = read.wait_for(Option::is_some);
            let outcome = match timeout_at((began + HANGS_AFTER).into(), ended).await {
                Ok(Ok(outcome)) => outcome.clone(),
                Ok(Err(_)) => None,
                Err(_) => return Err(self.hangs(began)),
            };
            match outcome {
                // One that was under way before we asked may be too old: then the next one is not.
                Some(Ok(reading)) if is_fresh(&reading) => return Ok(reading.table),
                Some(Ok(_)) => {}
                Some(Err((kind, words))) => return Err(io::Error::new(kind, &*words)),
                None => return Err(io::Error::other("reading the socket table panicked")),
            }
        }
    }

    /// The table that was read last, however old; `None` before the first.
    #[must_use]
    pub fn last(&self) -> Option<Arc<Table>> {
        lock(&self.shared).latest.as_ref().map(|reading| reading.table.clone())
    }

    /// Gives up on a read, and says so once in the log.
    fn hangs(&self, began: Instant) -> io::Error {
        let mut shared = lock(&self.shared);
        let hanging = shared.under_way.as_mut().filter(|read| read.began == began && !read.is_told);
        if let Some(read) = hanging {
            read.is_told = true;
            tracing::error!(
                seconds = HANGS_AFTER.as_secs(),
                "reading the socket table hangs; ports of this machine cannot be judged until it ends"
            );
        }
        let seconds = HANGS_AFTER.as_secs();
        let words = format!("reading it has been under way for more than {seconds} s");
        io::Error::new(io::ErrorKind::TimedOut, words)
    }

    /// Starts a read that goes on even when nobody waits for it any more.
    fn start(&self, shared: &mut Shared) -> UnderWay {
        let (sender, outcome) = watch::channel(None);
        let began = crate::clock::monotonic();
        let under_way = UnderWay { began, outcome, is_told: false };
        shared.under_way = Some(under_way.clone());
        let mut reader = shared.reader.take().unwrap_or_default();
        let shared = self.shared.clone();
        tokio::task::spawn_blocking(move || {
            let began = crate::clock::monotonic();
            let outcome: Outcome = reader
                .read()
                .map(|table| Reading { began, table })
                .map_err(|error| (error.kind(), error.to_string().into()));
            {
                let mut shared = lock(&shared);
                shared.reader = Some(reader);
                shared.under_way = None;
                if let Ok(reading) = &outcome {
                    shared.latest = Some(reading.clone());
                }
            }
            sender.send_replace(Some(outcome));
        });
        under_way
    }

    /// One whose read began long ago and never ends.
    #[cfg(test)]
    pub(crate) fn hanging() -> (Self, impl Sized) {
        let (sender, outcome) = watch::channel(None);
        let now = crate::clock::monotonic();
        let began = now.checked_sub(HANGS_AFTER).unwrap_or(now);
        let sockets = Self::default();
        lock(&sockets.shared).under_way = Some(UnderWay { began, outcome, is_told: false });
        (sockets, sender)
    }
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    // Nothing panics while it is held, and every state of it is whole.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
