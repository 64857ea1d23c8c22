//! A caching resolver: unbound, which knows nobody but the nameservers a test gives it.

use std::net::SocketAddr;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tempfile::TempDir;

use super::daemon::{Daemon, free_port};
use super::nameserver::query;

/// A running resolver with an empty cache.
#[derive(Debug)]
pub struct Resolver {
    address: SocketAddr,
    _folder: TempDir,
    _daemon: Daemon,
}

impl Resolver {
    /// Starts on this address; asks `upstream` for each of the zones and nobody for anything else.
    pub fn start(ip: &str, stubs: &[(&str, SocketAddr)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port(&[ip]);
        let mut configuration = format!(
            "server:\n  interface: {ip}\n  port: {port}\n  do-daemonize: no\n  username: \"\"\n  \
             chroot: \"\"\n  directory: \"{folder}\"\n  pidfile: \"\"\n  use-syslog: no\n  num-threads: 1\n  \
             module-config: \"iterator\"\n  do-not-query-localhost: no\n  do-ip6: no\n  \
             local-zone: \".\" refuse\n",
            folder = folder.path().display()
        );
        for (zone, _) in stubs {
            configuration.push_str(&format!("  local-zone: \"{zone}\" transparent\n"));
        }
        configuration.push_str("remote-control:\n  control-enable: no\n");
        for (zone, upstream) in stubs {
            let (ip, port) = (upstream.ip(), upstream.port());
            configuration
                .push_str(&format!("stub-zone:\n  name: \"{zone}\"\n  stub-addr: {ip}@{port}\n"));
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
        Self { address, _folder: folder, _daemon: daemon }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
