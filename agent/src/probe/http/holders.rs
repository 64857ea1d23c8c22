//! Who holds the port of an upstream on this machine, and who listens near it where nobody does: an
//! application that found its port taken often took the next one.
//!
//! Deliberately absent: other machines and other network namespaces, whose sockets cannot be seen.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use health::listener::Owner;
use health::{Finding, Listener, Protocol, Text, text};

use super::gateway::{Health, Upstream};
use crate::listeners::Table;
use crate::net::Net;
use crate::probe::Stopwatch;

/// How old the socket table may be.
const MAX_AGE: Duration = Duration::from_secs(1);
/// How far away a port is near.
const NEAR: u16 = 20;
const MOST_NEAR: usize = 3;

/// Who holds a port, or who listens near it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    /// For the sentence that says how the upstream fails.
    pub(super) words: Text,
    /// Who holds it: `node (pid 12)`.
    held_by: Option<String>,
    /// Who listens near it: `127.0.0.1:3012 node (pid 12)`.
    near: Vec<String>,
}

/// Looks up the holders of those that fail; without a socket table they stay untold.
pub(super) async fn find(all: &mut [Upstream], net: &Net, watch: &Stopwatch) {
    let concerns = |one: &&mut Upstream| {
        one.address.is_some()
            && matches!(
                one.health,
                Health::Refused
                    | Health::Reset
                    | Health::Hangs
                    | Health::NotHttp(_)
                    | Health::SpeaksTls
            )
    };
    let mut sick = all.iter_mut().filter(concerns).peekable();
    if sick.peek().is_none() {
        return;
    }
    let reading = tokio::time::timeout_at(watch.soon(), net.sockets.table(MAX_AGE)).await;
    let Ok(Ok(table)) = reading else { return };
    for one in sick {
        let is_refused = one.health == Health::Refused;
        one.holder = one.address.and_then(|address| holder(address, is_refused, &table));
    }
}

/// With who holds the port, as evidence.
pub(super) fn told(mut finding: Finding, culprit: &Upstream) -> Finding {
    if let Some(holder) = &culprit.holder {
        if let Some(held_by) = &holder.held_by {
            finding = finding.evidence("held_by", held_by.as_str());
        }
        if !holder.near.is_empty() {
            finding = finding.evidence("listening_near", holder.near.clone());
        }
    }
    finding
}

fn holder(address: SocketAddr, is_refused: bool, table: &Table) -> Option<Holder> {
    let ip = address.ip();
    if !ip.is_loopback() && !table.addresses.contains(&ip) {
        return None;
    }
    let reachable = |one: &&Listener| {
        one.protocol == Protocol::Tcp && (one.bind.ip() == ip || one.bind.ip().is_unspecified())
    };
    let here = || table.listeners.iter().filter(reachable);
    let holds = here().find(|one| one.bind.port() == address.port());
    match (holds, is_refused) {
        (Some(listener), false) => {
            let who = owner(&listener.owner);
            let words = text!("{who} holds the port", "포트를 가진 프로세스는 {who}입니다");
            Some(Holder { words, held_by: Some(who), near: Vec::new() })
        }
        // It came up since, or its backlog is full.
        (Some(_), true) | (None, false) => None,
        (None, true) => Some(nobody(address, here(), table)),
    }
}

fn nobody<'a>(
    address: SocketAddr,
    here: impl Iterator<Item = &'a Listener>,
    table: &'a Table,
) -> Holder {
    let port = address.port();
    let elsewhere: Option<&Listener> = table.listeners.iter().find(|one| {
        one.protocol == Protocol::Tcp && one.bind.port() == port && is_other(one, address.ip())
    });
    if let Some(listener) = elsewhere {
        let (who, bind) = (owner(&listener.owner), listener.bind);
        let words = text!(
            "nobody listens there; {who} listens on {bind}, another address",
            "그 주소에서 듣는 프로세스가 없습니다. {who}이(가) 다른 주소 {bind}에서 듣고 있습니다"
        );
        return Holder { words, held_by: None, near: vec![format!("{bind} {who}")] };
    }
    let mut near: Vec<&Listener> =
        here.filter(|one| one.bind.port().abs_diff(port) <= NEAR).collect();
    near.sort_by_key(|one| (one.bind.port().abs_diff(port), one.bind.port()));
    near.truncate(MOST_NEAR);
    let words = match near.first() {
        Some(nearest) => {
            let (who, other) = (owner(&nearest.owner), nearest.bind.port());
            text!(
                "nobody listens on {port}; near it {who} listens on {other}",
                "{port}에서 듣는 프로세스가 없습니다. 가까운 {other}에서는 {who}이(가) 듣고 있습니다"
            )
        }
        None => text!(
            "nobody listens on {port} of this machine",
            "이 서버의 {port}에서 듣는 프로세스가 없습니다"
        ),
    };
    let near = near.iter().map(|one| format!("{} {}", one.bind, owner(&one.owner))).collect();
    Holder { words, held_by: None, near }
}

/// Bound to one other address of the same family, so that connections to this one are refused.
fn is_other(listener: &Listener, ip: IpAddr) -> bool {
    let bind = listener.bind.ip();
    bind != ip && !bind.is_unspecified() && bind.is_ipv4() == ip.is_ipv4()
}

fn owner(owner: &Owner) -> String {
    match owner {
        Owner::Processes(processes) => processes.first().map_or_else(
            || "a process".to_owned(),
            |process| format!("{} (pid {})", process.name, process.pid),
        ),
        Owner::Hidden { uid } => format!("a process of user {uid}"),
        Owner::Kernel => "the kernel".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use health::listener::Process;

    use super::*;

    fn listener(bind: &str, name: &str) -> Listener {
        let process = Process {
            pid: 7,
            name: name.to_owned(),
            executable: None,
            command_line: String::new(),
            uid: 0,
            unit: None,
        };
        Listener {
            protocol: Protocol::Tcp,
            bind: bind.parse().unwrap(),
            v6_only: None,
            inode: 1,
            owner: Owner::Processes(vec![Arc::new(process)]),
        }
    }

    #[test]
    fn who_holds_a_port_or_the_next_one() {
        let mut table = Table::default();
        table.listeners.extend([
            listener("127.0.0.1:3012", "node"),
            listener("0.0.0.0:4000", "nest"),
            listener("127.0.0.2:5000", "python3"),
        ]);
        for (address, is_refused, expected) in [
            ("127.0.0.1:3011", true, Some("near it node (pid 7) listens on 3012")),
            ("127.0.0.1:9000", true, Some("nobody listens on 9000 of this machine")),
            ("127.0.0.1:5000", true, Some("python3 (pid 7) listens on 127.0.0.2:5000, another")),
            ("127.0.0.1:4000", false, Some("nest (pid 7) holds the port")),
            ("127.0.0.1:4000", true, None),
            ("192.0.2.1:3011", true, None),
        ] {
            let holder = holder(address.parse().unwrap(), is_refused, &table);
            let words = holder.map(|holder| holder.words.en);
            assert_eq!(words.is_some(), expected.is_some(), "{address} {words:?}");
            assert!(
                words.unwrap_or_default().contains(expected.unwrap_or_default()),
                "{address} {expected:?}"
            );
        }
    }
}
