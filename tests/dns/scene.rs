//! One probe in this process: its spec, and what it observes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use health::{Code, Kind, Observation, Thresholds, Timing};
use hickory_proto::rr::{Name, RecordType};
use portwarden::net::Net;
use portwarden::plan::{Endpoint, Target};
use portwarden::probe::{self, Check, dns};

use crate::support::nameserver::Zone;

pub const HEALTHY: &str = "
    @ NS ns1
    @ NS ns2
    ns1 A 127.53.0.1
    ns2 A 127.53.0.2
    @ A 192.0.2.11
    @ A 192.0.2.10
    WWW A 192.0.2.10
    shop CNAME @
    v6 AAAA 2001:DB8::10
    @ MX 10 Mail.Shop.EXAMPLE.
    @ TXT \"v=spf1 \" \"ip4:192.0.2.10 -all\"
    @ CAA 0 issue \"letsencrypt.org\"
    _sip._tcp SRV 10 5 5060 sip.shop.example.
    _acme-challenge TXT \"new\"
";

pub fn zone(serial: u32, records: &str) -> Zone {
    Zone::new("shop.example", serial, records)
}

pub fn fqdn(name: &str) -> Name {
    Name::from_ascii(format!("{name}.")).unwrap()
}

pub fn spec(nameservers: &[SocketAddr]) -> dns::Spec {
    dns::Spec {
        zone: fqdn("shop.example"),
        nameservers: nameservers
            .iter()
            .map(|address| Endpoint { host: Target::Address(address.ip()), port: address.port() })
            .collect(),
        parent: Vec::new(),
        hints: Vec::new(),
        resolvers: Vec::new(),
        consistent: true,
        asking: dns::Asking::default(),
        serial_grace: Duration::ZERO,
        source: None,
        records: Vec::new(),
        renewal: dns::Renewal::default(),
        dnssec: dns::dnssec::Policy::default(),
        kept: dns::Kept::default(),
    }
}

pub fn exactly(values: &[&str]) -> dns::Expectation {
    dns::Expectation::Exactly(values.iter().map(|&value| value.to_owned()).collect())
}

pub fn record(name: &str, record_type: RecordType, expectation: dns::Expectation) -> dns::Record {
    dns::Record { name: fqdn(name), record_type, expectation, ttl: dns::TtlLimits::default() }
}

/// A resolver that is never needed: port 9 discards, and asking it would fail.
pub fn net() -> Net {
    Net::new(Some(([127, 53, 255, 254], 9).into())).unwrap()
}

pub async fn run(spec: dns::Spec, timeout: Duration, net: &Net) -> Observation {
    let frame = health::Check {
        name: "zone".into(),
        kind: Kind::Dns,
        instance: "shop.example".into(),
        host: None,
        timing: Timing::Every(Duration::from_secs(30)),
        timeout,
        thresholds: Thresholds::default(),
        depends_on: Vec::new(),
        labels: std::collections::BTreeMap::new(),
    };
    let check = Check { frame: Arc::new(frame), spec: probe::Spec::Dns(spec) };
    let observation = probe::run(&check, net).await;
    assert!(observation.duration < timeout + Duration::from_millis(500));
    observation
}

pub async fn observe(spec: dns::Spec) -> Observation {
    run(spec, Duration::from_secs(5), &net()).await
}

pub fn codes(observation: &Observation) -> Vec<Code> {
    observation.findings.iter().map(|finding| finding.code).collect()
}
