//! Stand-ins for chat services that are somebody's cloud: each takes what the service documents and
//! nothing else, answers as it does, and keeps what it took.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::agent::eventually;

/// What hides in every URL and token: no page, log or output may show it.
pub const SECRET: &str = "s3cret-of-the-service";

/// All of them behind one address, told apart by path.
#[derive(Clone)]
pub struct Services {
    /// Where they listen.
    pub address: SocketAddr,
    state: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    taken: Vec<(String, Value)>,
    /// Services whose next requests are answered so.
    failing: Vec<(String, u16, String)>,
    asked: Vec<String>,
}

impl Services {
    /// Starts all of them.
    pub async fn start(ip: &str) -> Self {
        let listener = tokio::net::TcpListener::bind(format!("{ip}:0")).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(Kept::default()));
        let app = Router::new().fallback(take).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, state }
    }

    /// The plan's `[[receiver]]` of a service, named like it, with its secret in a file of this folder.
    pub fn in_plan(&self, folder: &std::path::Path, service: &str, keys: &str) -> String {
        let base = format!("http://{}", self.address);
        let (key, held, more) = match service {
            "telegram" => {
                ("token_file", SECRET.to_owned(), format!(", chat = \"-100200\", url = \"{base}\""))
            }
            "matrix" => (
                "token_file",
                SECRET.to_owned(),
                format!(", room = \"!room:example.org\", url = \"{base}\""),
            ),
            _ => ("url_file", format!("{base}/{service}/{SECRET}?key={SECRET}"), String::new()),
        };
        std::fs::write(folder.join(format!("{service}.secret")), held).unwrap();
        format!(
            "[[receiver]]\nname = \"{service}\"\n{service} = {{ {key} = \"{service}.secret\"{more} }}\n{keys}\n"
        )
    }

    /// The next message to this service is answered so.
    pub fn fail_once(&self, service: &str, status: u16, body: &str) {
        self.state.lock().unwrap().failing.push((service.to_owned(), status, body.to_owned()));
    }

    /// Everything this service took.
    pub fn taken(&self, service: &str) -> Vec<Value> {
        let kept = self.state.lock().unwrap();
        let of = |(known, message): &(String, Value)| (known == service).then(|| message.clone());
        kept.taken.iter().filter_map(of).collect()
    }

    /// Paths of every request, taken or not.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    /// Waits until this service took a message whose text holds these words.
    pub async fn expect(&self, service: &str, words: &str) -> Value {
        let mut found = None;
        eventually(&format!("{service} hears {words:?}"), async || {
            let holds = |message: &Value| message.to_string().contains(words);
            found = self.taken(service).into_iter().find(holds);
            found.is_some()
        })
        .await;
        found.unwrap()
    }
}

async fn take(
    State(state): State<Arc<Mutex<Kept>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut kept = state.lock().unwrap();
    kept.asked.push(uri.path().to_owned());
    let Some(service) = service(&uri) else { return StatusCode::NOT_FOUND.into_response() };
    if let Some(nth) = kept.failing.iter().position(|(known, ..)| known == service) {
        let (_, status, body) = kept.failing.remove(nth);
        return (StatusCode::from_u16(status).unwrap(), body).into_response();
    }
    let json = headers.get(header::CONTENT_TYPE).is_some_and(|value| value == "application/json");
    let Ok(message) = serde_json::from_slice::<Value>(&body) else {
        return (StatusCode::BAD_REQUEST, "no JSON").into_response();
    };
    let expected = if service == "matrix" { Method::PUT } else { Method::POST };
    if method != expected || !json {
        return (StatusCode::BAD_REQUEST, "not as documented").into_response();
    }
    if service == "matrix" && headers[header::AUTHORIZATION] != format!("Bearer {SECRET}") {
        return (StatusCode::UNAUTHORIZED, r#"{"errcode":"M_UNKNOWN_TOKEN"}"#).into_response();
    }
    if let Err(wrong) = documented(service, &message) {
        return refused(service, &wrong);
    }
    kept.taken.push((service.to_owned(), message));
    match service {
        "slack" => "ok".into_response(),
        "discord" => StatusCode::NO_CONTENT.into_response(),
        "teams" => StatusCode::ACCEPTED.into_response(),
        "telegram" => json!({ "ok": true, "result": {} }).to_string().into_response(),
        "kakaowork" => json!({ "success": true, "error": null }).to_string().into_response(),
        "matrix" => json!({ "event_id": "$x" }).to_string().into_response(),
        "google_chat" => json!({ "name": "spaces/A/messages/B" }).to_string().into_response(),
        _ => "ok".into_response(),
    }
}

/// As each of them refuses.
fn refused(service: &str, wrong: &str) -> Response {
    match service {
        "kakaowork" => {
            let error = json!({ "code": "invalid_parameter", "message": wrong });
            json!({ "success": false, "error": error }).to_string().into_response()
        }
        "telegram" => {
            let said = json!({ "ok": false, "error_code": 400, "description": wrong });
            (StatusCode::BAD_REQUEST, said.to_string()).into_response()
        }
        _ => (StatusCode::BAD_REQUEST, wrong.to_owned()).into_response(),
    }
}

/// Whose path it is; a wrong secret is nobody's.
fn service(uri: &Uri) -> Option<&'static str> {
    let path = uri.path();
    if path == format!("/bot{SECRET}/sendMessage") {
        return Some("telegram");
    }
    if path.starts_with("/_matrix/client/v3/rooms/%21room%3Aexample.org/send/m.room.message/") {
        return Some("matrix");
    }
    let names =
        ["slack", "discord", "teams", "mattermost", "google_chat", "naver_works", "kakaowork"];
    let known = names.into_iter().find(|name| path == format!("/{name}/{SECRET}"))?;
    (uri.query() == Some(&format!("key={SECRET}"))).then_some(known)
}

/// The keys that a service needs, where it needs them.
fn documented(service: &str, message: &Value) -> Result<(), String> {
    let pointers: &[&str] = match service {
        "slack" => &["/text", "/blocks/0/text/text", "/blocks/1/elements/0/elements/0/text"],
        "discord" => &["/embeds/0/title", "/embeds/0/description", "/embeds/0/footer/text"],
        "teams" => &[
            "/attachments/0/contentType",
            "/attachments/0/content/version",
            "/attachments/0/content/body/0/inlines/0/text",
        ],
        "telegram" => &["/chat_id", "/text", "/parse_mode"],
        "mattermost" => &["/attachments/0/text", "/attachments/0/fallback"],
        "google_chat" => &[
            "/cardsV2/0/card/header/title",
            "/cardsV2/0/card/sections/0/widgets/0/textParagraph/text",
        ],
        "matrix" => &["/msgtype", "/body", "/formatted_body"],
        "naver_works" => &["/title", "/body/text", "/button/url"],
        _ => &["/text", "/blocks/0/text", "/blocks/1/inlines/0/text"],
    };
    for pointer in pointers {
        let found = message.pointer(pointer).and_then(Value::as_str);
        if found.is_none_or(str::is_empty) {
            return Err(format!("{pointer} is missing"));
        }
    }
    if message.to_string().len() > 64 * 1024 {
        return Err("too large".to_owned());
    }
    Ok(())
}
