//! STARTTLS in protocols of packets: PostgreSQL, MySQL, LDAP.

use super::Trouble;
use crate::probe::tcp::speaks::ldap::{EXTENDED_RESPONSE, message};
use crate::probe::tcp::speaks::mysql::{Told, framed, login, offers_tls, packet, tls_request};
use crate::probe::tcp::speaks::wire::{Parsed, Wire};

type Agreed = Result<(), Trouble>;

/// SSLRequest: eight bytes, and the number that stands for it in place of a version.
const SSL_REQUEST: &[u8] = &[0, 0, 0, 8, 4, 210, 22, 47];

/// ExtendedRequest: message 1, of the name 1.3.6.1.4.1.1466.20037 (RFC 4511 section 4.14.1).
const START_TLS: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

/// PostgreSQL: one letter says yes or no.
pub(super) async fn postgres(wire: &mut Wire) -> Agreed {
    wire.send(SSL_REQUEST).await?;
    match wire.read(one_letter).await?.as_slice() {
        b"S" => Ok(()),
        b"N" => Err(Trouble::NotOffered(b"N".to_vec())),
        words => Err(Trouble::TurnedAway(words.to_vec())),
    }
}

/// `S`, `N`, or an error of PostgreSQL's with its printable words.
fn one_letter(bytes: &[u8]) -> Parsed<Vec<u8>> {
    match bytes {
        [letter @ (b'S' | b'N'), rest @ ..] => match rest.first() {
            // SSH and a few others begin with that letter too; nothing follows it here.
            Some(next) if next.is_ascii_graphic() => Parsed::Foreign,
            _ => Parsed::Whole(vec![*letter], 1),
        },
        [b'E', words @ ..] if words.first().is_none_or(|&byte| byte == 0) => match words.last() {
            Some(0) => Parsed::Whole(bytes.to_vec(), bytes.len()),
            _ => Parsed::Partly,
        },
        _ => Parsed::Foreign,
    }
}

/// MySQL and MariaDB: the server's handshake says whether it has TLS.
pub(super) async fn mysql(wire: &mut Wire) -> Agreed {
    let first = wire.read(|bytes| packet(bytes, &[0x0a, 0xff])).await?;
    if let Some(told) = Told::read(&first.payload) {
        return Err(Trouble::TurnedAway(told.said()));
    }
    match offers_tls(&first.payload) {
        None => return Err(wire.stranger("it begins like a MySQL handshake, and is none").into()),
        Some(false) => {
            // Who leaves now is counted among the broken, and locked out after a hundred times.
            wire.send(&framed(first.sequence.wrapping_add(1), &login())).await?;
            let _ = wire.read(|bytes| packet(bytes, &[0x00, 0x01, 0xfe, 0xff])).await;
            return Err(Trouble::NotOffered(b"CLIENT_SSL is not among what it can".to_vec()));
        }
        Some(true) => {}
    }
    wire.send(&framed(first.sequence.wrapping_add(1), &tls_request())).await?;
    Ok(())
}

/// LDAP (RFC 4511 section 4.14).
pub(super) async fn ldap(wire: &mut Wire) -> Agreed {
    wire.send(START_TLS).await?;
    let told = wire.read(message).await?;
    if told.operation != EXTENDED_RESPONSE {
        return Err(wire.stranger("that is no answer to StartTLS").into());
    }
    let said = [format!("result {}: ", told.result_code).as_bytes(), &told.words].concat();
    match told.result_code {
        0 => Ok(()),
        // protocolError, as of an operation that it does not know; and where it does, but has no
        // certificate, OpenLDAP says the same.
        2 => Err(Trouble::NotOffered(said)),
        _ => Err(Trouble::Denied(said)),
    }
}
