//! MySQL and MariaDB: the handshake (protocol 10), and a login without a password.
//!
//! A server counts those who leave in the middle of the handshake, and blocks their host after a hundred
//! (`max_connect_errors`). So the hello goes on to a login: whether it is let in or refused, nobody
//! counts it. Deliberately absent: passwords. TLS is asked for by `starttls` alone.

use super::wire::{Parsed, Wire};
use super::{Greeting, Login, NOBODY, Reason, Refusal, Trouble};

/// The longest packet of a server before it is ready.
const MAX_PACKET_BYTES: usize = 4 * 1024;
/// How often it may ask for another way to prove who we are; servers do once.
const MAX_ROUNDS: usize = 4;

const CLIENT_LONG_PASSWORD: u32 = 0x1;
const CLIENT_CONNECT_WITH_DB: u32 = 0x8;
const CLIENT_PROTOCOL_41: u32 = 0x200;
const CLIENT_SSL: u32 = 0x800;
const CLIENT_SECURE_CONNECTION: u32 = 0x8000;
const CLIENT_PLUGIN_AUTH: u32 = 0x8_0000;
/// utf8mb4_general_ci, which both have.
const CHARSET: u8 = 45;
const PLUGIN: &[u8] = b"mysql_native_password";

pub(super) async fn greet(wire: &mut Wire, login: &Login) -> Result<Greeting, Trouble> {
    let first = wire.read(|bytes| packet(bytes, &[0x0a, 0xff])).await?;
    if let Some(told) = Told::read(&first.payload) {
        return judged(&told, login, None);
    }
    let Some(version) = version(&first.payload) else {
        return Err(wire.stranger("it begins like a MySQL handshake, and is none"));
    };
    wire.send(&framed(first.sequence.wrapping_add(1), &response(login))).await?;
    for _ in 0..MAX_ROUNDS {
        let reply = wire.read(|bytes| packet(bytes, &[0x00, 0x01, 0xfe, 0xff])).await?;
        if let Some(told) = Told::read(&reply.payload) {
            return judged(&told, login, Some(version));
        }
        let answer = match reply.payload.first() {
            Some(0x00) => {
                let user = login.user.as_deref().unwrap_or(NOBODY);
                format!("{user} is let in")
            }
            Some(0x01) => "asks for a password".to_owned(),
            // Another way to prove who we are: with nothing, as before.
            _ => {
                wire.send(&framed(reply.sequence.wrapping_add(1), &[])).await?;
                continue;
            }
        };
        // COM_QUIT
        wire.farewell(&framed(0, &[1])).await;
        return Ok(Greeting { version: Some(version), answer: answer.into_bytes() });
    }
    Err(wire.stranger("it asks again and again who we are"))
}

pub(crate) struct Packet {
    pub(crate) sequence: u8,
    pub(crate) payload: Vec<u8>,
}

/// One packet, whose payload begins with one of these.
pub(crate) fn packet(bytes: &[u8], begins: &[u8]) -> Parsed<Packet> {
    if bytes.get(2).is_some_and(|&high| high != 0)
        || bytes.get(4).is_some_and(|first| !begins.contains(first))
    {
        return Parsed::Foreign;
    }
    let &[low, middle, _, sequence, ..] = bytes else { return Parsed::Partly };
    let length = usize::from(u16::from_le_bytes([low, middle]));
    if length == 0 || length > MAX_PACKET_BYTES {
        return Parsed::Foreign;
    }
    match bytes.get(4..4 + length) {
        Some(payload) => Parsed::Whole(Packet { sequence, payload: payload.to_vec() }, 4 + length),
        None => Parsed::Partly,
    }
}

/// The version in a handshake. MariaDB puts 5.5.5- before its own, for replicas of old.
fn version(handshake: &[u8]) -> Option<Vec<u8>> {
    let rest = handshake.strip_prefix(&[10])?;
    let end = rest.iter().position(|&byte| byte == 0)?;
    // Connection id, the first half of the scramble, a filler and what it can.
    if rest.len() < end + 1 + 4 + 8 + 1 + 2 || !rest[..end].iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let version = &rest[..end];
    Some(version.strip_prefix(b"5.5.5-").unwrap_or(version).to_vec())
}

/// Whether a server that begins with this handshake would go on with TLS; `None`: it is none.
pub(crate) fn offers_tls(handshake: &[u8]) -> Option<bool> {
    version(handshake)?;
    let end = handshake.iter().position(|&byte| byte == 0)?;
    let able = handshake.get(end + 1 + 4 + 8 + 1..)?.first_chunk::<2>()?;
    Some(u32::from(u16::from_le_bytes(*able)) & CLIENT_SSL != 0)
}

/// The login, without TLS, of nobody in particular.
pub(crate) fn login() -> Vec<u8> {
    response(&Login::default())
}

/// SSLRequest: what a response begins with, and no more.
pub(crate) fn tls_request() -> Vec<u8> {
    let able = CLIENT_LONG_PASSWORD | CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION;
    beginning(able | CLIENT_PLUGIN_AUTH | CLIENT_SSL)
}

/// The login that follows it within TLS, of nobody in particular.
pub(crate) fn login_within_tls() -> Vec<u8> {
    let mut bytes = login();
    bytes[..4].copy_from_slice(&tls_request()[..4]);
    bytes
}

fn beginning(able: u32) -> Vec<u8> {
    let mut bytes = able.to_le_bytes().to_vec();
    bytes.extend((16_u32 << 20).to_le_bytes());
    bytes.push(CHARSET);
    bytes.extend([0; 23]);
    bytes
}

/// HandshakeResponse41 without a password.
fn response(login: &Login) -> Vec<u8> {
    let mut able =
        CLIENT_LONG_PASSWORD | CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION | CLIENT_PLUGIN_AUTH;
    if login.database.is_some() {
        able |= CLIENT_CONNECT_WITH_DB;
    }
    let mut bytes = beginning(able);
    bytes.extend(login.user.as_deref().unwrap_or(NOBODY).as_bytes());
    // The end of the name, and a proof of no length.
    bytes.extend([0, 0]);
    if let Some(database) = &login.database {
        bytes.extend(database.as_bytes());
        bytes.push(0);
    }
    bytes.extend(PLUGIN);
    bytes.push(0);
    bytes
}

pub(crate) fn framed(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    [&length[..3], &[sequence], payload].concat()
}

/// What an ERR packet tells.
#[derive(Debug)]
pub(crate) struct Told {
    number: u16,
    words: Vec<u8>,
}

impl Told {
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let &[0xff, low, high, ref rest @ ..] = payload else { return None };
        let words = match rest {
            [b'#', state @ ..] if state.len() >= 5 => &state[5..],
            words => words,
        };
        Some(Self { number: u16::from_le_bytes([low, high]), words: words.to_vec() })
    }

    /// Its number and its words.
    pub(crate) fn said(&self) -> Vec<u8> {
        [self.number.to_string().as_bytes(), b": ", &self.words].concat()
    }
}

fn judged(told: &Told, login: &Login, version: Option<Vec<u8>>) -> Result<Greeting, Trouble> {
    let said = told.said();
    match sorted(told.number, login) {
        None => Ok(Greeting { version, answer: said }),
        Some(reason) => Err(Trouble::Refused(Refusal { reason, said })),
    }
}

/// What an error means, by its number in both servers; `None`: it lives, and wants a password, or
/// another user than the plan has not named.
fn sorted(number: u16, login: &Login) -> Option<Reason> {
    Some(match number {
        1040 | 1203 | 1226 => Reason::Full,
        1129 => Reason::HostBlocked,
        1130 => Reason::HostRefused,
        1053 | 1077..=1079 => Reason::NotYet,
        1049 => Reason::NoDatabase(login.database.clone()?),
        1044 => {
            login.database.as_ref()?;
            Reason::LoginRefused
        }
        // Access denied; a way to log in that we do not have; TLS; an account locked or run out.
        1045 | 1251 | 1524 | 1698 | 1820 | 1862 | 3118 | 3159 | 4151 => return None,
        _ => Reason::Unavailable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As MySQL 8.0.36 sends it, the scramble aside.
    const HANDSHAKE: &[u8] =
        b"\x4a\0\0\0\x0a8.0.36\0\x0b\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\
        \x15\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0caching_sha2_password\0";

    fn whole(bytes: &[u8], begins: &[u8]) -> Option<Packet> {
        match packet(bytes, begins) {
            Parsed::Whole(packet, length) => {
                assert_eq!(length, bytes.len());
                Some(packet)
            }
            Parsed::Partly | Parsed::Foreign => None,
        }
    }

    #[test]
    fn handshakes_by_table() {
        let first = whole(HANDSHAKE, &[0x0a, 0xff]).unwrap();
        assert_eq!(version(&first.payload).unwrap(), b"8.0.36");
        let maria = [&b"\x0a5.5.5-10.11.6-MariaDB-0+deb12u1\0"[..], &[0; 15]].concat();
        assert_eq!(version(&maria).unwrap(), b"10.11.6-MariaDB-0+deb12u1");
        for broken in
            [&b""[..], b"\x0a", b"\x0a8.0.36\0", b"\x0a8\x07.0\0fifteen and more", b"\x098"]
        {
            assert_eq!(version(broken), None, "{broken:?}");
        }
        for cut in 0..HANDSHAKE.len() {
            assert!(matches!(packet(&HANDSHAKE[..cut], &[0x0a, 0xff]), Parsed::Partly), "{cut}");
        }
        for foreign in [&b"SSH-2.0"[..], b"HTTP/1.1", b"220 x", b"+OK", b"\0\0\0\0", b"R\0\0\0\x08"]
        {
            assert!(matches!(packet(foreign, &[0x0a, 0xff]), Parsed::Foreign), "{foreign:?}");
        }
    }

    #[test]
    fn errors_before_and_after_the_handshake() {
        for (bytes, number, words) in [
            (&b"\x17\0\0\0\xff\x10\x04Too many connections"[..], 1040, "Too many connections"),
            (b"\x0f\0\0\x02\xff\x15\x04#28000Denied", 1045, "Denied"),
            (b"\x03\0\0\0\xff\x10\x04", 1040, ""),
        ] {
            let told = Told::read(&whole(bytes, &[0xff]).unwrap().payload).unwrap();
            assert_eq!((told.number, told.words), (number, words.as_bytes().to_vec()));
        }
        assert!(Told::read(b"\xff\x10").is_none() && Told::read(b"\x00").is_none());
    }

    #[test]
    fn errors_by_table() {
        let anybody = Login::default();
        let named =
            Login { user: Some("shop".into()), database: Some("stock".into()), password: None };
        for (number, of_anybody, of_named) in [
            (1040, Some(Reason::Full), Some(Reason::Full)),
            (1129, Some(Reason::HostBlocked), Some(Reason::HostBlocked)),
            (1130, Some(Reason::HostRefused), Some(Reason::HostRefused)),
            (1045, None, None),
            (1049, None, Some(Reason::NoDatabase("stock".into()))),
            (1044, None, Some(Reason::LoginRefused)),
            (1053, Some(Reason::NotYet), Some(Reason::NotYet)),
            (1037, Some(Reason::Unavailable), Some(Reason::Unavailable)),
        ] {
            assert_eq!(sorted(number, &anybody), of_anybody, "{number}");
            assert_eq!(sorted(number, &named), of_named, "{number}");
        }
    }

    #[test]
    fn the_login_names_user_and_database() {
        let named =
            Login { user: Some("shop".into()), database: Some("stock".into()), password: None };
        let bytes = response(&named);
        assert!(bytes[32..].starts_with(b"shop\0\0stock\0mysql_native_password\0"));
        assert_eq!(bytes[0] & 8, 8);
        assert_eq!(response(&Login::default())[0] & 8, 0);
        assert_eq!(framed(1, b"abc"), b"\x03\0\0\x01abc");
    }
}
