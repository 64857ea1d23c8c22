//! Whether certificates are renewed in time: when each is due, what its renewer says of its last try,
//! and what stands in the way of the next.
//!
//! Deliberately absent: renewing anything, asking the CA (that is another room's), and proving that a
//! challenge would be reachable.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use health::facts::{CertificateFacts, RenewalFacts, RenewalSource};
use health::{Code, Facts, Finding, Severity};
use jiff::{SignedDuration, Timestamp};

use crate::authority::Window;
use crate::net::Net;
use crate::probe::{Sight, Stopwatch};
use crate::tls::{self, Expiring, Memo, Remaining};

mod acme_sh;
mod certbot;
mod certbot_log;
mod course;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod keeper;
mod told;
mod tries;

pub(crate) use certbot::{file_about as certbots_file_about, unquoted};
pub(crate) use course::usual_share;
pub(crate) use tries::Problem;

use self::course::{Course, Known};
use self::keeper::{Keeper, KeptBy, Lead, Logs};
use self::told::{Blocked, Late};

/// Renewers remembered.
const REMEMBERED: usize = 1_024;
/// So long a renewer's files are not looked at again.
const HELD: SignedDuration = SignedDuration::from_secs(5);

/// What a check of certificates expects of their renewal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// When a renewer should act: what is left of the lifetime then. Default: as its renewer is set,
    /// or by its lifetime.
    pub renew_at: Option<Remaining>,
    /// The renewer's own file about the certificate; default: looked for beside it.
    pub renewer: Option<PathBuf>,
}

/// What renewers said when they were looked at last.
#[derive(Debug)]
pub struct Memory {
    keepers: Mutex<Memo<Lead, Held>>,
    logs: Arc<Logs>,
}

#[derive(Clone, Debug)]
struct Held {
    at: Timestamp,
    keeper: Option<Arc<Keeper>>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { keepers: Mutex::new(Memo::new(REMEMBERED)), logs: Arc::default() }
    }
}

/// What a check says of the renewal of the certificates that it looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// What it expects.
    pub(crate) expected: &'a Expected,
    /// When their end is near.
    pub(crate) expiring: &'a Expiring,
    /// The name asked for, where one is served.
    pub(crate) server_name: &'a str,
    /// Where it should be stored.
    pub(crate) file: Option<&'a Path>,
}

impl Wanted<'_> {
    /// Every certificate that was seen and that somebody renews.
    fn seen(&self, facts: &Facts) -> Vec<Seen> {
        let named = || self.expected.renewer.clone().map(Lead::Named);
        let served = facts.tls.as_ref().map(|tls| Seen {
            chain: Arc::clone(&tls.chain),
            subject: facts.address.map_or_else(
                || self.server_name.to_owned(),
                |peer| tls::subject(peer, self.server_name),
            ),
            lead: named().or_else(|| Some(Lead::Certificate(self.file?.to_owned()))),
        });
        let stored = facts.files.iter().map(|file| Seen {
            chain: Arc::clone(&file.chain),
            subject: file.path.clone(),
            lead: named().or_else(|| Some(Lead::Certificate(PathBuf::from(&file.path)))),
        });
        served.into_iter().chain(stored).filter(|seen| seen.leaf().is_some()).collect()
    }
}

/// One certificate in use or in store.
struct Seen {
    chain: Arc<Vec<CertificateFacts>>,
    subject: String,
    lead: Option<Lead>,
}

impl Seen {
    /// The certificate itself, where it is one that somebody renews.
    fn leaf(&self) -> Option<&CertificateFacts> {
        self.chain.first().filter(|leaf| !leaf.is_ca)
    }
}

/// Adds to what a probe saw of certificates how their renewal stands.
pub(crate) async fn attend(
    wanted: &Wanted<'_>,
    net: &Net,
    watch: &Stopwatch,
    sight: &mut Sight,
    now: Timestamp,
) {
    let seen = wanted.seen(&sight.facts);
    let leads: Vec<Option<&Lead>> = seen.iter().map(|seen| seen.lead.as_ref()).collect();
    let keepers = net.renewals.keepers(&leads, watch, now).await;
    if let Some(path) = &wanted.expected.renewer
        && net.renewals.is_silent(&Lead::Named(path.clone()))
    {
        tell(&mut sight.findings, told::unread(path));
    }
    for (seen, keeper) in seen.iter().zip(keepers) {
        let window = seen.leaf().and_then(|leaf| net.authority.window(&leaf.fingerprint, now));
        judge(wanted, seen, keeper.as_deref(), window.as_deref(), sight, now);
    }
}

/// What a renewer's own file and log say of the certificate that it keeps.
#[derive(Debug, Default)]
pub(crate) struct Word {
    /// How its renewal stands, where the certificate may be read.
    pub(crate) facts: Option<RenewalFacts>,
    /// What keeps it from being renewed.
    pub(crate) blocked: Option<Finding>,
    /// What its last try failed of.
    pub(crate) problem: Option<Problem>,
}

/// What the renewer whose file this is says, whatever is served.
pub(crate) async fn word_of(path: &Path, net: &Net, watch: &Stopwatch, now: Timestamp) -> Word {
    let lead = Lead::Named(path.to_owned());
    let keeper = net.renewals.keepers(&[Some(&lead)], watch, now).await.pop().flatten();
    keeper.map_or_else(Word::default, |keeper| {
        let newest = keeper.newest.as_ref();
        let window = newest.and_then(|newest| net.authority.window(&newest.leaf.fingerprint, now));
        word(&keeper, window.as_deref(), now)
    })
}

fn word(keeper: &Keeper, window: Option<&Window>, now: Timestamp) -> Word {
    // Where the certificate may not be read, every failure may be about it.
    let ever = || CertificateFacts {
        not_before: Timestamp::MIN,
        not_after: Timestamp::MAX,
        ..CertificateFacts::default()
    };
    let newest = keeper.newest.as_ref().map(|newest| &newest.leaf);
    let leaf = newest.cloned().unwrap_or_else(ever);
    let blocked = told::blocked(keeper, &leaf, now);
    let problem = match &blocked {
        Some(Blocked::Failed { problem, .. }) => Some(*problem),
        _ => None,
    };
    let facts = newest.map(|leaf| {
        let course = course_of(leaf, None, Some(keeper), window);
        facts(leaf, &course, Some(keeper), blocked.as_ref())
    });
    let blocked = blocked.map(|blocked| told::renewal(keeper, &blocked, &leaf, now));
    Word { facts, blocked, problem }
}

/// The worse of two findings about the same stays.
pub(crate) fn tell(findings: &mut Vec<Finding>, finding: Finding) {
    match findings.iter_mut().find(|known| known.is_same_as(&finding)) {
        Some(known) if known.severity < finding.severity => *known = finding,
        Some(_) => {}
        None => findings.push(finding),
    }
}

/// How the renewal of one certificate stands.
fn judge(
    wanted: &Wanted<'_>,
    seen: &Seen,
    keeper: Option<&Keeper>,
    window: Option<&Window>,
    sight: &mut Sight,
    now: Timestamp,
) {
    let Some(leaf) = seen.leaf() else { return };
    let course = course_of(leaf, wanted.expected.renew_at, keeper, window);
    let blocked = keeper.and_then(|keeper| told::blocked(keeper, leaf, now));
    let why = window.filter(|_| course.source == RenewalSource::Ari);
    sight.facts.renewals.push(RenewalFacts {
        explanation: why.and_then(|window| window.explanation.clone()),
        ..facts(leaf, &course, keeper, blocked.as_ref())
    });
    if wanted.expiring.is_usual() {
        not_before_due(&mut sight.findings, &course, &seen.subject, now);
    }
    // Where the next one lies on disk already, nobody failed to renew.
    let is_renewed = sight
        .findings
        .iter()
        .any(|finding| finding.code == Code::TlsNotReloaded && finding.severity > Severity::Notice);
    if !is_renewed {
        let explanation = why.and_then(|window| window.explanation.as_deref());
        let late = Late { subject: &seen.subject, course: &course, explanation };
        let late = told::overdue(leaf, &late, keeper, blocked.as_ref(), now);
        sight.findings.extend(late);
    }
    if let (Some(keeper), Some(blocked)) = (keeper, &blocked) {
        tell(&mut sight.findings, told::renewal(keeper, blocked, leaf, now));
    }
}

fn course_of(
    leaf: &CertificateFacts,
    planned: Option<Remaining>,
    keeper: Option<&Keeper>,
    window: Option<&Window>,
) -> Course {
    let renewer = keeper.and_then(|keeper| match &keeper.kept_by {
        KeptBy::Certbot(lineage) => lineage.setting(),
        KeptBy::AcmeSh(kept) => kept.setting(leaf.not_before),
    });
    let window = window.map(|window| (window.start, window.end));
    course::course(leaf, &Known { planned, window, renewer })
}

/// Where the plan does not say when an end is near, it is not near before the renewer is late, by
/// what is known of it. A tenth left is critical all the same.
fn not_before_due(findings: &mut Vec<Finding>, course: &Course, subject: &str, now: Timestamp) {
    if course.source == RenewalSource::Lifetime || now > course.overdue {
        return;
    }
    findings.retain(|finding| {
        finding.code != Code::CertExpiring
            || finding.severity != Severity::Warning
            || finding.subject != subject
    });
}

fn facts(
    leaf: &CertificateFacts,
    course: &Course,
    keeper: Option<&Keeper>,
    blocked: Option<&Blocked>,
) -> RenewalFacts {
    let last = keeper.and_then(|keeper| keeper.last.as_ref());
    let failure = match blocked {
        Some(Blocked::Failed { words, .. }) => Some(words.clone()),
        _ => None,
    };
    RenewalFacts {
        fingerprint: leaf.fingerprint.clone(),
        due: course.due,
        overdue: course.overdue,
        source: course.source,
        path: keeper.map(|keeper| keeper.path.display().to_string()),
        tried_at: last.and_then(|last| last.at),
        failure,
        explanation: None,
    }
}

impl Memory {
    /// The renewer of each certificate, where one is known.
    async fn keepers(
        &self,
        leads: &[Option<&Lead>],
        watch: &Stopwatch,
        now: Timestamp,
    ) -> Vec<Option<Arc<Keeper>>> {
        let mut stale = HashSet::new();
        for &lead in leads.iter().flatten() {
            let is_fresh =
                self.held(lead).is_some_and(|held| now.duration_since(held.at).abs() < HELD);
            if !is_fresh {
                stale.insert(lead.clone());
            }
        }
        if !stale.is_empty() {
            self.look(stale, watch, now).await;
        }
        leads.iter().map(|lead| self.held((*lead)?)?.keeper).collect()
    }

    /// Reads what may have changed. A file system that does not answer in time leaves things as
    /// they were.
    async fn look(&self, leads: HashSet<Lead>, watch: &Stopwatch, now: Timestamp) {
        let logs = Arc::clone(&self.logs);
        let looking = tokio::task::spawn_blocking(move || {
            let look = |lead: Lead| {
                let keeper = keeper::find(&lead, &logs, now);
                (lead, keeper)
            };
            leads.into_iter().map(look).collect::<Vec<_>>()
        });
        let Ok(Ok(found)) = tokio::time::timeout_at(watch.deadline(), looking).await else {
            return;
        };
        let mut keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        for (lead, keeper) in found {
            let before = keepers.recall(&lead).and_then(|held| held.keeper);
            let keeper = match (keeper, before) {
                (Some(keeper), Some(before)) => Some(keeper.after(&before)),
                (keeper, _) => keeper,
            };
            keepers.remember(lead, Held { at: now, keeper: keeper.map(Arc::new) });
        }
    }

    /// It was looked for, and there was none.
    fn is_silent(&self, lead: &Lead) -> bool {
        self.held(lead).is_some_and(|held| held.keeper.is_none())
    }

    fn held(&self, lead: &Lead) -> Option<Held> {
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner).recall(lead)
    }
}

#[cfg(test)]
mod tests;
