//! The exchange against a server of the test's own, which can be made to cheat.

use std::net::SocketAddr;
use std::time::Duration;

use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::packet::framed;
use super::wire::{Reader, Writer};
use super::*;

const IDENTIFICATION: &str = "SSH-2.0-Example_1.0";

/// What the server does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    Honest,
    /// Shows a key and signs with another.
    Borrowed,
    /// Signs something else.
    Replayed,
    /// Changes its mind about the share that it signed.
    Tampered,
    /// Hangs up instead of answering.
    Rude,
    /// Has nothing that anybody here knows.
    Foreign,
}

async fn packet(stream: &mut BufReader<TcpStream>) -> Vec<u8> {
    let length = stream.read_u32().await.unwrap();
    let mut bytes = vec![0; length as usize];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes[1..bytes.len() - usize::from(bytes[0])].to_vec()
}

fn new_key() -> Ed25519KeyPair {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap()
}

/// Serves one client.
async fn serve(stream: TcpStream, manner: Manner) {
    let (shown, other) = (new_key(), new_key());
    let mut stream = BufReader::new(stream);
    let mut client = String::new();
    stream.read_line(&mut client).await.unwrap();
    // Lines may come before the identification, and messages to be passed over at any time.
    stream.write_all(format!("welcome\r\n{IDENTIFICATION}\r\n").as_bytes()).await.unwrap();
    let ours = match manner {
        Manner::Foreign => Writer::message(20).raw(&[0; 16]).string(b"group1").string(b"dsa").0,
        _ => terms::offer(&[Family::Ed25519], [9; 16]),
    };
    stream.write_all(&framed(&ours)).await.unwrap();
    let theirs = packet(&mut stream).await;
    let init = packet(&mut stream).await;
    if manner == Manner::Rude {
        let farewell = Writer::message(1).raw(&[0, 0, 0, 2]).string(b"too many").string(b"").0;
        stream.write_all(&framed(&farewell)).await.unwrap();
        return;
    }
    if init[0] != 30 {
        return;
    }
    let client_public = Reader::new(&init[1..]).string().unwrap();
    let secret = EphemeralPrivateKey::generate(&X25519, &SystemRandom::new()).unwrap();
    let public = secret.compute_public_key().unwrap();
    let blob = Writer::default().string(b"ssh-ed25519").string(shown.public_key().as_ref()).0;
    let hashed = agree_ephemeral(secret, &UnparsedPublicKey::new(&X25519, client_public), |key| {
        let transcript = Writer::default()
            .string(client.trim_end().as_bytes())
            .string(IDENTIFICATION.as_bytes())
            .string(&theirs)
            .string(&ours)
            .string(&blob)
            .string(client_public)
            .string(public.as_ref())
            .integer(key);
        digest(&SHA256, &transcript.0)
    })
    .unwrap();
    let signed = match manner {
        Manner::Borrowed => other.sign(hashed.as_ref()),
        Manner::Replayed => shown.sign(b"the hash of another day"),
        _ => shown.sign(hashed.as_ref()),
    };
    let mut share = public.as_ref().to_vec();
    if manner == Manner::Tampered {
        share[3] ^= 1;
    }
    let signature = Writer::default().string(b"ssh-ed25519").string(signed.as_ref()).0;
    let reply = Writer::message(31).string(&blob).string(&share).string(&signature).0;
    let ignored = Writer::message(2).string(b"noise").0;
    stream.write_all(&[framed(&ignored), framed(&reply)].concat()).await.unwrap();
    let farewell = packet(&mut stream).await;
    assert_eq!(farewell[0], 1);
}

async fn met(manner: Manner) -> Result<Met, Failure> {
    let listener = TcpListener::bind("127.53.22.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let server =
        tokio::spawn(async move { serve(listener.accept().await.unwrap().0, manner).await });
    let until = Instant::from_std(crate::clock::monotonic() + Duration::from_secs(20));
    let mut connection = crate::net::connect(address, None, until).await.unwrap();
    let met = meet(&mut connection, &Family::ALL, until).await;
    drop(connection);
    let _ = server.await;
    met
}

#[tokio::test]
async fn a_key_counts_only_with_a_signature_over_this_very_exchange() {
    let honest = met(Manner::Honest).await.unwrap();
    assert_eq!(honest.identification, IDENTIFICATION.as_bytes());
    assert_eq!((honest.key.family, honest.families), (Family::Ed25519, vec![Family::Ed25519]));
    for manner in [Manner::Borrowed, Manner::Replayed, Manner::Tampered] {
        let failure = met(manner).await.unwrap_err();
        assert!(matches!(failure, Failure::Unproven { .. }), "{manner:?} {failure:?}");
    }
}

#[tokio::test]
async fn a_server_that_stops_is_quoted() {
    let failure = met(Manner::Rude).await.unwrap_err();
    let Failure::Broken { how, .. } = &failure else { panic!("{failure:?}") };
    assert!(how.contains("too many"), "{how}");
    let failure = met(Manner::Foreign).await.unwrap_err();
    let Failure::NothingShared { what, theirs, .. } = &failure else { panic!("{failure:?}") };
    assert_eq!((*what, theirs.as_str()), ("key exchange", "group1"));
}
