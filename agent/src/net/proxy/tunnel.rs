//! What is said at a proxy's door until a tunnel is there. Not a byte is read beyond its own answer:
//! what follows is the target's.

use std::io;
use std::net::IpAddr;

use alerts::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Proxy, Refusal, Talk};
use crate::net::{Connection, printable};
use crate::plan::{Endpoint, Target};

/// Most bytes of the head of an answer to CONNECT.
const HEAD_BYTES: usize = 16 * 1024;
const SHOWN_CHARS: usize = 80;

impl From<io::Error> for Refusal {
    fn from(_: io::Error) -> Self {
        Self::Cut
    }
}

impl Proxy {
    /// Has a tunnel made to the target.
    ///
    /// # Errors
    /// Why there is none.
    pub(in crate::net) async fn open(
        &self,
        stream: &mut Connection,
        target: &Endpoint,
    ) -> Result<(), Refusal> {
        match self.talk {
            Talk::Http => {
                stream.write_all(self.request(target).as_bytes()).await?;
                stream.flush().await?;
                understood(&head(stream).await?)
            }
            Talk::Socks5 | Talk::Socks5Names => self.shake(stream, target).await,
        }
    }

    fn request(&self, target: &Endpoint) -> String {
        let authorization = match self.authorization() {
            Some(value) => format!("Proxy-Authorization: {value}\r\n"),
            None => String::new(),
        };
        format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}\r\n")
    }

    async fn shake(&self, stream: &mut Connection, target: &Endpoint) -> Result<(), Refusal> {
        let hello: &[u8] = if self.user.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
        stream.write_all(hello).await?;
        let mut chosen = [0; 2];
        stream.read_exact(&mut chosen).await?;
        match (chosen, &self.user) {
            ([5, 0], _) => {}
            ([5, 2], Some((user, Secret(password)))) => {
                stream.write_all(&credentials(user, password)).await?;
                let mut verdict = [0; 2];
                stream.read_exact(&mut verdict).await?;
                if verdict[1] != 0 {
                    return Err(Refusal::Login(format!("SOCKS login answer {}", verdict[1])));
                }
            }
            ([5, 0xff], _) => {
                return Err(Refusal::Login("it accepts no login that was offered".to_owned()));
            }
            (other, _) => return Err(foreign(&other)),
        }
        stream.write_all(&destination(target)).await?;
        let mut head = [0; 4];
        stream.read_exact(&mut head).await?;
        if head[0] != 5 {
            return Err(foreign(&head));
        }
        answered(head[1])?;
        // The address it dials from; nobody here needs it.
        let length = match head[3] {
            1 => 4,
            4 => 16,
            3 => usize::from(stream.read_u8().await?),
            _ => return Err(foreign(&head)),
        };
        stream.read_exact(&mut vec![0; length + 2]).await?;
        Ok(())
    }
}

/// RFC 1929; both are 1 to 255 bytes, which the plan has seen to.
fn credentials(user: &str, password: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1];
    for part in [user.as_bytes(), password] {
        let length = u8::try_from(part.len()).unwrap_or(u8::MAX);
        bytes.push(length);
        bytes.extend_from_slice(&part[..usize::from(length)]);
    }
    bytes
}

/// A request to connect (RFC 1928 section 4).
fn destination(target: &Endpoint) -> Vec<u8> {
    let mut bytes = vec![5, 1, 0];
    match &target.host {
        Target::Address(IpAddr::V4(address)) => {
            bytes.push(1);
            bytes.extend_from_slice(&address.octets());
        }
        Target::Address(IpAddr::V6(address)) => {
            bytes.push(4);
            bytes.extend_from_slice(&address.octets());
        }
        Target::Name(name) => {
            let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
            bytes.extend_from_slice(&[3, length]);
            bytes.extend_from_slice(&name.as_bytes()[..usize::from(length)]);
        }
    }
    bytes.extend_from_slice(&target.port.to_be_bytes());
    bytes
}

/// What a SOCKS server's answer means (RFC 1928 section 6).
fn answered(code: u8) -> Result<(), Refusal> {
    let words = match code {
        0 => return Ok(()),
        1 => "general failure",
        2 => return Err(Refusal::Forbidden("SOCKS: not allowed by its rules".to_owned())),
        3 => "network unreachable",
        4 => "host unreachable",
        5 => return Err(Refusal::Refused),
        6 => "TTL expired",
        7 => "it does not know CONNECT",
        8 => "it does not know addresses of this kind",
        other => return Err(Refusal::Other(format!("the SOCKS code {other}"))),
    };
    Err(Refusal::Unreached(format!("SOCKS: {words}")))
}

/// Reads up to the empty line that ends a head, and not a byte more.
async fn head(stream: &mut Connection) -> Result<Vec<u8>, Refusal> {
    let mut head = Vec::new();
    let mut ahead = [0; 1024];
    loop {
        let held = head.len();
        let seen = stream.peek(&mut ahead).await?;
        head.extend_from_slice(&ahead[..seen]);
        let from = held.saturating_sub(3);
        let end = memchr::memmem::find(&head[from..], b"\r\n\r\n").map(|at| from + at + 4);
        let taken = end.unwrap_or(head.len()) - held;
        stream.read_exact(&mut ahead[..taken]).await?;
        match end {
            Some(end) => {
                head.truncate(end);
                return Ok(head);
            }
            None if seen == 0 && held == 0 => return Err(Refusal::Cut),
            None if seen == 0 || head.len() > HEAD_BYTES => return Err(foreign(&head)),
            None => {}
        }
    }
}

fn understood(head: &[u8]) -> Result<(), Refusal> {
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut response = httparse::Response::new(&mut fields);
    if !matches!(response.parse(head), Ok(httparse::Status::Complete(_))) {
        return Err(foreign(head));
    }
    let code = response.code.unwrap_or_default();
    let reason = printable(response.reason.unwrap_or_default().as_bytes(), SHOWN_CHARS);
    let words = format!("{code} {reason}").trim().to_owned();
    Err(match code {
        200..=299 => return Ok(()),
        // 401 is what tinyproxy says of a wrong password.
        401 | 407 => Refusal::Login(words),
        403 => Refusal::Forbidden(words),
        500 | 502..=504 => Refusal::Unreached(words),
        _ => Refusal::Other(words),
    })
}

fn foreign(bytes: &[u8]) -> Refusal {
    Refusal::Foreign(format!("{:?}", printable(&bytes[..bytes.len().min(64)], SHOWN_CHARS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_of_a_socks_server() {
        let at = |host: Target| Endpoint { host, port: 443 };
        let name = at(Target::Name("shop.example".into()));
        assert_eq!(destination(&name), b"\x05\x01\x00\x03\x0cshop.example\x01\xbb");
        let v4 = at(Target::Address("192.0.2.1".parse().unwrap()));
        assert_eq!(destination(&v4), b"\x05\x01\x00\x01\xc0\x00\x02\x01\x01\xbb");
        let v6 = at(Target::Address("2001:db8::1".parse().unwrap()));
        assert_eq!(destination(&v6).len(), 4 + 16 + 2);
        assert_eq!(credentials("me", b"pass"), b"\x01\x02me\x04pass");
    }

    #[test]
    fn what_answers_mean() {
        assert_eq!(answered(0), Ok(()));
        assert_eq!(answered(5), Err(Refusal::Refused));
        assert!(matches!(answered(2), Err(Refusal::Forbidden(_))));
        assert!(matches!(answered(4), Err(Refusal::Unreached(_))));
        assert!(matches!(answered(99), Err(Refusal::Other(_))));
        for (head, expected) in [
            (&b"HTTP/1.1 200 Connection established\r\n\r\n"[..], Ok(())),
            (b"HTTP/1.0 200\r\n\r\n", Ok(())),
            (
                b"HTTP/1.1 407 Proxy Authentication Required\r\nX: y\r\n\r\n",
                Err(Refusal::Login("407 Proxy Authentication Required".to_owned())),
            ),
            (b"HTTP/1.1 403 No\r\n\r\n", Err(Refusal::Forbidden("403 No".to_owned()))),
            (b"HTTP/1.1 502 Bad\r\n\r\n", Err(Refusal::Unreached("502 Bad".to_owned()))),
            (b"HTTP/1.1 418\r\n\r\n", Err(Refusal::Other("418".to_owned()))),
            (b"SSH-2.0-x\r\n\r\n", Err(foreign(b"SSH-2.0-x\r\n\r\n"))),
        ] {
            assert_eq!(understood(head), expected, "{}", String::from_utf8_lossy(head));
        }
    }
}
