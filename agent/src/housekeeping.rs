//! Jobs that keep house by the clock: roll-ups, retention, delegations renewed before they are
//! forgotten, and one line a day in the log.
//!
//! They run on tokio-cron-scheduler, in UTC. Probes do not: see docs/decisions.

use std::sync::Arc;

use health::{Snapshot, State};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::clock;
use crate::main_loop::Message;
use crate::store::{Retention, Store};

/// Room for activations; the default of 200 loses some under load.
const CHANNEL: usize = 4096;

/// Starts every job; they end with the scheduler that is handed back.
///
/// # Errors
/// When the scheduler cannot be started.
pub async fn start(
    store: Store,
    snapshot: watch::Receiver<Arc<Snapshot>>,
    loop_inbox: UnboundedSender<Message>,
) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new_with_channel_size(CHANNEL).await?;
    let rolled = store.clone();
    scheduler
        .add(Job::new_async("20 * * * * *", move |_, _| {
            let store = rolled.clone();
            Box::pin(async move {
                if let Err(error) = store.roll_up(clock::now()).await {
                    tracing::warn!(%error, "roll-ups were not written");
                }
            })
        })?)
        .await?;
    scheduler
        .add(Job::new_async("0 17 * * * *", move |_, _| {
            let store = store.clone();
            Box::pin(async move {
                if let Err(error) = store.retain(clock::now(), Retention::default()).await {
                    tracing::warn!(%error, "old history was not removed");
                }
            })
        })?)
        .await?;
    scheduler
        .add(Job::new("40 */5 * * * *", move |_, _| {
            // A loop that is gone has nothing left to renew.
            let _ = loop_inbox.send(Message::RenewDelegations);
        })?)
        .await?;
    scheduler
        .add(Job::new("0 0 0 * * *", move |_, _| {
            let snapshot = snapshot.borrow().clone();
            let [up, degraded, down, unknown] = tally(&snapshot).map(|(_, count)| count);
            let open = snapshot.incidents.len();
            tracing::info!(up, degraded, down, unknown, open, "how everything stands today");
        })?)
        .await?;
    scheduler.start().await?;
    Ok(scheduler)
}

/// How many checks are in which state, for the daily line in the log.
fn tally(snapshot: &Snapshot) -> [(State, usize); 4] {
    [State::Up, State::Degraded, State::Down, State::Unknown].map(|state| {
        (state, snapshot.checks.iter().filter(|standing| standing.state == state).count())
    })
}
