//! Which container a proxy of a container engine serves, as far as /proc tells.
//!
//! Docker's proxy names the address behind it, and the container whose network has that address
//! is found by its processes; Podman's conmon names the container itself. Deliberately absent:
//! asking an engine, which takes its socket and with it the rights of root.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use health::Process;
use health::ports::proxy;

use super::interfaces::{fib_trie, if_inet6};
use super::proc_dir::{ProcDir, pids};
use super::process::container_of;

/// A routing table of many containers.
const TABLE_BYTES: usize = 256 << 10;
const CGROUP_BYTES: usize = 16 << 10;

/// The addresses of containers, looked up when the first proxy asks.
#[derive(Debug, Default)]
pub(super) struct Containers(Option<HashMap<IpAddr, String>>);

impl Containers {
    /// The container that a proxy serves; `None` for every other process, and where it cannot be
    /// told.
    pub(super) fn behind(&mut self, process: &Process) -> Option<String> {
        let target = proxy(process)?.target;
        let Some(target) = target else { return named(&process.command_line) };
        self.0.get_or_insert_with(by_address).get(&target.ip()).cloned()
    }
}

/// `conmon --api-version 1 -c 3f2a…`, of which twelve digits are told.
fn named(command_line: &str) -> Option<String> {
    let mut words = command_line.split(' ').skip_while(|&word| word != "-c" && word != "--cid");
    let id = words.nth(1)?;
    let is_id = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| id[..12].to_owned())
}

fn by_address() -> HashMap<IpAddr, String> {
    let mut known = HashSet::new();
    let mut by_address = HashMap::new();
    for pid in pids().unwrap_or_default() {
        let Some(folder) = ProcDir::open(pid) else { continue };
        let text = |name, cap| {
            let bytes = folder.file(name, cap).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let Some(container) = container_of(&text("cgroup", CGROUP_BYTES)) else { continue };
        if known.insert(container.clone()) {
            let v4 = fib_trie(&text("net/fib_trie", TABLE_BYTES));
            let v6 = if_inet6(&text("net/if_inet6", TABLE_BYTES));
            let own = v4.into_iter().chain(v6).filter(|address| !address.is_loopback());
            by_address.extend(own.map(|address| (address, container.clone())));
        }
    }
    by_address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_line_names() {
        let id = "3f2a9c0d1e5b".to_owned() + &"0".repeat(52);
        for (line, expected) in [
            (format!("/usr/bin/conmon --api-version 1 -c {id} -u {id}"), Some("3f2a9c0d1e5b")),
            (format!("conmon --cid {id}"), Some("3f2a9c0d1e5b")),
            ("conmon -c short".to_owned(), None),
            ("conmon -c".to_owned(), None),
            ("slirp4netns --mtu=65520 4242 tap0".to_owned(), None),
        ] {
            assert_eq!(named(&line).as_deref(), expected, "{line}");
        }
    }
}
