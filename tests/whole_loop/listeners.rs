//! Who listens, from where it can be reached, and whether its port is safe: each from injection
//! to webhook, and that healing resolves it.

use std::net::{Ipv6Addr, SocketAddr, TcpListener};

use crate::support::agent::{Agent, eventually};
use crate::support::loopback::{on, own_address, own_ip};
use crate::support::nginx::Nginx;
use crate::support::receiver::Receiver;
use crate::support::squatter;

const PACE: &str = "[defaults]\ninterval = \"300ms\"\ntimeout = \"1s\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_moved_is_told_where_it_went() {
    let folder = tempfile::tempdir().unwrap();
    let (ops, ip) = (Receiver::start().await, own_ip());
    let (home, neighbour, away) = (on(ip), on(ip), on(ip));
    let plan = format!(
        r#"{PACE}
        [[host]]
        name = "web"
        address = "{ip}"
        local = true
        undeclared = "ignore"

        [[host.port]]
        port = {}
        service = "app"
        process = "python3"

        [[host.port]]
        port = {}
        service = "another app"
        process = "python3"
        {}"#,
        home.port(),
        neighbour.port(),
        ops.in_plan(folder.path())
    );
    // It belongs where it is, and is no trace of the one that moved.
    let stays = squatter::listen(neighbour, folder.path());
    let agent = Agent::start(folder.path(), "", &plan).await;
    let name = format!("web:{}", home.port());
    let opened = ops.expect("incident.opened", &name).await;
    let told = &opened.message["findings"][0];
    assert_eq!(told["code"], "port.dead", "{told}");
    assert!(told["evidence"]["instead"].is_null(), "{told}");

    let moved_folder = tempfile::tempdir().unwrap();
    let moved = squatter::listen(away, moved_folder.path());
    eventually("it is said where it went", async || {
        let finding = agent.finding(&name, "port.dead").await;
        finding["evidence"]["instead"][0]["bind"] == away.to_string().as_str()
            && finding["evidence"]["instead"][0]["pid"] == moved.pid()
    })
    .await;
    moved.terminate();
    let _back = squatter::listen(home, moved_folder.path());
    let resolved = ops.expect("incident.resolved", &name).await;
    assert_eq!(resolved.message["id"], opened.message["id"]);
    drop(stays);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_user_is_told_until_the_plan_names_the_right_one() {
    let folder = tempfile::tempdir().unwrap();
    let (ops, address) = (Receiver::start().await, own_address());
    let (ip, port) = (address.ip(), address.port());
    let nginx = Nginx::start(folder.path(), &[address], &format!("server {{ listen {address}; }}"));
    let plan = |user: &str| {
        format!(
            "{PACE}[[host]]\nname = \"web\"\naddress = \"{ip}\"\nlocal = true\nundeclared = \"ignore\"\n\
             [[host.port]]\nport = {port}\nprocess = \"nginx\"\nuser = {user}\n{}",
            ops.in_plan(folder.path())
        )
    };
    let agent = Agent::start(folder.path(), "", &plan("\"nobody-at-all\"")).await;
    let name = format!("web:{port}");
    let opened = ops.expect("incident.opened", &name).await;
    let told = &opened.message["findings"][0];
    assert_eq!(told["code"], "port.wrong-owner", "{told}");
    assert_eq!(told["evidence"]["expected"], "nginx; user nobody-at-all", "{told}");
    assert_eq!(told["evidence"]["process"], "nginx", "{told}");
    assert!(told["remedy"].as_str().unwrap().contains("`user`"), "{told}");

    // Its workers may run as another user.
    let users: Vec<String> = ["root", "nobody", "www-data"].map(|user| format!("{user:?}")).into();
    let own = told["evidence"]["user"].as_str().unwrap();
    agent.replan("", &plan(&format!("[{}, {own:?}]", users.join(", "))));
    agent.signal("HUP");
    let resolved = ops.expect("incident.resolved", &name).await;
    assert_eq!(resolved.message["id"], opened.message["id"]);
    drop(nginx);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forwarded_more_or_less_than_claimed_is_told_with_where_from() {
    let folder = tempfile::tempdir().unwrap();
    let (inner_folder, outer_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ops = Receiver::start().await;
    let (inner, outer, vantage) = (own_ip(), own_ip(), own_ip());
    let (database, shop) = (on(inner), on(inner));
    let claim = |port: u16, exposure: &str| {
        format!("[[host.port]]\nport = {port}\nexposure = \"{exposure}\"\n")
    };
    let plan = format!(
        "{PACE}[[host]]\nname = \"web\"\naddress = \"{inner}\"\nsource = \"{vantage}\"\n\
         addresses = {{ internal = [\"{inner}\"], public = [\"{outer}\"] }}\n{}{}{}",
        claim(database.port(), "internal"),
        claim(shop.port(), "public"),
        ops.in_plan(folder.path())
    );
    let _database = squatter::listen(database, folder.path());
    let _shop = squatter::listen(shop, inner_folder.path());
    let agent = Agent::start(folder.path(), "", &plan).await;
    let (exposed, hidden) = (format!("web:{}", database.port()), format!("web:{}", shop.port()));

    // Nobody forwards the public one yet.
    let forward = SocketAddr::new(outer, shop.port());
    let opened = ops.expect("incident.opened", &hidden).await;
    let told = &opened.message["findings"][0];
    assert_eq!(told["code"], "port.hidden", "{told}");
    assert_eq!(told["evidence"]["dialled"], format!("{forward} refused"), "{told}");
    let forwarder = squatter::listen(forward, outer_folder.path());
    let resolved = ops.expect("incident.resolved", &hidden).await;
    assert_eq!(resolved.message["id"], opened.message["id"]);
    forwarder.terminate();

    agent.state(&exposed, "up").await;
    let forward = SocketAddr::new(outer, database.port());
    let forwarder = squatter::listen(forward, outer_folder.path());
    let opened = ops.expect("incident.opened", &exposed).await;
    let told = &opened.message["findings"][0];
    assert_eq!(told["code"], "port.exposed", "{told}");
    assert_eq!(told["evidence"]["address"], forward.to_string(), "{told}");
    assert_eq!(told["evidence"]["dialled_from"], vantage.to_string(), "{told}");
    assert!(told["summary"].as_str().unwrap().contains(&forward.to_string()), "{told}");
    forwarder.terminate();
    let resolved = ops.expect("incident.resolved", &exposed).await;
    assert_eq!(resolved.message["id"], opened.message["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_a_client_may_hold_is_told_with_the_line_that_keeps_it_back() {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let last: u16 = range.split_whitespace().nth(1).unwrap().parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ops = Receiver::start().await;
    let plan = |ports: &str| {
        format!(
            "{PACE}[[host]]\nname = \"web\"\naddress = \"127.0.0.1\"\nlocal = true\n\
             undeclared = \"ignore\"\n[[host.port]]\nport = \"{ports}\"\nclaim = \"reserved\"\n\
             protocol = \"udp\"\n{}",
            ops.in_plan(folder.path())
        )
    };
    let ports = format!("{}-{last}", last - 2);
    let agent = Agent::start(folder.path(), "", &plan(&ports)).await;
    let name = format!("web:{}/udp", last - 2);
    let opened = ops.expect("incident.opened", &name).await;
    let told = &opened.message["findings"][0];
    assert_eq!((&told["code"], &told["severity"]), (&"port.ephemeral".into(), &"warning".into()));
    assert_eq!(told["subject"], format!("web:{ports}/udp"), "{told}");
    let line = told["evidence"]["line"].as_str().unwrap();
    assert!(line.starts_with("net.ipv4.ip_local_reserved_ports = "), "{line}");
    assert!(line.ends_with(&ports), "{line}");
    let remedy = told["remedy"].as_str().unwrap();
    assert!(remedy.contains(line) && remedy.contains("sysctl -w"), "{remedy}");
    // The row of the plan is told once, by the first of its ports.
    for port in [last - 1, last] {
        agent.state(&format!("web:{port}/udp"), "up").await;
    }

    agent.replan("", &plan("1020-1022"));
    agent.signal("HUP");
    let resolved = ops.expect("incident.resolved", &name).await;
    assert_eq!(resolved.message["id"], opened.message["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_plan_ignores_is_no_stranger() {
    let (folder, ip) = (tempfile::tempdir().unwrap(), own_ip());
    let (by_name, by_port, stranger) = (on(ip), on(ip), on(ip));
    let plan = format!(
        "{PACE}[[host]]\nname = \"web\"\naddress = \"{ip}\"\nlocal = true\n\
         ignore = [\"pyth?n*\", \"{}/tcp\"]\n",
        by_port.port()
    );
    let _python = squatter::listen(by_name, folder.path());
    let _ignored = TcpListener::bind(by_port).unwrap();
    let _stranger = TcpListener::bind(stranger).unwrap();
    let agent = Agent::start(folder.path(), "", &plan).await;
    agent.finding(&format!("web:{}", stranger.port()), "port.undeclared").await;
    for ignored in [by_name, by_port] {
        assert!(agent.check(&format!("web:{}", ignored.port())).await.is_null(), "{ignored}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_v6_socket_says_that_it_takes_v4_too() {
    let folder = tempfile::tempdir().unwrap();
    let port = on(Ipv6Addr::UNSPECIFIED.into()).port();
    let plan = format!(
        "{PACE}[[host]]\nname = \"web\"\naddress = \"::1\"\nlocal = true\nundeclared = \"ignore\"\n\
         [[host.port]]\nport = {port}\nclaim = \"reserved\"\n"
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    let name = format!("web:{port}");
    agent.state(&name, "up").await;
    let taker = squatter::listen((Ipv6Addr::UNSPECIFIED, port).into(), folder.path());
    let taken = agent.finding(&name, "port.taken").await;
    let place = format!("[::]:{port}");
    assert_eq!(taken["evidence"]["also_v4"], place, "{taken}");
    assert!(taken["summary"].as_str().unwrap().contains(&format!("{place} (v4 too)")), "{taken}");
    taker.terminate();
    agent.state(&name, "up").await;
}
