//! The sockets that are there to stay: seen twice, a moment apart.

use std::io;
use std::time::Duration;

use crate::clock;
use crate::listeners::{Sockets, Table};

/// What lives shorter than this is no service.
const APART: Duration = Duration::from_millis(700);

/// The socket table without what came or went between two looks.
///
/// # Errors
/// When the socket table cannot be read.
pub(super) async fn steady() -> io::Result<Table> {
    let sockets = Sockets::default();
    let first = sockets.table(Duration::ZERO).await?;
    tokio::time::sleep_until((clock::monotonic() + APART).into()).await;
    let second = sockets.table(Duration::ZERO).await?;
    let mut table = (*second).clone();
    table.listeners.retain(|listener| {
        // By place and not by socket: a service that has just been restarted is one all the same.
        let is_same = |other: &health::Listener| {
            (other.protocol, other.bind) == (listener.protocol, listener.bind)
        };
        first.machine().on(listener.protocol, listener.bind.port()).iter().any(is_same)
    });
    Ok(table)
}
