//! What this machine listens on, and who owns it: netlink `sock_diag`, owners from /proc.

use std::sync::Arc;
use std::time::Duration;

use health::Listener;

/// All listening sockets at one moment.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Every listening TCP socket and bound UDP socket.
    pub listeners: Vec<Listener>,
    /// Some owners could not be seen for lack of the right to look into /proc.
    pub owners_hidden: bool,
}

/// Reads the socket table, at most once per `MAX_AGE` however many claims ask.
#[derive(Debug, Default)]
pub struct Sockets {}

impl Sockets {
    /// The table, not older than `max_age`.
    ///
    /// # Errors
    /// When neither netlink nor /proc/net can be read.
    pub async fn table(&self, max_age: Duration) -> Result<Arc<Table>, std::io::Error> {
        let _ = max_age;
        todo!()
    }
}
