//! MQTT 3.1.1: CONNECT as a client of its own, and the broker's CONNACK.
//!
//! Deliberately absent: user and password; being asked for them is an answer. A broker of version 5
//! alone says so, and lives.

use ring::rand::{SecureRandom, SystemRandom};

use super::wire::{Parsed, Wire, refused};
use super::{Greeting, Reason, Trouble};

const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
const DISCONNECT: &[u8] = &[0xe0, 0];
/// Protocol name and level, clean session, keep-alive of ten seconds.
const VARIABLE_HEADER: &[u8] = b"\0\x04MQTT\x04\x02\0\x0a";

pub(super) async fn greet(wire: &mut Wire) -> Result<Greeting, Trouble> {
    wire.send(&connect(&client_id())).await?;
    let code = wire.read(acknowledged).await?;
    let said = format!("CONNACK {code}: {}", meaning(code)).into_bytes();
    match code {
        // Server unavailable and busy; 0x88 and above are those of version 5.
        3 | 0x88 | 0x89 | 0x8b => refused(Reason::Unavailable, &said),
        0x97 | 0x9f => refused(Reason::Full, &said),
        0x8a => refused(Reason::HostRefused, &said),
        _ => {
            if code == 0 {
                wire.farewell(DISCONNECT).await;
            }
            Ok(Greeting { version: None, answer: said })
        }
    }
}

/// A name that no other client has: a broker sends away the one that had it before.
fn client_id() -> String {
    let mut random = [0; 4];
    // Without randomness the name is still nobody else's on this broker.
    let _ = SystemRandom::new().fill(&mut random);
    format!("portwarden-{:08x}", u32::from_be_bytes(random))
}

fn connect(client_id: &str) -> Vec<u8> {
    let length = u8::try_from(client_id.len()).unwrap_or(u8::MAX);
    let client_id = &client_id.as_bytes()[..usize::from(length)];
    let remaining = VARIABLE_HEADER.len() + 2 + client_id.len();
    let remaining = u8::try_from(remaining).unwrap_or(u8::MAX);
    [&[CONNECT, remaining], VARIABLE_HEADER, &[0, length], client_id].concat()
}

/// The return code of a CONNACK (section 3.2), whose properties are those of version 5.
fn acknowledged(bytes: &[u8]) -> Parsed<u8> {
    let is_well = |at: usize, good: fn(u8) -> bool| bytes.get(at).is_none_or(|&byte| good(byte));
    if !is_well(0, |kind| kind == CONNACK)
        || !is_well(1, |remaining| (2..0x80).contains(&remaining))
        || !is_well(2, |session_present| session_present <= 1)
    {
        return Parsed::Foreign;
    }
    match bytes {
        &[_, remaining, _, code, ..] if bytes.len() >= 2 + usize::from(remaining) => {
            Parsed::Whole(code, 2 + usize::from(remaining))
        }
        _ => Parsed::Partly,
    }
}

fn meaning(code: u8) -> &'static str {
    match code {
        0 => "accepted",
        1 | 0x84 => "another version of the protocol, please",
        2 | 0x85 => "client identifier refused",
        3 | 0x88 => "server unavailable",
        4 | 0x86 => "bad user name or password",
        5 | 0x87 => "not authorized",
        0x89 => "server busy",
        0x8a => "banned",
        0x8b => "server shutting down",
        0x97 => "quota exceeded",
        0x9f => "connection rate exceeded",
        _ => "refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_by_table() {
        for (bytes, expected) in [
            (&b"\x20\x02\0\0"[..], Ok(0)),
            (b"\x20\x02\x01\0", Ok(0)),
            (b"\x20\x02\0\x05", Ok(5)),
            (b"\x20\x03\0\x87\0", Ok(0x87)),
            (b"\x20\x03\0\x87", Err("partly")),
            (b"\x20", Err("partly")),
            (b"\x20\x02\x02\0", Err("foreign")),
            (b"\x20\x00", Err("foreign")),
            (b"HTTP", Err("foreign")),
        ] {
            let read = match acknowledged(bytes) {
                Parsed::Whole(code, length) => {
                    assert_eq!(length, bytes.len());
                    Ok(code)
                }
                Parsed::Partly => Err("partly"),
                Parsed::Foreign => Err("foreign"),
            };
            assert_eq!(read, expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_name_of_its_own_that_every_broker_takes() {
        let name = client_id();
        assert!(name.len() <= 23 && name != client_id(), "{name}");
        let packet = connect(&name);
        assert_eq!(usize::from(packet[1]), packet.len() - 2);
        assert!(packet.ends_with(name.as_bytes()));
    }
}
