//! Chat services: what arrives at each of them, and what happens when one refuses.

use std::path::Path;

use tempfile::TempDir;
use tokio::net::TcpListener;

use super::support::agent::{Agent, eventually, free_address};
use super::support::command::portwarden;
use super::support::services::{SECRET, Services};

const EVERY: [&str; 9] = [
    "slack",
    "discord",
    "teams",
    "telegram",
    "mattermost",
    "google_chat",
    "matrix",
    "naver_works",
    "kakaowork",
];

/// A check of a port that is closed at first, and these receivers.
fn plan(port: std::net::SocketAddr, receivers: &str) -> String {
    format!(
        "[defaults]\ninterval = \"200ms\"\ntimeout = \"1s\"\nfail_after = 1\n\n\
         {receivers}\n[[tcp]]\nname = \"shop *bold* <!here> @everyone\"\naddress = \"{port}\"\n"
    )
}

fn receivers(services: &Services, folder: &Path, keys: &str) -> String {
    EVERY.map(|service| services.in_plan(folder, service, keys)).join("\n")
}

/// Nothing that the agent wrote or serves holds a secret.
async fn keeps_its_secrets(agent: &Agent) {
    assert!(!agent.log().contains(SECRET), "{}", agent.log());
    let all = agent.api("/incidents").await;
    let id = all["incidents"][0]["id"].as_str().unwrap();
    // Every attempt with its answer.
    let one = [format!("/incidents/{id}"), format!("/api/v1/incidents/{id}")];
    let paths = ["/", "/metrics", "/incidents", "/api/v1/incidents", "/api/v1/findings"];
    for path in paths.map(str::to_owned).into_iter().chain(one) {
        let (_, page) = agent.fetch(&path).await.unwrap();
        assert!(!page.contains(SECRET), "{path}: {page}");
    }
}

#[tokio::test]
async fn an_outage_is_told_and_its_end_by_every_service_in_its_own_form() {
    let folder = TempDir::new().unwrap();
    let services = Services::start("127.71.0.1").await;
    let port = free_address("127.71.0.2");
    let keys = "language = \"ko\"\ntimezone = \"Asia/Seoul\"";
    let plan = plan(port, &receivers(&services, folder.path(), keys));
    let agent = Agent::start(folder.path(), "", &plan).await;
    for service in EVERY {
        let told = services.expect(service, "장애: shop").await.to_string();
        // The next step, the reader's clocks, and where to read on.
        assert!(told.contains("→ "), "{service}: {told}");
        assert!(told.contains("KST"), "{service}: {told}");
        assert!(told.contains("/incidents/"), "{service}: {told}");
    }
    let _open = TcpListener::bind(port).await.unwrap();
    for service in EVERY {
        services.expect(service, "만에 복구: shop").await;
    }
    keeps_its_secrets(&agent).await;
}

#[tokio::test]
async fn what_a_service_will_not_take_now_is_sent_again_and_what_it_refuses_is_shown() {
    let folder = TempDir::new().unwrap();
    let services = Services::start("127.71.1.1").await;
    let discord = services.in_plan(folder.path(), "discord", "");
    let kakao = services.in_plan(folder.path(), "kakaowork", "");
    services.fail_once(
        "discord",
        429,
        r#"{"message":"You are being rate limited.","retry_after":0.3,"global":false}"#,
    );
    services.fail_once(
        "kakaowork",
        200,
        // As many servers do, it quotes what it was asked.
        &format!(
            r#"{{"success":false,"error":{{"code":"invalid_parameter","message":"POST /kakaowork/{SECRET}"}}}}"#
        ),
    );
    let plan = plan(free_address("127.71.1.2"), &format!("{discord}{kakao}"));
    let agent = Agent::start(folder.path(), "", &plan).await;
    services.expect("discord", "Down: shop").await;
    let failed = "portwarden_notifications_total{";
    eventually("the refused message is counted as failed", async || {
        let lines = agent.metrics(failed).await;
        lines.iter().any(|line| {
            line.contains("kakaowork") && line.contains("failed") && line.ends_with(" 1")
        })
    })
    .await;
    assert!(services.taken("kakaowork").is_empty());
    keeps_its_secrets(&agent).await;
}

#[test]
fn notify_shows_a_sample_and_what_was_answered() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let services = runtime.block_on(Services::start("127.71.2.1"));
    let folder = TempDir::new().unwrap();
    let text = plan(free_address("127.71.2.2"), &receivers(&services, folder.path(), ""));
    std::fs::write(folder.path().join("probes.toml"), text).unwrap();
    for service in EVERY {
        let told = portwarden(folder.path(), &["notify", service]).expect(0);
        assert!(told.out.contains("delivered") && !told.out.contains(SECRET), "{told:?}");
        let sent = services.taken(service)[0].to_string();
        assert!(sent.contains("sample") && sent.contains("nothing is wrong"), "{service}: {sent}");
    }
    for (event, words) in
        [("resolved", "Resolved after 12 min"), ("reminder", "Still down"), ("test", "A test")]
    {
        portwarden(folder.path(), &["notify", "slack", "--event", event]).expect(0);
        let sent = services.taken("slack").pop().unwrap();
        assert!(sent["text"].as_str().unwrap().contains(words), "{event}: {sent}");
    }
    services.fail_once("slack", 404, "no_service");
    let refused = portwarden(folder.path(), &["notify", "slack"]).expect(2);
    assert!(refused.out.contains("404: no_service"), "{refused:?}");
    // An address that leads nowhere is told without its secret.
    let nowhere = free_address("127.71.2.3");
    std::fs::write(folder.path().join("slack.secret"), format!("http://{nowhere}/{SECRET}"))
        .unwrap();
    let lost = portwarden(folder.path(), &["notify", "slack"]).expect(2);
    assert!(!format!("{lost:?}").contains(SECRET), "{lost:?}");
    std::fs::write(folder.path().join("slack.secret"), format!("{SECRET} is no URL")).unwrap();
    let wrong = portwarden(folder.path(), &["validate"]).expect(2);
    assert!(!format!("{wrong:?}").contains(SECRET), "{wrong:?}");
}
