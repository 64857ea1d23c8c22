//! Every TLS site of an nginx: its certificate as the configuration names it, and as it is served.
//!
//! The configuration is read anew for every probe, so that sites come and go without a line in the plan.
//! Deliberately absent: asking nginx itself (`nginx -T` takes its rights), and the servers of `stream`
//! and `mail`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use futures_util::{StreamExt, stream};
use health::facts::ServedFacts;
use health::{Facts, Finding, Phase};
use jiff::Timestamp;
use tokio::io::AsyncWriteExt;

use super::revocation::{Elsewhere, Terms};
use super::{Sight, Stopwatch, reload};
use crate::authority::Inquiry;
use crate::net::Net;
use crate::nginx::{self, Trouble};
use crate::patience;
use crate::plan::Endpoint;
use crate::probe::certificate::{Found, SETTLING};
use crate::renewal::Expected;
use crate::tls::files::Unreadable;
use crate::tls::{self, Expiring, Offer, Presented, Roots};

mod judge;
mod survey;

use survey::{Asked, Door, Site};

/// Most handshakes of one probe.
const MOST_DOORS: usize = 256;
/// Handshakes under way at once.
const AT_ONCE: usize = 8;

/// `[[tls]]` with `nginx`, after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The first file of the configuration.
    pub configuration: PathBuf,
    /// Dial this for every site, instead of where it listens.
    pub connect: Option<Endpoint>,
    /// Dial from this address.
    pub source: Option<IpAddr>,
    /// When an end is near.
    pub expiring: Expiring,
    /// What is expected of renewals.
    pub renewal: Expected,
    /// What its CA may be asked about a certificate.
    pub revocation: Inquiry,
    /// Trusted roots.
    pub roots: Roots,
    /// The one place that the check names besides.
    pub beside: Option<Box<super::Spec>>,
}

/// A certificate file with its key, as some server names them.
pub(super) type Files = BTreeMap<(PathBuf, Option<PathBuf>), Found>;

/// What the configuration and the files say.
#[derive(Debug, Default)]
struct Stored {
    sites: Vec<Site>,
    files: Files,
    troubles: Vec<Trouble>,
}

/// What was served to one who asked.
#[derive(Debug)]
pub(super) struct Seen {
    /// Where the connection went, if there was one.
    pub(super) peer: Option<SocketAddr>,
    pub(super) outcome: Result<Presented, Box<Finding>>,
    /// What this machine had run out of.
    blind: Option<String>,
}

/// Runs one probe.
pub async fn observe(spec: &Spec, net: &Net, watch: &mut Stopwatch, now: Timestamp) -> Sight {
    let mut sight = match &spec.beside {
        Some(beside) => Box::pin(super::observe(beside, net, watch, now)).await,
        None => Sight::default(),
    };
    let stored = match settled(spec, watch, now).await {
        Ok(stored) => stored,
        Err(why) => {
            let path = spec.configuration.display().to_string();
            sight.findings.push(Unreadable::System(why).finding(&path));
            return sight;
        }
    };
    watch.lap(Phase::Read);
    let Stored { sites, files, troubles } = &stored;
    let mut findings = judge::configuration(&spec.configuration, sites, troubles);
    findings.extend(judge::files(sites, files, &spec.expiring, now));
    let doors = doors(sites, spec.connect.as_ref());
    if doors.len() > MOST_DOORS {
        findings.push(judge::cut(&spec.configuration, doors.len(), MOST_DOORS));
    }
    let (seen, unasked) = visit(spec, net, doors, watch).await;
    if unasked > 0 {
        findings.push(judge::out_of_time(&spec.configuration, unasked, watch.timeout()));
    }
    watch.lap(Phase::Tls);
    let mut heard_of = HashSet::new();
    for (index, asked, seen) in &seen {
        let scene = judge::Scene { sites, files, site: *index, asked, spec, now };
        let (served, mut judged) = scene.judge(seen);
        reload::fit(&mut judged, seen.peer, net, watch).await;
        super::lead_to_the_reload(&mut judged);
        findings.extend(judged);
        sight.facts.served.extend(served);
        if let (Ok(presented), Some(peer)) = (&seen.outcome, seen.peer)
            && heard_of.insert((presented.chain.first(), presented.staple.is_empty()))
        {
            let name = asked.name(peer);
            let (server_name, subject) = (&*name, &*tls::subject(peer, &name));
            let terms = Terms { inquiry: spec.revocation, roots: &spec.roots };
            let elsewhere = Elsewhere { presented, server_name, subject };
            findings.extend(Box::pin(elsewhere.judge(terms, net, watch, now)).await);
        }
    }
    // One certificate in many places, and one address of many sites, are told once.
    for finding in findings {
        if !sight.findings.iter().any(|known| known.is_same_as(&finding)) {
            sight.findings.push(finding);
        }
    }
    let lack = files.values().find_map(Found::lack).map(str::to_owned);
    let blind = lack.or_else(|| seen.into_iter().find_map(|(.., seen)| seen.blind));
    sight.facts.blind = sight.facts.blind.or(blind);
    sight.facts.files.extend(judge::file_facts(sites, files));
    sight
}

/// Asks at every door, a few at once, and counts those that there was no time left for. An address that
/// keeps one waiting keeps nobody waiting twice, and takes no more than half of the time that is left
/// where others stand behind it.
async fn visit(
    spec: &Spec,
    net: &Net,
    doors: Vec<(usize, Asked, Door)>,
    watch: &Stopwatch,
) -> (Vec<(usize, Asked, Seen)>, usize) {
    let all = doors.len().min(MOST_DOORS);
    let whole = watch.left();
    let silent: Mutex<HashMap<String, Box<Finding>>> = Mutex::new(HashMap::new());
    let silent = &silent;
    let looking = doors.into_iter().take(MOST_DOORS).enumerate();
    let looking = looking.map(|(index, (site, asked, door))| {
        let left = watch.left();
        let is_last = index + AT_ONCE >= all;
        let timing = Stopwatch::start(if is_last { left } else { left / 2 });
        async move {
            let at = format!("{:?}", door.endpoint);
            let known = silent.lock().unwrap_or_else(PoisonError::into_inner).get(&at).cloned();
            if let Some(finding) = known {
                return Some((
                    site,
                    asked,
                    Seen { peer: None, outcome: Err(finding), blind: None },
                ));
            }
            if left < whole / 8 {
                return None;
            }
            let share = timing.beside();
            let seen = knock(spec, net, &door, &asked, timing).await;
            if let (Err(finding), true) = (&seen.outcome, share.left().is_zero()) {
                let mut silent = silent.lock().unwrap_or_else(PoisonError::into_inner);
                silent.insert(at, finding.clone());
            }
            Some((site, asked, seen))
        }
    });
    let seen: Vec<_> = stream::iter(looking).buffered(AT_ONCE).collect().await;
    let asked: Vec<(usize, Asked, Seen)> = seen.into_iter().flatten().collect();
    let unasked = all - asked.len();
    (asked, unasked)
}

/// As [`read`]; a pair that is being replaced this very moment is read once more.
async fn settled(spec: &Spec, watch: &Stopwatch, now: Timestamp) -> Result<Stored, String> {
    let stored = read(spec, watch, now).await?;
    let is_midway = stored.files.values().any(|found| found.is_midway(now));
    if is_midway && watch.left() > 2 * SETTLING {
        tokio::time::sleep(SETTLING).await;
        return read(spec, watch, now).await;
    }
    Ok(stored)
}

/// Reads configuration and files; why not, where that cannot be done in time.
async fn read(spec: &Spec, watch: &Stopwatch, now: Timestamp) -> Result<Stored, String> {
    let first = spec.configuration.clone();
    let place = spec.configuration.display().to_string();
    patience::look(&place, watch, move || {
        let configuration = nginx::read(&first);
        let sites = survey::sites(&nginx::Sites::of(&configuration));
        let mut files = Files::new();
        for pair in sites.iter().flat_map(|site| &site.pairs) {
            files
                .entry((pair.path.clone(), pair.key.clone()))
                .or_insert_with(|| Found::look(&pair.path, pair.key.as_deref(), None, now));
        }
        Stored { sites, files, troubles: configuration.troubles }
    })
    .await
}

/// Every place to look at, each once: the site, what is asked for there, and where.
fn doors(sites: &[Site], connect: Option<&Endpoint>) -> Vec<(usize, Asked, Door)> {
    let mut doors = Vec::new();
    let mut known = HashSet::new();
    for (index, site) in sites.iter().enumerate() {
        for (door, asked) in &site.doors {
            let endpoint = connect.cloned().unwrap_or_else(|| door.endpoint.clone());
            if known.insert((format!("{endpoint:?}"), asked)) {
                doors.push((index, asked.clone(), Door { endpoint, ..door.clone() }));
            }
        }
    }
    doors
}

/// One handshake at one door.
async fn knock(spec: &Spec, net: &Net, door: &Door, asked: &Asked, mut watch: Stopwatch) -> Seen {
    let mut facts = Facts::default();
    let outcome = shake_hands(spec, net, door, asked, &mut watch, &mut facts).await;
    Seen { peer: facts.address, outcome, blind: facts.blind }
}

async fn shake_hands(
    spec: &Spec,
    net: &Net,
    door: &Door,
    asked: &Asked,
    watch: &mut Stopwatch,
    facts: &mut Facts,
) -> Result<Presented, Box<Finding>> {
    let mut stream = net.dial(&door.endpoint, spec.source, watch, facts).await?;
    if door.proxy_protocol && spec.connect.is_none() {
        // A load balancer's own health check says the same: nobody is behind this connection.
        let greeting = stream.write_all(b"PROXY UNKNOWN\r\n");
        let _ = tokio::time::timeout_at(watch.deadline(), greeting).await;
    }
    let name = match asked {
        Asked::Name(name) => name.clone(),
        // For an address no name is sent.
        Asked::Nobody => facts.address.map(|peer| peer.ip().to_string()).unwrap_or_default(),
    };
    let offer = Offer::default();
    match tls::attempt(stream, &name, offer, &spec.roots, watch).await {
        Ok((stream, presented)) => {
            let _ = tls::part(stream, &presented, offer, watch.deadline()).await;
            Ok(presented)
        }
        Err(refused) => Err(Box::new(refused.finding)),
    }
}

/// What a place is called in facts.
fn place(site: &Site, asked: &Asked, peer: SocketAddr) -> ServedFacts {
    ServedFacts {
        address: peer,
        server_name: match asked {
            Asked::Name(name) => Some(name.clone()),
            Asked::Nobody => None,
        },
        protocol: String::new(),
        chain: std::sync::Arc::default(),
        file: site.pairs.first().map(|pair| pair.path.display().to_string()),
        named_in: Some(site.place.to_string()),
        failure: None,
    }
}

#[cfg(test)]
mod tests;
