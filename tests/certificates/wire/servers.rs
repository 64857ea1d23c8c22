//! Servers that speak something before TLS, each with the certificate of a folder.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::daemon::{self, Daemon};
use crate::support::loopback::own_address;

/// Whether a server has a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tls {
    On,
    /// No older than 1.2.
    Floored,
    Off,
}

/// Starts a server and waits until it accepts on all of these.
fn serve(
    program: &str,
    package: &str,
    arguments: &[&str],
    addresses: &[SocketAddr],
    folder: &Path,
) -> Daemon {
    let mut daemon = Daemon::start(program, package, arguments, folder);
    let wait = Duration::from_millis(500);
    let accepts = |address: &SocketAddr| TcpStream::connect_timeout(address, wait).is_ok();
    daemon.await_ready(|| addresses.iter().all(accepts));
    daemon
}

fn written(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Copies a file into a folder, readable for the folder's owner alone.
pub(super) fn hand_over(file: &Path, folder: &Path) {
    let copy = folder.join(file.file_name().unwrap());
    fs::copy(file, &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
    let owner = fs::metadata(folder).unwrap();
    chown(&copy, Some(owner.uid()), Some(owner.gid())).unwrap();
}

/// Postfix, with TLS as it comes, with none older than 1.2, and without. Its own start script minds where
/// its folders are and who owns them, so that the master is started as that script would.
pub(super) fn postfix(folder: &Path, places: [SocketAddr; 3]) -> Daemon {
    let [with, floored, without] = places;
    let shown = folder.display();
    // Its processes run as another user and pass through.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    let owner = |user: &str| {
        let id = Command::new("id").args(["-u", user]).output().unwrap();
        let id = String::from_utf8(id.stdout).unwrap();
        id.trim().parse::<u32>().unwrap_or_else(|_| panic!("run tests/install (postfix)"))
    };
    let postfix = owner("postfix");
    for name in ["private", "public", "active", "incoming", "maildrop", "pid"] {
        fs::create_dir_all(folder.join("queue").join(name)).unwrap();
        let user = if name == "pid" { None } else { Some(postfix) };
        chown(folder.join("queue").join(name), user, None)
            .expect("Postfix is started by root alone");
    }
    fs::create_dir_all(folder.join("state")).unwrap();
    chown(folder.join("state"), Some(postfix), None).unwrap();
    let main = format!(
        "compatibility_level = 3.6\nqueue_directory = {shown}/queue\ndata_directory = {shown}/state\n\
         command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\n\
         mail_owner = postfix\nsetgid_group = postdrop\nmyhostname = mail.example\n\
         inet_interfaces = all\ninet_protocols = ipv4\nmydestination =\nalias_maps =\n\
         local_recipient_maps =\nsmtpd_peername_lookup = no\nsmtpd_tls_security_level = may\n\
         smtpd_tls_chain_files = {shown}/privkey.pem, {shown}/fullchain.pem\n"
    );
    let master = format!(
        "{with} inet n - n - - smtpd\n\
         {floored} inet n - n - - smtpd\n  -o smtpd_tls_protocols=>=TLSv1.2\n\
         {without} inet n - n - - smtpd\n  -o smtpd_tls_security_level=none\n\
         anvil unix - - n - 1 anvil\ntlsmgr unix - - n 1000? 1 tlsmgr\n\
         rewrite unix - - n - - trivial-rewrite\n"
    );
    let settings = written(folder, "etc/main.cf", &main);
    written(folder, "etc/master.cf", &master);
    let settings = Path::new(&settings).parent().unwrap().to_str().unwrap();
    // It ends its own processes as a group, which it has to lead.
    let arguments = ["/usr/lib/postfix/sbin/master", "-c", settings, "-d"];
    serve("setsid", "postfix", &arguments, &places, folder)
}

/// Dovecot, for IMAP, POP3 and ManageSieve.
pub(super) fn dovecot(folder: &Path, [imap, pop3, sieve]: [SocketAddr; 3]) -> Daemon {
    let shown = folder.display();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    let listener = |service: &str, name: &str, address: SocketAddr| {
        format!(
            "service {service}-login {{\n inet_listener {name} {{\n  address = {}\n  port = {}\n }}\n \
             inet_listener {name}s {{\n  port = 0\n }}\n}}\n",
            address.ip(),
            address.port()
        )
    };
    let text = format!(
        "base_dir = {shown}/run\nstate_dir = {shown}/state\nlog_path = {shown}/log\n\
         protocols = imap pop3 sieve\nssl = yes\nssl_cert = <{shown}/fullchain.pem\n\
         ssl_key = <{shown}/privkey.pem\npassdb {{\n driver = static\n args = nopassword=y\n}}\n\
         userdb {{\n driver = static\n args = uid=nobody gid=nogroup home=/nonexistent\n}}\n{}{}{}",
        listener("imap", "imap", imap),
        listener("pop3", "pop3", pop3),
        listener("managesieve", "sieve", sieve)
            .replace(" inet_listener sieves {\n  port = 0\n }\n", "")
    );
    let settings = written(folder, "dovecot.conf", &text);
    serve("dovecot", "dovecot-imapd", &["-F", "-c", &settings], &[imap, pop3, sieve], folder)
}

/// MariaDB, which locks out a host after two connections that broke off one after the other.
pub(super) fn mariadb(folder: &Path, address: SocketAddr) -> Daemon {
    let cluster = folder.join("cluster");
    let cluster = cluster.to_str().unwrap();
    let mut install = Command::new("mariadb-install-db");
    install.args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"]);
    install.args([&format!("--datadir={cluster}")]).stdout(Stdio::null()).stderr(Stdio::null());
    let installed = daemon::spawn(install.stdin(Stdio::null())).and_then(|mut made| made.wait());
    assert!(installed.is_ok_and(|ended| ended.success()), "run tests/install (mariadb-server)");
    // Hosts that no user may come from are turned away before anything else.
    written(folder, "users.sql", "create user 'shop'@'%' identified by 'a secret';\n");
    let shown = folder.display();
    let options = format!(
        "--no-defaults --datadir={cluster} --socket={cluster}/socket --bind-address={} --port={} \
         --user=root --ssl-cert={shown}/fullchain.pem --ssl-key={shown}/privkey.pem \
         --max-connect-errors=2 --init-file={shown}/users.sql",
        address.ip(),
        address.port()
    );
    let arguments: Vec<&str> = options.split(' ').collect();
    serve("mariadbd", "mariadb-server", &arguments, &[address], folder)
}

/// OpenLDAP.
pub(super) fn slapd(folder: &Path, address: SocketAddr, tls: Tls) -> Daemon {
    let shown = folder.display();
    let keys = match tls {
        Tls::On | Tls::Floored => format!(
            "TLSCertificateFile {shown}/fullchain.pem\nTLSCertificateKeyFile {shown}/privkey.pem\n"
        ),
        Tls::Off => String::new(),
    };
    let keys = match tls {
        Tls::Floored => keys + "TLSCipherSuite NORMAL:-VERS-TLS1.0:-VERS-TLS1.1\n",
        Tls::On | Tls::Off => keys,
    };
    let settings = written(folder, "slapd.conf", &format!("pidfile {shown}/slapd.pid\n{keys}"));
    let place = format!("ldap://{address}");
    let arguments = ["-f", &settings, "-h", &place, "-d", "0"];
    serve("slapd", "slapd", &arguments, &[address], folder)
}

/// vsftpd.
pub(super) fn vsftpd(folder: &Path, address: SocketAddr, tls: Tls) -> Daemon {
    let shown = folder.display();
    let keys = match tls {
        Tls::On | Tls::Floored => format!(
            "ssl_enable=YES\nallow_anon_ssl=YES\nrsa_cert_file={shown}/fullchain.pem\n\
             rsa_private_key_file={shown}/privkey.pem\nssl_ciphers=HIGH\n"
        ),
        Tls::Off => String::new(),
    };
    let text = format!(
        "listen=YES\nlisten_address={}\nlisten_port={}\nrun_as_launching_user=YES\n\
         anonymous_enable=YES\nseccomp_sandbox=NO\nsecure_chroot_dir={shown}\n{keys}",
        address.ip(),
        address.port(),
    );
    let settings = written(folder, "vsftpd.conf", &text);
    serve("vsftpd", "vsftpd", &[&settings], &[address], folder)
}

/// Prosody, with clients' connections alone.
pub(super) fn prosody(folder: &Path, address: SocketAddr) -> Daemon {
    let shown = folder.display();
    for (from, to) in [("fullchain.pem", "mail.example.crt"), ("privkey.pem", "mail.example.key")] {
        fs::create_dir_all(folder.join("certs")).unwrap();
        fs::copy(folder.join(from), folder.join("certs").join(to)).unwrap();
    }
    fs::create_dir_all(folder.join("state")).unwrap();
    let text = format!(
        "run_as_root = true\npidfile = \"{shown}/pid\"\ndata_path = \"{shown}/state\"\n\
         certificates = \"{shown}/certs\"\ninterfaces = {{ \"{}\" }}\nc2s_ports = {{ {} }}\n\
         modules_disabled = {{ \"s2s\" }}\nmodules_enabled = {{ \"tls\", \"saslauth\" }}\n\
         log = {{ info = \"{shown}/log\" }}\nVirtualHost \"mail.example\"\n",
        address.ip(),
        address.port()
    );
    let settings = written(folder, "prosody.cfg.lua", &text);
    serve("prosody", "prosody", &["--config", &settings, "-F"], &[address], folder)
}

/// HAProxy with TLS on this address and these options on its `bind` line.
pub(super) fn haproxy(folder: &Path, address: SocketAddr, options: &str) -> Daemon {
    let both =
        ["fullchain.pem", "privkey.pem"].map(|file| fs::read_to_string(folder.join(file)).unwrap());
    written(folder, "both.pem", &both.concat());
    let options = options.replace("root.pem", folder.join("root.pem").to_str().unwrap());
    let text = format!(
        "global\n  ssl-default-bind-options ssl-min-ver TLSv1.2\ndefaults\n  mode http\n  timeout client 5s\n  \
         timeout server 5s\n  timeout connect 5s\nfrontend f\n  bind {address} ssl crt {}/both.pem {options}\n  \
         http-request return status 200\n",
        folder.display()
    );
    let settings = written(folder, "haproxy.cfg", &text);
    serve("haproxy", "haproxy", &["-db", "-f", &settings], &[address], folder)
}

/// `openssl s_server` with one more option.
pub(super) fn openssl(folder: &Path, address: SocketAddr, option: &str) -> Daemon {
    let [place, certificate, key] = [
        address.to_string(),
        folder.join("fullchain.pem").display().to_string(),
        folder.join("privkey.pem").display().to_string(),
    ];
    let arguments = [
        "s_server",
        "-accept",
        &place,
        "-cert",
        &certificate,
        "-key",
        &key,
        "-quiet",
        "-www",
        "-cipher",
        "ALL:@SECLEVEL=0",
        option,
    ];
    serve("openssl", "openssl", &arguments, &[address], folder)
}

/// A server that holds this dialogue, what has to be heard before each of its words, and then goes on
/// in TLS until it is left. It lives as long as the runtime of the test.
pub(super) async fn upgrading(
    folder: &Path,
    dialogue: &'static [(&'static str, &'static str)],
) -> SocketAddr {
    let chain: Vec<_> = CertificateDer::pem_file_iter(folder.join("fullchain.pem"))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let key = PrivateKeyDer::from_pem_file(folder.join("privkey.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let settings = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(settings));
    let listener = TcpListener::bind(own_address()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut heard = vec![0; 1024];
                for (expected, word) in dialogue {
                    if !expected.is_empty() {
                        let length = stream.read(&mut heard).await.unwrap();
                        assert!(heard[..length].starts_with(expected.as_bytes()), "{expected}");
                    }
                    stream.write_all(word.as_bytes()).await.unwrap();
                }
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let length = stream.read(&mut heard).await.unwrap_or_default();
                    assert_eq!(&heard[..length], b"QUIT\r\n");
                    let _ = stream.write_all(b"205 bye\r\n").await;
                }
            });
        }
    });
    address
}
