//! Receivers that fail, told to the others; bursts.

use super::support::agent::{Agent, eventually, free_address};
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
    let listener = tokio::net::TcpListener::bind(closed).await.unwrap();
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
