//! The dialogue of a TCP check: send, then read until what is expected has come.

use regex::bytes::Regex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::Step;

use crate::net::Connection;

/// Most bytes read in one step.
pub(super) const MAX_STEP_BYTES: usize = 64 * 1024;
/// Room made for one read.
const READ_BYTES: usize = 2048;
/// Most bytes kept of what was said first.
const FIRST_BYTES: usize = 1024;
/// From this many fragments on, what came is searched only after it has grown by a sixteenth, so
/// that a peer that drips costs no more than one that does not.
const EAGER_FRAGMENTS: usize = 64;

/// How a dialogue ended. Steps are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Every expectation held.
    Spoken,
    /// Nothing came until the deadline, or it did not take what was sent.
    Silent { step: usize },
    /// Closed or reset before anything came.
    Cut { step: usize, how: String },
    /// Something came, and it was not what should.
    Unexpected { step: usize, got: Vec<u8>, ended: &'static str },
}

/// Holds the dialogue until its end or the deadline. Also hands back the beginning of what the
/// peer said first.
pub(super) async fn hold(
    stream: &mut Connection,
    steps: &[Step],
    deadline: Instant,
) -> (Outcome, Vec<u8>) {
    let mut first = Vec::new();
    let mut heard = Heard::default();
    for (index, step) in steps.iter().enumerate() {
        if !step.send.is_empty() {
            heard.forget();
            match timeout_at(deadline, stream.write_all(&step.send)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    return (Outcome::Cut { step: index, how: error.to_string() }, first);
                }
                Err(_) => return (Outcome::Silent { step: index }, first),
            }
        }
        let Some(expect) = &step.expect else { continue };
        let ended = heard.until(stream, expect, deadline).await;
        if first.is_empty() {
            first = heard.bytes[..heard.bytes.len().min(FIRST_BYTES)].to_vec();
        }
        let ended = match ended {
            Ended::Matched => continue,
            Ended::Deadline if heard.bytes.is_empty() => {
                return (Outcome::Silent { step: index }, first);
            }
            Ended::Closed(how) if heard.bytes.is_empty() => {
                return (Outcome::Cut { step: index, how }, first);
            }
            Ended::Deadline => "nothing more came in time",
            Ended::Closed(_) => "then it closed the connection",
            Ended::Full => "stopped reading at 64 KiB",
        };
        return (Outcome::Unexpected { step: index, got: heard.bytes, ended }, first);
    }
    (Outcome::Spoken, first)
}

enum Ended {
    Matched,
    Deadline,
    Closed(String),
    Full,
}

/// What the peer has said and no step has used up.
#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    /// As much of it as the last expectation used up.
    used: usize,
    /// What comes next may be the rest of a line whose beginning is already used up or forgotten,
    /// and is then not the beginning of the next reply.
    mid_line: bool,
}

impl Heard {
    /// What was said before a question is no answer to it.
    fn forget(&mut self) {
        if !self.bytes.is_empty() {
            self.mid_line = !self.bytes.ends_with(b"\n");
        }
        self.bytes.clear();
        self.used = 0;
    }

    /// Takes away what the last expectation used up.
    fn advance(&mut self) {
        if self.used > 0 {
            self.mid_line = !self.bytes[..self.used].ends_with(b"\n");
            self.bytes.drain(..self.used);
            self.used = 0;
        }
    }

    async fn until(&mut self, stream: &mut Connection, expect: &Regex, deadline: Instant) -> Ended {
        self.advance();
        if !self.bytes.is_empty() && self.takes(expect) {
            return Ended::Matched;
        }
        let mut searched = self.bytes.len();
        let mut fragments = 0;
        let ended = loop {
            let room = MAX_STEP_BYTES.saturating_sub(self.bytes.len());
            if room == 0 {
                break Ended::Full;
            }
            self.bytes.reserve(room.min(READ_BYTES));
            let mut bounded = (&mut *stream).take(room as u64);
            match timeout_at(deadline, bounded.read_buf(&mut self.bytes)).await {
                Ok(Ok(0)) => break Ended::Closed("closed without a word".to_owned()),
                Ok(Ok(_)) => fragments += 1,
                Ok(Err(error)) => break Ended::Closed(error.to_string()),
                Err(_) => break Ended::Deadline,
            }
            if fragments > EAGER_FRAGMENTS && self.bytes.len() < searched + searched / 16 {
                continue;
            }
            searched = self.bytes.len();
            if self.takes(expect) {
                return Ended::Matched;
            }
        };
        if searched < self.bytes.len() && self.takes(expect) { Ended::Matched } else { ended }
    }

    /// Whether what came matches; if so, notes how much of it that used up.
    fn takes(&mut self, expect: &Regex) -> bool {
        let whole = expect.find(&self.bytes).map(|found| found.end());
        let found = whole.or_else(|| {
            if !self.mid_line {
                return None;
            }
            let next_line = self.bytes.iter().position(|&byte| byte == b'\n')? + 1;
            expect.find(&self.bytes[next_line..]).map(|found| next_line + found.end())
        });
        self.used = found.unwrap_or(0);
        found.is_some()
    }
}
