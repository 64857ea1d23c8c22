//! Web servers to what can be asked of them. Pure: a function of the nginx files and the socket
//! table.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use health::Protocol;
use rustls_pki_types::DnsName;

use super::{Scope, is_own};
use crate::listeners::Table;
use crate::nginx::{Address, Listen, Location, Matching, Pass, Server, Sites};

/// Names of one server that become checks.
const MOST_NAMES: usize = 20;
/// Locations of one server that become checks.
const MOST_LOCATIONS: usize = 20;
/// All of them together: a start, not a burden.
const MOST_CANDIDATES: usize = 500;

/// One name on one socket of nginx.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Candidate {
    /// The name to ask for; `None`: the server has none, and is asked by its address.
    pub(super) name: Option<String>,
    /// TLS is spoken.
    pub(super) tls: bool,
    /// Spoken in plain, where the same name is also served over TLS.
    pub(super) beside_tls: bool,
    /// An address of this machine.
    pub(super) connect: SocketAddr,
    /// `nginx FILE:LINE`
    pub(super) source: String,
    /// The certificates it should serve.
    pub(super) certificates: Vec<PathBuf>,
    /// Roots that its configuration names.
    pub(super) trusted: Vec<PathBuf>,
    /// What to ask for; `/` first.
    pub(super) asked: Vec<Asked>,
}

/// One path, and who answers there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) pass: Option<Pass>,
}

/// Everything that nginx serves on addresses of this machine, in the order of its files.
pub(super) fn candidates(
    sites: &Sites,
    scope: &Scope,
    table: &Table,
    remarks: &mut Vec<String>,
) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    let mut taken = HashSet::new();
    for server in &sites.servers {
        let sockets = sockets(server, scope, table, remarks);
        if sockets.is_empty() {
            continue;
        }
        webroots(server, remarks);
        let names = names(server, remarks);
        for (listen, connect) in sockets {
            for name in &names {
                if name.is_none() && listen.tls {
                    remarks.push(format!(
                        "nginx {}: a TLS server without a name to ask for",
                        server.place
                    ));
                    continue;
                }
                // Of two servers with the same name on one socket, nginx asks the first.
                if taken.insert((name.clone(), connect)) {
                    found.push(candidate(server, listen, connect, name.clone()));
                }
            }
        }
    }
    if found.len() > MOST_CANDIDATES {
        remarks.push(format!("nginx: {} further names", found.len() - MOST_CANDIDATES));
        found.truncate(MOST_CANDIDATES);
    }
    let secure: HashSet<Option<String>> =
        found.iter().filter(|one| one.tls).map(|one| one.name.clone()).collect();
    for one in &mut found {
        one.beside_tls = !one.tls && secure.contains(&one.name);
        if one.beside_tls {
            // What lies behind is looked at over TLS.
            one.asked.truncate(1);
        }
    }
    found
}

/// Names that may have records in a zone, sorted.
pub(super) fn public_names(candidates: &[Candidate]) -> Vec<String> {
    let inner = [".local", ".localhost", ".internal", ".lan", ".home", ".home.arpa", ".test"];
    let mut names: Vec<String> = candidates
        .iter()
        .filter_map(|one| one.name.clone())
        .filter(|name| name.contains('.') && !inner.iter().any(|ending| name.ends_with(ending)))
        .collect();
    names.sort();
    names.dedup();
    names
}

fn candidate(
    server: &Server,
    listen: &Listen,
    connect: SocketAddr,
    name: Option<String>,
) -> Candidate {
    Candidate {
        name,
        tls: listen.tls,
        beside_tls: false,
        connect,
        source: format!("nginx {}", server.place),
        certificates: match listen.tls {
            true => server.certificates.iter().map(|(path, _)| path.clone()).collect(),
            false => Vec::new(),
        },
        trusted: server.trusted.clone(),
        asked: asked(server),
    }
}

/// The sockets of a server that can be dialled, one for each port: v4 where there are both.
fn sockets<'a>(
    server: &'a Server,
    scope: &Scope,
    table: &Table,
    remarks: &mut Vec<String>,
) -> Vec<(&'a Listen, SocketAddr)> {
    let mut found: Vec<(&Listen, SocketAddr)> = Vec::new();
    for listen in server.listens.iter().filter(|listen| !listen.quic) {
        match dialled(listen, scope, table) {
            Ok(Some(connect)) => {
                let is_alike = |(other, known): &&mut (&Listen, SocketAddr)| {
                    known.port() == connect.port()
                        && other.tls == listen.tls
                        && everywhere(other) == everywhere(listen)
                };
                match found.iter_mut().find(is_alike) {
                    Some(known) if connect.is_ipv4() && known.1.is_ipv6() => {
                        *known = (listen, connect);
                    }
                    Some(_) => {}
                    None => found.push((listen, connect)),
                }
            }
            Ok(None) => {}
            Err(reason) => remarks.push(format!("nginx {}: {reason}", listen.place)),
        }
    }
    found
}

fn everywhere(listen: &Listen) -> bool {
    matches!(listen.address, Address::Socket(ip, _) if ip.is_unspecified())
}

/// Where to dial for a `listen`; `None` when it was not asked for, or why it cannot be dialled.
fn dialled(listen: &Listen, scope: &Scope, table: &Table) -> Result<Option<SocketAddr>, String> {
    let (ip, port) = match &listen.address {
        Address::Socket(ip, port) => (*ip, *port),
        Address::Name(name, port) if name == "localhost" => (Ipv4Addr::LOCALHOST.into(), *port),
        Address::Name(name, _) => {
            return Err(format!("listens on {name:?}, a name, and names are not resolved"));
        }
        Address::Unix(path) => return Err(format!("listens on {path}, which is no port")),
    };
    if !scope.addresses.is_empty() && !scope.addresses.contains(&ip) {
        return Ok(None);
    }
    if !ip.is_unspecified() && !is_own(ip, table) {
        return Err(format!("listens on {ip}, which is no address of this machine"));
    }
    let listens = table.machine().on(Protocol::Tcp, port).iter();
    let covers = |bind: IpAddr| {
        let bind = bind.to_canonical();
        bind == ip || (bind.is_unspecified() && (bind.is_ipv6() || ip.is_ipv4()))
    };
    if !listens.map(|one| one.bind.ip()).any(covers) {
        return Err(format!("nobody listens on {} now", SocketAddr::new(ip, port)));
    }
    if listen.proxy_protocol {
        return Err(format!("port {port} takes the PROXY protocol alone"));
    }
    let dialled = match ip {
        IpAddr::V4(v4) if v4.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(v6) if v6.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Ok(Some(SocketAddr::new(dialled, port)))
}

/// The names that can be asked for; `None` alone when there is no name at all.
fn names(server: &Server, remarks: &mut Vec<String>) -> Vec<Option<String>> {
    let mut found: Vec<Option<String>> = Vec::new();
    let mut patterns = Vec::new();
    for written in &server.names {
        let plain = written.strip_prefix('.').unwrap_or(written).to_ascii_lowercase();
        let is_name = plain.parse::<IpAddr>().is_err()
            && !plain.contains('_')
            && DnsName::try_from(plain.as_str()).is_ok();
        if is_name {
            if !found.contains(&Some(plain.clone())) {
                found.push(Some(plain));
            }
        } else if !matches!(written.as_str(), "_" | "" | "$hostname") {
            patterns.push(written.as_str());
        }
    }
    if !patterns.is_empty() {
        remarks.push(format!(
            "nginx {}: {} stands for many names; write a check for those that matter",
            server.place,
            patterns.join(" ")
        ));
    }
    if found.len() > MOST_NAMES {
        remarks.push(format!("nginx {}: {} further names", server.place, found.len() - MOST_NAMES));
        found.truncate(MOST_NAMES);
    }
    if found.is_empty() && patterns.is_empty() {
        found.push(None);
    }
    found
}

/// `/`, and every literal path that is passed on to somebody else than `/` is.
fn asked(server: &Server) -> Vec<Asked> {
    // A server that answers by itself never comes to its locations.
    if server.answer.is_some() {
        return vec![Asked { path: "/".to_owned(), pass: None }];
    }
    let is_literal = |location: &&Location| {
        matches!(location.matching, Matching::Exact | Matching::Prefix)
            && location.path.starts_with('/')
            && location.path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~".contains(&b))
    };
    let literal: Vec<&Location> = server.locations.iter().filter(is_literal).collect();
    let root = literal.iter().filter(|one| one.path == "/");
    let root = root.min_by_key(|one| one.matching != Matching::Exact);
    let pass = root.and_then(|one| one.pass.clone());
    let mut asked = vec![Asked { path: "/".to_owned(), pass: pass.clone() }];
    for location in literal {
        // Where a variable decides, a request without it proves nothing.
        let Some(own) = location.pass.as_ref().filter(|own| !own.to.is_empty()) else { continue };
        let is_other = pass.as_ref().is_none_or(|root| root.to != own.to);
        let is_new = asked.iter().all(|known| known.path != location.path);
        if is_other && is_new && asked.len() <= MOST_LOCATIONS {
            asked.push(Asked { path: location.path.clone(), pass: Some(own.clone()) });
        }
    }
    asked
}

fn webroots(server: &Server, remarks: &mut Vec<String>) {
    for location in &server.locations {
        let Some(webroot) = &location.challenges else { continue };
        let remark = format!(
            "nginx {}: challenges of an ACME authority are served from {webroot}; whether renewal works is not looked at",
            location.place
        );
        remarks.push(remark);
    }
}

#[cfg(test)]
mod tests {
    use health::{Listener, Owner};

    use super::*;
    use crate::nginx;

    fn table(binds: &[&str]) -> Table {
        let mut table = Table::default();
        table.addresses = vec!["10.0.0.5".parse().unwrap()];
        table.listeners = binds
            .iter()
            .map(|bind| Listener {
                protocol: Protocol::Tcp,
                bind: bind.parse().unwrap(),
                v6_only: None,
                inode: 1,
                owner: Owner::Kernel,
            })
            .collect();
        health::ports::order(&mut table.listeners);
        table
    }

    /// Candidates as `scheme name connect paths`, and remarks without their places.
    fn found(http: &str, addresses: &[&str], binds: &[&str]) -> (Vec<String>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nginx.conf");
        std::fs::write(&path, format!("http {{ {http} }}")).unwrap();
        let sites = Sites::of(&nginx::read(&path));
        let addresses = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
        let scope = Scope { addresses, ..Scope::default() };
        let mut remarks = Vec::new();
        let found = candidates(&sites, &scope, &table(binds), &mut remarks);
        let one = |one: &Candidate| {
            let scheme = if one.tls { "https" } else { "http" };
            let paths: Vec<&str> = one.asked.iter().map(|asked| asked.path.as_str()).collect();
            format!(
                "{scheme} {} {} {}",
                one.name.as_deref().unwrap_or("-"),
                one.connect,
                paths.join(" ")
            )
        };
        let place = format!("nginx {}:1: ", path.display());
        (
            found.iter().map(one).collect(),
            remarks.iter().map(|one| one.replace(&place, "")).collect(),
        )
    }

    #[test]
    fn where_a_server_is_asked() {
        let everywhere = ["0.0.0.0:80", "[::]:80", "[::]:443", "127.0.0.1:8443", "10.0.0.5:81"];
        for (server, expected, remark) in [
            ("listen 80; server_name a.example;", "http a.example 127.0.0.1:80 /", ""),
            (
                "listen 80; listen [::]:80; server_name a.example;",
                "http a.example 127.0.0.1:80 /",
                "",
            ),
            ("listen [::]:443 ssl; server_name A.example;", "https a.example [::1]:443 /", ""),
            ("listen 443 ssl; server_name .a.example;", "https a.example 127.0.0.1:443 /", ""),
            ("listen 10.0.0.5:81;", "http - 10.0.0.5:81 /", ""),
            ("listen localhost:8443;", "http - 127.0.0.1:8443 /", ""),
            ("listen 80; server_name _;", "http - 127.0.0.1:80 /", ""),
            (
                "listen 192.0.2.1:80;",
                "",
                "listens on 192.0.2.1, which is no address of this machine",
            ),
            ("listen 82;", "", "nobody listens on 0.0.0.0:82 now"),
            ("listen web:80;", "", "listens on \"web\", a name, and names are not resolved"),
            ("listen unix:/run/x;", "", "listens on /run/x, which is no port"),
            ("listen 80 proxy_protocol;", "", "port 80 takes the PROXY protocol alone"),
            ("listen 443 ssl; server_name _;", "", "a TLS server without a name to ask for"),
            (
                "listen 80; server_name *.a.example;",
                "",
                "*.a.example stands for many names; write a check for those that matter",
            ),
        ] {
            let (candidates, remarks) = found(&format!("server {{ {server} }}"), &[], &everywhere);
            assert_eq!(candidates.join(", "), expected, "{server}");
            assert_eq!(remarks.join(", "), remark, "{server}");
        }
    }

    #[test]
    fn what_is_asked_for() {
        let http = r"
            upstream app { server 127.0.0.1:3011; }
            server {
                listen 443 ssl; server_name a.example;
                location / { proxy_pass http://app; }
                location /same/ { proxy_pass http://app; }
                location /api/ { proxy_pass http://127.0.0.1:4000; }
                location = /live { proxy_pass http://10.1.1.1:5000; }
                location ~ /re { proxy_pass http://127.0.0.1:4001; }
                location /static/ { root /srv; }
            }
            server { listen 80; server_name a.example; location /api/ { proxy_pass http://127.0.0.1:4000; } }
            server { listen 80; server_name a.example; }
            server { listen 80; server_name b.example; return 301 https://a.example/; location /x { proxy_pass http://127.0.0.1:1; } }";
        let (candidates, remarks) = found(http, &[], &["0.0.0.0:80", "0.0.0.0:443"]);
        assert_eq!(
            candidates,
            [
                "https a.example 127.0.0.1:443 / /api/ /live",
                "http a.example 127.0.0.1:80 /",
                "http b.example 127.0.0.1:80 /",
            ]
        );
        assert_eq!(remarks, [""; 0]);
    }

    #[test]
    fn only_the_addresses_asked_for() {
        let http = "server { listen 80; } server { listen 127.9.9.9:80; server_name a.example; }";
        let binds = ["0.0.0.0:80", "127.9.9.9:80"];
        let (candidates, _) = found(http, &["127.9.9.9"], &binds);
        assert_eq!(candidates, ["http a.example 127.9.9.9:80 /"]);
    }

    #[test]
    fn webroots_are_mentioned() {
        let http = "server { listen 80; server_name a.example; location /.well-known/acme-challenge/ { root /var/www/certbot; } }";
        let (_, remarks) = found(http, &[], &["0.0.0.0:80"]);
        assert!(remarks[0].contains("served from /var/www/certbot"), "{remarks:?}");
    }
}
