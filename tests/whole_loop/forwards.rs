//! Forwards: socat as the router, OpenSSH and nginx behind it.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::support::agent::Agent;
use crate::support::certificates::{Authority, DAY, Order};
use crate::support::loopback::own_address;
use crate::support::nginx::Nginx;
use crate::support::receiver::Receiver;
use crate::support::sshd::{Machine, forward};

const PACE: &str = "[defaults]\ninterval = \"500ms\"\ntimeout = \"5s\"\n";

fn rule(name: &str, from: SocketAddr, to: &str, more: &str) -> String {
    format!("[[forward]]\nname = \"{name}\"\nfrom = \"{from}\"\nto = \"{to}\"\n{more}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_of_ssh_is_followed_to_its_machine() {
    let folder = tempfile::tempdir().unwrap();
    let ops = Receiver::start().await;
    let (outer, inner, elsewhere, nobody) =
        (own_address(), own_address(), own_address(), own_address());
    let ours = Machine::new(&folder.path().join("ours"), &["ed25519"]);
    let another = Machine::new(&folder.path().join("another"), &["ed25519"]);
    let (our_server, _other) = (ours.serve(inner), another.serve(elsewhere));
    let router = forward(outer, inner, folder.path());
    let plan = format!(
        "{PACE}[[host]]\nname = \"vm\"\naddress = \"{}\"\nlocal = true\nundeclared = \"ignore\"\n\
         [[host.port]]\nport = {}\n{}{}",
        inner.ip(),
        inner.port(),
        rule("customer", outer, &format!("vm:{}", inner.port()), ""),
        ops.in_plan(folder.path())
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    agent.state("customer", "up").await;
    let seen = agent.check("customer").await;
    assert_eq!(seen["kind"], "forward", "{seen}");
    assert_eq!(seen["last"]["facts"]["forward"]["same"], true, "{seen}");

    router.terminate();
    let opened = ops.expect("incident.opened", "customer").await;
    assert_eq!(opened.message["findings"][0]["code"], "forward.broken", "{:?}", opened.message);

    let router = forward(outer, elsewhere, folder.path());
    let told = agent.finding("customer", "forward.misdirected").await;
    for (name, machine) in [("expected", &ours), ("got", &another)] {
        let evidence = told["evidence"][name].as_str().unwrap();
        assert!(evidence.contains(&machine.fingerprint("ed25519")), "{told}");
    }
    assert_eq!(told["severity"], "critical", "{told}");

    router.terminate();
    let router = forward(outer, inner, folder.path());
    let resolved = ops.expect("incident.resolved", "customer").await;
    assert_eq!(resolved.message["id"], opened.message["id"]);

    // Accepts, with nobody behind.
    router.terminate();
    let _router = forward(outer, nobody, folder.path());
    agent.finding("customer", "forward.broken").await;

    our_server.terminate();
    let claim = format!("vm:{}", inner.port());
    agent.finding(&claim, "port.dead").await;
    agent.explained("customer", "tcp.refused", &claim).await;
    agent.healed("customer", "forward.broken").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn web_servers_are_told_apart_by_certificate_and_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Test");
    let [secure, other, plain, router_page] = [(); 4].map(|()| own_address());
    let [outer_secure, outer_plain] = [(); 2].map(|()| own_address());
    let mut servers = String::new();
    for (address, name) in [(secure, "shop.example"), (other, "other.example")] {
        let order = Order { names: &[name], serial: 7, valid: (-DAY, 30 * DAY) };
        authority.issue(&order, &folder.path().join(name));
        let _ = writeln!(
            servers,
            "server {{ listen {address} ssl; ssl_certificate {name}/fullchain.pem; \
             ssl_certificate_key {name}/privkey.pem; return 200 ok; }}"
        );
    }
    for (address, title) in [(plain, "Shop"), (router_page, "Router")] {
        // Another token at every visit.
        let _ = writeln!(
            servers,
            "server {{ listen {address}; default_type text/html; \
             return 200 '<title>{title}</title>$request_id'; }}"
        );
    }
    let listen = [secure, other, plain, router_page];
    let _nginx = Nginx::start(folder.path(), &listen, &servers);
    let routers = |to: [SocketAddr; 2]| {
        let folder = |name: &str| {
            let folder = folder.path().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            folder
        };
        [
            forward(outer_secure, to[0], &folder("socat-secure")),
            forward(outer_plain, to[1], &folder("socat-plain")),
        ]
    };
    let right = routers([secure, plain]);
    let plan = format!(
        "{PACE}{}{}",
        rule("https", outer_secure, &secure.to_string(), ""),
        rule("http", outer_plain, &plain.to_string(), "speaks = \"http\"")
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    for check in ["https", "http"] {
        agent.state(check, "up").await;
        let seen = agent.check(check).await;
        assert_eq!(seen["last"]["facts"]["forward"]["same"], true, "{seen}");
    }

    right.into_iter().for_each(|router| router.terminate());
    let wrong = routers([other, router_page]);
    let told = agent.finding("https", "forward.misdirected").await;
    assert!(told["evidence"]["got"].to_string().contains("other.example"), "{told}");
    let told = agent.finding("http", "forward.misdirected").await;
    assert!(told["evidence"]["got"].to_string().contains("Router"), "{told}");
    assert!(told["evidence"]["expected"].to_string().contains("Shop"), "{told}");

    wrong.into_iter().for_each(|router| router.terminate());
    let _right = routers([secure, plain]);
    agent.state("https", "up").await;
    agent.state("http", "up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_inside_a_dead_outer_side_is_a_notice_and_no_outage() {
    let folder = tempfile::tempdir().unwrap();
    let (outer, inner) = (own_address(), own_address());
    let machine = Machine::new(&folder.path().join("ours"), &["ed25519"]);
    let _server = machine.serve(inner);
    let inside = rule("inside", outer, &inner.to_string(), "seen_from = \"inside\"");
    let plan = format!("{PACE}{inside}{}", rule("near", outer, &inner.to_string(), ""));
    let agent = Agent::start(folder.path(), "", &plan).await;
    let told = agent.finding("inside", "forward.no-hairpin").await;
    assert_eq!(told["severity"], "notice", "{told}");
    assert!(told["summary"].as_str().unwrap().contains("cannot be judged"), "{told}");
    agent.state("inside", "up").await;
    agent.finding("near", "forward.broken").await;
    agent.state("near", "down").await;
}
