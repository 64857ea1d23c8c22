//! How long a delegation is remembered, and when the parent is asked again.

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
