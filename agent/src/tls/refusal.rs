//! Why there was no TLS to be had, as a finding. Where rustls's own words leave it open, the
//! server is asked once more with a hello made by hand.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use health::{Code, Finding, Severity, Text, text};
use rustls::{AlertDescription, Error, InvalidMessage};
use rustls_pki_types::CertificateDer;

use super::asking::Asking;
use super::attempt::{Offer, Refused, subject};
use super::certificate::parse;
use super::distinguished::printable;
use super::hello::{TLS_1_2, suite_name, version_name};
use super::identity::{Asked, turned_away};
use super::old_protocol::{Answer, ask_for_any, only_old};
use super::{Presented, alert, verdict};
use crate::net::Connection;
use crate::probe::Stopwatch;
use crate::probe::tcp::speaks::stranger::recognised;
use crate::probe::tls::starttls::{Starttls, Trouble};

/// Most characters of an unexpected greeting that are shown.
const MOST_GREETING_SHOWN: usize = 80;

/// Whom the handshake was with.
#[derive(Debug)]
pub(super) struct Target<'a> {
    /// The other end; `None` when it had gone before it could be looked at.
    peer: Option<SocketAddr>,
    /// Our own end.
    source: Option<IpAddr>,
    server_name: String,
    subject: String,
    offer: Offer<'a>,
}

impl<'a> Target<'a> {
    pub(super) fn of(stream: &Connection, server_name: &str, offer: Offer<'a>) -> Self {
        let peer = stream.opposite();
        Self {
            peer,
            source: stream.local_addr().ok().map(|local| local.ip()),
            server_name: server_name.to_owned(),
            subject: peer.map_or_else(|| server_name.to_owned(), |peer| subject(peer, server_name)),
            offer,
        }
    }

    /// The finding for a server that would not even let TLS begin.
    pub(super) fn without_tls(
        &self,
        starttls: Starttls,
        trouble: &Trouble,
        timeout: Duration,
    ) -> Finding {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        starttls.judge(&self.subject, self.peer.unwrap_or(nowhere), timeout, trouble)
    }

    /// For `openssl s_client`.
    fn shown_peer(&self) -> String {
        self.peer.map_or_else(|| "HOST:PORT".to_owned(), |peer| peer.to_string())
    }
}

/// The finding for a name that cannot be asked for.
pub(super) fn not_a_name(target: &Target<'_>) -> Finding {
    let name = printable(&target.server_name);
    no_tls(
        target,
        &text!(
            "\"{name}\" is neither a DNS name nor an address, so it cannot be asked for",
            "\"{name}\"은(는) DNS 이름도 주소도 아니므로 요청할 수 없습니다"
        ),
        text!(
            "Write it in its ASCII form (`xn--…`): `python3 -c \"print('{name}'.encode('idna').decode())\"` prints it.",
            "ASCII 형식(`xn--…`)으로 쓰세요: `python3 -c \"print('{name}'.encode('idna').decode())\"`로 볼 수 있습니다."
        ),
    )
    .evidence("server_name", name)
}

/// Explains a handshake that failed with `error`, or ran into the deadline without one, after a chain
/// or a request for a client certificate had come, or neither.
pub(super) async fn explain(
    target: &Target<'_>,
    error: Option<&io::Error>,
    chain: Option<Vec<CertificateDer<'static>>>,
    asked: Option<Asked>,
    watch: &Stopwatch,
) -> Refused {
    let presented =
        chain.map(|chain| Presented { chain, asked: asked.clone(), ..Presented::default() });
    let Some(error) = error else {
        return Refused { finding: too_slow(target, watch.timeout()), presented };
    };
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
    if let Some(asked) = &asked
        && let None | Some(Error::AlertReceived(_)) = cause
    {
        let alert = cause.and_then(alert_number);
        let finding = turned_away(&target.subject, asked, target.offer.identity, alert);
        return Refused { finding, presented };
    }
    if presented.is_none()
        && cause.is_none_or(needs_asking)
        && let Some(address) = target.peer
    {
        let asking = Asking {
            address,
            source: target.source,
            server_name: &target.server_name,
            starttls: target.offer.starttls,
            until: watch.deadline(),
        };
        if asking.is_harmless()
            && let Some(refused) = answered(target, ask_for_any(&asking).await)
        {
            return refused;
        }
    }
    let Some(cause) = cause else {
        return Refused { finding: cut(target, error), presented };
    };
    let finding = match cause {
        Error::AlertReceived(description) => alerted(target, u8::from(*description)),
        Error::InvalidMessage(
            InvalidMessage::HandshakePayloadTooLarge
            | InvalidMessage::CertificatePayloadTooLarge
            | InvalidMessage::MessageTooLarge,
        )
        | Error::PeerSentOversizedRecord => too_large(target),
        Error::InvalidCertificate(_) => unproven(target, cause, presented.as_ref()),
        _ => broken(target, &cause.to_string()),
    };
    Refused { finding, presented }
}

fn alert_number(cause: &Error) -> Option<u8> {
    match cause {
        Error::AlertReceived(alert) => Some(u8::from(*alert)),
        _ => None,
    }
}

/// Another hello can tell more about these.
fn needs_asking(cause: &Error) -> bool {
    match cause {
        Error::AlertReceived(alert) => matches!(
            alert,
            AlertDescription::ProtocolVersion
                | AlertDescription::HandshakeFailure
                | AlertDescription::InsufficientSecurity
                | AlertDescription::IllegalParameter
                | AlertDescription::DecodeError
        ),
        Error::InvalidMessage(message) => !matches!(
            message,
            InvalidMessage::HandshakePayloadTooLarge | InvalidMessage::CertificatePayloadTooLarge
        ),
        Error::PeerIncompatible(_) => true,
        _ => false,
    }
}

fn answered(target: &Target<'_>, answer: Answer) -> Option<Refused> {
    match answer {
        Answer::Chosen(choice) => {
            let finding = if choice.version < TLS_1_2 {
                only_old(&target.subject, target.offer.starttls, &choice)
            } else {
                only_odd(target, &suite_name(choice.suite), &choice.chain)
            };
            let presented = (!choice.chain.is_empty()).then(|| Presented {
                protocol: version_name(choice.version),
                cipher: suite_name(choice.suite),
                chain: choice.chain,
                ..Presented::default()
            });
            Some(Refused { finding, presented })
        }
        Answer::Plain(bytes) => Some(Refused { finding: plain(target, &bytes), presented: None }),
        Answer::Alert(_) | Answer::Closed | Answer::Silent => None,
    }
}

fn no_tls(target: &Target<'_>, why: &Text, remedy: Text) -> Finding {
    Finding::new(
        Code::TlsHandshake,
        &*target.subject,
        text!(
            "no TLS with {subject}: {why_en}",
            "{subject}와(과) TLS 연결을 맺을 수 없습니다: {why_ko}",
            subject = target.subject,
            why_en = why.en,
            why_ko = why.ko,
        ),
        remedy,
    )
}

fn by_hand(target: &Target<'_>) -> Text {
    let (peer, name) = (target.shown_peer(), printable(&target.server_name));
    let starttls = target.offer.starttls;
    let starttls = match starttls {
        // It asks for the domain before TLS, where `-servername` is not looked at.
        Some(Starttls::Xmpp) => format!(" -starttls xmpp -xmpphost {name}"),
        Some(one) => format!(" -starttls {}", one.label()),
        None => String::new(),
    };
    text!(
        "See it by hand: `openssl s_client{starttls} -connect {peer} -servername {name} </dev/null`; then read the server's error log.",
        "직접 확인하세요: `openssl s_client{starttls} -connect {peer} -servername {name} </dev/null`. 그다음 서버의 오류 로그를 보세요."
    )
}

fn too_slow(target: &Target<'_>, timeout: Duration) -> Finding {
    no_tls(
        target,
        &text!(
            "no full handshake within {timeout:?}",
            "{timeout:?} 안에 핸드셰이크가 끝나지 않았습니다"
        ),
        text!(
            "It accepts connections but does not get round to TLS: an overloaded or hung server, a service without TLS that waits for something else, or a firewall that drops large packets (try a smaller MTU). {more}",
            "연결은 받지만 TLS를 진행하지 못합니다: 과부하이거나 멈춘 서버, 다른 입력을 기다리는 TLS 없는 서비스, 큰 패킷을 버리는 방화벽(MTU를 줄여 보세요)일 수 있습니다. {more_ko}",
            more = by_hand(target).en,
            more_ko = by_hand(target).ko,
        ),
    )
    .evidence("timeout_seconds", timeout.as_secs_f64())
}

/// A reset is `tcp.reset`; an orderly end is a server that does not want to speak TLS.
fn cut(target: &Target<'_>, error: &io::Error) -> Finding {
    let finding = match error.kind() {
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionAborted => Finding::new(
            Code::TcpReset,
            &*target.subject,
            text!(
                "{subject} reset the connection during the TLS handshake",
                "{subject}에서 TLS 핸드셰이크 도중 연결을 재설정했습니다(RST)",
                subject = target.subject,
            ),
            by_hand(target),
        ),
        io::ErrorKind::UnexpectedEof => no_tls(
            target,
            &text!(
                "it closed the connection during the handshake",
                "핸드셰이크 도중 연결을 닫았습니다"
            ),
            text!(
                "A service without TLS on this port, a proxy whose backend is gone, or an access rule. {more}",
                "이 포트의 서비스에 TLS가 없거나, 프록시 뒤의 서버가 죽었거나, 접근 규칙 때문일 수 있습니다. {more_ko}",
                more = by_hand(target).en,
                more_ko = by_hand(target).ko,
            ),
        ),
        _ => no_tls(target, &Text::same(error.to_string()), by_hand(target)),
    };
    finding.evidence("error", error.to_string())
}

fn alerted(target: &Target<'_>, number: u8) -> Finding {
    let (name, meaning) = alert::explain(number);
    no_tls(
        target,
        &text!(
            "it answered with the alert {name}: {meaning_en}",
            "{name} 경고로 거부했습니다: {meaning_ko}",
            meaning_en = meaning.en,
            meaning_ko = meaning.ko,
        ),
        by_hand(target),
    )
    .evidence("alert", name)
    .evidence("alert_number", number)
}

fn too_large(target: &Target<'_>) -> Finding {
    no_tls(
        target,
        &text!(
            "it sends a handshake message larger than 64 KiB, more than any client reads",
            "핸드셰이크 메시지가 64KiB를 넘습니다. 어떤 클라이언트도 읽지 않는 크기입니다"
        ),
        text!(
            "Look at the certificate file: a whole CA bundle in place of a chain, or a certificate with thousands of names: `grep -c BEGIN fullchain.pem`.",
            "인증서 파일을 확인하세요: 체인 대신 CA 번들 전체가 들어 있거나 이름이 수천 개인 인증서입니다: `grep -c BEGIN fullchain.pem`."
        ),
    )
}

fn broken(target: &Target<'_>, words: &str) -> Finding {
    let words = printable(words);
    no_tls(
        target,
        &text!(
            "what it sends is not a TLS handshake: {words}",
            "보내온 것이 올바른 TLS 핸드셰이크가 아닙니다: {words}"
        ),
        by_hand(target),
    )
    .evidence("error", words)
}

/// The server could not prove that it holds the key: too weak a key, or not its own.
fn unproven(target: &Target<'_>, cause: &Error, presented: Option<&Presented>) -> Finding {
    let leaf = presented.and_then(|presented| presented.chain.first()).map(|leaf| parse(leaf));
    match leaf {
        Some(Ok(leaf)) if leaf.weak_key => {
            let noun = text!("the certificate", "인증서");
            verdict::weak_key(&target.subject, &noun, &leaf.facts.key).severity(Severity::Critical)
        }
        Some(Err(unparsable)) => no_tls(
            target,
            &text!(
                "its certificate cannot be read: {unparsable}",
                "인증서를 읽을 수 없습니다: {unparsable}"
            ),
            by_hand(target),
        ),
        _ => {
            let words = cause.to_string();
            no_tls(
                target,
                &text!(
                    "it did not prove that it holds the certificate's key ({words})",
                    "인증서의 키를 가지고 있음을 증명하지 못했습니다({words})"
                ),
                text!(
                    "The key loaded in the server does not belong to the certificate, or somebody answers in its place. Compare: `openssl x509 -in fullchain.pem -noout -pubkey` and `openssl pkey -in privkey.pem -pubout`.",
                    "서버가 읽은 키가 인증서의 것이 아니거나 다른 누군가가 대신 응답하고 있습니다. 비교하세요: `openssl x509 -in fullchain.pem -noout -pubkey`와 `openssl pkey -in privkey.pem -pubout`."
                ),
            )
        }
    }
}

/// TLS 1.2, but nothing that a current client would agree to.
fn only_odd(target: &Target<'_>, suite: &str, chain: &[CertificateDer<'_>]) -> Finding {
    let key = chain.first().and_then(|leaf| parse(leaf).ok()).map(|leaf| leaf.facts.key);
    let key = key.as_deref().unwrap_or("?");
    no_tls(
        target,
        &text!(
            "it speaks TLS 1.2, but only in ways that current clients avoid (it chose {suite}, its key is {key})",
            "TLS 1.2를 지원하지만 최신 클라이언트가 쓰지 않는 방식뿐입니다({suite} 선택, 키 {key})"
        ),
        text!(
            "Enable ECDHE with AES-GCM or ChaCha20 (in nginx the default of `ssl_ciphers` will do), and use an RSA 2048, ECDSA P-256 or P-384 key; some clients know no P-521.",
            "ECDHE와 AES-GCM 또는 ChaCha20을 켜고(nginx라면 `ssl_ciphers` 기본값이면 됩니다) RSA 2048, ECDSA P-256 또는 P-384 키를 쓰세요. P-521을 모르는 클라이언트도 있습니다."
        ),
    )
    .evidence("cipher", suite)
    .evidence("key", key)
}

fn plain(target: &Target<'_>, bytes: &[u8]) -> Finding {
    let words = String::from_utf8_lossy(bytes);
    let first = words.lines().next().unwrap_or_default();
    let shown: String = printable(first).chars().take(MOST_GREETING_SHOWN).collect();
    let lower = words.trim_start().to_ascii_lowercase();
    let spoken = [
        ("http/", "HTTP"),
        ("<!doctype", "HTTP"),
        ("<html", "HTTP"),
        ("ssh-", "SSH"),
        ("220 ", "SMTP or FTP"),
        ("220-", "SMTP or FTP"),
        ("* ok", "IMAP"),
        ("+ok", "POP3"),
        ("-err", "Redis"),
        ("\"implementation\"", "ManageSieve"),
        ("200 ", "NNTP"),
        ("201 ", "NNTP"),
    ]
    .iter()
    .find(|(start, _)| lower.starts_with(start))
    .map(|(_, protocol)| *protocol)
    .or_else(|| recognised(bytes).filter(|one| matches!(*one, "MySQL" | "PostgreSQL" | "LDAP")));
    let Some(protocol) = spoken else {
        return broken(target, &shown).evidence("got", shown);
    };
    let starttls = match protocol {
        "SMTP or FTP" => "smtp\"` or `\"ftp",
        "IMAP" => "imap",
        "POP3" => "pop3",
        "ManageSieve" => "sieve",
        "NNTP" => "nntp",
        "MySQL" => "mysql",
        "PostgreSQL" => "postgres",
        "LDAP" => "ldap",
        _ => "",
    };
    let remedy = match starttls {
        "" => text!(
            "Either the port is the wrong one, or TLS is not turned on: in nginx `listen 443 ssl;` with `ssl_certificate` and `ssl_certificate_key`. Compare: `nginx -T | grep listen`.",
            "포트가 틀렸거나 TLS가 켜져 있지 않습니다: nginx라면 `listen 443 ssl;`과 `ssl_certificate`, `ssl_certificate_key`가 필요합니다. 비교하세요: `nginx -T | grep listen`."
        ),
        _ => text!(
            "If it goes on with TLS when asked to, say so in the check: `starttls = \"{starttls}\"`. Otherwise the port is the wrong one, or TLS is not turned on.",
            "요청하면 TLS로 전환하는 서버라면 점검에 적으세요: `starttls = \"{starttls}\"`. 아니라면 포트가 틀렸거나 TLS가 켜져 있지 않습니다."
        ),
    };
    no_tls(
        target,
        &text!(
            "it speaks {protocol} without TLS on this port",
            "이 포트에서 TLS 없이 {protocol}(으)로 응답합니다"
        ),
        remedy,
    )
    .evidence("expected", "TLS")
    .evidence("got", shown)
}
