//! One listening socket as the kernel tells it, before anybody has looked for its owner.

use std::net::SocketAddr;

use health::Protocol;

/// One listening socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) protocol: Protocol,
    pub(super) bind: SocketAddr,
    pub(super) v6_only: Option<bool>,
    pub(super) id: SocketId,
    pub(super) uid: u32,
}

/// What tells one socket from every other since the machine started. Inodes alone come round
/// again; the cookie does not, but is 0 where only /proc could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SocketId {
    pub(super) inode: u64,
    pub(super) cookie: u64,
}

/// IP version of a socket table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// The four tables that are read, in this order.
pub(super) const TABLES: [(Protocol, Family); 4] = [
    (Protocol::Tcp, Family::V4),
    (Protocol::Tcp, Family::V6),
    (Protocol::Udp, Family::V4),
    (Protocol::Udp, Family::V6),
];
