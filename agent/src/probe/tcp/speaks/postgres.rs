//! PostgreSQL, and what speaks like it (pgbouncer, CockroachDB): a startup message, protocol 3.0.
//!
//! A server that has no place left at all says so at once. Of the last few, which it keeps for superusers,
//! it says so only to who has proved the password; so one can be given. Deliberately absent: TLS, and
//! sending a password: it is proved by SCRAM, or not at all, and being asked for one is an answer.

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::{ErrorFields, Header, Message};
use postgres_protocol::message::frontend;

use super::wire::{Parsed, Wire};
use super::{Greeting, Login, NOBODY, Password, Reason, Refusal, Trouble};

/// Who asks, as `pg_stat_activity` shows it.
const APPLICATION: &str = "portwarden";
/// The database where the plan names none: every server has it.
const DATABASE: &str = "postgres";
/// The longest message of a server before it is ready; a list of SASL mechanisms or an error is short.
const MAX_MESSAGE_BYTES: usize = 8 * 1024;
/// The longest challenge of SCRAM: a nonce and a salt.
const MAX_CHALLENGE_BYTES: usize = 512;

pub(super) async fn greet(wire: &mut Wire, login: &Login) -> Result<Greeting, Trouble> {
    let user = login.user.as_deref().unwrap_or(NOBODY);
    let database = login.database.as_deref().unwrap_or(DATABASE);
    let parameters = [("user", user), ("database", database), ("application_name", APPLICATION)];
    // Fails for a NUL in a name alone, which the plan does not let through.
    say(wire, |words| frontend::startup_message(parameters, words)).await?;
    let mut greeting = Greeting::default();
    let mut proof = None;
    loop {
        let asks = match wire.read(message).await? {
            Message::ErrorResponse(body) => {
                let Some(told) = Told::read(body.fields()) else {
                    return Err(wire.stranger("it begins like a PostgreSQL error, and is none"));
                };
                return judged(&told, login, greeting);
            }
            Message::ParameterStatus(body) => {
                if body.name().is_ok_and(|name| name == "server_version") {
                    greeting.version = body.value().ok().map(|version| version.as_bytes().to_vec());
                }
                continue;
            }
            Message::ReadyForQuery(_) => {
                let mut bye = BytesMut::new();
                frontend::terminate(&mut bye);
                wire.farewell(&bye).await;
                greeting.answer = format!("{user} is let in, ready for query").into_bytes();
                return Ok(greeting);
            }
            Message::AuthenticationCleartextPassword => "clear text".to_owned(),
            Message::AuthenticationMd5Password(_) => "MD5".to_owned(),
            Message::AuthenticationSasl(body) => {
                let offered: Vec<_> = body.mechanisms().collect().unwrap_or_default();
                match &login.password {
                    Some(password) if offered.contains(&SCRAM_SHA_256) => {
                        proof = Some(begin_proof(wire, password).await?);
                        continue;
                    }
                    _ => offered.join(", "),
                }
            }
            Message::AuthenticationSaslContinue(body) => {
                go_on_proving(wire, proof.as_mut(), body.data()).await?;
                continue;
            }
            Message::AuthenticationSaslFinal(body) => {
                if proof.take().is_none_or(|mut scram| scram.finish(body.data()).is_err()) {
                    return Err(wire.stranger("it does not know the password itself"));
                }
                continue;
            }
            Message::AuthenticationGss | Message::AuthenticationSspi => "GSSAPI".to_owned(),
            _ => continue,
        };
        // Who only closes here leaves no line in the server's log; any word would.
        greeting.answer = format!("asks for a password ({asks})").into_bytes();
        return Ok(greeting);
    }
}

/// The first word of SCRAM (RFC 5802), which tells nothing of the password.
async fn begin_proof(wire: &mut Wire, password: &Password) -> Result<ScramSha256, Trouble> {
    let scram = ScramSha256::new(password.0.as_bytes(), ChannelBinding::unsupported());
    say(wire, |words| frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), words))
        .await?;
    Ok(scram)
}

/// The answer to the server's challenge. How much hashing that may ask for, the crate bounds.
async fn go_on_proving(
    wire: &mut Wire,
    proof: Option<&mut ScramSha256>,
    challenge: &[u8],
) -> Result<(), Trouble> {
    let Some(scram) = proof.filter(|_| challenge.len() <= MAX_CHALLENGE_BYTES) else {
        return Err(wire.stranger("it goes on with a login that was not begun"));
    };
    if scram.update(challenge).is_err() {
        return Err(wire.stranger("its challenge is none of SCRAM"));
    }
    say(wire, |words| frontend::sasl_response(scram.message(), words)).await
}

/// Sends one message.
async fn say(
    wire: &mut Wire,
    write: impl FnOnce(&mut BytesMut) -> std::io::Result<()>,
) -> Result<(), Trouble> {
    let mut words = BytesMut::new();
    let _ = write(&mut words);
    wire.send(&words).await
}

/// One message, as far as it has come. Its length is looked at before the parser is, which would make
/// room for whatever the peer announces.
fn message(bytes: &[u8]) -> Parsed<Message> {
    if !matches!(bytes.first(), Some(b'R' | b'E' | b'N' | b'S' | b'K' | b'Z' | b'v')) {
        return Parsed::Foreign;
    }
    let whole = match Header::parse(bytes) {
        Ok(Some(header)) => usize::try_from(header.len()).map_or(usize::MAX, |length| length + 1),
        Ok(None) => return Parsed::Partly,
        Err(_) => return Parsed::Foreign,
    };
    if whole > MAX_MESSAGE_BYTES {
        return Parsed::Foreign;
    }
    let Some(bytes) = bytes.get(..whole) else { return Parsed::Partly };
    // "I would speak 3.0 instead", which we do anyway; the parser does not know it.
    if bytes[0] == b'v' {
        return Parsed::Whole(Message::NoData, whole);
    }
    match Message::parse(&mut BytesMut::from(bytes)) {
        Ok(Some(message)) => Parsed::Whole(message, whole),
        _ => Parsed::Foreign,
    }
}

/// What an ErrorResponse tells.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    /// SQLSTATE.
    code: String,
    words: String,
    /// The server's function that raised it, which is in no language.
    routine: String,
}

impl Told {
    fn read(fields: ErrorFields<'_>) -> Option<Self> {
        let mut told = Self { code: String::new(), words: String::new(), routine: String::new() };
        let read = fields.for_each(|field| {
            let value = String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                b'C' => told.code = value,
                b'M' => told.words = value,
                b'R' => told.routine = value,
                _ => {}
            }
            Ok(())
        });
        (read.is_ok() && told.code.len() == 5).then_some(told)
    }
}

fn judged(told: &Told, login: &Login, greeting: Greeting) -> Result<Greeting, Trouble> {
    let said = format!("{}: {}", told.code, told.words).into_bytes();
    match sorted(told, login) {
        None => Ok(Greeting { answer: said, ..greeting }),
        Some(reason) => Err(Trouble::Refused(Refusal { reason, said })),
    }
}

/// What an error means (appendix A of PostgreSQL's documentation); `None`: it lives, and refuses a
/// user or database that the plan has not named.
fn sorted(told: &Told, login: &Login) -> Option<Reason> {
    let is_of_host = told.routine == "ClientAuthentication" || told.words.contains("pg_hba.conf");
    // pgbouncer has one code for everything.
    let is_said = |what: &str| told.code == "08P01" && told.words.starts_with(what);
    let code = match told.code.as_str() {
        _ if is_said("no such database") => "3D000",
        _ if is_said("no such user") => "28P01",
        code => code,
    };
    Some(match code {
        "53300" => Reason::Full,
        "08P01" if told.words.contains("no more connections") => Reason::Full,
        "57P03" | "57P01" | "57P02" => Reason::NotYet,
        "28000" if is_of_host => Reason::HostRefused,
        "28000" | "28P01" | "42501" => {
            login.user.as_ref()?;
            Reason::LoginRefused
        }
        "3D000" => Reason::NoDatabase(login.database.clone()?),
        _ => Reason::Unavailable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: &str, words: &str, routine: &str) -> Told {
        Told { code: code.to_owned(), words: words.to_owned(), routine: routine.to_owned() }
    }

    #[test]
    fn errors_by_table() {
        let anybody = Login::default();
        let named =
            Login { user: Some("shop".into()), database: Some("stock".into()), password: None };
        let missing = Reason::NoDatabase("stock".into());
        let no_line = "no pg_hba.conf entry for host \"10.0.0.9\"";
        for (told, of_anybody, of_named) in [
            (
                told("53300", "sorry, too many clients already", ""),
                Some(Reason::Full),
                Some(Reason::Full),
            ),
            (
                told("08P01", "no more connections allowed", ""),
                Some(Reason::Full),
                Some(Reason::Full),
            ),
            (
                told("57P03", "the database system is starting up", ""),
                Some(Reason::NotYet),
                Some(Reason::NotYet),
            ),
            (
                told("57P03", "데이터베이스 시스템을 시작하는 중입니다", ""),
                Some(Reason::NotYet),
                Some(Reason::NotYet),
            ),
            (
                told("57P01", "terminating connection", ""),
                Some(Reason::NotYet),
                Some(Reason::NotYet),
            ),
            (told("28000", no_line, ""), Some(Reason::HostRefused), Some(Reason::HostRefused)),
            (
                told("28000", "…", "ClientAuthentication"),
                Some(Reason::HostRefused),
                Some(Reason::HostRefused),
            ),
            (
                told("28000", "role does not exist", "InitializeSessionUserId"),
                None,
                Some(Reason::LoginRefused),
            ),
            (told("42501", "permission denied for database", ""), None, Some(Reason::LoginRefused)),
            (told("3D000", "database does not exist", ""), None, Some(missing.clone())),
            (told("08P01", "no such database: stock", ""), None, Some(missing)),
            (told("08P01", "no such user: shop", ""), None, Some(Reason::LoginRefused)),
            (
                told("08P01", "server conn crashed?", ""),
                Some(Reason::Unavailable),
                Some(Reason::Unavailable),
            ),
            (
                told("53200", "out of memory", ""),
                Some(Reason::Unavailable),
                Some(Reason::Unavailable),
            ),
        ] {
            assert_eq!(sorted(&told, &anybody), of_anybody, "{told:?}");
            assert_eq!(sorted(&told, &named), of_named, "{told:?}");
        }
    }

    fn kind(bytes: &[u8]) -> &'static str {
        match message(bytes) {
            Parsed::Whole(..) => "whole",
            Parsed::Partly => "partly",
            Parsed::Foreign => "foreign",
        }
    }

    #[test]
    fn messages_by_table() {
        for (bytes, expected) in [
            (&b"R\0\0\0\x08\0\0\0\0"[..], "whole"),
            (b"R\0\0\0\x08\0\0", "partly"),
            (b"R", "partly"),
            (b"E\0\0\0\x05\0", "whole"),
            (b"v\0\0\0\x0c\0\x03\0\0\0\0\0\0", "whole"),
            // Others, one of whose letters is the tag of a message.
            (b"SSH-2.0-OpenSSH_9.2\r\n", "foreign"),
            (b"HTTP/1.1 400 Bad Request\r\n", "foreign"),
            (b"ERROR\r\n", "foreign"),
            (b"R\0\0\0\x0a8.0.36\0\0\0\0", "foreign"),
            (b"220 mail.example ESMTP\r\n", "foreign"),
            // More than any server has to say before it is ready, and less than a length can be.
            (b"E\0\x10\0\0S", "foreign"),
            (b"R\xff\xff\xff\xff", "foreign"),
            (b"R\0\0\0\x03", "foreign"),
        ] {
            assert_eq!(kind(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn an_error_without_a_code_is_none() {
        for (body, is_error) in [
            (&b"SFATAL\0C53300\0Msorry\0\0"[..], true),
            (b"SFATAL\0Msorry\0\0", false),
            (b"\0", false),
            (b"C533", false),
            (b"", false),
        ] {
            let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
            let bytes = [&b"E"[..], &length, body].concat();
            let Parsed::Whole(Message::ErrorResponse(read), _) = message(&bytes) else {
                panic!("{body:?}")
            };
            assert_eq!(Told::read(read.fields()).is_some(), is_error, "{body:?}");
        }
    }
}
