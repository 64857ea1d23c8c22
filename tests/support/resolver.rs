//! A caching resolver: unbound, which knows nobody but the nameservers a test gives it.

use std::fmt::Write;
use std::net::SocketAddr;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tempfile::TempDir;

use super::daemon::{Daemon, free_port};
use super::nameserver::{answer, query};

/// A running resolver with an empty cache.
///
/// ```ignore
/// let resolver = Resolver::start("127.53.40.53", &[("shop.example", server.address())]);
/// resolver.warm("www.shop.example", RecordType::A);   // keeps what the zone says now …
/// server.publish(newer);                              // … and serves it on: a stale cache
/// ```
#[derive(Debug)]
pub struct Resolver {
    address: SocketAddr,
    _folder: TempDir,
    daemon: Daemon,
}

impl Resolver {
    /// Starts on this address; asks `upstream` for each of the zones and nobody for anything else.
    pub fn start(ip: &str, stubs: &[(&str, SocketAddr)]) -> Self {
        Self::start_with(ip, stubs, "  module-config: \"iterator\"\n")
    }

    /// The same, validating by an anchor: a DS or DNSKEY record as in a zone file, with its full
    /// name. The zones between the anchor's and those asked for must be among the stubs.
    pub fn validating(ip: &str, stubs: &[(&str, SocketAddr)], anchor: &str) -> Self {
        let keys = format!("  module-config: \"validator iterator\"\n  trust-anchor: '{anchor}'\n");
        Self::start_with(ip, stubs, &keys)
    }

    /// Starts with lines of its own in unbound's `server:` clause.
    pub fn start_with(ip: &str, stubs: &[(&str, SocketAddr)], keys: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port(&[ip]);
        let mut configuration = format!(
            "server:\n  interface: {ip}\n  port: {port}\n  do-daemonize: no\n  username: \"\"\n  \
             chroot: \"\"\n  directory: \"{folder}\"\n  pidfile: \"\"\n  use-syslog: no\n  num-threads: 1\n  \
             do-not-query-localhost: no\n  do-ip6: no\n{keys}",
            folder = folder.path().display()
        );
        if stubs.iter().all(|(zone, _)| *zone != ".") {
            configuration.push_str("  local-zone: \".\" refuse\n");
        }
        for (zone, _) in stubs {
            let _ = writeln!(configuration, "  local-zone: \"{zone}\" transparent");
        }
        configuration.push_str("remote-control:\n  control-enable: no\n");
        for (zone, upstream) in stubs {
            let (ip, port) = (upstream.ip(), upstream.port());
            let _ =
                writeln!(configuration, "stub-zone:\n  name: \"{zone}\"\n  stub-addr: {ip}@{port}");
        }
        let file = folder.path().join("unbound.conf");
        std::fs::write(&file, configuration).unwrap();
        let arguments = ["-d", "-p", "-c", file.to_str().unwrap()];
        let mut daemon = Daemon::start("unbound", "unbound", &arguments, folder.path());
        let address = SocketAddr::new(ip.parse().unwrap(), port);
        // Answered from its own tables, so that nothing of the zones is in the cache yet.
        daemon.await_ready(|| {
            query(address, "localhost", RecordType::A)
                .is_some_and(|answer| answer.metadata.response_code == ResponseCode::NoError)
        });
        Self { address, _folder: folder, daemon }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks it, so that its cache holds what the zone says now; waits until it has an answer.
    pub fn warm(&self, name: &str, record_type: RecordType) {
        answer(self.address, name, record_type);
    }

    /// Stops it without ending it (SIGSTOP).
    pub fn freeze(&self) {
        self.daemon.freeze();
    }

    /// Has it go on after [`Self::freeze`].
    pub fn thaw(&self) {
        self.daemon.signal("CONT");
    }
}
