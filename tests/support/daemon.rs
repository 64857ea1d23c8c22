//! One foreign process: started with its output kept, awaited until it answers, killed on drop.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use portwarden::clock::monotonic;

/// How long a server may take until it answers, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);

/// Held while a process is started, and while ports are tried: a child holds a copy of every open
/// socket until its program begins, and with it the port.
static STARTING: Mutex<()> = Mutex::new(());

/// Starts a process.
pub fn spawn(command: &mut Command) -> std::io::Result<Child> {
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    command.spawn()
}

/// Sends a signal by name, such as `HUP`, to a process that the test started.
pub fn signal(pid: u32, name: &str) {
    assert!(is_told(pid, name), "kill -s {name} {pid}");
}

fn is_told(pid: u32, name: &str) -> bool {
    let mut kill = Command::new("kill");
    kill.args(["-s", name, &pid.to_string()]).stderr(Stdio::null());
    spawn(&mut kill).is_ok_and(|mut kill| kill.wait().is_ok_and(|ended| ended.success()))
}

/// No thread of it runs; one that is gone does not, either.
fn is_stopped(pid: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    threads.flatten().all(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // The state follows the name in parentheses, which may hold anything. proc_pid_stat(5)
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        state.is_none_or(|state| matches!(state, 'T' | 't' | 'Z' | 'X'))
    })
}

/// A running process of the test's own.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    log: std::path::PathBuf,
}

impl Daemon {
    /// Starts `program` from `package`, both output streams into a file in `folder`.
    pub fn start(program: &str, package: &str, arguments: &[&str], folder: &Path) -> Self {
        let name = Path::new(program).file_name().unwrap().to_str().unwrap();
        let log = folder.join(format!("{name}.log"));
        let output = std::fs::File::create(&log).unwrap();
        // Daemons live in sbin, which is not on everybody's path.
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/local/sbin:/usr/sbin:/sbin";
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("PATH", path)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        let child = spawn(&mut command)
            .unwrap_or_else(|error| panic!("{program}: {error}; run tests/install ({package})"));
        Self { child, log }
    }

    /// Waits until `is_ready`; fails with the log when the process ends or takes too long.
    pub fn await_ready(&mut self, mut is_ready: impl FnMut() -> bool) {
        let start = monotonic();
        while !is_ready() {
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || monotonic() - start > PATIENCE {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                panic!("not ready ({ended:?}):\n{log}");
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Asks it to end and waits until it has; kills it when that takes too long.
    pub fn terminate(mut self) {
        let start = monotonic();
        if self.child.try_wait().unwrap().is_none() {
            self.signal("TERM");
        }
        while self.child.try_wait().unwrap().is_none() && monotonic() - start < PATIENCE {
            std::thread::sleep(PAUSE);
        }
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, such as `HUP`.
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Sends a signal to it and to its other processes: NSD's replace each other, and not all of them
    /// stay its children.
    pub fn signal_all(&self, name: &str) {
        let mut told = BTreeSet::new();
        loop {
            let all = self.at_work();
            if all.is_subset(&told) {
                break;
            }
            for &pid in all.difference(&told) {
                // One that has ended meanwhile needs no telling.
                is_told(pid, name);
            }
            told.extend(all);
        }
    }

    /// Stops it and its other processes without ending them, and waits until not one of their threads
    /// runs any more: the kernel stops a busy one a moment after it was told.
    pub fn freeze(&self) {
        self.signal_all("STOP");
        let start = monotonic();
        while !self.at_work().into_iter().all(is_stopped) {
            assert!(monotonic() - start < PATIENCE, "it goes on in spite of SIGSTOP");
            std::thread::sleep(PAUSE);
        }
    }

    /// Its processes beside itself.
    pub fn others(&self) -> BTreeSet<u32> {
        let mut others = self.at_work();
        others.remove(&self.pid());
        others
    }

    /// Waits until some of those that worked there have been replaced, each by one other.
    pub fn await_replaced(&self, old: &BTreeSet<u32>) {
        let start = monotonic();
        loop {
            let others = self.others();
            if others.len() == old.len() && others != *old {
                return;
            }
            assert!(monotonic() - start < PATIENCE, "{old:?} are not replaced: {others:?}");
            std::thread::sleep(PAUSE);
        }
    }

    /// Itself and, of NSD, what else runs under its name in its folder. Other programs look after
    /// their own processes, and may share a folder with others and with the agent.
    fn at_work(&self) -> BTreeSet<u32> {
        if self.log.file_stem().is_none_or(|program| program != "nsd") {
            return BTreeSet::from([self.pid()]);
        }
        let folder = self.log.parent().and_then(|folder| folder.canonicalize().ok());
        let pids = std::fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| {
            let entry = entry.ok()?;
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let place = std::fs::read_link(entry.path().join("cwd")).ok()?;
            let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
            (Some(place) == folder && name.starts_with("nsd")).then_some(pid)
        });
        pids.chain([self.pid()]).collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // A process that is stopped would not see that its parent has gone.
        if self.at_work().len() > 1 {
            self.signal_all("KILL");
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that is free for TCP and UDP on every one of these addresses, and none of those that the
/// kernel gives to clients: a claim on one of them would be a finding.
pub fn free_port(addresses: &[&str]) -> u16 {
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
    (0..100)
        .map(|_| candidate())
        .find(|&port| addresses.iter().all(|&ip| is_free(SocketAddr::new(ip, port))))
        .expect("a port that is free on all addresses")
}

/// Waits until nobody holds an address any more: a killed process that is nobody's child here, as
/// NSD's own are, lets go of its sockets a moment later.
pub fn await_free(address: SocketAddr) {
    let start = monotonic();
    loop {
        let starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        if is_free(address) {
            return;
        }
        drop(starting);
        assert!(monotonic() - start < PATIENCE, "{address} is held by somebody");
        std::thread::sleep(PAUSE);
    }
}

fn is_free(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
}

/// The next port to try, far from those that another process tries at the same time. No two are
/// neighbours: claims on them would be told as one range.
fn candidate() -> u16 {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 10_000;
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let tried = TRIED.fetch_add(1, Ordering::Relaxed);
    let port = FIRST + 2 * (std::process::id().wrapping_mul(7919).wrapping_add(tried) % COUNT);
    u16::try_from(port).unwrap()
}
