//! What the demo has for a visitor who goes further than one page: a login that is forgotten, a
//! proxy that takes things away, live prices behind it, and two jobs that report by themselves.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// How often the job that is well reports.
const REPORTS_EVERY: Duration = Duration::from_secs(10);
/// How soon one that was not heard calls again.
const AGAIN: Duration = Duration::from_millis(250);

/// What the application serves, asked without the proxy.
pub(super) fn behind() -> Router {
    let catalog = || async {
        let secure = [
            (header::CONTENT_TYPE, "application/json"),
            (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        (secure, "{\"items\":4071}\n")
    };
    visitors().route("/catalog", get(catalog)).route("/prices", get(prices))
}

/// What the proxy makes of it: a security header is gone, and so is the upgrade.
pub(super) fn in_front() -> Router {
    let catalog = || async { ([(header::CONTENT_TYPE, "application/json")], "{\"items\":4071}\n") };
    let prices = || async { (StatusCode::BAD_REQUEST, "this page speaks WebSocket\n") };
    visitors().route("/catalog", get(catalog)).route("/prices", get(prices))
}

/// A login whose cookie is for a path that no other page is under.
fn visitors() -> Router {
    let log_in = || async {
        let cookie = "sid=demo-session; Path=/login; Secure; HttpOnly; SameSite=Lax";
        ([(header::SET_COOKIE, cookie)], "{\"welcome\":true}\n")
    };
    let account = |headers: HeaderMap| async move {
        let cookies = headers.get(header::COOKIE).and_then(|value| value.to_str().ok());
        if cookies.is_some_and(|cookies| cookies.contains("sid=")) {
            (StatusCode::OK, "{\"known\":true}\n")
        } else {
            (StatusCode::UNAUTHORIZED, "{\"error\":\"who are you?\"}\n")
        }
    };
    Router::new().route("/login", post(log_in)).route("/account", get(account))
}

/// A WebSocket that answers pings and says nothing by itself.
async fn prices(request: Request) -> Response {
    let Some(key) = request.headers().get(header::SEC_WEBSOCKET_KEY) else {
        return (StatusCode::BAD_REQUEST, "this page speaks WebSocket\n").into_response();
    };
    let accept = derive_accept_key(key.as_bytes());
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
        let socket = TokioIo::new(upgraded);
        let mut socket = WebSocketStream::from_raw_socket(socket, Role::Server, None).await;
        // Reading alone answers pings and a close.
        while let Some(Ok(_)) = futures_util::StreamExt::next(&mut socket).await {}
    });
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::try_from(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

/// Two jobs: one that reports as it should, and one that does so once and never again.
pub(super) fn jobs(agent: SocketAddr) {
    tokio::spawn(async move {
        let mut every = tokio::time::interval(REPORTS_EVERY);
        let mut is_backed_up = false;
        loop {
            // The agent may just be starting, or ending.
            while report(agent, "renewal").await.is_none() {
                tokio::time::sleep(AGAIN).await;
            }
            if !is_backed_up {
                is_backed_up = report(agent, "backup").await.is_some();
            }
            every.tick().await;
        }
    });
}

/// One call, as a line of a crontab makes it; `None` when it was not taken.
async fn report(agent: SocketAddr, job: &str) -> Option<()> {
    let call = format!(
        "POST /api/v1/heartbeat/{job} HTTP/1.1\r\nHost: {agent}\r\nContent-Length: 5\r\n\
         Connection: close\r\n\r\ndone\n"
    );
    let talk = async {
        let mut stream = TcpStream::connect(agent).await.ok()?;
        stream.write_all(call.as_bytes()).await.ok()?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.ok()?;
        (&answer == b"HTTP/1.1 200").then_some(())
    };
    tokio::time::timeout(REPORTS_EVERY, talk).await.ok()?
}

/// The part of the plan that is about all this.
pub(super) fn plan(proxy: SocketAddr, app: SocketAddr) -> String {
    format!(
        r#"
[[journey]]
name = "login"
base = "https://shop.example"
connect = "{proxy}"
upstream = "{app}"

  [[journey.step]]
  name = "log in"
  method = "POST"
  path = "/login"
  expect.cookie = "sid"

  [[journey.step]]
  name = "still known"
  path = "/account"
  expect.json = {{ "/known" = true }}

  [[journey.step]]
  name = "catalog"
  path = "/catalog"

[[http]]
name = "catalog by both ways"
url = "https://shop.example/catalog"
ways = {{ outer = "{proxy}", app = {{ connect = "{app}", plain = true }} }}

[[websocket]]
name = "live prices"
url = "wss://shop.example/prices"
connect = "{proxy}"
upstream = "{app}"

[[websocket]]
name = "live prices, without the proxy"
url = "ws://{app}/prices"

[[heartbeat]]
name = "backup"
period = "20s"
grace = "5s"

[[heartbeat]]
name = "renewal"
period = "20s"
grace = "5s"
"#
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::extract::Path;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn both_jobs_report_once_the_agent_hears_them() {
        let listener = TcpListener::bind("127.77.0.9:0").await.unwrap();
        let agent = listener.local_addr().unwrap();
        let (told, mut heard) = mpsc::unbounded_channel();
        let calls = Arc::new(AtomicUsize::new(0));
        let hear = move |Path(job): Path<String>, body: String| {
            told.send((job, body)).unwrap();
            // The first comes too early.
            let is_early = calls.fetch_add(1, Ordering::Relaxed) == 0;
            async move { if is_early { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK } }
        };
        let app = Router::new().route("/api/v1/heartbeat/{job}", post(hear));
        tokio::spawn(async move { axum::serve(listener, app).await });
        jobs(agent);
        for job in ["renewal", "renewal", "backup"] {
            let call = tokio::time::timeout(Duration::from_secs(10), heard.recv()).await.unwrap();
            assert_eq!(call, Some((job.to_owned(), "done\n".to_owned())));
        }
    }
}
