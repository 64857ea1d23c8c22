//! Signs of life for receivers that forget what is not repeated: Alertmanager ends an alert that nobody
//! has told it of for a while.
//!
//! What is repeated is what the receiver was last told, word for word: what is held back stays so. Also
//! what resolved within the last quarter of an hour is repeated, with its true end, for those of a
//! cluster that missed it. Deliberately absent: anything new (see [`crate::Courier`]).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::receiver::alertmanager::Alertmanager;
use crate::telling::Told;
use crate::{Channel, Clock, Outbox, Receiver};

/// How long the end of an incident is repeated.
const ENDS_FOR: SignedDuration = SignedDuration::from_mins(15);
/// How long at most until the receivers are looked at again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Repeats to every Alertmanager what it was told. One per agent.
pub struct KeepAlive<O> {
    client: reqwest::Client,
    outbox: O,
    receivers: watch::Receiver<Vec<Arc<Receiver>>>,
    clock: Clock,
}

impl<O: Outbox> KeepAlive<O> {
    /// For the receivers of the plan.
    #[must_use]
    pub fn new(
        client: reqwest::Client,
        outbox: O,
        receivers: watch::Receiver<Vec<Arc<Receiver>>>,
        clock: Clock,
    ) -> Self {
        Self { client, outbox, receivers, clock }
    }

    /// Repeats until `stop` is ready.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut tasks: BTreeMap<String, Kept> = BTreeMap::new();
        loop {
            let receivers = self.receivers.borrow_and_update().clone();
            self.arrange(&mut tasks, &receivers);
            tokio::select! {
                () = &mut stop => break,
                changed = self.receivers.changed() => if changed.is_err() { break },
            }
        }
        // Nothing is lost with them: what is repeated has been told.
        tasks.values().for_each(|kept| kept.task.abort());
    }

    fn arrange(&self, tasks: &mut BTreeMap<String, Kept>, receivers: &[Arc<Receiver>]) {
        tasks.retain(|_, kept| {
            let stays = receivers.contains(&kept.receiver);
            if !stays {
                kept.task.abort();
            }
            stays && !kept.task.is_finished()
        });
        for receiver in receivers {
            if matches!(receiver.channel, Channel::Alertmanager(_))
                && !tasks.contains_key(&receiver.name)
            {
                let repeating = repeat(
                    self.client.clone(),
                    self.outbox.clone(),
                    Arc::clone(receiver),
                    Arc::clone(&self.clock),
                );
                let (receiver, task) = (Arc::clone(receiver), tokio::spawn(repeating));
                tasks.insert(receiver.name.clone(), Kept { receiver, task });
            }
        }
    }
}

struct Kept {
    receiver: Arc<Receiver>,
    task: tokio::task::JoinHandle<()>,
}

/// Repeats to one receiver, for as long as it is let.
async fn repeat<O: Outbox>(
    client: reqwest::Client,
    outbox: O,
    receiver: Arc<Receiver>,
    clock: Clock,
) {
    let Channel::Alertmanager(cluster) = &receiver.channel else { return };
    let pause = Duration::try_from(cluster.pause()).unwrap_or(LONGEST_PAUSE);
    let mut turns = tokio::time::interval(pause.max(Duration::from_millis(100)));
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        if let Err(reason) = round(&client, &outbox, &receiver.name, cluster, &clock).await {
            // That deliveries fail is shown by the courier; an alert that ends for this is not lost,
            // because the next round tells it again.
            tracing::warn!(receiver = receiver.name, reason, "alerts were not refreshed");
        }
    }
}

async fn round<O: Outbox>(
    client: &reqwest::Client,
    outbox: &O,
    name: &str,
    cluster: &Alertmanager,
    clock: &Clock,
) -> Result<(), String> {
    // What is told meanwhile waits, so that an alert that has just ended is not called open again.
    let _turn = cluster.turn().await;
    let now = clock();
    let resolved_after = now.checked_sub(ENDS_FOR).unwrap_or(Timestamp::MIN);
    let told = outbox.last_told(name, resolved_after).await.map_err(|error| error.to_string())?;
    let mut alerts = Vec::new();
    for last in told {
        match serde_json::from_str::<Told>(&last.body) {
            Ok(told) => alerts.extend(cluster.alerts(&told, last.event, now)),
            Err(error) => tracing::warn!(%error, "a message is not understood"),
        }
    }
    if alerts.is_empty() {
        return Ok(());
    }
    let outcome = cluster.post(client, &alerts, now).await;
    if outcome.is_delivered() { Ok(()) } else { Err(outcome.to_string()) }
}
