//! One read of the socket table after another, as cheap as the machine has changed little.

use std::io;
use std::sync::Arc;

use health::{Listener, Owner};

use super::netlink::Netlink;
use super::owners::{Owners, Settled};
use super::socket::{Socket, TABLES};
use super::{Table, client_ports, interfaces, proc_net};

/// Remembers the last read, so that the next one only does what is new.
#[derive(Debug, Default)]
pub(super) struct Reader {
    sockets: Vec<Socket>,
    owners: Owners,
    table: Option<Arc<Table>>,
}

impl Reader {
    /// Reads the table. Blocks; hands out the last one again when nothing has changed.
    pub(super) fn read(&mut self) -> io::Result<Arc<Table>> {
        let sockets = sockets()?;
        let addresses = interfaces::addresses();
        let (ephemeral, kept_back) = (client_ports::ephemeral(), client_ports::kept_back());
        let same_sockets = sockets == self.sockets;
        if !same_sockets {
            self.owners.adopt(&sockets);
            self.sockets = sockets;
        }
        let settled = self.owners.settle(&self.sockets, crate::clock::monotonic());
        if let Some(table) = &self.table
            && same_sockets
            && settled == Settled::AsBefore
            && table.addresses == addresses
            && table.ephemeral == ephemeral
            && table.kept_back == kept_back
        {
            return Ok(table.clone());
        }
        let mut listeners: Vec<Listener> =
            self.sockets.iter().filter_map(|socket| self.listener(socket)).collect();
        health::ports::order(&mut listeners);
        let hidden = |listener: &Listener| matches!(listener.owner, Owner::Hidden { .. });
        let table = Arc::new(Table {
            owners_hidden: listeners.iter().any(hidden),
            listeners,
            addresses,
            ephemeral,
            kept_back,
            users: self.owners.users().clone(),
            ..Table::default()
        });
        self.table = Some(table.clone());
        Ok(table)
    }

    /// `None` for a socket whose owner has not been looked for yet.
    fn listener(&self, socket: &Socket) -> Option<Listener> {
        let &Socket { protocol, bind, v6_only, id, .. } = socket;
        let owner = self.owners.of(socket)?;
        Some(Listener { protocol, bind, v6_only, inode: id.inode, owner })
    }
}

/// All four tables, each by netlink or else from /proc.
fn sockets() -> io::Result<Vec<Socket>> {
    let mut netlink = Netlink::for_sockets().ok();
    let mut all = Vec::new();
    for (protocol, family) in TABLES {
        let by_netlink =
            netlink.as_mut().and_then(|netlink| netlink.listening(protocol, family).ok());
        all.extend(match by_netlink {
            Some(found) => found,
            None => proc_net::listening(protocol, family)?,
        });
    }
    Ok(all)
}
