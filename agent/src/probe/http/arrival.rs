//! How a connection to ask over comes about: dialled, by a road of the check's own where it has one,
//! and encrypted where the URL says https.

use std::sync::Arc;

use health::{Code, Finding, Phase, text};
use http::Version;
use http::header::UPGRADE;
use rustls::AlertDescription;

use super::Spec;
use super::ask::{Ask, host};
use super::exchange::{Broken, Cause, Question};
use super::visit::{Failed, peer};
use super::ways;
use super::wire::Wire;
use crate::net::{Net, Proxy, Road, Talk};
use crate::probe::{Sight, Stopwatch};
use crate::tls::files::Unreadable;
use crate::tls::{self, Asked, ClientCertificate, Identity, Offer, Unfit};

const ALPN: &[&[u8]] = &[b"h2", b"http/1.1"];

/// What visitors' browsers refuse; the rest is for checks of the certificate itself.
const BREAKS_VISITORS: [Code; 6] = [
    Code::CertExpired,
    Code::CertNotYetValid,
    Code::CertWrongName,
    Code::CertSelfSigned,
    Code::TlsUntrusted,
    Code::TlsIncompleteChain,
];

/// A version of HTTP that a check insists on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2; without TLS by prior knowledge (RFC 9113 section 3.3).
    Http2,
}

/// A connection, and the request in the form that is spoken over it.
#[derive(Debug)]
pub(super) struct Arrived<'a> {
    pub(super) wire: Wire,
    pub(super) question: Question,
    /// Whoever asked who we are.
    pub(super) guard: Option<Guard>,
    /// Who is asked to pass the request on, where that is not left to a tunnel.
    pub(super) asked_of: Option<&'a Proxy>,
}

/// Who stands before a server.
#[derive(Debug)]
pub(super) struct Guard {
    /// What it said.
    asked: Asked,
    /// What it was shown.
    identity: Option<Arc<Identity>>,
}

/// Dials, and shakes hands. Addresses, TLS facts and what is wrong with the certificate go into
/// `sight`, however it ends.
pub(super) async fn arrive<'a>(
    spec: &'a Spec,
    ask: &Ask,
    net: &Net,
    watch: &mut Stopwatch,
    sight: &mut Sight,
) -> Result<Arrived<'a>, Failed> {
    let endpoint = ask.endpoint(spec);
    let road = spec.road.as_deref();
    let is_encrypted = ways::is_encrypted(spec, &ask.url);
    if let (Some(road), false) = (road, is_encrypted)
        && let Some(proxy) = asked_of(spec, road, ask)
    {
        let by = (spec.source, road);
        let stream = net.reach_proxy(proxy, by, &endpoint, watch, &mut sight.facts).await;
        let wire = Wire::Plain(stream.map_err(Failed::Before)?);
        let question = ask.written_for(proxy).into();
        return Ok(Arrived { wire, question, guard: None, asked_of: Some(proxy) });
    }
    let identity = match road.and_then(|road| road.client.as_ref()) {
        Some(client) if is_encrypted => Some(identity(client, watch, sight).await?),
        _ => None,
    };
    let reached = net.reach(&endpoint, (spec.source, road), watch, &mut sight.facts).await;
    let stream = reached.map_err(Failed::Before)?;
    if !is_encrypted {
        let question = match spec.version {
            Some(Spoken::Http2) => ask.request(Version::HTTP_2).into(),
            _ => ask.written().into(),
        };
        return Ok(Arrived { wire: Wire::Plain(stream), question, guard: None, asked_of: None });
    }
    let name = host(&ask.url);
    let alpn = match spec.version {
        None => ALPN,
        Some(Spoken::Http1) => &ALPN[1..],
        Some(Spoken::Http2) => &ALPN[..1],
    };
    let offer = Offer { alpn, identity: identity.as_deref(), ..Offer::default() };
    let shaken = Box::pin(tls::attempt(stream, name, offer, &spec.roots, watch)).await;
    let (stream, presented) =
        shaken.map_err(|refused| Failed::Before(Box::new(refused.finding)))?;
    let peer = peer(spec, ask, &sight.facts);
    let now = crate::clock::now();
    let (facts, findings) = tls::judge(&presented, name, &spec.roots, &peer, now);
    sight.facts.tls = Some(Box::new(facts));
    for finding in findings {
        let is_known = sight.findings.iter().any(|known| known.is_same_as(&finding));
        if BREAKS_VISITORS.contains(&finding.code) && !is_known {
            sight.findings.push(finding);
        }
    }
    let question = match (presented.alpn.as_deref(), spec.version) {
        (Some("h2"), _) => Question::from(ask.request(Version::HTTP_2)),
        (_, Some(Spoken::Http2)) => return Err(Failed::Before(Box::new(no_http2(&peer)))),
        _ => Question::from(ask.written()),
    };
    let guard = presented.asked.map(|asked| Guard { asked, identity });
    Ok(Arrived { wire: Wire::Tls(Box::new(stream)), question, guard, asked_of: None })
}

/// The proxy that is asked for a plain URL itself, as browsers do it. One that is dialled elsewhere
/// than its name says needs a tunnel, because the proxy would go by the name.
fn asked_of<'a>(spec: &Spec, road: &'a Road, ask: &Ask) -> Option<&'a Proxy> {
    let proxy = road.proxy.as_ref().filter(|proxy| proxy.talk == Talk::Http)?;
    let goes_by_name = !spec.overrides(&ask.url) && spec.version != Some(Spoken::Http2);
    // No proxy passes on the request for another protocol.
    (goes_by_name && !ask.headers.contains_key(UPGRADE)).then_some(proxy)
}

/// Reads the client certificate.
async fn identity(
    client: &Arc<ClientCertificate>,
    watch: &mut Stopwatch,
    sight: &mut Sight,
) -> Result<Arc<Identity>, Failed> {
    let path = client.path().to_owned();
    let client = Arc::clone(client);
    let reading = tokio::task::spawn_blocking(move || client.read());
    let outcome = tokio::time::timeout_at(watch.deadline(), reading).await;
    watch.lap(Phase::Read);
    let not_read = |words: String| Err(Unfit::of(&path, &Unreadable::System(words)));
    let read = match outcome {
        Ok(Ok(read)) => read,
        Ok(Err(error)) => not_read(error.to_string()),
        Err(_) => not_read(format!("no answer within {:?}", watch.timeout())),
    };
    read.map_err(|Unfit { finding, lack }| {
        sight.facts.blind = lack;
        Failed::Before(finding)
    })
}

impl Guard {
    /// With TLS 1.3 a server says only after the handshake that it does not let us in (RFC 8446
    /// section 4.4.2): what reads like a broken answer is then a refusal.
    pub(super) fn refusal(&self, broken: &Broken, peer: &str) -> Option<Finding> {
        let Cause::Protocol(words) = &broken.cause else { return None };
        let alert = (0..=u8::MAX)
            .find(|number| words.ends_with(&format!(" {:?}", AlertDescription::from(*number))))?;
        let finding = tls::turned_away(peer, &self.asked, self.identity.as_deref(), Some(alert));
        Some(match self.identity {
            Some(_) => finding,
            None => wants_certificate(peer, finding),
        })
    }
}

fn wants_certificate(peer: &str, mut finding: Finding) -> Finding {
    finding.severity = Code::TlsHandshake.severity();
    finding.summary = text!(
        "{peer} lets nobody in without a client certificate, and the check has none",
        "{peer}에 접속하려면 클라이언트 인증서가 필요한데 이 체크에는 없습니다"
    );
    finding
}

fn no_http2(peer: &str) -> Finding {
    Finding::new(
        Code::HttpProtocol,
        peer,
        text!(
            "{peer} does not speak HTTP/2, and the check asks for nothing else",
            "{peer}에서 HTTP/2를 지원하지 않습니다. 이 체크는 HTTP/2로만 요청합니다"
        ),
        text!(
            "Turn it on where TLS ends: nginx `http2 on;` (before 1.25.1 `listen 443 ssl http2;`), HAProxy `alpn h2,http/1.1` on the `bind` line; then reload it. If HTTP/1.1 is right, remove `http_version` from the check.",
            "TLS를 처리하는 서버에서 켜세요: nginx는 `http2 on;`(1.25.1 이전은 `listen 443 ssl http2;`), HAProxy는 `bind` 줄의 `alpn h2,http/1.1`. 그다음 다시 읽게 하세요. HTTP/1.1이 맞다면 체크에서 `http_version`을 지우세요."
        ),
    )
    .evidence("expected", "h2")
}
