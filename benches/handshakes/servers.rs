//! One nginx with a chain for each kind of key: root, intermediate and leaf.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::client::{free_address, within};
use crate::process::{Running, output_of};

/// The name in the certificates.
pub(crate) const NAME: &str = "bench.example";
/// Connections are spread over this many addresses, so that no pair of addresses runs out of ports.
pub(crate) const ADDRESSES: u8 = 20;

/// What every site answers.
const ANSWER: &str = "default_type text/plain;\nreturn 200 \"well\\n\";";

/// What the chain is signed with, from root to leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Ecdsa,
    Rsa,
}

impl Key {
    pub(crate) const ALL: [Self; 2] = [Self::Ecdsa, Self::Rsa];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Ecdsa => "ECDSA P-256",
            Self::Rsa => "RSA 2048",
        }
    }

    const fn folder(self) -> &'static str {
        match self {
            Self::Ecdsa => "ecdsa",
            Self::Rsa => "rsa",
        }
    }

    const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Ecdsa => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            Self::Rsa => &["-newkey", "rsa:2048"],
        }
    }

    /// The network that its addresses lie in.
    const fn network(self) -> u8 {
        match self {
            Self::Ecdsa => 1,
            Self::Rsa => 2,
        }
    }
}

/// The server, running.
pub(crate) struct Servers {
    folder: PathBuf,
    port: u16,
    _nginx: Running,
}

impl Servers {
    /// Makes the chains in `folder` and starts nginx.
    pub(crate) fn start(folder: &Path) -> anyhow::Result<Self> {
        let port = free_address("127.78.1.1")?.port();
        let mut sites = String::new();
        for key in Key::ALL {
            make_chain(folder, key)?;
            let listen = (0..ADDRESSES).fold(String::new(), |mut listen, index| {
                let _ = writeln!(listen, "listen {} ssl backlog=4096;", at(key, index, port));
                listen
            });
            let _ = write!(
                sites,
                "server {{\nserver_name {NAME};\n{listen}ssl_certificate {0}/chain.pem;\n\
                 ssl_certificate_key {0}/leaf.key;\n{ANSWER}\n}}\n",
                folder.join(key.folder()).display()
            );
        }
        let listen = (0..ADDRESSES).fold(String::new(), |mut listen, index| {
            let _ = writeln!(listen, "listen {} backlog=4096;", plain_at(index, port));
            listen
        });
        let _ = write!(sites, "server {{\n{listen}{ANSWER}\n}}\n");
        let settings = format!(
            "daemon off;\nmaster_process off;\npid nginx.pid;\nevents {{ worker_connections 8192; }}\n\
             http {{\naccess_log off;\n{sites}}}\n"
        );
        fs::write(folder.join("nginx.conf"), settings)?;
        let options = ["-e", "nginx.log", "-c", "nginx.conf"];
        let nginx = Running::start(
            Command::new("nginx").arg("-p").arg(folder).args(options),
            &folder.join("nginx.log"),
        )?;
        for key in Key::ALL {
            let address = at(key, 0, port);
            within(Duration::from_secs(10), || Ok(TcpStream::connect(address).ok()))
                .with_context(|| format!("nobody accepts on {address}; see tests/install"))?;
        }
        Ok(Self { folder: folder.to_owned(), port, _nginx: nginx })
    }

    /// Where the connection number `index` goes.
    pub(crate) fn address(&self, key: Key, index: u8) -> SocketAddr {
        at(key, index, self.port)
    }

    /// Where the request number `index` goes without TLS.
    pub(crate) fn plain_address(&self, index: u8) -> SocketAddr {
        plain_at(index, self.port)
    }

    /// The root of the chain, PEM.
    pub(crate) fn root(&self, key: Key) -> PathBuf {
        self.folder.join(key.folder()).join("root.pem")
    }

    /// What is presented, PEM.
    pub(crate) fn chain(&self, key: Key) -> PathBuf {
        self.folder.join(key.folder()).join("chain.pem")
    }
}

fn plain_at(index: u8, port: u16) -> SocketAddr {
    let last = index % ADDRESSES + 1;
    SocketAddr::new(Ipv4Addr::new(127, 78, 3, last).into(), port)
}

fn at(key: Key, index: u8, port: u16) -> SocketAddr {
    let last = index % ADDRESSES + 1;
    SocketAddr::new(Ipv4Addr::new(127, 78, key.network(), last).into(), port)
}

fn make_chain(folder: &Path, key: Key) -> anyhow::Result<()> {
    let folder = folder.join(key.folder());
    fs::create_dir(&folder)?;
    let certificate = |name: &str, subject: &str, days: &str, more: &[&str]| {
        output_of(
            Command::new("openssl")
                .current_dir(&folder)
                .args(["req", "-x509", "-nodes", "-sha256", "-days", days])
                .args(key.options())
                .args(["-subj", &format!("/CN={subject}")])
                .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")])
                .args(more),
        )
    };
    const SIGNING: &str = "keyUsage=critical,keyCertSign,cRLSign";
    certificate("root", "bench root", "3650", &["-addext", SIGNING])?;
    let by_root = ["-CA", "root.pem", "-CAkey", "root.key", "-addext", SIGNING];
    let authority = ["-addext", "basicConstraints=critical,CA:TRUE"];
    certificate("between", "bench between", "1800", &[&by_root[..], &authority].concat())?;
    let name = format!("subjectAltName=DNS:{NAME}");
    let leaf = [
        ["-CA", "between.pem", "-CAkey", "between.key"],
        ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", &name],
        ["-addext", "keyUsage=critical,digitalSignature", "-addext", "extendedKeyUsage=serverAuth"],
    ];
    certificate("leaf", NAME, "90", leaf.as_flattened())?;
    let [leaf, between] =
        ["leaf.pem", "between.pem"].map(|name| fs::read_to_string(folder.join(name)));
    Ok(fs::write(folder.join("chain.pem"), leaf? + &between?)?)
}
