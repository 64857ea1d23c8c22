//! Servers that mean harm: what they send never ends, never comes, or is no such thing at all.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::loopback::own_ip;

const DRIP: Duration = Duration::from_millis(20);

/// What a server does to whoever connects.
#[derive(Clone, Copy, Debug)]
pub enum Malice {
    /// Takes the connection and says nothing.
    Silence,
    /// Unasked, this over and over, as fast as it is taken.
    Babble(&'static [u8]),
    /// Once asked, this, and then this over and over, as fast as it is taken.
    Flood(&'static [u8], &'static [u8]),
    /// Once asked, this, and then this over and over, slowly.
    Drip(&'static [u8], &'static [u8]),
    /// A TLS 1.2 ServerHello, and then a certificate message of 16 MiB.
    EndlessChain,
}

impl Malice {
    /// Starts it on an address of its own, for as long as the test lasts.
    pub async fn start(self) -> SocketAddr {
        let listener = TcpListener::bind((own_ip(), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(self.act(stream));
            }
        });
        address
    }

    /// Ends when the other side closes.
    async fn act(self, mut stream: TcpStream) {
        if !matches!(self, Self::Babble(_)) {
            let _ = stream.read(&mut [0; 4096]).await;
        }
        match self {
            Self::Silence => while let Ok(1..) = stream.read(&mut [0; 1024]).await {},
            Self::Babble(more) => {
                pour(&mut stream, b"", &more.repeat(16 * 1024 / more.len())).await;
            }
            Self::Flood(first, more) => {
                pour(&mut stream, first, &more.repeat(16 * 1024 / more.len())).await;
            }
            Self::Drip(first, more) => {
                let mut sent = stream.write_all(first).await;
                while sent.is_ok() {
                    tokio::time::sleep(DRIP).await;
                    sent = stream.write_all(more).await;
                }
            }
            Self::EndlessChain => {
                let mut hello = vec![2, 0, 0, 38, 3, 3];
                hello.extend([7; 32]);
                // No session, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, no compression.
                hello.extend([0, 0xc0, 0x2f, 0]);
                let mut first = record(&hello);
                first.extend(record(&[11, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc]));
                pour(&mut stream, &first, &record(&[0; 16_000])).await;
            }
        }
    }
}

async fn pour(stream: &mut TcpStream, first: &[u8], more: &[u8]) {
    let mut sent = stream.write_all(first).await;
    while sent.is_ok() {
        sent = stream.write_all(more).await;
    }
}

fn record(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[22, 3, 3], &length[..], payload].concat()
}

/// A nameserver whose every answer holds a name that points at itself (RFC 1035 section 4.1.4).
pub async fn looping_nameserver() -> SocketAddr {
    let socket = UdpSocket::bind((own_ip(), 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let Some(question_end) = question_end(&buffer[..length]) else { continue };
            let mut packet = buffer[..question_end].to_vec();
            packet[2] |= 0x84;
            // One question, one answer, nothing else.
            packet[4..12].copy_from_slice(&[0, 1, 0, 1, 0, 0, 0, 0]);
            let here = u8::try_from(question_end).unwrap();
            packet.extend([0xc0, here, 0, 16, 0, 1, 0, 0, 1, 0, 0, 2, 1, b'x']);
            let _ = socket.send_to(&packet, from).await;
        }
    });
    address
}

fn question_end(query: &[u8]) -> Option<usize> {
    let name_end = 12 + query.get(12..)?.iter().position(|&byte| byte == 0)? + 1;
    (name_end + 4 <= query.len()).then_some(name_end + 4)
}
