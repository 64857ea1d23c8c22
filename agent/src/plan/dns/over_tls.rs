//! `tls://ADDRESS[:PORT][#NAME]`: a server to be asked over TLS, written as unbound and
//! systemd-resolved write it.

use std::net::SocketAddr;

use super::super::frame::{self, Pace};
use super::super::names::Hosts;
use super::super::notes::{At, Wrong};
use super::super::row::Row;
use super::super::{Endpoint, Target, agent};
use super::domain;
use crate::probe::dns::OverTls;

const SCHEME: &str = "tls://";
/// Where DNS over TLS is served (RFC 7858 §3.1).
const PORT: u16 = 853;

/// The servers under a key, and those of them that are asked over TLS.
pub(super) struct Servers<'r, 'a> {
    pub(super) row: &'r Row<'a>,
    pub(super) pace: &'r Pace,
    pub(super) over_tls: Vec<OverTls>,
}

impl Servers<'_, '_> {
    /// Names and addresses under this key; without a port, port 53, or 853 over TLS.
    pub(super) fn endpoints(&mut self, key: &'static str, hosts: &Hosts) -> Vec<Endpoint> {
        self.each(key, |row, text, port| {
            frame::endpoint(row, key, &text, hosts, Some(port)).map(|dialled| dialled.endpoint)
        })
    }

    /// Addresses under this key.
    pub(super) fn addresses(&mut self, key: &'static str) -> Vec<SocketAddr> {
        let endpoints = self.each(key, |row, text, port| {
            let server = row.understood(key, &text, |text| agent::server(text, port))?;
            let (host, port) = (Target::Address(server.value.ip()), server.value.port());
            Some(Endpoint { host, port })
        });
        endpoints.iter().filter_map(Endpoint::address).collect()
    }

    fn each(
        &mut self,
        key: &'static str,
        read: impl Fn(&Row<'_>, At<&str>, u16) -> Option<Endpoint>,
    ) -> Vec<Endpoint> {
        let texts = self.row.texts(key).unwrap_or_default();
        let mut endpoints = Vec::new();
        for text in texts {
            let Some(rest) = text.value.strip_prefix(SCHEME) else {
                endpoints.extend(read(self.row, text, 53));
                continue;
            };
            let (address, name) = match rest.split_once('#') {
                Some((address, name)) => (address, Some(name)),
                None => (rest, None),
            };
            let at = At { value: address, span: text.span.clone() };
            let Some(endpoint) = read(self.row, at, PORT) else { continue };
            let named = name.map(|name| self.row.understood(key, &text, |_| certificate(name)));
            let name = match (named, &endpoint.host) {
                (Some(None), _) => continue,
                (Some(Some(name)), _) => Some(name.value.into()),
                (None, Target::Name(host)) => Some(host.trim_end_matches('.').into()),
                (None, Target::Address(_)) => None,
            };
            let Some(roots) = self.pace.roots(self.row) else { continue };
            self.over_tls.push(OverTls { endpoint: endpoint.clone(), name, roots });
            endpoints.push(endpoint);
        }
        endpoints
    }
}

/// The name that a certificate must be valid for.
fn certificate(name: &str) -> Result<String, Wrong> {
    match domain(name) {
        Ok(_) if !name.ends_with('.') => Ok(name.to_lowercase()),
        _ => Err(Wrong::new(format!("{name:?} is not the name of a certificate"))
            .help("write what it is issued to: \"tls://192.0.2.53#dns.example\"")),
    }
}
