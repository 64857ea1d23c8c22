//! Connections to the one HTTP server: how many, and how long one may say nothing.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Served;
use super::heartbeat::Peer;

/// Connections at once, live events among them; more wait in the kernel's queue.
const MOST: usize = 512;
/// A request's head has to be there within this, also the next one on a connection that is kept.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// A pause after the machine refused a connection, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves until the token is cancelled, then lets running answers end.
pub async fn serve(listener: TcpListener, served: Arc<Served>) {
    let stop = served.stop.clone();
    let service = TowerToHyperService::new(super::router(served));
    let seats = Arc::new(Semaphore::new(MOST));
    let mut visits = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = visits.join_next() => {}
            Some((stream, seat)) = accept(&listener, &seats) => {
                let (service, stop) = (service.clone(), stop.clone());
                visits.spawn(async move {
                    visit(stream, service, stop).await;
                    drop(seat);
                });
            }
            else => break,
        }
    }
    drop(listener);
    while visits.join_next().await.is_some() {}
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    seats: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let seat = seats.clone().acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Some((stream, seat)),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn visit(
    stream: TcpStream,
    service: TowerToHyperService<axum::Router>,
    stop: CancellationToken,
) {
    // Live events are small and must not wait for each other.
    let _ = stream.set_nodelay(true);
    let peer = stream.peer_addr().ok().map(Peer);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        service.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // A visitor who hangs up is no concern of ours.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
