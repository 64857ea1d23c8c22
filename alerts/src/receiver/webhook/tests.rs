//! Against a real receiver on loopback.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap as Headers, Response, StatusCode, Uri};
use axum::routing::any;
use jiff::SignedDuration;
use tokio::net::TcpListener;

use super::*;
use crate::{Channel, Event, Notification, Outcome, Receiver, client, deliver};

type Seen = Arc<Mutex<Vec<(Uri, Headers, Bytes)>>>;

/// Answers by path and remembers what came.
async fn receiver() -> (String, Seen) {
    let seen = Seen::default();
    let memory = Arc::clone(&seen);
    let answer = move |uri: Uri, headers: Headers, body: Bytes| {
        memory.lock().unwrap().push((uri.clone(), headers, body));
        let asked = uri.to_string();
        async move { answer(uri.path(), &asked) }
    };
    let listener = TcpListener::bind("127.31.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(any(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}"), seen)
}

fn answer(path: &str, asked: &str) -> Response<Body> {
    let answer = Response::builder();
    let (answer, body) = match path {
        "/taken" => (answer.status(204), String::new()),
        "/moved" => (answer.status(307).header("location", "/taken"), String::new()),
        "/busy" => (answer.status(429).header("retry-after", "120"), "slow\n\u{7}down".to_owned()),
        "/maintenance" => {
            let until = "Fri, 15 Jan 2027 08:10:00 GMT";
            (answer.status(503).header("retry-after", until), String::new())
        }
        "/nonsense" => (answer.status(500).header("retry-after", "soon"), String::new()),
        "/long" => (answer.status(400), "x".repeat(5_000_000)),
        path if path.starts_with("/services/") => {
            (answer.status(404), format!("Cannot POST {asked}"))
        }
        _ => (answer.status(StatusCode::NOT_FOUND), "no such hook".to_owned()),
    };
    answer.body(Body::from(body)).unwrap()
}

fn now() -> Timestamp {
    "2027-01-15T08:00:00.25Z".parse().unwrap()
}

fn test_client() -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    client(tls).unwrap()
}

fn notification() -> Notification {
    Notification {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek".into(),
        incident: "i".into(),
        receiver: "ops".into(),
        event: Event::Opened,
        body: r#"{"test": 2432232314}"#.into(),
        created_at: now(),
        expires_at: crate::retry::expires_at(now()),
        due_at: now(),
        thread: None,
    }
}

async fn post(url: String, secret: Option<Secret>) -> Outcome {
    let channel = Channel::Webhook(Webhook { url, secret });
    let receiver = Receiver::new("ops", channel);
    deliver(&test_client(), &receiver, &Bundle::of(notification()), now()).await
}

#[test]
fn the_signature_is_what_openssl_computes() {
    // Computed apart from this code: `openssl dgst -sha256 -mac HMAC -macopt hexkey:… -binary | base64`.
    let secret = Secret(STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
    let notification = notification();
    assert_eq!(
        secret.sign(&notification.id, 1_614_265_330, &notification.body),
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    );
    assert_eq!(format!("{secret:?}"), "Secret(…)");
}

#[tokio::test]
async fn a_delivery_carries_the_standard_headers_and_the_exact_body() {
    let (base, seen) = receiver().await;
    let secret = Secret(b"plain text".to_vec());
    let outcome = post(format!("{base}/taken"), Some(secret.clone())).await;
    assert_eq!(outcome, Outcome::Delivered { status: 204 });
    let (_, headers, body) = seen.lock().unwrap().pop().unwrap();
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("webhook-id"), "msg_p5jXN8AQM9LWM0D4loKWxJek");
    assert_eq!(header("webhook-timestamp"), now().as_second().to_string());
    assert!(header("user-agent").starts_with("portwarden/"));
    let signed = format!("{}.{}.", header("webhook-id"), header("webhook-timestamp"));
    let signed = [signed.as_bytes(), &body].concat();
    let tag = STANDARD.decode(header("webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &secret.0), &signed, &tag).unwrap();
}

#[tokio::test]
async fn without_a_secret_nothing_is_signed() {
    let (base, seen) = receiver().await;
    post(format!("{base}/taken"), None).await;
    assert!(!seen.lock().unwrap()[0].1.contains_key("webhook-signature"));
}

#[tokio::test]
async fn refusals_are_told_apart_and_kept_short() {
    let (base, seen) = receiver().await;
    let answered = |status, excerpt: &str, retry_after: Option<i64>| Outcome::Answered {
        status,
        excerpt: excerpt.to_owned(),
        retry_after: retry_after.map(SignedDuration::from_millis),
    };
    let table = [
        ("/moved", answered(307, "", None)),
        ("/busy", answered(429, "slow down", Some(120_000))),
        ("/maintenance", answered(503, "", Some(599_750))),
        ("/nonsense", answered(500, "", None)),
        ("/long", answered(400, &"x".repeat(200), None)),
        ("/else", answered(404, "no such hook", None)),
    ];
    for (path, outcome) in table {
        assert_eq!(post(format!("{base}{path}"), None).await, outcome, "{path}");
    }
    assert!(seen.lock().unwrap().iter().all(|(uri, ..)| uri.path() != "/taken"), "followed");
}

#[tokio::test]
async fn no_answer_is_a_loss_and_its_reason_holds_no_url() {
    let free = std::net::TcpListener::bind("127.31.0.1:0").unwrap().local_addr().unwrap();
    let Outcome::Lost { reason } = post(format!("http://{free}/token"), None).await else {
        panic!("delivered to nobody")
    };
    assert!(reason.contains("refused") && !reason.contains("token"), "{reason}");

    let silent = std::net::TcpListener::bind("127.31.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let hasty = reqwest::Client::builder()
        .tls_backend_preconfigured(
            rustls::ClientConfig::builder_with_provider(Arc::new(
                rustls::crypto::ring::default_provider(),
            ))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth(),
        )
        .timeout(Duration::from_millis(50))
        .build()
        .unwrap();
    let receiver = Receiver::new("ops", Channel::Webhook(Webhook { url, secret: None }));
    let outcome = deliver(&hasty, &receiver, &Bundle::of(notification()), now()).await;
    assert_eq!(outcome, Outcome::Lost { reason: "no answer in time".to_owned() });
}

#[tokio::test]
async fn what_a_server_repeats_of_the_request_is_not_shown() {
    let (base, _) = receiver().await;
    let url = format!("{base}/services/T0/xoxb-well-hidden?key=another-hidden-one&v=1");
    let outcome = post(url, None).await;
    assert_eq!(outcome.to_string(), "404: Cannot POST …");
}

#[tokio::test]
async fn a_request_that_cannot_be_made_is_never_tried_again() {
    for url in ["http://", "gopher://127.0.0.1/", "not a url"] {
        let outcome = post(url.to_owned(), None).await;
        let verdict = crate::retry::after(1, &outcome, notification().expires_at, now(), 0.5);
        assert_eq!(verdict, crate::Verdict::Failed, "{url}: {outcome:?}");
    }
}
