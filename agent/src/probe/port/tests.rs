//! Real sockets and processes on loopback addresses of their own.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};

use health::claim::Addresses;
use health::{Exposure, Undeclared};

use super::*;

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
        service: "main app".into(),
        description: String::new(),
        claim: kind,
        exposure: None,
        processes: Vec::new(),
        units: Vec::new(),
        users: Vec::new(),
        dialled: true,
    }
}

fn spec(host: Host, claim: Claim) -> Spec {
    let target = Endpoint {
        host: host
            .address
            .parse()
            .map_or_else(|_| Target::Name((*host.address).into()), Target::Address),
        port: claim.key.port,
    };
    let host = Arc::new(host);
    Spec {
        host: host.clone(),
        claim: Arc::new(claim),
        target,
        source: None,
        neighbours: vec![host],
    }
}

fn net() -> Net {
    // Nothing here needs a name; a resolver that nobody serves keeps it so.
    Net::new(Some("127.42.0.53:53".parse().unwrap())).unwrap()
}

async fn look(spec: &Spec) -> (health::ports::Observed, Vec<Finding>) {
    let mut watch = Stopwatch::start(Duration::from_secs(5));
    let sight = observe(spec, &net(), &mut watch).await;
    (*sight.facts.port.unwrap(), sight.findings)
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.code.label()).collect()
}

/// A port that was free a moment ago.
fn free_port(ip: &str) -> u16 {
    TcpListener::bind((ip, 0)).unwrap().local_addr().unwrap().port()
}

/// What can be bound on a port that the kernel does not give to clients.
fn on_a_quiet_port<T>(bind: impl Fn(u16) -> io::Result<T>) -> T {
    (0..100_u32)
        .map(|n| 10_000 + (std::process::id() * 7919 + n) % 20_000)
        .find_map(|port| bind(u16::try_from(port).unwrap()).ok())
        .unwrap()
}

/// Ended with the test, also when it fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Python's own web server, on a port that the system picks.
fn web_server(ip: &str) -> (Running, u16) {
    let mut child = Command::new("python3")
        .args(["-u", "-m", "http.server", "0", "--bind", ip, "--directory", "/proc/self/net"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3 is needed: apt-get install python3");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    // Serving HTTP on 127.42.0.2 port 40123 (http://…) ...
    let words: Vec<&str> = line.split(' ').collect();
    let at = words.iter().position(|&word| word == "port").unwrap();
    (Running(child), words[at + 1].parse().unwrap())
}

#[tokio::test]
async fn a_service_lives_dies_and_is_told_apart_from_another() {
    let (running, port) = web_server("127.42.0.2");
    let pid = running.0.id();
    let mut allocated = claim(port, ClaimKind::Allocated);
    allocated.processes = vec!["python3".into()];
    let of = |claim: &Claim| spec(host("127.42.0.2"), claim.clone());

    let (observed, findings) = look(&of(&allocated)).await;
    assert_eq!(codes(&findings), [""; 0], "{findings:?}");
    assert_eq!((observed.listening, observed.reachable), (Some(true), Some(true)));
    assert_eq!(observed.bind, [SocketAddr::from(([127, 42, 0, 2], port))]);
    assert_eq!(observed.owners[0].pid, pid);
    assert_eq!(observed.exposure, Some(Exposure::Loopback));

    let mut other = allocated.clone();
    other.processes = vec!["node".into()];
    let (_, findings) = look(&of(&other)).await;
    assert_eq!(codes(&findings), ["port.wrong-owner"]);
    assert_eq!(findings[0].evidence["pid"], pid);
    assert_eq!(findings[0].evidence["expected"], "node");

    // A path that is a symbolic link to the executable names it too.
    let links = tempfile::tempdir().unwrap();
    let link = links.path().join("app");
    std::os::unix::fs::symlink(format!("/proc/{pid}/exe"), &link).unwrap();
    other.processes = vec![link.to_str().unwrap().to_owned()];
    assert_eq!(codes(&look(&of(&other)).await.1), [""; 0]);

    let reserved = Claim { claim: ClaimKind::Reserved, ..allocated.clone() };
    let (_, findings) = look(&of(&reserved)).await;
    assert_eq!(codes(&findings), ["port.taken"]);
    assert!(findings[0].evidence["command"].as_str().unwrap().contains("http.server"));
    assert!(findings[0].remedy.en.contains("ss -ltnp"));

    drop(running);
    let (observed, findings) = look(&of(&allocated)).await;
    assert_eq!(codes(&findings), ["port.dead"]);
    assert_eq!(findings[0].subject, format!("web:{port} (127.42.0.2:{port})"));
    assert_eq!(findings[0].evidence["how"], "refused");
    assert_eq!((observed.listening, observed.reachable), (Some(false), Some(false)));
    assert_eq!(codes(&look(&of(&reserved)).await.1), [""; 0]);
}

#[tokio::test]
async fn a_listener_that_accepts_nothing_is_dead() {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&"127.42.0.3:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    // Fills the accept queue; whoever comes next waits for an answer.
    let _first = std::net::TcpStream::connect(address).unwrap();
    let spec = spec(host("127.42.0.3"), claim(address.port(), ClaimKind::Allocated));
    let mut watch = Stopwatch::start(Duration::from_millis(300));
    let sight = observe(&spec, &net(), &mut watch).await;
    assert_eq!(codes(&sight.findings), ["port.dead"]);
    assert_eq!(sight.findings[0].evidence["how"], "timeout");
    assert_eq!(sight.facts.port.unwrap().listening, Some(true));
}

#[tokio::test]
async fn it_is_dialled_where_it_listens() {
    // The host's address is the router's, or a name that nobody knows: no outage.
    let held = ["127.0.0.1", "::1", "0.0.0.0", "::"]
        .map(|ip| on_a_quiet_port(|port| TcpListener::bind((ip, port))));
    for listener in held {
        let bind = listener.local_addr().unwrap();
        for address in ["203.0.113.7", "web.example", "127.0.0.1"] {
            let spec = spec(host(address), claim(bind.port(), ClaimKind::Allocated));
            let (observed, findings) = look(&spec).await;
            assert_eq!(codes(&findings), [""; 0], "{bind} at {address}: {findings:?}");
            assert_eq!(observed.reachable, Some(true), "{bind} at {address}");
        }
    }
}

#[tokio::test]
async fn a_socket_for_v6_alone_does_not_serve_a_v4_host() {
    let socket = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None).unwrap();
    socket.set_only_v6(true).unwrap();
    let everywhere = |port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    on_a_quiet_port(|port| socket.bind(&everywhere(port).into()));
    socket.listen(8).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    let (_, findings) = look(&spec(host("127.42.7.8"), claim(port, ClaimKind::Allocated))).await;
    assert_eq!(codes(&findings), ["port.dead"]);
    assert_eq!(findings[0].evidence["address"], format!("127.42.7.8:{port}"));
    assert!(findings[0].remedy.en.contains("listen [::]"), "{}", findings[0].remedy.en);
    let (_, findings) = look(&spec(host("::1"), claim(port, ClaimKind::Allocated))).await;
    assert_eq!(codes(&findings), [""; 0]);
}

#[tokio::test]
async fn exposure_of_real_sockets() {
    let narrow = TcpListener::bind("127.42.0.4:0").unwrap();
    let wide = TcpListener::bind("0.0.0.0:0").unwrap();
    for (listener, claimed, expected) in [
        (&narrow, Exposure::Loopback, vec![]),
        (&narrow, Exposure::Public, vec!["port.hidden"]),
        (&wide, Exposure::Public, vec![]),
        (&wide, Exposure::Loopback, vec!["port.exposed"]),
    ] {
        let mut host = host("127.42.0.4");
        host.addresses.public =
            vec![health::claim::Network { address: [127, 42, 9, 9].into(), prefix: 32 }];
        let mut claim = claim(listener.local_addr().unwrap().port(), ClaimKind::Allocated);
        claim.exposure = Some(claimed);
        let (_, findings) = look(&spec(host, claim)).await;
        assert_eq!(codes(&findings), expected, "{listener:?} {claimed:?}");
    }
}

/// What the plan calls a public address is dialled; on this machine it is one of loopback.
#[tokio::test]
async fn the_other_addresses_are_tried() {
    let own = TcpListener::bind("127.42.1.1:0").unwrap();
    let port = own.local_addr().unwrap().port();
    let single = |octets: [u8; 4]| health::claim::Network { address: octets.into(), prefix: 32 };
    let claimed = |exposure, local| {
        let mut host = host("127.42.1.1");
        host.local = local;
        host.addresses.internal = vec![single([127, 42, 1, 1])];
        host.addresses.public = vec![single([127, 42, 1, 2])];
        let mut claim = claim(port, ClaimKind::Allocated);
        claim.exposure = Some(exposure);
        spec(host, claim)
    };
    let (internal, public) = (Exposure::Internal, Exposure::Public);
    for local in [true, false] {
        assert_eq!(codes(&look(&claimed(internal, local)).await.1), [""; 0], "{local}");
        let (_, findings) = look(&claimed(public, local)).await;
        assert_eq!(codes(&findings), ["port.hidden"], "{local}");
        assert_eq!(findings[0].evidence["dialled"], format!("127.42.1.2:{port} refused"));

        // Somebody forwards what comes in there: a process of another kind, or the router.
        let forwarded = TcpListener::bind(("127.42.1.2", port)).unwrap();
        let mut forwarding = claimed(internal, local);
        forwarding.source = Some(IpAddr::from([127, 42, 1, 9]));
        let (_, findings) = look(&forwarding).await;
        assert_eq!(codes(&findings), ["port.exposed"], "{local}");
        assert_eq!(findings[0].evidence["dialled"], format!("127.42.1.2:{port} accepted"));
        if !local {
            assert_eq!(findings[0].evidence["dialled_from"], "127.42.1.9");
            assert!(findings[0].summary.en.contains("from 127.42.1.9"));
        }
        assert_eq!(codes(&look(&claimed(public, local)).await.1), [""; 0], "{local}");
        drop(forwarded);
    }
}

#[tokio::test]
async fn without_its_table_a_local_host_is_not_judged() {
    let listener = TcpListener::bind("127.42.2.1:0").unwrap();
    let open = listener.local_addr().unwrap().port();
    let (sockets, _sender) = crate::listeners::Sockets::hanging();
    let mut net = net();
    net.sockets = sockets;
    for port in [open, free_port("127.42.2.1")] {
        for kind in [ClaimKind::Allocated, ClaimKind::Reserved] {
            let spec = spec(host("127.42.2.1"), claim(port, kind));
            let mut watch = Stopwatch::start(Duration::from_secs(5));
            let sight = observe(&spec, &net, &mut watch).await;
            assert!(sight.facts.blind.unwrap().contains("socket table"), "{port} {kind:?}");
            assert!(sight.facts.port.is_none(), "{port} {kind:?}");
            assert!(!codes(&sight.findings).iter().any(|code| code.starts_with("port.")));
        }
    }
}

#[tokio::test]
async fn others_are_asked_beside_a_service_that_times_out() {
    use socket2::{Domain, Socket, Type};
    let silent = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    silent.bind(&"127.42.3.2:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    silent.listen(0).unwrap();
    let address = silent.local_addr().unwrap().as_socket().unwrap();
    let _first = std::net::TcpStream::connect(address).unwrap();
    let single = |octets: [u8; 4]| health::claim::Network { address: octets.into(), prefix: 32 };
    let mut host = host("127.42.3.2");
    host.local = false;
    host.addresses.internal = vec![single([127, 42, 3, 1])];
    host.addresses.public = vec![single([127, 42, 3, 2])];
    let mut claim = claim(address.port(), ClaimKind::Allocated);
    claim.exposure = Some(Exposure::Internal);
    let spec = spec(host, claim);
    for (inside, expected) in [(false, vec!["port.dead"]), (true, vec![])] {
        let _inside = inside.then(|| TcpListener::bind(("127.42.3.1", address.port())).unwrap());
        let mut watch = Stopwatch::start(Duration::from_millis(300));
        let sight = observe(&spec, &net(), &mut watch).await;
        assert_eq!(codes(&sight.findings), expected, "{inside} {:?}", sight.findings);
    }
}

#[test]
fn a_source_dials_its_own_family_alone() {
    let mut host = host("127.42.4.1");
    let single = |ip: IpAddr, prefix| health::claim::Network { address: ip, prefix };
    host.addresses.public = vec![
        single(IpAddr::from([127, 42, 4, 2]), 32),
        single("2001:db8::7".parse().unwrap(), 128),
    ];
    let mut claim = claim(80, ClaimKind::Allocated);
    claim.exposure = Some(Exposure::Public);
    let mut spec = spec(host, claim);
    for (source, v4, v6) in [(None, 1, 1), (Some("127.0.0.9"), 1, 0), (Some("::1"), 0, 1)] {
        spec.source = source.map(|source| source.parse().unwrap());
        let all = other_addresses(&spec, None);
        let count_v4 = all.iter().filter(|address| address.is_ipv4()).count();
        assert_eq!((count_v4, all.len() - count_v4), (v4, v6), "{source:?}");
    }
}

#[tokio::test]
async fn udp_is_judged_by_the_table() {
    let socket = on_a_quiet_port(|port| UdpSocket::bind(("127.42.0.5", port)));
    let port = socket.local_addr().unwrap().port();
    let udp = |kind| {
        let mut claim = claim(port, kind);
        claim.key.protocol = Protocol::Udp;
        claim
    };
    let of = |kind| spec(host("127.42.0.5"), udp(kind));
    let (observed, findings) = look(&of(ClaimKind::Allocated)).await;
    assert_eq!((observed.listening, observed.reachable), (Some(true), None));
    assert!(findings.is_empty());
    assert_eq!(codes(&look(&of(ClaimKind::Reserved)).await.1), ["port.taken"]);
    drop(socket);
    let (_, findings) = look(&of(ClaimKind::Allocated)).await;
    assert_eq!(codes(&findings), ["port.dead"]);
    assert_eq!(findings[0].evidence["how"], "not-listening");

    let far = Host { local: false, ..host("127.42.0.5") };
    let (observed, findings) = look(&spec(far, udp(ClaimKind::Allocated))).await;
    assert_eq!((observed.listening, observed.reachable), (None, None), "it cannot be told");
    assert!(findings.is_empty());
}

#[tokio::test]
async fn other_hosts() {
    let listener = TcpListener::bind("127.42.0.6:0").unwrap();
    let (open, closed) = (listener.local_addr().unwrap().port(), free_port("127.42.0.6"));
    for (port, kind, expected) in [
        (open, ClaimKind::Allocated, vec![]),
        (open, ClaimKind::Reserved, vec!["port.taken"]),
        (closed, ClaimKind::Allocated, vec!["port.dead"]),
        (closed, ClaimKind::System, vec!["port.dead"]),
        (closed, ClaimKind::Reserved, vec![]),
    ] {
        let far = Host { local: false, ..host("127.42.0.6") };
        let (observed, findings) = look(&spec(far, claim(port, kind))).await;
        assert_eq!(codes(&findings), expected, "{kind:?}");
        assert_eq!(observed.listening, Some(port == open));
        assert!(observed.owners.is_empty());
    }
}

#[tokio::test]
async fn a_name_that_does_not_resolve() {
    for (kind, severity) in
        [(ClaimKind::Allocated, Severity::Critical), (ClaimKind::Reserved, Severity::Notice)]
    {
        let far = Host { local: false, ..host("back.example") };
        let mut watch = Stopwatch::start(Duration::from_millis(200));
        let sight = observe(&spec(far, claim(9000, kind)), &net(), &mut watch).await;
        assert_eq!(codes(&sight.findings), ["resolve.failed"]);
        assert_eq!(sight.findings[0].severity, severity);
        assert_eq!(sight.facts.port.unwrap().listening, None);
    }
}

fn elsewhere_address() -> SocketAddr {
    SocketAddr::from(([127, 42, 0, 99], 9740))
}

#[tokio::test]
async fn strangers_are_swept_up() {
    let (running, port) = web_server("127.42.0.8");
    let (_neighbour, elsewhere) = web_server("127.42.0.9");
    let sweep_of = |claims, dashboard| {
        let mut web = host("127.42.0.8");
        web.claims = claims;
        let web = Arc::new(web);
        Sweep {
            host: web.clone(),
            interval: Duration::from_secs(5),
            thresholds: Thresholds::default(),
            neighbours: vec![web, Arc::new(Host { name: "back".into(), ..host("127.42.0.9") })],
            dashboard,
            labels: BTreeMap::new(),
        }
    };
    let net = net();
    let found = sweep(&sweep_of(Vec::new(), elsewhere_address()), &net).await.unwrap();
    let key = PortKey { host: "web".into(), port, protocol: Protocol::Tcp };
    let (_, observation) = found.iter().find(|(other, _)| *other == key).unwrap();
    assert_eq!(codes(&observation.findings), ["port.undeclared"]);
    assert!(!observation.is_good());
    let observed = observation.facts.port.as_ref().unwrap();
    assert_eq!(observed.owners[0].pid, running.0.id());
    assert!(found.iter().all(|(key, _)| key.port != elsewhere || key.port == port));

    let claimed = sweep_of(vec![Arc::new(claim(port, ClaimKind::Allocated))], elsewhere_address());
    assert!(sweep(&claimed, &net).await.unwrap().iter().all(|(other, _)| *other != key));

    let own_dashboard = sweep_of(Vec::new(), SocketAddr::from(([127, 42, 0, 8], port)));
    assert!(sweep(&own_dashboard, &net).await.unwrap().iter().all(|(other, _)| *other != key));
}
