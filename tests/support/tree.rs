//! A piece of the DNS as it is in the world: a root, the zone above, and four nameservers of
//! `shop.example`, Knot and NSD in turn, all on one port, signed or not.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};

use super::daemon::free_port;
use super::nameserver::{Keys, Make, Nameserver, Zone};
use super::resolver::Resolver;

/// The zone that the four serve.
pub const ZONE: &str = "shop.example";

/// Networks 127.53.128 and up stay with trees.
static GROWN: AtomicU8 = AtomicU8::new(128);

/// Whether the zones of a tree are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    Unsigned,
    /// All three zones, with a chain of DS records from the root down.
    Signed,
}

/// A running tree.
///
/// ```ignore
/// let mut tree = Tree::grow(Signing::Unsigned, "www A 192.0.2.10");
/// let plan = format!("[[dns]]\nname = \"zone\"\nzone = \"shop.example\"\nnameservers = [{}]", tree.listed());
/// tree.publish(2, "www A 192.0.2.11");                         // on all four
/// tree.publish_on(2, 3, "www A 192.0.2.66");                   // serial 3 on the third alone
/// tree.delegate(2, "shop NS ns5.shop\nns5.shop A 127.53.0.5"); // the parent says something else
/// let plan = format!("… parent = [\"{}\"]", tree.parent.address()); // to be found by walking
/// let cache = tree.resolver();                                 // unbound; validates a signed tree
/// ```
///
/// The servers are `ns1.shop.example` to `ns4.shop.example` at `.1` to `.4` of the tree's own network
/// 127.53.N, the parent's `ns1.example` is at `.10`, the root's `ns1` at `.20`, resolvers from `.53` on.
#[derive(Debug)]
pub struct Tree {
    /// Serves the root zone: what a hint names.
    pub root: Nameserver,
    /// Serves `example`.
    pub parent: Nameserver,
    /// Serve `shop.example`; Knot, NSD, Knot, NSD.
    pub servers: Vec<Nameserver>,
    /// Of the root, `example` and `shop.example`, where they are signed.
    pub keys: Option<[Keys; 3]>,
    network: u8,
    resolvers: AtomicU8,
}

impl Tree {
    /// Starts it, with these records in `shop.example` beside its NS and their addresses; serials 1.
    pub fn grow(signing: Signing, records: &str) -> Self {
        Self::grow_on(None, signing, records)
    }

    /// The same on a port of one's own, such as 53 where nobody else has it.
    pub fn grow_on(port: Option<u16>, signing: Signing, records: &str) -> Self {
        let network = GROWN.fetch_add(1, Ordering::Relaxed);
        assert!(network >= 128, "too many trees in one crate of tests");
        let ip = |host: u8| format!("127.53.{network}.{host}");
        let ips = [1, 2, 3, 4, 10, 20].map(ip);
        let port = port.unwrap_or_else(|| free_port(&ips.each_ref().map(String::as_str)));
        let at = |host: u8| SocketAddr::from(([127, 53, network, host], port));
        let keys = match signing {
            Signing::Signed => Some([".", "example", ZONE].map(Keys::generate)),
            Signing::Unsigned => None,
        };
        let sign = |of: usize, zone: Zone| match &keys {
            Some(keys) => keys[of].sign(&zone),
            None => zone,
        };
        let ds = |of: usize| keys.as_ref().map(|keys| keys[of].ds()).unwrap_or_default();
        let above = format!("{}\n{}", delegation(network), ds(2));
        let top = format!(
            "@ NS ns1\nns1 A {}\nexample NS ns1.example\nns1.example A {}\n{}",
            ip(20),
            ip(10),
            ds(1)
        );
        let zone = sign(2, zone(network, 1, records));
        let start = |host: u8| {
            let make = if host % 2 == 1 { Make::Knot } else { Make::Nsd };
            Nameserver::start_as(make, at(host), std::slice::from_ref(&zone))
        };
        Self {
            root: Nameserver::start_on(at(20), &[sign(0, Zone::new(".", 1, &top))]),
            parent: Nameserver::start_on(at(10), &[sign(1, parent(network, 1, &above))]),
            servers: (1..=4).map(start).collect(),
            keys,
            network,
            resolvers: AtomicU8::new(53),
        }
    }

    /// A version of `shop.example` with these records, its NS and their addresses; signed where the
    /// tree is.
    pub fn zone(&self, serial: u32, records: &str) -> Zone {
        self.signed(2, zone(self.network, serial, records))
    }

    /// Publishes a version of `shop.example` on all four.
    pub fn publish(&mut self, serial: u32, records: &str) {
        let zone = self.zone(serial, records);
        for server in &mut self.servers {
            server.publish(zone.clone());
        }
    }

    /// Publishes a version of `shop.example` on one of the four, counted from 0.
    pub fn publish_on(&mut self, server: usize, serial: u32, records: &str) {
        let zone = self.zone(serial, records);
        self.servers[server].publish(zone);
    }

    /// Publishes a version of `example` with these records in the place of its delegation; a DS, if
    /// there is to be one, among them.
    pub fn delegate(&mut self, serial: u32, records: &str) {
        let zone = self.signed(1, parent(self.network, serial, records));
        self.parent.publish(zone);
    }

    /// The delegation that `example` has at first, without a DS.
    pub fn delegation(&self) -> String {
        delegation(self.network)
    }

    /// The DS record of `shop.example`, as a line.
    pub fn ds(&self) -> String {
        self.keys.as_ref().expect("a signed tree")[2].ds()
    }

    /// The root's DS record: the anchor of trust.
    pub fn anchor(&self) -> String {
        self.keys.as_ref().expect("a signed tree")[0].ds()
    }

    /// The four as a plan lists them, with quotes and commas.
    pub fn listed(&self) -> String {
        let listed = self.servers.iter().map(|server| format!("\"{}\"", server.address()));
        listed.collect::<Vec<_>>().join(", ")
    }

    /// An address of the tree's network.
    pub fn ip(&self, host: u8) -> String {
        format!("127.53.{}.{host}", self.network)
    }

    /// The port of all its servers.
    pub fn port(&self) -> u16 {
        self.root.address().port()
    }

    /// A resolver with an empty cache that knows all three zones, and validates if they are signed.
    pub fn resolver(&self) -> Resolver {
        let stubs = [
            (".", self.root.address()),
            ("example", self.parent.address()),
            (ZONE, self.servers[0].address()),
        ];
        let ip = self.ip(self.resolvers.fetch_add(1, Ordering::Relaxed));
        match &self.keys {
            Some(_) => Resolver::validating(&ip, &stubs, &self.anchor()),
            None => Resolver::start(&ip, &stubs),
        }
    }

    fn signed(&self, of: usize, zone: Zone) -> Zone {
        match &self.keys {
            Some(keys) => keys[of].sign(&zone),
            None => zone,
        }
    }
}

fn zone(network: u8, serial: u32, records: &str) -> Zone {
    let own = (1..=4).map(|n| format!("@ NS ns{n}\nns{n} A 127.53.{network}.{n}\n"));
    Zone::new(ZONE, serial, &format!("{}{records}", own.collect::<String>()))
}

fn parent(network: u8, serial: u32, records: &str) -> Zone {
    Zone::new("example", serial, &format!("@ NS ns1\nns1 A 127.53.{network}.10\n{records}"))
}

fn delegation(network: u8) -> String {
    (1..=4).map(|n| format!("shop NS ns{n}.shop\nns{n}.shop A 127.53.{network}.{n}\n")).collect()
}
