//! Would a renewal over HTTP-01 work right now? A random token is put into the webroot and fetched the
//! way a CA does: every domain, every address, port 80, redirects to http and https on their usual
//! ports, whatever the certificates on the way are worth.
//!
//! Deliberately absent: talking to a CA, which counts what it is asked, and DNS-01, which the dns checks
//! look at. And certainty where there is none: from behind a router its outer address may fail though
//! the whole world reaches it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use health::facts::AcmeFacts;
use health::{Code, Finding, Phase, text};
use jiff::Timestamp;

use super::{Sight, Stopwatch};
use crate::net::{Net, is_lack};
use crate::plan::Endpoint;
use crate::renewal;
use crate::tls::Roots;

mod aim;
mod body;
mod certbot;
mod detour;
mod judge;
mod last_try;
mod reached;
mod remedy;
#[cfg(test)]
mod tests;
mod token;
mod trial;
mod wording;

use aim::Aim;
use certbot::Renewal;
pub use reached::Reached;
use token::{Challenge, Token, Unput};
use trial::Ground;

/// `[[acme]]` after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The names to be validated, lower case; empty: those of the certificate that certbot renews.
    pub domains: Vec<Arc<str>>,
    /// Where challenges go; `None`: where certbot puts them.
    pub webroot: Option<PathBuf>,
    /// Dial elsewhere than names and ports say.
    pub connect: Vec<Connect>,
    /// Dial from this address.
    pub source: Option<IpAddr>,
    /// certbot's renewal file.
    pub renewal: Option<PathBuf>,
    /// For handshakes on the way; nothing is verified.
    pub roots: Roots,
}

/// One `connect`, like `curl --connect-to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// For requests to this host, lower case; `None`: to any of the domains.
    pub host: Option<Arc<str>>,
    /// And this port.
    pub port: u16,
    /// Dial this.
    pub to: Endpoint,
}

impl Spec {
    /// Where `connect` leads for a host and port; `None`: it says nothing of them.
    fn endpoint(&self, host: &str, port: u16) -> Option<&Endpoint> {
        let is_own = || self.domains.iter().any(|domain| domain.eq_ignore_ascii_case(host));
        let fits = |connect: &&Connect| match &connect.host {
            Some(named) => named.eq_ignore_ascii_case(host),
            None => is_own(),
        };
        let at_port = || self.connect.iter().filter(|connect| connect.port == port);
        let exact = at_port().find(|connect| connect.host.is_some() && fits(connect));
        exact.or_else(|| at_port().find(fits)).map(|connect| &connect.to)
    }
}

/// What is put down for one probe.
struct Prepared {
    challenge: Challenge,
    aims: Vec<Aim>,
    /// Removed from their webroots when this is dropped.
    tokens: HashMap<PathBuf, Token>,
    unput: Vec<(PathBuf, Unput)>,
    findings: Vec<Finding>,
}

/// Runs one probe.
pub async fn observe(spec: &Spec, net: &Net, watch: &mut Stopwatch, now: Timestamp) -> Sight {
    let mut sight = Box::pin(tried(spec, net, watch, now)).await;
    if let Some(renewal) = &spec.renewal {
        let word = renewal::word_of(renewal, net, watch, now).await;
        last_try::add(word, spec, &mut sight);
    }
    sight
}

/// Puts the challenge down and fetches it.
async fn tried(spec: &Spec, net: &Net, watch: &mut Stopwatch, now: Timestamp) -> Sight {
    let settings = spec.clone();
    let preparing = tokio::task::spawn_blocking(move || prepare(&settings, now));
    let outcome = tokio::time::timeout_at(watch.deadline(), preparing).await;
    watch.lap(Phase::Read);
    let Prepared { challenge, aims, tokens, unput, findings } = match outcome {
        Ok(Ok(Ok(prepared))) => prepared,
        Ok(Ok(Err(error))) => return unprepared(spec, &error.to_string()),
        Ok(Err(error)) => return unprepared(spec, &error.to_string()),
        Err(_) => {
            let waited = format!("no answer from the file system within {:?}", watch.timeout());
            return unprepared(spec, &waited);
        }
    };
    // As certbot has them, where the plan names none.
    let domains = aims.iter().map(|aim| aim.domain.clone()).collect();
    let spec = &Spec { domains, ..spec.clone() };
    let mut sight = Sight { findings, ..Sight::default() };
    sight.findings.extend(unput.iter().map(|(webroot, unput)| judge::unput(webroot, unput)));
    let lack = unput.iter().find(|(_, unput)| is_lack(&unput.error));
    sight.facts.blind = lack.map(|(_, unput)| unput.error.to_string());
    let ready: Vec<Aim> =
        aims.into_iter().filter(|aim| tokens.contains_key(&aim.webroot)).collect();
    let file = ready.first().and_then(|aim| tokens.get(&aim.webroot));
    let file = file.map(|token| token.path.display().to_string()).unwrap_or_default();
    let ground = Ground { spec, challenge: &challenge, net, watch };
    let trials = Box::pin(trial::all(&ground, ready)).await;
    watch.lap(Phase::Request);
    // Removed where nothing else waits for it: a webroot may lie on a slow network.
    let removing = tokio::task::spawn_blocking(move || drop(tokens));
    let _ = tokio::time::timeout_at(watch.deadline(), removing).await;
    sight.findings.extend(judge::judge(spec, &trials, &challenge, &net.acme));
    if sight.facts.blind.is_none() {
        sight.facts.blind = trials.iter().find_map(trial::Trial::lack).map(str::to_owned);
    }
    sight.facts.address = trials.iter().rev().find_map(|trial| trial.address);
    let trials = trials.iter().map(trial::Trial::facts).collect();
    sight.facts.acme = Some(Box::new(AcmeFacts { file, trials }));
    sight
}

/// Reads what certbot will do, removes what was left behind, and puts the challenge down; blocks.
fn prepare(spec: &Spec, now: Timestamp) -> std::io::Result<Prepared> {
    let challenge = Challenge::random()?;
    let renewal = spec.renewal.as_deref().map(|path| Renewal::read(path, now));
    let (aims, findings) = aim::aims(spec, renewal.as_ref());
    let (mut tokens, mut unput) = (HashMap::new(), Vec::new());
    for aim in &aims {
        let webroot = &aim.webroot;
        if tokens.contains_key(webroot) || unput.iter().any(|(known, _)| known == webroot) {
            continue;
        }
        token::sweep(webroot);
        match challenge.put(webroot) {
            Ok(token) => {
                tokens.insert(webroot.clone(), token);
            }
            Err(why) => unput.push((webroot.clone(), why)),
        }
    }
    Ok(Prepared { challenge, aims, tokens, unput, findings })
}

/// Removes challenges that were left behind by an agent that was killed, from the webroots of these
/// checks; blocks.
pub(crate) fn sweep<'s>(specs: impl Iterator<Item = &'s Spec>, now: Timestamp) {
    let mut webroots: Vec<PathBuf> = specs
        .flat_map(|spec| {
            let renewal = spec.renewal.as_deref().map(|path| Renewal::read(path, now));
            aim::aims(spec, renewal.as_ref()).0
        })
        .map(|aim| aim.webroot)
        .collect();
    webroots.sort_unstable();
    webroots.dedup();
    webroots.iter().for_each(|webroot| token::sweep(webroot));
}

fn unprepared(spec: &Spec, error: &str) -> Sight {
    let place = spec.webroot.as_deref().or(spec.renewal.as_deref()).unwrap_or(Path::new(""));
    let place = place.display();
    let finding = Finding::new(
        Code::AcmeHttp01,
        place.to_string(),
        text!(
            "no challenge could be put down: {error} ({place})",
            "챌린지를 둘 수 없었습니다: {error} ({place})"
        ),
        text!(
            "Look at the file system, which may hang: `timeout 5 ls -l {place}; findmnt -T {place}`.",
            "파일 시스템이 멈춰 있을 수 있습니다. 확인하세요: `timeout 5 ls -l {place}; findmnt -T {place}`."
        ),
    )
    .evidence("error", error);
    Sight { findings: vec![finding], ..Sight::default() }
}
