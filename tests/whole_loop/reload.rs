//! The plan changes while it runs.

use std::net::SocketAddr;
use std::path::Path;

use crate::support::agent::{Agent, eventually};
use crate::support::loopback::{on, own_ip};
use crate::support::nginx::Nginx;
use crate::support::receiver::Receiver;

struct Scene {
    folder: tempfile::TempDir,
    ops: Receiver,
    /// Somebody answers here.
    open: SocketAddr,
    /// Nobody answers here.
    shut: SocketAddr,
    _nginx: Nginx,
}

impl Scene {
    async fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ip = own_ip();
        let (open, shut) = (on(ip), on(ip));
        let server = format!("server {{ listen {open}; return 200; }}");
        let nginx = Nginx::start(folder.path(), &[open], &server);
        Self { folder, ops: Receiver::start().await, open, shut, _nginx: nginx }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A plan of these checks: names, and where they dial.
    fn plan(&self, checks: &[(&str, SocketAddr)]) -> String {
        let mut plan = String::from("[defaults]\ninterval = \"300ms\"\ntimeout = \"1s\"\n");
        for (name, address) in checks {
            plan += &format!("[[tcp]]\nname = \"{name}\"\naddress = \"{address}\"\n");
        }
        plan + &self.ops.in_plan(self.path())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_plan_takes_what_is_removed_and_leaves_what_stays() {
    let scene = Scene::set().await;
    let (open, shut) = (scene.open, scene.shut);
    let before = scene.plan(&[("stays", open), ("goes", shut), ("stays bad", shut)]);
    let agent = Agent::start(scene.path(), "", &before).await;
    agent.state("stays", "up").await;
    let opened = scene.ops.expect("incident.opened", "goes").await;
    let kept = scene.ops.expect("incident.opened", "stays bad").await;
    agent.metric("probe_success", "check=\"goes\"", "0").await;
    agent.state("stays bad", "down").await;
    let (well, bad) = (agent.check("stays").await, agent.check("stays bad").await);

    agent.replan("", &scene.plan(&[("comes", open), ("stays", open), ("stays bad", shut)]));
    agent.signal("HUP");
    agent.state("comes", "up").await;
    assert!(agent.log().contains("SIGHUP"), "{}", agent.log());
    let resolved = scene.ops.expect("incident.resolved", "goes").await;
    assert!(resolved.is_signed());
    assert_eq!(resolved.message["id"], opened.message["id"]);
    assert!(agent.check("goes").await.is_null());
    let (_, metrics) = agent.fetch("/metrics").await.unwrap();
    assert!(metrics.contains("check=\"comes\""), "{metrics}");
    assert!(!metrics.contains("check=\"goes\""), "its series went with it");
    assert_eq!(agent.check("stays").await["since"], well["since"]);
    let still = agent.check("stays bad").await;
    assert_eq!(still["since"], bad["since"]);
    assert_eq!(still["incident"], kept.message["id"], "the same incident goes on");

    // The file alone is enough.
    agent.replan("", &scene.plan(&[("stays", open)]));
    scene.ops.expect("incident.resolved", "stays bad").await;
    eventually("one check is left", async || {
        agent.api("/checks").await["checks"].as_array().unwrap().len() == 1
    })
    .await;
    assert!(agent.log().contains("has changed"), "{}", agent.log());
    assert_eq!(agent.check("stays").await["since"], well["since"]);
    let heard = scene.ops.taken();
    assert_eq!(heard.len(), 4, "two opened, two resolved: {heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_with_mistakes_changes_nothing_and_says_where_they_are() {
    let scene = Scene::set().await;
    let good = scene.plan(&[("shop", scene.open)]);
    let agent = Agent::start(scene.path(), "", &good).await;
    agent.state("shop", "up").await;
    agent.metric("portwarden_plan_last_reload_successful", "", "1").await;
    let since = agent.check("shop").await["since"].clone();

    let bad = good.replace("address =", "adress =");
    agent.replan("", &bad);
    agent.metric("portwarden_plan_last_reload_successful", "", "0").await;
    let text = std::fs::read_to_string(scene.path().join("probes.toml")).unwrap();
    let line = text.lines().position(|line| line.starts_with("adress")).unwrap() + 1;
    let place = format!("probes.toml:{line}:1: ");
    let log = agent.log();
    assert!(log.contains(&place), "{place} in {log}");
    assert!(log.contains("address"), "the nearest accepted name: {log}");
    eventually("the page says so", async || {
        let (_, page) = agent.fetch("/").await.unwrap();
        page.contains("role=\"alert\"") && page.contains(&place)
    })
    .await;
    assert_eq!(agent.fetch("/readyz").await.unwrap().0, 200, "the old plan is running");

    // It runs on, and not only on paper.
    let last = agent.check("shop").await["last"]["at"].clone();
    eventually("the old plan is still probed", async || {
        agent.check("shop").await["last"]["at"] != last
    })
    .await;

    agent.replan("", &good);
    agent.metric("portwarden_plan_last_reload_successful", "", "1").await;
    eventually("the banner is gone", async || {
        let (_, page) = agent.fetch("/").await.unwrap();
        !page.contains("role=\"alert\"")
    })
    .await;
    assert_eq!(agent.check("shop").await["since"], since);
    assert!(scene.ops.heard().is_empty(), "nobody was woken for it");
}
