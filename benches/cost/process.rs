//! A process that the bench started: what it used so far, and its end by its own id.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::client::within;

/// Linux counts processor time in these for /proc on every architecture.
const TICKS_A_SECOND: u64 = 100;
/// How long a process may take to end before it is killed.
const FAREWELL: Duration = Duration::from_secs(8);

/// A process that the bench started. Ended when dropped.
pub(crate) struct Running {
    child: Child,
}

/// Resident memory in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) resident: u64,
    /// The most it ever was.
    pub(crate) peak: u64,
}

impl Running {
    /// Starts it, with what it says going to the end of `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {:?}", command.get_program()))?;
        Ok(Self { child })
    }

    /// User and system time of all its threads, exact to 10 ms.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu_of(&self.child.id().to_string())
    }

    /// Its resident memory.
    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let bytes = |name: &str| -> anyhow::Result<u64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let kilobytes = line.and_then(|line| line.split_whitespace().next());
            Ok(kilobytes.with_context(|| format!("no {name}"))?.parse::<u64>()? * 1024)
        };
        Ok(Memory { resident: bytes("VmRSS:")?, peak: bytes("VmHWM:")? })
    }

    fn end(&mut self) -> anyhow::Result<()> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-s", "TERM", &pid]).status()?;
        within(FAREWELL, || Ok(self.child.try_wait()?.map(drop)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.end().is_err() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// User and system time of a process, by its id or `self`, exact to 10 ms.
pub(crate) fn cpu_of(pid: &str) -> anyhow::Result<Duration> {
    let [user, system, _, _] = times_of(pid)?;
    Ok(user + system)
}

/// User and system time of the processes that this one has waited for, exact to 10 ms.
pub(crate) fn cpu_of_ended() -> anyhow::Result<Duration> {
    let [_, _, user, system] = times_of("self")?;
    Ok(user + system)
}

/// Its own user and system time, then those of its ended children.
fn times_of(pid: &str) -> anyhow::Result<[Duration; 4]> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold anything; what follows it is numbers. proc_pid_stat(5)
    let (_, numbers) = text.rsplit_once(')').context("no name in /proc/PID/stat")?;
    let fields: Vec<&str> = numbers.split_whitespace().collect();
    let mut times = [Duration::ZERO; 4];
    for (time, field) in times.iter_mut().zip(fields.get(11..15).context("too few numbers")?) {
        *time = Duration::from_millis(field.parse::<u64>()? * 1000 / TICKS_A_SECOND);
    }
    Ok(times)
}

/// Runs a command to its end and hands back what it printed, on either stream.
pub(crate) fn output_of(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {:?}", command.get_program()))?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        bail!("{command:?} ended with {}:\n{text}", output.status);
    }
    Ok(text)
}
