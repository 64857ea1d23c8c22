//! OpenSSH's server with host keys of the test's own, on an address of the test's own. Nobody can log in.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::daemon::{self, Daemon};

/// A machine as SSH knows it: by its host keys.
pub struct Machine {
    folder: PathBuf,
    kinds: Vec<String>,
}

impl Machine {
    /// Makes a host key of each of these kinds, such as `ed25519` or `rsa`.
    pub fn new(folder: &Path, kinds: &[&str]) -> Self {
        fs::create_dir_all(folder).unwrap();
        for kind in kinds {
            let mut command = Command::new("ssh-keygen");
            command.args(["-q", "-t", kind, "-N", "", "-f", kind]).current_dir(folder);
            let made = daemon::spawn(command.stdin(Stdio::null()))
                .unwrap_or_else(|error| panic!("{error}; run tests/install (openssh-client)"));
            assert!({ made }.wait().unwrap().success());
        }
        let kinds = kinds.iter().map(ToString::to_string).collect();
        Self { folder: folder.to_owned(), kinds }
    }

    /// What `ssh-keygen -lf` prints of the key of this kind: `SHA256:…`.
    pub fn fingerprint(&self, kind: &str) -> String {
        let key = self.folder.join(format!("{kind}.pub"));
        let printed = Command::new("ssh-keygen").arg("-lf").arg(key).output().unwrap();
        let printed = String::from_utf8(printed.stdout).unwrap();
        printed.split(' ').nth(1).unwrap().to_owned()
    }

    /// Starts its server and waits until it accepts.
    pub fn serve(&self, address: SocketAddr) -> Daemon {
        // Where root starts it, it wants a folder that Debian's own unit makes.
        let _ = fs::create_dir("/run/sshd");
        let keys: String = self
            .kinds
            .iter()
            .map(|kind| format!("HostKey {}\n", self.folder.join(kind).display()))
            .collect();
        let configuration = format!(
            "ListenAddress {address}\n{keys}PidFile none\nUsePAM no\nMaxStartups 1000\n\
             PasswordAuthentication no\nAuthorizedKeysFile none\n"
        );
        let path = self.folder.join("sshd_config");
        fs::write(&path, configuration).unwrap();
        let arguments = ["-D", "-e", "-f", path.to_str().unwrap()];
        // It wants to be called by its full name, to call itself.
        let mut server =
            Daemon::start("/usr/sbin/sshd", "openssh-server", &arguments, &self.folder);
        server.await_ready(|| accepts(address));
        server
    }
}

/// Forwards everything from one address to another by socat, and waits until it accepts.
pub fn forward(from: SocketAddr, to: SocketAddr, folder: &Path) -> Daemon {
    let (listen, target) = (
        format!("TCP-LISTEN:{},bind={},fork,reuseaddr", from.port(), from.ip()),
        format!("TCP:{to}"),
    );
    let mut daemon = Daemon::start("socat", "socat", &[&listen, &target], folder);
    daemon.await_ready(|| accepts(from));
    daemon
}

fn accepts(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok()
}
