//! Loopback addresses of a test's own, so that tests running side by side never meet on a port.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};

use super::daemon::free_port;

static GIVEN: AtomicU8 = AtomicU8::new(1);

/// An address within 127.0.0.0/8 that no other test of this process, and hardly one of another
/// process, has been given.
pub fn own_ip() -> IpAddr {
    let [high, low, ..] = std::process::id().to_le_bytes();
    // 127.0 to 127.63 stay with tests that name their addresses.
    IpAddr::V4(Ipv4Addr::new(127, 64 + high % 128, low, GIVEN.fetch_add(1, Ordering::Relaxed)))
}

/// An address of the test's own, with a port on which nobody listens.
pub fn own_address() -> SocketAddr {
    on(own_ip())
}

/// A port on this address on which nobody listens.
pub fn on(ip: IpAddr) -> SocketAddr {
    SocketAddr::new(ip, free_port(&[&ip.to_string()]))
}
