//! What is said over a WebSocket until its end, the deadline, or more has come than anybody reads.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use health::Phase;
use health::facts::{SaidFacts, Speaker, WebsocketFacts};
use tokio::time::{timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{Spec, Words};
use crate::net::printable;
use crate::probe::Stopwatch;
use crate::probe::http::Metered;

/// Longest message that is read.
const MESSAGE_BYTES: usize = 256 * 1024;
/// Most bytes and messages read in all.
const MOST_BYTES: usize = 1024 * 1024;
const MOST_MESSAGES: usize = 4096;
/// Bytes read at once.
const READ_BYTES: usize = 8 * 1024;
/// Most messages kept as facts, and characters of each.
const SAID_MESSAGES: usize = 12;
const SAID_CHARS: usize = 256;
/// How long the other side may take to close in its turn: nothing depends on it but its log.
const PARTING: Duration = Duration::from_millis(500);
const PING: &[u8] = b"portwarden";

/// What RFC 6455 section 7.1.5 calls an end without a close frame.
pub(super) const NO_FRAME: u16 = 1006;
/// A close frame without a code.
const NO_CODE: u16 = 1005;

/// A conversation, and how it ended.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) outcome: Outcome,
    pub(super) facts: WebsocketFacts,
}

/// How a conversation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All was as expected.
    Held,
    /// Nothing came until the deadline.
    Silent(Awaited),
    /// The server closed it; the code and reason are among the facts.
    Closed(Awaited),
    /// Messages came, and none was the one expected: the last of them, how many, and why no more.
    Unexpected { step: usize, got: String, messages: usize, ended: &'static str },
    /// What came breaks the rules of the protocol, and how.
    Broken(String),
}

/// What was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// The reply of a step, counted from 0.
    Step(usize),
    /// The answer to a ping.
    Pong,
}

/// Goes through the steps, pings, and parts.
pub(super) async fn hold(
    line: Metered,
    surplus: Vec<u8>,
    spec: &Spec,
    watch: &mut Stopwatch,
) -> Heard {
    let settings = WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES));
    let socket =
        WebSocketStream::from_partially_read(line, surplus, Role::Client, Some(settings)).await;
    let facts = WebsocketFacts::default();
    let mut talk = Talk { socket, facts, bytes: 0, messages: 0 };
    let ended = match talk.through(spec, watch).await {
        Ok(()) => Outcome::Held,
        Err(outcome) => outcome,
    };
    if !matches!(ended, Outcome::Closed(_) | Outcome::Broken(_)) {
        // Whoever does not part in time is left.
        let _ = timeout(PARTING, timeout_at(watch.deadline(), talk.part())).await;
    }
    watch.lap(Phase::Dialogue);
    Heard { outcome: ended, facts: talk.facts }
}

struct Talk {
    socket: WebSocketStream<Metered>,
    facts: WebsocketFacts,
    bytes: usize,
    messages: usize,
}

/// What came next.
enum Next {
    Message(String),
    Pong,
    Closed,
    Broken(String),
    Deadline,
    /// More than anybody reads.
    Enough,
}

impl Talk {
    async fn through(&mut self, spec: &Spec, watch: &Stopwatch) -> Result<(), Outcome> {
        for (step, planned) in spec.steps.iter().enumerate() {
            if let Some(words) = &planned.send {
                let message = Message::text(words.text());
                self.say(message, Awaited::Step(step), watch).await?;
                let shown = match words {
                    Words::Plain(text) => printable(text.as_bytes(), SAID_CHARS),
                    Words::Secret(_) => "(hidden)".to_owned(),
                };
                self.note(Speaker::Agent, shown, watch);
            }
            if let Some(expect) = &planned.expect {
                self.until(step, |text| expect.is_match(text), watch).await?;
            }
        }
        if spec.ping { self.ping(watch).await } else { Ok(()) }
    }

    /// Reads until a message is the one expected.
    async fn until(
        &mut self,
        step: usize,
        is_expected: impl Fn(&str) -> bool,
        watch: &Stopwatch,
    ) -> Result<(), Outcome> {
        let before = self.messages;
        let mut last = None;
        loop {
            let ended = match self.next(watch).await {
                Next::Message(text) if is_expected(&text) => return Ok(()),
                Next::Message(text) => {
                    last = Some(text);
                    continue;
                }
                Next::Pong => continue,
                Next::Broken(why) => return Err(Outcome::Broken(why)),
                Next::Closed if last.is_none() => {
                    return Err(Outcome::Closed(Awaited::Step(step)));
                }
                Next::Closed => "then it closed the connection",
                Next::Deadline => "nothing more came in time",
                Next::Enough => "stopped reading after 1 MiB or 4096 messages",
            };
            return Err(match last {
                None => Outcome::Silent(Awaited::Step(step)),
                Some(got) => {
                    let got = shown(&got);
                    Outcome::Unexpected { step, got, messages: self.messages - before, ended }
                }
            });
        }
    }

    async fn ping(&mut self, watch: &Stopwatch) -> Result<(), Outcome> {
        let begun = watch.elapsed();
        self.say(Message::Ping(PING.into()), Awaited::Pong, watch).await?;
        loop {
            match self.next(watch).await {
                Next::Message(_) => {}
                Next::Pong => {
                    self.facts.pong = Some(watch.elapsed().saturating_sub(begun));
                    return Ok(());
                }
                // Whoever says so much lives, and its pong waits behind it.
                Next::Enough => return Ok(()),
                Next::Closed => return Err(Outcome::Closed(Awaited::Pong)),
                Next::Broken(why) => return Err(Outcome::Broken(why)),
                Next::Deadline => return Err(Outcome::Silent(Awaited::Pong)),
            }
        }
    }

    async fn say(
        &mut self,
        message: Message,
        awaited: Awaited,
        watch: &Stopwatch,
    ) -> Result<(), Outcome> {
        match timeout_at(watch.deadline(), self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Err(_) => Err(Outcome::Silent(awaited)),
            // What it said before it went stands in what is still to be read.
            Ok(Err(_)) => loop {
                match self.next(watch).await {
                    Next::Message(_) | Next::Pong => {}
                    Next::Broken(why) => return Err(Outcome::Broken(why)),
                    Next::Closed | Next::Deadline | Next::Enough => {
                        self.facts.close_code.get_or_insert(NO_FRAME);
                        return Err(Outcome::Closed(awaited));
                    }
                }
            },
        }
    }

    async fn next(&mut self, watch: &Stopwatch) -> Next {
        loop {
            if self.bytes > MOST_BYTES || self.messages >= MOST_MESSAGES {
                return Next::Enough;
            }
            let Ok(came) = timeout_at(watch.deadline(), self.socket.next()).await else {
                return Next::Deadline;
            };
            self.messages += 1;
            let message = match came {
                Some(Ok(message)) => message,
                Some(Err(error)) => return self.ended(&error),
                None => return self.closed(NO_FRAME, String::new()),
            };
            self.bytes += message.len();
            let text = match message {
                Message::Text(text) => text.to_string(),
                Message::Binary(bytes) => printable(&bytes, SAID_CHARS),
                Message::Pong(payload) if *payload == *PING => return Next::Pong,
                Message::Close(frame) => {
                    let (code, reason) = frame.map_or((NO_CODE, String::new()), |frame| {
                        (frame.code.into(), printable(frame.reason.as_bytes(), SAID_CHARS))
                    });
                    return self.closed(code, reason);
                }
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            };
            self.note(Speaker::Server, shown(&text), watch);
            return Next::Message(text);
        }
    }

    fn ended(&mut self, error: &Error) -> Next {
        match error {
            Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                self.closed(NO_FRAME, String::new())
            }
            // The meter under it ends what does not end by itself.
            Error::Io(error) if error.kind() == std::io::ErrorKind::Other => Next::Enough,
            Error::Io(_) => self.closed(NO_FRAME, String::new()),
            Error::Capacity(_) => {
                Next::Broken(format!("a message of more than {} KiB", MESSAGE_BYTES / 1024))
            }
            other => Next::Broken(printable(other.to_string().as_bytes(), SAID_CHARS)),
        }
    }

    fn closed(&mut self, code: u16, reason: String) -> Next {
        if self.facts.close_code.is_none() {
            self.facts.close_code = Some(code);
            self.facts.close_reason = reason;
        }
        Next::Closed
    }

    fn note(&mut self, by: Speaker, text: String, watch: &Stopwatch) {
        if self.facts.said.len() < SAID_MESSAGES {
            self.facts.said.push(SaidFacts { by, at: watch.elapsed(), text });
        }
    }

    /// Closes, and waits until the other side has closed too.
    async fn part(&mut self) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        if self.socket.close(Some(frame)).await.is_ok() {
            for _ in 0..MOST_MESSAGES {
                if !matches!(self.socket.next().await, Some(Ok(_))) {
                    break;
                }
            }
        }
    }
}

/// A message for people; the session that engine.io begins with it is nobody's business.
fn shown(text: &str) -> String {
    let shown = printable(text.as_bytes(), SAID_CHARS);
    match shown.split_once("\"sid\":\"") {
        Some((before, rest)) => {
            let after = rest.find('"').map_or("", |end| &rest[end..]);
            format!("{before}\"sid\":\"(hidden){after}")
        }
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_not_shown() {
        for (text, expected) in [
            (r#"0{"sid":"abc","pingInterval":1}"#, r#"0{"sid":"(hidden)","pingInterval":1}"#),
            (r#"40{"sid":"abc"#, r#"40{"sid":"(hidden)"#),
            ("hello", "hello"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }
}
