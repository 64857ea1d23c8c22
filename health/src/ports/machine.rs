//! This machine at one moment, as judgement needs it: what listens, and its own addresses.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::OnceLock;

use crate::{Claim, Listener, Owner, Protocol};

use super::owner;

/// This machine at one moment. Borrowed, so that every claim can look at one and the same table.
#[derive(Clone, Copy, Debug)]
pub struct Machine<'a> {
    /// Every listener, in the order of [`order`].
    pub listeners: &'a [Listener],
    /// The addresses of its interfaces; empty when they could not be read.
    pub addresses: &'a [IpAddr],
    /// Ports that the system gives to clients, both ends included (`ip_local_port_range`).
    pub ephemeral: (u16, u16),
    /// Ports among them that it keeps back all the same (`ip_local_reserved_ports`), as sorted
    /// ranges; `None` when that could not be read.
    pub kept_back: Option<&'a [(u16, u16)]>,
    /// Names of the users that own sockets, by user id.
    pub users: &'a BTreeMap<u32, String>,
    /// Who listens, by name; filled when first asked.
    pub names: &'a Names,
}

impl<'a> Machine<'a> {
    /// The listeners on one port.
    #[must_use]
    pub fn on(&self, protocol: Protocol, port: u16) -> &'a [Listener] {
        let key = (protocol, port);
        let start = self.listeners.partition_point(|one| (one.protocol, one.bind.port()) < key);
        let rest = &self.listeners[start..];
        &rest[..rest.partition_point(|one| (one.protocol, one.bind.port()) == key)]
    }

    /// The listeners with an owner whom the claim names; none when it names nobody.
    pub(super) fn owned_by(&self, claim: &'a Claim) -> impl Iterator<Item = &'a Listener> {
        let machine = *self;
        // The user alone says little: root owns half of what there is.
        let keys = if claim.processes.is_empty() { &claim.units } else { &claim.processes };
        keys.iter()
            .flat_map(move |name| machine.names.of(machine.listeners, name))
            .filter_map(move |&index| machine.listeners.get(index))
            .filter(move |listener| match &listener.owner {
                Owner::Processes(processes) => processes
                    .iter()
                    .any(|process| owner::mismatch(process, claim, &[], machine).is_none()),
                Owner::Hidden { .. } | Owner::Kernel => false,
            })
    }

    /// `www-data` or, without a name, the bare number.
    pub(super) fn user(&self, uid: u32) -> String {
        self.users.get(&uid).cloned().unwrap_or_else(|| uid.to_string())
    }

    /// Whether the system gives this port to clients.
    #[must_use]
    pub fn is_ephemeral(&self, port: u16) -> bool {
        (self.ephemeral.0..=self.ephemeral.1).contains(&port)
    }
}

/// Sorts listeners as [`Machine`] needs them: by protocol, port and address.
pub fn order(listeners: &mut [Listener]) {
    listeners.sort_by_key(|one| (one.protocol, one.bind.port(), one.bind.ip(), one.inode));
}

/// Which listeners belong to processes of a name: made when first asked, because only a dead
/// claim asks.
#[derive(Clone, Debug, Default)]
pub struct Names(OnceLock<HashMap<String, Vec<usize>>>);

impl Names {
    fn of(&self, listeners: &[Listener], name: &str) -> impl Iterator<Item = &usize> {
        let map = self.0.get_or_init(|| {
            let mut map: HashMap<String, Vec<usize>> = HashMap::new();
            for (index, listener) in listeners.iter().enumerate() {
                let Owner::Processes(processes) = &listener.owner else { continue };
                for key in processes.iter().flat_map(|process| owner::aliases(process)) {
                    let indices = map.entry(key.to_owned()).or_default();
                    if indices.last() != Some(&index) {
                        indices.push(index);
                    }
                }
            }
            map
        });
        let cut = owner::cut(name);
        let by_cut = (cut.len() < name.len()).then(|| map.get(cut)).flatten();
        map.get(name).into_iter().chain(by_cut).flatten()
    }
}
