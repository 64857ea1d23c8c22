//! STARTTLS in protocols of text: SMTP, LMTP, FTP, NNTP, IMAP, POP3, ManageSieve, XMPP.

use super::Trouble;
use crate::probe::tcp::speaks::lines::{Coded, coded};
use crate::probe::tcp::speaks::wire::{Parsed, Wire, may_become};

type Agreed = Result<(), Trouble>;

/// SMTP (RFC 3207), and LMTP with another hello.
pub(super) async fn smtp(wire: &mut Wire, hello: &str) -> Agreed {
    greeted(wire, &[220]).await?;
    let own = wire.own_address_literal();
    wire.send(format!("{hello} {own}\r\n").as_bytes()).await?;
    let (reply, lines) = reply(wire).await?;
    match reply.code {
        250 if !lists(&lines, "STARTTLS") => return Err(Trouble::NotOffered(reply.first)),
        250 => {}
        // It does not know EHLO, and so has no extensions.
        500 | 502 | 504 => return Err(Trouble::NotOffered(reply.first)),
        _ => return Err(Trouble::TurnedAway(reply.first)),
    }
    wire.send(b"STARTTLS\r\n").await?;
    let reply = wire.read(coded).await?;
    match reply.code {
        220 => Ok(()),
        _ => Err(Trouble::Denied(reply.first)),
    }
}

/// FTP (RFC 4217 section 4).
pub(super) async fn ftp(wire: &mut Wire) -> Agreed {
    greeted(wire, &[220]).await?;
    wire.send(b"AUTH TLS\r\n").await?;
    agreed(wire.read(coded).await?, 234)
}

/// NNTP (RFC 4642 section 2.2).
pub(super) async fn nntp(wire: &mut Wire) -> Agreed {
    greeted(wire, &[200, 201]).await?;
    wire.send(b"STARTTLS\r\n").await?;
    agreed(wire.read(coded).await?, 382)
}

/// IMAP (RFC 9051 section 6.2.1).
pub(super) async fn imap(wire: &mut Wire) -> Agreed {
    let greeting = wire.line(|line| may_become(line, b"* ")).await?;
    let upper = greeting.to_ascii_uppercase();
    if upper.starts_with(b"* BYE") {
        return Err(Trouble::TurnedAway(greeting));
    }
    if !upper.starts_with(b"* OK") && !upper.starts_with(b"* PREAUTH") {
        return Err(wire.stranger("that is no greeting of IMAP").into());
    }
    wire.send(b"a1 STARTTLS\r\n").await?;
    loop {
        let line = wire.line(|line| matches!(line.first(), None | Some(b'*' | b'a'))).await?;
        match line.to_ascii_uppercase().as_slice() {
            [b'A', b'1', b' ', b'O', b'K', ..] => return Ok(()),
            // "Unknown command", and "not now".
            [b'A', b'1', b' ', b'B', ..] => return Err(Trouble::NotOffered(line)),
            [b'A', b'1', b' ', ..] => return Err(Trouble::Denied(line)),
            _ => {}
        }
    }
}

/// POP3 (RFC 2595 section 4).
pub(super) async fn pop3(wire: &mut Wire) -> Agreed {
    let is_reply = |line: &[u8]| matches!(line.first(), None | Some(b'+' | b'-'));
    let greeting = wire.line(is_reply).await?;
    if greeting.starts_with(b"-ERR") {
        return Err(Trouble::TurnedAway(greeting));
    }
    if !greeting.starts_with(b"+OK") {
        return Err(wire.stranger("that is no greeting of POP3").into());
    }
    wire.send(b"STLS\r\n").await?;
    let reply = wire.line(is_reply).await?;
    match reply.starts_with(b"+OK") {
        true => Ok(()),
        false => Err(Trouble::NotOffered(reply)),
    }
}

/// ManageSieve (RFC 5804 sections 1.7 and 2.2): a server says first what it can.
pub(super) async fn sieve(wire: &mut Wire) -> Agreed {
    let mut offers = false;
    let greeting = loop {
        let line = wire.line(is_sieve).await?;
        if !line.starts_with(b"\"") {
            break line;
        }
        offers |= line.to_ascii_uppercase().starts_with(b"\"STARTTLS\"");
    };
    if !said_ok(&greeting) {
        return Err(Trouble::TurnedAway(greeting));
    }
    if !offers {
        return Err(Trouble::NotOffered(greeting));
    }
    wire.send(b"STARTTLS\r\n").await?;
    let reply = wire.line(is_sieve).await?;
    match said_ok(&reply) {
        true => Ok(()),
        false => Err(Trouble::Denied(reply)),
    }
}

/// XMPP (RFC 6120 section 5.4), as a client: a stream is opened, and goes on in TLS.
pub(super) async fn xmpp(wire: &mut Wire, domain: &str) -> Agreed {
    let opening = format!(
        "<?xml version='1.0'?><stream:stream to='{domain}' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    );
    wire.send(opening.as_bytes()).await?;
    match wire.read(features).await? {
        Features::Told(words) => return Err(Trouble::TurnedAway(words)),
        Features::WithoutTls(words) => return Err(Trouble::NotOffered(words)),
        Features::WithTls => {}
    }
    wire.send(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await?;
    let answer = wire.read(|bytes| tag(bytes, &[b"<proceed", b"<failure"])).await?;
    match answer.starts_with(b"<proceed") {
        true => Ok(()),
        false => Err(Trouble::Denied(answer)),
    }
}

/// A greeting with one of these codes, and no other service's with the same.
async fn greeted(wire: &mut Wire, codes: &[u16]) -> Agreed {
    loop {
        let greeting = wire.read(coded).await?;
        match greeting.code {
            code if codes.contains(&code) => return Ok(()),
            // "Ready in so many minutes" (FTP).
            120 => {}
            400..=599 => return Err(Trouble::TurnedAway(greeting.first)),
            _ => return Err(wire.stranger("that is no greeting of it").into()),
        }
    }
}

fn agreed(reply: Coded, code: u16) -> Agreed {
    match reply.code {
        given if given == code => Ok(()),
        400..=499 => Err(Trouble::Denied(reply.first)),
        _ => Err(Trouble::NotOffered(reply.first)),
    }
}

/// A reply with all of its lines.
async fn reply(wire: &mut Wire) -> Result<(Coded, Vec<u8>), Trouble> {
    let whole = wire.read(|bytes| match coded(bytes) {
        Parsed::Whole(reply, length) => Parsed::Whole((reply, bytes[..length].to_vec()), length),
        Parsed::Partly => Parsed::Partly,
        Parsed::Foreign => Parsed::Foreign,
    });
    Ok(whole.await?)
}

/// Whether one of the lines after the first is this keyword.
fn lists(lines: &[u8], keyword: &str) -> bool {
    lines.split(|&byte| byte == b'\n').skip(1).any(|line| {
        let words = line.get(4..).unwrap_or_default();
        let mut words = words.split(u8::is_ascii_whitespace);
        words.next().is_some_and(|word| word.eq_ignore_ascii_case(keyword.as_bytes()))
    })
}

fn is_sieve(line: &[u8]) -> bool {
    let upper = line.to_ascii_uppercase();
    [&b"\""[..], b"OK", b"NO", b"BYE"].iter().any(|begin| may_become(&upper, begin))
}

fn said_ok(line: &[u8]) -> bool {
    line.get(..2).is_some_and(|word| word.eq_ignore_ascii_case(b"OK"))
}

/// What a server of XMPP says once a stream is open.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Features {
    WithTls,
    WithoutTls(Vec<u8>),
    /// A stream error.
    Told(Vec<u8>),
}

/// The features of a stream, as far as they have come. No more of XML is understood than TLS needs: a
/// server has one way to write each of these, and whoever writes another is told as a stranger.
pub(super) fn features(bytes: &[u8]) -> Parsed<Features> {
    let begins = bytes.trim_ascii_start();
    if ![&b"<?xml"[..], b"<stream:"].iter().any(|begin| may_become(begins, begin)) {
        return Parsed::Foreign;
    }
    if let Some((start, end)) = between(bytes, b"<stream:error", b"</stream:error>") {
        return Parsed::Whole(Features::Told(bytes[start..end].to_vec()), end);
    }
    let empty = b"<stream:features/>";
    if let Some(start) = find(bytes, empty) {
        let end = start + empty.len();
        return Parsed::Whole(Features::WithoutTls(bytes[start..end].to_vec()), end);
    }
    let Some((start, end)) = between(bytes, b"<stream:features", b"</stream:features>") else {
        return Parsed::Partly;
    };
    let features = &bytes[start..end];
    let found = match find(features, b"urn:ietf:params:xml:ns:xmpp-tls") {
        Some(_) => Features::WithTls,
        None => Features::WithoutTls(features.to_vec()),
    };
    Parsed::Whole(found, end)
}

/// One tag that begins in one of these ways, up to its end.
fn tag(bytes: &[u8], begins: &[&[u8]]) -> Parsed<Vec<u8>> {
    let blank = bytes.len() - bytes.trim_ascii_start().len();
    let tag = &bytes[blank..];
    if !begins.iter().any(|begin| may_become(tag, begin)) {
        return Parsed::Foreign;
    }
    match tag.iter().position(|&byte| byte == b'>') {
        Some(end) => Parsed::Whole(tag[..=end].to_vec(), blank + end + 1),
        None => Parsed::Partly,
    }
}

fn between(bytes: &[u8], start: &[u8], end: &[u8]) -> Option<(usize, usize)> {
    let start = find(bytes, start)?;
    let length = find(&bytes[start..], end)? + end.len();
    Some((start, start + length))
}

fn find(bytes: &[u8], words: &[u8]) -> Option<usize> {
    bytes.windows(words.len()).position(|part| part == words)
}
