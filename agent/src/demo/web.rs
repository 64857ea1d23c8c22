//! The demo's web servers: an application, a proxy whose one upstream is dead, and a chat
//! channel that prints what it hears.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::routing::{get, post};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

fn health() -> Router {
    let healthy = || async {
        (
            [
                (header::CONTENT_TYPE, "application/json"),
                (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
            ],
            "{\"status\":\"ok\"}\n",
        )
    };
    Router::new().route("/api/health", get(healthy))
}

/// An application that is well.
pub(super) fn app(listener: TcpListener) {
    tokio::spawn(async move { axum::serve(listener, health()).await });
}

/// A proxy over TLS; its upstream for `/live` is dead.
pub(super) fn proxy(listener: TcpListener, settings: Arc<ServerConfig>) {
    let bad_gateway = || async { (StatusCode::BAD_GATEWAY, "502 Bad Gateway\n") };
    let app = health().route("/live", get(bad_gateway));
    let acceptor = TlsAcceptor::from(settings);
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let _ = stream.set_nodelay(true);
            let (acceptor, app) = (acceptor.clone(), app.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = TowerToHyperService::new(app);
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                // A visitor who hangs up is no concern of the demo's.
                let _ = connection.await;
            });
        }
    });
}

/// A chat channel: prints what it is told.
pub(super) fn chat(listener: TcpListener) {
    let hear = |body: Bytes| async move {
        if let Ok(message) = serde_json::from_slice::<serde_json::Value>(&body) {
            let words = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
            anstream::eprintln!("chat ◂ {}  {}", words("type"), words("check"));
            for finding in message["findings"].as_array().into_iter().flatten() {
                let summary = finding["summary"].as_str().unwrap_or_default();
                let remedy = finding["remedy"].as_str().unwrap_or_default();
                anstream::eprintln!("       {summary}\n       → {remedy}");
            }
        }
        StatusCode::NO_CONTENT
    };
    let app = Router::new().route("/hook", post(hear));
    tokio::spawn(async move { axum::serve(listener, app).await });
}
