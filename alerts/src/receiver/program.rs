//! A program with the message as JSON on its standard input: what the webhook would carry.
//!
//! No shell reads its arguments. Its end is the answer: 0 is taken, 65 (`EX_DATAERR` of sysexits) is
//! refused for good, anything else is tried again. Its environment holds nothing of the agent's own but
//! where programs are, home, language and time zone: the agent's may hold secrets.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::Outcome;
use super::posting::excerpt;
use crate::Bundle;

/// How much of what it says is kept.
const KEPT_BYTES: usize = 16 * 1024;
/// How long after its end what it said is waited for: a process it left behind may hold the pipe.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// The exit code that refuses a message for good: `EX_DATAERR` of sysexits(3).
const REFUSED: i32 = 65;
/// What it inherits of the environment.
const INHERITED: [&str; 7] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER"];

/// A program with the message on its standard input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// The program and its arguments; at least the program.
    pub command: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// The bound on one run; it is killed then, with what it started.
    pub timeout: Duration,
}

impl Program {
    /// Runs it once.
    pub(super) async fn run(&self, bundle: &Bundle) -> Outcome {
        let mut child = match self.start(bundle) {
            Ok(child) => child,
            Err(outcome) => return outcome,
        };
        let group = child.id();
        let message = bundle.body();
        let (input, output, errors) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let write = async {
            if let Some(mut input) = input {
                // One that does not care to read is judged by its end.
                let _ = input.write_all(message.as_bytes()).await;
            }
        };
        let (mut said, mut complained) = (Vec::new(), Vec::new());
        let ended = {
            let talk = async {
                tokio::join!(write, hear(output, &mut said), hear(errors, &mut complained))
            };
            tokio::pin!(talk);
            let run = async {
                let mut is_silent = false;
                let ended = loop {
                    tokio::select! {
                        ended = child.wait() => break ended,
                        _ = &mut talk, if !is_silent => is_silent = true,
                    }
                };
                if !is_silent {
                    let _ = tokio::time::timeout(LAST_WORDS, &mut talk).await;
                }
                ended
            };
            tokio::time::timeout(self.timeout, run).await
        };
        let words = if complained.is_empty() { said } else { complained };
        let words = excerpt(&String::from_utf8_lossy(&words));
        match ended {
            Ok(Ok(ended)) => judge(ended, &words),
            Ok(Err(error)) => Outcome::Deferred { reason: error.to_string() },
            Err(_) => {
                kill(group);
                let reason = format!("it did not end within {:?} and was killed", self.timeout);
                Outcome::Deferred { reason: with(reason, &words) }
            }
        }
    }

    fn start(&self, bundle: &Bundle) -> Result<Child, Outcome> {
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(Outcome::Unsendable { reason: "there is no program".to_owned() });
        };
        let inherited = INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        Command::new(program)
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .envs(inherited)
            .env("PORTWARDEN_MESSAGE", &*bundle.id)
            .env("PORTWARDEN_EVENT", bundle.event.label())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that what it started ends with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            // It may be there again in a while: while it is being installed anew, say.
            .map_err(|error| Outcome::Deferred { reason: format!("{program}: {error}") })
    }
}

/// Keeps the beginning of what it says, and lets it say the rest.
async fn hear(stream: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut stream) = stream else { return };
    let mut some = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut some).await {
        let room = KEPT_BYTES.saturating_sub(kept.len());
        kept.extend_from_slice(&some[..read.min(room)]);
    }
}

fn judge(ended: ExitStatus, words: &str) -> Outcome {
    // `exit status: 1`, `signal: 9 (SIGKILL)`
    let reason = with(ended.to_string(), words);
    match ended.code() {
        Some(0) => Outcome::Taken { words: reason },
        Some(REFUSED) => Outcome::Refused { reason },
        _ => Outcome::Deferred { reason },
    }
}

fn with(reason: String, words: &str) -> String {
    if words.is_empty() { reason } else { format!("{reason}: {words}") }
}

/// Kills it and what it started.
fn kill(group: Option<u32>) {
    let group =
        group.and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // It may have ended just now.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

#[cfg(test)]
mod tests;
