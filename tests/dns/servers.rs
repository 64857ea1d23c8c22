//! What the other tests stand on: real servers, roads to them that can be made bad, signed zones.

use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, RecordType};

use crate::support::nameserver::{Keys, Zone, query};
use crate::support::relay::{Fate, Relay, Tcp};
use crate::support::resolver::Resolver;
use crate::support::tree::{Signing, Tree, ZONE};

fn texts(answer: &Message) -> Vec<String> {
    let of = |data: &RData| match data {
        RData::TXT(text) => Some(text.to_string()),
        _ => None,
    };
    answer.answers.iter().filter_map(|record| of(&record.data)).collect()
}

#[test]
fn four_servers_are_edited_stopped_and_frozen() {
    let mut tree = Tree::grow(Signing::Unsigned, "who TXT \"all\"");
    for serial in 2..5 {
        tree.publish(serial, &format!("who TXT \"version {serial}\""));
    }
    let odd = tree.zone(5, "who TXT \"odd\"");
    tree.servers[1].publish(odd);
    let name = "who.shop.example";
    let said = |tree: &Tree, server: usize| {
        query(tree.servers[server].address(), name, RecordType::TXT).map(|answer| texts(&answer))
    };
    for server in [0, 2, 3] {
        assert_eq!(said(&tree, server), Some(vec!["version 4".to_owned()]));
    }
    assert_eq!(said(&tree, 1), Some(vec!["odd".to_owned()]));
    for server in [0, 1] {
        tree.servers[server].freeze();
        assert_eq!(said(&tree, server), None);
        tree.servers[server].thaw();
        assert!(said(&tree, server).is_some());
        tree.servers[server].stop();
        assert_eq!(said(&tree, server), None);
        tree.servers[server].start_again();
        assert!(said(&tree, server).is_some());
        tree.servers[server].withdraw(ZONE);
        let refused = query(tree.servers[server].address(), name, RecordType::TXT).unwrap();
        assert_eq!(refused.metadata.response_code, ResponseCode::Refused);
    }
    let top = query(tree.root.address(), ZONE, RecordType::NS).unwrap();
    assert_eq!(top.authorities.len(), 1, "{top:?}");
    let above = query(tree.parent.address(), ZONE, RecordType::NS).unwrap();
    assert_eq!((above.authorities.len(), above.additionals.len()), (4, 4), "{above:?}");
    let cache = tree.resolver();
    cache.warm("ns1.shop.example", RecordType::A);
}

#[test]
fn a_signed_tree_validates_from_its_root_until_it_is_spoilt() {
    let mut tree = Tree::grow(Signing::Signed, "who TXT \"signed\"");
    let ask = |resolver: &Resolver| {
        let answer = query(resolver.address(), "who.shop.example", RecordType::TXT).unwrap();
        (answer.metadata.response_code, texts(&answer))
    };
    assert_eq!(ask(&tree.resolver()), (ResponseCode::NoError, vec!["signed".to_owned()]));
    let records = tree.zone(2, "who TXT \"signed\"").records;
    let strange = Keys::generate(ZONE).sign(&Zone::new(ZONE, 3, &records));
    tree.servers[0].publish(strange);
    assert_eq!(ask(&tree.resolver()).0, ResponseCode::ServFail);
    let delegation = tree.delegation();
    tree.delegate(2, &delegation);
    assert_eq!(ask(&tree.resolver()).0, ResponseCode::NoError, "without a DS it is insecure");
}

#[test]
fn a_road_loses_delays_doubles_and_changes_by_rule() {
    let tree = Tree::grow(Signing::Unsigned, "");
    let relay = Relay::start(&tree.ip(9), tree.servers[0].address(), Tcp::Refused);
    let ask = || query(relay.address(), ZONE, RecordType::SOA);
    assert!(ask().unwrap().metadata.authoritative);
    relay.cycle(&[Fate::Drop, Fate::Pass]);
    assert!(ask().is_none() && ask().is_some() && ask().is_none());
    relay.cycle(&[Fate::Change(|packet| packet[2] &= !0x04)]);
    assert!(!ask().unwrap().metadata.authoritative);
    relay.cycle(&[Fate::Delay(Duration::from_millis(50))]);
    let start = portwarden::clock::monotonic();
    assert!(ask().is_some());
    assert!(portwarden::clock::monotonic() - start >= Duration::from_millis(50));
    relay.cycle(&[Fate::FromElsewhere]);
    assert!(ask().is_none());
    relay.cycle(&[Fate::Instead(vec![0; 12])]);
    assert_eq!(ask().unwrap().queries.len(), 0);
    relay.rule(|count, _| if count == 0 { Fate::Twice } else { Fate::Pass });
    assert!(ask().is_some() && ask().is_some());
    assert_eq!(relay.queries(), 10);
    assert!(std::net::TcpStream::connect(relay.address()).is_err());
    let whole = Relay::start(&tree.ip(8), tree.servers[0].address(), Tcp::Passed);
    assert!(std::net::TcpStream::connect(whole.address()).is_ok());
}
