//! A process that listens where it is told to: Python's web server.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::daemon::Daemon;

/// The process's name.
pub const NAME: &str = "python3";

/// Starts it and waits until it accepts. Debian's own interpreter, so that its name is known.
pub fn listen(address: SocketAddr, folder: &Path) -> Daemon {
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    let arguments = ["-m", "http.server", &port, "--bind", &ip, "--directory", "/var/empty"];
    let mut daemon = Daemon::start("/usr/bin/python3", "python3", &arguments, folder);
    let wait = Duration::from_millis(500);
    daemon.await_ready(|| TcpStream::connect_timeout(&address, wait).is_ok());
    daemon
}
