//! TLS: handshake, the chain presented, and whether it is the one that should be served.

pub(crate) mod reload;
mod served;
pub mod sites;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use health::facts::{CertificateFacts, FileFacts, TlsFacts};
use health::{Code, Facts, Finding, Phase, Severity};
use jiff::Timestamp;
use tokio::io::AsyncWriteExt;
use tokio_rustls::client::TlsStream;

use super::{Sight, Stopwatch};
use crate::net::{Connection, Net};
use crate::plan::Endpoint;
use crate::tls::files::{self, CertificateFile, Unreadable};
use crate::tls::{
    self, Expiring, KeyKind, Offer, Presented, ProtocolFloor, Refused, Roots, below_floor,
    nearing_end,
};

/// What most TLS servers know; those that insist on something else are asked again without.
const APPLICATIONS: &[&[u8]] = &[b"h2", b"http/1.1"];

/// `[[tls]]` after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// What is named, and dialled unless `connect` says otherwise.
    pub target: Endpoint,
    /// Dial this instead.
    pub connect: Option<Endpoint>,
    /// Dial from this address.
    pub source: Option<IpAddr>,
    /// Sent as SNI and checked against the certificate: a DNS name or an IP address.
    pub server_name: String,
    /// What should be served.
    pub file: Option<PathBuf>,
    /// The name by which CAA records call the CA in use; default: known from the issuer.
    pub issuer: Option<String>,
    /// When its end is near.
    pub expiring: Expiring,
    /// The lowest protocol version that may still be enabled; `None`: not looked at.
    pub min_version: Option<ProtocolFloor>,
    /// Trusted roots.
    pub roots: Roots,
}

/// Runs one probe.
pub async fn observe(spec: &Spec, net: &Net, watch: &mut Stopwatch, now: Timestamp) -> Sight {
    let mut sight = Sight::default();
    let endpoint = spec.connect.as_ref().unwrap_or(&spec.target);
    let stream = match net.dial(endpoint, spec.source, watch, &mut sight.facts).await {
        Ok(stream) => stream,
        Err(finding) => {
            sight.findings.push(*finding);
            return sight;
        }
    };
    let peer = sight.facts.address;
    let subject =
        peer.map_or_else(|| spec.server_name.clone(), |peer| tls::subject(peer, &spec.server_name));
    match shake_hands(spec, net, stream, watch).await {
        Ok((stream, presented)) => {
            close(stream, watch).await;
            let mut facts = note(spec, &presented, &subject, now, &mut sight.findings);
            if let (Some(floor), Some(peer)) = (spec.min_version, peer) {
                let (name, until) = (&spec.server_name, watch.deadline());
                let found = below_floor(
                    floor,
                    &presented.protocol,
                    peer,
                    spec.source,
                    name,
                    &subject,
                    until,
                );
                sight.findings.extend(Box::pin(found).await);
                watch.lap(Phase::Dialogue);
            }
            if let (Some(path), Some(served)) = (&spec.file, facts.chain.first().cloned()) {
                let file = read(path.clone(), watch, now).await;
                sight.facts.blind =
                    file.as_ref().err().and_then(|why| Some(why.lack()?.to_owned()));
                let served = twin(spec, peer, served, &file, watch).await;
                facts.file = Some(compare(spec, &served, &file, &subject, now, &mut sight));
            }
            reload::fit(&mut sight.findings, peer, net, watch).await;
            lead_to_the_reload(&mut sight.findings);
            sight.facts.tls = Some(Box::new(facts));
        }
        Err(refused) => {
            let Refused { finding, presented } = *refused;
            if let Some(presented) = presented {
                let facts = note(spec, &presented, &subject, now, &mut sight.findings);
                sight.facts.tls = Some(Box::new(facts));
            }
            // The judgement of the chain may have said the same, less loudly.
            sight.findings.retain(|judged| !judged.is_same_as(&finding));
            sight.findings.insert(0, finding);
        }
    }
    sight
}

/// Where the renewed certificate lies on disk already, nothing is left to renew: what ends soon is
/// mended by the reload too.
fn lead_to_the_reload(findings: &mut [Finding]) {
    let reload = findings
        .iter()
        .find(|finding| finding.code == Code::TlsNotReloaded && finding.severity > Severity::Notice)
        .map(|finding| finding.remedy.clone());
    let Some(reload) = reload else { return };
    for finding in findings {
        if matches!(finding.code, Code::CertExpiring | Code::CertExpired) {
            finding.remedy = reload.clone();
        }
    }
}

/// Judges what was presented, whether or not the handshake came to a good end.
fn note(
    spec: &Spec,
    presented: &Presented,
    subject: &str,
    now: Timestamp,
    findings: &mut Vec<Finding>,
) -> TlsFacts {
    let (facts, judged) = tls::judge(presented, &spec.server_name, &spec.roots, subject, now);
    findings.extend(judged);
    // Where the path is known, intermediates that it does not need may end when they like.
    let path_end = facts.path_not_after.unwrap_or(Timestamp::MIN);
    let matters =
        |index: usize, element: &CertificateFacts| index == 0 || element.not_after >= path_end;
    if facts.chain.iter().enumerate().all(|(index, element)| matters(index, element)) {
        findings.extend(nearing_end(&facts.chain, &spec.expiring, subject, now));
    } else {
        let chain: Vec<CertificateFacts> = facts
            .chain
            .iter()
            .enumerate()
            .filter(|(index, element)| matters(*index, element))
            .map(|(_, element)| element.clone())
            .collect();
        findings.extend(nearing_end(&chain, &spec.expiring, subject, now));
    }
    facts
}

async fn shake_hands(
    spec: &Spec,
    net: &Net,
    stream: Connection,
    watch: &mut Stopwatch,
) -> Result<(TlsStream<Connection>, Presented), Box<Refused>> {
    let offer = Offer { alpn: APPLICATIONS, keys: KeyKind::Any };
    let refused = match tls::attempt(stream, &spec.server_name, offer, &spec.roots, watch).await {
        Ok(shaken) => return Ok(shaken),
        Err(refused) => refused,
    };
    // RFC 7301 section 3.2: a server that knows none of the protocols offered must refuse.
    const NO_APPLICATION_PROTOCOL: u64 = 120;
    let alert = refused.finding.evidence.get("alert_number").and_then(|alert| alert.as_u64());
    if alert != Some(NO_APPLICATION_PROTOCOL) {
        return Err(refused);
    }
    let endpoint = spec.connect.as_ref().unwrap_or(&spec.target);
    match net.dial(endpoint, spec.source, watch, &mut Facts::default()).await {
        Ok(stream) => {
            let offer = Offer { alpn: &[], keys: KeyKind::Any };
            tls::attempt(stream, &spec.server_name, offer, &spec.roots, watch).await
        }
        Err(_) => Err(refused),
    }
}

/// Says goodbye, so that the server's log stays clean.
async fn close(mut stream: TlsStream<Connection>, watch: &Stopwatch) {
    let _ = tokio::time::timeout_at(watch.deadline(), stream.shutdown()).await;
}

async fn read(
    path: PathBuf,
    watch: &mut Stopwatch,
    now: Timestamp,
) -> Result<Arc<CertificateFile>, Unreadable> {
    let reading = tokio::task::spawn_blocking(move || files::read(&path, now));
    let outcome = tokio::time::timeout_at(watch.deadline(), reading).await;
    watch.lap(Phase::Read);
    match outcome {
        Ok(Ok(file)) => file,
        Ok(Err(error)) => Err(Unreadable::System(error.to_string())),
        Err(_) => Err(Unreadable::System(format!("no answer within {:?}", watch.timeout()))),
    }
}

/// A server may hold an RSA and an ECDSA certificate: where the file is of the other kind than
/// what was served, the server is asked for that kind.
async fn twin(
    spec: &Spec,
    peer: Option<SocketAddr>,
    served: CertificateFacts,
    file: &Result<Arc<CertificateFile>, Unreadable>,
    watch: &mut Stopwatch,
) -> CertificateFacts {
    let planned = file.as_ref().ok().and_then(|file| file.chain.first());
    let (Some(planned), Some(peer)) = (planned, peer) else { return served };
    let keys = KeyKind::of(&planned.key);
    if keys == KeyKind::of(&served.key) {
        return served;
    }
    let Ok(stream) = crate::net::connect(peer, spec.source, watch.deadline()).await else {
        return served;
    };
    let offer = Offer { alpn: &[], keys };
    match tls::attempt(stream, &spec.server_name, offer, &spec.roots, watch).await {
        Ok((stream, presented)) => {
            close(stream, watch).await;
            presented.chain.first().and_then(|leaf| tls::facts_of(leaf)).unwrap_or(served)
        }
        Err(_) => served,
    }
}

fn compare(
    spec: &Spec,
    served: &CertificateFacts,
    file: &Result<Arc<CertificateFile>, Unreadable>,
    subject: &str,
    now: Timestamp,
    sight: &mut Sight,
) -> FileFacts {
    let path = spec.file.as_ref().map_or_else(String::new, |path| path.display().to_string());
    let (chain, modified) = match file {
        Ok(file) => {
            let found = served::judge(served, file, &path, &spec.server_name, subject, now);
            sight.findings.extend(found);
            (Arc::clone(&file.chain), file.modified)
        }
        Err(why) => {
            sight.findings.push(why.finding(&path));
            (Arc::default(), None)
        }
    };
    FileFacts { path, modified, chain, ..FileFacts::default() }
}

#[cfg(test)]
mod tests;
