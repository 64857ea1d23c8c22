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

mod client_ports;
mod connections;
mod containers;
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
    under_way: Option<watch::Receiver<Option<Outcome>>>,
    /// Gone while a read is under way.
    reader: Option<Box<Reader>>,
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
    /// When neither netlink nor /proc/net can be read.
    pub async fn table(&self, max_age: Duration) -> Result<Arc<Table>, io::Error> {
        let asked = crate::clock::monotonic();
        let is_fresh = |reading: &Reading| reading.began + max_age >= asked;
        loop {
            let mut read = {
                let mut shared = lock(&self.shared);
                if let Some(reading) = shared.latest.as_ref().filter(|reading| is_fresh(reading)) {
                    return Ok(reading.table.clone());
                }
                // A sender that is gone belonged to a read that panicked.
                let alive = |read: &&watch::Receiver<_>| read.has_changed().is_ok();
                match shared.under_way.as_ref().filter(alive) {
                    Some(read) => read.clone(),
                    None => self.start(&mut shared),
                }
            };
            let outcome = match read.wait_for(Option::is_some).await {
                Ok(outcome) => outcome.clone(),
                Err(_) => None,
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

    /// Starts a read that goes on even when nobody waits for it any more.
    fn start(&self, shared: &mut Shared) -> watch::Receiver<Option<Outcome>> {
        let (sender, receiver) = watch::channel(None);
        shared.under_way = Some(receiver.clone());
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
        receiver
    }
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    // Nothing panics while it is held, and every state of it is whole.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
