use std::net::{TcpListener, TcpStream};

use health::{ClaimKind, Protocol, Undeclared};

use super::*;
use crate::net::Net;

fn claim(port: u16) -> ClaimDraft {
    ClaimDraft {
        ports: (port, port),
        protocol: Protocol::Tcp,
        kind: ClaimKind::Allocated,
        service: "app".into(),
        exposure: None,
        processes: Vec::new(),
        mute: false,
        sources: Vec::new(),
        finds: Vec::new(),
    }
}

#[tokio::test]
async fn a_port_that_takes_no_connection_is_not_dialled_later() {
    let bind = |backlog| {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        let any_port: std::net::SocketAddr = "127.42.0.1:0".parse().unwrap();
        socket.bind(&any_port.into()).unwrap();
        socket.listen(backlog).unwrap();
        TcpListener::from(socket)
    };
    let (well, full, gone) = (bind(128), bind(0), bind(128));
    let ports = [&well, &full, &gone].map(|one| one.local_addr().unwrap().port());
    drop(gone);
    // Nobody accepts, so the queue of one is full, and who comes next waits.
    let _waiting = TcpStream::connect(full.local_addr().unwrap()).unwrap();
    let mut hosts = [HostDraft {
        name: "web".into(),
        address: "127.42.0.1".into(),
        undeclared: Undeclared::Ignore,
        passing: Vec::new(),
        ephemeral: (0, 0),
        claims: ports.map(claim).to_vec(),
    }];
    claims(&mut hosts, &Scout::new(Net::new(None).unwrap())).await;
    let found: Vec<_> = hosts[0].claims.iter().map(|one| (one.ports.0, one.mute)).collect();
    assert_eq!(found, [(ports[0], false), (ports[1], true)]);
    assert!(page::hosts(&hosts).contains("probe = \"none\""));
}

fn asked(path: &str, to: Vec<Address>) -> Asked {
    let place =
        crate::nginx::Place { file: std::path::Path::new("/etc/nginx.conf").into(), line: 1 };
    let pass = Pass {
        place,
        written: "http://x".into(),
        upstream: None,
        to,
        by: "proxy_pass".into(),
        host: None,
    };
    Asked { path: path.into(), pass: Some(pass) }
}

#[test]
fn who_is_asked() {
    let (here, there) = (Address::Socket([127, 0, 0, 1].into(), 1), Address::Name("b".into(), 1));
    for (path, to, expected) in [
        ("/", vec![there.clone()], false),
        ("/api", vec![there.clone()], true),
        ("/api", vec![here.clone(), there], true),
        ("/api", vec![here], false),
        ("/api", vec![Address::Unix("/run/a".into())], false),
        ("/api", vec![Address::Name("localhost".into(), 1)], false),
    ] {
        let asked = asked(path, to);
        let pass = asked.pass.as_ref().unwrap();
        assert_eq!(is_asked_elsewhere(&asked, pass), expected, "{asked:?}");
    }
}

#[test]
fn an_upstream_that_a_plan_refuses_is_words_alone() {
    let scout = Scout::new(Net::new(None).unwrap());
    for (name, expected) in [("app", true), ("a..b", false)] {
        let entry = Entry::new("http", "web").with("url", "http://127.0.0.1/");
        let asked = asked("/", vec![Address::Name(name.into(), 3000)]);
        let entry = with_upstream(entry, &asked, &scout);
        assert_eq!(entry.keys.iter().any(|(key, _)| *key == "upstream"), expected, "{name}");
        scout.plan(&entry.toml()).unwrap();
    }
}

#[tokio::test]
async fn a_folder_that_is_no_check_is_shelved() {
    let scout = Scout::new(Net::new(None).unwrap());
    let entry = Entry::new("certificate", "odd").with("path", "");
    let entries = folders(vec![entry], &scout).await;
    assert!(entries[0].shelved.is_some(), "{entries:?}");
}

#[test]
fn origins() {
    for (location, expected) in [
        ("https://shop.example/", Some("https://shop.example")),
        ("https://shop.example:8443/a?b", Some("https://shop.example:8443")),
        ("http://[::1]/", Some("http://[::1]")),
        ("/login", None),
        ("https://shop.example", None),
        ("https:///", None),
        ("https://a b/", None),
        ("ftp://a/", None),
    ] {
        assert_eq!(origin(location).as_deref(), expected, "{location}");
    }
}
