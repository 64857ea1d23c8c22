//! `run`: everything put together, until SIGTERM or SIGINT.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use health::Snapshot;
use health::snapshot::PlanStanding;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::cli::Outcome;
use crate::dead_man::DeadMan;
use crate::listeners::Sockets;
use crate::main_loop::{MainLoop, Parts};
use crate::metrics::Metrics;
use crate::net::Net;
use crate::plan::{self, Plan};
use crate::probe::{Spec, acme};
use crate::server::{self, Access, Served};
use crate::store::{Restored, Store, StoreError};
use crate::supervisor::{self, News};
use crate::{clock, housekeeping, open_files, plan_watch, token};

/// How long running answers and deliveries may take to end.
const FAREWELL: Duration = Duration::from_secs(4);
/// How long the database may take to write down what is left.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// How long reading a file or a socket table may hold up the end; nothing depends on it any more.
const LAST_READS: Duration = Duration::from_millis(500);

/// Sooner than most probes time out.
const PULSE: Duration = Duration::from_millis(500);

/// Runs the plan in this file.
///
/// # Errors
/// When the agent cannot start: the address is taken, another agent has the database.
pub fn run(config: &Path) -> anyhow::Result<Outcome> {
    let plan = match plan::load(config) {
        Ok(plan) => plan,
        Err(mistakes) => {
            anstream::eprintln!("{}", mistakes.to_string().trim_end());
            return Ok(Outcome::Failed);
        }
    };
    open_files::raise_limit();
    block_on(agent_until_signal(plan))?;
    Ok(Outcome::Well)
}

/// Runs to the end on a runtime of its own, and does not wait for probes that hang.
///
/// # Errors
/// Those of the future, or when the system has no threads left.
pub fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(future);
    runtime.shutdown_timeout(LAST_READS);
    outcome
}

/// The whole agent, until SIGTERM or SIGINT.
///
/// # Errors
/// When it cannot start.
pub async fn agent_until_signal(plan: Plan) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let ending = async {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: ending"),
            _ = interrupt.recv() => tracing::info!("SIGINT: ending; once more ends at once"),
        }
        stop.cancel();
        // Whoever asks twice does not want to wait for answers under way.
        let _ = interrupt.recv().await;
    };
    tokio::select! {
        outcome = agent(plan, stop.clone()) => outcome,
        () = ending => bail!("ended at once, as it was asked to twice"),
    }
}

/// The whole agent, until the token is cancelled.
///
/// # Errors
/// When it cannot start.
pub async fn agent(plan: Plan, stop: CancellationToken) -> anyhow::Result<()> {
    let listener = listen(plan.agent.listen).await?;
    let (store, restored) = open(&plan.agent.store, clock::now())?;
    let net = Net::new(plan.agent.resolver).map_err(anyhow::Error::msg)?;
    let client = alerts::client(crate::tls::client_settings().map_err(anyhow::Error::msg)?)?;
    let hangup = signal(SignalKind::hangup())?;
    let plan_path = plan.path.clone();
    let listening = listener.local_addr()?;
    let access = access(&plan.agent, listening);
    let heartbeats = net.heartbeats.clone();
    sweep_challenges(&plan);

    let (snapshot_sender, snapshot) = watch::channel(Arc::new(nothing_yet(&plan, clock::now())));
    let metrics = Arc::new(Metrics::new(snapshot.clone()));
    let (addressees, known_addressees) = watch::channel(plan.receivers.clone());
    let (turned_sender, turned) = watch::channel(clock::monotonic());
    let keep_alive = alerts::KeepAlive::new(
        client.clone(),
        store.clone(),
        known_addressees.clone(),
        Arc::new(clock::now),
    );
    let (heartbeat, planned_heartbeat) = watch::channel(None);
    let (heartbeat_failing, heartbeat_trouble) = watch::channel(None);
    let dead_man = DeadMan {
        client: client.clone(),
        store: store.clone(),
        turned: turned.clone(),
        planned: planned_heartbeat,
        trouble: heartbeat_failing,
    };
    let (courier, dispatches) =
        alerts::Courier::new(client, store.clone(), known_addressees, Arc::new(clock::now));
    let main_loop = MainLoop::new(Parts {
        plan,
        net,
        store: store.clone(),
        restored,
        counters: metrics.counters.clone(),
        dispatches,
        addressees,
        heartbeat,
        heartbeat_trouble,
        snapshot: snapshot_sender,
        turned: turned_sender,
    });
    let inbox = main_loop.inbox();
    let mut keeper = housekeeping::start(store.clone(), snapshot.clone(), inbox.clone()).await?;
    let served = Served {
        snapshot,
        metrics,
        store: store.clone(),
        turned,
        heartbeats,
        inbox: inbox.clone(),
        access,
        stop: stop.clone(),
    };
    let server = tokio::spawn(server::serve(listener, Arc::new(served)));
    // Aborted with the runtime: what it repeats has been told.
    tokio::spawn(keep_alive.run(stop.clone().cancelled_owned()));
    let carrying = tokio::spawn(courier.run(stop.clone().cancelled_owned()));
    let watching = tokio::spawn(plan_watch::watch(plan_path, hangup, inbox, stop.clone()));
    // Ends with the loop, which holds the other end.
    tokio::spawn(dead_man.watch());
    tracing::info!("watching; dashboard, API and /metrics on http://{listening}/");

    supervisor::tell(News::Ready);
    turn(main_loop, stop.clone())?.await??;
    supervisor::tell(News::Ending);
    let farewell = async {
        let _ = keeper.shutdown().await;
        let _ = watching.await;
        let _ = carrying.await;
        let _ = server.await;
    };
    if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
        tracing::warn!(
            "some answers or deliveries did not end in time; deliveries are repeated after the next start"
        );
    }
    if store.path().is_some() {
        let closing = tokio::time::timeout(CLOSE_WITHIN, store.close()).await;
        closing
            .context("the database did not end in time; the last history was not written")?
            .context("the last history was not written")?;
    }
    tracing::info!("ended");
    Ok(())
}

/// Runs the loop, and the probes it starts, on one thread of their own. There they wake each other
/// without a system call, which is a good part of what a small probe costs; and a page being
/// written elsewhere delays none of them.
fn turn(
    main_loop: MainLoop,
    stop: CancellationToken,
) -> anyhow::Result<JoinHandle<Result<(), JoinError>>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Tokio wakes itself by a system call for each new timer that ends before all others do. Beside
    // one that always ends soon, those of probes never do.
    runtime.spawn(async {
        loop {
            tokio::time::sleep(PULSE).await;
        }
    });
    // A task, because waking what a runtime blocks on takes the very system call to be saved.
    let turning = runtime.spawn(main_loop.turn_until(stop));
    Ok(tokio::task::spawn_blocking(move || {
        let turned = runtime.block_on(turning);
        // Probes that are still under way have nobody left to tell.
        runtime.shutdown_background();
        turned
    }))
}

/// Binds the dashboard's address, or says who has it.
async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let error = match TcpListener::bind(address).await {
        Ok(listener) => return Ok(listener),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::AddrInUse => bail!(
            "cannot listen on {address} (agent.listen): the port is taken{}. End that process, or give agent.listen another port.",
            owner_of(address).await.unwrap_or_default()
        ),
        ErrorKind::AddrNotAvailable => bail!(
            "cannot listen on {address} (agent.listen): this machine has no such address. See those it has: `ip -br address`."
        ),
        ErrorKind::PermissionDenied => bail!(
            "cannot listen on {address} (agent.listen): {error}. Ports below 1024 take root or CAP_NET_BIND_SERVICE; give agent.listen a higher one."
        ),
        _ => bail!("cannot listen on {address} (agent.listen): {error}"),
    }
}

/// ` by NAME (pid PID)`, where it can be seen who listens there.
async fn owner_of(address: SocketAddr) -> Option<String> {
    let table = Sockets::default().table(Duration::ZERO).await.ok()?;
    let taken = table.listeners.iter().find(|listener| {
        let (theirs, ours) = (listener.bind.ip().to_canonical(), address.ip().to_canonical());
        listener.bind.port() == address.port()
            && listener.protocol == health::Protocol::Tcp
            && (theirs == ours || theirs.is_unspecified() || ours.is_unspecified())
    })?;
    match &taken.owner {
        health::Owner::Processes(processes) => {
            let process = processes.first()?;
            Some(format!(" by {} (pid {})", process.name, process.pid))
        }
        _ => None,
    }
}

/// Opens the store; when it cannot be used, goes on without one, because probing matters more.
fn open(path: &Path, now: Timestamp) -> anyhow::Result<(Store, Restored)> {
    match Store::open(path, now) {
        Ok(opened) => Ok(opened),
        // Two would send everything twice. The error says what is wrong, its source would say it again.
        Err(error) if is_in_use(&error) => {
            bail!("{error}. End that one, or give agent.store another file.")
        }
        Err(error) => {
            tracing::error!(%error, "going on without a store: nothing survives a restart");
            Ok((Store::detached(&error, now)?, Restored::default()))
        }
    }
}

/// Who may silence and acknowledge. Without a token nobody may, and everything else goes on.
fn access(agent: &plan::Agent, listening: SocketAddr) -> Access {
    let token = token::keep(agent).inspect_err(|error| {
        let path = token::file_of(agent).display().to_string();
        tracing::warn!(%error, path, "nobody can silence or acknowledge: there is no token");
    });
    if token.is_ok() && agent.token.is_none() {
        tracing::info!(path = %token::file_of(agent).display(), "silencing and acknowledging takes the token in this file");
    }
    Access::new(token.as_ref().ok(), &agent.url, listening.port())
}

fn is_in_use(error: &StoreError) -> bool {
    match error {
        StoreError::InUse => true,
        StoreError::Open { source, .. } => is_in_use(source),
        _ => false,
    }
}

/// Removes challenges that an agent left behind when it was killed; nothing waits for it.
fn sweep_challenges(plan: &Plan) {
    let specs: Vec<_> = plan
        .checks
        .iter()
        .filter_map(|check| match &check.spec {
            Spec::Acme(spec) => Some((**spec).clone()),
            _ => None,
        })
        .collect();
    if !specs.is_empty() {
        tokio::task::spawn_blocking(move || acme::sweep(specs.iter(), clock::now()));
    }
}

/// What pages show in the moment before the loop has published anything.
fn nothing_yet(plan: &Plan, now: Timestamp) -> Snapshot {
    Snapshot {
        agent: plan.agent.name.clone(),
        at: now,
        started_at: now,
        plan: PlanStanding { path: plan.path.display().to_string(), loaded_at: now, refused: None },
        checks: Vec::new(),
        hosts: plan.hosts.clone(),
        ephemeral: None,
        swept: Vec::new(),
        listen: Some(plan.agent.listen),
        incidents: Vec::new(),
        receivers: Vec::new(),
        silences: Vec::new(),
        maintenance: Vec::new(),
        troubles: Vec::new(),
    }
}
