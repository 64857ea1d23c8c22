//! PostgreSQL, with a cluster of the test's own. It refuses to be run by root, so that tests run by root
//! start it as the user that its package made.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::daemon::{self, Daemon};

const PACKAGE: &str = "postgresql";
const USER: &str = "postgres";

/// A running, or stopped, PostgreSQL that lets everybody in.
pub struct Postgres {
    folder: tempfile::TempDir,
    /// Where it listens.
    pub address: SocketAddr,
    settings: String,
    /// `None` while stopped.
    daemon: Option<Daemon>,
}

impl Postgres {
    /// Makes a cluster, starts it on this address with these settings, lines of postgresql.conf, and
    /// waits until it serves.
    pub fn start(address: SocketAddr, settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if let Some((user, group)) = other_user(folder.path()) {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let mut cluster = Self { folder, address, settings: settings.to_owned(), daemon: None };
        let as_file = cluster.cluster();
        let made = ["-D", &as_file, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N"];
        cluster.run("initdb", &made);
        cluster.start_again();
        cluster
    }

    /// Starts it where it was.
    pub fn start_again(&mut self) {
        let settings = format!(
            "listen_addresses = '{}'\nport = {}\nunix_socket_directories = ''\nfsync = off\n{}\n",
            self.address.ip(),
            self.address.port(),
            self.settings
        );
        self.write("postgresql.conf", &settings);
        let [program, arguments @ ..] = &self.command("postgres")[..] else { unreachable!() };
        let cluster = self.cluster();
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        arguments.extend(["-D", &cluster]);
        let mut daemon = Daemon::start(program, PACKAGE, &arguments, self.folder.path());
        daemon.await_ready(|| knock(self.address).is_some_and(|(_, tag)| tag == b'R'));
        self.daemon = Some(daemon);
    }

    /// Lets in whom these lines of pg_hba.conf say, from the next client on.
    pub fn let_in(&self, lines: &str) {
        self.write("pg_hba.conf", lines);
        self.signal("HUP");
    }

    /// Runs SQL as the superuser.
    pub fn execute(&self, sql: &str) {
        let (mut stream, _) = knock(self.address).expect("room for one more client");
        let length = u32::try_from(sql.len() + 5).unwrap().to_be_bytes();
        stream.write_all(&[b"Q", &length[..], sql.as_bytes(), b"\0"].concat()).unwrap();
        let mut heard = Vec::new();
        // Until it is ready again, which it is once before it is asked.
        while heard.windows(6).filter(|end| *end == b"Z\0\0\0\x05I").count() < 2 {
            let mut more = [0; 1024];
            let length = stream.read(&mut more).unwrap();
            heard.extend(&more[..length]);
            assert!(length > 0, "{sql}: {}", String::from_utf8_lossy(&heard));
        }
        assert!(
            heard.windows(2).any(|words| words == b"C\0"),
            "{}",
            String::from_utf8_lossy(&heard)
        );
    }

    /// Sends a signal to the postmaster: TERM waits for clients to leave.
    pub fn signal(&self, name: &str) {
        self.daemon.as_ref().expect("a running server").signal(name);
    }

    /// Stops it at once and waits until it is gone.
    pub fn stop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.signal("INT");
            daemon.terminate();
        }
    }

    /// A session that stays open until it is dropped.
    pub fn session(&self) -> TcpStream {
        self.try_session().expect("room for one more client")
    }

    /// The same, where there is room for one.
    pub fn try_session(&self) -> Option<TcpStream> {
        knock(self.address).filter(|(_, tag)| *tag == b'R').map(|(stream, _)| stream)
    }

    /// A folder of its own.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The server's log.
    pub fn log(&self) -> String {
        let program = &self.command("postgres")[0];
        let name = Path::new(program).file_name().unwrap().to_str().unwrap();
        fs::read_to_string(self.folder.path().join(format!("{name}.log"))).unwrap_or_default()
    }

    fn cluster(&self) -> String {
        self.folder.path().join("cluster").to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(Path::new(&self.cluster()).join(name), text).unwrap();
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let words = self.command(program);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let output = daemon::spawn(command.stderr(Stdio::piped()))
            .and_then(std::process::Child::wait_with_output)
            .unwrap_or_else(|error| panic!("{program}: {error}; run tests/install ({PACKAGE})"));
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// One of its programs, as a user who may run it.
    fn command(&self, program: &str) -> Vec<String> {
        let path = programs().join(program).to_str().unwrap().to_owned();
        match is_root() {
            true => {
                let user = ["--reuid", USER, "--regid", USER, "--clear-groups"];
                let mut words = vec!["setpriv".to_owned()];
                words.extend(user.map(str::to_owned));
                words.push(path);
                words
            }
            false => vec![path],
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Asks to be let in as the superuser, and hands back the connection with the first letter of the
/// answer; `None` when nobody answers.
fn knock(address: SocketAddr) -> Option<(TcpStream, u8)> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(500)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let names = format!("user\0{USER}\0database\0{USER}\0\0");
    let length = u32::try_from(names.len() + 8).unwrap().to_be_bytes();
    stream.write_all(&[&length, &[0, 3, 0, 0], names.as_bytes()].concat()).ok()?;
    let mut tag = [0];
    stream.read_exact(&mut tag).ok()?;
    Some((stream, tag[0]))
}

/// Where Debian puts the programs of the newest version.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql");
    let versions =
        versions.unwrap_or_else(|error| panic!("{error}; run tests/install ({PACKAGE})"));
    let newest = versions.map(|entry| entry.unwrap().path()).max();
    newest.expect("a version of PostgreSQL").join("bin")
}

/// Whether tests run as root.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// The ids of the user it has to run as, where that is not the one who owns this folder.
fn other_user(folder: &Path) -> Option<(u32, u32)> {
    if fs::metadata(folder).unwrap().uid() != 0 {
        return None;
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find(|line| line.starts_with("postgres:"));
    let fields: Vec<&str> =
        line.expect("the user postgres; run tests/install").split(':').collect();
    Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
}
