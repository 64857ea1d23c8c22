//! Sockets that the operating system says are listening, and who owns them.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Protocol;

/// One listening socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Transport.
    pub protocol: Protocol,
    /// The address it is bound to, with the port.
    pub bind: SocketAddr,
    /// Bound to `::` and takes v6 connections alone; `None` when unknown or not v6.
    pub v6_only: Option<bool>,
    /// The socket's inode.
    pub inode: u64,
    /// Who owns it.
    pub owner: Owner,
}

/// Who owns a socket, or why that cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// One process or several (a parent and its workers), the oldest first; never empty.
    Processes(Vec<Arc<Process>>),
    /// This agent may not look into the owner's /proc entry; the user id is from the socket table.
    Hidden {
        /// User id of the socket's owner.
        uid: u32,
    },
    /// No process holds it: a socket of the kernel's own (NFS, WireGuard).
    Kernel,
}

/// A process as /proc shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// The name that `ss -p` shows (`/proc/PID/comm`, at most 15 bytes).
    pub name: String,
    /// Path of the executable, where it may be read.
    pub executable: Option<String>,
    /// Command line, blanks between the arguments, at most 512 bytes.
    pub command_line: String,
    /// User id.
    pub uid: u32,
    /// systemd unit or container id from its cgroup, where there is one.
    pub unit: Option<String>,
}
