//! Tells whoever started the agent that it is ready and that it is ending: systemd, and others who
//! speak its protocol (sd_notify(3)). Deliberately absent: a watchdog; `/readyz` is there for that.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// What the agent has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// It serves and probes.
    Ready,
    /// It was told to end, and does.
    Ending,
}

/// Tells it where `NOTIFY_SOCKET` says; nobody, where that is not set. A failure is told in the log
/// and stops nothing.
pub fn tell(news: News) {
    let Some(address) = std::env::var_os("NOTIFY_SOCKET").filter(|address| !address.is_empty())
    else {
        return;
    };
    if let Err(error) = send(&address, news) {
        tracing::warn!(%error, "the service manager at NOTIFY_SOCKET could not be told");
    }
}

/// A path, or a name in the abstract namespace after an `@`.
fn send(address: &OsStr, news: News) -> io::Result<()> {
    let address = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(address)?,
    };
    let words: &[u8] = match news {
        News::Ready => b"READY=1\n",
        News::Ending => b"STOPPING=1\n",
    };
    let socket = UnixDatagram::unbound()?;
    // A service manager that does not read must not hold up the agent.
    socket.set_nonblocking(true)?;
    socket.send_to_addr(words, &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 64];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    #[test]
    fn a_socket_in_the_file_system() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str(), News::Ready).unwrap();
        assert_eq!(heard(&socket), "READY=1\n");
    }

    #[test]
    fn an_abstract_socket() {
        let name = format!("portwarden-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        send(OsStr::new(&format!("@{name}")), News::Ending).unwrap();
        assert_eq!(heard(&socket), "STOPPING=1\n");
    }

    #[test]
    fn nobody_there_is_an_error_and_no_more() {
        assert!(send(OsStr::new("/nowhere/at/all"), News::Ready).is_err());
    }
}
