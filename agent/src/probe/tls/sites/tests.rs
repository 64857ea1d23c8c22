//! Which sites a configuration makes, what is asked for where, and what their files lack.

use std::fmt::Write;

use super::survey::Name;
use super::*;
use crate::authority::Inquiry;
use crate::tls::workshop::{Authority, noon, pem, plain, trusting};

fn read_sites(folder: &std::path::Path, http: &str) -> Vec<Site> {
    let path = folder.join("nginx.conf");
    std::fs::write(&path, format!("http {{\n{http}\n}}\n")).unwrap();
    survey::sites(&nginx::Sites::of(&nginx::read(&path)))
}

#[test]
fn what_is_asked_for_and_where() {
    let folder = tempfile::tempdir().unwrap();
    let pair = "ssl_certificate a.pem; ssl_certificate_key a.key;";
    // Servers, and line by line: its names, and every door with what is asked for there.
    let cases: [(&str, &str); 15] = [
        (
            "server { listen 443 ssl; server_name a.example www.a.example; PAIR }",
            "a.example www.a.example | 127.0.0.1:443=a.example\n",
        ),
        (
            "server { listen 443 ssl; listen [::]:443 ssl; server_name a.example; PAIR }",
            "a.example | 127.0.0.1:443=a.example ::1:443=a.example\n",
        ),
        // Who listens everywhere is not met where another has an address of its own.
        (
            "server { listen 443 ssl; listen [::]:443 ssl; server_name a.example; PAIR } server { listen 127.0.0.1:443 ssl; listen [::1]:443; server_name b.example; PAIR }",
            "a.example | 127.0.0.2:443=a.example\nb.example | 127.0.0.1:443=b.example\n",
        ),
        (
            "server { listen 127.0.0.9:8443 ssl proxy_protocol; server_name a.example; PAIR }",
            "a.example | 127.0.0.9:8443=a.example(proxy)\n",
        ),
        ("server { listen 80; server_name a.example; PAIR }", ""),
        ("server { listen 443 ssl; server_name _; PAIR }", " | 127.0.0.1:443=-\n"),
        ("server { listen 443 ssl; PAIR }", " | 127.0.0.1:443=-\n"),
        (
            "server { listen 443 ssl default_server; ssl_reject_handshake on; } server { listen 443 ssl; server_name a.example; PAIR }",
            "a.example | 127.0.0.1:443=a.example\n",
        ),
        (
            "server { listen 443 ssl; server_name *.a.example; PAIR }",
            "*.a.example | 127.0.0.1:443=portwarden.a.example\n",
        ),
        (
            "server { listen 443 ssl; server_name .a.example; PAIR }",
            "a.example *.a.example | 127.0.0.1:443=a.example\n",
        ),
        (
            "server { listen 443 ssl; server_name *.b.example A.example.; PAIR }",
            "*.b.example a.example | 127.0.0.1:443=a.example\n",
        ),
        (
            "server { listen 443 ssl; server_name a.example; PAIR } server { listen 443 ssl; server_name a.example; PAIR }",
            "a.example | 127.0.0.1:443=a.example\na.example | \n",
        ),
        (
            "server { listen 443 ssl; server_name a.example; PAIR } server { listen 443 ssl; server_name ~^b localhost 192.0.2.1 $hostname; PAIR }",
            "a.example | 127.0.0.1:443=a.example\n | \n",
        ),
        (
            "server { listen unix:/run/x.sock ssl; listen 443 quic; server_name a.example; PAIR }",
            "a.example | \n",
        ),
        (
            "server { listen 443 ssl; server_name a.example; ssl_certificate /x/$ssl_server_name.pem; ssl_certificate_key /x/k; }",
            "a.example | 127.0.0.1:443=a.example, no file\n",
        ),
    ];
    for (servers, expected) in cases {
        let sites = read_sites(folder.path(), &servers.replace("PAIR", pair));
        let mut shown = String::new();
        for site in &sites {
            let names: Vec<String> = site.names.iter().map(Name::shown).collect();
            let doors = site.doors.iter().map(|(door, asked)| {
                let host = match &door.endpoint.host {
                    crate::plan::Target::Address(ip) => ip.to_string(),
                    crate::plan::Target::Name(name) => name.to_string(),
                };
                let asked = match asked {
                    Asked::Name(name) => name,
                    Asked::Nobody => "-",
                };
                let proxy = if door.proxy_protocol { "(proxy)" } else { "" };
                format!("{host}:{}={asked}{proxy}", door.endpoint.port)
            });
            let doors: Vec<String> = doors.collect();
            let file = if site.pairs.is_empty() { ", no file" } else { "" };
            writeln!(shown, "{} | {}{file}", names.join(" "), doors.join(" ")).unwrap();
        }
        assert_eq!(shown, expected, "{servers}");
    }
}

#[tokio::test]
async fn files_and_names_are_judged_though_nobody_serves_them() {
    let root = Authority::root("Test Root");
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    for (name, names) in
        [("one", &["a.example"][..]), ("star", &["*.a.example"]), ("few", &["x.a.example"])]
    {
        let leaf = root.leaf(names, &plain);
        std::fs::write(at(&format!("{name}.pem")), pem(&[&leaf.der])).unwrap();
        let key = at(&format!("{name}.key"));
        std::fs::write(&key, leaf.key.serialize_pem()).unwrap();
        let closed = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&key, closed).unwrap();
    }
    // `reject` keeps every handshake away: only files are of interest here.
    let with = |names: &str, file: &str| {
        format!(
            "server {{ listen unix:/x ssl; server_name {names};\n ssl_certificate {file}.pem; ssl_certificate_key {file}.key; }}"
        )
    };
    let cases: [(String, &[&str]); 9] = [
        (with("a.example", "one"), &[]),
        (with("a.example b.example", "one"), &["cert.wrong-name/warning b.example (ONE)"]),
        (with("b.example", "one"), &["cert.wrong-name/critical b.example (ONE)"]),
        (with("_ ~^x$ localhost", "one"), &[]),
        (with("*.a.example", "star"), &[]),
        (with("*.a.example", "few"), &[]),
        (with("*.a.example", "one"), &["cert.wrong-name/critical *.a.example (ONE)"]),
        (with(".a.example", "star"), &["cert.wrong-name/warning a.example (STAR)"]),
        (with("a.example", "none"), &["cert.unreadable/critical NONE"]),
    ];
    let net = Net::new(Some(SocketAddr::from(([127, 0, 0, 1], 53)))).unwrap();
    for (servers, expected) in cases {
        let path = folder.path().join("nginx.conf");
        std::fs::write(&path, format!("http {{\n{servers}\n}}\n")).unwrap();
        let spec = Spec {
            configuration: path.clone(),
            connect: None,
            source: None,
            expiring: Expiring::default(),
            renewal: Expected::default(),
            revocation: Inquiry::Off,
            roots: trusting(&[root.der()]),
            beside: None,
        };
        let mut watch = Stopwatch::start(std::time::Duration::from_secs(5));
        let sight = observe(&spec, &net, &mut watch, noon()).await;
        let said: Vec<String> = sight
            .findings
            .iter()
            .map(|finding| {
                let code = format!("{}/{}", finding.code.label(), finding.severity.label());
                format!("{code} {}", finding.subject)
                    .replace(&at("one.pem"), "ONE")
                    .replace(&at("star.pem"), "STAR")
                    .replace(&at("none.pem"), "NONE")
            })
            .collect();
        assert_eq!(said, expected, "{servers}");
        let place = format!("{}:3", path.display());
        for finding in &sight.findings {
            assert_eq!(finding.evidence["named_in"], place, "{finding:?}");
        }
        assert_eq!(sight.facts.files[0].named_in.as_deref(), Some(&*place));
    }
    for (text, expected) in [
        ("http { server { listen 80; } }", "cert.unreadable/notice"),
        ("http { include missing.conf; }", "cert.unreadable/critical"),
        ("http {", "cert.unreadable/critical"),
    ] {
        let path = folder.path().join("nginx.conf");
        std::fs::write(&path, text).unwrap();
        let spec = Spec {
            configuration: path,
            connect: None,
            source: None,
            expiring: Expiring::default(),
            renewal: Expected::default(),
            revocation: Inquiry::Off,
            roots: trusting(&[]),
            beside: None,
        };
        let mut watch = Stopwatch::start(std::time::Duration::from_secs(5));
        let sight = observe(&spec, &net, &mut watch, noon()).await;
        let [finding] = &sight.findings[..] else { panic!("{text}: {:#?}", sight.findings) };
        let said = format!("{}/{}", finding.code.label(), finding.severity.label());
        assert_eq!(said, expected, "{text}: {:?}", finding.summary);
    }
}

#[tokio::test]
async fn an_address_that_keeps_one_waiting_hides_no_other() {
    let folder = tempfile::tempdir().unwrap();
    // Accepts, and never says a word; and a port where nobody listens.
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = held.local_addr().unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = |at: SocketAddr, name: &str| {
        format!("server {{ listen {at} ssl; server_name {name}; ssl_certificate $v; }}\n")
    };
    let mut servers: String = (0..40).map(|at| server(silent, &format!("n{at}.example"))).collect();
    servers += &server(closed, "last.example");
    let path = folder.path().join("nginx.conf");
    std::fs::write(&path, format!("http {{\n{servers}}}\n")).unwrap();
    let spec = Spec {
        configuration: path,
        connect: None,
        source: None,
        expiring: Expiring::default(),
        renewal: Expected::default(),
        revocation: Inquiry::Off,
        roots: trusting(&[]),
        beside: None,
    };
    let net = Net::new(Some(SocketAddr::from(([127, 0, 0, 1], 53)))).unwrap();
    let mut watch = Stopwatch::start(std::time::Duration::from_secs(2));
    let sight = observe(&spec, &net, &mut watch, noon()).await;
    let refused: Vec<&str> = sight
        .findings
        .iter()
        .filter(|finding| finding.code == health::Code::TcpRefused)
        .map(|finding| &*finding.subject)
        .collect();
    assert_eq!(refused, [closed.to_string()], "{:#?}", sight.findings);
    assert!(!watch.left().is_zero(), "it ends within its time");
    let at_most = AT_ONCE + 1;
    assert!(sight.findings.len() <= at_most, "{:#?}", sight.findings);
}
