//! Servers whose configuration is not read: they are named, so that nobody takes silence for an
//! all-clear.

use std::path::Path;

use health::{Listener, Protocol};

use super::claims::HostDraft;
use super::owner;
use crate::listeners::Table;

/// Where nginx keeps its first file, as distributions and its own `make install` have it.
pub(super) const NGINX_FILES: [&str; 5] = [
    "/etc/nginx/nginx.conf",
    "/usr/local/nginx/conf/nginx.conf",
    "/usr/local/etc/nginx/nginx.conf",
    "/usr/local/openresty/nginx/conf/nginx.conf",
    "/opt/nginx/conf/nginx.conf",
];
/// What it is called, its processes, its file.
const OTHERS: [(&str, &[&str], &str); 6] = [
    ("HAProxy", &["haproxy"], "/etc/haproxy/haproxy.cfg"),
    ("Envoy", &["envoy"], "/etc/envoy/envoy.yaml"),
    ("Caddy", &["caddy"], "/etc/caddy/Caddyfile"),
    ("Apache httpd", &["apache2", "httpd"], "/etc/apache2/apache2.conf"),
    ("lighttpd", &["lighttpd"], "/etc/lighttpd/lighttpd.conf"),
    ("Traefik", &["traefik"], "/etc/traefik/traefik.yml"),
];

/// A line for each that listens, or that has left its file.
pub(super) fn remarks(table: &Table, hosts: &[HostDraft]) -> Vec<String> {
    let is_claimed = |listener: &&Listener| {
        let (protocol, port) = (listener.protocol, listener.bind.port());
        hosts.iter().flat_map(|host| &host.claims).any(|claim| {
            claim.protocol == protocol && (claim.ports.0..=claim.ports.1).contains(&port)
        })
    };
    let tcp = table.listeners.iter().filter(|one| one.protocol == Protocol::Tcp);
    let claimed: Vec<&Listener> = tcp.filter(is_claimed).collect();
    let one = |(who, processes, file): &(&str, &[&str], &str)| {
        let is_its = |listener: &&&Listener| {
            let owners = owner::processes(&[**listener]);
            owners.iter().any(|process| processes.contains(&process.name.as_str()))
        };
        let mut ports: Vec<u16> =
            claimed.iter().filter(is_its).map(|one| one.bind.port()).collect();
        ports.dedup();
        if !ports.is_empty() {
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            return Some(format!(
                "{who} listens on {}: its configuration is not read; write [[http]] and [[tls]] for what it serves",
                ports.join(", ")
            ));
        }
        Path::new(file).is_file().then(|| {
            format!("{file} is there, but {who} does not listen, and its configuration is not read")
        })
    };
    OTHERS.iter().filter_map(one).collect()
}
