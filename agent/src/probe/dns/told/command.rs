//! One run of a program that prints values: without a shell, without this process's secrets, ended
//! with everything it started when its time is over.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::{Instant, sleep, timeout_at};

use crate::clock::monotonic;
use crate::net::printable;

/// What a program may print.
const MOST_BYTES: u64 = 64 * 1024;
/// What is kept of its complaints, and shown of them.
const MOST_COMPLAINT_BYTES: u64 = 4096;
const MOST_SHOWN_CHARS: usize = 200;
/// A program has ended soon after it has closed its output; it is looked for so often.
const LOOKED_FOR_EVERY: Duration = Duration::from_millis(5);
/// What a program sees of this process's environment: nothing that may hold a secret.
const PASSED_ON: [&str; 4] = ["PATH", "HOME", "LANG", "TZ"];

/// Runs a program and returns what it printed.
///
/// # Errors
/// Why there is no output, in a few words for people: not found, not in time, too much, or an exit
/// code with the last line of its complaints.
pub(super) async fn run(
    words: &[String],
    about: &[(&str, String)],
    deadline: Instant,
) -> Result<Vec<u8>, String> {
    let mut child = start(words, about)?;
    let (output, complaints) = (child.stdout.take(), child.stderr.take());
    let listening = async {
        let (output, complaints) = tokio::join!(
            tokio::task::spawn_blocking(move || listen(output, MOST_BYTES)),
            tokio::task::spawn_blocking(move || listen(complaints, MOST_COMPLAINT_BYTES)),
        );
        (output.unwrap_or_default(), complaints.unwrap_or_default())
    };
    let Ok((output, complaints)) = timeout_at(deadline, listening).await else {
        end(&mut child);
        return Err("it did not end in time".to_owned());
    };
    let code = loop {
        match child.try_wait() {
            Ok(Some(code)) => break code,
            Ok(None) if monotonic() < deadline.into_std() => sleep(LOOKED_FOR_EVERY).await,
            Ok(None) => {
                end(&mut child);
                return Err("it did not end in time".to_owned());
            }
            Err(error) => return Err(error.to_string()),
        }
    };
    if !code.success() {
        let complaints = String::from_utf8_lossy(&complaints);
        let last = complaints.lines().rev().find(|line| !line.trim().is_empty());
        return Err(match last {
            Some(last) => {
                format!("{code}: {}", printable(last.trim().as_bytes(), MOST_SHOWN_CHARS))
            }
            None => code.to_string(),
        });
    }
    if output.len() as u64 > MOST_BYTES {
        return Err(format!("it printed more than {} KiB", MOST_BYTES / 1024));
    }
    Ok(output)
}

fn start(words: &[String], about: &[(&str, String)]) -> Result<Child, String> {
    let [program, arguments @ ..] = words else { return Err("no program is named".to_owned()) };
    let passed_on = PASSED_ON.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(passed_on)
        .envs(about.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Whatever it starts in turn can then be ended with it.
        .process_group(0)
        .spawn()
        .map_err(|error| error.to_string())
}

/// Everything up to one byte more than the cap; the rest is read and thrown away, so that nobody
/// waits for room.
fn listen(stream: Option<impl Read>, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        let _ = stream.by_ref().take(most + 1).read_to_end(&mut bytes);
        let _ = io::copy(&mut stream, &mut io::sink());
    }
    bytes
}

/// Ends the program and all that it started. It has not been waited for yet, so that its number is
/// still its own.
fn end(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}
