//! Redis, and what speaks like it (Valkey, KeyDB, Dragonfly): an inline `PING`.

use super::wire::{Wire, refused};
use super::{Greeting, Reason, Trouble};

pub(super) async fn greet(wire: &mut Wire) -> Result<Greeting, Trouble> {
    wire.send(b"PING\r\n").await?;
    let line = wire.line(|line| matches!(line.first(), None | Some(b'+' | b'-'))).await?;
    let Some(reason) = sorted(&line) else {
        return match is_alive(&line) {
            true => {
                wire.farewell(b"QUIT\r\n").await;
                Ok(Greeting { version: None, answer: line })
            }
            false => Err(wire.stranger("that is no answer to PING")),
        };
    };
    refused(reason, &line)
}

/// It asks for a password first: it lives, and nobody may look further.
fn is_alive(line: &[u8]) -> bool {
    line == b"+PONG" || line.starts_with(b"-NOAUTH ") || line.starts_with(b"-NOPERM ")
}

/// What an error means; `None` for what is no refusal to serve.
fn sorted(line: &[u8]) -> Option<Reason> {
    let first = line.split(|&byte| byte == b' ').next().unwrap_or_default();
    Some(match first {
        b"-LOADING" => Reason::NotYet,
        b"-MASTERDOWN" | b"-BUSY" | b"-MISCONF" => Reason::Unavailable,
        b"-DENIED" => Reason::HostRefused,
        b"-ERR" if line.starts_with(b"-ERR max number of clients") => Reason::Full,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_by_table() {
        for (line, alive, reason) in [
            ("+PONG", true, None),
            ("-NOAUTH Authentication required.", true, None),
            ("-LOADING Redis is loading the dataset in memory", false, Some(Reason::NotYet)),
            ("-MISCONF Errors writing to the AOF file", false, Some(Reason::Unavailable)),
            ("-ERR max number of clients reached", false, Some(Reason::Full)),
            ("-DENIED Redis is running in protected mode", false, Some(Reason::HostRefused)),
            ("-ERR unknown command", false, None),
            ("+OK POP3 ready", false, None),
            ("", false, None),
        ] {
            assert_eq!(is_alive(line.as_bytes()), alive, "{line}");
            assert_eq!(sorted(line.as_bytes()), reason, "{line}");
        }
    }
}
