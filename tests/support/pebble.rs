//! An ACME authority (pebble), the names it validates (pebble-challtestsrv), and a client (certbot):
//! all of them on loopback, with folders of the test's own.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::certificates::{Authority, DAY, Order};
use super::command::Ended;
use super::daemon::{self, Daemon, free_port};
use super::loopback::{on, own_ip};

const PACKAGES: &str = "pebble certbot";
/// What pebble and certbot may wait for one answer, seconds.
const PATIENCE: &str = "20";

/// How an authority validates, and what it issues.
#[derive(Clone, Copy, Debug)]
pub struct Practice {
    /// Where every name leads unless [`Pebble::lead`] says otherwise, and the port that stands for 80.
    pub site: SocketAddr,
    /// How long its certificates are valid, seconds.
    pub validity: i64,
}

/// A running ACME authority.
#[derive(Debug)]
pub struct Pebble {
    _authority: Daemon,
    _names: Daemon,
    folder: PathBuf,
    listen: SocketAddr,
    desk: SocketAddr,
    names_desk: SocketAddr,
    /// Where it asks for the addresses of names.
    pub nameserver: SocketAddr,
}

impl Pebble {
    /// Starts it in a folder of its own within this one, and waits until it answers.
    pub fn start(folder: &Path, practice: Practice) -> Self {
        let folder = folder.join("pebble");
        let ip = own_ip();
        let door = Authority::new("The door of pebble");
        let order = Order { names: &[&ip.to_string()], serial: 1, valid: (-DAY, 300 * DAY) };
        door.issue(&order, &folder);
        fs::write(folder.join("door.pem"), door.pem()).unwrap();
        let (names, nameserver, names_desk) = start_names(&folder, ip, practice.site.ip());
        let (listen, desk) = (on(ip), on(ip));
        let settings = serde_json::json!({ "pebble": {
            "listenAddress": listen.to_string(),
            "managementListenAddress": desk.to_string(),
            "certificate": folder.join("fullchain.pem"),
            "privateKey": folder.join("privkey.pem"),
            "httpPort": practice.site.port(),
            "tlsPort": 1,
            "certificateValidityPeriod": practice.validity,
        }});
        fs::write(folder.join("pebble.json"), settings.to_string()).unwrap();
        // Without pauses of up to 15 s, refused nonces, and authorizations that outlive a webroot.
        let program = format!(
            "PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 PEBBLE_AUTHZREUSE=0 \
             exec pebble -config '{}/pebble.json' -dnsserver {nameserver}",
            folder.display()
        );
        let mut authority = Daemon::start("sh", PACKAGES, &["-c", &program], &folder);
        authority.await_ready(|| accepts(listen) && accepts(desk));
        Self { _authority: authority, _names: names, folder, listen, desk, names_desk, nameserver }
    }

    /// The URL of its directory.
    pub fn directory(&self) -> String {
        format!("https://{}/dir", self.listen)
    }

    /// Whom to trust when talking to it: a PEM file.
    pub fn door(&self) -> PathBuf {
        self.folder.join("door.pem")
    }

    /// The root that its certificates lead to, for `ca = "…"`.
    pub fn root(&self) -> String {
        let door = self.door();
        curl(&["--cacert", door.to_str().unwrap(), &format!("https://{}/roots/0", self.desk)])
    }

    /// Has a name lead to these addresses, from now on and for this authority alone.
    pub fn lead(&self, name: &str, addresses: &[IpAddr]) {
        let host = format!("{name}.");
        for (kind, of_kind) in
            [("a", IpAddr::is_ipv4 as fn(&IpAddr) -> bool), ("aaaa", IpAddr::is_ipv6)]
        {
            let addresses: Vec<String> =
                addresses.iter().filter(|ip| of_kind(ip)).map(IpAddr::to_string).collect();
            self.name(&format!("clear-{kind}"), &serde_json::json!({ "host": host }));
            if !addresses.is_empty() {
                let order = serde_json::json!({ "host": host, "addresses": addresses });
                self.name(&format!("add-{kind}"), &order);
            }
        }
    }

    fn name(&self, deed: &str, order: &serde_json::Value) {
        curl(&["--data", &order.to_string(), &format!("http://{}/{deed}", self.names_desk)]);
    }
}

fn start_names(folder: &Path, ip: IpAddr, site: IpAddr) -> (Daemon, SocketAddr, SocketAddr) {
    let nameserver = SocketAddr::new(ip, free_port(&[&ip.to_string()]));
    let desk = on(ip);
    let (v4, v6) = match site {
        IpAddr::V4(ip) => (ip.to_string(), String::new()),
        IpAddr::V6(ip) => (String::new(), ip.to_string()),
    };
    let (nameserver_text, desk_text) = (nameserver.to_string(), desk.to_string());
    let mut arguments = vec!["-http01", "", "-https01", "", "-tlsalpn01", ""];
    arguments.extend(["-dns01", &nameserver_text, "-management", &desk_text]);
    arguments.extend(["-defaultIPv4", &v4, "-defaultIPv6", &v6]);
    let mut names = Daemon::start("pebble-challtestsrv", PACKAGES, &arguments, folder);
    names.await_ready(|| accepts(nameserver) && accepts(desk));
    (names, nameserver, desk)
}

fn accepts(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok()
}

fn curl(arguments: &[&str]) -> String {
    let mut command = Command::new("curl");
    command.args(["-q", "-sS", "--fail", "--noproxy", "*", "--max-time", PATIENCE]).args(arguments);
    let ended = run(&mut command).expect(0);
    ended.out
}

/// certbot, with configuration, work and log folders within one of the test's own.
#[derive(Clone, Debug)]
pub struct Certbot {
    folder: PathBuf,
    directory: String,
    door: PathBuf,
}

impl Certbot {
    /// A client of this authority.
    pub fn of(pebble: &Pebble, folder: &Path) -> Self {
        let folder = folder.join("certbot");
        fs::create_dir_all(&folder).unwrap();
        Self { folder, directory: pebble.directory(), door: pebble.door() }
    }

    /// Has a certificate issued over HTTP-01, with challenges put into this webroot.
    pub fn issue(&self, names: &[&str], webroot: &Path) -> Ended {
        let mut arguments = vec!["certonly", "--webroot", "-w", webroot.to_str().unwrap()];
        arguments.extend(["--server", &self.directory, "--agree-tos"]);
        arguments.extend(["--register-unsafely-without-email", "--cert-name", names[0]]);
        arguments.extend(names.iter().flat_map(|&name| ["-d", name]));
        self.run(&arguments)
    }

    /// What its daily cron does, with more arguments such as `--force-renewal`.
    pub fn renew(&self, more: &[&str]) -> Ended {
        let mut arguments = vec!["renew", "--no-random-sleep-on-renew"];
        arguments.extend(more);
        self.run(&arguments)
    }

    /// Runs it with these arguments and waits until it ends.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = Command::new("certbot");
        command
            .args(arguments)
            .arg("--non-interactive")
            .args(["--config-dir", self.within("etc").to_str().unwrap()])
            .args(["--work-dir", self.within("work").to_str().unwrap()])
            .args(["--logs-dir", self.within("log").to_str().unwrap()])
            .env("REQUESTS_CA_BUNDLE", &self.door)
            .env("NO_PROXY", "*");
        run(&mut command)
    }

    /// The folder of the newest certificate of this name: `fullchain.pem`, `privkey.pem`.
    pub fn live(&self, name: &str) -> PathBuf {
        self.within("etc").join("live").join(name)
    }

    /// What it will do for the certificate of this name.
    pub fn renewal(&self, name: &str) -> PathBuf {
        self.within("etc").join("renewal").join(format!("{name}.conf"))
    }

    /// What it wrote about all that it did.
    pub fn log(&self) -> PathBuf {
        self.within("log").join("letsencrypt.log")
    }

    fn within(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn run(command: &mut Command) -> Ended {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = daemon::spawn(command)
        .unwrap_or_else(|error| panic!("{command:?}: {error}; run tests/install ({PACKAGES})"));
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code().expect("it ended by itself"),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
