//! Asks a server with a hello made by hand: what does it speak, if not what rustls speaks, and
//! which versions below a floor are still enabled?

use std::time::Duration;

use health::{Code, Finding, Severity, text};
use ring::rand::{SecureRandom, SystemRandom};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::ProtocolFloor;
use super::asking::Asking;
use super::hello::{self, Choice, Gathering, TLS_1_0, TLS_1_1, TLS_1_2};
use super::judge::server_name_of;
use crate::net::Connection;
use crate::probe::tls::starttls::Starttls;

/// How long the rest of a plain-text greeting is waited for.
const GREETING: Duration = Duration::from_millis(200);
/// Most bytes of a plain-text greeting kept.
const MOST_GREETING_BYTES: usize = 256;
/// Most warnings that are read past.
const MOST_WARNINGS: u32 = 4;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A ServerHello.
    Chosen(Choice),
    /// An alert, by its number (RFC 8446 section 6).
    Alert(u8),
    /// Something that is not TLS.
    Plain(Vec<u8>),
    /// The end of the connection, without a word that could be understood.
    Closed,
    /// Nothing in time.
    Silent,
}

/// Opens a connection of its own, offers `version` at most, and reads the first words of the
/// answer. Ends at the deadline.
pub(super) async fn ask(asking: &Asking<'_>, version: u16) -> Answer {
    let stream = match asking.arrive().await {
        Ok(stream) => stream,
        Err(answer) => return answer,
    };
    let dns_name = match server_name_of(asking.server_name) {
        Some(ServerName::DnsName(name)) => Some(name.as_ref().to_owned()),
        _ => None,
    };
    let mut random = [0; 32];
    // Nothing secret ever travels: a hello without randomness is a hello all the same.
    let _ = SystemRandom::new().fill(&mut random);
    let record = hello::client_hello(version, dns_name.as_deref(), random);
    match tokio::time::timeout_at(asking.until, exchange(stream, &record)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Answer::Closed,
        Err(_) => Answer::Silent,
    }
}

/// As [`ask`], for whatever is spoken below TLS 1.3: who does not understand an offer of 1.2 may still
/// understand one of 1.0.
pub(super) async fn ask_for_any(asking: &Asking<'_>) -> Answer {
    match ask(asking, TLS_1_2).await {
        Answer::Alert(_) | Answer::Closed => ask(asking, TLS_1_0).await,
        answer => answer,
    }
}

async fn exchange(mut stream: Connection, record: &[u8]) -> std::io::Result<Answer> {
    stream.write_all(record).await?;
    let mut gathering = Gathering::default();
    let mut warnings = 0;
    loop {
        let mut header = [0; 5];
        if let Err(error) = stream.read_exact(&mut header).await {
            return match gathering.into_choice() {
                Some(choice) => Ok(Answer::Chosen(choice)),
                None => Err(error),
            };
        }
        let [kind, major, _, high, low] = header;
        if major != 3 || !(20..=23).contains(&kind) {
            return Ok(Answer::Plain(greeting(stream, &header).await));
        }
        let mut payload = vec![0; usize::from(u16::from_be_bytes([high, low]))];
        stream.read_exact(&mut payload).await?;
        match (kind, payload.as_slice()) {
            // A warning, often that the name is unknown, after which old servers go on.
            (21, [1, 1..=255, ..]) if warnings < MOST_WARNINGS => warnings += 1,
            (21, [_, alert, ..]) => return Ok(Answer::Alert(*alert)),
            (22, handshake) if !handshake.is_empty() => {
                if gathering.take_in(handshake) {
                    return Ok(gathering.into_choice().map_or(Answer::Closed, Answer::Chosen));
                }
            }
            // Empty records, application records and the like before a hello: not TLS as we know it.
            _ => return Ok(Answer::Closed),
        }
    }
}

async fn greeting(mut stream: Connection, start: &[u8]) -> Vec<u8> {
    let mut bytes = start.to_vec();
    let rest = async {
        let mut buffer = [0; MOST_GREETING_BYTES];
        while bytes.len() < MOST_GREETING_BYTES {
            match stream.read(&mut buffer).await {
                Ok(count @ 1..) => bytes.extend(&buffer[..count]),
                _ => break,
            }
        }
    };
    let _ = tokio::time::timeout(GREETING, rest).await;
    bytes.truncate(MOST_GREETING_BYTES);
    bytes
}

/// Which versions below the floor are spoken, newest first. `negotiated` is what the ordinary
/// handshake settled on. Where a server does not say within the deadline, or must not be asked, nothing is claimed.
pub(crate) async fn old_versions(
    floor: ProtocolFloor,
    negotiated: &str,
    asking: &Asking<'_>,
) -> Vec<String> {
    let mut offer = match floor {
        ProtocolFloor::Tls10 => return Vec::new(),
        ProtocolFloor::Tls11 => TLS_1_0,
        ProtocolFloor::Tls12 => TLS_1_1,
        ProtocolFloor::Tls13 => TLS_1_2,
    };
    let mut spoken = Vec::new();
    if offer == TLS_1_2 && negotiated == hello::version_name(TLS_1_2) {
        spoken.push(negotiated.to_owned());
        offer = TLS_1_1;
    }
    while offer >= TLS_1_0 && asking.is_harmless() {
        match ask(asking, offer).await {
            Answer::Chosen(choice) if choice.version <= offer => {
                spoken.push(hello::version_name(choice.version));
                offer = choice.version.saturating_sub(1);
            }
            _ => break,
        }
    }
    spoken
}

/// `tls.old-protocol` where some are.
pub(crate) fn below_floor(
    floor: ProtocolFloor,
    negotiated: &str,
    spoken: &[String],
    starttls: Option<Starttls>,
    subject: &str,
) -> Option<Finding> {
    (!spoken.is_empty())
        .then(|| old_protocol(subject, floor, starttls, spoken).evidence("negotiated", negotiated))
}

/// Whether a floor lets a server be that speaks nothing newer than this.
pub(crate) fn is_tolerated(floor: Option<ProtocolFloor>, version: &str) -> bool {
    match floor {
        Some(ProtocolFloor::Tls10) => version == "TLS 1.0" || version == "TLS 1.1",
        Some(ProtocolFloor::Tls11) => version == "TLS 1.1",
        Some(ProtocolFloor::Tls12 | ProtocolFloor::Tls13) | None => false,
    }
}

fn old_protocol(
    subject: &str,
    floor: ProtocolFloor,
    starttls: Option<Starttls>,
    spoken: &[String],
) -> Finding {
    let (floor, nginx) = match floor {
        ProtocolFloor::Tls10 => ("TLS 1.0", "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3"),
        ProtocolFloor::Tls11 => ("TLS 1.1", "TLSv1.1 TLSv1.2 TLSv1.3"),
        ProtocolFloor::Tls12 => ("TLS 1.2", "TLSv1.2 TLSv1.3"),
        ProtocolFloor::Tls13 => ("TLS 1.3", "TLSv1.3"),
    };
    let remedy = match starttls {
        Some(starttls) => starttls.raise_floor(floor),
        None => text!(
            "Turn them off: in nginx `ssl_protocols {nginx};` in every `server` block that shares the address (the default server's setting counts), then `nginx -s reload` (with systemd `systemctl reload nginx`).",
            "끄세요: nginx라면 같은 주소를 쓰는 모든 `server` 블록에 `ssl_protocols {nginx};`을 쓰고(기본 서버의 설정이 적용됩니다) `nginx -s reload`를 실행하세요(systemd는 `systemctl reload nginx`)."
        ),
    };
    let versions = spoken.join(", ");
    Finding::new(
        Code::TlsOldProtocol,
        subject,
        text!(
            "{subject} still speaks {versions}; the plan wants {floor} at least",
            "{subject}에서 아직 {versions}을(를) 지원합니다. 설정은 {floor} 이상을 요구합니다"
        ),
        remedy,
    )
    .evidence("expected", floor)
    .evidence("got", versions)
}

/// `tls.old-protocol` for a server that speaks nothing newer: visitors are turned away.
pub(super) fn only_old(subject: &str, starttls: Option<Starttls>, choice: &Choice) -> Finding {
    let version = hello::version_name(choice.version);
    let remedy = match starttls {
        Some(starttls) => starttls.raise_floor("TLS 1.2"),
        None => text!(
            "Enable TLS 1.2 and 1.3: in nginx `ssl_protocols TLSv1.2 TLSv1.3;`. If the server is too old for them (OpenSSL before 1.0.1), put a current nginx or Envoy before it. A device that will never learn them: `min_version = \"1.0\"` in the check has its certificate watched all the same.",
            "TLS 1.2와 1.3을 켜세요: nginx라면 `ssl_protocols TLSv1.2 TLSv1.3;`. 서버가 너무 오래되어(OpenSSL 1.0.1 이전) 지원하지 않으면 앞에 최신 nginx나 Envoy를 두세요. 앞으로도 지원할 수 없는 장비라면 점검에 `min_version = \"1.0\"`을 적어 인증서만 계속 확인할 수 있습니다."
        ),
    };
    Finding::new(
        Code::TlsOldProtocol,
        subject,
        text!(
            "{subject} speaks nothing newer than {version}, which browsers have refused since 2020",
            "{subject}에서 {version}보다 새로운 프로토콜을 지원하지 않습니다. 브라우저는 2020년부터 이를 거부합니다"
        ),
        remedy,
    )
    .severity(Severity::Critical)
    .evidence("expected", "TLS 1.2")
    .evidence("got", version)
    .evidence("cipher", hello::suite_name(choice.suite))
}
