//! One look at everything before it is written down, so that what is written expects what is there.
//!
//! Only addresses of this machine are dialled, and redirects are not followed. Of what nginx passes on
//! to other machines only `/` is asked for, as any visitor would: further paths are written as
//! comments.

use std::path::PathBuf;

use futures_util::{StreamExt, stream};
use health::{Code, Finding, Observation, PortKey};
use toml::Value;

use super::claims::{ClaimDraft, HostDraft, fold};
use super::entry::{Entry, one_line};
use super::page;
use super::scout::Scout;
use super::sites::{Asked, Candidate};
use crate::nginx::{Address, Pass};
use crate::probe;
use crate::small_file;

/// How many probes at once: this machine is not to notice.
const AT_ONCE: usize = 16;
/// A port of this machine answers at once or not at all.
const PATIENCE: &str = "2s";
/// What a root of one's own is called beside the certificate it issued.
const ROOTS: [&str; 9] = [
    "ca.pem",
    "ca.crt",
    "root.pem",
    "root.crt",
    "rootCA.pem",
    "rootCA.crt",
    "ca-bundle.crt",
    "cacert.pem",
    "chain.pem",
];

/// Dials every claim once; one that takes no connection from here is not dialled later either, and
/// one that nobody listens on any more is none.
pub(super) async fn claims(hosts: &mut [HostDraft], scout: &Scout) {
    let text = format!("[defaults]\ntimeout = \"{PATIENCE}\"\n{}", page::hosts(hosts));
    if let Ok(plan) = scout.plan(&text) {
        let looks = stream::iter(&plan.checks)
            .map(|check| async move { (check, probe::guarded(check, &scout.net).await) });
        let seen: Vec<_> = looks.buffer_unordered(AT_ONCE).collect().await;
        for (check, observation) in seen {
            let probe::Spec::Port(spec) = &check.spec else { continue };
            let host = hosts.iter_mut().find(|host| *host.name == *spec.claim.key.host);
            if let Some(host) = host {
                note(host, &spec.claim.key, &observation);
            }
        }
    }
    for host in hosts {
        host.claims = fold(std::mem::take(&mut host.claims));
    }
}

fn note(host: &mut HostDraft, key: &PortKey, observation: &Observation) {
    let is_it = |claim: &ClaimDraft| (claim.ports.0, claim.protocol) == (key.port, key.protocol);
    let is_dead = observation.findings.iter().any(|finding| finding.code == Code::PortDead);
    let port = observation.facts.port.as_deref();
    if is_dead && port.is_some_and(|port| port.listening == Some(false)) {
        host.claims.retain(|claim| !is_it(claim));
    }
    let Some(claim) = host.claims.iter_mut().find(|claim| is_it(claim)) else { return };
    claim.finds = labels(&observation.findings);
    if is_dead {
        claim.mute = true;
        claim.finds.retain(|label| label != Code::PortDead.label());
        claim.sources.push("takes no connection from here: not dialled".to_owned());
    }
}

/// What is to be written for every name that nginx serves.
pub(super) async fn sites(candidates: &[Candidate], scout: &Scout) -> Vec<Entry> {
    let settled = stream::iter(candidates).map(|one| site(one, scout)).buffered(AT_ONCE);
    settled.concat().await
}

/// Certificate folders, with what is found in them already.
pub(super) async fn folders(entries: Vec<Entry>, scout: &Scout) -> Vec<Entry> {
    let settled = stream::iter(entries).map(|mut entry| async move {
        match scout.look(&entry).await {
            Ok(seen) => entry.finds = labels(&seen.findings),
            Err(reason) => entry.shelved = Some(reason),
        }
        entry
    });
    settled.buffered(AT_ONCE).collect().await
}

async fn site(candidate: &Candidate, scout: &Scout) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut ca = None;
    let mut distrust = None;
    if candidate.tls {
        let entry = trusted(certificate(candidate), candidate, scout).await;
        ca = entry.keys.iter().find(|(key, _)| *key == "ca").map(|(_, path)| path.clone());
        distrust = entry.shelved.clone();
        entries.push(entry);
    }
    for asked in &candidate.asked {
        let mut entry = request(candidate, asked);
        if let Some(ca) = &ca {
            entry = entry.with("ca", ca.clone());
        }
        entry.shelved = distrust.clone();
        let is_here = asked.pass.as_ref().is_some_and(Pass::is_loopback);
        if is_here {
            entry = with_upstream(entry, asked, scout);
        }
        if let Some(pass) = asked.pass.as_ref().filter(|pass| is_asked_elsewhere(asked, pass)) {
            let reason =
                format!("{} may be on another machine, and was not asked", one_line(&pass.written));
            entry.shelved.get_or_insert(reason);
        }
        if entry.shelved.is_none() {
            entry = expecting(entry, scout).await;
        }
        // One elsewhere would be asked who is to blame for a 502: that is for later.
        entries.push(if is_here { entry } else { with_upstream(entry, asked, scout) });
    }
    entries
}

/// Whether asking for it would reach an application on another machine, which nobody here knows.
fn is_asked_elsewhere(asked: &Asked, pass: &Pass) -> bool {
    let is_here = |address: &Address| match address {
        Address::Socket(ip, _) => ip.is_loopback(),
        Address::Name(name, _) => name == "localhost",
        Address::Unix(_) => true,
    };
    asked.path != "/" && !pass.to.iter().all(is_here)
}

fn certificate(candidate: &Candidate) -> Entry {
    let name = candidate.name.as_deref().unwrap_or_default();
    let mut entry = Entry::new("tls", &format!("{name} certificate"))
        .with("address", format!("{name}:443"))
        .with("connect", candidate.connect.to_string());
    entry.sources.push(candidate.source.clone());
    let Some(file) = candidate.certificates.first() else { return entry };
    match (file.to_str(), small_file::open(file)) {
        (Some(path), Ok(_)) if !path.contains('$') => entry.with("file", path),
        (Some(path), Err(error)) if !path.contains('$') => {
            entry.sources.push(format!("the file {path} is not compared: {error}"));
            entry
        }
        _ => entry,
    }
}

/// The check with the root it needs, or shelved when there is none or the name is another.
async fn trusted(mut entry: Entry, candidate: &Candidate, scout: &Scout) -> Entry {
    let seen = match scout.look(&entry).await {
        Ok(seen) => seen.findings,
        Err(reason) => return Entry { shelved: Some(reason), ..entry },
    };
    let has = |findings: &[Finding], code: Code| findings.iter().any(|one| one.code == code);
    if has(&seen, Code::CertWrongName) {
        let reason = "the certificate served here is not valid for this name (cert.wrong-name)";
        return Entry { shelved: Some(reason.to_owned()), ..entry };
    }
    if !is_distrusted(&seen) {
        entry.finds = labels(&seen);
        return entry;
    }
    for root in roots(candidate, has(&seen, Code::CertSelfSigned)) {
        let Some(path) = root.to_str() else { continue };
        let with_root = entry.clone().with("ca", path);
        match scout.look(&with_root).await {
            Ok(seen) if !is_distrusted(&seen.findings) => {
                entry = with_root;
                entry.sources.push(format!("the system does not trust it; {path} does"));
                entry.finds = labels(&seen.findings);
                return entry;
            }
            _ => {}
        }
    }
    let codes = labels(&seen).join(", ");
    let reason =
        format!("it leads to no root that is trusted here ({codes}): name its root with `ca`");
    Entry { shelved: Some(reason), ..entry }
}

fn is_distrusted(findings: &[Finding]) -> bool {
    let codes = [Code::TlsUntrusted, Code::CertSelfSigned, Code::TlsIncompleteChain];
    findings.iter().any(|finding| codes.contains(&finding.code))
}

/// Files that may hold the root of a certificate. The certificate itself only when it is its own:
/// of any other, the next one would not be trusted.
fn roots(candidate: &Candidate, is_self_signed: bool) -> Vec<PathBuf> {
    let file = candidate.certificates.first();
    let folder = file.and_then(|file| file.parent());
    let beside = folder.into_iter().flat_map(|folder| ROOTS.map(|name| folder.join(name)));
    let mut roots: Vec<PathBuf> = candidate.trusted.iter().cloned().chain(beside).collect();
    if is_self_signed {
        roots.extend(file.cloned());
    }
    roots.retain(|path| path.is_file());
    roots
}

fn request(candidate: &Candidate, asked: &Asked) -> Entry {
    let scheme = if candidate.tls { "https" } else { "http" };
    let connect = candidate.connect.to_string();
    let host = candidate.name.as_deref().unwrap_or(&connect);
    let path = if asked.path == "/" { "" } else { &asked.path };
    let beside = if candidate.beside_tls { " over http" } else { "" };
    let mut entry = Entry::new("http", &format!("{host}{path}{beside}"))
        .with("url", format!("{scheme}://{host}{}", asked.path));
    if candidate.name.is_some() {
        entry = entry.with("connect", connect);
    }
    let place = asked.pass.as_ref().map(|pass| format!(", passed on at {}", pass.place));
    entry.sources.push(format!("{}{}", candidate.source, place.unwrap_or_default()));
    entry
}

/// The check, expecting what is answered now.
async fn expecting(entry: Entry, scout: &Scout) -> Entry {
    let entry = entry.with("follow_redirects", false);
    let seen = match scout.look(&entry).await {
        Ok(seen) => seen,
        Err(reason) => return Entry { shelved: Some(reason), ..entry },
    };
    let http = seen.facts.http.as_deref();
    let Some(status) = http.and_then(|http| http.status) else {
        return Entry { finds: labels(&seen.findings), ..entry.without("follow_redirects") };
    };
    let mut entry = match status {
        300..400 => entry,
        _ => entry.without("follow_redirects"),
    };
    match status {
        500.. => entry.sources.push(format!("answers {status} now")),
        400.. => {
            entry
                .sources
                .push(format!("answers {status} here: a path that answers 200 tells more"));
        }
        _ => {}
    }
    if status < 500 {
        entry = entry.with("expect.status", Value::Array(vec![i64::from(status).into()]));
    }
    let mut headers = http.iter().flat_map(|http| http.headers.iter());
    let location = headers.find(|(name, _)| name.eq_ignore_ascii_case("location"));
    if let Some(origin) = location.and_then(|(_, to)| origin(to)).filter(|_| status / 100 == 3) {
        entry = entry.with("expect.location", format!("^{}/", regex::escape(&origin)));
    }
    if let Ok(seen) = scout.look(&entry.clone().with("follow_redirects", false)).await {
        entry.finds = labels(&seen.findings);
    }
    entry
}

/// `https://shop.example` of a whole URL with a path.
fn origin(location: &str) -> Option<String> {
    let (scheme, rest) = location.split_once("://")?;
    let (authority, _) = rest.split_once('/')?;
    let is_plain = matches!(scheme, "http" | "https")
        && authority.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte));
    (is_plain && !authority.is_empty()).then(|| format!("{scheme}://{authority}"))
}

/// Whom a 502 is to be blamed on; without it where a plan would not take it.
fn with_upstream(mut entry: Entry, asked: &Asked, scout: &Scout) -> Entry {
    let Some(pass) = &asked.pass else { return entry };
    let mut upstream = Vec::new();
    for address in &pass.to {
        match address {
            Address::Socket(ip, port) => {
                upstream.push(std::net::SocketAddr::new(*ip, *port).to_string());
            }
            Address::Name(name, port) if !name.contains('_') => {
                upstream.push(format!("{name}:{port}"));
            }
            Address::Name(..) | Address::Unix(_) => {}
        }
    }
    if upstream.is_empty() {
        entry.sources.push(format!("passed on to {}", pass.written));
        return entry;
    }
    let named = match &upstream[..] {
        [one] => entry.clone().with("upstream", one.as_str()),
        _ => {
            let upstream: Vec<Value> = upstream.into_iter().map(Value::from).collect();
            entry.clone().with("upstream", upstream)
        }
    };
    if let Err(reason) = scout.plan(&named.toml()) {
        entry.sources.push(format!("passed on to {}, not named here: {reason}", pass.written));
        return entry;
    }
    named
}

fn labels(findings: &[Finding]) -> Vec<String> {
    let mut labels: Vec<String> = Vec::new();
    let loud = findings.iter().filter(|finding| finding.severity > health::Severity::Notice);
    for finding in loud {
        let label = finding.code.label().to_owned();
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    labels
}

#[cfg(test)]
mod tests;
