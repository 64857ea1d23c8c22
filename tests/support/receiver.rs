//! A webhook receiver that keeps what it heard and can be told to fail.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portwarden::clock;
use ring::hmac;
use serde_json::Value;

use super::agent::eventually;

/// What messages are signed with.
const SECRET: &[u8] = b"known to the agent and to its receiver";

/// One message as it arrived.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Headers of the request.
    pub headers: HeaderMap,
    /// The body's bytes, as they were signed.
    pub body: Bytes,
    /// The same as JSON.
    pub message: Value,
    /// What was answered.
    pub answered: StatusCode,
}

impl Heard {
    /// `webhook-id`.
    pub fn id(&self) -> &str {
        self.headers["webhook-id"].to_str().unwrap()
    }

    /// The message is signed with the receiver's secret, as Standard Webhooks asks receivers to
    /// check it, and bears a timestamp of these minutes.
    pub fn is_signed(&self) -> bool {
        let header = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        let (Some(id), Some(at), Some(signatures)) =
            (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"))
        else {
            return false;
        };
        let is_fresh =
            at.parse().is_ok_and(|at: i64| (clock::now().as_second() - at).abs() < 5 * 60);
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
        let signed = [id.as_bytes(), b".", at.as_bytes(), b".", &self.body].concat();
        let mut tags = signatures.split(' ').filter_map(|signature| signature.strip_prefix("v1,"));
        is_fresh
            && tags.any(|tag| {
                STANDARD.decode(tag).is_ok_and(|tag| hmac::verify(&key, &signed, &tag).is_ok())
            })
    }

    /// `incident.opened`, ….
    pub fn kind(&self) -> &str {
        self.message["type"].as_str().unwrap()
    }

    /// The check.
    pub fn check(&self) -> &str {
        self.message["check"].as_str().unwrap()
    }
}

/// The receiver.
#[derive(Clone)]
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Mutex<Hearing>>,
}

#[derive(Default)]
struct Hearing {
    heard: Vec<Heard>,
    fails_with: Option<StatusCode>,
}

impl Receiver {
    /// Starts listening.
    pub async fn start() -> Self {
        Self::start_on("127.0.0.1:0".parse().unwrap()).await
    }

    /// Starts listening on exactly this address.
    pub async fn start_on(address: SocketAddr) -> Self {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(Hearing::default()));
        let app = Router::new().route("/hook", post(hear)).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, state }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The plan's `[[receiver]]` named `ops`, with its secret in a file in this folder.
    pub fn in_plan(&self, folder: &Path) -> String {
        std::fs::write(folder.join("ops.secret"), format!("whsec_{}", STANDARD.encode(SECRET)))
            .unwrap();
        let url = self.url();
        format!(
            "[[receiver]]\nname = \"ops\"\nwebhook = {{ url = \"{url}\", secret_file = \"ops.secret\" }}\n"
        )
    }

    /// From now on every message is answered with this; `None`: taken.
    pub fn fail_with(&self, status: Option<u16>) {
        let status = status.map(|status| StatusCode::from_u16(status).unwrap());
        self.state.lock().unwrap().fails_with = status;
    }

    /// Everything that arrived, also what was refused.
    pub fn heard(&self) -> Vec<Heard> {
        self.state.lock().unwrap().heard.clone()
    }

    /// Everything that was taken.
    pub fn taken(&self) -> Vec<Heard> {
        self.heard().into_iter().filter(|heard| heard.answered.is_success()).collect()
    }

    /// Waits for a taken message of this type about this check.
    pub async fn expect(&self, kind: &str, check: &str) -> Heard {
        let mut found = None;
        eventually(&format!("{kind} about {check} arrives"), async || {
            found = self.taken().into_iter().find(|h| h.kind() == kind && h.check() == check);
            found.is_some()
        })
        .await;
        found.unwrap()
    }
}

async fn hear(
    State(state): State<Arc<Mutex<Hearing>>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut hearing = state.lock().unwrap();
    let answered = hearing.fails_with.unwrap_or(StatusCode::NO_CONTENT);
    let message = serde_json::from_slice(&body).unwrap_or_default();
    hearing.heard.push(Heard { headers, body, message, answered });
    answered
}
