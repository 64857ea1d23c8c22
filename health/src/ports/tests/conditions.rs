//! Tables: units and users, moved services, proxies, ports that clients may hold, and what the
//! host's other addresses say.

use super::*;

fn told(findings: &[Finding]) -> &str {
    findings.first().map_or("", |finding| &finding.summary.en)
}

#[test]
fn units_and_users() {
    let nginx = |unit: Option<&str>, uid| {
        let mut nginx = Process::clone(&process(5, "nginx"));
        (nginx.unit, nginx.uid) = (unit.map(Into::into), uid);
        Owner::Processes(vec![Arc::new(nginx)])
    };
    let service = || nginx(Some("nginx.service"), 33);
    // Who listens, process, unit and user of the claim, what was got instead.
    type Case = (
        Owner,
        &'static [&'static str],
        &'static [&'static str],
        &'static [&'static str],
        Option<&'static str>,
    );
    let cases: Vec<Case> = vec![
        (service(), &[], &["nginx.service"], &[], None),
        (service(), &[], &["nginx"], &[], None),
        (service(), &[], &["apache2", "nginx"], &[], None),
        (service(), &[], &["apache2"], &[], Some("nginx.service")),
        (nginx(None, 33), &[], &["nginx.service"], &[], Some("no unit")),
        (nginx(Some("3f2a9c0d1e5b"), 33), &[], &["3f2a9c0d1e5b77aa"], &[], None),
        (nginx(Some("3f2a9c0d1e5b"), 33), &[], &["3f2a9c0d1e5c"], &[], Some("3f2a9c0d1e5b")),
        (service(), &[], &[], &["www-data"], None),
        (service(), &[], &[], &["33"], None),
        (service(), &[], &[], &["root", "www-data"], None),
        (service(), &[], &[], &["root"], Some("www-data")),
        (nginx(None, 4711), &[], &[], &["4711"], None),
        (nginx(None, 4711), &[], &[], &["www-data"], Some("4711")),
        // Each narrows: the first that does not hold is told.
        (service(), &["nginx"], &["nginx"], &["www-data"], None),
        (service(), &["node"], &["apache2"], &["root"], Some("nginx")),
        (service(), &["nginx"], &["apache2"], &["root"], Some("nginx.service")),
        (Owner::Hidden { uid: 33 }, &[], &["nginx"], &["root"], None),
    ];
    for (owner, processes, units, users, got) in cases {
        let world = World::new(vec![listener(Protocol::Tcp, "127.0.0.1:80", owner.clone())]);
        let mut claim = claim(80, ClaimKind::Allocated);
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        (claim.processes, claim.units, claim.users) =
            (owned(processes), owned(units), owned(users));
        let (_, findings) = world.judge(&host("127.0.0.1"), &claim);
        let what = format!("{owner:?} {processes:?} {units:?} {users:?}: {findings:?}");
        let found: Vec<_> = findings.iter().map(|finding| &finding.evidence["got"]).collect();
        assert_eq!(found, got.into_iter().collect::<Vec<_>>(), "{what}");
    }
}

#[test]
fn a_dead_unit_says_what_to_type() {
    let mut dead = claim(80, ClaimKind::Allocated);
    dead.units = vec!["nginx.service".into()];
    let (_, findings) = World::new(Vec::new()).judge(&host("127.0.0.1"), &dead);
    assert_eq!(
        told(&findings),
        "web:80: nobody listens on 127.0.0.1:80, expected unit nginx.service"
    );
    for remedy in [&findings[0].remedy.en, &findings[0].remedy.ko] {
        assert!(remedy.contains("`systemctl start nginx.service`"), "{remedy}");
        assert!(remedy.contains("`journalctl -u nginx.service"), "{remedy}");
    }
    // By its unit alone it is found where it moved to.
    let mut nginx = Process::clone(&process(5, "nginx"));
    nginx.unit = Some("nginx.service".into());
    let owner = Owner::Processes(vec![Arc::new(nginx)]);
    let world = World::new(vec![listener(Protocol::Tcp, "127.0.0.1:8080", owner)]);
    let (_, findings) = world.judge(&host("127.0.0.1"), &dead);
    assert_eq!(findings[0].evidence["instead"][0]["bind"], "127.0.0.1:8080");
}

#[test]
fn what_another_claim_owns_has_not_moved() {
    let named = |name: &str, address: &str, ports: &[u16]| {
        let claims = ports.iter().map(|&port| {
            let mut claim = claim(port, ClaimKind::Allocated);
            claim.key.host = name.into();
            claim.processes = vec!["node".into()];
            Arc::new(claim)
        });
        Host { name: name.into(), claims: claims.collect(), ..host(address) }
    };
    // The dead claim's host is `web` on 127.0.3.1 port 80; the other host claims these ports.
    for (bind, others, instead) in [
        ("127.0.3.2:80", &[80][..], false),
        ("127.0.3.2:80", &[81], true),
        ("0.0.0.0:8080", &[8080], false),
        ("0.0.0.0:8080", &[8081], true),
        ("127.0.3.1:8080", &[8080], true),
        ("127.0.3.2:8080", &[], false),
    ] {
        let mut world = World::new(vec![owned(bind, 7, "node")]);
        let web = named("web", "127.0.3.1", &[80]);
        world.hosts = vec![Arc::new(web.clone()), Arc::new(named("back", "127.0.3.2", others))];
        let (_, findings) = world.judge(&web, &web.claims[0]);
        assert_eq!(codes(&findings), ["port.dead"]);
        let is_told = findings[0].evidence.contains_key("instead");
        assert_eq!(is_told, instead, "{bind} {others:?}: {}", told(&findings));
    }
}

#[test]
fn v6_that_takes_v4_is_said_so() {
    for (only, also, words) in [
        (Some(false), Some(true), "listens on [::]:80 (v4 too)"),
        (Some(true), Some(false), "listens on [::]:80"),
        (None, None, "listens on [::]:80"),
    ] {
        let mut socket = owned("[::]:80", 5, "nginx");
        socket.v6_only = only;
        let world = World::new(vec![socket]);
        let (observed, findings) = world.judge(&host("127.0.0.1"), &claim(80, ClaimKind::Reserved));
        assert_eq!(observed.also_v4, also);
        assert!(told(&findings).ends_with(words), "{}", told(&findings));
        assert_eq!(findings[0].subject, "web:80 (nginx on [::]:80)");
    }
    let world = World::new(vec![owned("[::1]:80", 5, "nginx")]);
    assert_eq!(world.judge(&host("::1"), &claim(80, ClaimKind::Allocated)).0.also_v4, None);
}

#[test]
fn a_proxy_is_told_by_what_is_behind_it() {
    let line = "/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 80 -container-ip 172.17.0.2 -container-port 8080";
    for (name, unit, who, stop) in [
        (
            "docker-proxy",
            Some("3f2a9c0d1e5b"),
            "docker-proxy (pid 5, user www-data) for 172.17.0.2:8080 in container 3f2a9c0d1e5b",
            "`docker stop 3f2a9c0d1e5b`",
        ),
        (
            "docker-proxy",
            Some("docker.service"),
            "docker-proxy (pid 5, user www-data) for 172.17.0.2:8080 in a container",
            "`docker ps --filter publish=80`",
        ),
        (
            "conmon",
            Some("3f2a9c0d1e5b"),
            "conmon (pid 5, user www-data) for container 3f2a9c0d1e5b",
            "`podman stop 3f2a9c0d1e5b`",
        ),
        (
            "slirp4netns",
            None,
            "slirp4netns (pid 5, user www-data) for a container that /proc does not name",
            "`podman ps --filter publish=80`",
        ),
    ] {
        let mut proxy = Process::clone(&process(5, name));
        proxy.unit = unit.map(Into::into);
        if name == "docker-proxy" {
            proxy.command_line = line.into();
        }
        let owner = Owner::Processes(vec![Arc::new(proxy)]);
        let world = World::new(vec![listener(Protocol::Tcp, "0.0.0.0:80", owner)]);
        let (_, findings) = world.judge(&host("127.0.0.1"), &claim(80, ClaimKind::Reserved));
        assert!(told(&findings).contains(who), "{}", told(&findings));
        assert!(findings[0].remedy.en.contains(stop), "{}", findings[0].remedy.en);
        let leads_to =
            findings[0].evidence.get("proxy_for").is_some_and(|at| at == "172.17.0.2:8080");
        assert_eq!(leads_to, name == "docker-proxy");
    }
}

#[test]
fn ports_that_clients_may_hold() {
    use Protocol::{Tcp, Udp};
    type Kept = Option<&'static [(u16, u16)]>;
    // Host, protocol, the row of the plan, what is kept back, the ports told.
    type Case = (&'static str, Protocol, (u16, u16), Kept, &'static [&'static str]);
    let cases: &[Case] = &[
        ("127.0.0.1", Tcp, (3011, 3011), Some(&[]), &[]),
        ("127.0.0.1", Tcp, (40000, 40000), Some(&[]), &["40000"]),
        ("192.168.0.5", Tcp, (40000, 40000), Some(&[]), &["40000"]),
        ("web.example", Tcp, (40000, 40000), Some(&[]), &["40000"]),
        ("127.0.0.1", Tcp, (32767, 32767), Some(&[]), &[]),
        ("127.0.0.1", Tcp, (32768, 32768), Some(&[]), &["32768"]),
        ("127.0.0.1", Tcp, (60999, 60999), Some(&[]), &["60999"]),
        ("127.0.0.1", Tcp, (61000, 61000), Some(&[]), &[]),
        ("127.0.0.1", Tcp, (40000, 40000), Some(&[(40000, 40000)]), &[]),
        ("127.0.0.1", Tcp, (40000, 40000), Some(&[(8080, 8080), (39000, 41000)]), &[]),
        // It cannot be told what is kept back.
        ("127.0.0.1", Tcp, (40000, 40000), None, &[]),
        // One finding for a row, from its first port in trouble.
        ("127.0.0.1", Tcp, (40000, 40099), Some(&[]), &["40000-40099"]),
        ("127.0.0.1", Tcp, (32700, 32800), Some(&[]), &["32768-32800"]),
        ("127.0.0.1", Tcp, (40000, 40099), Some(&[(40000, 40009)]), &["40010-40099"]),
        ("127.0.0.1", Tcp, (40000, 40099), Some(&[(40000, 40099)]), &[]),
        // No connection leaves from such an address; datagram sockets are bound to all.
        ("127.0.3.1", Tcp, (40000, 40000), Some(&[]), &[]),
        ("127.0.3.1", Udp, (40000, 40000), Some(&[]), &["40000"]),
    ];
    for &(address, protocol, (first, last), kept, expected) in cases {
        let mut world = World::new(Vec::new());
        world.kept_back = kept.map(Into::into);
        let mut host = host(address);
        host.claims = (first..=last)
            .map(|port| {
                let mut claim = claim(port, ClaimKind::Reserved);
                (claim.key.protocol, claim.range) = (protocol, (first, last));
                Arc::new(claim)
            })
            .collect();
        let findings: Vec<Finding> =
            host.claims.iter().flat_map(|claim| world.judge(&host, claim).1).collect();
        let ports: Vec<_> = findings.iter().map(|finding| &finding.evidence["ports"]).collect();
        assert_eq!(ports, expected, "{address} {protocol:?} {first}-{last} {kept:?}");
        assert!(codes(&findings).iter().all(|code| *code == "port.ephemeral"));
    }
}

#[test]
fn one_line_keeps_back_what_all_claims_need() {
    let mut world = World::new(Vec::new());
    world.kept_back = Some(vec![(8080, 8080), (41000, 41001)]);
    let with = |name: &str, address: &str, ports: &[u16]| Host {
        name: name.into(),
        claims: ports.iter().map(|&port| Arc::new(claim(port, ClaimKind::Reserved))).collect(),
        ..host(address)
    };
    let web = with("web", "127.0.0.1", &[3011, 40002, 40000, 40001]);
    let back = with("back", "192.168.0.5", &[41002, 50051]);
    let test = with("test", "127.0.3.1", &[45000]);
    world.hosts = [&web, &back, &test].map(|host| Arc::new(host.clone())).into();
    let (_, findings) = world.judge(&web, &web.claims[1]);
    assert_eq!(codes(&findings), ["port.ephemeral"]);
    let line = "net.ipv4.ip_local_reserved_ports = 8080,40000-40002,41000-41002,50051";
    assert_eq!(findings[0].evidence["line"], line);
    for remedy in [&findings[0].remedy.en, &findings[0].remedy.ko] {
        assert!(remedy.contains(line), "{remedy}");
        assert!(remedy.contains("`sysctl -w net.ipv4.ip_local_reserved_ports=8080,"), "{remedy}");
    }
    assert_eq!(findings[0].subject, "web:40002");
    assert_eq!(findings[0].severity, crate::Severity::Warning);
}

fn spread(local: bool) -> Host {
    let mut host = host("192.168.0.5");
    host.local = local;
    host.addresses.public = vec![network("203.0.113.7/32"), network("198.51.100.0/24")];
    host.addresses.internal = vec![network("192.168.0.5/32"), network("10.0.0.5/32")];
    host.addresses.loopback = vec![network("127.0.0.1/32")];
    host
}

#[test]
fn addresses_worth_dialling() {
    use Exposure::{Internal, Loopback, Public};
    let (host, mut claim) = (spread(true), claim(80, ClaimKind::Allocated));
    for (exposure, expected) in [
        (None, &[][..]),
        (Some(Public), &["203.0.113.7:80"]),
        (Some(Internal), &["10.0.0.5:80", "192.168.0.5:80", "203.0.113.7:80"]),
        (Some(Loopback), &["10.0.0.5:80", "192.168.0.5:80", "203.0.113.7:80"]),
    ] {
        claim.exposure = exposure;
        let dialled: Vec<String> =
            others_to_dial(&claim, &host).iter().map(ToString::to_string).collect();
        assert_eq!(dialled, expected, "{exposure:?}");
    }
    for change in [
        |claim: &mut Claim| claim.dialled = false,
        |claim: &mut Claim| claim.claim = ClaimKind::Reserved,
        |claim: &mut Claim| claim.key.protocol = Protocol::Udp,
    ] {
        let mut quiet = claim.clone();
        change(&mut quiet);
        assert_eq!(others_to_dial(&quiet, &host), []);
    }
}

#[test]
fn what_the_other_addresses_say() {
    use Answer::{Accepted, Refused, Timeout};
    use Exposure::{Internal, Loopback, Public};
    let dial =
        |at: &str, answer: &Answer| Dial { address: at.parse().unwrap(), answer: answer.clone() };
    let (near, far) = ("10.0.0.5:80", "203.0.113.7:80");
    // Where the socket is bound (none: another host), the claim, how the service, the internal
    // and the public address answered, whether the plan names where from, and the verdicts.
    type Case = (
        Option<&'static str>,
        Exposure,
        Answer,
        Option<Answer>,
        Option<Answer>,
        bool,
        &'static [&'static str],
    );
    let here = Some("192.168.0.5:80");
    let cases: Vec<Case> = vec![
        (here, Internal, Accepted, Some(Accepted), Some(Refused), false, &[]),
        // Only the router has that address, and may have answered itself.
        (here, Internal, Accepted, Some(Accepted), Some(Accepted), false, &[]),
        (here, Internal, Accepted, Some(Accepted), Some(Accepted), true, &["port.exposed"]),
        // The service itself answers at an internal address, so one that does not is no matter.
        (here, Internal, Accepted, Some(Refused), Some(Timeout), false, &[]),
        // Only the router has that address, and it may not lead back inside.
        (Some("0.0.0.0:80"), Public, Accepted, None, Some(Timeout), false, &[]),
        (Some("0.0.0.0:80"), Public, Accepted, None, Some(Timeout), true, &["port.hidden"]),
        (Some("0.0.0.0:80"), Public, Accepted, None, Some(Refused), true, &["port.hidden"]),
        (Some("0.0.0.0:80"), Public, Accepted, None, Some(Accepted), true, &[]),
        // One verdict, not two, where bind and dialling say the same.
        (here, Public, Accepted, None, Some(Refused), true, &["port.hidden"]),
        (here, Loopback, Accepted, Some(Accepted), Some(Accepted), false, &["port.exposed"]),
        (Some("127.0.0.1:80"), Loopback, Accepted, Some(Refused), Some(Refused), true, &[]),
        // Forwarded by packet filter rules, whatever it is bound to.
        (Some("127.0.0.1:80"), Loopback, Accepted, None, Some(Accepted), true, &["port.exposed"]),
        (Some("127.0.0.1:80"), Loopback, Accepted, None, Some(Accepted), false, &[]),
        // It does not answer at all: that alone is told.
        (Some("0.0.0.0:80"), Public, Timeout, None, Some(Timeout), true, &["port.dead"]),
        (None, Public, Accepted, None, Some(Refused), false, &["port.hidden"]),
        (None, Public, Accepted, None, Some(Accepted), false, &[]),
        (None, Public, Refused, None, Some(Refused), false, &["port.dead"]),
        (None, Internal, Accepted, Some(Accepted), Some(Accepted), false, &["port.exposed"]),
        (None, Internal, Accepted, Some(Accepted), Some(Timeout), false, &[]),
        (None, Loopback, Refused, Some(Refused), Some(Refused), false, &[]),
        (None, Loopback, Refused, Some(Refused), Some(Accepted), false, &["port.exposed"]),
    ];
    for (bind, claimed, service, internal, public, is_named, expected) in cases {
        let label = format!("{bind:?} {claimed:?} {service:?} {internal:?} {public:?} {is_named}");
        let mut claim = claim(80, ClaimKind::Allocated);
        claim.exposure = Some(claimed);
        let service = dial("192.168.0.5:80", &service);
        let others: Vec<Dial> = [(near, internal), (far, public)]
            .into_iter()
            .filter_map(|(at, answer)| Some(dial(at, &answer?)))
            .collect();
        let source = is_named.then(|| ip("192.168.0.9"));
        let dials = Dials { service: Some(&service), others: &others, source };
        let host = spread(bind.is_some());
        let (_, findings) = match bind {
            Some(bind) => {
                let world = World::new(vec![owned(bind, 5, "nginx")]);
                let mut there = service.clone();
                // Bound to loopback, it is dialled there.
                if bind.starts_with("127.") {
                    there.address = bind.parse().unwrap();
                }
                let dials = Dials { service: Some(&there), ..dials };
                judge_local(&claim, &world.local(&host), &[], dials)
            }
            None => judge_remote(&claim, &host, dials),
        };
        assert_eq!(codes(&findings), expected, "{label}: {findings:?}");
        for finding in findings.iter().filter(|one| one.evidence.contains_key("dialled")) {
            let from = if is_named { "192.168.0.9" } else { "this agent's machine" };
            assert_eq!(finding.evidence["dialled_from"], from, "{label}");
        }
    }
}

#[test]
fn a_local_host_without_its_table_is_not_called_hidden() {
    let mut claim = claim(80, ClaimKind::Allocated);
    claim.exposure = Some(Exposure::Public);
    let service = Dial { address: "192.168.0.5:80".parse().unwrap(), answer: Answer::Accepted };
    let others = [Dial { address: "203.0.113.7:80".parse().unwrap(), answer: Answer::Timeout }];
    for (local, source, expected) in [
        (true, None, &[][..]),
        (true, Some(ip("192.168.0.9")), &["port.hidden"]),
        (false, None, &["port.hidden"]),
    ] {
        let dials = Dials { service: Some(&service), others: &others, source };
        assert_eq!(codes(&judge_remote(&claim, &spread(local), dials).1), expected, "{local}");
    }
}

#[test]
fn who_accepted_and_from_where_is_named() {
    let mut claim = claim(5432, ClaimKind::Allocated);
    (claim.exposure, claim.service) = (Some(Exposure::Internal), "database".into());
    let service = Dial { address: "192.168.0.5:5432".parse().unwrap(), answer: Answer::Accepted };
    let others = [Dial { address: "203.0.113.7:5432".parse().unwrap(), answer: Answer::Accepted }];
    let dials = Dials { service: Some(&service), others: &others, source: Some(ip("192.168.0.9")) };
    let world = World::new(vec![owned("192.168.0.5:5432", 5, "postgres")]);
    let (_, findings) = judge_local(&claim, &world.local(&spread(true)), &[], dials);
    assert_eq!(
        told(&findings),
        "web:5432 (database): 203.0.113.7:5432 accepts connections from 192.168.0.9, so it is reachable more widely than the plan claims (internal)"
    );
    assert_eq!(findings[0].subject, "web:5432 (203.0.113.7:5432)");
    assert_eq!(findings[0].evidence["address"], "203.0.113.7:5432");
    assert_eq!(findings[0].evidence["dialled"], "203.0.113.7:5432 accepted");
}

#[test]
fn patterns_leave_listeners_out() {
    let mut web = host("127.0.0.1");
    let world = World::new(vec![
        owned("127.0.0.1:9222", 5, "chrome"),
        owned("127.0.0.1:9223", 6, "node"),
        // One of two on a port: the other is still told.
        owned("127.0.0.1:9224", 5, "chrome"),
        owned("0.0.0.0:9224", 6, "node"),
    ]);
    let left = |web: &Host| -> Vec<(u16, usize)> {
        let strangers = undeclared(&world.local(web));
        strangers.iter().map(|one| (one.key.port, one.observed.bind.len())).collect()
    };
    assert_eq!(left(&web), [(9222, 1), (9223, 1), (9224, 2)]);
    web.ignore = vec![Pattern::Name("chrom*".into())];
    assert_eq!(left(&web), [(9223, 1), (9224, 1)]);
    web.ignore.push(Pattern::Ports { range: (9223, 9300), protocol: Some(Protocol::Tcp) });
    assert_eq!(left(&web), []);
}

#[test]
fn sentences_read_right_whoever_it_is() {
    let mut claim = claim(80, ClaimKind::Allocated);
    claim.users = vec!["www".into()];
    let web = host("127.0.0.1");
    let judged = |claim: &Claim, listeners| {
        let world = World::new(listeners);
        judge_local(claim, &world.local(&web), &[], Dials::default()).1.remove(0)
    };
    let wrong = judged(&claim, vec![owned("127.0.0.1:80", 5, "nginx")]);
    assert_eq!(wrong.code, crate::Code::PortWrongOwner);
    assert!(wrong.summary.ko.contains("프로세스가 127.0.0.1:80에서"), "{}", wrong.summary.ko);
    assert!(wrong.summary.ko.ends_with("기대한 것: 사용자 www"), "{}", wrong.summary.ko);
    assert_eq!(wrong.evidence["expected"], "user www");
    assert!(wrong.remedy.en.contains("and start what should have it;"), "{}", wrong.remedy.en);
    claim.processes = vec!["caddy".into()];
    let wrong = judged(&claim, vec![owned("127.0.0.1:80", 5, "nginx")]);
    assert!(wrong.remedy.en.contains("and start caddy;"), "{}", wrong.remedy.en);

    let hidden = listener(Protocol::Tcp, "127.0.0.2:80", Owner::Hidden { uid: 33 });
    let dead = judged(&claim, vec![hidden]);
    assert_eq!(dead.code, crate::Code::PortDead);
    let told = "사용자의 프로세스가 127.0.0.2:80에서 듣고 있습니다";
    assert!(dead.summary.ko.ends_with(told), "{}", dead.summary.ko);
}
