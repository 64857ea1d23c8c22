//! What the other tests stand on: real servers, roads to them that can be made bad, signed zones.

use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, RecordType};
use portwarden::clock::monotonic;

use crate::support::nameserver::{Keys, Zone, answer, query};
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
    tree.publish_on(1, 5, "who TXT \"odd\"");
    let name = "who.shop.example";
    let at = |tree: &Tree, server: usize| tree.servers[server].address();
    let said = |tree: &Tree, server| texts(&answer(at(tree, server), name, RecordType::TXT));
    let is_silent = |tree: &Tree, server| query(at(tree, server), name, RecordType::TXT).is_none();
    for server in [0, 2, 3] {
        assert_eq!(said(&tree, server), ["version 4"]);
    }
    assert_eq!(said(&tree, 1), ["odd"]);
    for server in [0, 1] {
        let before = said(&tree, server);
        tree.servers[server].freeze();
        assert!(is_silent(&tree, server));
        tree.servers[server].thaw();
        assert_eq!(said(&tree, server), before);
        tree.servers[server].stop();
        assert!(is_silent(&tree, server));
        tree.servers[server].start_again();
        assert_eq!(said(&tree, server), before);
        tree.servers[server].spoil(ZONE);
        tree.servers[server].withdraw(ZONE);
        let refused = answer(at(&tree, server), name, RecordType::TXT);
        assert_eq!(refused.metadata.response_code, ResponseCode::Refused);
    }
    let top = answer(tree.root.address(), ZONE, RecordType::NS);
    assert_eq!(top.authorities.len(), 1, "{top:?}");
    let above = answer(tree.parent.address(), ZONE, RecordType::NS);
    assert_eq!((above.authorities.len(), above.additionals.len()), (4, 4), "{above:?}");
    let cache = tree.resolver();
    cache.warm("ns1.shop.example", RecordType::A);
}

#[test]
fn a_signed_tree_validates_from_its_root_until_it_is_spoilt() {
    let mut tree = Tree::grow(Signing::Signed, "who TXT \"signed\"");
    let ask = |resolver: &Resolver| {
        let answer = answer(resolver.address(), "who.shop.example", RecordType::TXT);
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
    let is_lost = || query(relay.address(), ZONE, RecordType::SOA).is_none();
    let ask = || answer(relay.address(), ZONE, RecordType::SOA);
    assert!(ask().metadata.authoritative);
    relay.cycle(&[Fate::Drop, Fate::Pass]);
    assert!(is_lost());
    assert!(ask().metadata.authoritative);
    relay.cycle(&[Fate::Change(|packet| packet[2] &= !0x04)]);
    assert!(!ask().metadata.authoritative);
    relay.cycle(&[Fate::Delay(Duration::from_millis(50))]);
    let start = monotonic();
    ask();
    assert!(monotonic() - start >= Duration::from_millis(50));
    relay.cycle(&[Fate::FromElsewhere]);
    assert!(is_lost());
    relay.cycle(&[Fate::Instead(vec![0; 12])]);
    assert_eq!(ask().queries.len(), 0);
    let before = relay.queries();
    relay.rule(|count, _| if count == 0 { Fate::Drop } else { Fate::Twice });
    ask();
    assert!(relay.queries() >= before + 2);
    assert!(std::net::TcpStream::connect(relay.address()).is_err());
    let whole = Relay::start(&tree.ip(8), tree.servers[0].address(), Tcp::Passed);
    assert!(std::net::TcpStream::connect(whole.address()).is_ok());
}
