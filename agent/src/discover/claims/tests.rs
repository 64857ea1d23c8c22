use std::sync::Arc;

use health::{Owner, Process};

use super::*;

fn process(pid: u32, name: &str) -> Owner {
    Owner::Processes(vec![Arc::new(Process {
        pid,
        name: name.into(),
        executable: Some(format!("/usr/bin/{name}")),
        command_line: String::new(),
        uid: 0,
        unit: None,
    })])
}

fn table(listeners: Vec<(Protocol, &str, Owner)>) -> Table {
    let mut table = Table::default();
    table.addresses = vec!["127.0.0.1".parse().unwrap(), "203.0.113.7".parse().unwrap()];
    table.ephemeral = (32768, 60999);
    table.listeners = listeners
        .into_iter()
        .map(|(protocol, bind, owner)| {
            let bind = bind.parse().unwrap();
            Listener { protocol, bind, v6_only: None, inode: 1, owner }
        })
        .collect();
    health::ports::order(&mut table.listeners);
    table
}

fn published(service: &str, bind: &str, ports: (u16, u16)) -> Published {
    Published {
        service: service.into(),
        bind: bind.parse().unwrap(),
        ports,
        protocol: Protocol::Tcp,
        place: "compose compose.yaml:4".into(),
    }
}

/// Hosts with their claims in short, and remarks.
fn found(
    addresses: &[&str],
    table: &Table,
    published: &[Published],
    nginx: &str,
) -> (Vec<String>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nginx.conf");
    std::fs::write(&path, nginx).unwrap();
    let sites = Sites::of(&crate::nginx::read(&path));
    let services = HashMap::from([((Protocol::Tcp, 5432), "postgresql".to_owned())]);
    let known = Known { published, sites: &sites, services: &services };
    let addresses = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
    let scope = Scope { addresses, ..Scope::default() };
    let mut remarks = Vec::new();
    let mut lines = Vec::new();
    for mut host in hosts(&scope, "web", table, &known, &mut remarks) {
        host.claims = fold(host.claims);
        lines.push(format!("{} {} {:?}", host.name, host.address, host.undeclared));
        lines.extend(host.claims.iter().map(|claim| {
            let (first, last) = claim.ports;
            let exposure = claim.exposure.map_or("-", Exposure::label);
            let (kind, processes) = (claim.kind.label(), claim.processes.join("+"));
            let protocol = claim.protocol.label();
            format!("{first}-{last}/{protocol} {kind} {} {exposure} {processes}", claim.service)
        }));
    }
    (lines, remarks)
}

#[test]
fn a_whole_machine() {
    let (tcp, udp) = (Protocol::Tcp, Protocol::Udp);
    let table = table(vec![
        (tcp, "0.0.0.0:22", process(10, "sshd")),
        (tcp, "[::]:22", process(10, "sshd")),
        (tcp, "0.0.0.0:443", process(11, "nginx")),
        (tcp, "127.0.0.1:3011", process(12, "node")),
        (tcp, "127.0.0.1:3015", process(13, "node")),
        (tcp, "127.0.0.1:3016", process(14, "node")),
        (tcp, "127.0.0.1:5432", Owner::Hidden { uid: 105 }),
        (tcp, "0.0.0.0:8080", process(15, "docker-proxy")),
        (tcp, "127.0.0.1:9740", process(16, "portwarden")),
        (tcp, "127.0.0.1:40001", process(17, "java")),
        (udp, "0.0.0.0:123", process(18, "chronyd")),
        (udp, "0.0.0.0:40002", process(19, "dig")),
        (tcp, "127.0.0.53:53", process(20, "systemd-resolve")),
    ]);
    let compose =
        [published("web", "0.0.0.0", (8080, 8080)), published("db", "0.0.0.0", (6379, 6380))];
    let nginx = "http { upstream main { server 127.0.0.1:3011; } server { location / { proxy_pass http://main; } } }";
    let (lines, remarks) = found(&[], &table, &compose, nginx);
    assert_eq!(
        lines,
        [
            "web 127.0.0.1 Warn",
            "22-22/tcp system sshd public sshd",
            "123-123/udp system chronyd public chronyd",
            "443-443/tcp system nginx public nginx",
            "3011-3011/tcp allocated main loopback node",
            "3015-3016/tcp allocated node loopback node",
            "5432-5432/tcp allocated postgresql loopback ",
            "8080-8080/tcp allocated web public docker-proxy",
            "40001-40001/tcp allocated java loopback java",
            "6379-6380/tcp reserved db - ",
        ]
    );
    assert_eq!(remarks.len(), 1);
    assert!(remarks[0].contains("--address 127.0.0.53"), "{remarks:?}");
}

#[test]
fn only_the_addresses_asked_for() {
    let tcp = Protocol::Tcp;
    let table = table(vec![
        (tcp, "0.0.0.0:80", process(10, "nginx")),
        (tcp, "127.9.0.1:80", process(11, "a")),
        (tcp, "127.9.0.2:81", process(12, "b")),
        (tcp, "[::1]:82", process(13, "c")),
    ]);
    let compose =
        [published("db", "0.0.0.0", (6379, 6379)), published("own", "127.9.0.2", (6380, 6380))];
    let (lines, remarks) = found(&["127.9.0.1"], &table, &[], "");
    // What listens everywhere takes the same port of this address too: judgement sees both.
    assert_eq!(lines, ["web 127.9.0.1 Ignore", "80-80/tcp system nginx public nginx+a"]);
    assert_eq!(remarks, [""; 0]);
    let (lines, _) = found(&["127.9.0.2", "::1"], &table, &compose, "");
    assert_eq!(
        lines,
        [
            "web-127.9.0.2 127.9.0.2 Ignore",
            "81-81/tcp system b loopback b",
            "6380-6380/tcp reserved own - ",
            "web---1 ::1 Ignore",
            "82-82/tcp system c loopback c",
        ]
    );
    let (lines, _) = found(&["0.0.0.0"], &table, &compose, "");
    assert_eq!(lines[0], "web 127.0.0.1 Ignore");
    assert!(lines[1].starts_with("80-80/tcp system nginx"), "{lines:?}");
    assert!(lines[2].starts_with("6379-6379/tcp reserved db"), "{lines:?}");
}

#[test]
fn no_claim_is_wider_than_a_plan_takes() {
    let compose = [published("media", "0.0.0.0", (20_000, 45_000))];
    let (lines, _) = found(&[], &table(vec![]), &compose, "");
    assert_eq!(
        lines[1..],
        [
            "20000-29999/tcp reserved media - ",
            "30000-39999/tcp reserved media - ",
            "40000-45000/tcp reserved media - ",
        ]
    );
}

#[test]
fn machines_called_like_something_else() {
    for (name, expected) in [
        ("web", true),
        ("web-1", true),
        ("1a", true),
        ("2024", false),
        ("10-0-0-5", false),
        ("10.0.0.5", false),
    ] {
        assert_eq!(!reads_otherwise(name), expected, "{name}");
    }
}
