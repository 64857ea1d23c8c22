//! What is said over a WebSocket, and how it ends.

use super::PACE;
use crate::support::agent::{Agent, eventually};
use crate::support::applications::Program;

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_go_wrong_has_its_finding() {
    let folder = tempfile::tempdir().unwrap();
    let app = Program::talk("chat");
    std::fs::write(folder.path().join("login.txt"), "login: open sesame\n").unwrap();
    let check = |name: &str, path: &str, keys: &str| {
        format!("[[websocket]]\nname = \"{name}\"\nurl = \"ws://{}{path}\"\n{keys}\n", app.address)
    };
    let steps = r#"
        subprotocol = ["v2", "chat"]
        expect = "^this is"
        [[websocket.step]]
        send = "one"
        [[websocket.step]]
        send = "two"
        expect = "heard two""#;
    let login = r#"
        send = { value_file = "login.txt" }
        expect = "welcome""#;
    let plan = [
        PACE.to_owned(),
        check("well", "/", steps),
        check("closes", "/closes", "expect = \"x\""),
        check("cuts", "/cuts", ""),
        check("silent", "/silent", "expect = \"x\"\nping = false"),
        check("wrong", "/", login),
        check("subprotocol", "/", "subprotocol = \"v9\""),
    ]
    .concat();
    let agent = Agent::start(folder.path(), "", &plan).await;

    agent.state("well", "up").await;
    let last = agent.check("well").await["last"].clone();
    let facts = &last["facts"]["websocket"];
    assert_eq!(facts["subprotocol"], "chat", "{facts}");
    let said = facts["said"].as_array().unwrap();
    let said: Vec<_> = said.iter().map(|one| (one["by"].as_str(), one["text"].as_str())).collect();
    assert_eq!(
        said,
        [
            (Some("server"), Some("this is chat")),
            (Some("agent"), Some("one")),
            (Some("agent"), Some("two")),
            (Some("server"), Some("heard one")),
            (Some("server"), Some("heard two")),
        ]
    );
    assert!(facts.as_object().unwrap().keys().any(|key| key.starts_with("pong")), "{facts}");
    assert_eq!(last["facts"]["http"]["status"], 101);

    let finding = agent.finding("closes", "websocket.closed").await;
    assert_eq!(finding["evidence"]["close_code"], 1011);
    assert_eq!(finding["evidence"]["reason"], "no database");
    let finding = agent.finding("cuts", "websocket.closed").await;
    assert_eq!(finding["evidence"]["close_code"], 1006);
    agent.finding("silent", "websocket.silent").await;
    let finding = agent.finding("wrong", "websocket.unexpected-reply").await;
    assert_eq!(finding["evidence"]["got"], "heard (hidden)");
    let finding = agent.finding("subprotocol", "http.upgrade-refused").await;
    assert_eq!(finding["evidence"]["expected"], "v9");

    let everything =
        agent.api("/checks").await.to_string() + &agent.api("/findings").await.to_string();
    assert!(!everything.contains("sesame"), "{everything}");
    let (_, page) = agent.fetch("/").await.unwrap();
    assert!(!page.contains("sesame"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stuck_does_not_answer_a_ping_and_heals() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = Program::talk("chat");
    let url = format!("url = \"ws://{}", app.address);
    let plan = format!("{PACE}\n[[websocket]]\nname = \"chat\"\n{url}/stuck\"\n");
    let agent = Agent::start(folder.path(), "", &plan).await;
    let finding = agent.finding("chat", "websocket.silent").await;
    assert_eq!(finding["evidence"]["expected"], "a pong");
    // The next upgrade is not even answered: its only thread sleeps.
    agent.replan("", &plan.replace("/stuck", "/"));
    eventually("the other path hangs too", async || {
        let subject = format!("http://{}/", app.address);
        agent.finding("chat", "http.timeout").await["subject"] == subject
    })
    .await;
    app.stop();
    app.start_again();
    agent.healed("chat", "http.timeout").await;
    agent.state("chat", "up").await;
}
