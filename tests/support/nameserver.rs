//! An authoritative nameserver, Knot or NSD, serving zones that a test may change while it runs.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tempfile::TempDir;

use portwarden::clock::monotonic;

use super::agent::PATIENCE;
use super::daemon::{Daemon, await_free, free_port};
pub use super::zone::{Keys, Zone};

/// Whose nameserver it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    Knot,
    Nsd,
}

/// A running nameserver.
///
/// ```ignore
/// let mut server = Nameserver::start("127.53.40.1", &[Zone::new("shop.example", 1, "@ NS ns1\n…")]);
/// server.publish(Zone::new("shop.example", 2, "…"));   // edit and reload; returns once it is served
/// server.freeze(); server.thaw();                      // SIGSTOP, SIGCONT
/// server.stop(); server.start_again();                 // killed; back with the zones it had
/// ```
#[derive(Debug)]
pub struct Nameserver {
    make: Make,
    address: SocketAddr,
    folder: TempDir,
    zones: Vec<Zone>,
    /// `None` while stopped.
    daemon: Option<Daemon>,
}

impl Nameserver {
    /// Starts Knot on this address, on a port that is free there, and waits until it serves the zones.
    pub fn start(ip: &str, zones: &[Zone]) -> Self {
        Self::start_on(SocketAddr::new(ip.parse().unwrap(), free_port(&[ip])), zones)
    }

    /// Starts Knot on exactly this address and port.
    pub fn start_on(address: SocketAddr, zones: &[Zone]) -> Self {
        Self::start_as(Make::Knot, address, zones)
    }

    /// Starts either on exactly this address and port.
    pub fn start_as(make: Make, address: SocketAddr, zones: &[Zone]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { make, address, folder, zones: zones.to_vec(), daemon: None };
        server.start_again();
        server
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replaces one zone, or adds it, and waits until the new version is served; it must have
    /// another serial, usually a higher one.
    pub fn publish(&mut self, zone: Zone) {
        match self.zones.iter_mut().find(|known| known.name == zone.name) {
            Some(known) => {
                assert_ne!(known.serial, zone.serial, "when it is served would be unknown");
                *known = zone;
                self.reload();
            }
            None => {
                self.zones.push(zone);
                self.read_list();
            }
        }
    }

    /// Takes a zone away: whoever asks for it is refused. Waits until that is so.
    pub fn withdraw(&mut self, name: &str) {
        self.zones.retain(|zone| zone.name != name);
        self.read_list();
        let address = self.address;
        let daemon = self.daemon.as_mut().expect("a running server");
        daemon.await_ready(|| {
            query(address, name, RecordType::SOA)
                .is_some_and(|answer| answer.metadata.response_code == ResponseCode::Refused)
        });
    }

    /// Starts it anew on a zone file that it cannot read: it knows the zone and has nothing of it,
    /// which is SERVFAIL. Mended by [`Self::start_again`] after [`Self::stop`].
    pub fn spoil(&mut self, name: &str) {
        self.stop();
        let zones = self.zones.clone();
        for zone in &mut self.zones {
            if zone.name == name {
                *zone = Zone::whole(name, zone.serial, "this is no zone file\n");
            }
        }
        self.launch();
        self.zones = zones;
        let address = self.address;
        let daemon = self.daemon.as_mut().expect("a running server");
        daemon.await_ready(|| {
            query(address, name, RecordType::SOA)
                .is_some_and(|answer| answer.metadata.response_code == ResponseCode::ServFail)
        });
    }

    /// Kills it; its address stays its own.
    pub fn stop(&mut self) {
        self.daemon = None;
    }

    /// Starts it where it was and waits until it serves its zones.
    pub fn start_again(&mut self) {
        self.launch();
        let (address, zones) = (self.address, self.zones.clone());
        let daemon = self.daemon.as_mut().expect("a running server");
        daemon.await_ready(|| serves(address, &zones));
    }

    fn launch(&mut self) {
        self.write();
        await_free(self.address);
        let (program, package, file) = match self.make {
            Make::Knot => ("knotd", "knot", "knot.conf"),
            Make::Nsd => ("nsd", "nsd", "nsd.conf"),
        };
        let configuration = self.folder.path().join(file);
        let mut arguments = vec!["-c", configuration.to_str().unwrap()];
        if self.make == Make::Nsd {
            arguments.push("-d");
        }
        self.daemon = Some(Daemon::start(program, package, &arguments, self.folder.path()));
    }

    /// Stops all its processes without ending them (SIGSTOP): packets arrive, nothing answers.
    pub fn freeze(&self) {
        self.daemon.as_ref().expect("a running server").freeze();
    }

    /// Has it go on after [`Self::freeze`].
    pub fn thaw(&self) {
        self.daemon.as_ref().expect("a running server").signal_all("CONT");
    }

    /// NSD reads its list of zones at start alone.
    fn read_list(&mut self) {
        match self.make {
            Make::Knot => self.reload(),
            Make::Nsd => {
                self.stop();
                self.start_again();
            }
        }
    }

    fn reload(&mut self) {
        self.write();
        let (address, zones) = (self.address, self.zones.clone());
        let daemon = self.daemon.as_mut().expect("a running server");
        // NSD replaces the processes that answer, and the old ones go on for a moment beside the new.
        let old = (self.make == Make::Nsd).then(|| daemon.others());
        daemon.signal("HUP");
        daemon.await_ready(|| serves(address, &zones));
        if let Some(old) = old {
            daemon.await_replaced(&old);
        }
    }

    fn write(&self) {
        let mut configuration = match self.make {
            Make::Knot => self.knot(),
            Make::Nsd => self.nsd(),
        };
        for zone in &self.zones {
            let Zone { name, .. } = zone;
            let file = format!("{}.zone", if name == "." { "root" } else { name });
            configuration.push_str(&match self.make {
                Make::Knot => format!("  - domain: \"{name}\"\n    file: {file}\n"),
                Make::Nsd => format!("zone:\n  name: \"{name}\"\n  zonefile: {file}\n"),
            });
            std::fs::write(self.folder.path().join(file), zone.text()).unwrap();
        }
        let file = match self.make {
            Make::Knot => "knot.conf",
            Make::Nsd => "nsd.conf",
        };
        std::fs::write(self.folder.path().join(file), configuration).unwrap();
    }

    fn knot(&self) -> String {
        let folder = self.folder.path().to_str().unwrap();
        let (ip, port) = (self.address.ip(), self.address.port());
        format!(
            "server:\n  rundir: {folder}\n  listen: {ip}@{port}\n  udp-workers: 1\n  tcp-workers: 1\n  \
             background-workers: 1\n  nsid: \"{ip}\"\ndatabase:\n  storage: {folder}\nlog:\n  - target: stderr\n    \
             any: info\nacl:\n  - id: local\n    address: 127.0.0.0/8\n    action: transfer\ntemplate:\n  - id: default\n    storage: {folder}\n    zonefile-sync: -1\n    \
             zonefile-load: whole\n    journal-content: none\n    semantic-checks: off\n    acl: local\nzone:\n"
        )
    }

    fn nsd(&self) -> String {
        let folder = self.folder.path().to_str().unwrap();
        let (ip, port) = (self.address.ip(), self.address.port());
        format!(
            "server:\n  ip-address: {ip}@{port}\n  port: {port}\n  server-count: 1\n  username: \"\"\n  \
             zonesdir: \"{folder}\"\n  database: \"\"\n  pidfile: \"\"\n  xfrdfile: \"{folder}/xfrd.state\"\n  \
             xfrdir: \"{folder}\"\n  zonelistfile: \"{folder}/zone.list\"\n  zonefiles-check: yes\n  \
             rrl-ratelimit: 0\n  verbosity: 1\n  nsid: \"ascii_{ip}\"\n\
             remote-control:\n  control-enable: no\n"
        )
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

/// Asks until there is an answer.
pub fn answer(address: SocketAddr, name: &str, record_type: RecordType) -> Message {
    let start = monotonic();
    loop {
        if let Some(answer) = query(address, name, record_type) {
            return answer;
        }
        assert!(monotonic() - start < PATIENCE, "{address} does not answer {name} {record_type}");
    }
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
