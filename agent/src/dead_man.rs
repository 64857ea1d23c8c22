//! The dead man's switch: a URL that is fetched while the agent is well, so that whoever waits for it
//! knows when it is not. It goes out only after the loop has turned and the store was written.
//!
//! Deliberately absent: what is done when the sign stays away; that is for whoever waits for it.

use std::time::Duration;

use health::snapshot::Trouble;
use health::text;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock;
use crate::plan::OutgoingHeartbeat;
use crate::server::TURN_SECONDS;
use crate::store::Store;

/// The bound on one sign; none is waited for longer than until the next.
const SIGN_TIMEOUT: Duration = Duration::from_secs(10);

/// Gives the sign.
#[derive(Debug)]
pub struct DeadMan {
    /// Sends it.
    pub client: reqwest::Client,
    /// Has to be written.
    pub store: Store,
    /// When the loop turned last.
    pub turned: watch::Receiver<std::time::Instant>,
    /// Where the sign goes, and how often; `None`: nowhere.
    pub planned: watch::Receiver<Option<OutgoingHeartbeat>>,
    /// Where it says that nobody takes the sign.
    pub trouble: watch::Sender<Option<Trouble>>,
}

impl DeadMan {
    /// Gives the sign until the plan's end of the channel is gone, or this is dropped.
    pub async fn watch(mut self) {
        let mut last: Option<Instant> = None;
        loop {
            let planned = self.planned.borrow_and_update().clone();
            let Some(sign) = planned else {
                self.say(None);
                last = None;
                if self.planned.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let due = last.map_or_else(now, |last| last + sign.every);
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                changed = self.planned.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    continue;
                }
            }
            last = Some(now());
            if self.is_well().await {
                let given = self.give(&sign).await;
                self.say(given.err());
            }
        }
    }

    /// The loop turns, and the store takes writes.
    async fn is_well(&self) -> bool {
        let since_turn = clock::monotonic().saturating_duration_since(*self.turned.borrow());
        let is_well =
            since_turn.as_secs() < TURN_SECONDS && self.store.writable(clock::now()).await;
        if !is_well {
            tracing::warn!("not well: the sign to [alerts] heartbeat_url is withheld");
        }
        is_well
    }

    /// Fetches the URL once.
    async fn give(&self, sign: &OutgoingHeartbeat) -> Result<(), String> {
        let timeout = SIGN_TIMEOUT.min(sign.every.max(Duration::from_secs(1)));
        let sent = self.client.get(sign.url.expose()).timeout(timeout).send().await;
        match sent {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(answer.status().as_u16().to_string()),
            Err(error) if error.is_timeout() => Err("no answer in time".to_owned()),
            Err(error) if error.is_connect() => Err("no connection".to_owned()),
            // What the URL holds may be a secret.
            Err(error) => Err(error.without_url().to_string()),
        }
    }

    fn say(&self, failure: Option<String>) {
        self.trouble.send_if_modified(|known| {
            let said = failure.map(|answer| {
                let since = known.as_ref().map_or_else(clock::now, |known| known.since);
                trouble(&answer, since)
            });
            let is_new = *known != said;
            if known.is_some() != said.is_some() {
                tracing::warn!(failing = said.is_some(), "the sign to [alerts] heartbeat_url");
            }
            *known = said;
            is_new
        });
    }
}

fn now() -> Instant {
    Instant::from_std(clock::monotonic())
}

fn trouble(answer: &str, since: Timestamp) -> Trouble {
    let message = text!(
        "The sign of life to `[alerts] heartbeat_url` is not taken: {answer}. Whoever waits for it will think that this agent is dead. See that URL with `curl`.",
        "`[alerts] heartbeat_url`로 보내는 생존 신호가 받아들여지지 않습니다: {answer}. 신호를 기다리는 쪽은 이 에이전트가 죽었다고 판단합니다. `curl`로 그 URL을 확인하세요."
    );
    Trouble { since, message }
}
