//! Receivers that fail, told to the others; bursts; signs of life.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;

use super::support::agent::{Agent, eventually, free_address, write_plan};
use super::support::receiver::Receiver;

fn plan(receivers: &[(&str, &Receiver)], doors: &[(&str, std::net::SocketAddr)]) -> String {
    let mut plan =
        "[defaults]\ninterval = \"200ms\"\ntimeout = \"1s\"\nfail_after = 1\n".to_owned();
    for (name, receiver) in receivers {
        let url = receiver.url();
        plan.push_str(&format!(
            "[[receiver]]\nname = \"{name}\"\nwebhook = {{ url = \"{url}\" }}\n"
        ));
    }
    for (name, address) in doors {
        plan.push_str(&format!("[[tcp]]\nname = \"{name}\"\naddress = \"{address}\"\n"));
    }
    plan
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_messages_do_not_reach_is_told_to_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let (ops, boss) = (Receiver::start().await, Receiver::start().await);
    let closed = free_address("127.44.1.1");
    let plan = plan(&[("ops", &ops), ("boss", &boss)], &[("door", closed)]);
    ops.fail_with(Some(410));
    let mut agent = Agent::start(folder.path(), "", &plan).await;
    let opened = boss.expect("incident.opened", "receiver ops").await;
    assert_eq!(opened.message["kind"], "agent");
    let finding = &opened.message["findings"][0];
    assert_eq!((&finding["code"], &finding["subject"]), (&"agent.receiver".into(), &"ops".into()));
    assert_eq!(finding["evidence"]["answer"], "410");
    for page in ["/", "/incidents", "/checks/door"] {
        let (_, html) = agent.fetch(page).await.unwrap();
        assert!(html.contains("Messages to ops do not arrive: 410"), "{page} has no banner");
    }
    agent
        .metric("portwarden_notifications_total", "receiver=\"ops\",outcome=\"failed\"", "1")
        .await;

    // A restart neither ends it nor tells it again.
    agent.kill();
    let agent = Agent::start_on(folder.path(), agent.listen).await;
    let listener = TcpListener::bind(closed).await.unwrap();
    ops.fail_with(None);
    ops.expect("incident.resolved", "door").await;
    let resolved = boss.expect("incident.resolved", "receiver ops").await;
    assert_eq!(resolved.message["id"], opened.message["id"]);
    let is_about = |receiver: &Receiver| {
        receiver.heard().iter().filter(|heard| heard.check() == "receiver ops").count()
    };
    assert_eq!((is_about(&ops), is_about(&boss)), (0, 2));
    eventually("the banner is gone", async || {
        !agent.fetch("/").await.unwrap().1.contains("do not arrive")
    })
    .await;
    drop(listener);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_can_be_reached_nobody_is_told_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (ops, boss) = (Receiver::start().await, Receiver::start().await);
    ops.fail_with(Some(404));
    boss.fail_with(Some(404));
    let plan = plan(&[("ops", &ops), ("boss", &boss)], &[("door", free_address("127.44.2.1"))]);
    let agent = Agent::start(folder.path(), "", &plan).await;
    eventually("both are shown", async || {
        let (_, html) = agent.fetch("/incidents").await.unwrap();
        html.contains("Messages to ops do not arrive") && html.contains("Messages to boss do not")
    })
    .await;
    eventually("nothing is pending", async || {
        agent.metrics("portwarden_outbox_pending ").await == ["portwarden_outbox_pending 0"]
    })
    .await;
    let about_receivers = [&ops, &boss]
        .into_iter()
        .flat_map(Receiver::heard)
        .filter(|heard| heard.check().starts_with("receiver"))
        .count();
    // Which of the two failed first could still be told to the other.
    assert!(about_receivers <= 1, "{about_receivers} messages about receivers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_comes_in_few_messages_that_list_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let ops = Receiver::start().await;
    let names: Vec<String> = (1..=300).map(|number| format!("door {number}")).collect();
    let closed = free_address("127.44.3.1");
    let doors: Vec<_> = names.iter().map(|name| (&**name, closed)).collect();
    let _agent = Agent::start(folder.path(), "", &plan(&[("ops", &ops)], &doors)).await;
    let told = || {
        let heard = ops.taken();
        let listed = |message: &serde_json::Value| {
            message["others"].as_array().cloned().into_iter().flatten().collect::<Vec<_>>()
        };
        let all = heard.iter().flat_map(|heard| {
            listed(&heard.message).into_iter().chain([heard.message.clone()]).collect::<Vec<_>>()
        });
        let checks: std::collections::BTreeSet<String> =
            all.map(|message| message["check"].as_str().unwrap().to_owned()).collect();
        (checks.len(), heard.len())
    };
    eventually("everybody is told of", async || told().0 == 300).await;
    assert!(told().1 < 100, "{} messages", told().1);
}

/// Somebody who waits for a sign of life: how many came, and what is answered.
#[derive(Clone)]
struct Waiting {
    address: std::net::SocketAddr,
    signs: Arc<AtomicUsize>,
    answer: Arc<AtomicU16>,
}

impl Waiting {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.44.4.1:0").await.unwrap();
        let waiting = Self {
            address: listener.local_addr().unwrap(),
            signs: Arc::default(),
            answer: Arc::new(AtomicU16::new(200)),
        };
        let own = waiting.clone();
        let take = move || {
            own.signs.fetch_add(1, Ordering::SeqCst);
            let answer = StatusCode::from_u16(own.answer.load(Ordering::SeqCst)).unwrap();
            async move { answer }
        };
        let router = Router::new().route("/ping/well-hidden", get(take));
        tokio::spawn(async move { axum::serve(listener, router).await });
        waiting
    }

    fn signs(&self) -> usize {
        self.signs.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_goes_out_while_the_agent_is_well_and_only_then() {
    let folder = tempfile::tempdir().unwrap();
    let waiting = Waiting::start().await;
    std::fs::write(
        folder.path().join("sign.url"),
        format!("http://{}/ping/well-hidden\n", waiting.address),
    )
    .unwrap();
    let door = TcpListener::bind("127.44.4.2:0").await.unwrap();
    let alerts = "[alerts]\nheartbeat_url_file = \"sign.url\"\nheartbeat_every = \"1s\"\n";
    let plan = format!("{alerts}{}", plan(&[], &[("door", door.local_addr().unwrap())]));
    let listen = write_plan(folder.path(), "", &plan);
    // As on a full disk, writing fails and nothing more; by default the signal would end the process.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_portwarden")]);
    let agent = Agent::start_by(shell, folder.path(), listen, "/readyz").await;
    eventually("signs arrive", async || waiting.signs() >= 2).await;

    waiting.answer.store(500, Ordering::SeqCst);
    eventually("a banner says that it is not taken", async || {
        agent.fetch("/").await.unwrap().1.contains("is not taken: 500")
    })
    .await;
    waiting.answer.store(204, Ordering::SeqCst);
    eventually("the banner is gone", async || {
        !agent.fetch("/").await.unwrap().1.contains("is not taken")
    })
    .await;

    // A store that takes no writes is not well, though everything else goes on.
    limit_file_size(agent.pid(), "0");
    eventually("not ready", async || agent.fetch("/readyz").await.is_some_and(|a| a.0 == 503))
        .await;
    let before = waiting.signs();
    let looked_at = async || -> jiff::Timestamp {
        agent.check("door").await["last"]["at"].as_str().unwrap().parse().unwrap()
    };
    let since = looked_at().await;
    eventually("it goes on for a while", async || {
        looked_at().await.duration_since(since) > jiff::SignedDuration::from_secs(4)
    })
    .await;
    assert!(waiting.signs() <= before + 1, "signs of an agent that is not well");
    limit_file_size(agent.pid(), "unlimited");
    let withheld = waiting.signs();
    eventually("signs arrive again", async || waiting.signs() > withheld).await;
    assert!(!agent.log().contains("well-hidden"), "the address is a secret");
}

fn limit_file_size(pid: u32, bytes: &str) {
    let limit = format!("--fsize={bytes}:unlimited");
    let done = Command::new("prlimit").args(["--pid", &pid.to_string(), &limit]).status();
    assert!(done.unwrap().success(), "prlimit {limit}");
}
