//! Tables: what is claimed, what is there, what is said.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::*;

mod conditions;
use crate::claim::{Addresses, Network};
use crate::{Claim, ClaimKind, Finding, Host, Listener, Owner, PortKey, Protocol, Undeclared};

#[derive(Default)]
struct World {
    listeners: Vec<Listener>,
    addresses: Vec<IpAddr>,
    users: BTreeMap<u32, String>,
    names: Names,
    kept_back: Option<Vec<(u16, u16)>>,
    hosts: Vec<Arc<Host>>,
}

impl World {
    fn new(listeners: Vec<Listener>) -> Self {
        let mut world = Self { listeners, ..Self::default() };
        order(&mut world.listeners);
        world.users.insert(33, "www-data".into());
        world.addresses = vec![ip("127.0.0.1"), ip("::1"), ip("192.168.0.5"), ip("fe80::1")];
        world
    }

    fn local<'a>(&'a self, host: &'a Host) -> Local<'a> {
        let machine = Machine {
            listeners: &self.listeners,
            addresses: &self.addresses,
            ephemeral: (32768, 60999),
            kept_back: self.kept_back.as_deref(),
            users: &self.users,
            names: &self.names,
        };
        Local { host, neighbours: &self.hosts, machine }
    }

    fn judge(&self, host: &Host, claim: &Claim) -> (Observed, Vec<Finding>) {
        judge_local(claim, &self.local(host), &[], Dials::default())
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn process(pid: u32, name: &str) -> Arc<Process> {
    Arc::new(Process {
        pid,
        name: name.into(),
        executable: Some(format!("/usr/bin/{name}")),
        command_line: format!("{name} --serve"),
        uid: 33,
        unit: None,
    })
}

fn listener(protocol: Protocol, bind: &str, owner: Owner) -> Listener {
    let bind: SocketAddr = bind.parse().unwrap();
    Listener { protocol, bind, v6_only: None, inode: 1, owner }
}

fn owned(bind: &str, pid: u32, name: &str) -> Listener {
    listener(Protocol::Tcp, bind, Owner::Processes(vec![process(pid, name)]))
}

fn host(address: &str) -> Host {
    Host {
        name: "web".into(),
        address: address.into(),
        local: true,
        undeclared: Undeclared::Warn,
        addresses: Addresses::default(),
        ignore: Vec::new(),
        claims: Vec::new(),
    }
}

fn claim(port: u16, kind: ClaimKind) -> Claim {
    Claim {
        key: PortKey { host: "web".into(), port, protocol: Protocol::Tcp },
        range: (port, port),
        service: String::new(),
        description: String::new(),
        claim: kind,
        exposure: None,
        processes: Vec::new(),
        units: Vec::new(),
        users: Vec::new(),
        dialled: true,
    }
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.code.label()).collect()
}

fn network(text: &str) -> Network {
    let (address, prefix) = text.split_once('/').unwrap();
    Network { address: ip(address), prefix: prefix.parse().unwrap() }
}

#[test]
fn dead_and_taken() {
    use ClaimKind::{Allocated, Reserved, System};
    let there = World::new(vec![owned("127.0.0.1:3011", 811, "node")]);
    let empty = World::new(Vec::new());
    for (kind, when_there, when_empty) in [
        (Allocated, vec![], vec!["port.dead"]),
        (System, vec![], vec!["port.dead"]),
        (Reserved, vec!["port.taken"], vec![]),
    ] {
        let (host, claim) = (host("127.0.0.1"), claim(3011, kind));
        assert_eq!(codes(&there.judge(&host, &claim).1), when_there, "{kind:?}");
        assert_eq!(codes(&empty.judge(&host, &claim).1), when_empty, "{kind:?}");
    }
}

#[test]
fn taken_tells_who() {
    let world = World::new(vec![
        owned("0.0.0.0:3012", 42, "python3"),
        owned("[::]:3012", 42, "python3"),
        owned("127.0.0.1:3012", 7, "nc"),
    ]);
    let mut reserved = claim(3012, ClaimKind::Reserved);
    reserved.service = "admin API".into();
    let (observed, findings) = world.judge(&host("127.0.0.1"), &reserved);
    assert_eq!(observed.listening, Some(true));
    assert_eq!(observed.bind.len(), 3);
    // One process on v4 and v6 is one finding, another process is another.
    assert_eq!(codes(&findings), ["port.taken", "port.taken"]);
    let python = findings.iter().find(|finding| finding.evidence["pid"] == 42).unwrap();
    assert_eq!(python.subject, "web:3012 (python3 on 0.0.0.0:3012, [::]:3012)");
    assert_eq!(
        python.summary.en,
        "web:3012 is reserved for admin API, but python3 (pid 42, user www-data) listens on 0.0.0.0:3012, [::]:3012"
    );
    for (name, value) in
        [("process", "python3"), ("user", "www-data"), ("command", "python3 --serve")]
    {
        assert_eq!(python.evidence[name], value);
    }
    assert!(python.remedy.en.contains("`ss -ltnp 'sport = :3012'`"));
    assert!(python.remedy.en.contains("`kill 42`") && python.remedy.ko.contains("`kill 42`"));
}

#[test]
fn the_remedy_knows_units_and_containers() {
    for (unit, expected) in [
        (Some("nginx.service"), "`systemctl stop nginx.service`"),
        (Some("3f2a9c0d1e5b"), "`docker stop 3f2a9c0d1e5b`"),
        (None, "`kill 5`"),
    ] {
        let mut nginx = Process::clone(&process(5, "nginx"));
        nginx.unit = unit.map(Into::into);
        let owner = Owner::Processes(vec![Arc::new(nginx)]);
        let world = World::new(vec![listener(Protocol::Tcp, "0.0.0.0:80", owner)]);
        let (_, findings) = world.judge(&host("127.0.0.1"), &claim(80, ClaimKind::Reserved));
        assert!(findings[0].remedy.en.contains(expected), "{}", findings[0].remedy.en);
    }
}

#[test]
fn owners() {
    let hidden = || Owner::Hidden { uid: 33 };
    let several = |names: &[&str]| {
        let pid = |name: &str| name.bytes().map(u32::from).sum::<u32>();
        let all = (0..).zip(names);
        Owner::Processes(all.map(|(n, name)| process(10 + n + pid(name), name)).collect())
    };
    let systemd = || {
        let mut systemd = Process::clone(&process(1, "systemd"));
        systemd.executable = None;
        Arc::new(systemd)
    };
    let activated = Owner::Processes(vec![systemd(), process(9, "sshd")]);
    let waiting = Owner::Processes(vec![systemd()]);
    // What, owners, names of the claim, the wrong one, why an owner is unknown.
    type Case = (
        &'static str,
        Vec<Owner>,
        &'static [&'static str],
        Option<&'static str>,
        Option<&'static str>,
    );
    let cases: Vec<Case> = vec![
        ("nobody in particular", vec![several(&["nc"])], &[], None, None),
        ("the right one", vec![several(&["node"])], &["node"], None, None),
        ("a wrong one", vec![several(&["nc"])], &["node"], Some("nc"), None),
        ("one of a list", vec![several(&["pm2"])], &["node", "pm2"], None, None),
        ("parent and workers", vec![several(&["nginx", "nginx"])], &["nginx"], None, None),
        ("one worker is not", vec![several(&["nginx", "sh"])], &["nginx"], Some("sh"), None),
        (
            "two sockets, one is not",
            vec![several(&["node"]), several(&["nc"])],
            &["node"],
            Some("nc"),
            None,
        ),
        ("path", vec![several(&["node"])], &["/usr/bin/node"], None, None),
        ("other path", vec![several(&["node"])], &["/opt/node"], Some("node"), None),
        ("hidden is not wrong", vec![hidden()], &["node"], None, Some("permission")),
        ("the kernel is not wrong", vec![Owner::Kernel], &["node"], None, Some("kernel")),
        (
            "hidden beside a wrong one",
            vec![hidden(), several(&["nc"])],
            &["node"],
            Some("nc"),
            Some("permission"),
        ),
        ("socket activation", vec![activated], &["sshd"], None, None),
        ("socket activation, not yet started", vec![waiting], &["sshd"], None, None),
    ];
    for (what, owners, names, wrong, unknown) in cases {
        let binds = ["0.0.0.0:80", "[::]:80"];
        let listeners = owners
            .into_iter()
            .zip(binds)
            .map(|(owner, bind)| listener(Protocol::Tcp, bind, owner))
            .collect();
        let world = World::new(listeners);
        let mut claim = claim(80, ClaimKind::Allocated);
        claim.processes = names.iter().map(|&name| name.to_owned()).collect();
        let (observed, findings) = world.judge(&host("127.0.0.1"), &claim);
        assert_eq!(observed.owner_unknown.as_deref(), unknown, "{what}");
        let got: Vec<_> = findings.iter().map(|finding| &finding.evidence["got"]).collect();
        assert_eq!(got, wrong.into_iter().collect::<Vec<_>>(), "{what}: {findings:?}");
    }
}

#[test]
fn a_path_may_be_a_symbolic_link() {
    let world = World::new(vec![owned("127.0.0.1:80", 5, "python3.11")]);
    let mut claim = claim(80, ClaimKind::Allocated);
    claim.processes = vec!["/usr/local/bin/app".into()];
    let host = host("127.0.0.1");
    let followed = ["/usr/bin/python3.11".to_owned()];
    let judge =
        |paths: &[String]| judge_local(&claim, &world.local(&host), paths, Dials::default()).1;
    assert_eq!(codes(&judge(&[])), ["port.wrong-owner"]);
    assert_eq!(codes(&judge(&followed)), [""; 0]);
}

#[test]
fn a_moved_service_is_recognised() {
    let world = World::new(vec![
        owned("127.0.0.1:3012", 811, "node"),
        owned("127.0.0.1:3013", 812, "node"),
        owned("127.0.0.1:3014", 9, "nc"),
    ]);
    let mut host = host("127.0.0.1");
    let mut dead = claim(3011, ClaimKind::Allocated);
    dead.processes = vec!["node".into()];
    // 3012 is node's by the plan, so node has not moved there.
    host.claims = vec![Arc::new(dead.clone()), Arc::new(claim(3012, ClaimKind::Allocated))];
    let (_, findings) = world.judge(&host, &dead);
    assert_eq!(codes(&findings), ["port.dead"]);
    assert_eq!(
        findings[0].summary.en,
        "web:3011: nobody listens on 127.0.0.1:3011, expected node; node (pid 812, user www-data) listens on 3013 instead"
    );
    assert_eq!(findings[0].evidence["instead"][0]["pid"], 812);
    assert_eq!(findings[0].subject, "web:3011 (127.0.0.1:3011)");
}

#[test]
fn the_same_port_at_a_foreign_address_is_named() {
    let world = World::new(vec![owned("127.0.0.53:53", 4, "systemd-resolve")]);
    let (_, findings) = world.judge(&host("127.0.0.1"), &claim(53, ClaimKind::Allocated));
    assert!(findings[0].summary.en.ends_with("listens on 127.0.0.53:53 instead"));
}

#[test]
fn a_connection_decides_liveness() {
    let at = |answer| Dial { address: "127.0.0.1:3011".parse().unwrap(), answer };
    let (host, claim) = (host("127.0.0.1"), claim(3011, ClaimKind::Allocated));
    let there = World::new(vec![owned("127.0.0.1:3011", 811, "node")]);
    let empty = World::new(Vec::new());
    let judge = |world: &World, answer| {
        let dial = at(answer);
        let dials = Dials { service: Some(&dial), ..Dials::default() };
        let (observed, findings) = judge_local(&claim, &world.local(&host), &[], dials);
        let how = findings.first().map(|finding| finding.evidence["how"].clone());
        (observed.listening, observed.reachable, how)
    };
    assert_eq!(judge(&there, Answer::Accepted), (Some(true), Some(true), None));
    assert_eq!(judge(&there, Answer::Timeout), (Some(true), Some(false), Some("timeout".into())));
    assert_eq!(judge(&empty, Answer::Refused), (Some(false), Some(false), Some("refused".into())));
    // Packet filter rules (Docker without its proxy) answer without a socket.
    assert_eq!(judge(&empty, Answer::Accepted), (Some(false), Some(true), None));
}

#[test]
fn exposure_by_bind_address() {
    let cases: &[(Exposure, &[&str], &[&str])] = &[
        (Exposure::Loopback, &["127.0.0.1:80"], &[]),
        (Exposure::Loopback, &["[::1]:80", "127.0.0.1:80"], &[]),
        (Exposure::Loopback, &["[::ffff:127.0.0.1]:80"], &[]),
        (Exposure::Loopback, &["192.168.0.5:80"], &["port.exposed"]),
        (Exposure::Loopback, &["127.0.0.1:80", "192.168.0.5:80"], &["port.exposed"]),
        // The machine has 192.168.0.5, though the host's address is 127.0.0.1.
        (Exposure::Loopback, &["0.0.0.0:80"], &["port.exposed"]),
        (Exposure::Loopback, &["[::]:80"], &["port.exposed"]),
        (Exposure::Internal, &["0.0.0.0:80"], &[]),
        (Exposure::Internal, &["127.0.0.1:80"], &["port.hidden"]),
        (Exposure::Internal, &["127.0.0.1:80", "10.0.0.9:80"], &[]),
        (Exposure::Internal, &["203.0.113.7:80"], &["port.exposed"]),
        (Exposure::Internal, &["100.64.0.1:80"], &[]),
        (Exposure::Internal, &["100.128.0.1:80"], &["port.exposed"]),
        (Exposure::Internal, &["172.31.0.1:80"], &[]),
        (Exposure::Internal, &["172.32.0.1:80"], &["port.exposed"]),
        (Exposure::Internal, &["[fd00::1]:80"], &[]),
        (Exposure::Internal, &["[fe80::1]:80"], &[]),
        (Exposure::Internal, &["[2001:db8::1]:80"], &["port.exposed"]),
        (Exposure::Public, &["203.0.113.7:80"], &[]),
        (Exposure::Public, &["192.168.0.5:80"], &["port.hidden"]),
        (Exposure::Public, &["127.0.0.1:80", "[::1]:80"], &["port.hidden"]),
        // Behind a router nothing wider can be bound.
        (Exposure::Public, &["0.0.0.0:80"], &[]),
    ];
    for &(exposure, binds, expected) in cases {
        let world = World::new(binds.iter().map(|bind| owned(bind, 5, "nginx")).collect());
        let mut claim = claim(80, ClaimKind::Allocated);
        claim.exposure = Some(exposure);
        let (_, findings) = world.judge(&host("127.0.0.1"), &claim);
        assert_eq!(codes(&findings), expected, "{exposure:?} {binds:?}");
    }
}

#[test]
fn exposed_names_the_wide_bind_and_its_owner() {
    let world = World::new(vec![
        owned("127.0.0.1:5432", 5, "postgres"),
        owned("192.168.0.5:5432", 6, "socat"),
    ]);
    let mut claim = claim(5432, ClaimKind::Allocated);
    claim.exposure = Some(Exposure::Loopback);
    let (observed, findings) = world.judge(&host("127.0.0.1"), &claim);
    assert_eq!(observed.exposure, Some(Exposure::Internal));
    assert_eq!(findings[0].subject, "web:5432 (192.168.0.5:5432)");
    assert_eq!(findings[0].evidence["process"], "socat");
    assert_eq!(findings[0].evidence["expected"], "loopback");
    assert_eq!(findings[0].evidence["got"], "internal");
}

#[test]
fn exposure_by_the_lists_of_the_plan() {
    let mut host = host("127.0.3.1");
    host.addresses = Addresses {
        public: vec![network("127.0.3.9/32")],
        internal: vec![network("127.0.3.0/24")],
        loopback: vec![network("127.0.3.1/32"), network("127.0.0.1/32")],
    };
    let cases = [
        ("127.0.3.9:80", Exposure::Public),
        ("127.0.3.8:80", Exposure::Internal),
        ("127.0.3.1:80", Exposure::Loopback),
        ("127.0.4.1:80", Exposure::Loopback),
        ("10.1.2.3:80", Exposure::Internal),
        ("0.0.0.0:80", Exposure::Public),
        ("[::]:80", Exposure::Public),
    ];
    let world = World::new(Vec::new());
    for (bind, expected) in cases {
        let listener = owned(bind, 5, "nginx");
        assert_eq!(world.local(&host).reach(&listener), expected, "{bind}");
    }
    // The plan lists addresses, so those of the machine (192.168.0.5) do not count.
    host.addresses = Addresses { loopback: vec![network("127.0.3.1/32")], ..Addresses::default() };
    assert_eq!(world.local(&host).reach(&owned("0.0.0.0:80", 5, "x")), Exposure::Loopback);
}

#[test]
fn a_v6_only_socket_is_as_wide_as_the_v6_addresses() {
    let mut world = World::new(Vec::new());
    world.addresses.push(ip("203.0.113.7"));
    let host = host("127.0.0.1");
    let reach = |bind, v6_only| {
        let listener = Listener { v6_only, ..owned(bind, 5, "nginx") };
        world.local(&host).reach(&listener)
    };
    assert_eq!(reach("0.0.0.0:80", None), Exposure::Public);
    assert_eq!(reach("[::]:80", Some(false)), Exposure::Public);
    assert_eq!(reach("[::]:80", Some(true)), Exposure::Internal);
}

#[test]
fn whose_listener_it_is() {
    let lone = |address: &str| vec![host(address)];
    let pair =
        |first: &str, second: &str| vec![host(first), Host { name: "back".into(), ..host(second) }];
    let cases: Vec<(Vec<Host>, &str, bool)> = vec![
        (lone("127.0.0.1"), "127.0.0.1", true),
        (lone("127.0.0.1"), "10.0.0.5", true),
        (lone("127.0.0.1"), "::1", true),
        (lone("203.0.113.7"), "127.0.0.1", true),
        (lone("web.example"), "127.0.0.1", true),
        (lone("127.0.0.1"), "127.0.0.53", false),
        (lone("127.0.3.1"), "127.0.3.1", true),
        (lone("127.0.3.1"), "127.0.0.1", false),
        (lone("127.0.3.1"), "0.0.0.0", true),
        (lone("127.0.3.1"), "::", true),
        (lone("127.0.3.1"), "::ffff:127.0.3.1", true),
        (pair("127.0.3.1", "127.0.3.2"), "127.0.3.1", true),
        (pair("127.0.3.1", "127.0.3.2"), "127.0.3.2", false),
        (pair("10.0.0.5", "10.0.0.6"), "127.0.0.1", false),
        (pair("10.0.0.5", "10.0.0.6"), "::", true),
        (pair("localhost", "10.0.0.6"), "127.0.0.1", true),
        (pair("localhost", "10.0.0.6"), "::1", true),
    ];
    for (hosts, bind, expected) in cases {
        let mut world = World::new(Vec::new());
        world.hosts = hosts.iter().cloned().map(Arc::new).collect();
        let label = format!("{} of {} at {bind}", hosts[0].address, hosts.len());
        assert_eq!(world.local(&hosts[0]).owns(ip(bind)), expected, "{label}");
    }
    let mut listed = host("10.0.0.5");
    listed.addresses.internal = vec![network("10.0.0.7/32"), network("10.9.0.0/16")];
    let mut world = World::new(Vec::new());
    world.hosts = vec![Arc::new(Host { name: "back".into(), ..host("10.0.0.6") })];
    assert!(world.local(&listed).owns(ip("10.0.0.7")), "a single address in `addresses`");
    assert!(!world.local(&listed).owns(ip("10.9.0.1")), "a network is not an address of its own");
}

#[test]
fn strangers() {
    let mut world = World::new(vec![
        owned("127.0.0.1:3011", 811, "node"),
        owned("0.0.0.0:5555", 9, "nc"),
        owned("[::]:5555", 9, "nc"),
        owned("127.0.0.1:40000", 10, "webpack"),
        listener(Protocol::Udp, "0.0.0.0:5353", Owner::Hidden { uid: 33 }),
        // A client's socket.
        listener(Protocol::Udp, "0.0.0.0:41000", Owner::Hidden { uid: 33 }),
        // TCP is claimed, UDP is not.
        listener(Protocol::Udp, "127.0.0.1:3011", Owner::Kernel),
        owned("127.0.3.7:6000", 11, "other"),
    ]);
    let mut web = host("127.0.0.1");
    web.claims = vec![Arc::new(claim(3011, ClaimKind::Allocated))];
    world.hosts = vec![Arc::new(web.clone())];
    let strangers = undeclared(&world.local(&web));
    let names: Vec<String> = strangers.iter().map(|stranger| stranger.key.to_string()).collect();
    assert_eq!(names, ["web:5555", "web:40000", "web:3011/udp", "web:5353/udp"]);
    let nc = &strangers[0];
    assert_eq!(codes(&nc.findings), ["port.undeclared"]);
    assert_eq!(nc.findings[0].severity, crate::Severity::Warning);
    assert_eq!(nc.findings[0].subject, "web:5555 (nc on 0.0.0.0:5555, [::]:5555)");
    assert_eq!(nc.observed.owners[0].pid, 9);
    assert_eq!(strangers[3].observed.owner_unknown.as_deref(), Some("permission"));

    web.undeclared = Undeclared::Critical;
    let strict = undeclared(&world.local(&web));
    assert_eq!(strict[0].findings[0].severity, crate::Severity::Critical);
    web.undeclared = Undeclared::Ignore;
    assert!(undeclared(&world.local(&web)).is_empty());
}

#[test]
fn other_hosts_are_judged_by_dialling() {
    use Answer::{Accepted, Refused, Timeout};
    use ClaimKind::{Allocated, Reserved};
    use Exposure::{Internal, Loopback, Public};
    let near = "127.0.2.1:9000";
    let far = "10.0.0.6:9000";
    type Case =
        (ClaimKind, Option<Exposure>, &'static str, Answer, Option<bool>, &'static [&'static str]);
    let cases: Vec<Case> = vec![
        (Allocated, None, far, Accepted, Some(true), &[]),
        (Allocated, None, far, Refused, Some(false), &["port.dead"]),
        (Allocated, None, far, Timeout, None, &["port.dead"]),
        (Allocated, Some(Public), far, Timeout, None, &["port.dead"]),
        (Allocated, Some(Internal), far, Accepted, Some(true), &[]),
        (Allocated, Some(Loopback), far, Accepted, Some(true), &["port.exposed"]),
        // It is not for us to reach, so that we cannot says nothing.
        (Allocated, Some(Loopback), far, Refused, Some(false), &[]),
        (Allocated, Some(Loopback), near, Accepted, Some(true), &[]),
        (Allocated, Some(Loopback), near, Refused, Some(false), &["port.dead"]),
        (Reserved, None, far, Accepted, Some(true), &["port.taken"]),
        (Reserved, None, far, Refused, Some(false), &[]),
        (Reserved, None, far, Timeout, None, &[]),
    ];
    for (kind, exposure, at, answer, listening, expected) in cases {
        let mut claim = claim(9000, kind);
        claim.exposure = exposure;
        let label = format!("{kind:?} {exposure:?} {at} {answer:?}");
        let dial = Dial { address: at.parse().unwrap(), answer };
        let dials = Dials { service: Some(&dial), ..Dials::default() };
        let there = Host { local: false, ..host("10.0.0.6") };
        let (observed, findings) = judge_remote(&claim, &there, dials);
        assert_eq!(observed.listening, listening, "{label}");
        assert_eq!(codes(&findings), expected, "{label}");
    }
    let (observed, findings) =
        judge_remote(&claim(9000, Allocated), &host("10.0.0.6"), Dials::default());
    assert_eq!((observed.listening, observed.reachable), (None, None));
    assert!(findings.is_empty());
}
