//! TLS: handshake, the chain presented, and whether it is the one that should be served.

mod application;
mod client;
mod differs;
mod nameless;
mod pins;
mod places;
pub(crate) mod reload;
mod revocation;
mod served;
pub mod sites;
pub mod starttls;
mod told;

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use health::facts::{CertificateFacts, FileFacts, TlsFacts};
use health::{Code, Finding, Phase, Severity};
use jiff::Timestamp;
use tokio_rustls::client::TlsStream;

use self::client::Client;
use self::starttls::Starttls;
use super::{Sight, Stopwatch};
use crate::authority::{Directory, Inquiry};
use crate::net::{Connection, Net};
use crate::plan::Endpoint;
use crate::renewal::Expected;
use crate::tls::files::{self, CertificateFile, Unreadable};
use crate::tls::{
    self, Asking, ClientCertificate, Expiring, KeyKind, Offer, Presented, ProtocolFloor, Refused,
    Roots, below_floor, nearing_end, old_versions,
};

pub use nameless::Nameless;
pub use pins::Pin;
pub use places::EveryAddress;

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
    /// Whether the name is sent at all; it is checked all the same.
    pub sends_name: bool,
    /// What is asked of the other addresses of the name.
    pub every_address: EveryAddress,
    /// Keys and certificates that may be served; empty: any.
    pub pins: Vec<Pin>,
    /// What should be served.
    pub file: Option<PathBuf>,
    /// The name by which CAA records call the CA in use; default: known from the issuer.
    pub issuer: Option<String>,
    /// When its end is near.
    pub expiring: Expiring,
    /// What is expected of its renewal.
    pub renewal: Expected,
    /// The lowest protocol version that may still be enabled; `None`: not looked at.
    pub min_version: Option<ProtocolFloor>,
    /// Who is asked whether it is revoked.
    pub revocation: Inquiry,
    /// Whose CA is asked when it wants it renewed (RFC 9773).
    pub ari: Option<Directory>,
    /// What has to be spoken before TLS may begin.
    pub starttls: Option<Starttls>,
    /// Application protocols of which the server has to settle on one; empty: any, or none.
    pub alpn: Vec<String>,
    /// Shown to a server that asks who we are.
    pub client: Option<Arc<ClientCertificate>>,
    /// Trusted roots.
    pub roots: Roots,
}

impl Spec {
    /// Who is dialled.
    fn dialled(&self) -> &Endpoint {
        self.connect.as_ref().unwrap_or(&self.target)
    }

    /// Whether the floor lets a server be that has nothing newer to offer.
    fn lets_be(&self, finding: &Finding) -> bool {
        let version = finding.evidence.get("got").and_then(|got| got.as_str());
        finding.code == Code::TlsOldProtocol
            && version.is_some_and(|version| tls::is_tolerated(self.min_version, version))
    }
}

/// Runs one probe.
pub async fn observe(spec: &Spec, net: &Net, watch: &mut Stopwatch, now: Timestamp) -> Sight {
    let mut sight = Sight::default();
    let (stream, others) = match places::dial(spec, net, watch, &mut sight.facts).await {
        Ok(dialled) => dialled,
        Err(finding) => {
            sight.findings.push(*finding);
            return sight;
        }
    };
    let client = Client::of(spec, watch, now, &mut sight).await;
    if others.is_none() {
        look(spec, net, stream, &client, watch, now, &mut sight).await;
        return sight;
    }
    // Beside each other, so that one that hangs keeps nobody from seeing the rest.
    let left = watch.left();
    let visits = Box::pin(places::visit(spec, others, client.offer(spec), left));
    let looking = look(spec, net, stream, &client, watch, now, &mut sight);
    let (visits, ()) = tokio::join!(visits, looking);
    places::compare(spec, &client, visits, watch.timeout(), now, &mut sight);
    sight
}

/// Looks at one address in full.
async fn look(
    spec: &Spec,
    net: &Net,
    stream: Connection,
    client: &Client,
    watch: &mut Stopwatch,
    now: Timestamp,
    sight: &mut Sight,
) {
    let offer = client.offer(spec);
    let peer = sight.facts.address;
    let subject =
        peer.map_or_else(|| spec.server_name.clone(), |peer| tls::subject(peer, &spec.server_name));
    match shake_hands(spec, peer, stream, offer, &subject, sight, watch).await {
        Ok((stream, presented)) => {
            // Neither may take the time that the file and the CA are given after them.
            let alert = tls::part(stream, &presented, offer, watch.soon()).await;
            let mut facts = note(spec, &presented, &subject, now, &mut sight.findings);
            sight.findings.extend(client.refusal(&presented, alert, &subject));
            if let (Some(floor), Some(peer)) = (spec.min_version, peer) {
                let asking = Asking {
                    address: peer,
                    source: spec.source,
                    server_name: &spec.asked(peer),
                    starttls: spec.starttls,
                    until: watch.soon(),
                };
                let protocol = &presented.protocol;
                facts.old_versions = Box::pin(old_versions(floor, protocol, &asking)).await;
                let (old, starttls) = (&facts.old_versions, spec.starttls);
                sight.findings.extend(below_floor(floor, protocol, old, starttls, &subject));
                watch.lap(Phase::Dialogue);
            }
            Box::pin(against_the_file(spec, offer, &mut facts, &subject, watch, now, sight)).await;
            reload::fit(&mut sight.findings, peer, net, watch).await;
            lead_to_the_reload(&mut sight.findings);
            let told = told::hear(spec, net, &presented, &mut facts, &subject, watch, now);
            sight.findings.extend(Box::pin(told).await);
            if let (Some(peer), Some(leaf)) = (peer, facts.chain.first()) {
                let (memory, leaf) = (&net.nameless, &leaf.fingerprint);
                let seen =
                    Box::pin(nameless::look(spec, memory, peer, leaf, offer, watch, now)).await;
                sight.facts.served.extend(seen);
            }
            sight.facts.tls = Some(Box::new(facts));
        }
        Err(refused) => {
            let Refused { finding, presented } = *refused;
            if let Some(presented) = presented {
                let mut facts = note(spec, &presented, &subject, now, &mut sight.findings);
                if finding.code == Code::TlsOldProtocol {
                    facts.old_versions = vec![presented.protocol.clone()];
                }
                // Whom it lets in is one thing, what it serves another.
                Box::pin(against_the_file(spec, offer, &mut facts, &subject, watch, now, sight))
                    .await;
                reload::fit(&mut sight.findings, peer, net, watch).await;
                lead_to_the_reload(&mut sight.findings);
                sight.facts.tls = Some(Box::new(facts));
            }
            // The judgement of the chain may have said the same, less loudly.
            sight.findings.retain(|judged| !judged.is_same_as(&finding));
            if !spec.lets_be(&finding) && !client.explains(&finding) {
                sight.findings.insert(0, finding);
            }
        }
    }
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
    let (mut facts, judged) = tls::judge(presented, &spec.server_name, &spec.roots, subject, now);
    facts.starttls = spec.starttls.map(|starttls| starttls.label().to_owned());
    facts.asks_for_certificate = presented.asked.is_some();
    findings.extend(judged);
    pins::judge(&spec.pins, &facts, subject, findings);
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
    peer: Option<SocketAddr>,
    stream: Connection,
    offer: Offer<'_>,
    subject: &str,
    sight: &mut Sight,
    watch: &mut Stopwatch,
) -> Result<(TlsStream<Connection>, Presented), Box<Refused>> {
    let planned: Vec<&[u8]> = spec.alpn.iter().map(String::as_bytes).collect();
    let alpn = match (planned.as_slice(), spec.starttls) {
        ([], None) => APPLICATIONS,
        (planned, _) => planned,
    };
    let first = Offer { alpn, ..offer };
    let name = peer.map_or(Cow::Borrowed(&*spec.server_name), |peer| spec.asked(peer));
    let refused = match tls::attempt(stream, &name, first, &spec.roots, watch).await {
        Ok((stream, presented)) => {
            let settled = presented.alpn.as_deref();
            sight.findings.extend(application::judge(&spec.alpn, settled, None, subject));
            return Ok((stream, presented));
        }
        Err(refused) => refused,
    };
    // RFC 7301 section 3.2: a server that knows none of the protocols offered must refuse.
    const NO_APPLICATION_PROTOCOL: u64 = 120;
    let alert = refused.finding.evidence.get("alert_number").and_then(|alert| alert.as_u64());
    let (Some(NO_APPLICATION_PROTOCOL), Some(peer)) = (alert, peer) else { return Err(refused) };
    match crate::net::connect(peer, spec.source, watch.deadline()).await {
        Ok(stream) => {
            let shaken = tls::attempt(stream, &name, offer, &spec.roots, watch).await?;
            let alert = Some("no_application_protocol");
            sight.findings.extend(application::judge(&spec.alpn, None, alert, subject));
            Ok(shaken)
        }
        Err(_) => Err(refused),
    }
}

/// Holds what is served against the file that should be, where there still is time to read it.
async fn against_the_file(
    spec: &Spec,
    offer: Offer<'_>,
    facts: &mut TlsFacts,
    subject: &str,
    watch: &mut Stopwatch,
    now: Timestamp,
    sight: &mut Sight,
) {
    let (Some(path), Some(served)) = (&spec.file, facts.chain.first().cloned()) else { return };
    if watch.left().is_zero() {
        return;
    }
    let file = read(path.clone(), watch, now).await;
    let lack = file.as_ref().err().and_then(Unreadable::lack).map(str::to_owned);
    sight.facts.blind = lack.or(sight.facts.blind.take());
    let served = twin(spec, sight.facts.address, served, &file, offer, watch).await;
    facts.file = Some(compare(spec, &served, &file, subject, now, sight));
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
    offer: Offer<'_>,
    watch: &mut Stopwatch,
) -> CertificateFacts {
    let planned = file.as_ref().ok().and_then(|file| file.chain.first());
    let (Some(planned), Some(peer)) = (planned, peer) else { return served };
    let keys = KeyKind::of(&planned.key);
    // A server that has no such key breaks the handshake off, which not every one bears.
    let bears_it = spec.starttls.is_none_or(Starttls::bears_broken_handshakes);
    if keys == KeyKind::of(&served.key) || !bears_it {
        return served;
    }
    let Ok(stream) = crate::net::connect(peer, spec.source, watch.deadline()).await else {
        return served;
    };
    let offer = Offer { keys, ..offer };
    let presented = match tls::attempt(stream, &spec.asked(peer), offer, &spec.roots, watch).await {
        Ok((stream, presented)) => {
            tls::part(stream, &presented, offer, watch.soon()).await;
            Some(presented)
        }
        Err(refused) => refused.presented,
    };
    let leaf = presented.as_ref().and_then(|presented| presented.chain.first());
    leaf.and_then(|leaf| tls::facts_of(leaf)).unwrap_or(served)
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
