//! Knot DNS on four addresses with many small zones, and the plan and questions about them.

use std::fmt::Write as _;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::client::{free_address, within};
use crate::process::{Running, output_of};

/// What every zone has at its apex.
const RECORD: &str = "192.0.2.10";
const SERVERS: u8 = 4;

/// The servers, running.
pub(crate) struct Nameservers {
    port: u16,
    zones: usize,
    control: PathBuf,
    _knot: Running,
}

fn zone(index: usize) -> String {
    format!("z{index}.bench.example")
}

impl Nameservers {
    /// Writes the zones into `folder` and starts the server.
    pub(crate) fn start(folder: &Path, zones: usize) -> anyhow::Result<Self> {
        let port = free_address("127.77.60.1")?.port();
        let folder = folder.join("knot");
        fs::create_dir(&folder)?;
        let shown = folder.display();
        let mut settings =
            format!("server:\n  rundir: {shown}\n  udp-workers: 2\n  tcp-workers: 1\n");
        for number in 1..=SERVERS {
            let _ = writeln!(settings, "  listen: 127.77.60.{number}@{port}");
        }
        let _ = write!(
            settings,
            "control:\n  listen: knot.sock\ndatabase:\n  storage: {shown}\nlog:\n  - target: stderr\n    any: warning\n\
             mod-stats:\n  - id: default\n    request-protocol: on\n\
             template:\n  - id: default\n    storage: {shown}\n    zonefile-sync: -1\n    journal-content: none\n    \
             global-module: mod-stats/default\nzone:\n"
        );
        for index in 0..zones {
            let name = zone(index);
            let _ = writeln!(settings, "  - domain: {name}\n    file: {name}.zone");
            let text = format!(
                "$ORIGIN {name}.\n$TTL 300\n@ SOA ns1 admin 1 7200 900 1209600 60\n@ NS ns1\n@ NS ns2\n\
                 ns1 A 127.77.60.1\nns2 A 127.77.60.2\n@ A {RECORD}\n"
            );
            fs::write(folder.join(format!("{name}.zone")), text)?;
        }
        fs::write(folder.join("knot.conf"), settings)?;
        let knot = Running::start(
            Command::new("knotd").arg("-c").arg(folder.join("knot.conf")),
            &folder.join("knot.log"),
        )?;
        let servers = Self { port, zones, control: folder.join("knot.sock"), _knot: knot };
        within(Duration::from_secs(20), || Ok(TcpStream::connect(servers.address(1)).ok()))
            .context("knotd does not start; see tests/install")?;
        // Accepting is not serving: the last zone has to be there.
        let last = zone(zones.saturating_sub(1));
        within(Duration::from_secs(30), || {
            let asked = Command::new("knotc")
                .arg("-s")
                .arg(&servers.control)
                .args(["zone-read", &last, "@", "SOA"])
                .output()?;
            Ok(asked.status.success().then_some(()))
        })?;
        Ok(servers)
    }

    fn address(&self, number: u8) -> SocketAddr {
        SocketAddr::from(([127, 77, 60, number], self.port))
    }

    /// The address that dnsperf is given.
    pub(crate) fn first(&self) -> SocketAddr {
        self.address(1)
    }

    /// A plan with a check for every zone, without the first lines of its `[agent]`.
    pub(crate) fn plan(&self, interval: &str) -> String {
        let first = self.first();
        let mut plan = format!("resolver = \"{first}\"\n\n[defaults]\ninterval = \"{interval}\"\n");
        let servers: Vec<String> =
            (1..=SERVERS).map(|number| format!("\"{}\"", self.address(number))).collect();
        let servers = servers.join(", ");
        for index in 0..self.zones {
            let name = zone(index);
            let _ = write!(
                plan,
                "\n[[dns]]\nname = \"{name}\"\nzone = \"{name}\"\nnameservers = [{servers}]\n\
                 [[dns.record]]\nname = \"@\"\ntype = \"A\"\nvalues = [\"{RECORD}\"]\n"
            );
        }
        plan
    }

    /// The questions of that plan, as dnsperf reads them.
    pub(crate) fn questions(&self) -> String {
        let mut questions = String::new();
        for index in 0..self.zones {
            let name = zone(index);
            let _ = writeln!(questions, "{name} SOA\n{name} A\n{name} NS");
        }
        questions
    }

    /// How many queries were served.
    pub(crate) fn queries(&self) -> anyhow::Result<u64> {
        let text = output_of(
            Command::new("knotc")
                .arg("-s")
                .arg(&self.control)
                .args(["stats", "mod-stats.request-protocol"]),
        )?;
        let counted =
            text.lines().filter_map(|line| line.rsplit_once("= ")?.1.trim().parse::<u64>().ok());
        Ok(counted.sum())
    }
}
