//! What holds for every channel: its secrets are never shown, and every message is in words.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use axum::routing::any;
use health::Event;
use tokio::net::TcpListener;

use super::*;
use crate::Hidden;
use crate::receiver::template::sample_message;

/// A word that nobody may see.
const SECRET: &str = "x9Kq2-hidden-7Lw0";

/// Every way to tell somebody over HTTP, at this address, with [`SECRET`] wherever a secret may be.
fn every(base: &str) -> Vec<Channel> {
    let word = || Hidden::new(SECRET);
    let url = || Hidden::new(format!("{base}/hooks/{SECRET}?sig={SECRET}&x=1"));
    let place = || base.to_owned();
    let bearer = || Some(login::Login::Bearer(word()));
    let basic = || Some(login::Login::Basic { user: "jin".to_owned(), password: word() });
    let template = |body| {
        Channel::Template(template::Template {
            url: url(),
            method: http::Method::POST,
            headers: vec![("x-key".to_owned(), word())],
            body,
            secrets: BTreeMap::from([("key".to_owned(), word())]),
        })
    };
    let secret = Some(webhook::Secret(SECRET.as_bytes().to_vec()));
    let alertmanager = |login| {
        let (stands_for, turn) = (SignedDuration::from_mins(5), alertmanager::Turn::default());
        Channel::Alertmanager(alertmanager::Alertmanager {
            urls: vec![place()],
            login,
            stands_for,
            turn,
        })
    };
    let mut channels = vec![
        Channel::Webhook(webhook::Webhook { url: place(), secret }),
        template(template::Body::Json("{{ secrets.key }}".to_owned())),
        template(template::Body::Text("{{ secrets.key }}".to_owned())),
        alertmanager(bearer()),
        alertmanager(basic()),
    ];
    channels.extend([
        Channel::Push(push::Push::Ntfy(push::Ntfy { url: place(), topic: word(), login: basic() })),
        Channel::Push(push::Push::Gotify(push::Gotify { url: place(), token: word() })),
        Channel::Push(push::Push::Pushover(push::Pushover {
            url: place(),
            token: word(),
            user: word(),
        })),
        Channel::Pager(pager::Pager::PagerDuty(pager::PagerDuty {
            url: place(),
            routing_key: word(),
        })),
        Channel::Pager(pager::Pager::Opsgenie(pager::Opsgenie { url: place(), key: word() })),
    ]);
    let chats = [
        chat::Chat::Slack(chat::Slack { url: url() }),
        chat::Chat::Discord(chat::Discord { url: url() }),
        chat::Chat::Teams(chat::Teams { url: url() }),
        chat::Chat::Telegram(chat::Telegram {
            api: place(),
            token: word(),
            chat: "-100200".to_owned(),
            topic: None,
        }),
        chat::Chat::Mattermost(chat::Mattermost { url: url(), channel: None }),
        chat::Chat::GoogleChat(chat::GoogleChat { url: url() }),
        chat::Chat::Matrix(chat::Matrix {
            homeserver: place(),
            room: "!a:example.org".to_owned(),
            token: word(),
        }),
        chat::Chat::NaverWorks(chat::NaverWorks { url: url() }),
        chat::Chat::KakaoWork(chat::KakaoWork { url: url() }),
    ];
    channels.extend(chats.map(Channel::Chat));
    channels
}

/// Refuses everything and quotes what it was asked: `Cannot POST /hooks/…`.
async fn echo(quoted: fn(&Uri, &HeaderMap, &Bytes) -> String) -> String {
    let listener = TcpListener::bind("127.31.0.2:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move |uri: Uri, headers: HeaderMap, body: Bytes| async move {
        let words = format!("Cannot POST {}", quoted(&uri, &headers, &body));
        Response::builder().status(StatusCode::BAD_REQUEST).body(Body::from(words)).unwrap()
    };
    let router = Router::new().fallback(any(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
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

#[tokio::test]
async fn an_answer_that_quotes_a_secret_is_shown_without_it() {
    type Quoted = fn(&Uri, &HeaderMap, &Bytes) -> String;
    let quotes: [(&str, Quoted); 3] = [
        ("the address", |uri, _, _| uri.to_string()),
        ("the headers", |_, headers, _| {
            let told = ["authorization", "x-gotify-key", "x-key"];
            let told = told.iter().filter_map(|name| headers.get(*name)?.to_str().ok());
            told.collect::<Vec<_>>().join(" ")
        }),
        // Only where the secret stands: an answer is shown in its beginning alone.
        ("the body", |_, _, body| {
            let body = String::from_utf8_lossy(body);
            let at = body.find(SECRET).unwrap_or_default();
            body[at..].chars().take(60).collect()
        }),
    ];
    let encoded = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(format!("jin:{SECRET}"))
    };
    let client = test_client();
    for (what, quoted) in quotes {
        let base = echo(quoted).await;
        for channel in every(&base) {
            let label = channel.label();
            let receiver = Receiver::new("ops", channel);
            let message = sample_message(Event::Opened, 1);
            let outcome = deliver(&client, &receiver, &message, Timestamp::UNIX_EPOCH).await;
            let shown = format!("{outcome} {outcome:?}");
            assert!(shown.contains("Cannot POST"), "{label}, {what}: {shown}");
            assert!(!shown.contains(SECRET), "{label}, {what}: {shown}");
            assert!(!shown.contains(&encoded), "{label}, {what}: {shown}");
        }
    }
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_told_of_without_its_secret() {
    let client = test_client();
    // Nobody listens there, and no such scheme can be sent to.
    for base in ["http://127.31.0.2:9", "gopher://127.31.0.2"] {
        for channel in every(base) {
            let label = channel.label();
            let receiver = Receiver::new("ops", channel);
            assert!(!format!("{receiver:?}").contains(SECRET), "{label}");
            let message = sample_message(Event::Opened, 1);
            let outcome = deliver(&client, &receiver, &message, Timestamp::UNIX_EPOCH).await;
            assert!(!outcome.is_delivered(), "{label}");
            assert!(!format!("{outcome:?}").contains(SECRET), "{label}: {outcome:?}");
        }
    }
}
