//! nginx, with a configuration, a pid file and temporary files of the test's own.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::daemon::Daemon;

/// A running, or stopped, nginx.
#[derive(Debug)]
pub struct Nginx {
    folder: PathBuf,
    listen: Vec<SocketAddr>,
    /// `None` while stopped.
    daemon: Option<Daemon>,
}

impl Nginx {
    /// Starts it on these `server` blocks, which listen on these addresses, and waits until it
    /// accepts on all of them. Relative paths are relative to the folder.
    pub fn start(folder: &Path, listen: &[SocketAddr], servers: &str) -> Self {
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("  {kind}_temp_path {}/nginx-{kind};\n", folder.display()))
            .concat();
        // Only root may choose a user, and only root needs to: its workers could not read the folder.
        let configuration = format!(
            "user root;\ndaemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log stderr;\n\
             events {{ worker_connections 256; }}\nhttp {{\n{temporary}  access_log off;\n  \
             default_type text/plain;\n  server_tokens off;\n{servers}\n}}\n",
            folder = folder.display()
        );
        fs::write(folder.join("nginx.conf"), configuration).unwrap();
        let mut nginx = Self { folder: folder.to_owned(), listen: listen.to_vec(), daemon: None };
        nginx.start_again();
        nginx
    }

    /// Starts it where it was.
    pub fn start_again(&mut self) {
        let folder = self.folder.to_str().unwrap();
        let configuration = self.folder.join("nginx.conf");
        let arguments = ["-e", "stderr", "-p", folder, "-c", configuration.to_str().unwrap()];
        let mut daemon = Daemon::start("nginx", "nginx-light", &arguments, &self.folder);
        let listen = self.listen.clone();
        daemon.await_ready(|| {
            let wait = Duration::from_millis(500);
            listen.iter().all(|address| TcpStream::connect_timeout(address, wait).is_ok())
        });
        self.daemon = Some(daemon);
    }

    /// Has it read its configuration and certificates again, as `nginx -s reload` does.
    pub fn reload(&self) {
        self.daemon.as_ref().expect("a running server").signal("HUP");
    }

    /// Writes other words into its configuration in place of those, and has it read it again.
    pub fn rewrite(&self, from: &str, to: &str) {
        let path = self.folder.join("nginx.conf");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "no {from:?} in:\n{text}");
        fs::write(&path, text.replace(from, to)).unwrap();
        self.reload();
    }

    /// Stops it, as `nginx -s stop` does, and waits until it is gone.
    pub fn stop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.terminate();
        }
    }

    /// The master's process id.
    pub fn pid(&self) -> u32 {
        self.daemon.as_ref().expect("a running server").pid()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // A killed master would leave its worker behind.
        self.stop();
    }
}
