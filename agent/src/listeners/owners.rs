//! Who holds which socket, remembered between reads.
//!
//! Finding out means following every descriptor of every process, so it is done only when there
//! is a reason: a socket nobody has looked for, a holder that has let go, or time gone by (a
//! worker may have inherited a socket since). Whom a socket is remembered to belong to is checked
//! against the descriptor itself once a second; a process that is gone is named no longer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use health::{Owner, Process, Protocol};
use rustc_hash::{FxHashMap, FxHashSet};
use rustix::io::Errno;

use super::containers::Containers;
use super::proc_dir::{ProcDir, pids};
use super::process::{self, Known, read_capped};
use super::socket::{Socket, SocketId};

/// After this long new holders of known sockets are looked for.
const RESCAN: Duration = Duration::from_secs(30);
/// How long a holder that has let go may still be named.
const VERIFY: Duration = Duration::from_secs(1);
/// New UDP sockets may cost one part in this many of one core: resolvers open them all the time.
const UDP_SHARE: u32 = 20;
/// How long a UDP port is remembered that somebody held for longer than a question takes.
const AWAITED: Duration = Duration::from_secs(60 * 60);
/// A large machine's file of users.
const USERS_BYTES: u64 = 1 << 20;

/// Who holds which socket.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// Process ids by socket, the oldest process first; empty when nobody was found.
    holders: FxHashMap<SocketId, Vec<u32>>,
    processes: FxHashMap<u32, Holder>,
    scan: Option<Scan>,
    verified: Option<Instant>,
    /// When everything about the holders was last read anew.
    read_again: Option<Instant>,
    /// Sockets that no scan has looked for.
    unknown_tcp: usize,
    unknown_udp: usize,
    /// Among them is one on a port that a service held before: it has been restarted.
    is_back: bool,
    /// UDP ports whose socket was there at two scans in a row, and when last. What resolvers open
    /// for one question seldom lives that long.
    lasting: FxHashMap<u16, Instant>,
    /// A socket that nobody held at the last scan was held by nobody for the first time: its
    /// process may have been about to start, so it is looked for once more soon.
    orphaned: bool,
    users: BTreeMap<u32, String>,
}

#[derive(Debug)]
struct Holder {
    started: u64,
    process: Arc<Process>,
    /// A descriptor through which it holds this socket.
    witness: (u32, u64),
}

#[derive(Clone, Copy, Debug)]
struct Scan {
    ended: Instant,
    took: Duration,
    /// Not every process could be looked into.
    blind: bool,
}

impl Owners {
    /// Takes in a changed list of sockets: forgets those that are gone, counts those that are new.
    pub(super) fn adopt(&mut self, sockets: &[Socket]) {
        let present: FxHashSet<SocketId> = sockets.iter().map(|socket| socket.id).collect();
        self.holders.retain(|id, _| present.contains(id));
        let named: FxHashSet<u32> = self.holders.values().flatten().copied().collect();
        self.processes.retain(|pid, _| named.contains(pid));
        let unknown = |protocol| {
            sockets
                .iter()
                .filter(|one| one.protocol == protocol && !self.holders.contains_key(&one.id))
                .count()
        };
        (self.unknown_tcp, self.unknown_udp) = (unknown(Protocol::Tcp), unknown(Protocol::Udp));
        self.is_back = sockets.iter().any(|one| {
            one.protocol == Protocol::Udp
                && self.lasting.contains_key(&one.bind.port())
                && !self.holders.contains_key(&one.id)
        });
    }

    /// Looks for owners if there is a reason to, and says whether it did.
    pub(super) fn settle(&mut self, sockets: &[Socket], now: Instant) -> Settled {
        let Some(scan) = self.scan else { return self.look(sockets, now) };
        let since = now.saturating_duration_since(scan.ended);
        let udp_may = since >= scan.took * UDP_SHARE;
        if self.unknown_tcp > 0
            || self.is_back
            || (self.unknown_udp > 0 && udp_may)
            || since >= RESCAN
        {
            return self.look(sockets, now);
        }
        if self.verified.is_none_or(|at| now.saturating_duration_since(at) >= VERIFY) {
            self.verified = Some(now);
            // A process that has become another program by exec still holds its sockets.
            let is_as_before = |(pid, holder): (&u32, &Holder)| {
                let (descriptor, inode) = holder.witness;
                let Some(folder) = ProcDir::open(*pid) else { return false };
                folder.socket(descriptor) == Some(inode)
                    && process::name(&folder).is_some_and(|name| name == holder.process.name)
            };
            if self.orphaned || !self.processes.iter().all(is_as_before) {
                return self.look(sockets, now);
            }
        }
        Settled::AsBefore
    }

    /// The owner of a socket; `None` for one that has not been looked for yet.
    pub(super) fn of(&self, socket: &Socket) -> Option<Owner> {
        let pids = self.holders.get(&socket.id)?;
        let process = |pid| self.processes.get(pid).map(|holder| holder.process.clone());
        let processes: Vec<Arc<Process>> = pids.iter().filter_map(process).collect();
        let blind = self.scan.is_some_and(|scan| scan.blind);
        Some(match (processes.is_empty(), blind) {
            (false, _) => Owner::Processes(processes),
            (true, true) => Owner::Hidden { uid: socket.uid },
            (true, false) => Owner::Kernel,
        })
    }

    /// Names of this machine's users.
    pub(super) fn users(&self) -> &BTreeMap<u32, String> {
        &self.users
    }

    /// Follows every descriptor of every process. What is known of a process is read again after
    /// a while only: it may have written over its command line.
    fn look(&mut self, sockets: &[Socket], now: Instant) -> Settled {
        let began = crate::clock::monotonic();
        let known = std::mem::take(&mut self.processes);
        let is_stale = self.read_again.is_none_or(|at| now.saturating_duration_since(at) >= RESCAN);
        if is_stale {
            self.read_again = Some(now);
        }
        let wanted: FxHashSet<u64> = sockets.iter().map(|socket| socket.id.inode).collect();
        let (mut seen, mut containers) = (Seen::default(), Containers::default());
        let mut by_inode: FxHashMap<u64, Vec<u32>> = FxHashMap::default();
        by_inode.reserve(sockets.len());
        for pid in seen.processes() {
            let Some(folder) = seen.look_into(pid, &wanted) else { continue };
            let Some(&witness) = seen.held.first() else { continue };
            let before = known.get(&pid).filter(|_| !is_stale);
            let before =
                before.map(|holder| Known { started: holder.started, process: &holder.process });
            let Some((started, mut process)) = process::read(&folder, pid, before) else {
                continue;
            };
            let is_new = before.is_none_or(|known| !Arc::ptr_eq(known.process, &process));
            if is_new && let Some(container) = containers.behind(&process) {
                Arc::make_mut(&mut process).unit = Some(container);
            }
            self.processes.insert(pid, Holder { started, process, witness });
            for &(_, inode) in &seen.held {
                let pids = by_inode.entry(inode).or_default();
                // One process may hold a socket twice; its descriptors come one after another.
                if pids.last() != Some(&pid) {
                    pids.push(pid);
                }
            }
        }
        let blind = seen.is_blind();
        for pids in by_inode.values_mut() {
            pids.sort_by_key(|pid| (self.processes.get(pid).map(|holder| holder.started), *pid));
        }
        // A table that changed while it was read may hold one socket twice.
        let mut holders: FxHashMap<SocketId, Vec<u32>> = FxHashMap::default();
        holders.reserve(sockets.len());
        for &Socket { id, .. } in sockets {
            let pids = || by_inode.remove(&id.inode).unwrap_or_default();
            holders.entry(id).or_insert_with(pids);
        }
        self.lasting.retain(|_, at| now.saturating_duration_since(*at) < AWAITED);
        for one in sockets.iter().filter(|one| one.protocol == Protocol::Udp) {
            if self.holders.contains_key(&one.id) {
                self.lasting.insert(one.bind.port(), now);
            }
        }
        let was_held = |id| self.holders.get(id).is_none_or(|pids| !pids.is_empty());
        self.orphaned = holders.iter().any(|(id, pids)| pids.is_empty() && was_held(id));
        self.holders = holders;
        (self.unknown_tcp, self.unknown_udp, self.is_back) = (0, 0, false);
        self.users = users();
        let ended = crate::clock::monotonic();
        self.scan = Some(Scan { ended, took: ended - began, blind });
        self.verified = Some(ended);
        Settled::Anew
    }
}

/// Whether owners were looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    Anew,
    AsBefore,
}

/// A descriptor and the inode of the socket behind it.
type Descriptor = (u32, u64);

/// One walk over all processes.
#[derive(Debug, Default)]
struct Seen {
    /// What the process looked into last holds of what is wanted.
    held: Vec<Descriptor>,
    /// Some processes could not be looked into.
    blind: bool,
    init: bool,
}

impl Seen {
    fn processes(&mut self) -> Vec<u32> {
        let pids = pids().unwrap_or_default();
        self.init = pids.contains(&1);
        pids
    }

    /// Fills `held`; `None` when there is nothing in it.
    fn look_into(&mut self, pid: u32, wanted: &FxHashSet<u64>) -> Option<ProcDir> {
        self.held.clear();
        let folder = ProcDir::open(pid)?;
        let held = &mut self.held;
        let walked = folder.sockets(|descriptor, inode| {
            if wanted.contains(&inode) {
                held.push((descriptor, inode));
            }
        });
        // Any other error: it is gone already.
        self.blind |= walked == Err(Errno::ACCESS);
        (!self.held.is_empty()).then_some(folder)
    }

    /// Mounted with hidepid, /proc does not even list what may not be looked into.
    fn is_blind(&self) -> bool {
        self.blind || !self.init
    }
}

/// `/etc/passwd`; users from elsewhere (LDAP) stay numbers.
fn users() -> BTreeMap<u32, String> {
    let file = read_capped("/etc/passwd", USERS_BYTES).unwrap_or_default();
    let file = String::from_utf8_lossy(&file);
    let user = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        Some((fields.nth(1)?.parse().ok()?, name.to_owned()))
    };
    // The first of several names of one number is what `id` shows.
    file.lines().rev().filter_map(user).collect()
}
