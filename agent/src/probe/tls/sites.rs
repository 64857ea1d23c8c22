//! Every TLS site of an nginx: its certificate as the configuration names it, and as it is served.
//!
//! The configuration is read anew for every probe, so that sites come and go without a line in the plan.
//! Deliberately absent: asking nginx itself (`nginx -T` takes its rights), and the servers of `stream`
//! and `mail`.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use futures_util::{StreamExt, stream};
use health::facts::ServedFacts;
use health::{Facts, Finding, Phase};
use jiff::Timestamp;
use tokio::io::AsyncWriteExt;

use super::{Sight, Stopwatch, reload};
use crate::net::Net;
use crate::nginx::{self, Trouble};
use crate::plan::Endpoint;
use crate::probe::certificate::Found;
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
    let stored = match read(spec, watch, now).await {
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
    let looking = doors.into_iter().take(MOST_DOORS).map(|(site, asked, door)| {
        let timing = Stopwatch::start(watch.left());
        async move {
            let seen = knock(spec, net, &door, &asked, timing).await;
            (site, asked, seen)
        }
    });
    let seen: Vec<(usize, Asked, Seen)> = stream::iter(looking).buffered(AT_ONCE).collect().await;
    watch.lap(Phase::Tls);
    for (index, asked, seen) in &seen {
        let scene = judge::Scene { sites, files, site: *index, asked, spec, now };
        let (served, mut judged) = scene.judge(seen);
        reload::fit(&mut judged, seen.peer, net, watch).await;
        super::lead_to_the_reload(&mut judged);
        findings.extend(judged);
        sight.facts.served.extend(served);
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

/// Reads configuration and files; why not, where that cannot be done in time.
async fn read(spec: &Spec, watch: &Stopwatch, now: Timestamp) -> Result<Stored, String> {
    let first = spec.configuration.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let configuration = nginx::read(&first);
        let sites = survey::sites(&nginx::Sites::of(&configuration));
        let mut files = Files::new();
        for pair in sites.iter().flat_map(|site| &site.pairs) {
            files
                .entry((pair.path.clone(), pair.key.clone()))
                .or_insert_with(|| Found::look(&pair.path, pair.key.as_deref(), None, now));
        }
        Stored { sites, files, troubles: configuration.troubles }
    });
    match tokio::time::timeout_at(watch.deadline(), reading).await {
        Ok(Ok(stored)) => Ok(stored),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer from the file system within {:?}", watch.timeout())),
    }
}

/// Every place to look at, each once: the site, what is asked for there, and where.
fn doors(sites: &[Site], connect: Option<&Endpoint>) -> Vec<(usize, Asked, Door)> {
    let mut doors = Vec::new();
    let mut known = std::collections::HashSet::new();
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
