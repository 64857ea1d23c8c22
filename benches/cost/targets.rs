//! What is probed: nginx and Knot DNS on loopback addresses of their own, and the plans and
//! blackbox targets that name them.

use std::fmt::{self, Write as _};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::client::{free_address, within};
use crate::process::{Running, output_of};

/// The name that certificate, zone and Host header carry.
pub(crate) const NAME: &str = "bench.example";
/// What the nameserver answers for it.
pub(crate) const RECORD: &str = "192.0.2.10";
/// Checks are spread over this many addresses, so that no pair of addresses runs out of ports.
pub(crate) const ADDRESSES: usize = 20;

/// What kind of probe is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tcp,
    Http,
    Https,
    Tls,
    /// An address record on one nameserver. The agent asks for the SOA too, to see that the server
    /// has the zone at all.
    Dns,
    /// The SOA alone: one question on both sides.
    DnsSoa,
}

impl Kind {
    pub(crate) const ALL: &[Self] =
        &[Self::Tcp, Self::Http, Self::Https, Self::Tls, Self::Dns, Self::DnsSoa];

    /// What the table calls it.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Http => "http",
            Self::Https => "https",
            Self::Tls => "tls",
            Self::Dns => "dns",
            Self::DnsSoa => "dns-soa",
        }
    }

    /// The `kind` label of its metrics, and its table in the plan.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Http | Self::Https => "http",
            Self::Tls => "tls",
            Self::Dns | Self::DnsSoa => "dns",
        }
    }

    /// Whether it asks nameservers.
    pub(crate) const fn is_dns(self) -> bool {
        matches!(self, Self::Dns | Self::DnsSoa)
    }

    /// The type of record asked for, where nameservers are.
    pub(crate) const fn record_type(self) -> &'static str {
        if matches!(self, Self::DnsSoa) { "SOA" } else { "A" }
    }

    /// Probes a second while CPU time is measured: those of 10,000 checks every 10 s, or half as many
    /// where two cores would not be enough for blackbox_exporter.
    pub(crate) const fn rate(self) -> u32 {
        match self {
            Self::Https | Self::Tls => 500,
            _ => 1_000,
        }
    }

    /// The share of blackbox_exporter's CPU time that is aimed at.
    pub(crate) const fn aim(self) -> f64 {
        match self {
            Self::Https | Self::Tls => 0.25,
            _ => 0.10,
        }
    }
}

/// The servers, running.
pub(crate) struct Targets {
    http_port: u16,
    tls_port: u16,
    nameserver: SocketAddr,
    /// The root that signed the servers' chain, PEM.
    pub(crate) root: PathBuf,
    knot_control: PathBuf,
    _nginx: Running,
    _knot: Running,
}

impl Targets {
    /// Makes certificates, zone and settings in `folder`, and starts both servers.
    pub(crate) async fn start(folder: &Path) -> anyhow::Result<Self> {
        let http_port = free_address("127.77.0.1")?.port();
        let tls_port = free_address("127.77.0.1")?.port();
        let nameserver = free_address("127.77.53.1")?;
        make_chain(folder)?;
        fs::write(folder.join("nginx.conf"), nginx_settings(folder, http_port, tls_port))?;
        let nginx = Running::start(
            Command::new("nginx").arg("-p").arg(folder).args([
                "-e",
                "nginx.log",
                "-c",
                "nginx.conf",
            ]),
            &folder.join("nginx.log"),
        )?;
        let knot_folder = folder.join("knot");
        fs::create_dir(&knot_folder)?;
        fs::write(knot_folder.join("zone"), zone(nameserver))?;
        let knot_settings = knot_folder.join("knot.conf");
        fs::write(&knot_settings, knot_conf(&knot_folder, nameserver))?;
        let knot = Running::start(
            Command::new("knotd").arg("-c").arg(&knot_settings),
            &folder.join("knot.log"),
        )?;
        for address in [at(0, http_port), at(ADDRESSES - 1, http_port), at(0, tls_port), nameserver]
        {
            within(Duration::from_secs(10), || Ok(TcpStream::connect(address).ok()))
                .with_context(|| format!("nobody accepts on {address}; see tests/install"))?;
        }
        let root = folder.join("root.pem");
        let knot_control = knot_folder.join("knot.sock");
        Ok(Self { http_port, tls_port, nameserver, root, knot_control, _nginx: nginx, _knot: knot })
    }

    /// Where the probe number `index` of a kind goes.
    pub(crate) fn address(&self, kind: Kind, index: usize) -> SocketAddr {
        match kind {
            Kind::Tcp | Kind::Http => at(index, self.http_port),
            Kind::Https | Kind::Tls => at(index, self.tls_port),
            Kind::Dns | Kind::DnsSoa => self.nameserver,
        }
    }

    /// A plan of `checks` checks of one kind, without its `[agent]`.
    pub(crate) fn plan(&self, kind: Kind, checks: usize, interval: &str) -> String {
        let root = self.root.display();
        // The resolver is there so that nothing could ever be asked of the machine's own.
        let mut plan = format!(
            "resolver = \"{}\"\n\n[defaults]\ninterval = \"{interval}\"\nca = \"{root}\"\n",
            self.nameserver
        );
        for index in 0..checks {
            let _ = write!(plan, "\n[[{}]]\nname = \"check {index}\"\n", kind.label());
            let address = self.address(kind, index);
            let port = address.port();
            let asked = format!("zone = \"{NAME}\"\nnameservers = [\"{address}\"]");
            let _ = match kind {
                Kind::Tcp => writeln!(plan, "address = \"{address}\""),
                Kind::Http => writeln!(plan, "url = \"http://{address}/\""),
                Kind::Https => {
                    writeln!(plan, "url = \"https://{NAME}:{port}/\"\nconnect = \"{address}\"")
                }
                Kind::Tls => {
                    writeln!(plan, "address = \"{NAME}:{port}\"\nconnect = \"{address}\"")
                }
                Kind::Dns => writeln!(
                    plan,
                    "{asked}\n[[dns.record]]\nname = \"@\"\ntype = \"A\"\nvalues = [\"{RECORD}\"]"
                ),
                Kind::DnsSoa => {
                    writeln!(plan, "{asked}\n[[dns.record]]\nname = \"@\"\ntype = \"SOA\"")
                }
            };
        }
        plan
    }

    /// How many queries the nameserver has seen.
    pub(crate) fn dns_queries(&self) -> anyhow::Result<u64> {
        let text = output_of(
            Command::new("knotc")
                .arg("-s")
                .arg(&self.knot_control)
                .args(["stats", "mod-stats.request-protocol"]),
        )?;
        let counted =
            text.lines().filter_map(|line| line.rsplit_once("= ")?.1.trim().parse::<u64>().ok());
        Ok(counted.sum())
    }
}

impl fmt::Display for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "nginx on {ADDRESSES} loopback addresses, 5 bytes of answer, TLS 1.3 with ECDSA P-256 and one \
             intermediate; Knot DNS with one small zone"
        )
    }
}

fn at(index: usize, port: u16) -> SocketAddr {
    let last = u8::try_from(index % ADDRESSES + 1).unwrap_or(1);
    SocketAddr::new(Ipv4Addr::new(127, 77, 0, last).into(), port)
}

/// A root, an intermediate and a leaf, ECDSA P-256 all, as a public authority has them today.
fn make_chain(folder: &Path) -> anyhow::Result<()> {
    let certificate = |name: &str, subject: &str, days: &str, more: &[&str]| {
        output_of(
            Command::new("openssl")
                .current_dir(folder)
                .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
                .args(["-nodes", "-sha256", "-days", days, "-subj", &format!("/CN={subject}")])
                .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")])
                .args(more),
        )
    };
    const AUTHORITY: &str = "basicConstraints=critical,CA:TRUE";
    const SIGNING: &str = "keyUsage=critical,keyCertSign,cRLSign";
    certificate("root", "bench root", "3650", &["-addext", SIGNING])?;
    let by_root =
        ["-CA", "root.pem", "-CAkey", "root.key", "-addext", AUTHORITY, "-addext", SIGNING];
    certificate("between", "bench intermediate", "1800", &by_root)?;
    let name = format!("subjectAltName=DNS:{NAME}");
    let leaf = [
        ["-CA", "between.pem", "-CAkey", "between.key"],
        ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", &name],
        ["-addext", "keyUsage=critical,digitalSignature", "-addext", "extendedKeyUsage=serverAuth"],
    ];
    certificate("leaf", NAME, "90", leaf.as_flattened())?;
    let chain = ["leaf.pem", "between.pem"].map(|name| fs::read_to_string(folder.join(name)));
    let [leaf, between] = chain;
    Ok(fs::write(folder.join("chain.pem"), leaf? + &between?)?)
}

/// One process, no log, a short answer: as cheap as nginx can be, because it is not measured.
fn nginx_settings(folder: &Path, http_port: u16, tls_port: u16) -> String {
    let folder = folder.display();
    let mut listen = String::new();
    for index in 0..ADDRESSES {
        let (http, tls) = (at(index, http_port), at(index, tls_port));
        let _ = writeln!(listen, "listen {http} backlog=4096;\nlisten {tls} ssl backlog=4096;");
    }
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("{name}_temp_path {folder}/{name};\n"))
        .collect();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\n\
         events {{ worker_connections 8192; }}\n\
         http {{\naccess_log off;\n{paths}server {{\nserver_name {NAME};\n{listen}\
         ssl_certificate {folder}/chain.pem;\nssl_certificate_key {folder}/leaf.key;\n\
         location / {{ default_type text/plain; return 200 \"well\\n\"; }}\n}}\n}}\n"
    )
}

fn knot_conf(folder: &Path, listen: SocketAddr) -> String {
    let folder = folder.display();
    let (ip, port) = (listen.ip(), listen.port());
    format!(
        "server:\n  rundir: \"{folder}\"\n  listen: {ip}@{port}\n  udp-workers: 1\n  tcp-workers: 1\n  \
         background-workers: 1\ndatabase:\n  storage: \"{folder}\"\nlog:\n  - target: stderr\n    any: warning\n\
         mod-stats:\n  - id: counts\n    request-protocol: on\n\
         template:\n  - id: default\n    global-module: mod-stats/counts\n\
         zone:\n  - domain: {NAME}\n    storage: \"{folder}\"\n    file: zone\n    zonefile-load: whole\n    \
         zonefile-sync: -1\n    journal-content: none\n"
    )
}

fn zone(nameserver: SocketAddr) -> String {
    format!(
        "$ORIGIN {NAME}.\n$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 300\n@ NS ns1\n\
         ns1 A {}\n@ A {RECORD}\n",
        nameserver.ip()
    )
}
