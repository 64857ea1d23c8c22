//! Applications as people run them: Django under gunicorn with PostgreSQL behind it, Node.js with
//! socket.io, and Python alone. Their programs are in tests/http/apps.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::daemon::{self, Daemon};
use super::loopback::own_address;
use super::postgres::Postgres;

/// The shop: Django under gunicorn.
pub struct Shop {
    folder: tempfile::TempDir,
    /// Where gunicorn listens.
    pub address: SocketAddr,
    settings: Vec<(String, String)>,
    /// `None` while stopped.
    daemon: Option<Daemon>,
}

impl Shop {
    /// Starts it for these names with this database behind it.
    pub fn start(hosts: &str, database: &Postgres) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().display().to_string();
        let settings = [
            ("SHOP_FOLDER", place.as_str()),
            ("SHOP_HOSTS", hosts),
            ("SHOP_DATABASE", &database.address.to_string()),
            ("SHOP_MIGRATES", "1"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let mut shop = Self { folder, address: own_address(), settings, daemon: None };
        shop.start_again();
        shop.unset("SHOP_MIGRATES");
        shop
    }

    /// Starts it where it was.
    pub fn start_again(&mut self) {
        let [folder, programs] = [self.folder.path(), &programs()];
        let mut arguments: Vec<String> =
            self.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let bind = self.address.to_string();
        let programs = programs.to_str().unwrap();
        let gunicorn = ["gunicorn", "--chdir", programs, "--bind", &bind, "--workers", "1"];
        arguments.extend(gunicorn.map(str::to_owned));
        arguments.push("shop:application".to_owned());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut daemon = Daemon::start("env", "gunicorn python3-django", &arguments, folder);
        let address = self.address;
        daemon.await_ready(|| accepts(address));
        self.daemon = Some(daemon);
    }

    /// Starts it again with another setting.
    pub fn set(&mut self, name: &str, value: &str) {
        self.stop();
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
        self.start_again();
    }

    /// Starts it again without a setting.
    pub fn clear(&mut self, name: &str) {
        self.stop();
        self.unset(name);
        self.start_again();
    }

    fn unset(&mut self, name: &str) {
        self.settings.retain(|(known, _)| known != name);
    }

    /// Ends it and waits until it is gone.
    pub fn stop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.terminate();
        }
    }

    /// Stops all of it without ending it: connections are accepted by the kernel alone.
    pub fn freeze(&self) {
        self.signal_all("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal_all("CONT");
    }

    /// From now on every request ends the worker that takes it.
    pub fn crash(&self) {
        fs::write(self.folder.path().join("crash"), "").unwrap();
    }

    /// No longer.
    pub fn recover(&self) {
        fs::remove_file(self.folder.path().join("crash")).unwrap();
    }

    fn signal_all(&self, name: &str) {
        let pid = self.daemon.as_ref().expect("a running shop").pid();
        let workers = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        let workers = workers.split_whitespace().map(|pid| pid.parse().unwrap());
        for pid in [pid].into_iter().chain(workers) {
            daemon::signal(pid, name);
        }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("env.log")).unwrap_or_default();
            eprintln!("--- gunicorn\n{log}");
        }
        // A frozen master hears nothing but CONT; a killed one would leave its worker behind.
        if self.daemon.is_some() {
            self.thaw();
        }
        self.stop();
    }
}

/// A program of one process: Python alone, or Node.js with socket.io.
pub struct Program {
    folder: tempfile::TempDir,
    /// Where it listens.
    pub address: SocketAddr,
    words: Vec<String>,
    /// `None` while stopped.
    daemon: Option<Daemon>,
}

impl Program {
    /// Python alone: it says its name, and the Host it was asked for.
    pub fn plain(name: &str) -> Self {
        Self::start(&["python3", "plain.py"], name)
    }

    /// A login with sessions in memory, well or broken in one way: see its `MODE`.
    pub fn sessions(mode: &str) -> Self {
        Self::start(&["python3", "sessions.py"], mode)
    }

    /// socket.io over `websocket` or `polling`.
    pub fn live(transport: &str) -> Self {
        Self::start(&["node", "live.js"], transport)
    }

    /// WebSockets by Python: every path does something else.
    pub fn talk(name: &str) -> Self {
        // Debian's own, which has the packages of tests/install.
        Self::start(&["/usr/bin/python3", "talk.py"], name)
    }

    /// A gRPC service that says it is `serving`, or is not, or has no health at all: `absent`.
    pub fn orders(health: &str) -> Self {
        Self::start(&["/usr/bin/python3", "orders.py"], health)
    }

    fn start([interpreter, file]: &[&str; 2], last: &str) -> Self {
        let file = programs().join(file).display().to_string();
        let words = [*interpreter, &file, last].map(str::to_owned).to_vec();
        let folder = tempfile::tempdir().unwrap();
        let mut program = Self { folder, address: own_address(), words, daemon: None };
        program.start_again();
        program
    }

    /// Starts it where it was.
    pub fn start_again(&mut self) {
        let [interpreter, file, last] = &self.words[..] else { unreachable!() };
        let [ip, port] = [self.address.ip().to_string(), self.address.port().to_string()];
        let arguments = [file.as_str(), &ip, &port, last];
        let mut daemon = Daemon::start(
            interpreter,
            "python3-websockets python3-grpcio nodejs",
            &arguments,
            self.folder.path(),
        );
        let address = self.address;
        daemon.await_ready(|| accepts(address));
        self.daemon = Some(daemon);
    }

    /// Starts it again with another last word: its name, or how it is spoken to.
    pub fn change(&mut self, last: &str) {
        self.stop();
        last.clone_into(&mut self.words[2]);
        self.start_again();
    }

    /// Ends it and waits until it is gone.
    pub fn stop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.terminate();
        }
    }
}

/// HAProxy on this configuration, waiting until it accepts on these addresses.
pub fn haproxy(folder: &Path, listen: &[SocketAddr], text: &str) -> Daemon {
    let settings = folder.join("haproxy.cfg");
    fs::write(&settings, text).unwrap();
    let arguments = ["-db", "-f", settings.to_str().unwrap()];
    let mut daemon = Daemon::start("haproxy", "haproxy", &arguments, folder);
    daemon.await_ready(|| listen.iter().copied().all(accepts));
    daemon
}

fn accepts(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok()
}

fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/http/apps").canonicalize().unwrap()
}
