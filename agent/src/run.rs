//! `run`: everything put together, until SIGTERM or SIGINT.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cli::Outcome;
use crate::listeners::Sockets;
use crate::main_loop::{MainLoop, Parts};
use crate::metrics::Metrics;
use crate::net::Net;
use crate::plan::{self, Plan};
use crate::server::{self, Served};
use crate::store::Store;
use crate::{clock, housekeeping, plan_watch};

/// How long running answers and deliveries may take to end.
const FAREWELL: Duration = Duration::from_secs(5);

/// Runs the plan in this file.
///
/// # Errors
/// When the agent cannot start: the address is taken, signals cannot be received.
pub fn run(config: &Path) -> anyhow::Result<Outcome> {
    let plan = match plan::load(config) {
        Ok(plan) => plan,
        Err(mistakes) => {
            anstream::eprintln!("{}", mistakes.to_string().trim_end());
            return Ok(Outcome::Failed);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        tokio::spawn(stop_on_signals(stop.clone())?);
        agent(plan, stop).await
    })?;
    runtime.shutdown_timeout(FAREWELL);
    Ok(Outcome::Well)
}

/// Cancels the token at the first SIGTERM or SIGINT.
fn stop_on_signals(stop: CancellationToken) -> anyhow::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: ending"),
            _ = interrupt.recv() => tracing::info!("SIGINT: ending"),
        }
        stop.cancel();
    })
}

/// The whole agent, until the token is cancelled.
///
/// # Errors
/// When it cannot start.
pub async fn agent(plan: Plan, stop: CancellationToken) -> anyhow::Result<()> {
    let listener = listen(plan.agent.listen).await?;
    let now = clock::now();
    let (store, restored) = Store::open_or_detached(&plan.agent.store, now);
    let net = Net::new(plan.agent.resolver).map_err(anyhow::Error::msg)?;
    let client = alerts::client(crate::tls::client_settings())?;

    let (snapshot_sender, snapshot) = watch::channel(Arc::new(empty_snapshot(&plan)));
    let metrics = Arc::new(Metrics::new(snapshot.clone()));
    let (addressees, known_addressees) = watch::channel(plan.receivers.clone());
    let (turned_sender, turned) = watch::channel(clock::monotonic());
    let courier = alerts::Courier::new(client, store.outbox(), known_addressees);
    let parts = Parts {
        plan_path: plan.path.clone(),
        net,
        store: store.clone(),
        restored,
        counters: metrics.counters.clone(),
        receivers: courier.standings(),
        addressees,
        snapshot: snapshot_sender,
        turned: turned_sender,
        plan,
    };
    todo!()
}
