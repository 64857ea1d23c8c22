//! SMTP, FTP, IMAP and POP3: lines of text. A greeting, and a goodbye.
//!
//! Deliberately absent: STARTTLS, which is a matter of `[[tls]]` (`probe/tls/starttls`), and logins.

use super::stranger::recognised;
use super::wire::{Parsed, Wire, refused};
use super::{Greeting, Reason, Trouble};

/// SMTP (RFC 5321): the greeting, then `EHLO`.
pub(super) async fn greet_smtp(wire: &mut Wire) -> Result<Greeting, Trouble> {
    let greeting = wire.read(coded).await?;
    if greeting.code != 220 {
        return denied(wire, &greeting);
    }
    if recognised(wire.first()) == Some("FTP") {
        return Err(wire.stranger("another protocol with the same greeting"));
    }
    let own = wire.own_address_literal();
    wire.send(format!("EHLO {own}\r\n").as_bytes()).await?;
    let mut reply = wire.read(coded).await?;
    if matches!(reply.code, 500 | 502) {
        wire.send(format!("HELO {own}\r\n").as_bytes()).await?;
        reply = wire.read(coded).await?;
    }
    match reply.code {
        250 => {
            wire.take_leave(b"QUIT\r\n").await;
            Ok(Greeting { version: None, answer: reply.first })
        }
        500 | 502 | 530 => Err(wire.stranger("it knows neither EHLO nor HELO")),
        400..=499 => denied(wire, &reply),
        501..=599 => refused(Reason::HostRefused, &reply.first),
        _ => Err(wire.stranger("that is no answer to EHLO")),
    }
}

/// FTP (RFC 959): the greeting.
pub(super) async fn greet_ftp(wire: &mut Wire) -> Result<Greeting, Trouble> {
    let greeting = wire.read(coded).await?;
    if greeting.code != 220 {
        return denied(wire, &greeting);
    }
    if recognised(wire.first()) == Some("SMTP") {
        return Err(wire.stranger("another protocol with the same greeting"));
    }
    wire.take_leave(b"QUIT\r\n").await;
    Ok(Greeting { version: None, answer: greeting.first })
}

/// IMAP (RFC 9051 section 7.1): the greeting.
pub(super) async fn greet_imap(wire: &mut Wire) -> Result<Greeting, Trouble> {
    let line = wire.line(|line| line.first().is_none_or(|&byte| byte == b'*')).await?;
    let upper = line.to_ascii_uppercase();
    if upper.starts_with(b"* OK") || upper.starts_with(b"* PREAUTH") {
        wire.take_leave(b"a1 LOGOUT\r\n").await;
        return Ok(Greeting { version: None, answer: line });
    }
    match upper.starts_with(b"* BYE") {
        true => refused(why(&line), &line),
        false => Err(wire.stranger("that is no greeting of IMAP")),
    }
}

/// POP3 (RFC 1939): the greeting.
pub(super) async fn greet_pop3(wire: &mut Wire) -> Result<Greeting, Trouble> {
    let line = wire.line(|line| matches!(line.first(), None | Some(b'+' | b'-'))).await?;
    if line.starts_with(b"+OK") {
        wire.take_leave(b"QUIT\r\n").await;
        return Ok(Greeting { version: None, answer: line });
    }
    match line.starts_with(b"-ERR") {
        true => refused(why(&line), &line),
        false => Err(wire.stranger("that is no greeting of POP3")),
    }
}

/// A reply of SMTP or FTP.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Coded {
    pub(crate) code: u16,
    /// Its first line, with the code.
    pub(crate) first: Vec<u8>,
}

/// One reply, of one line or of several (RFC 5321 section 4.2.1, RFC 959 section 4.2). Lines that begin
/// with no code belong to a reply of FTP, but not as the first.
pub(crate) fn coded(bytes: &[u8]) -> Parsed<Coded> {
    let begins_well = bytes.iter().take(3).all(u8::is_ascii_digit)
        && bytes.get(3).is_none_or(|byte| matches!(byte, b' ' | b'-' | b'\r' | b'\n'));
    if !begins_well {
        return Parsed::Foreign;
    }
    let mut length = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        length += line.len();
        if !line.ends_with(b"\n") || bytes.len() < 3 {
            return Parsed::Partly;
        }
        let is_last = line.starts_with(&bytes[..3]) && line.get(3) != Some(&b'-');
        if is_last {
            let code = bytes[..3].iter().fold(0, |code, byte| code * 10 + u16::from(byte - b'0'));
            let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
            let first = bytes[..end].trim_ascii_end().to_vec();
            return Parsed::Whole(Coded { code, first }, length);
        }
    }
    Parsed::Partly
}

/// What a greeting other than 220 means.
fn denied(wire: &Wire, reply: &Coded) -> Result<Greeting, Trouble> {
    match reply.code {
        // "Ready in so many minutes."
        120 => refused(Reason::NotYet, &reply.first),
        400..=599 => refused(why(&reply.first), &reply.first),
        _ => Err(wire.stranger("that is no greeting of it")),
    }
}

/// Why it does not serve, as far as its words tell.
fn why(words: &[u8]) -> Reason {
    let words = words.to_ascii_lowercase();
    let is_said = |what: &str| words.windows(what.len()).any(|part| part == what.as_bytes());
    match is_said("too many") || is_said("maximum number") || is_said("connection limit") {
        true => Reason::Full,
        false => Reason::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(bytes: &str) -> Result<(u16, usize), &'static str> {
        match coded(bytes.as_bytes()) {
            Parsed::Whole(reply, length) => Ok((reply.code, length)),
            Parsed::Partly => Err("partly"),
            Parsed::Foreign => Err("foreign"),
        }
    }

    #[test]
    fn replies_by_table() {
        for (bytes, expected) in [
            ("220 mail.example ESMTP\r\n", Ok((220, 24))),
            ("220-wait\r\n220 go\r\nmore", Ok((220, 18))),
            ("220-\r\nwelcome to\r\n 220 lines\r\n220 \r\n", Ok((220, 36))),
            ("421\r\n", Ok((421, 5))),
            ("220 mail", Err("partly")),
            ("220-wait\r\n", Err("partly")),
            ("22", Err("partly")),
            ("2", Err("partly")),
            ("SSH-2.0", Err("foreign")),
            ("2200 x\r\n", Err("foreign")),
            ("\n", Err("foreign")),
        ] {
            assert_eq!(reply(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn reasons_by_table() {
        for (words, expected) in [
            ("421 4.7.0 Too many connections from you", Reason::Full),
            ("* BYE Maximum number of connections from user+IP exceeded", Reason::Full),
            ("554 no SMTP service here", Reason::Unavailable),
        ] {
            assert_eq!(why(words.as_bytes()), expected, "{words}");
        }
    }
}
