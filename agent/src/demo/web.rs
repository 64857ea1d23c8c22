//! The demo's web servers: an application, a proxy whose one upstream is dead, a port 80 that hands
//! out challenges, and a chat channel that prints what it hears.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::visits;

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
    let app = health().merge(visits::behind());
    tokio::spawn(async move { axum::serve(listener, app).await });
}

/// A proxy over TLS; its upstream for `/live` is dead.
pub(super) fn proxy(listener: TcpListener, settings: Arc<ServerConfig>) {
    let bad_gateway = || async { (StatusCode::BAD_GATEWAY, "502 Bad Gateway\n") };
    let app = health().merge(visits::in_front()).route("/live", get(bad_gateway));
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

/// Port 80, as it were: hands out challenges of the webroot, but for `blog.example`, where every request
/// is sent on to https. Nothing is handed out there: the trap that renewals fall into.
pub(super) fn challenges(listener: TcpListener, webroot: PathBuf) {
    let answer = move |headers: HeaderMap, Path(token): Path<String>| {
        let is_blog = headers.get(header::HOST).is_some_and(|host| host == "blog.example");
        // A token is of these alone (RFC 8555 section 8.3), and so leads nowhere else.
        let is_token = token.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it));
        let file = webroot.join(".well-known/acme-challenge").join(&token);
        async move {
            if is_blog {
                let to = format!("https://blog.example/.well-known/acme-challenge/{token}");
                return Redirect::permanent(&to).into_response();
            }
            if !is_token {
                return StatusCode::NOT_FOUND.into_response();
            }
            match tokio::fs::read(file).await {
                Ok(body) => body.into_response(),
                Err(_) => StatusCode::NOT_FOUND.into_response(),
            }
        }
    };
    let app = Router::new().route("/.well-known/acme-challenge/{token}", get(answer));
    tokio::spawn(async move { axum::serve(listener, app).await });
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

/// A pager whose service is out of order: refuses whatever it is told.
pub(super) fn pager(listener: TcpListener) {
    let refuse = || async { (StatusCode::SERVICE_UNAVAILABLE, "the pager has no network\n") };
    let app = Router::new().route("/hook", post(refuse));
    tokio::spawn(async move { axum::serve(listener, app).await });
}
