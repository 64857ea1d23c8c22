//! memcached: `version` over its text protocol.

use super::wire::{Wire, may_become, refused};
use super::{Greeting, Reason, Trouble};

/// What a server with `-Y` says to everybody else.
const UNAUTHENTICATED: &[u8] = b"CLIENT_ERROR unauthenticated";

pub(super) async fn greet(wire: &mut Wire) -> Result<Greeting, Trouble> {
    wire.send(b"version\r\n").await?;
    let line = wire
        .line(|line| {
            [&b"VERSION "[..], b"ERROR ", b"SERVER_ERROR", UNAUTHENTICATED]
                .iter()
                .any(|word| may_become(line, word))
        })
        .await?;
    if let Some(version) = line.strip_prefix(b"VERSION ") {
        let version = Some(version.to_vec());
        wire.farewell(b"quit\r\n").await;
        return Ok(Greeting { version, answer: line });
    }
    // It lives, and wants a login first.
    if line.starts_with(UNAUTHENTICATED) {
        return Ok(Greeting { version: None, answer: line });
    }
    let is_full = line.to_ascii_lowercase().windows(16).any(|words| words == b"open connections");
    match line.as_slice() {
        _ if is_full => refused(Reason::Full, &line),
        line if line.starts_with(b"SERVER_ERROR") => refused(Reason::Unavailable, line),
        _ => Err(wire.stranger("that is no answer to `version`")),
    }
}
