//! An authoritative nameserver: Knot, serving zones that a test may change while it runs.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RData, RecordType};
use tempfile::TempDir;

use super::daemon::{Daemon, free_port};

/// One version of a zone.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Without the final dot.
    pub name: String,
    /// SOA serial; a later version needs a higher one.
    pub serial: u32,
    /// Everything but the SOA, as in a zone file, names relative to the zone.
    pub records: String,
}

impl Zone {
    /// A version of a zone.
    pub fn new(name: &str, serial: u32, records: &str) -> Self {
        Self { name: name.to_owned(), serial, records: records.to_owned() }
    }

    fn text(&self) -> String {
        let Self { name, serial, records } = self;
        let mut text = format!(
            "$ORIGIN {name}.\n$TTL 300\n@ SOA ns1.{name}. admin.{name}. {serial} 7200 900 1209600 60\n"
        );
        // Indentation would mean "the same owner as above".
        for line in records.lines() {
            text.push_str(line.trim_start());
            text.push('\n');
        }
        text
    }
}

/// A running nameserver.
#[derive(Debug)]
pub struct Nameserver {
    address: SocketAddr,
    folder: TempDir,
    zones: Vec<Zone>,
    /// `None` while stopped.
    daemon: Option<Daemon>,
}

impl Nameserver {
    /// Starts on this address, on a port that is free there, and waits until it serves the zones.
    pub fn start(ip: &str, zones: &[Zone]) -> Self {
        Self::start_on(SocketAddr::new(ip.parse().unwrap(), free_port(&[ip])), zones)
    }

    /// Starts on exactly this address and port.
    pub fn start_on(address: SocketAddr, zones: &[Zone]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { address, folder, zones: zones.to_vec(), daemon: None };
        server.start_again();
        server
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replaces one zone and waits until the new version is served.
    pub fn publish(&mut self, zone: Zone) {
        let known = self.zones.iter_mut().find(|known| known.name == zone.name);
        *known.expect("a zone that was there from the start") = zone;
        self.write();
        let (address, zones) = (self.address, self.zones.clone());
        let daemon = self.daemon.as_mut().expect("a running server");
        daemon.signal("HUP");
        daemon.await_ready(|| serves(address, &zones));
    }

    /// Kills it; its address stays its own.
    pub fn stop(&mut self) {
        self.daemon = None;
    }

    /// Starts it where it was and waits until it serves its zones.
    pub fn start_again(&mut self) {
        self.write();
        let configuration = self.folder.path().join("knot.conf");
        let arguments = ["-c", configuration.to_str().unwrap()];
        let mut daemon = Daemon::start("knotd", "knot", &arguments, self.folder.path());
        let (address, zones) = (self.address, self.zones.clone());
        daemon.await_ready(|| serves(address, &zones));
        self.daemon = Some(daemon);
    }

    fn write(&self) {
        let folder = self.folder.path().to_str().unwrap();
        let (ip, port) = (self.address.ip(), self.address.port());
        let mut configuration = format!(
            "server:\n  rundir: {folder}\n  listen: {ip}@{port}\n  udp-workers: 1\n  tcp-workers: 1\n  \
             background-workers: 1\ndatabase:\n  storage: {folder}\nlog:\n  - target: stderr\n    \
             any: info\ntemplate:\n  - id: default\n    storage: {folder}\n    zonefile-sync: -1\n    \
             zonefile-load: whole\n    journal-content: none\n    semantic-checks: off\nzone:\n"
        );
        for zone in &self.zones {
            let file = format!("{}.zone", zone.name);
            configuration.push_str(&format!("  - domain: {}\n    file: {file}\n", zone.name));
            std::fs::write(self.folder.path().join(file), zone.text()).unwrap();
        }
        std::fs::write(self.folder.path().join("knot.conf"), configuration).unwrap();
    }
}

fn serves(address: SocketAddr, zones: &[Zone]) -> bool {
    zones.iter().all(|zone| {
        let answer = query(address, &zone.name, RecordType::SOA);
        answer.is_some_and(|message| {
            message
                .answers
                .iter()
                .any(|record| matches!(&record.data, RData::SOA(soa) if soa.serial == zone.serial))
        })
    })
}

/// One query with RD=1 over UDP; `None` when nothing comes back at once.
pub fn query(address: SocketAddr, name: &str, record_type: RecordType) -> Option<Message> {
    let socket = UdpSocket::bind((if address.is_ipv4() { "0.0.0.0" } else { "::" }, 0)).unwrap();
    socket.connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut message = Message::new(0x7465, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    let mut name = Name::from_ascii(name).unwrap();
    name.set_fqdn(true);
    message.add_query(Query::query(name, record_type));
    socket.send(&message.to_vec().unwrap()).ok()?;
    let mut packet = [0; 4096];
    let length = socket.recv(&mut packet).ok()?;
    Message::from_vec(&packet[..length]).ok()
}
