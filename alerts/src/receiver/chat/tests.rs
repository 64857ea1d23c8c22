//! What every service is sent, in both languages, and what none of them is.

use health::{Event, Language};
use serde_json::{Value, json};

use super::*;
use crate::Hidden;
use crate::prose::{
    self,
    tests::{body, resolved, telling},
};

mod schemas;

/// Every service, at the address of nobody.
fn every() -> Vec<Chat> {
    let url = || Hidden::new("https://chat.example/hook/token");
    vec![
        Chat::Slack(Slack { url: url() }),
        Chat::Discord(Discord { url: url() }),
        Chat::Teams(Teams { url: url() }),
        Chat::Telegram(Telegram {
            api: Telegram::API.to_owned(),
            token: Hidden::new("123:secret"),
            chat: "-100200".to_owned(),
            topic: Some(7),
        }),
        Chat::Mattermost(Mattermost { url: url(), channel: Some("ops".to_owned()) }),
        Chat::GoogleChat(GoogleChat { url: url() }),
        Chat::Matrix(Matrix {
            homeserver: "https://matrix.example".to_owned(),
            room: "!a/b:example.org".to_owned(),
            token: Hidden::new("secret"),
        }),
        Chat::NaverWorks(NaverWorks { url: url() }),
        Chat::KakaoWork(KakaoWork { url: url() }),
    ]
}

fn payload(chat: &Chat, event: Event, language: Language, bodies: &[Value]) -> Value {
    let prose = prose::of(&telling(event, language, bodies));
    let payload = serde_json::from_str(chat.compose(&prose).text()).unwrap();
    schemas::check(chat, &payload);
    payload
}

#[test]
fn every_service_is_sent_what_it_documents() {
    for chat in every() {
        let mut sent = Vec::new();
        for language in [Language::En, Language::Ko] {
            let (shop, over) = (body("shop", language), resolved("shop", language));
            sent.push(payload(&chat, Event::Opened, language, std::slice::from_ref(&shop)));
            sent.push(payload(&chat, Event::Resolved, language, &[over]));
            let four: Vec<Value> =
                ["db", "shop", "web:80", "mail"].iter().map(|name| body(name, language)).collect();
            sent.push(payload(&chat, Event::Reminder, language, &four));
        }
        let pretty: Vec<String> =
            sent.iter().map(|one| serde_json::to_string_pretty(one).unwrap()).collect();
        insta::assert_snapshot!(chat.label(), pretty.join("\n"));
    }
}

#[test]
fn what_is_too_long_is_cut_to_what_each_service_takes() {
    let long = |nth: usize, times: usize| {
        let mut told = body(&format!("서버 {nth}"), Language::Ko);
        told["findings"][0]["summary"] = json!("<&*_가🙂`\"".repeat(times));
        told["findings"][0]["remedy"] = json!("가나다 @모두 ".repeat(times));
        told["findings"][0]["evidence"] = json!({ "got": "<>".repeat(times) });
        told["url"] = json!("http://127.0.0.1:9740/incidents/x");
        told
    };
    for chat in every() {
        for (incidents, times) in [(1, 1), (1, 200), (1, 5000), (3, 300), (70, 1), (70, 900)] {
            let bodies: Vec<Value> = (0..incidents).map(|nth| long(nth, times)).collect();
            let payload = payload(&chat, Event::Opened, Language::Ko, &bodies).to_string();
            if incidents == 70 {
                assert!(payload.contains("외 "), "{}: {payload}", chat.label());
            }
        }
    }
}

#[test]
fn a_message_of_nothing_and_a_test_are_sendable() {
    let test = json!({ "type": "test", "id": "test", "agent": "edge", "findings": [],
        "url": "http://127.0.0.1:9740" });
    for chat in every() {
        payload(&chat, Event::Test, Language::En, std::slice::from_ref(&test));
        payload(&chat, Event::Opened, Language::Ko, &[]);
    }
}

#[test]
fn nobody_is_called_and_nothing_is_markup() {
    let hostile = "*bold* <@here> @everyone <!channel> <b>x</b> [a](http://evil.example) `@all` <m userId=\"all\">";
    let mut told = body(hostile, Language::En);
    told["url"] = json!("http://127.0.0.1:9740/incidents/x");
    told["findings"][0]["summary"] = json!(hostile);
    told["findings"][0]["remedy"] = json!(hostile);
    told["acknowledged"] = json!({ "author": "@channel", "at": "2027-01-15T08:03:00Z" });
    for chat in every() {
        let payload = payload(&chat, Event::Opened, Language::En, std::slice::from_ref(&told));
        insta::assert_snapshot!(
            format!("hostile_{}", chat.label()),
            serde_json::to_string_pretty(&payload).unwrap()
        );
        schemas::calls_nobody(&chat, &payload);
    }
}

#[test]
fn secrets_are_not_shown() {
    for chat in every() {
        let shown = format!("{chat:?}");
        assert!(!shown.contains("secret") && !shown.contains("hook/token"), "{shown}");
    }
}

#[test]
fn what_was_missed_is_told_by_every_service() {
    for chat in every() {
        for language in [Language::En, Language::Ko] {
            let missed = json!({
                "type": "agent.missed", "id": "m", "agent": "edge", "findings": [],
                "opened_at": "2027-01-15T07:00:00Z", "resolved_at": "2027-01-15T08:00:00Z",
                "missed": {
                    "incidents": [{ "check": "shop", "severity": "warning", "summary": "slow words",
                        "opened_at": "2027-01-15T07:30:00Z", "resolved_at": null,
                        "url": "http://127.0.0.1:9740/incidents/x" }],
                    "looks": [{ "check": "backup", "count": 2, "last": "2027-01-15T07:30:00Z" }],
                },
                "url": "http://127.0.0.1:9740",
            });
            let payload = payload(&chat, Event::Missed, language, &[missed]).to_string();
            let how = match language {
                Language::En => ["Degraded: ", "was not running"],
                Language::Ko => ["주의: ", "실행 중단"],
            };
            for words in how.into_iter().chain(["slow words", "backup"]) {
                assert!(payload.contains(words), "{}: {words}: {payload}", chat.label());
            }
        }
    }
}

#[test]
fn every_word_of_a_title_that_is_cut_stands_below_it() {
    let mut told = body("shop", Language::En);
    let summary = format!("answers {} and then the end of it", "a ".repeat(70));
    told["findings"][0]["summary"] = json!(summary);
    for chat in every() {
        let payload = payload(&chat, Event::Opened, Language::En, std::slice::from_ref(&told));
        let mut payload = payload;
        // What telephones show of it, not what the channel does.
        for unseen in ["text", "fallbackText", "summary"] {
            if matches!(chat, Chat::Slack(_) | Chat::Teams(_)) {
                payload[unseen] = Value::Null;
            }
        }
        assert!(payload.to_string().contains("the end of it"), "{}: {payload}", chat.label());
    }
}
