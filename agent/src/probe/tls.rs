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
use self::revocation::{Elsewhere, Terms};
use self::starttls::Starttls;
use super::{Sight, Stopwatch};
use crate::authority::{Directory, Inquiry};
use crate::net::{Connection, Net};
use crate::patience;
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

    /// What the CA may be asked about what is served, and whom to believe.
    fn terms(&self) -> Terms<'_> {
        Terms { inquiry: self.revocation, roots: &self.roots }
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
    let shown = places::compare(spec, &client, visits, watch.timeout(), now, &mut sight);
    for (presented, subject) in &shown {
        let elsewhere = Elsewhere { presented, server_name: &spec.server_name, subject };
        sight.findings.extend(Box::pin(elsewhere.judge(spec.terms(), net, watch, now)).await);
    }
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
            // What is still to be read, such as the file, needs time too: nobody may take all of it.
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
            against_file(spec, &mut facts, offer, &subject, sight, watch, now).await;
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
                // Who lets nobody in without a certificate shows what it serves all the same.
                if !watch.left().is_zero() {
                    against_file(spec, &mut facts, offer, &subject, sight, watch, now).await;
                    reload::fit(&mut sight.findings, peer, net, watch).await;
                    lead_to_the_reload(&mut sight.findings);
                }
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
    findings.extend(nearing_end(&needed(&facts), &spec.expiring, subject, now));
    facts
}

/// The elements whose end matters: where the path is known, those beside it, such as a spare
/// cross-signature, may end when they like.
fn needed(facts: &TlsFacts) -> Cow<'_, [CertificateFacts]> {
    // An intermediate that is trusted itself stands above the path, and may be sent all the same.
    let is_needed = |index: usize, element: &CertificateFacts| {
        facts.path.contains(&index) || facts.path_not_after == Some(element.not_after)
    };
    let chain = facts.chain.as_slice();
    if !facts.trusted || chain.iter().enumerate().all(|(index, one)| is_needed(index, one)) {
        return Cow::Borrowed(chain);
    }
    let needed = chain.iter().enumerate().filter(|(index, one)| is_needed(*index, one));
    Cow::Owned(needed.map(|(_, one)| one.clone()).collect())
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

/// Holds the leaf that was served against the file that the plan names, if it names one.
async fn against_file(
    spec: &Spec,
    facts: &mut TlsFacts,
    offer: Offer<'_>,
    subject: &str,
    sight: &mut Sight,
    watch: &mut Stopwatch,
    now: Timestamp,
) {
    let (Some(path), Some(served)) = (&spec.file, facts.chain.first().cloned()) else { return };
    let file = read(path.clone(), watch, now).await;
    let lack = file.as_ref().err().and_then(Unreadable::lack).map(str::to_owned);
    sight.facts.blind = lack.or(sight.facts.blind.take());
    let twin = Box::pin(twin(spec, sight.facts.address, served, &file, offer, watch)).await;
    facts.file = Some(compare(spec, twin.as_ref(), &file, subject, now, sight));
}

async fn read(
    path: PathBuf,
    watch: &mut Stopwatch,
    now: Timestamp,
) -> Result<Arc<CertificateFile>, Unreadable> {
    let place = path.display().to_string();
    let outcome = patience::look(&place, watch, move || files::read(&path, now)).await;
    watch.lap(Phase::Read);
    outcome.unwrap_or_else(|why| Err(Unreadable::System(why)))
}

/// A server may hold an RSA and an ECDSA certificate: where the file is of the other kind than
/// what was served, the server is asked for that kind. `None` where it did not answer that.
async fn twin(
    spec: &Spec,
    peer: Option<SocketAddr>,
    served: CertificateFacts,
    file: &Result<Arc<CertificateFile>, Unreadable>,
    offer: Offer<'_>,
    watch: &mut Stopwatch,
) -> Option<CertificateFacts> {
    let planned = file.as_ref().ok().and_then(|file| file.chain.first());
    let (Some(planned), Some(peer)) = (planned, peer) else { return Some(served) };
    let keys = KeyKind::of(&planned.key);
    // A server that has no such key breaks the handshake off, which not every one bears.
    let bears_it = spec.starttls.is_none_or(Starttls::bears_broken_handshakes);
    if keys == KeyKind::of(&served.key) || !bears_it {
        return Some(served);
    }
    let stream = crate::net::connect(peer, spec.source, watch.deadline()).await.ok()?;
    let offer = Offer { keys, ..offer };
    let presented = match tls::attempt(stream, &spec.asked(peer), offer, &spec.roots, watch).await {
        Ok((stream, presented)) => {
            tls::part(stream, &presented, offer, watch.deadline()).await;
            Some(presented)
        }
        // It said that it has none of that kind.
        Err(refused) if refused.finding.evidence.contains_key("alert_number") => refused.presented,
        Err(refused) => Some(refused.presented?),
    };
    let leaf = presented.and_then(|presented| tls::facts_of(presented.chain.first()?));
    Some(leaf.filter(|leaf| KeyKind::of(&leaf.key) == keys).unwrap_or(served))
}

fn compare(
    spec: &Spec,
    served: Option<&CertificateFacts>,
    file: &Result<Arc<CertificateFile>, Unreadable>,
    subject: &str,
    now: Timestamp,
    sight: &mut Sight,
) -> FileFacts {
    let path = spec.file.as_ref().map_or_else(String::new, |path| path.display().to_string());
    let (chain, modified) = match file {
        Ok(file) => {
            let found = served.and_then(|served| {
                served::judge(served, file, &path, &spec.server_name, subject, now)
            });
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
