//! One key exchange, up to the proof that the server holds its host key (RFC 4253 sections 4.2, 7
//! and 8; RFC 5656 section 4).

use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::digest::digest;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::time::Instant;

use super::key::{Family, HostKey};
use super::packet::{Ended, Line};
use super::terms::{Apart, KEXINIT, Terms, agree, offer};
use super::wire::{Reader, Writer};
use crate::net::Connection;

/// Who we say we are.
const IDENTIFICATION: &str = concat!("SSH-2.0-portwarden_", env!("CARGO_PKG_VERSION"));

const DISCONNECT: u8 = 1;
const IGNORE: u8 = 2;
const DEBUG: u8 = 4;
const EXT_INFO: u8 = 7;
const KEX_ECDH_INIT: u8 = 30;
const KEX_ECDH_REPLY: u8 = 31;
/// SSH_DISCONNECT_BY_APPLICATION.
const BY_APPLICATION: u32 = 11;

/// A server that has proven to hold its host key.
#[derive(Debug)]
pub(crate) struct Met {
    /// What it calls itself, such as `SSH-2.0-OpenSSH_9.2p1`.
    pub(crate) identification: Vec<u8>,
    /// The key it proved to hold.
    pub(crate) key: HostKey,
    /// Every kind of key that it has and that can be verified.
    pub(crate) families: Vec<Family>,
    /// The kinds of key that it has and that cannot be verified, as it names them.
    pub(crate) unverifiable: Vec<String>,
}

/// How it came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nothing came until the deadline.
    Silent,
    /// Closed or reset before anything came.
    Cut(String),
    /// Something came, and it was not SSH.
    NotSsh(Vec<u8>),
    /// It began as SSH 2 and then went wrong: how.
    Broken {
        /// What it called itself.
        identification: Vec<u8>,
        /// In words.
        how: String,
    },
    /// It began as SSH 2, and no more came.
    Stalled {
        /// What it called itself.
        identification: Vec<u8>,
        /// Closed or reset, in words; `None`: nothing until the deadline.
        cut: Option<String>,
    },
    /// An SSH server that has nothing in common with us, so that its key cannot be told.
    NothingShared {
        /// What it called itself.
        identification: Vec<u8>,
        /// Of what: `key exchange` or `host key`.
        what: &'static str,
        /// What it has.
        theirs: String,
    },
    /// It presented a key and did not sign with it.
    Unproven {
        /// What it called itself.
        identification: Vec<u8>,
        /// What it presented.
        key: Box<HostKey>,
    },
}

impl Failure {
    /// What the server said first, as far as it said anything.
    pub(crate) fn said(&self) -> Option<&[u8]> {
        match self {
            Self::Silent | Self::Cut(_) => None,
            Self::NotSsh(said) => Some(said),
            Self::Broken { identification, .. }
            | Self::Stalled { identification, .. }
            | Self::NothingShared { identification, .. }
            | Self::Unproven { identification, .. } => Some(identification),
        }
    }
}

/// Meets an SSH server: identifications, key exchange, and its host key verified to be its own.
/// Asks for a key of one of these kinds. Ends at the deadline, politely where there is still time.
///
/// # Errors
/// How it came to nothing.
pub(crate) async fn meet(
    stream: &mut Connection,
    families: &[Family],
    deadline: Instant,
) -> Result<Met, Failure> {
    let mut line = Line::new(stream, deadline);
    let identification = identify(&mut line).await?;
    let exchanged = exchange(&mut line, &identification, families).await;
    // Before encryption begins a farewell is understood, and the server's log then says who it was.
    let farewell = Writer::message(DISCONNECT)
        .raw(&BY_APPLICATION.to_be_bytes())
        .string(b"portwarden has seen the host key")
        .string(b"");
    let _ = line.send_packet(&farewell.0).await;
    match exchanged {
        Ok(Shown { key, families, unverifiable }) => {
            Ok(Met { identification, key, families, unverifiable })
        }
        Err(stop) => Err(stop.of(identification)),
    }
}

/// Our first word, and the server's: other lines may come before it (RFC 4253 section 4.2).
async fn identify(line: &mut Line<'_>) -> Result<Vec<u8>, Failure> {
    // Sent at once: who does not speak SSH then says so, instead of waiting with us.
    let sent = line.send(format!("{IDENTIFICATION}\r\n").as_bytes()).await;
    if let Err(Ended::Closed(how)) = sent {
        return Err(Failure::Cut(how));
    }
    loop {
        match line.line().await {
            Ok(said) if said.starts_with(b"SSH-2.0-") || said.starts_with(b"SSH-1.99-") => {
                return Ok(said);
            }
            Ok(said) if said.starts_with(b"SSH-") => return Err(Failure::NotSsh(said)),
            Ok(_) => {}
            Err(ended) => {
                return Err(match ended {
                    _ if !line.heard().is_empty() => Failure::NotSsh(line.heard().to_vec()),
                    Ended::Closed(how) => Failure::Cut(how),
                    Ended::Deadline | Ended::Nonsense => Failure::Silent,
                });
            }
        }
    }
}

/// Why an exchange stopped; who with is added by the caller.
enum Stop {
    Ended(Ended),
    Apart(Apart),
    Said(String),
    Unproven(Box<HostKey>),
}

impl From<Ended> for Stop {
    fn from(ended: Ended) -> Self {
        Self::Ended(ended)
    }
}

impl Stop {
    fn of(self, identification: Vec<u8>) -> Failure {
        let how = match self {
            Self::Unproven(key) => return Failure::Unproven { identification, key },
            Self::Apart(Apart::NothingShared { what, theirs }) => {
                return Failure::NothingShared { identification, what, theirs };
            }
            Self::Ended(Ended::Deadline) => return Failure::Stalled { identification, cut: None },
            Self::Ended(Ended::Closed(how)) => {
                return Failure::Stalled { identification, cut: Some(how) };
            }
            Self::Ended(Ended::Nonsense) | Self::Apart(Apart::Nonsense) => {
                "then it sent what is no SSH packet".to_owned()
            }
            Self::Said(how) => how,
        };
        Failure::Broken { identification, how }
    }
}

/// What an exchange shows.
struct Shown {
    key: HostKey,
    families: Vec<Family>,
    unverifiable: Vec<String>,
}

async fn exchange(
    line: &mut Line<'_>,
    identification: &[u8],
    families: &[Family],
) -> Result<Shown, Stop> {
    let random = SystemRandom::new();
    let mut cookie = [0; 16];
    random.fill(&mut cookie).map_err(|_| no_random())?;
    let ours = offer(families, cookie);
    line.send_packet(&ours).await?;
    let theirs = awaited(line, KEXINIT).await?;
    let terms = agree(&theirs, families).map_err(Stop::Apart)?;
    let secret = EphemeralPrivateKey::generate(terms.agreement.curve, &random);
    let secret = secret.map_err(|_| no_random())?;
    let public = secret.compute_public_key().map_err(|_| no_random())?;
    let init = Writer::message(KEX_ECDH_INIT).string(public.as_ref());
    line.send_packet(&init.0).await?;
    let reply = awaited(line, KEX_ECDH_REPLY).await?;
    let Some([blob, their_public, signature]) = fields(&reply) else {
        return Err(Stop::Ended(Ended::Nonsense));
    };
    let Some(key) = HostKey::parse(blob) else {
        return Err(Stop::Said("its host key cannot be read".to_owned()));
    };
    if !key.can_be_verified() {
        return Err(Stop::Apart(Apart::NothingShared {
            what: "host key",
            theirs: key.to_string(),
        }));
    }
    let transcript = Writer::default()
        .string(IDENTIFICATION.as_bytes())
        .string(identification)
        .string(&ours)
        .string(&theirs)
        .string(blob)
        .string(public.as_ref())
        .string(their_public);
    let their_public = UnparsedPublicKey::new(terms.agreement.curve, their_public);
    let hashed = agree_ephemeral(secret, &their_public, |shared| {
        digest(terms.agreement.hash, &transcript.integer(shared).0)
    });
    let Ok(hashed) = hashed else {
        return Err(Stop::Said(
            "its share of the key exchange is no point of the curve".to_owned(),
        ));
    };
    let Terms { signature: algorithm, families, unverifiable, .. } = terms;
    if key.has_signed(hashed.as_ref(), algorithm, signature) {
        Ok(Shown { key, families, unverifiable })
    } else {
        Err(Stop::Unproven(Box::new(key)))
    }
}

pub(super) fn fields(reply: &[u8]) -> Option<[&[u8]; 3]> {
    let mut reader = Reader::new(reply.get(1..)?);
    Some([reader.string()?, reader.string()?, reader.string()?])
}

fn no_random() -> Stop {
    Stop::Said("this machine gave no random numbers".to_owned())
}

/// The next message of this number; what may come at any time is passed over.
async fn awaited(line: &mut Line<'_>, number: u8) -> Result<Vec<u8>, Stop> {
    loop {
        let message = line.packet().await?;
        match message.first() {
            Some(&found) if found == number => return Ok(message),
            Some(&(IGNORE | DEBUG | EXT_INFO)) => {}
            Some(&DISCONNECT) => return Err(Stop::Said(farewell(&message))),
            _ => return Err(Stop::Ended(Ended::Nonsense)),
        }
    }
}

/// Why the server hung up, in its own words.
pub(super) fn farewell(message: &[u8]) -> String {
    let mut reader = Reader::new(message.get(5..).unwrap_or_default());
    let words = reader.string().unwrap_or_default();
    format!("then it hung up: {}", crate::net::printable(words, 200))
}
