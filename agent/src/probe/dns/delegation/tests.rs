//! How long a delegation is remembered, and when the parent is asked again.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_proto::op::Message;
use hickory_proto::rr::{RData, Record, rdata};
use tokio::net::UdpSocket;

use super::*;

/// A parent that delegates everything to one nameserver, and counts how often it is asked.
async fn parent(ttl: u32) -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind("127.53.9.2:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut message = Message::from_vec(&buffer[..length]).unwrap().into_response();
            let zone = message.queries[0].name().clone();
            let server = Name::from_ascii("ns1.shop.example.").unwrap();
            message.add_authority(Record::from_rdata(
                zone,
                ttl,
                RData::NS(rdata::NS(server.clone())),
            ));
            let glue = RData::A(rdata::A::new(127, 53, 9, 3));
            message.add_additional(Record::from_rdata(server, ttl, glue));
            let _ = socket.send_to(&message.to_vec().unwrap(), from).await;
        }
    });
    (address, asked)
}

fn spec(parent: SocketAddr) -> Spec {
    Spec {
        zone: Name::from_ascii("shop.example.").unwrap(),
        nameservers: Vec::new(),
        parent: vec![parent],
        hints: Vec::new(),
        resolvers: Vec::new(),
        consistent: true,
        asking: super::super::Asking::default(),
        serial_grace: Duration::ZERO,
        source: None,
        records: Vec::new(),
        renewal: crate::probe::dns::Renewal::default(),
        dnssec: crate::probe::dns::dnssec::Policy::default(),
        kept: crate::probe::dns::Kept::default(),
    }
}

#[tokio::test]
async fn a_delegation_is_renewed_only_before_its_end() {
    // The first one ends within a quarter of an hour, the second does not.
    for (ttl, asked_after_renewal) in [(600, 2), (3600, 1)] {
        let (address, asked) = parent(ttl).await;
        let spec = spec(address);
        let net = Net::new(Some(address)).unwrap();
        renew(&spec, &net).await;
        assert_eq!(asked.load(Ordering::SeqCst), 0, "nothing is known yet");
        for _ in 0..3 {
            let found = find(&spec, &net, &Stopwatch::start(Duration::from_secs(5))).await.unwrap();
            assert_eq!(found.norm().unwrap().names(), ["ns1.shop.example"]);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1, "it is remembered");
        renew(&spec, &net).await;
        assert_eq!(asked.load(Ordering::SeqCst), asked_after_renewal, "TTL {ttl}");
    }
}

/// A server that answers every question with a referral, made by `refer`, and counts questions.
async fn referrer(
    ip: &str,
    refer: impl Fn(&Name, &mut Message) + Send + 'static,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind((ip, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut message = Message::from_vec(&buffer[..length]).unwrap().into_response();
            let name = message.queries[0].name().clone();
            refer(&name, &mut message);
            let _ = socket.send_to(&message.to_vec().unwrap(), from).await;
        }
    });
    (address, asked)
}

fn ns(owner: &Name, server: &str) -> Record {
    let server = Name::from_ascii(server).unwrap();
    Record::from_rdata(owner.clone(), 600, RData::NS(rdata::NS(server)))
}

/// What comes of a walk from one root server, within so many queries.
async fn walk(root: SocketAddr, asked: &AtomicUsize, most: usize) -> String {
    let mut spec = spec(root);
    spec.parent = Vec::new();
    spec.hints = vec![root];
    let net = Net::new(Some(root)).unwrap();
    let found = find(&spec, &net, &Stopwatch::start(Duration::from_secs(10))).await;
    let asked = asked.load(Ordering::SeqCst);
    assert!(asked <= most, "{asked} queries");
    match found {
        Ok(delegation) => format!("{:?}", delegation.servers),
        Err(finding) => finding.summary.en,
    }
}

#[tokio::test]
async fn a_walk_that_is_led_astray_ends() {
    // Every name is served by servers of yet another zone, for ever.
    let (root, asked) = referrer("127.53.9.4", |name, message| {
        for number in 0..8 {
            let label = name.iter().next().map_or(0, <[u8]>::len);
            message.add_authority(ns(name, &format!("ns{number}.z{label}{number}.test.")));
        }
    })
    .await;
    let said = walk(root, &asked, 140).await;
    assert!(said.contains("cannot be found"), "{said}");

    // Upwards, to the root itself.
    let (root, asked) = referrer("127.53.9.5", |_, message| {
        message.add_authority(ns(&Name::root(), "a.root.test."));
    })
    .await;
    let said = walk(root, &asked, 4).await;
    assert!(said.contains("no usable answer from its servers"), "{said}");

    // No server of the zone above lies where it could be found.
    let (root, asked) = referrer("127.53.9.6", |name, message| {
        message.add_authority(ns(name, "ns.shop.example."));
    })
    .await;
    let said = walk(root, &asked, 40).await;
    assert!(said.contains("none of its nameservers has an address"), "{said}");

    // Sideways: an address for a name that this server has nothing to say of.
    let (root, asked) = referrer("127.53.9.7", |name, message| {
        message.add_authority(ns(name, "ns.example."));
        let glue = RData::A(rdata::A::new(127, 53, 9, 7));
        message.add_additional(Record::from_rdata(
            Name::from_ascii("ns.example.").unwrap(),
            600,
            glue,
        ));
    })
    .await;
    let said = walk(root, &asked, 12).await;
    assert!(said.contains("ns.example"), "{said}");
}

#[tokio::test]
async fn a_parent_that_only_fails_to_be_compared_is_not_waited_for_each_time() {
    let silent = UdpSocket::bind("127.53.9.8:0").await.unwrap();
    let spec = spec(silent.local_addr().unwrap());
    let net = Net::new(spec.parent.first().copied()).unwrap();
    let watch = || Stopwatch::start(Duration::from_millis(400));
    let first = compare(&spec, &net, &watch()).await.unwrap_err();
    assert_eq!(first.severity, Severity::Warning);
    let again = watch();
    assert_eq!(compare(&spec, &net, &again).await.unwrap_err(), first);
    assert!(again.elapsed() < Duration::from_millis(100), "from memory");
}

#[tokio::test]
async fn a_parent_in_trouble_does_not_hide_whom_it_named_last() {
    let (address, _) = parent(600).await;
    let mut spec = spec(address);
    let net = Net::new(Some(address)).unwrap();
    let call = async |spec: &Spec| {
        server::call(spec, &net, &mut Stopwatch::start(Duration::from_secs(2))).await
    };
    let asked = call(&spec).await;
    assert!(asked.findings.is_empty() && asked.delegation.is_some());
    // A closed port in the place of the parent, and what is known is over.
    let known = key(&spec);
    spec.parent = vec![(Ipv4Addr::new(127, 53, 9, 2), 9).into()];
    let delegation = net.dns.delegations.recall(&known, monotonic()).unwrap();
    assert!(call(&spec).await.servers.is_empty(), "nothing was ever known of this one");
    net.dns.delegations.keep(key(&spec), delegation, monotonic(), Duration::ZERO);
    let lost = call(&spec).await;
    assert_eq!(lost.findings.len(), 1, "{lost:?}");
    assert!(lost.delegation.is_none(), "nothing is compared with what may be over");
    let addresses = |servers: &[server::Server]| -> Vec<_> {
        servers.iter().map(|server| server.address).collect()
    };
    assert_eq!(addresses(&lost.servers), addresses(&asked.servers));
}
