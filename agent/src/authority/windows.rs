//! ACME Renewal Information (RFC 9773): when a CA wants a certificate renewed. Fetched in the
//! background as often as the CA says, and held between.

use std::sync::{Arc, Mutex, PoisonError};

use health::facts::CertificateFacts;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::REMEMBERED;
use super::directory::Directory;
use super::errands::{Errands, Turn, later};
use super::fetch::Client;
use crate::net::{Net, printable};
use crate::tls::{Memo, Roots};

/// Most bytes of a directory or a window.
const MOST_BYTES: usize = 64 << 10;
/// Longest address kept, in characters.
const LONGEST_URL: usize = 512;
/// How long a directory is believed.
const DIRECTORY: SignedDuration = SignedDuration::from_hours(24);
/// When a CA does not say when to ask again, and the bounds of what it may say (RFC 9773 section 4.3).
const PAUSE: SignedDuration = SignedDuration::from_hours(6);
const SHORTEST_PAUSE: SignedDuration = SignedDuration::from_mins(1);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(24);
/// Most CAs asked at a time.
const AT_A_TIME: usize = 4;
/// A window that could not be had anew for so long is not believed any more.
const BELIEVED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// When a CA wants a certificate renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// From when on.
    pub(crate) start: Timestamp,
    /// Until when.
    pub(crate) end: Timestamp,
    /// A page of the CA's on why.
    pub(crate) explanation: Option<String>,
    learnt: Timestamp,
}

/// All windows known, by fingerprint.
#[derive(Debug)]
pub(super) struct Windows {
    errands: Errands,
    permits: Semaphore,
    held: Mutex<Memo<String, Held>>,
    /// Where renewal information is had, by directory.
    places: Mutex<Memo<String, (Arc<str>, Timestamp)>>,
}

#[derive(Clone, Debug)]
struct Held {
    window: Option<Arc<Window>>,
    refresh: Timestamp,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            errands: Errands::default(),
            permits: Semaphore::new(AT_A_TIME),
            held: Mutex::new(Memo::new(REMEMBERED)),
            places: Mutex::new(Memo::new(REMEMBERED)),
        }
    }
}

impl Windows {
    fn held(&self, fingerprint: &str) -> Option<Held> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.recall(&fingerprint.to_owned())
    }

    /// The window of a certificate, if its CA has told one lately.
    pub(super) fn window(&self, fingerprint: &str, now: Timestamp) -> Option<Arc<Window>> {
        let window = self.held(fingerprint)?.window?;
        (now.duration_since(window.learnt) < BELIEVED).then_some(window)
    }

    fn note(&self, fingerprint: &str, told: Option<Window>, refresh: Timestamp) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let fingerprint = fingerprint.to_owned();
        let before = || held.recall(&fingerprint).and_then(|before| before.window);
        let window = told.map(Arc::new).or_else(before);
        held.remember(fingerprint, Held { window, refresh });
    }

    fn place(&self, directory: &str, now: Timestamp) -> Option<Arc<str>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let (place, until) = places.recall(&directory.to_owned())?;
        (now < until).then_some(place)
    }
}

/// Has the CA asked for the window of a certificate, when it is time to. In the background; waited
/// for, until `until`, only the first time.
pub(crate) async fn ask(
    net: &Net,
    directory: &Directory,
    certificate: &CertificateFacts,
    roots: &Roots,
    now: Timestamp,
    until: Instant,
) {
    let Some(id) = &certificate.renewal_id else { return };
    let windows = &net.authority.windows;
    let held = windows.held(&certificate.fingerprint);
    if held.as_ref().is_some_and(|held| now < held.refresh) || certificate.not_after < now {
        return;
    }
    let mut end = match windows.errands.turn(&certificate.fingerprint, now) {
        Turn::Rest(_) => return,
        // Of several checks that see a certificate first, one asks, and none judges without the answer.
        Turn::Join(end) => end,
        Turn::Go(running) => {
            let end = running.subscribe();
            let client = Client::new(roots, net.resolver());
            let memory = Arc::clone(&net.authority);
            let (directory, id) = (directory.clone(), id.clone());
            let fingerprint = certificate.fingerprint.clone();
            tokio::spawn(async move {
                let _permit = memory.windows.permits.acquire().await;
                fetch(&memory.windows, client, &directory, &id, &fingerprint, now).await;
                drop(running);
            });
            end
        }
    };
    if held.is_none() {
        // The other end is dropped when all is noted.
        let _ = tokio::time::timeout_at(until, end.changed()).await;
    }
}

/// Asks, and notes what came of it.
async fn fetch(
    windows: &Windows,
    client: Result<Client, String>,
    directory: &Directory,
    id: &str,
    fingerprint: &str,
    now: Timestamp,
) {
    match learn(windows, client, directory, id, now).await {
        Ok((window, pause)) => {
            windows.errands.answered(fingerprint, now);
            windows.note(fingerprint, Some(window), later(now, pause));
        }
        Err(why) => {
            tracing::debug!(fingerprint, why, "no renewal information");
            let refresh = windows.errands.failed(fingerprint, &why).unwrap_or(now);
            windows.note(fingerprint, None, refresh);
        }
    }
}

async fn learn(
    windows: &Windows,
    client: Result<Client, String>,
    directory: &Directory,
    id: &str,
    now: Timestamp,
) -> Result<(Window, SignedDuration), String> {
    let client = client?;
    let url = directory.url().await?;
    let place = match windows.place(&url, now) {
        Some(place) => place,
        None => {
            let place = find_place(&client, &url).await?;
            let mut places = windows.places.lock().unwrap_or_else(PoisonError::into_inner);
            places.remember(url, (Arc::clone(&place), later(now, DIRECTORY)));
            place
        }
    };
    let url = format!("{}/{id}", place.trim_end_matches('/'));
    let told = client.get(&url, "application/json", MOST_BYTES).await;
    let told = told.map_err(|error| format!("{url}: {error}"))?;
    let window = read(&told.body, now).ok_or_else(|| format!("{url}: no window of time"))?;
    Ok((window, pause(&told.headers, now)))
}

#[derive(Deserialize)]
struct Places {
    #[serde(rename = "renewalInfo")]
    renewal_info: Option<String>,
}

async fn find_place(client: &Client, directory: &str) -> Result<Arc<str>, String> {
    let told = client.get(directory, "application/json", MOST_BYTES).await;
    let told = told.map_err(|error| format!("{directory}: {error}"))?;
    let places: Places = serde_json::from_slice(&told.body)
        .map_err(|error| format!("{directory}: no ACME directory: {error}"))?;
    match places.renewal_info {
        Some(url) if url.starts_with("https://") => Ok(url.into()),
        _ => Err(format!("{directory}: this CA offers no renewal information")),
    }
}

#[derive(Deserialize)]
struct Told {
    #[serde(rename = "suggestedWindow")]
    suggested_window: Ends,
    #[serde(rename = "explanationURL")]
    explanation_url: Option<String>,
}

#[derive(Deserialize)]
struct Ends {
    start: Timestamp,
    end: Timestamp,
}

/// A window as RFC 9773 section 4.2 has it; one that ends before it starts is none.
fn read(body: &[u8], now: Timestamp) -> Option<Window> {
    let told: Told = serde_json::from_slice(body).ok()?;
    let Ends { start, end } = told.suggested_window;
    let explanation = told
        .explanation_url
        .filter(|url| url.starts_with("https://") || url.starts_with("http://"))
        .map(|url| printable(url.as_bytes(), LONGEST_URL));
    (start < end).then_some(Window { start, end, explanation, learnt: now })
}

/// When to ask again: seconds or a date (RFC 9110 section 10.2.3).
fn pause(headers: &HeaderMap, now: Timestamp) -> SignedDuration {
    let said = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let pause = said.and_then(|said| match said.trim().parse::<u32>() {
        Ok(seconds) => Some(SignedDuration::from_secs(seconds.into())),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(said).ok()?.timestamp();
            Some(date.duration_since(now))
        }
    });
    pause.unwrap_or(PAUSE).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}

#[cfg(test)]
mod tests;
