//! What lists of revoked certificates say of the certificates in use: fetched once in a while in
//! the background, and held between.
//!
//! A list is read for everyone who waits for it and then let go, so that memory does not grow with
//! the lists. Only certificates that lead to a trusted root are asked about: an untrusted one
//! could name any address at all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use health::facts::{CertificateFacts, RevocationFacts, RevocationSource, RevocationStanding};
use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::CertificateDer;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::REMEMBERED;
use super::crl::List;
use super::errands::{Errands, Turn, later, spread};
use super::fetch::Client;
use crate::net::Net;
use crate::tls::{Memo, Roots};

/// A list is asked for again this often, though it may call itself good for days: who revokes wants
/// it known.
const REFRESH: SignedDuration = SignedDuration::from_hours(6);
/// And not more often than this, even where it ends sooner.
const SOONEST: SignedDuration = SignedDuration::from_mins(10);
/// Most bytes of a list; public CAs split theirs into parts of a few MB at most.
const MOST_BYTES: usize = 16 << 20;
/// Most certificates that wait for one list; those beyond wait for the next turn.
const MOST_WAITING: usize = 4_096;
/// Most lists waited for.
const MOST_LISTS: usize = 4_096;
/// Most lists fetched at a time: so many times the largest is what memory may grow by.
const AT_A_TIME: usize = 2;
const ACCEPTED: &str = "application/pkix-crl, */*;q=0.5";

/// What is known of one certificate.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    /// What the list said, or why nothing is known.
    pub(crate) says: Result<Arc<RevocationFacts>, Arc<str>>,
    refresh: Timestamp,
}

impl Standing {
    fn unknown(why: &str, refresh: Timestamp) -> Self {
        Self { says: Err(why.into()), refresh }
    }

    /// What a test has it say.
    #[cfg(test)]
    pub(crate) fn told(says: Result<Arc<RevocationFacts>, Arc<str>>) -> Self {
        Self { says, refresh: Timestamp::MAX }
    }

    /// Still worth something at `now`: that a certificate is good is said until a date, that it is
    /// revoked for good.
    fn holds(&self, now: Timestamp) -> bool {
        self.says.as_ref().is_ok_and(|facts| {
            facts.standing == RevocationStanding::Revoked
                || facts.next_update.is_some_and(|end| now < end)
        })
    }
}

/// All that is known from lists, by fingerprint.
#[derive(Debug)]
pub(super) struct Lists {
    errands: Errands,
    permits: Semaphore,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    standings: Memo<String, Standing>,
    /// Who waits for a list, by its first address.
    waiting: HashMap<String, HashMap<String, Waiting>>,
}

#[derive(Clone, Debug)]
struct Waiting {
    chain: Vec<CertificateDer<'static>>,
    roots: Roots,
}

impl Default for Lists {
    fn default() -> Self {
        let known = Known { standings: Memo::new(REMEMBERED), waiting: HashMap::new() };
        Self {
            errands: Errands::default(),
            permits: Semaphore::new(AT_A_TIME),
            known: Mutex::new(known),
        }
    }
}

impl Lists {
    /// A panic elsewhere leaves it whole: every change of it is one insertion.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was known before a restart, to be asked for again at once.
    pub(super) fn recall(&self, leaf: &CertificateFacts, facts: &RevocationFacts) {
        if facts.source == RevocationSource::Crl {
            let standing = Standing { says: Ok(Arc::new(facts.clone())), refresh: Timestamp::MIN };
            self.known().standings.remember(leaf.fingerprint.clone(), standing);
        }
    }

    fn standing(&self, fingerprint: &String, now: Timestamp) -> Option<Standing> {
        let standing = self.known().standings.recall(fingerprint)?;
        let ended = standing.says.is_ok() && !standing.holds(now);
        Some(if ended {
            Standing::unknown(
                "the list has ended, and no newer one was to be had",
                standing.refresh,
            )
        } else {
            standing
        })
    }

    /// Enters who waits for a list.
    fn wait(&self, list: &str, fingerprint: &str, waiting: Waiting) {
        let mut known = self.known();
        if known.waiting.len() >= MOST_LISTS && !known.waiting.contains_key(list) {
            return;
        }
        let all = known.waiting.entry(list.to_owned()).or_default();
        if all.len() < MOST_WAITING {
            all.insert(fingerprint.to_owned(), waiting);
        }
    }

    fn note(&self, fingerprint: String, mut standing: Standing, now: Timestamp) {
        let mut known = self.known();
        if standing.says.is_err()
            && let Some(before) = known.standings.recall(&fingerprint)
            && before.holds(now)
        {
            standing.says = before.says;
        }
        known.standings.remember(fingerprint, standing);
    }
}

/// What the lists of its CA say of the leaf of a chain that leads to a trusted root. Asked for in the
/// background; waited for, until `until`, only by who has never heard anything of this certificate.
/// `None`: nothing is published, or nothing has come yet.
pub(crate) async fn standing(
    net: &Net,
    leaf: &CertificateFacts,
    chain: &[CertificateDer<'static>],
    roots: &Roots,
    now: Timestamp,
    until: Instant,
) -> Option<Standing> {
    let lists = &net.authority.lists;
    let first = leaf.crls.first()?;
    let known = lists.standing(&leaf.fingerprint, now);
    if known.as_ref().is_some_and(|standing| now < standing.refresh) {
        return known;
    }
    let urls: Vec<String> = leaf.crls.iter().filter(|url| is_http(url)).cloned().collect();
    let Some(list) = urls.first().cloned() else {
        let shown = first.split(':').next().unwrap_or_default();
        let why = format!("its list is published by {shown}, which is not asked here");
        return Some(Standing::unknown(&why, now));
    };
    let waiting = Waiting { chain: chain.to_vec(), roots: roots.clone() };
    lists.wait(&list, &leaf.fingerprint, waiting);
    let mut end = match lists.errands.turn(&list, now) {
        Turn::Rest(why) => return known.or_else(|| Some(Standing::unknown(&why?, now))),
        Turn::Join(end) => end,
        Turn::Go(running) => {
            let end = running.subscribe();
            let client = Client::new(roots, net.resolver());
            let memory = Arc::clone(&net.authority);
            tokio::spawn(async move {
                let _permit = memory.lists.permits.acquire().await;
                fetch(&memory.lists, client, &urls, now).await;
                drop(running);
            });
            end
        }
    };
    if known.is_some() {
        return known;
    }
    // The other end is dropped when all is noted.
    let _ = tokio::time::timeout_at(until, end.changed()).await;
    lists.standing(&leaf.fingerprint, now)
}

fn is_http(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

/// Fetches a list from the first address that has it, and reads it for all who wait.
async fn fetch(lists: &Lists, client: Result<Client, String>, urls: &[String], now: Timestamp) {
    let Some(list) = urls.first() else { return };
    let found = match client {
        Ok(client) => fetch_any(&client, urls).await,
        Err(why) => Err(why),
    };
    let waiting = lists.known().waiting.remove(list).unwrap_or_default();
    match found {
        Ok((found, url)) => {
            lists.errands.answered(list, now);
            let refresh = refresh_at(found.next_update, list, now);
            let judging = tokio::task::spawn_blocking(move || {
                let judged = waiting.into_iter().map(|(fingerprint, one)| {
                    let says = found.judge(&one.chain, &one.roots, &url, now);
                    (fingerprint, says)
                });
                judged.collect::<Vec<_>>()
            });
            for (fingerprint, says) in judging.await.unwrap_or_default() {
                let says = says.map(Arc::new).map_err(Arc::from);
                lists.note(fingerprint, Standing { says, refresh }, now);
            }
        }
        Err(why) => {
            tracing::debug!(list, why, "no list of revoked certificates");
            let refresh = lists.errands.failed(list, &why).unwrap_or(now);
            for (fingerprint, _) in waiting {
                lists.note(fingerprint, Standing::unknown(&why, refresh), now);
            }
        }
    }
}

async fn fetch_any(client: &Client, urls: &[String]) -> Result<(List, String), String> {
    let mut whys = Vec::new();
    for url in urls {
        let fetched = client.get(url, ACCEPTED, MOST_BYTES).await;
        match fetched.and_then(|fetched| List::of(fetched.body)) {
            Ok(list) => return Ok((list, url.clone())),
            Err(why) => whys.push(format!("{url}: {why}")),
        }
    }
    Err(whys.join("; "))
}

fn refresh_at(next_update: Timestamp, list: &str, now: Timestamp) -> Timestamp {
    later(now, spread(REFRESH, list)).min(next_update).max(later(now, SOONEST))
}

#[cfg(test)]
mod tests;
