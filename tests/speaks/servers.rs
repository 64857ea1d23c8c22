//! The other protocols, as far as Debian's small servers speak them; AMQP, IMAP and POP3 are held
//! against recorded bytes, beside the code.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::agent::eventually;
use crate::support::daemon::{self, Daemon};
use crate::support::loopback::own_address;
use crate::{found, probe, well};

/// Starts a server and waits until it accepts.
fn serve(
    program: &str,
    package: &str,
    arguments: &str,
    address: SocketAddr,
    folder: &Path,
) -> Daemon {
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let mut daemon = Daemon::start(program, package, &arguments, folder);
    let wait = Duration::from_millis(500);
    daemon.await_ready(|| TcpStream::connect_timeout(&address, wait).is_ok());
    daemon
}

/// Writes a server's configuration and hands back its path.
fn written(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Waits until the server has let go of all connections and is well again.
async fn there_is_room(address: SocketAddr, protocol: &str) {
    eventually("there is room again", async || {
        probe(address, &[protocol])["findings"].as_array().unwrap().is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address();
    let (ip, port) = (address.ip(), address.port());
    let options = format!("--bind {ip} --port {port} --maxclients 2 --save  --appendonly no");
    let server = serve("redis-server", "redis-server", &options, address, folder.path());
    assert_eq!(well(&probe(address, &["redis"])).1, "+PONG");
    let held = [TcpStream::connect(address).unwrap(), TcpStream::connect(address).unwrap()];
    let seen = probe(address, &["redis"]);
    assert!(
        found(&seen, "tcp.not-ready", "critical").contains("max number of clients"),
        "{seen:#}"
    );
    drop(held);
    there_is_room(address, "redis").await;
    for (other, named) in [("memcached", "Redis"), ("mysql", ""), ("postgres", "")] {
        let seen = probe(address, &[other, "--timeout", "1s"]);
        let code = if named.is_empty() { "tcp.silent" } else { "tcp.unexpected-reply" };
        assert!(found(&seen, code, "critical").contains(named), "{seen:#}");
    }
    server.terminate();

    let options = format!("--bind {ip} --port {port} --requirepass x --save ");
    let server = serve("redis-server", "redis-server", &options, address, folder.path());
    assert!(well(&probe(address, &["redis"])).1.starts_with("-NOAUTH"));
    server.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn memcached() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address();
    let (ip, port) = (address.ip(), address.port());
    let options = format!("-l {ip} -p {port} -U 0 -u nobody -t 1 -c 64");
    let server = serve("memcached", "memcached", &options, address, folder.path());
    let seen = probe(address, &["memcached"]);
    assert!(well(&seen).0.starts_with("1."), "{seen:#}");
    let held: Vec<_> = (0..64).map(|_| TcpStream::connect(address).unwrap()).collect();
    let seen = probe(address, &["memcached"]);
    assert!(
        found(&seen, "tcp.not-ready", "critical").contains("takes no more clients"),
        "{seen:#}"
    );
    drop(held);
    there_is_room(address, "memcached").await;
    server.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn mqtt() {
    let folder = tempfile::tempdir().unwrap();
    for (anonymous, expected) in [("true", "accepted"), ("false", "not authorized")] {
        let address = own_address();
        let text =
            format!("listener {} {}\nallow_anonymous {anonymous}\n", address.port(), address.ip());
        let options = format!("-c {}", written(folder.path(), "mosquitto.conf", &text));
        let server = serve("mosquitto", "mosquitto", &options, address, folder.path());
        let seen = probe(address, &["mqtt"]);
        assert!(well(&seen).1.ends_with(expected), "{seen:#}");
        server.terminate();
        let log = fs::read_to_string(folder.path().join("mosquitto.log")).unwrap();
        assert!(!log.contains("rotocol error") && !log.contains("exceeded"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ldap() {
    let folder = tempfile::tempdir().unwrap();
    for (text, expected) in [("", "result 0"), ("disallow bind_anon\n", "result 48: ")] {
        let address = own_address();
        let pid = folder.path().join("slapd.pid");
        let text = format!("pidfile {}\n{text}", pid.display());
        let settings = written(folder.path(), "slapd.conf", &text);
        let options = format!("-f {settings} -h ldap://{address} -d 0");
        let server = serve("slapd", "slapd", &options, address, folder.path());
        let seen = probe(address, &["ldap"]);
        assert!(well(&seen).1.starts_with(expected), "{seen:#}");
        server.terminate();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ftp_and_smtp_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (ftp, smtp) = (own_address(), own_address());
    let text = format!(
        "listen=YES\nlisten_address={}\nlisten_port={}\nrun_as_launching_user=YES\n\
         anonymous_enable=YES\nseccomp_sandbox=NO\nsecure_chroot_dir={}\n",
        ftp.ip(),
        ftp.port(),
        folder.path().display()
    );
    let settings = written(folder.path(), "vsftpd.conf", &text);
    let vsftpd = serve("vsftpd", "vsftpd", &settings, ftp, folder.path());
    // Python's own, as little as a mail server can be.
    let options = format!("-W ignore -m smtpd -n -c DebuggingServer {smtp}");
    let mail = serve("/usr/bin/python3", "python3", &options, smtp, folder.path());
    assert!(well(&probe(ftp, &["ftp"])).1.starts_with("220 (vsFTPd"));
    assert!(well(&probe(smtp, &["smtp"])).1.starts_with("250"));
    for (address, asked, answers) in [(ftp, "smtp", "FTP"), (smtp, "pop3", "220 ")] {
        let seen = probe(address, &[asked]);
        assert!(found(&seen, "tcp.unexpected-reply", "critical").contains(answers), "{seen:#}");
    }
    vsftpd.terminate();
    mail.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address();
    let cluster = folder.path().join("cluster");
    let cluster = cluster.to_str().unwrap();
    let mut install = Command::new("mariadb-install-db");
    install.args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"]);
    install.args([&format!("--datadir={cluster}")]).stdout(Stdio::null()).stderr(Stdio::null());
    let installed = daemon::spawn(install.stdin(Stdio::null())).and_then(|mut made| made.wait());
    assert!(installed.is_ok_and(|ended| ended.success()), "run tests/install (mariadb-server)");
    let (ip, port) = (address.ip(), address.port());
    // As root it would run as whom we say alone; as anybody else it does not mind.
    let options = format!(
        "--no-defaults --datadir={cluster} --socket={cluster}/socket --bind-address={ip} \
         --port={port} --max-connections=10 --user=root --log-warnings=9"
    );
    let server = serve("mariadbd", "mariadb-server", &options, address, folder.path());

    let seen = probe(address, &["mysql"]);
    let (version, answer) = well(&seen);
    assert!(version.contains("MariaDB") && answer.starts_with("1045: "), "{seen:#}");
    let seen = probe(address, &["mysql", "--user", "root"]);
    assert_eq!(well(&seen).1, "root is let in");
    let seen = probe(address, &["mysql", "--user", "root", "--database", "shop"]);
    assert!(found(&seen, "tcp.not-ready", "critical").contains("has no database \"shop\""));
    let log = fs::read_to_string(folder.path().join("mariadbd.log")).unwrap();
    // One is from waiting until it accepts; a hello breaks nothing off.
    assert!(log.matches("Aborted").count() <= 1, "{log}");
    let held: Vec<_> = (0..11).map(|_| TcpStream::connect(address).unwrap()).collect();
    eventually("it is full", async || {
        !probe(address, &["mysql"])["findings"].as_array().unwrap().is_empty()
    })
    .await;
    let seen = probe(address, &["mysql"]);
    assert!(found(&seen, "tcp.not-ready", "critical").contains("1040: Too many"), "{seen:#}");
    drop(held);
    let seen = probe(address, &["postgres", "--timeout", "1s"]);
    assert!(found(&seen, "tcp.unexpected-reply", "critical").contains("MySQL"), "{seen:#}");
    there_is_room(address, "mysql").await;
    server.terminate();
}
